package web

import (
	"context"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/slo"
)

// promise is an objective as people look at it.
type promise struct {
	Name, Title, Sentence, Owner string
	Target                       float64
	Window                       time.Duration
	standing
	Burns   []burn
	Regions []standing // worst first
	Stores  []standing // worst first
	Days    []promiseDay
	// Alert is page or ticket where the budget burns anywhere, empty otherwise.
	Alert slo.Severity
}

// standing is a promise in one scope. NaN is what cannot be said.
type standing struct {
	Name, Region                string // the scope's: a region, or a store in it
	Good, Bad, Unknown, Pending int64
	Attainment                  float64 // good / (good + bad); NaN with none
	BudgetLeft                  float64 // 1 untouched, 0 used up, negative overdrawn
	Burn                        float64 // over the shortest long window
	Alert                       slo.Severity
}

// burn is how fast the budget is used over a window: 1 uses it up exactly at the
// end of the objective's.
type burn struct {
	Window time.Duration
	Rate   float64 // NaN where nothing counted
	Limit  float64 // at which an alert is due
	Firing bool
}

// promiseDay is a promise on one day.
type promiseDay struct {
	At        time.Time
	Good, Bad int64
}

// promises asks for the objectives as they stand.
func (s *Server) promises(ctx context.Context) ([]promise, error) {
	results, err := s.Objectives(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]promise, len(results))
	for i := range results {
		list[i] = promiseOf(&results[i], s.Zone)
	}
	return list, nil
}

func promiseOf(r *slo.Result, zone *time.Location) promise {
	o := r.Objective
	p := promise{
		Name: o.Name, Title: orElse(o.Title, words(o.Name)), Sentence: promiseSentence(o),
		Owner: o.Owner, Target: o.Target, Window: o.Window, standing: standingOf(&r.Total),
	}
	p.Name, p.Region = o.Name, ""
	for _, b := range r.Total.Burns {
		shown := burn{Window: b.Policy.Long, Rate: burnRate(b), Limit: b.Policy.Threshold, Firing: b.Firing}
		if i := slices.IndexFunc(p.Burns, func(h burn) bool { return h.Window == shown.Window }); i >= 0 {
			p.Burns[i].Limit = min(p.Burns[i].Limit, shown.Limit)
			p.Burns[i].Firing = p.Burns[i].Firing || shown.Firing
			continue
		}
		p.Burns = append(p.Burns, shown)
	}
	slices.SortFunc(p.Burns, func(a, b burn) int { return int(a.Window - b.Window) })
	for i := range r.Regions {
		p.Regions = append(p.Regions, standingOf(&r.Regions[i]))
		p.Alert = worseAlert(p.Alert, p.Regions[i].Alert)
	}
	for i := range r.Stores {
		p.Stores = append(p.Stores, standingOf(&r.Stores[i]))
	}
	p.Alert = worseAlert(p.Alert, p.standing.Alert)
	p.Days = promiseDays(r, zone)
	return p
}

func standingOf(s *slo.Standing) standing {
	out := standing{
		Name: orElse(s.Scope.Location, s.Scope.Region), Region: s.Scope.Region,
		Good: s.Counts.Good, Bad: s.Counts.Bad, Unknown: s.Counts.Unknown, Pending: s.Pending,
		Attainment: math.NaN(), BudgetLeft: math.NaN(), Burn: math.NaN(),
	}
	if share, ok := s.Counts.Attainment(); ok {
		out.Attainment, out.BudgetLeft = share, s.Budget.Left()
	}
	shortest := time.Duration(math.MaxInt64)
	for _, b := range s.Burns {
		if b.Policy.Long < shortest {
			shortest, out.Burn = b.Policy.Long, burnRate(b)
		}
	}
	if b, ok := s.Firing(); ok {
		out.Alert = b.Policy.Severity
	}
	return out
}

// burnRate is the rate over a policy's long window; where nothing counted there
// is none, which is not a rate of zero.
func burnRate(b slo.Burn) float64 {
	if b.Long.Valid() == 0 {
		return math.NaN()
	}
	return b.LongRate
}

func worseAlert(a, b slo.Severity) slo.Severity {
	if a == slo.Page || b == "" {
		return a
	}
	return b
}

// promiseDays adds the trend up to calendar days, every day of the window.
func promiseDays(r *slo.Result, zone *time.Location) []promiseDay {
	if r.Objective.Window <= 0 || r.AsOf.IsZero() {
		return nil
	}
	last := midnight(r.AsOf, zone)
	n := int(r.Objective.Window / (24 * time.Hour))
	days := make([]promiseDay, max(1, n))
	at := map[string]int{}
	for i := range days {
		days[i].At = last.AddDate(0, 0, i-len(days)+1)
		at[days[i].At.Format(time.DateOnly)] = i
	}
	for _, p := range r.Trend {
		if i, ok := at[p.At.In(zone).Format(time.DateOnly)]; ok {
			days[i].Good += p.Counts.Good
			days[i].Bad += p.Counts.Bad
		}
	}
	return days
}

func midnight(t time.Time, zone *time.Location) time.Time {
	y, m, d := t.In(zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, zone)
}

// promiseSentence says an objective in one line: 99.5 % of sales at stores that
// post in real time are through “ERP posted” within 5 min, over 28 days.
func promiseSentence(o *slo.Objective) string {
	what := strings.ToLower(words(o.Indicator.Workflow)) + "s"
	switch o.Indicator.Posting {
	case inventory.PostingRealtime:
		what += " at stores that post in real time"
	case inventory.PostingBatch:
		what += " at stores that post in batches"
	case inventory.PostingStoreDay:
		what += " at stores that post by the day"
	}
	over := span(o.Window)
	if days := int(o.Window / (24 * time.Hour)); o.Window == time.Duration(days)*24*time.Hour {
		over = many(days, "day", "days")
	}
	return targetPercent(o.Target) + " of " + what + " are through “" + hopName(o.Indicator.Step.System, o.Indicator.Step.Step) +
		"” within " + duration(o.Indicator.Within) + ", over " + over + "."
}

// span is a window as operators write it: 5m, 1h, 28d.
func span(d time.Duration) string {
	switch {
	case d >= 24*time.Hour && d%(24*time.Hour) == 0:
		return strconv.Itoa(int(d/(24*time.Hour))) + "d"
	case d >= time.Hour && d%time.Hour == 0:
		return strconv.Itoa(int(d/time.Hour)) + "h"
	case d%time.Minute == 0:
		return strconv.Itoa(int(d/time.Minute)) + "m"
	default:
		return d.String()
	}
}

// met reports whether the promise is kept; known whether that can be said.
func (p *promise) met() (met, known bool) {
	return p.Attainment >= p.Target, !math.IsNaN(p.Attainment)
}

// sparkBar is a day of the small chart.
type sparkBar struct {
	X, Y, H string
	Class   string
	Title   string
}

// spark draws a promise's days, one bar each: full height is a day without a
// miss, half a day that used exactly its share of the budget, and a stump a day
// that used twice its share or more.
func spark(p promise, zone *time.Location) []sparkBar {
	const height = 28.0
	bars := make([]sparkBar, 0, len(p.Days))
	budget := 1 - p.Target
	for i, d := range p.Days {
		total := d.Good + d.Bad
		b := sparkBar{X: fixed(float64(i) * 4), Y: fixed(height - 2), H: "2", Class: "none", Title: d.At.In(zone).Format("2 Jan") + ": none due"}
		if total > 0 {
			used := float64(d.Bad) / float64(total) / budget
			h := max(3, height*(1-min(used, 2)/2))
			b.Y, b.H = fixed(height-h), fixed(h)
			b.Class = "good"
			if used > 1 {
				b.Class = "bad"
			} else if used > 0.5 {
				b.Class = "warn"
			}
			b.Title = d.At.In(zone).Format("2 Jan") + ": " + percent(float64(d.Good)/float64(total)) + ", " + count(int(d.Bad)) + " late or missing"
		}
		bars = append(bars, b)
	}
	return bars
}

// stepOnly is a step without its system: findings carry "erp posted".
func stepOnly(system, step string) string { return strings.TrimPrefix(step, system+" ") }
