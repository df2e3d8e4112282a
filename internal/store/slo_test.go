package store_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/stocktrace/stocktrace/internal/store"
	"github.com/stocktrace/stocktrace/internal/store/storetest"
	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/lifecycle"
	"github.com/stocktrace/stocktrace/slo"
)

var midday = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

var promised = slo.Indicator{
	Workflow: "sale", Step: inventory.StepRef{System: "erp", Step: "posted"},
	Posting: inventory.PostingRealtime, Within: 5 * time.Minute,
}

func writeLifecycles(t *testing.T, s *store.Store, revision uint64, all ...inventory.Lifecycle) {
	t.Helper()
	rows := make([]lifecycle.Row, len(all))
	for i, l := range all {
		rows[i] = lifecycle.Row{Lifecycle: l, Version: lifecycle.Version{Epoch: 1, Revision: revision}}
	}
	if err := s.WriteLifecycles(t.Context(), rows); err != nil {
		t.Fatal(err)
	}
}

// judged is what a promise is, said again in Go: the statements against it.
type judged struct {
	over                       time.Time
	good, bad, unknown, counts bool
}

func judge(l *inventory.Lifecycle) (j judged) {
	limit := l.StartedAt.Add(promised.Within)
	j.over = limit
	if l.PostingDue.After(limit) {
		j.over = l.PostingDue
	}
	j.counts = l.Workflow == "sale" && l.Posting == inventory.PostingRealtime && !l.PostingDue.IsZero() &&
		l.Verdict != inventory.Withdrawn && l.Verdict != inventory.NotExpected && l.Verdict != inventory.Unclassified
	posted := !l.PostedAt.IsZero()
	j.good = posted && !l.PostedAt.After(limit)
	waits := len(l.Findings) > 0 && l.Findings[0].State == inventory.FindingOpen // for a run that was missed
	j.unknown = !posted && (l.Verdict == inventory.Unconfirmed || l.Verdict == inventory.Open) && !waits
	j.bad = !j.good && !j.unknown
	return j
}

func (j judged) add(c *slo.Counts) {
	switch {
	case j.good:
		c.Good++
	case j.unknown:
		c.Unknown++
	default:
		c.Bad++
	}
}

func randomLifecycle(r *rand.Rand, n int) inventory.Lifecycle {
	l := inventory.Lifecycle{
		ID: fmt.Sprintf("c-%04d", n), Workflow: "sale", Posting: inventory.PostingRealtime,
		Location: fmt.Sprintf("%04d", r.IntN(4)), Verdict: inventory.Verdicts[r.IntN(len(inventory.Verdicts))],
		StartedAt: midday.Add(-time.Duration(r.Int64N(int64(8 * time.Hour)))).Truncate(time.Microsecond),
	}
	l.Region = []string{"north", "north", "south", ""}[l.Location[3]-'0']
	if l.Verdict == inventory.Open && r.IntN(2) == 0 {
		state := []inventory.FindingState{inventory.FindingOpen, inventory.FindingClosed}[r.IntN(2)]
		l.Findings = []inventory.Finding{{Kind: inventory.RunMissed, State: state}}
	}
	if r.IntN(10) == 0 {
		l.Workflow = "return"
	}
	if r.IntN(10) == 0 {
		l.Posting = inventory.PostingBatch
	}
	if r.IntN(20) > 0 {
		l.PostingDue = l.StartedAt.Add([]time.Duration{5, 5, 5, 3, 15}[r.IntN(5)] * time.Minute)
	}
	if r.IntN(3) > 0 {
		l.PostedAt = l.StartedAt.Add(time.Duration(r.Int64N(int64(10 * time.Minute)))).Truncate(time.Microsecond)
		if r.IntN(5) == 0 {
			l.PostedAt = l.StartedAt.Add(promised.Within) // on the dot
		}
	}
	return l
}

func TestPromisesAreCountedAsSaid(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	r := rand.New(rand.NewPCG(7, 11))
	all := make([]inventory.Lifecycle, 1500)
	for i := range all {
		all[i] = randomLifecycle(r, i)
	}
	// On the edges of a window: over exactly at its start is out, exactly at its
	// end is in.
	for i, over := range []time.Time{midday, midday.Add(-time.Hour), midday.Add(time.Microsecond), midday.Add(-time.Hour + time.Microsecond)} {
		all[i] = inventory.Lifecycle{
			ID: all[i].ID, Workflow: "sale", Posting: inventory.PostingRealtime, Location: "0000", Region: "north",
			Verdict: inventory.Overdue, StartedAt: over.Add(-5 * time.Minute), PostingDue: over,
		}
	}
	writeLifecycles(t, s, 1, all...)
	// What is corrected, and what moved away, restates the past.
	for i := range all[:300] {
		all[i+100] = randomLifecycle(r, i+100)
	}
	writeLifecycles(t, s, 2, all[100:400]...)
	gone := lifecycle.Row{Lifecycle: all[50], Version: lifecycle.Version{Epoch: 1, Revision: 3}, Deleted: true}
	if err := s.WriteLifecycles(t.Context(), []lifecycle.Row{gone}); err != nil {
		t.Fatal(err)
	}
	all = slices.Delete(all, 50, 51)

	windows := []time.Duration{6 * time.Hour, time.Hour, 5 * time.Minute}
	want := map[string]*slo.Tally{}
	var total slo.Counts
	for i := range all {
		l := &all[i]
		j := judge(l)
		if !j.counts || !j.over.After(midday.Add(-windows[0])) {
			continue
		}
		tally := want[l.Location]
		if tally == nil {
			tally = &slo.Tally{Location: l.Location, Region: l.Region, Windows: make([]slo.Counts, len(windows))}
			want[l.Location] = tally
		}
		if j.over.After(midday) {
			tally.Pending++
			continue
		}
		j.add(&total)
		for n, w := range windows {
			if j.over.After(midday.Add(-w)) {
				j.add(&tally.Windows[n])
			}
		}
	}
	got, err := s.Tallies(t.Context(), promised, midday, windows)
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(got, func(a, b slo.Tally) int { return cmp.Compare(a.Location, b.Location) })
	var wanted []slo.Tally
	for _, location := range []string{"0000", "0001", "0002", "0003"} {
		wanted = append(wanted, *want[location])
	}
	if diff := gocmp.Diff(wanted, got); diff != "" {
		t.Errorf("tallies (-want +got):\n%s", diff)
	}

	points, err := s.Trend(t.Context(), promised, midday.Add(-windows[0]), midday, slo.TrendStep)
	if err != nil {
		t.Fatal(err)
	}
	var sum slo.Counts
	for i, p := range points {
		sum = sum.Add(p.Counts)
		if p.At != p.At.Truncate(time.Hour) || i > 0 && !p.At.After(points[i-1].At) {
			t.Errorf("point %d is at %v", i, p.At)
		}
	}
	if sum != total || len(points) != 7 {
		t.Errorf("the trend sums up to %+v in %d points, want %+v in 7", sum, len(points), total)
	}
}

func finding(id, lifecycleID string, kind inventory.Kind) inventory.Finding {
	return inventory.Finding{
		ID: id, Kind: kind, Cause: inventory.CauseDownstreamDelay, State: inventory.FindingOpen, Severity: inventory.Critical,
		LifecycleID: lifecycleID, Group: "g-" + string(kind), GroupKey: inventory.GroupKey{Detail: ""},
		Step: "erp posted", System: "erp", Location: "0123", Region: "north", Owner: "erp-operations",
		Runbook: "https://runbooks.example/erp", OpenedAt: midday.Add(-time.Minute), Title: "Not in ERP",
		Sentence: "Sold 11:50; not in ERP.", Action: "Look.",
	}
}

func writeFindings(t *testing.T, s *store.Store, revision uint64, all ...inventory.Finding) {
	t.Helper()
	rows := make([]lifecycle.FindingRow, len(all))
	for i, f := range all {
		rows[i] = lifecycle.FindingRow{Finding: f, Version: lifecycle.Version{Epoch: 1, Revision: revision}}
	}
	if err := s.WriteFindings(t.Context(), rows); err != nil {
		t.Fatal(err)
	}
}

func TestCausesOfBrokenPromises(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	sale := func(id string, verdict inventory.Verdict, posted time.Duration) inventory.Lifecycle {
		l := inventory.Lifecycle{
			ID: id, Workflow: "sale", Posting: inventory.PostingRealtime, Location: "0123", Region: "north", Verdict: verdict,
			StartedAt: midday.Add(-30 * time.Minute), PostingDue: midday.Add(-25 * time.Minute),
		}
		if posted > 0 {
			l.PostedAt = l.StartedAt.Add(posted)
		}
		return l
	}
	writeLifecycles(t, s, 1,
		sale("missing-1", inventory.Overdue, 0), sale("missing-2", inventory.Overdue, 0),
		sale("both", inventory.FailedV, 0), sale("late", inventory.CompleteLate, 6*time.Minute),
		sale("good", inventory.Conflicted, time.Minute), sale("unclear", inventory.Unconfirmed, 0))
	disproved, told := finding("f-6", "late", inventory.MissingStep), finding("f-7", "missing-1", inventory.TelemetryGap)
	disproved.State, disproved.Resolution = inventory.FindingClosed, inventory.Disproved
	told.Severity = inventory.Info
	writeFindings(t, s, 1,
		finding("f-1", "missing-1", inventory.MissingStep), finding("f-2", "missing-2", inventory.MissingStep),
		finding("f-3", "both", inventory.MissingStep), finding("f-4", "both", inventory.DeadLetter),
		finding("f-5", "good", inventory.DuplicatePosting), disproved, told)
	got, err := s.Causes(t.Context(), promised, midday.Add(-time.Hour), midday, 5)
	if err != nil {
		t.Fatal(err)
	}
	cause := func(kind inventory.Kind, n int64) slo.Cause {
		return slo.Cause{
			Kind: kind, Cause: inventory.CauseDownstreamDelay, System: "erp", Step: "erp posted", Title: "Not in ERP",
			Owner: "erp-operations", Lifecycles: n,
		}
	}
	if diff := gocmp.Diff([]slo.Cause{cause(inventory.MissingStep, 3), cause(inventory.DeadLetter, 1)}, got); diff != "" {
		t.Errorf("causes (-want +got):\n%s", diff)
	}

	// Two findings on one sale are about the same goods; what is over is no risk
	// any more, and what was disproved never was.
	units := func(n string) []inventory.Quantity { return []inventory.Quantity{{UOM: "EA", Quantity: parsed(t, n)}} }
	worth := func(n string) []inventory.Amount {
		return []inventory.Amount{{Currency: "EUR", Basis: "retail_gross", Amount: parsed(t, n)}}
	}
	risky := func(f inventory.Finding, n, money string) inventory.Finding {
		f.Units, f.Values = units(n), worth(money)
		return f
	}
	late := risky(finding("f-8", "late", inventory.LateStep), "4", "10.00")
	late.State, late.Resolution = inventory.FindingClosed, inventory.Recovered
	writeFindings(t, s, 2,
		risky(finding("f-1", "missing-1", inventory.MissingStep), "-2", "25.00"), risky(finding("f-2", "missing-2", inventory.MissingStep), "1.5", "3.10"),
		risky(finding("f-3", "both", inventory.MissingStep), "7", "70.00"), risky(finding("f-4", "both", inventory.DeadLetter), "7", "70.00"),
		risky(finding("f-5", "good", inventory.DuplicatePosting), "100", "100"), risky(disproved, "100", "100"), risky(told, "100", "100"), late)
	atRisk, open, err := s.AtRisk(t.Context(), promised, midday.Add(-time.Hour), midday)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(slo.Risk{Units: units("14.5"), Values: worth("108.10")}, atRisk, gocmp.AllowUnexported(inventory.Decimal{})); diff != "" {
		t.Errorf("at risk (-want +got):\n%s", diff)
	}
	if diff := gocmp.Diff(slo.Risk{Units: units("10.5"), Values: worth("98.10")}, open, gocmp.AllowUnexported(inventory.Decimal{})); diff != "" {
		t.Errorf("still open (-want +got):\n%s", diff)
	}
}

func parsed(t *testing.T, text string) inventory.Decimal {
	t.Helper()
	d, err := inventory.ParseDecimal(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
