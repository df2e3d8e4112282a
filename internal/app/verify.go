package app

import (
	"context"
	"time"

	"github.com/stocktrace/stocktrace/internal/stream"
	"github.com/stocktrace/stocktrace/lifecycle"
)

// VerifyReport is what a recomputation found.
type VerifyReport struct {
	Records    int `json:"records"`
	Lifecycles int `json:"lifecycles"`
	Findings   int `json:"findings"`
	// Count is the number of differences; at most maxDifferences are listed.
	Count       int          `json:"count"`
	Differences []Difference `json:"differences"`
}

// Difference is one place where what is stored is not what a recomputation
// gives.
type Difference struct {
	What   string `json:"what"` // lifecycle, finding, record or expectation
	ID     string `json:"id"`
	Detail string `json:"detail"`
}

const (
	maxDifferences = 1000
	// verifyRounds and verifyPause are how often a difference is looked at before it
	// counts, and how long the engine is left alone between: what is on its way
	// through it is there a moment later.
	verifyRounds = 5
	verifyPause  = 2 * time.Second
)

// verify recomputes what is stored from the raw records.
func (a *App) verify(ctx context.Context) (report VerifyReport, err error) {
	if a.stream == nil && a.settings.NATSURL == "" && a.settings.ClickHouseDSN == "" {
		ctx, err = a.catchUp(ctx)
		if err != nil {
			return report, err
		}
	}
	v, err := lifecycle.VerifyLive(ctx, a.rules.engine(), a.store, verifyRounds, verifyPause)
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	if err != nil {
		return report, err
	}
	report = VerifyReport{
		Records: v.Records, Lifecycles: v.Lifecycles, Findings: v.Findings, Count: len(v.Differences), Differences: []Difference{},
	}
	for _, d := range v.Differences[:min(len(v.Differences), maxDifferences)] {
		report.Differences = append(report.Differences, Difference(d))
	}
	return report, nil
}

// catchUp runs the engine in a directory without an instance, as the next start
// would, but opens no port and tells nobody: what was received before a stop or a
// crash and not judged yet is judged now. The context it returns ends when the
// engine fails.
func (a *App) catchUp(ctx context.Context) (context.Context, error) {
	if err := a.startLog(ctx); err != nil {
		return ctx, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	a.startOwning(a.stream.Leases(stream.LeaseOptions{}))
	go func() {
		select {
		case err := <-a.fatal:
			cancel(err)
		case <-ctx.Done():
		}
	}()
	a.onStop("catching up", func(context.Context) error {
		cancel(nil)
		return nil
	})
	if err := a.finish(ctx); err != nil {
		return ctx, context.Cause(ctx)
	}
	return ctx, nil
}
