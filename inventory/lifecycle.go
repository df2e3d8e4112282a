package inventory

import "time"

// Verdict is where a lifecycle stands.
type Verdict string

// Verdicts, the first that applies. Unclassified is ours: events of a workflow
// nobody has declared yet are kept and shown, and nothing is said of them.
const (
	Conflicted   Verdict = "conflicted"
	Stalled      Verdict = "stalled"
	FailedV      Verdict = "failed"
	Overdue      Verdict = "overdue"
	Unconfirmed  Verdict = "unconfirmed"
	Open         Verdict = "open"
	Withdrawn    Verdict = "withdrawn"
	NotExpected  Verdict = "not_expected"
	CompleteLate Verdict = "complete_late"
	Complete     Verdict = "complete"
	Unclassified Verdict = "unclassified"
)

// Verdicts lists them in the order they are shown.
var Verdicts = []Verdict{
	Conflicted, Stalled, FailedV, Overdue, Unconfirmed, Open, Withdrawn, NotExpected,
	CompleteLate, Complete, Unclassified,
}

// State says whether anything more is expected.
type State string

// Lifecycle states.
const (
	StateOpen   State = "open"
	StateClosed State = "closed"
)

// Lifecycle is everything said about one transaction, stitched.
type Lifecycle struct {
	// ID is the canonical key's value for a correlation id, name:value otherwise.
	ID        string
	Canonical ScopedKey
	// Component is the least key of the connected component it was found in;
	// one component may hold several lifecycles (a collision, a recycled number).
	Component ScopedKey
	Workflow  string
	State     State
	Verdict   Verdict
	Sentence  string

	Location, Region string
	Posting          Posting
	Register         string
	BusinessDate     string
	Owner            string

	StartedAt time.Time // occurred time of the anchor, else of the earliest record
	UpdatedAt time.Time // newest first-received time of its records
	// PostedAt is when the posting step first succeeded, by its own clock; zero
	// where it has not. PostedBy is the ERP document that did it.
	PostedAt time.Time
	PostedBy string
	// PostingDue is the posting step's due time; zero where none is owed.
	PostingDue time.Time

	Keys        []Key       // every key its records carry, as sent
	Identifiers []ScopedKey // its identifying keys, scoped, least first
	Items       []string    // item ids its lines name, as sent
	Units       []Quantity  // sold, per unit of measure, stock-moving lines only
	Values      []Amount
	Steps       []StepState
	Lines       []LineState
	Related     []Related
	RecordIDs   []string // in order of first receipt

	Findings []Finding

	// ComputedAt is the now it was computed with, RuleVersion the workflow's,
	// FactPosition the newest fact it took into account.
	ComputedAt   time.Time
	RuleVersion  string
	FactPosition uint64
	// NextAt is when, with no event arriving, the answer may change; zero means
	// never. AwaitsFeed is set where only evidence from that system can change it.
	NextAt time.Time
	Awaits []Await
}

// Await is evidence a verdict waits for: the feed of System (at the lifecycle's
// location, or for all) complete through Through; where Run is set, the report of
// that run.
type Await struct {
	System  string
	Run     string
	Through time.Time
}

// StepState is a step as it went.
type StepState struct {
	StepRef
	Title      string
	Required   bool
	Expected   bool    // owed by this lifecycle
	Outcome    Outcome // empty: nothing heard
	OccurredAt time.Time
	ReceivedAt time.Time
	ExpectedBy time.Time
	Attempt    int
	EventIDs   []string
	Error      *Error
	Owner      string
	Runbook    string
	// Note says what a person would: "late by 2 min 10 s", "not seen, but a later
	// hop proves it".
	Note string
}

// LineState compares one item at one location and status between what is owed
// and what was posted.
type LineState struct {
	Item       string
	ItemAt     []Key // its names in other systems
	Location   string
	Status     string
	UOM        string
	Owed       Decimal
	Posted     Decimal
	Comparable bool
	Postings   int
}

// Related is another lifecycle or document this one belongs with.
type Related struct {
	Rel  string
	Keys []Key
}
