package slo

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/lifecycle"
)

// Source counts stored lifecycles. Every method reads what is stored now, so
// corrected verdicts restate the past.
type Source interface {
	// Tallies returns one tally per location with anything counted: per window w
	// the lifecycles whose promise was over within (asOf-w, asOf], and the pending
	// ones.
	Tallies(ctx context.Context, i Indicator, asOf time.Time, windows []time.Duration) ([]Tally, error)
	// Trend returns the counts of each step within (from, to] in order of time;
	// steps with none are absent.
	Trend(ctx context.Context, i Indicator, from, to time.Time, step time.Duration) ([]Point, error)
	// Causes returns what the findings on bad lifecycles of (from, to] say, the
	// most frequent first.
	Causes(ctx context.Context, i Indicator, from, to time.Time, limit int) ([]Cause, error)
	// AtRisk returns what the bad lifecycles of (from, to] were about, and the part
	// of it that their open findings still put at risk.
	AtRisk(ctx context.Context, i Indicator, from, to time.Time) (all, open Risk, err error)
}

// Options configure an Evaluator.
type Options struct {
	Source     Source
	Objectives []Objective
	Workflows  []*inventory.Workflow
	// Clock is the retailer's: it says which promises are over.
	Clock lifecycle.Clock
	// Wall is the clock evaluations are spaced by, apart from Clock because a
	// simulated day must not cost a day's queries in minutes.
	Wall lifecycle.Clock
	// MaxAge is how old a result may be before Latest evaluates again; 0 means
	// 10 s.
	MaxAge time.Duration
}

// Evaluator evaluates objectives and remembers the latest results. It holds no
// state that matters: any process may have one, and a restart loses nothing.
// All methods may be called from several goroutines.
type Evaluator struct {
	o Options

	mu      sync.Mutex
	results []Result
	at      time.Time     // wall time of results
	took    time.Duration // what they cost
	details time.Time     // wall time of the newest trend and causes
	err     error         // of the newest attempt
	tried   time.Time     // wall time of the newest attempt
}

const (
	// detailsEvery spaces the reads only pages need.
	detailsEvery = time.Minute
	// restShare keeps evaluation from eating the database: after one that took a
	// second, the next waits at least this many.
	restShare = 10
	// causesKept is how many causes a result names.
	causesKept = 5
	// failedFor is how long a failure is remembered, so that a database that is
	// down is not asked by every page that opens.
	failedFor = time.Second
)

// NewEvaluator returns an evaluator, or what is wrong with the objectives.
func NewEvaluator(o Options) (*Evaluator, error) {
	if o.MaxAge == 0 {
		o.MaxAge = 10 * time.Second
	}
	var errs []error
	seen := map[string]bool{}
	for i := range o.Objectives {
		name := o.Objectives[i].Name
		if seen[name] {
			errs = append(errs, fmt.Errorf("objective %s is declared twice", name))
		}
		seen[name] = true
		if err := o.Objectives[i].Validate(o.Workflows); err != nil {
			errs = append(errs, err)
		}
	}
	return &Evaluator{o: o}, errors.Join(errs...)
}

// Latest returns the results, evaluating when they are older than MaxAge. When
// that fails it returns the ones before, whose AsOf says how old they are,
// together with the error. The results are shared: do not change them.
func (e *Evaluator) Latest(ctx context.Context) ([]Result, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	began := e.o.Wall.Now()
	if e.err != nil && began.Sub(e.tried) < failedFor {
		return e.results, e.err
	}
	if e.results != nil && began.Sub(e.at) < max(e.o.MaxAge, restShare*e.took) {
		return e.results, nil
	}
	e.tried, e.err = began, nil
	withDetails := e.results == nil || began.Sub(e.details) >= detailsEvery
	results := make([]Result, 0, len(e.o.Objectives))
	for i := range e.o.Objectives {
		r, err := e.evaluate(ctx, &e.o.Objectives[i], withDetails)
		if err != nil {
			if ctx.Err() == nil {
				e.err = fmt.Errorf("evaluate objective %s: %w", e.o.Objectives[i].Name, err)
			}
			return e.results, fmt.Errorf("evaluate objective %s: %w", e.o.Objectives[i].Name, err)
		}
		if !withDetails {
			r.Trend, r.Causes = e.results[i].Trend, e.results[i].Causes
		}
		results = append(results, r)
	}
	e.results, e.at, e.took = results, e.o.Wall.Now(), e.o.Wall.Now().Sub(began)
	if withDetails {
		e.details = began
	}
	return results, nil
}

func (e *Evaluator) evaluate(ctx context.Context, o *Objective, withDetails bool) (Result, error) {
	asOf := e.o.Clock.Now().UTC()
	tallies, err := e.o.Source.Tallies(ctx, o.Indicator, asOf, o.windows())
	if err != nil {
		return Result{}, fmt.Errorf("count: %w", err)
	}
	r := judge(o, asOf, tallies)
	if burn, ok := r.firing(); ok {
		if r.Burning, err = e.o.Source.Causes(ctx, o.Indicator, asOf.Add(-burn.Policy.Long), asOf, causesKept); err != nil {
			return Result{}, fmt.Errorf("causes of the burn: %w", err)
		}
		long, _ := r.Total.Long(burn.Policy.Name)
		r.BurningBad = long.Bad
	}
	if withDetails {
		if r.Trend, err = e.o.Source.Trend(ctx, o.Indicator, asOf.Add(-o.Window), asOf, TrendStep); err != nil {
			return Result{}, fmt.Errorf("trend: %w", err)
		}
		if r.Causes, err = e.o.Source.Causes(ctx, o.Indicator, asOf.Add(-o.Window), asOf, causesKept); err != nil {
			return Result{}, fmt.Errorf("causes: %w", err)
		}
	}
	return r, nil
}
