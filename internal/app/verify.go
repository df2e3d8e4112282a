package app

import (
	"context"
	"time"

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
	// verifyRounds and verifyPause are how often a running instance is looked at
	// before a difference counts, and how long it is left alone between: what is
	// on its way through the engine is there a moment later.
	verifyRounds = 5
	verifyPause  = 2 * time.Second
)

// verify recomputes what is stored from the raw records.
func (a *App) verify(ctx context.Context) (VerifyReport, error) {
	rounds := verifyRounds
	if a.engine == nil && a.stream == nil {
		rounds = 1 // nobody else is here
	}
	v, err := lifecycle.VerifyLive(ctx, lifecycle.NewRules(a.rules.workflows, a.rules.locations), a.store, rounds, verifyPause)
	if err != nil {
		return VerifyReport{}, err
	}
	report := VerifyReport{
		Records: v.Records, Lifecycles: v.Lifecycles, Findings: v.Findings, Count: len(v.Differences), Differences: []Difference{},
	}
	for _, d := range v.Differences[:min(len(v.Differences), maxDifferences)] {
		report.Differences = append(report.Differences, Difference(d))
	}
	return report, nil
}
