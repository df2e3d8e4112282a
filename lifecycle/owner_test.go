package lifecycle

import (
	"testing"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// TestWaitsWhereItIsJudged: a lifecycle waits for the evidence about its own
// location, whatever location its first record to arrive was written at, and
// not beyond its horizon.
func TestWaitsWhereItIsJudged(t *testing.T) {
	tl := without(smooth(), "erp posted")
	tl.records[1].ReceivedAt = t0.Add(-time.Second) // middleware is heard first, and writes a plant
	tl.records[1].Event.Location = "9000"
	engine := NewEngine(EngineOptions{Log: newWorld(1, 1), Rules: saleRules(t)})
	o := &owner{Engine: engine, waiting: map[*component]struct{}{}, hot: hot{byKey: map[inventory.ScopedKey]*component{}}}
	say := func(at time.Duration) {
		engine.evidence.Add(spoke("erp", tl.records[0].Event.Location, t0.Add(at)))
		engine.evidenceDirty++
	}
	say(-time.Hour)
	var c *component
	for i := range tl.records {
		e := newEntry(&tl.records[i])
		c = o.bind(e.keys)
		c.add(e)
	}
	look := func(now time.Duration) {
		o.dirty, c.dirty = nil, false
		if _, _, err := o.judge(t.Context(), nil, nil, c, t0.Add(now)); err != nil {
			t.Fatal(err)
		}
		o.settle([]*component{c})
	}
	look(10 * time.Minute)
	if len(c.awaits) == 0 {
		t.Fatal("it waits for nothing")
	}
	o.fire(t0.Add(10 * time.Minute))
	if len(o.dirty) != 0 {
		t.Error("looked at though the evidence does not reach")
	}
	say(20 * time.Minute)
	o.fire(t0.Add(20 * time.Minute))
	if len(o.dirty) != 1 {
		t.Error("not looked at though its evidence has come")
	}

	engine.evidence = NewEvidence(spoke("erp", "", t0.Add(-time.Hour)))
	look(60 * 24 * time.Hour)
	if _, waits := o.waiting[c]; waits || !c.closed {
		t.Errorf("closed %t, waits %t after the horizon; want closed, and no waiting", c.closed, waits)
	}
}
