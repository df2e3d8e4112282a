package lifecycle

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// gauges makes readings of one queue a minute apart.
func gauges(queue string, gauge inventory.Gauge, values ...int64) (all []inventory.Measured) {
	for i, v := range values {
		at := t0.Add(time.Duration(i) * time.Minute)
		all = append(all, inventory.Measured{
			Reading:  inventory.Reading{System: "middleware", Queue: queue, Gauge: gauge, Value: inventory.DecimalOf(v)},
			RecordID: fmt.Sprintf("%s %s %d", queue, gauge, i), Position: uint64(i + 1), At: at, ReceivedAt: at.Add(time.Second),
		})
	}
	return all
}

func heardQueues(rules *Rules, readings []inventory.Measured, now time.Time) []inventory.Finding {
	slices.SortFunc(readings, byEntry)
	var r Readings
	for i := range readings {
		r.Add(rules, &readings[i])
	}
	found, _ := AboutQueues(rules, &r, now)
	return found
}

// TestStalledQueues: a queue that holds something, and out of which nothing is
// taken, is told, and nothing else is.
func TestStalledQueues(t *testing.T) {
	rules := NewRules(nil, nil)
	const replay, work = "pos.replay", "erp.in"
	grown := func(n int) (values []int64) {
		for i := range n {
			values = append(values, int64(10+i))
		}
		return values
	}
	constant := func(v int64, n int) []int64 { return slices.Repeat([]int64{v}, n) }
	for _, c := range []struct {
		name     string
		readings []inventory.Measured
		kind     inventory.Kind // empty: nothing is told
		opened   time.Duration
		state    inventory.FindingState
	}{
		{"a replay stands", gauges(replay, inventory.Depth, constant(40, 7)...), inventory.StalledReplay, 5 * time.Minute, inventory.FindingOpen},
		{"not long enough", gauges(replay, inventory.Depth, constant(40, 5)...), "", 0, ""},
		{"it moves again", gauges(replay, inventory.Depth, append(constant(40, 7), 39)...), inventory.StalledReplay, 5 * time.Minute, inventory.FindingClosed},
		{"it is worked off", gauges(replay, inventory.Depth, 40, 40, 39, 39, 38, 38, 37, 37, 36, 36, 35), "", 0, ""},
		{"it is empty", gauges(replay, inventory.Depth, constant(0, 30)...), "", 0, ""},
		{"it was empty for long", gauges(replay, inventory.Depth, append(constant(0, 30), 5, 5)...), "", 0, ""},
		{"more comes than goes", append(gauges(work, inventory.Depth, grown(30)...), gauges(work, inventory.Consumed, grown(30)...)...), "", 0, ""},
		{"the oldest goes", append(gauges(work, inventory.Depth, grown(30)...), gauges(work, inventory.OldestAge, constant(90, 30)...)...), "", 0, ""},
		{"nobody consumes", append(gauges(work, inventory.Depth, grown(30)...), gauges(work, inventory.Consumed, constant(7, 30)...)...), inventory.Stall, 15 * time.Minute, inventory.FindingOpen},
		{"only grows", gauges(work, inventory.Depth, grown(20)...), inventory.Stall, 15 * time.Minute, inventory.FindingOpen},
		{"dead letters lie", gauges("pos.dlq", inventory.Depth, constant(40, 60)...), "", 0, ""},
		{"read once more", append(gauges(replay, inventory.Depth, 40), gauges(replay, inventory.Depth, 40)...), "", 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			found := heardQueues(rules, c.readings, t0.Add(2*time.Hour))
			switch {
			case c.kind == "" && len(found) > 0:
				t.Errorf("told: %+v", found)
			case c.kind == "":
			case len(found) != 1 || found[0].Kind != c.kind || found[0].State != c.state || !found[0].OpenedAt.Equal(t0.Add(c.opened+time.Second)):
				t.Errorf("have %+v; want one %s, %s since %s", found, c.kind, c.state, c.opened)
			}
		})
	}
}

// TestStalledQueuesLateReading: a reading that was overtaken tells nothing new.
func TestStalledQueuesLateReading(t *testing.T) {
	readings := gauges("pos.replay", inventory.Depth, 40, 40, 40, 40, 40, 40, 40)
	late := readings[1]
	late.RecordID, late.Position, late.Value = "late", 8, inventory.DecimalOf(3)
	if found := heardQueues(NewRules(nil, nil), append(readings, late), t0.Add(time.Hour)); len(found) != 1 || found[0].State != inventory.FindingOpen {
		t.Errorf("have %+v", found)
	}
}

// TestHeartbeats: a register whose heartbeats stop is silent within minutes, and
// not while its store is closed.
func TestHeartbeats(t *testing.T) {
	store := inventory.Location{ID: "0123", Zone: time.UTC, Posting: inventory.PostingRealtime}
	for d := range store.Open {
		store.Open[d] = []inventory.Span{{From: 8 * 60, To: 20 * 60}}
	}
	rules := NewRules(nil, []inventory.Location{store})
	var beats []inventory.Measured
	evening := time.Date(2026, 11, 23, 19, 30, 0, 0, time.UTC)
	for i := range 30 {
		at := evening.Add(time.Duration(i) * time.Minute)
		beats = append(beats, inventory.Measured{
			Reading:  inventory.Reading{System: "pos", Location: "0123", Register: "04", Gauge: inventory.Heartbeat},
			Position: uint64(i + 1), At: at, ReceivedAt: at,
		})
	}
	if found := heardQueues(rules, beats, evening.Add(11*time.Hour)); len(found) != 0 {
		t.Errorf("at night: %+v", found)
	}
	found := heardQueues(rules, beats, evening.Add(13*time.Hour))
	if len(found) != 1 || found[0].Kind != inventory.SourceSilent || found[0].Cause != inventory.CauseRegisterFault ||
		!found[0].OpenedAt.Equal(time.Date(2026, 11, 24, 8, 4, 0, 0, time.UTC)) {
		t.Errorf("in the morning: %+v", found)
	}
}

// TestQueuesAreVerified: what the facts' owner writes of queues is what a
// recomputation comes to, also where it is taken over; a plant is found.
func TestQueuesAreVerified(t *testing.T) {
	rules := saleRules(t)
	w := newWorld(3, 1)
	w.run(t, rules, simTale(w.rng, 3, true), t0.Add(20*time.Minute))
	readings := gauges("pos.replay", inventory.Depth, append(slices.Repeat([]int64{40}, 9), 12, 12, 12)...)
	for _, m := range readings {
		r := inventory.Record{ID: m.RecordID, ReceivedAt: m.ReceivedAt, Event: inventory.Event{
			ID: m.RecordID, Source: "/mq", Type: inventory.TypeReading, Time: m.At, System: m.System, Reading: &m.Reading,
		}}
		r.Content = r.Event.ContentHash()
		w.logs[1] = append(w.logs[1], Parcel{Records: []inventory.Record{r, r}})
	}
	var e *Engine
	own := func(epoch uint64) *factOwner {
		e = NewEngine(EngineOptions{Log: w, Store: simStore{w}, Board: w, Clock: w, Rules: rules, Quarantine: w.quarantine})
		e.factsThrough = w.now
		w.epochs[1] = epoch
		o, err := e.newFactOwner(t.Context(), Lease{Partition: 1, Epoch: epoch})
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	for epoch := uint64(1); w.cursors[1] < uint64(len(readings)) && epoch < 40; epoch++ {
		o := own(epoch)
		for range 2 {
			w.now = w.now.Add(2 * time.Second)
			e.factsThrough, w.progress[0] = w.now, Progress{Through: w.now}
			if err := o.turn(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	told := 0
	for _, f := range w.findings {
		if f.Finding.Kind == inventory.StalledReplay && f.Finding.LifecycleID == "" {
			told++
			if f.Finding.State != inventory.FindingClosed {
				t.Errorf("it moves again: %+v", f.Finding)
			}
		}
	}
	if told != 1 || len(w.inserts) == 0 {
		t.Errorf("%d findings about the queue, want 1", told)
	}
	for id, n := range w.inserts {
		if n > 1 {
			t.Errorf("%s was written %d times", id.RecordID, n)
		}
	}
	if d := verified(t, w, rules); len(d) > 0 {
		t.Fatalf("%d differences, first: %+v", len(d), d[0])
	}
	for k, f := range w.findings {
		if f.Finding.Kind == inventory.StalledReplay {
			delete(w.findings, k)
		}
	}
	if len(verified(t, w, rules)) == 0 {
		t.Error("a lost finding about a queue is not found")
	}
}
