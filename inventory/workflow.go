package inventory

import "time"

// Clock is what a step's deadline runs on.
type Clock string

// Clocks a deadline may run on.
const (
	// Continuous runs always: machines work at night.
	Continuous Clock = "continuous"
	// StoreHours stands still while the location is closed.
	StoreHours Clock = "store_hours"
)

// Workflow is a kind of transaction and what it owes, declared in YAML.
type Workflow struct {
	Name    string
	Title   string
	Version string // hash of the declaration; stored with every verdict
	Owner   string
	// Anchor is the step whose occurred time deadlines count from.
	Anchor StepRef
	Steps  []Step
	// Horizon closes a lifecycle from which nothing more is heard.
	Horizon time.Duration
	// Settle is how long after a lifecycle's newest record arrived nothing is
	// called missing: deliveries overtake each other.
	Settle time.Duration
	// ReplayDeadline is how long a requested replay may take.
	ReplayDeadline time.Duration
}

// StepRef names a hop: the system and what it does.
type StepRef struct{ System, Step string }

// String returns "system step", as people say it.
func (r StepRef) String() string { return r.System + " " + r.Step }

// Step is a hop a workflow expects.
type Step struct {
	StepRef
	Title string
	// Missing is the sentence said when the step does not come: "Not in ERP".
	Missing string
	// After lists the steps that must have succeeded for this one to happen; a
	// finding on one of them explains this one.
	After []StepRef
	// Required steps owe; others are shown when they come.
	Required bool
	// Deadline counts from the anchor's occurred time, by the location's posting
	// mode; the entry for PostingRealtime is the default.
	Deadline map[Posting]time.Duration
	Clock    Clock
	// SystemOfRecord marks the step that settles what is true.
	SystemOfRecord bool
	// OnlyStock steps are owed only where the sale's lines move stock.
	OnlyStock bool
	// Posts marks the step whose lines are booked and compared with what is owed.
	Posts bool
	// Evidence is the declared delivery lag of the hop's live feed: silence says
	// nothing before due + Evidence. Watermarks, where the feed sends them, are
	// used besides.
	Evidence time.Duration
	Owner    string
	Runbook  string
}

// DeadlineFor returns the step's deadline at a location; ok is false for a step
// without one.
func (s *Step) DeadlineFor(p Posting) (d time.Duration, ok bool) {
	if d, ok = s.Deadline[p]; ok {
		return d, true
	}
	d, ok = s.Deadline[PostingRealtime]
	return d, ok
}

// StepOf returns the workflow's step of that name, nil where it has none.
func (w *Workflow) StepOf(ref StepRef) *Step {
	for i := range w.Steps {
		if w.Steps[i].StepRef == ref {
			return &w.Steps[i]
		}
	}
	return nil
}
