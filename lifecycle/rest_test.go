package lifecycle

import (
	"fmt"
	"runtime"
	"testing"
	"time"
)

// TestOpenLifecyclesAreSmall: of an open sale that rests, memory holds no more than
// 2 KiB, however long its receipt: a million of them fit beside everything else.
func TestOpenLifecyclesAreSmall(t *testing.T) {
	const sales, most = 3000, 2 << 10
	w := newWorld(1, 1)
	rules := simRules(t, false)
	e := NewEngine(EngineOptions{Log: w, Store: simStore{w}, Board: w, Clock: w, Rules: rules, Hot: 1, Awake: 100, Quarantine: w.quarantine})
	close(e.ready)
	w.epochs[0] = 1
	o, err := e.newOwner(t.Context(), Lease{Partition: 0, Epoch: 1})
	if err != nil {
		t.Fatal(err)
	}
	tl := &tale{}
	for i := range sales {
		corr, receipt := fmt.Sprintf("c-%d", i), fmt.Sprintf("0123-04-%06d", i)
		tl.say("pos completed", time.Duration(i)*time.Millisecond, said{corr: corr, receipt: receipt, lines: basket, received: time.Duration(i) * time.Millisecond})
		tl.say("middleware accepted", time.Duration(i)*time.Millisecond, said{corr: corr, received: time.Duration(i) * time.Millisecond})
		tl.say("middleware mapped", time.Duration(i)*time.Millisecond, said{corr: corr, received: time.Duration(i) * time.Millisecond})
	}
	for _, r := range tl.records {
		w.now = later2(w.now, r.ReceivedAt)
		w.enter(r)
	}
	e.factsThrough = w.now
	for w.cursors[0] < uint64(len(w.logs[0])) {
		if err := o.turn(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	open, awake := 0, 0
	for k, c := range o.hot.byKey {
		if k == c.root && !c.closed {
			open++
			if !c.resting {
				awake++
			}
		}
	}
	if open < sales || awake > 100 || o.hot.weight > 100 {
		t.Fatalf("%d open, %d of them awake, weighing %d: want %d open, and 100 together", open, awake, o.hot.weight, sales)
	}
	heap := func() int64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	with := heap()
	o.hot = hot{}
	o.waiting = nil
	each := (with - heap()) / int64(open)
	runtime.KeepAlive(o)
	t.Logf("%d bytes for each of %d open sales", each, open)
	if each > most {
		t.Errorf("an open sale at rest takes %d bytes, want %d at most", each, most)
	}
}
