package estate

import (
	"slices"
	"testing"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// A rehearsal hands over what a real run sends, in the same words and order of
// feeds, and tells the same truth.
func TestRehearse(t *testing.T) {
	o := small(func(*Options) {})
	var ids []string
	through := map[string]time.Time{}
	marks := 0
	last := time.Time{}
	truth, err := Rehearse(t.Context(), o, func(d Delivery) {
		if d.At.Before(last) || d.At.Before(d.Event.Time) {
			t.Errorf("%s of %s is sent at %s, after one at %s", d.RecordID, d.Event.Time, d.At, last)
		}
		last = d.At
		if m := d.Event.Watermark; m != nil {
			marks++
			through[m.System+"/"+m.Location] = m.CompleteThrough
			return
		}
		ids = append(ids, d.RecordID)
		for _, feed := range []string{d.Event.System + "/", d.Event.System + "/" + d.Event.Location} {
			if !d.Event.Time.After(through[feed]) {
				t.Errorf("%s of %s comes after %s said to be complete through %s", d.RecordID, d.Event.Time, feed, through[feed])
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(ids)
	same(t, "events", ids, planned(t, o))
	sales := 0
	for _, s := range truth.Sales {
		if s.Workflow == workflowSale {
			sales++
		}
	}
	if sales != 900 || marks < 500 || truth.End.IsZero() || len(truth.Silences) == 0 {
		t.Errorf("%d sales, %d watermarks, end %s, %d silences", sales, marks, truth.End, len(truth.Silences))
	}

	// An instance that says nothing at all misses everything and says nothing false.
	r := Compare(truth, Observed{}, time.Time{})
	if r.Equal() || len(r.Verdicts) != len(truth.Sales) || len(r.False) != 0 {
		t.Errorf("nobody says anything: %d verdicts differ, %d false", len(r.Verdicts), len(r.False))
	}
	// One that says the truth is right.
	var told Observed
	for _, s := range truth.Sales {
		told.Lifecycles = append(told.Lifecycles, ObservedLifecycle{CorrelationID: s.CorrelationID, Workflow: s.Workflow, Verdict: s.Verdict})
		for _, f := range s.Findings {
			told.Findings = append(told.Findings, ObservedFinding{Kind: f.Kind, Step: f.Step, State: f.State, CorrelationID: s.CorrelationID})
		}
	}
	for _, s := range truth.Silences {
		opened := s.From.Add(5 * time.Minute)
		told.Findings = append(told.Findings, ObservedFinding{Kind: inventory.SourceSilent, System: s.System, Location: s.Location, OpenedAt: &opened})
	}
	if r := Compare(truth, told, time.Time{}); !r.Equal() {
		t.Errorf("the truth differs from itself:\n%s", r)
	}
}
