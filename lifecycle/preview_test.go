package lifecycle

import (
	"testing"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// TestPreview: other deadlines say otherwise of what is open, closed ones stay
// as they are, and nothing is written.
func TestPreview(t *testing.T) {
	rules := saleRules(t)
	w := newWorld(6, 3)
	records := simTale(w.rng, 25, false)
	w.run(t, rules, records, t0.Add(40*time.Minute))

	p, err := PreviewRules(t.Context(), rules, rules, simStore{w})
	if err != nil {
		t.Fatal(err)
	}
	if p.Open == 0 || p.Changed != 0 || len(p.Changes) != 0 {
		t.Errorf("the same rules change %d of %d: %+v", p.Changed, p.Open, p.Changes)
	}

	// A day for the ERP: nothing is missing there yet.
	patient := saleRules(t)
	sale := *patient.Workflow("sale")
	sale.Steps = append([]inventory.Step(nil), sale.Steps...)
	for i := range sale.Steps {
		if sale.Steps[i].Posts {
			sale.Steps[i].Deadline = map[inventory.Posting]time.Duration{inventory.PostingRealtime: 24 * time.Hour}
		}
	}
	patient.workflows["sale"] = &sale
	rows := len(w.lifecycles)
	p, err = PreviewRules(t.Context(), rules, patient, simStore{w})
	if err != nil {
		t.Fatal(err)
	}
	if p.Closed[inventory.MissingStep] == 0 || p.Opened[inventory.MissingStep] != 0 || p.Verdicts[Turn{inventory.Overdue, inventory.Open}] == 0 {
		t.Errorf("%+v", p)
	}
	if n := len(p.Changes); n != p.Changed || n > p.Lifecycles {
		t.Errorf("%d changes are named of %d", n, p.Changed)
	}
	if len(w.lifecycles) != rows {
		t.Error("a preview wrote something")
	}

	// Nobody declares sales any more: what is open of them is kept, and not judged.
	none := NewRules(nil, nil)
	if p, err = PreviewRules(t.Context(), rules, none, simStore{w}); err != nil || p.Verdicts[Turn{inventory.Overdue, inventory.Unclassified}] == 0 {
		t.Errorf("%v, %+v", err, p.Verdicts)
	}
	if p, err = PreviewRules(t.Context(), none, rules, simStore{w}); err != nil || p.Verdicts[Turn{inventory.Unclassified, inventory.Overdue}] == 0 {
		t.Errorf("%v, %+v", err, p.Verdicts)
	}
}
