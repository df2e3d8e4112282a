package slo_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/slo"
)

// clock is a clock that only moves when told to.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time                       { return c.now }
func (c *clock) After(time.Duration) <-chan time.Time { return nil }

// source answers with what the test put in and counts what it was asked.
type source struct {
	tally  func(windows []time.Duration) []slo.Tally
	err    error
	counts int
	trends int
	causes [][2]time.Time
}

func (s *source) Tallies(_ context.Context, _ slo.Indicator, _ time.Time, windows []time.Duration) ([]slo.Tally, error) {
	s.counts++
	if s.err != nil {
		return nil, s.err
	}
	return s.tally(windows), nil
}

func (s *source) Trend(context.Context, slo.Indicator, time.Time, time.Time, time.Duration) ([]slo.Point, error) {
	s.trends++
	return []slo.Point{
		{At: start, Counts: slo.Counts{Good: 990, Bad: 4}},
		{At: start.Add(time.Hour), Counts: slo.Counts{Good: 990, Bad: 6}},
	}, nil
}

func (s *source) Causes(_ context.Context, _ slo.Indicator, from, to time.Time, _ int) ([]slo.Cause, error) {
	s.causes = append(s.causes, [2]time.Time{from, to})
	return []slo.Cause{{Kind: inventory.MissingStep, System: "erp", Step: "posted", Lifecycles: 300}}, nil
}

func (s *source) AtRisk(context.Context, slo.Indicator, time.Time, time.Time) (all, open slo.Risk, err error) {
	return slo.Risk{Units: []inventory.Quantity{{UOM: "EA", Quantity: inventory.DecimalFromParts(3, 0)}}}, slo.Risk{}, nil
}

var start = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

var posted = inventory.StepRef{System: "erp", Step: "posted"}

func objective() slo.Objective {
	return slo.Objective{
		Name: "sale-posted", Target: target, Window: period,
		Indicator: slo.Indicator{
			Workflow: "sale", Step: posted, Within: 5 * time.Minute,
			By: []slo.Dimension{slo.ByRegion, slo.ByLocation},
		},
		Policies: []slo.Policy{fast, slow},
		Gate:     slo.DefaultGate,
	}
}

func workflows() []*inventory.Workflow {
	return []*inventory.Workflow{{
		Name: "sale",
		Steps: []inventory.Step{
			{StepRef: inventory.StepRef{System: "pos", Step: "completed"}},
			{StepRef: posted, Posts: true},
		},
	}}
}

// fill returns a tally with the same counts in every window.
func fill(location, region string, c slo.Counts, windows []time.Duration) slo.Tally {
	t := slo.Tally{Location: location, Region: region, Pending: 1}
	for range windows {
		t.Windows = append(t.Windows, c)
	}
	return t
}

func evaluator(t *testing.T, s *source) (*slo.Evaluator, *clock, *clock) {
	t.Helper()
	now, wall := &clock{start}, &clock{start.Add(1000 * time.Hour)}
	e, err := slo.NewEvaluator(slo.Options{
		Source: s, Objectives: []slo.Objective{objective()}, Workflows: workflows(), Clock: now, Wall: wall,
	})
	if err != nil {
		t.Fatal(err)
	}
	return e, now, wall
}

func TestLatestTellsScopesApart(t *testing.T) {
	s := &source{tally: func(w []time.Duration) []slo.Tally {
		want := []time.Duration{period, 3 * day, 6 * hour, hour, 5 * time.Minute}
		if diff := cmp.Diff(want, w); diff != "" {
			t.Errorf("windows asked for (-want +got):\n%s", diff)
		}
		return []slo.Tally{
			fill("0123", "north", slo.Counts{Good: 10, Bad: 290, Unknown: 3}, w),
			fill("0124", "north", slo.Counts{Good: 300}, w),
			fill("0900", "south", slo.Counts{Good: 9000, Bad: 10}, w),
		}
	}}
	e, _, _ := evaluator(t, s)
	results, err := e.Latest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r := results[0]
	if want := (slo.Counts{Good: 9310, Bad: 300, Unknown: 3}); r.Total.Counts != want || r.Total.Pending != 3 {
		t.Errorf("total is %+v, %d pending; want %+v, 3", r.Total.Counts, r.Total.Pending, want)
	}
	if r.Total.Met(target) {
		t.Error("the promise is said to be kept")
	}
	if burn, ok := r.Total.Firing(); !ok || burn.Policy.Name != "slow-burn" {
		t.Errorf("the total fires %+v, want slow-burn: a burn of 6.2 is below 13.44", burn)
	}
	if len(r.Regions) != 2 || r.Regions[0].Scope.Region != "north" || r.Regions[1].Scope.Region != "south" {
		t.Fatalf("regions are not worst first: %+v", r.Regions)
	}
	if burn, ok := r.Regions[0].Firing(); !ok || burn.Policy.Name != "fast-burn" {
		t.Errorf("north fires %+v, want fast-burn", burn)
	}
	if _, ok := r.Regions[1].Firing(); ok || !r.Regions[1].Met(target) {
		t.Error("south keeps its promise but fires or is said to break it")
	}
	if got := r.Stores[0].Scope; got != (slo.Scope{Region: "north", Location: "0123"}) {
		t.Errorf("worst store is %+v", got)
	}
	// The worst policy firing anywhere is north's fast burn: its causes are asked
	// for over its long window.
	if want := [2]time.Time{start.Add(-hour), start}; s.causes[0] != want {
		t.Errorf("causes of the burn asked for %v, want %v", s.causes[0], want)
	}
	if r.BurningBad != 300 {
		t.Errorf("the burn's causes are shares of %d, want 300", r.BurningBad)
	}
	line := r.BudgetLine()
	if allowed := r.Total.Budget.Allowed; line[0] != 1-4/allowed || line[1] != 1-10/allowed {
		t.Errorf("budget line %v for a budget of %v", line, allowed)
	}
}

func TestLatestIsSparing(t *testing.T) {
	s := &source{tally: func(w []time.Duration) []slo.Tally {
		return []slo.Tally{fill("1", "", slo.Counts{Good: 1}, w)}
	}}
	e, now, wall := evaluator(t, s)
	latest := func() slo.Result {
		t.Helper()
		results, err := e.Latest(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return results[0]
	}
	latest()
	now.now = now.now.Add(time.Hour)
	if r := latest(); s.counts != 1 || !r.AsOf.Equal(start) {
		t.Errorf("counted %d times within MaxAge, as of %v", s.counts, r.AsOf)
	}
	wall.now = wall.now.Add(11 * time.Second)
	if r := latest(); s.counts != 2 || !r.AsOf.Equal(start.Add(time.Hour)) {
		t.Errorf("counted %d times after MaxAge, as of %v", s.counts, r.AsOf)
	}
	if r := latest(); s.trends != 1 || len(r.Trend) != 2 || len(r.Causes) != 1 {
		t.Errorf("trend read %d times, %d points and %d causes kept", s.trends, len(r.Trend), len(r.Causes))
	}
	wall.now = wall.now.Add(time.Minute)
	if latest(); s.trends != 2 {
		t.Errorf("trend read %d times after a minute, want 2", s.trends)
	}

	// A database that is down: the results before stay, with the error, and it is
	// not asked by every caller.
	wall.now = wall.now.Add(time.Minute)
	s.err = errors.New("connection refused")
	for range 3 {
		results, err := e.Latest(t.Context())
		if err == nil || len(results) != 1 {
			t.Fatalf("results %v, error %v; want the ones before and an error", results, err)
		}
	}
	if s.counts != 4 {
		t.Errorf("counted %d times, want one more attempt only", s.counts)
	}
	s.err = nil
	wall.now = wall.now.Add(time.Second)
	latest()
}

func TestNewEvaluatorRefuses(t *testing.T) {
	unknown, notPosting := objective(), objective()
	unknown.Indicator.Workflow = "transfer"
	notPosting.Indicator.Step = inventory.StepRef{System: "pos", Step: "completed"}
	_, err := slo.NewEvaluator(slo.Options{Objectives: []slo.Objective{unknown, notPosting}, Workflows: workflows()})
	for _, want := range []string{
		`objective sale-posted: no workflow "transfer" is declared`,
		"objective sale-posted is declared twice",
		`objective sale-posted: "pos completed" is not the posting step of workflow sale`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not say %q", err, want)
		}
	}
}

// TestReportIsOfACalendarMonth: months are the zone's own, the one before is
// whole, and one that is not over is counted up to now.
func TestReportIsOfACalendarMonth(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	october, november := time.Date(2026, 10, 1, 0, 0, 0, 0, zone), time.Date(2026, 11, 1, 0, 0, 0, 0, zone)
	var asked []time.Duration
	s := &source{tally: func(w []time.Duration) []slo.Tally {
		asked = append(asked, w...)
		c := slo.Counts{Good: 990, Bad: 10}
		if len(asked)%2 == 0 { // the month itself
			c = slo.Counts{Good: 998, Bad: 2, Unknown: 1}
		}
		return []slo.Tally{fill("0123", "north", c, w)}
	}}
	e, _, _ := evaluator(t, s)

	r, err := e.Report(t.Context(), "sale-posted", october)
	if err != nil {
		t.Fatal(err)
	}
	if want := []time.Duration{30 * day, 31*day + time.Hour}; !slices.Equal(asked, want) {
		t.Errorf("counted over %v, want %v: September, and October with its longer day", asked, want)
	}
	if !r.AsOf.Equal(november) || !r.To.Equal(november) || r.Total.Pending != 0 || len(r.Regions) != 1 {
		t.Errorf("as of %v to %v, %d pending, %d regions", r.AsOf, r.To, r.Total.Pending, len(r.Regions))
	}
	attainment, budget, ok := r.Change()
	if !ok || math.Abs(attainment-0.008) > 1e-9 || math.Abs(budget-1.6) > 1e-9 {
		t.Errorf("changed by %v and %v, %v; want 0.008 and 1.6", attainment, budget, ok)
	}
	if len(r.Causes) != 1 || len(r.AtRisk.Units) != 1 || len(r.Open.Units) != 0 {
		t.Errorf("causes %v, at risk %v, open %v", r.Causes, r.AtRisk, r.Open)
	}
	if from := s.causes[0][0]; !from.Equal(october.Add(-time.Microsecond)) {
		t.Errorf("causes from %v", from)
	}

	if r, err = e.Report(t.Context(), "sale-posted", november); err != nil || !r.AsOf.Equal(start) || r.Total.Pending != 1 {
		t.Errorf("a month that is not over: as of %v, %d pending, %v", r.AsOf, r.Total.Pending, err)
	}
	r, err = e.Report(t.Context(), "sale-posted", november.AddDate(0, 1, 0))
	if _, _, ok := r.Change(); err != nil || ok || r.Total.Counts.Valid() != 0 {
		t.Errorf("a month to come: %+v, %v", r.Total, err)
	}
	if _, err = e.Report(t.Context(), "sale-posed", november); !errors.Is(err, slo.ErrUnknown) {
		t.Errorf("an unknown name: %v", err)
	}
}
