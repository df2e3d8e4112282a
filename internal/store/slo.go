package store

import (
	"context"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/queries"
	"github.com/stocktrace/stocktrace/slo"
)

var (
	sloTalliesQuery = queries.Get("slo_tallies")
	sloTrendQuery   = queries.Get("slo_trend")
	sloCausesQuery  = queries.Get("slo_causes")
)

var _ slo.Source = (*Store)(nil)

// promise are the parameters every statement about an indicator takes.
func promise(i slo.Indicator) Params {
	return Params{"workflow": i.Workflow, "posting": string(i.Posting), "within_us": i.Within.Microseconds()}
}

// Tallies implements slo.Source. Windows are whole seconds.
func (s *Store) Tallies(ctx context.Context, i slo.Indicator, asOf time.Time, windows []time.Duration) ([]slo.Tally, error) {
	seconds := make([]uint32, len(windows))
	for n, w := range windows {
		seconds[n] = uint32(w / time.Second)
	}
	params := promise(i)
	params["as_of"], params["windows_s"] = asOf, seconds
	var tallies []slo.Tally
	err := s.Each(ctx, sloTalliesQuery, params, func(scan func(...any) error) error {
		var t slo.Tally
		var good, bad, unknown []int64
		if err := scan(&t.Location, &t.Region, &good, &bad, &unknown, &t.Pending); err != nil {
			return err
		}
		for n := range windows {
			t.Windows = append(t.Windows, slo.Counts{Good: good[n], Bad: bad[n], Unknown: unknown[n]})
		}
		tallies = append(tallies, t)
		return nil
	})
	return tallies, err
}

// Trend implements slo.Source.
func (s *Store) Trend(ctx context.Context, i slo.Indicator, from, to time.Time, step time.Duration) ([]slo.Point, error) {
	params := promise(i)
	params["from"], params["to"], params["step_s"] = from, to, uint32(step/time.Second)
	var points []slo.Point
	err := s.Each(ctx, sloTrendQuery, params, func(scan func(...any) error) error {
		var p slo.Point
		var good, bad, unknown uint64
		if err := scan(&p.At, &good, &bad, &unknown); err != nil {
			return err
		}
		p.At = p.At.UTC()
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
