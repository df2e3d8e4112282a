package lifecycle

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

func (w *world) EachRecord(_ context.Context, yield func(inventory.Record) error) error {
	for _, r := range w.records {
		if err := yield(r); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) EachLifecycle(_ context.Context, yield func(Row) error) error {
	for _, r := range w.lifecycles {
		if !r.Deleted {
			if err := yield(r); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *world) EachFinding(_ context.Context, yield func(FindingRow) error) error {
	for _, f := range w.findings {
		if !f.Deleted {
			if err := yield(f); err != nil {
				return err
			}
		}
	}
	return nil
}

func verified(t *testing.T, w *world, rules *Rules) []Difference {
	t.Helper()
	v, err := Verify(context.Background(), rules, simStore{w})
	if err != nil {
		t.Fatal(err)
	}
	if v.Records == 0 || v.Lifecycles == 0 {
		t.Fatalf("nothing was verified: %+v", v)
	}
	return v.Differences
}

// TestVerify: a world at rest verifies, and every kind of planted difference is
// found.
func TestVerify(t *testing.T) {
	rules := saleRules(t)
	atRest := func() *world {
		w := newWorld(6, 3)
		w.facts = []inventory.Fact{watermark("erp", -time.Minute, -time.Minute), watermark("erp", 8*time.Minute, 8*time.Minute)}
		w.crashes = 0.01
		w.people = 0.1
		records := simTale(w.rng, 25, true)
		w.run(t, rules, slices.Clone(records), t0.Add(20*time.Minute))
		return w
	}
	if d := verified(t, atRest(), rules); len(d) > 0 {
		t.Fatalf("%d differences at rest, first: %+v", len(d), d[0])
	}
	live := func(w *world) (key string) {
		for _, k := range slices.Sorted(func(yield func(string) bool) {
			for k := range w.lifecycles {
				if !yield(k) {
					return
				}
			}
		}) {
			if !w.lifecycles[k].Deleted && len(w.lifecycles[k].Lifecycle.Findings) > 0 {
				return k
			}
		}
		t.Fatal("no live lifecycle with findings")
		return ""
	}
	plants := map[string]func(w *world){
		"a verdict": func(w *world) {
			k := live(w)
			r := w.lifecycles[k]
			r.Lifecycle.Verdict = inventory.Withdrawn
			w.lifecycles[k] = r
		},
		"a lost lifecycle": func(w *world) { delete(w.lifecycles, live(w)) },
		"a lost finding": func(w *world) {
			f := w.lifecycles[live(w)].Lifecycle.Findings[0]
			for k, row := range w.findings {
				if row.Finding.ID == f.ID {
					delete(w.findings, k)
				}
			}
		},
		"a finding nobody raised": func(w *world) {
			w.findings["9/f-x"] = FindingRow{Finding: inventory.Finding{ID: "f-x", Kind: inventory.MissingStep, LifecycleID: "c-x"}}
		},
		"a lost record": func(w *world) {
			id := w.lifecycles[live(w)].Lifecycle.RecordIDs[0]
			for k, r := range w.records {
				if r.ID == id {
					delete(w.records, k)
				}
			}
		},
		"an acknowledgement nobody gave": func(w *world) {
			f := w.lifecycles[live(w)].Lifecycle.Findings[0]
			for k, row := range w.findings {
				if row.Finding.ID == f.ID {
					row.Finding.AcknowledgedBy = "nobody"
					w.findings[k] = row
				}
			}
		},
		"a person's lost word": func(w *world) {
			for _, row := range w.findings {
				if id := row.Finding.ClosedBy; strings.HasPrefix(id, "stocktrace/people ") {
					maps.DeleteFunc(w.records, func(r inventory.Identity, _ inventory.Record) bool { return r.RecordID == id })
					return
				}
			}
			t.Fatal("nobody resolved anything")
		},
		"a lifecycle in two partitions": func(w *world) {
			r := w.lifecycles[live(w)]
			r.Partition = 7
			w.lifecycles["7/twin"] = r
		},
		"an expectation nobody looked at": func(w *world) {
			k := live(w)
			r := w.lifecycles[k]
			r.Lifecycle.NextAt = t0
			w.lifecycles[k] = r
		},
	}
	for name, plant := range plants {
		t.Run(name, func(t *testing.T) {
			w := atRest()
			plant(w)
			if len(verified(t, w, rules)) == 0 {
				t.Fatal("not found")
			}
		})
	}
}
