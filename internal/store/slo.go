package store

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/queries"
	"github.com/stocktrace/stocktrace/slo"
)

var (
	sloTalliesQuery = queries.Get("slo_tallies")
	sloTrendQuery   = queries.Get("slo_trend")
	sloCausesQuery  = queries.Get("slo_causes")
	sloAtRiskQuery  = queries.Get("slo_at_risk")
)

var _ slo.Source = (*Store)(nil)

// promise are the parameters every statement about an indicator takes.
func promise(i slo.Indicator) Params {
	return Params{"workflow": i.Workflow, "posting": string(i.Posting), "within_us": i.Within.Microseconds()}
}

// Tallies implements slo.Source. The database counts by age and outcome, and
// windows are put together here: a window holds every age below it.
func (s *Store) Tallies(ctx context.Context, i slo.Indicator, asOf time.Time, windows []time.Duration) ([]slo.Tally, error) {
	steps := []int64{0}
	for _, w := range windows {
		steps = append(steps, w.Microseconds())
	}
	slices.Sort(steps)
	params := promise(i)
	params["as_of"], params["steps_us"], params["longest_us"] = asOf, slices.Compact(steps), steps[len(steps)-1]
	places := map[slo.Scope]*slo.Tally{}
	err := s.Each(ctx, sloTalliesQuery, params, func(scan func(...any) error) error {
		var place slo.Scope
		var became string
		var age int64
		var n uint64
		if err := scan(&place.Location, &place.Region, &became, &age, &n); err != nil {
			return err
		}
		t := places[place]
		if t == nil {
			t = &slo.Tally{Location: place.Location, Region: place.Region, Windows: make([]slo.Counts, len(windows))}
			places[place] = t
		}
		var c slo.Counts
		switch became {
		case "pending":
			t.Pending += int64(n)
		case "good":
			c.Good = int64(n)
		case "unknown":
			c.Unknown = int64(n)
		default:
			c.Bad = int64(n)
		}
		for k, w := range windows {
			if age < w.Microseconds() {
				t.Windows[k] = t.Windows[k].Add(c)
			}
		}
		return nil
	})
	tallies := make([]slo.Tally, 0, len(places))
	for _, t := range places {
		tallies = append(tallies, *t)
	}
	return tallies, err
}

// Trend implements slo.Source.
func (s *Store) Trend(ctx context.Context, i slo.Indicator, from, to time.Time, step time.Duration) ([]slo.Point, error) {
	params := promise(i)
	params["from"], params["to"], params["step_us"] = from, to, step.Microseconds()
	var points []slo.Point
	err := s.Each(ctx, sloTrendQuery, params, func(scan func(...any) error) error {
		var p slo.Point
		var at int64
		var good, bad, unknown uint64
		if err := scan(&at, &good, &bad, &unknown); err != nil {
			return err
		}
		p.At = time.UnixMicro(at).UTC()
		p.Counts = slo.Counts{Good: int64(good), Bad: int64(bad), Unknown: int64(unknown)}
		points = append(points, p)
		return nil
	})
	return points, err
}

// Causes implements slo.Source.
func (s *Store) Causes(ctx context.Context, i slo.Indicator, from, to time.Time, limit int) ([]slo.Cause, error) {
	params := promise(i)
	params["from"], params["to"], params["limit"] = from, to, uint32(limit)
	var causes []slo.Cause
	err := s.Each(ctx, sloCausesQuery, params, func(scan func(...any) error) error {
		var c slo.Cause
		var kind, cause string
		var n uint64
		if err := scan(&kind, &cause, &c.System, &c.Step, &c.ErrorCode, &c.Title, &c.Owner, &n); err != nil {
			return err
		}
		c.Kind, c.Cause, c.Lifecycles = inventory.Kind(kind), inventory.Cause(cause), int64(n)
		causes = append(causes, c)
		return nil
	})
	return causes, err
}

// AtRisk implements slo.Source.
func (s *Store) AtRisk(ctx context.Context, i slo.Indicator, from, to time.Time) (all, open slo.Risk, err error) {
	params := promise(i)
	params["from"], params["to"] = from, to
	add := func(r *slo.Risk, measure, basis string, money bool, sum string) error {
		n, err := parseFixed(sum)
		switch {
		case err != nil || n.IsZero():
		case money:
			r.Values = append(r.Values, inventory.Amount{Currency: measure, Basis: basis, Amount: n})
		default:
			r.Units = append(r.Units, inventory.Quantity{UOM: measure, Quantity: n})
		}
		return err
	}
	err = s.Each(ctx, sloAtRiskQuery, params, func(scan func(...any) error) error {
		var measure, basis, most, still string
		var money uint8
		if err := scan(&measure, &basis, &money, &most, &still); err != nil {
			return err
		}
		return errors.Join(add(&all, measure, basis, money == 1, most), add(&open, measure, basis, money == 1, still))
	})
	return all, open, err
}
