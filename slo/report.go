package slo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// ErrUnknown says that no objective has that name.
var ErrUnknown = errors.New("no objective of that name")

// reportCauses is how many causes a report names. Source: product, leadership.
const reportCauses = 3

// Risk is what hung on promises: each lifecycle's stock and money once, however
// many findings it has.
type Risk struct {
	Units  []inventory.Quantity
	Values []inventory.Amount
}

// Report is what became of an objective's promises that were over in one
// calendar month. Its budget is the month's own.
type Report struct {
	Objective *Objective
	// From is the first instant of the month, To the first behind it, AsOf until
	// when it is counted: To, or now in a month that is not over.
	From, To, AsOf time.Time
	Total          Standing
	Regions        []Standing // worst first; without burns
	// Before is the month before, whole.
	Before Standing
	// Causes are the worst, by the lifecycles they broke.
	Causes []Cause
	// AtRisk is what the broken promises were about, Open the part of it that is
	// still not put right.
	AtRisk, Open Risk
}

// Change returns how much the attainment and the share of the budget that is
// left have changed since the month before; ok is false where one of the two
// months has nothing that counts.
func (r *Report) Change() (attainment, budget float64, ok bool) {
	now, a := r.Total.Counts.Attainment()
	then, b := r.Before.Counts.Attainment()
	return now - then, r.Total.Budget.Left() - r.Before.Budget.Left(), a && b
}

// Report reports on the objective of that name over the calendar month that
// begins at first, in first's zone. It counts anew each time: verdicts corrected
// since restate the month.
func (e *Evaluator) Report(ctx context.Context, name string, first time.Time) (Report, error) {
	i := slices.IndexFunc(e.o.Objectives, func(o Objective) bool { return o.Name == name })
	if i < 0 {
		return Report{}, fmt.Errorf("%w: %s", ErrUnknown, name)
	}
	o := &e.o.Objectives[i]
	r := Report{Objective: o, From: first, To: first.AddDate(0, 1, 0)}
	before, err := e.over(ctx, o, first.AddDate(0, -1, 0), first)
	if err != nil {
		return r, fmt.Errorf("report on %s: the month before: %w", name, err)
	}
	month, err := e.over(ctx, o, r.From, r.To)
	if err != nil {
		return r, fmt.Errorf("report on %s: %w", name, err)
	}
	r.AsOf, r.Total, r.Regions, r.Before = month.AsOf, month.Total, month.Regions, before.Total
	if !r.AsOf.After(r.From) {
		return r, nil // it has not begun
	}
	if r.AsOf.Equal(r.To) {
		// What was not over then is another month's.
		r.Total.Pending = 0
		for i := range r.Regions {
			r.Regions[i].Pending = 0
		}
	}
	from, to := bounds(r.From, r.AsOf)
	if r.Causes, err = e.o.Source.Causes(ctx, o.Indicator, from, to, reportCauses); err != nil {
		return r, fmt.Errorf("report on %s: causes: %w", name, err)
	}
	if r.AtRisk, r.Open, err = e.o.Source.AtRisk(ctx, o.Indicator, from, to); err != nil {
		return r, fmt.Errorf("report on %s: at risk: %w", name, err)
	}
	return r, nil
}

// bounds turns [from, to) into the (from, to] that a Source counts by: whole
// microseconds, as instants are stored.
func bounds(from, to time.Time) (time.Time, time.Time) {
	return from.Add(-time.Microsecond), to.Add(-time.Microsecond)
}

// over judges the promises that were over in [from, to), as far as that lies
// behind us. AsOf is until when it did.
func (e *Evaluator) over(ctx context.Context, o *Objective, from, to time.Time) (Result, error) {
	if now := e.o.Clock.Now(); now.Before(to) {
		to = now
	}
	if !to.After(from) {
		return Result{AsOf: from}, nil
	}
	after, until := bounds(from, to)
	month := *o
	month.Window, month.Policies = until.Sub(after), nil
	tallies, err := e.o.Source.Tallies(ctx, o.Indicator, until, month.windows())
	if err != nil {
		return Result{}, fmt.Errorf("count: %w", err)
	}
	return judge(&month, to, tallies), nil
}
