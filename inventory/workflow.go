package inventory

import (
	"slices"
	"strings"
	"time"
)

// Clock is what a step's deadline runs on.
type Clock string

// Clocks a deadline may run on (domain rule 22).
const (
	// Continuous runs always: machines work at night.
	Continuous Clock = "continuous"
	// StoreHours stands still while the location is closed.
	StoreHours Clock = "store_hours"
	// Schedule runs to the next start of a declared run.
	Schedule Clock = "schedule"
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
	// Balances are the sums that have to come out even.
	Balances []Balance
	// Invariants are what must hold of an event of the workflow.
	Invariants []Invariant
	// Runs are the schedules that steps on the clock [Schedule] wait for.
	Runs []Run
	// Horizon closes a lifecycle from which nothing more is heard.
	Horizon time.Duration
	// Settle is how long after a lifecycle's newest record arrived nothing is
	// called missing: deliveries overtake each other.
	Settle time.Duration
	// Backlog is the same for what was entered while its store was offline: a late
	// burst takes the systems behind it longer, and is overdue when it comes.
	Backlog time.Duration
	// ReplayDeadline is how long a requested replay may take.
	ReplayDeadline time.Duration
}

// StepRef names a hop: the system and what it does.
type StepRef struct{ System, Step string }

// AnySystem stands for the system of a step that several systems may report: a
// transfer is received by a warehouse or by a store.
const AnySystem = "any"

// String returns "system step", as people say it.
func (r StepRef) String() string { return r.System + " " + r.Step }

// IsZero reports whether r names no step.
func (r StepRef) IsZero() bool { return r == StepRef{} }

// Step is a hop a workflow expects.
type Step struct {
	StepRef
	Title string
	// Missing is the sentence said when the step does not come: "Not in ERP".
	Missing string
	// Raises is the kind of finding that says so: missing_step, or a kind of the
	// contract that says it better (return_not_posted).
	Raises Kind
	// After lists the steps that must have succeeded for this one to happen; a
	// finding on one of them explains this one.
	After []StepRef
	// Required steps owe; others are shown when they come.
	Required bool
	// ToldBy is the step by which this one is known where nobody tells of it
	// himself: goods that the ledger alone books in were received. Zero means none.
	ToldBy StepRef
	// When says of which transactions a required step is owed; nil means of all.
	When *Expression
	// Deadline counts from the occurred time of the step Since (the anchor where
	// that is zero), by the location's posting mode; the entry for
	// PostingRealtime is the default.
	Deadline map[Posting]time.Duration
	Since    StepRef
	Clock    Clock
	// Run names the run a deadline on the clock [Schedule] waits for.
	Run string
	// SystemOfRecord marks the step that settles what is true.
	SystemOfRecord bool
	// OnlyVariance steps are owed only where the anchor, a count, found something
	// else than the book says, net of what it found at several places.
	OnlyVariance bool
	// OnlyStock steps are owed only where the transaction's lines move stock.
	OnlyStock bool
	// Withdraws marks the step that calls the transaction off: nothing more is owed,
	// unless the goods had left (a step that the posting comes after has happened).
	Withdraws bool
	// Posts marks the step by which the transaction reaches the ledger.
	Posts bool
	// Effect is what the step does to stock.
	Effect Effect
	// Early is the kind of finding where the step happened before what it comes
	// after, such as phantom_stock for stock that can be sold before it arrived.
	// Such a step proves nothing of those before it. Empty: it is taken to prove
	// them.
	Early Kind
	// MaxAttempts is how often one event may be tried at the hop before it is a
	// retry_loop; 0 means the default of package lifecycle.
	MaxAttempts int
	// Evidence is the declared delivery lag of the hop's live feed: silence says
	// nothing before due + Evidence. Watermarks, where the feed sends them, are
	// used besides.
	Evidence time.Duration
	Owner    string
	Runbook  string
}

// Effect is what a step does to stock: from one status to another, in a bucket.
// An empty From is stock that was not there before, an empty To stock that is
// there no more; both empty means that the step moves nothing.
type Effect struct {
	Bucket, From, To string
}

// IsZero reports whether the step moves nothing.
func (e Effect) IsZero() bool { return e == Effect{} }

// Balance is two sides of a workflow that must come out even: what some steps
// say has moved, and what others have to book for it. It is compared by net
// quantity per item, location and status, never by document (domain rules 3 and
// 12).
type Balance struct {
	Name string
	// Owed are the steps that say what moved, By those that book it.
	Owed, By []StepRef
	// Opposite balances have the two sides with opposite signs: what left one
	// place arrives at another.
	Opposite bool
	// Variance balances owe what a count found beyond the book: counted less book,
	// line by line.
	Variance bool
	// AnyPlace and AnyStatus compare without regard to location or status.
	AnyPlace, AnyStatus bool
	// Lines says which lines of the owing steps count; nil means all that move
	// stock.
	Lines *Expression
	// Short and Over are the kinds raised where less or more was booked than is
	// owed, Twice where more was booked by several documents, and Unexpected where
	// something was booked of which nothing was said. An empty kind raises nothing.
	Short, Over, Twice, Unexpected Kind
	// Closed is the step after which the balance must be even, whatever is due:
	// an order that is closed holds no reservation. Zero means none.
	Closed StepRef
}

// Invariant is what must hold of every event of a step.
type Invariant struct {
	// On are the steps whose successful events are asked; none means the anchor.
	On []StepRef
	// Holds is the condition.
	Holds *Expression
	// Raises is the kind of finding where it does not hold, Cause its cause, and
	// Say the sentence about it.
	Raises Kind
	Cause  Cause
	Say    string
}

// Run is a job that starts at set times of the day, such as the nightly posting
// of sales (domain rule 22).
type Run struct {
	Name string
	// At are its starts in minutes since local midnight.
	At []int
	// Days are the weekdays it starts on; none at all means every day. Except are
	// days it does not start on (YYYY-MM-DD by Zone), such as holidays.
	Days   [7]bool
	Except []string
	// Zone is the zone of At; nil means the location's own.
	Zone *time.Location
	// Cutoff is how long before a start it stops taking things in: what comes later
	// waits for the next one.
	Cutoff time.Duration
	// Grace is how long after a start it may take to finish.
	Grace time.Duration
	// Feed is the system whose watermark, with the run's name as its extract, says
	// that it happened; empty means that nobody says. Aliases are other names of
	// it, such as the job's.
	Feed    string
	Aliases []string
}

// runDays bounds the search for a start: a run that does not start within a year
// does not start.
const runDays = 400

// Next returns the start of the run that takes in what happened at t, for a
// location in zone: the first one after t and the cutoff. It is zero where the
// run never starts.
func (r *Run) Next(t time.Time, zone *time.Location) time.Time {
	if r.Zone != nil {
		zone = r.Zone
	}
	if zone == nil {
		zone = time.UTC
	}
	t = t.Add(r.Cutoff)
	local := t.In(zone)
	// Further than tomorrow, too: a day may be excepted, and the spring change may
	// leave a day's only start out.
	for day := range runDays {
		var next time.Time
		for _, minute := range r.At {
			start := time.Date(local.Year(), local.Month(), local.Day()+day, 0, minute, 0, 0, zone)
			if start.After(t) && r.startsOn(start) && (next.IsZero() || start.Before(next)) {
				next = start
			}
		}
		if !next.IsZero() {
			return next.UTC()
		}
	}
	return time.Time{}
}

func (r *Run) startsOn(local time.Time) bool {
	if r.Days != [7]bool{} && !r.Days[local.Weekday()] {
		return false
	}
	return !slices.Contains(r.Except, local.Format(time.DateOnly))
}

// Named reports whether an extract of that name is a report of the run: its name
// or an alias of it in any case, alone or followed by what tells this one from
// others, such as its own number or day ("ERP_POS_POST/4711"; also # : @).
func (r *Run) Named(extract string) bool {
	is := func(name string) bool {
		if len(extract) < len(name) || !strings.EqualFold(extract[:len(name)], name) {
			return false
		}
		return len(extract) == len(name) || strings.ContainsRune("/#:@", rune(extract[len(name)]))
	}
	return is(r.Name) || slices.ContainsFunc(r.Aliases, is)
}

// Expression is a condition of a workflow file, compiled when the file is read.
type Expression struct {
	// Text is the condition as written.
	Text string
	// Ask answers it of a situation. An error means that it cannot be told, such
	// as a division by zero; nothing is concluded from that.
	Ask func(Situation) (bool, error)
}

// Holds reports whether x holds of s; a nil expression always does.
func (x *Expression) Holds(s Situation) (bool, error) {
	if x == nil {
		return true, nil
	}
	return x.Ask(s)
}

// Situation is what an expression may ask about.
type Situation struct {
	// Event is what the question is about: the anchor's where it is about the
	// transaction as a whole.
	Event *Event
	// Anchor is the anchor step's event, nil while it has not been heard.
	Anchor *Event
	// Line is the line in question, nil where it is about an event.
	Line *Line
	// Location is the anchor's.
	Location Location
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
	if i := w.IndexOf(ref); i >= 0 {
		return &w.Steps[i]
	}
	return nil
}

// IndexOf returns the place of the step among the workflow's steps, -1 where it
// is none of them.
func (w *Workflow) IndexOf(ref StepRef) int {
	for i := range w.Steps {
		if w.Steps[i].StepRef == ref {
			return i
		}
	}
	return -1
}

// Match returns the place of the step that an event of that system speaks of:
// the system's own, else one declared for any system; -1 where there is none.
func (w *Workflow) Match(system, step string) int {
	if i := w.IndexOf(StepRef{system, step}); i >= 0 {
		return i
	}
	return w.IndexOf(StepRef{AnySystem, step})
}

// RunOf returns the workflow's run of that name, nil where it has none.
func (w *Workflow) RunOf(name string) *Run {
	for i := range w.Runs {
		if w.Runs[i].Name == name {
			return &w.Runs[i]
		}
	}
	return nil
}
