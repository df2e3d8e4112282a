package web

import (
	"testing"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// TestSettleReplays: what became of a replay is what its lifecycle tells of the
// step it was requested for.
func TestSettleReplays(t *testing.T) {
	asked := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	step := func(outcome inventory.Outcome, after time.Duration) inventory.StepState {
		return inventory.StepState{
			StepRef: inventory.StepRef{System: "erp", Step: "posted"}, Outcome: outcome, OccurredAt: asked.Add(after), ReceivedAt: asked.Add(after),
			EventIDs: []string{"r"}, Error: &inventory.Error{Code: "item_unmapped"},
		}
	}
	units := []inventory.Quantity{{UOM: "EA", Quantity: inventory.DecimalOf(2)}}
	found := func(k inventory.Kind, s inventory.FindingState, r inventory.Resolution) []inventory.Finding {
		return []inventory.Finding{{Kind: k, State: s, Resolution: r, Units: units}}
	}
	for _, c := range []struct {
		name     string
		step     inventory.StepState
		findings []inventory.Finding
		want     ReplayState
	}{
		{"asked for", step(inventory.ReplayRequested, 0), nil, ReplayWaiting},
		{"landed", step(inventory.Replayed, time.Minute), nil, ReplayLanded},
		{"had failed before", step(inventory.DeadLettered, -time.Minute), nil, ReplayWaiting},
		{"failed again", step(inventory.Failed, time.Minute), nil, ReplayFailed},
		{"does not land", step(inventory.ReplayRequested, 0), found(inventory.StalledReplay, inventory.FindingOpen, ""), ReplayStalled},
		{"landed late", step(inventory.Replayed, time.Hour), found(inventory.StalledReplay, inventory.FindingClosed, inventory.ReplayedR), ReplayLanded},
		{"had been posted", step(inventory.OK, -time.Minute), found(inventory.DuplicatePosting, inventory.FindingOpen, ""), ReplayDoubled},
		{"reversed since", step(inventory.OK, -time.Minute), found(inventory.DuplicatePosting, inventory.FindingClosed, inventory.ReversedR), ReplayDoubled},
		{"was no double", step(inventory.OK, -time.Minute), found(inventory.DuplicatePosting, inventory.FindingClosed, inventory.Disproved), ReplayLanded},
	} {
		t.Run(c.name, func(t *testing.T) {
			list := []Replay{{RecordID: "r", ReceivedAt: asked}, {RecordID: "of nothing known", ReceivedAt: asked}}
			SettleReplays(list, []inventory.Lifecycle{{ID: "other"}, {ID: "c-1", Steps: []inventory.StepState{c.step}, Findings: c.findings}})
			if list[0].State != c.want || list[0].LifecycleID != "c-1" || (c.want == ReplayDoubled) != (len(list[0].Units) > 0) {
				t.Errorf("have %+v, want %s", list[0], c.want)
			}
			if list[1].State != ReplayWaiting || list[1].LifecycleID != "" {
				t.Errorf("have %+v", list[1])
			}
		})
	}
}

// TestLedger: at the pace of the last quarter of an hour; one that landed is no
// pace, and nothing left has no end.
func TestLedger(t *testing.T) {
	now := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	landed := func(before time.Duration) Replay { return Replay{State: ReplayLanded, LandedAt: now.Add(-before)} }
	waiting := Replay{State: ReplayWaiting}
	for _, c := range []struct {
		name string
		list []Replay
		ends time.Time
	}{
		{"four in eight minutes, two to go", []Replay{landed(8 * time.Minute), landed(6 * time.Minute), landed(2 * time.Minute), landed(0), waiting, {State: ReplayStalled}}, now.Add(4 * time.Minute)},
		{"one", []Replay{landed(time.Minute), waiting}, time.Time{}},
		{"long ago", []Replay{landed(time.Hour), landed(2 * time.Hour), waiting}, time.Time{}},
		{"nothing left", []Replay{landed(time.Minute), landed(0), {State: ReplayFailed}}, time.Time{}},
	} {
		l := ledgerOf(c.list, now)
		if !l.EndsAt.Equal(c.ends) || l.Requested != len(c.list) {
			t.Errorf("%s: %+v, want the end %s", c.name, l, c.ends)
		}
	}
}
