package slo

import (
	"fmt"
	"slices"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// Objective is a promise over lifecycles, read from an OpenSLO file.
type Objective struct {
	Name        string // DNS label, unique
	Title       string
	Description string
	Service     string
	Owner       string
	Runbook     string
	// Target is the share of good ones promised, within (0, 1).
	Target float64
	// Window is the rolling period the budget is for.
	Window    time.Duration
	Indicator Indicator
	Policies  []Policy
	Gate      Gate
}

// Indicator names which lifecycles count and what makes one good.
type Indicator struct {
	Workflow string
	// Step is the workflow's posting step: the one that settles what is true.
	Step inventory.StepRef
	// Posting restricts the promise to locations of this mode; empty means all.
	Posting inventory.Posting
	// Within is the time promised, from the anchor's occurred time to the step's.
	Within time.Duration
	// By are the dimensions it is told apart by, besides the total.
	By []Dimension
}

// Dimension is what an objective can be told apart by.
type Dimension string

// Dimensions.
const (
	ByRegion   Dimension = "region"
	ByLocation Dimension = "location"
)

// Severity says what a burning budget asks of people.
type Severity string

// Severities of a burn policy.
const (
	Page   Severity = "page"   // somebody gets up
	Ticket Severity = "ticket" // somebody looks today
)

// Policy is one multiwindow burn rule: it fires while the budget burns at least
// Threshold times as fast as it may, over the long and over the short window.
// The long one says it matters, the short one that it still goes on.
type Policy struct {
	Name      string
	Severity  Severity
	Threshold float64
	Long      time.Duration
	Short     time.Duration
}

// BudgetShare is the part of the whole budget gone when the policy fires for
// the first time: 0.02 for 13.44 times over one hour of 28 days.
func (p Policy) BudgetShare(window time.Duration) float64 {
	return p.Threshold * float64(p.Long) / float64(window)
}

// Gate keeps few sales from raising an alarm: one bad sale out of three is no
// burn rate of 67.
type Gate struct {
	// MinBad is the least number of bad ones in the long window.
	MinBad int64
	// Confidence is how sure it must be, from the long window's numbers alone,
	// that the budget really burns at least half as fast as the policy's
	// threshold. Within (0.5, 1).
	Confidence float64
}

// DefaultGate asks for five bad ones and 99 % confidence.
var DefaultGate = Gate{MinBad: 5, Confidence: 0.99}

// Validate says what is wrong with the objective, given the workflows declared.
func (o *Objective) Validate(workflows []*inventory.Workflow) error {
	i := slices.IndexFunc(workflows, func(w *inventory.Workflow) bool { return w.Name == o.Indicator.Workflow })
	if i < 0 {
		return fmt.Errorf("objective %s: no workflow %q is declared", o.Name, o.Indicator.Workflow)
	}
	step := workflows[i].StepOf(o.Indicator.Step)
	if step == nil || !step.Posts {
		return fmt.Errorf("objective %s: %q is not the posting step of workflow %s, the only one that can be promised", o.Name, o.Indicator.Step, o.Indicator.Workflow)
	}
	return nil
}

// windows returns the distinct windows the objective needs counted, longest
// first, the budget's own first of all.
func (o *Objective) windows() []time.Duration {
	w := []time.Duration{o.Window}
	for _, p := range o.Policies {
		w = append(w, p.Long, p.Short)
	}
	slices.SortFunc(w, func(a, b time.Duration) int { return int(b - a) })
	return slices.Compact(w)
}
