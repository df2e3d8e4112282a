package web

import (
	"context"
	"errors"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// Errors a [Reader] wraps, so that pages and API answer what happened.
var (
	// ErrNotFound: nothing is known under that id.
	ErrNotFound = errors.New("not found")
	// ErrUnavailable: the database cannot answer now; asking again may help.
	ErrUnavailable = errors.New("unavailable")
)

// Reader answers what pages and API ask of the memory. Every answer counts each
// lifecycle and finding once, in its newest version, and leaves out what moved
// away or merged. Methods may be called from several goroutines. Errors wrap
// [ErrNotFound] or [ErrUnavailable] where one of them is the reason.
type Reader interface {
	// Search returns the lifecycles that carry a key matching what a person
	// typed: any identifier, padded or not, a receipt with or without store and
	// register, a lifecycle's id or a former id. Newest first, at most limit.
	Search(ctx context.Context, text string, limit int) ([]Match, error)
	// Lifecycle returns the lifecycle of that id with its findings, or
	// ErrNotFound.
	Lifecycle(ctx context.Context, id string) (inventory.Lifecycle, error)
	// Keys returns the keys of lifecycles by id; those not there are absent.
	Keys(ctx context.Context, ids []string) (map[string][]inventory.Key, error)
	// Records returns the records the lifecycle was stitched from, in order of
	// first receipt, without their raw bytes.
	Records(ctx context.Context, l *inventory.Lifecycle) ([]inventory.Record, error)
	// Raw returns the records of that id with their raw bytes, first received
	// first: several only where one id came with different contents. ErrNotFound
	// where there is none.
	Raw(ctx context.Context, recordID string) ([]inventory.Record, error)

	// Lifecycles lists lifecycles with their findings, newest start first.
	Lifecycles(ctx context.Context, q LifecycleQuery) ([]inventory.Lifecycle, error)
	// LifecyclesByID lists the same ones by id, from the first id greater than
	// after: who walks all of them reads each only once.
	LifecyclesByID(ctx context.Context, q LifecycleQuery, after string) ([]inventory.Lifecycle, error)
	// Findings lists findings, last opened first. Where q.Groups asks for it,
	// groups of two and more stand among their members as rows of their own:
	// LifecycleID empty, ID the group's, Count their number.
	Findings(ctx context.Context, q FindingQuery) ([]Finding, error)
	// Groups lists causes, worst first: findings that have the cause in common,
	// counted and summed.
	Groups(ctx context.Context, q FindingQuery) ([]Group, error)
	// StoreDays lists lifecycles of the workflow sale by location and business
	// date, newest date first.
	StoreDays(ctx context.Context, q StoreDayQuery) ([]StoreDay, error)

	// Hops says of every step how the lifecycles started in [since, until) went
	// through it.
	Hops(ctx context.Context, workflow string, since, until time.Time) ([]Hop, error)
	// Sources says of every system ever heard what was received from it in
	// [since, until), when it was last heard and how far its evidence reaches.
	Sources(ctx context.Context, since, until time.Time) ([]Source, error)
	// SourceDetails says of every system ever heard what Sources says, and what its
	// events of [since, until) are worth.
	SourceDetails(ctx context.Context, since, until time.Time) ([]SourceDetail, error)
	// Habits says of every source that was heard in the newest hour that is kept, or
	// in the same hour of the four weeks before, in how many of the minutes; at most
	// limit of them, by system, location and register.
	Habits(ctx context.Context, limit int) ([]Habit, error)
	// Reports says how far each extract of the systems' feeds reaches, by watermarks
	// received since.
	Reports(ctx context.Context, since time.Time, systems []string) ([]Report, error)
	// Queues says what the gauges of each queue said in [since, until), by system,
	// at most limit.
	Queues(ctx context.Context, since, until time.Time, limit int) ([]Queue, error)
	// Replays lists the replays requested in [since, until), newest first, with what
	// has become of each, at most limit.
	Replays(ctx context.Context, since, until time.Time, limit int) ([]Replay, error)
	// QuarantineCounts counts what could not be read, and has not landed since, by
	// reason and sender, the most first, at most limit.
	QuarantineCounts(ctx context.Context, limit int) ([]QuarantineCount, error)
	// Quarantine lists what could not be read, newest first.
	Quarantine(ctx context.Context, q QuarantineQuery) ([]Unread, error)
	// Reingests lists who had it read again, newest first.
	Reingests(ctx context.Context, page Page) ([]Reread, error)
	// Actions lists what people did, newest first.
	Actions(ctx context.Context, q ActionQuery) ([]Action, error)
	// Facets lists the values filters offer: those that occur.
	Facets(ctx context.Context) (Facets, error)
}

// Page is a window into a list. After is the last row already given; the zero
// Cursor starts at the top. Because rows are ordered by what does not change
// when data arrives, a list walked with cursors neither repeats nor skips rows
// that existed when the walk began.
type Page struct {
	Limit int
	After Cursor
}

// Cursor is a row's place in its list.
type Cursor struct {
	At time.Time
	ID string
}

// IsZero reports whether c is the top of the list.
func (c Cursor) IsZero() bool { return c.ID == "" && c.At.IsZero() }

// LifecycleQuery filters lifecycles; empty fields filter nothing. Several values
// of one field mean any of them.
type LifecycleQuery struct {
	Key          string // any key, as in Search
	Workflow     string
	State        inventory.State
	Verdicts     []inventory.Verdict
	Location     string // padded or not
	Register     string
	Region       string
	BusinessDate string // YYYY-MM-DD; NoDate for those that gave none
	Item         string
	Findings     []inventory.Kind // with an open finding of one of these kinds
	Owner        string
	// From and To bound the start of the lifecycle, or the arrival of its newest
	// record where ByReceived is set: From inclusive, To exclusive.
	From, To   time.Time
	ByReceived bool
	Page       Page
}

// NoDate asks for lifecycles without a business date: it is data, never
// derived, so it may be missing.
const NoDate = "none"

// FindingQuery filters findings; empty fields filter nothing.
type FindingQuery struct {
	Kinds          []inventory.Kind
	Cause          string
	Severity       string
	State          FindingStates
	Owner          string
	System         string
	Step           string // with or without its system: posted, erp posted
	Location       string
	Region         string
	MappingVersion string
	Group          string
	LifecycleID    string
	Assignee       string
	IDs            []string // these findings only
	// Groups adds rows for groups of two and more to the list.
	Groups bool
	Page   Page
}

// FindingStates selects findings by their life.
type FindingStates string

// Selections of finding states.
const (
	// ListedFindings are open and closed ones, without the disproved.
	ListedFindings FindingStates = ""
	OpenFindings   FindingStates = "open"
	ClosedFindings FindingStates = "closed"
	// AnyFindings includes disproved ones.
	AnyFindings FindingStates = "any"
)

// Finding is a finding, or a group of Count findings standing as one.
type Finding struct {
	inventory.Finding
	Count int
	// Component is a key of the component of its lifecycle: where what people do
	// about it goes. Zero for groups, and for findings about no lifecycle.
	Component inventory.ScopedKey
}

// ActionQuery filters what people did; empty fields filter nothing.
type ActionQuery struct {
	ID      string
	About   []inventory.ScopedKey // about a component with one of these keys
	Finding string
	By      string
	Batch   string
	Verbs   []inventory.Verb
	Page    Page
}

// Action is something a person did.
type Action struct {
	inventory.Action
	At time.Time
	// Undone: it was a merge or a split, and was taken back.
	Undone bool
}

// Group is one cause and what it reaches.
type Group struct {
	ID       string
	Kind     inventory.Kind
	Cause    inventory.Cause
	Severity inventory.Severity
	Title    string
	// Sentence is that of one member, Value what they have in common besides kind
	// and hop: an unmapped item, an error.
	Sentence, Action        string
	System, Step            string
	ErrorCode, Field, Value string
	MappingVersion          string
	Owner, Runbook          string
	Count, Open             int
	Acknowledged            int // of those open
	Locations               int
	Location                string // the only one, or empty
	Regions                 []string
	Units                   []inventory.Quantity
	Values                  []inventory.Amount
	FirstOccurredAt         time.Time
	FirstOpenedAt           time.Time
	LastOpenedAt            time.Time
	LastClosedAt            time.Time // zero while any is open
	LifecycleID             string    // of the only member, or empty
}

// Finding returns the group as the finding it stands as among its members: one
// cause with a count and no lifecycle.
func (g *Group) Finding() Finding {
	f := inventory.Finding{
		ID: g.ID, Kind: g.Kind, Cause: g.Cause, State: inventory.FindingOpen, Severity: g.Severity, Step: g.Step, System: g.System,
		Location: g.Location, Owner: g.Owner, Runbook: g.Runbook, FirstOccurredAt: g.FirstOccurredAt, OpenedAt: g.FirstOpenedAt,
		ClosedAt: g.LastClosedAt, Units: g.Units, Values: g.Values, MappingVersion: g.MappingVersion, ErrorCode: g.ErrorCode,
		Field: g.Field, Value: g.Value, Title: g.Title, Sentence: g.Sentence, Action: g.Action,
	}
	if len(g.Regions) == 1 {
		f.Region = g.Regions[0]
	}
	if g.Open == 0 {
		f.State = inventory.FindingClosed
	}
	return Finding{Finding: f, Count: g.Count}
}

// StoreDayQuery filters store-days. From and To are business dates, inclusive.
type StoreDayQuery struct {
	Location string
	Region   string
	From, To string
	// Wrong leaves out days on which everything went right.
	Wrong bool
	Page  StoreDayPage
}

// StoreDayPage is a window into the store-days, which are ordered by business
// date, newest first, then location.
type StoreDayPage struct {
	Limit         int
	AfterDate     string
	AfterLocation string
}

// StoreDay is what became of one location's sales of one business date. Every
// sale is counted in exactly one of Posted, Open, Wrong, Unknown and NotOwed.
type StoreDay struct {
	Location     string
	Region       string
	BusinessDate string
	Sold         int
	Posted       int // complete, also late
	Late         int // of Posted
	Open         int // not due yet
	Wrong        int // overdue, failed, stalled or conflicted
	Unknown      int // the ERP's evidence does not reach that far yet
	NotOwed      int // nothing to post: services only, withdrawn
	Units        []inventory.Quantity
	LastSaleAt   time.Time
	// Day is the lifecycle of the day itself where it is posted as a whole, with
	// where that stands; empty elsewhere.
	Day         string
	DayVerdict  inventory.Verdict
	DaySentence string
}

// Hop is a step as lifecycles went through it.
type Hop struct {
	System, Step string
	// Passed counts lifecycles in which it succeeded, Waiting those in which it
	// is owed and not due, Stuck those in which it has an open finding (of any
	// age).
	Passed, Waiting, Stuck int
	// P50 and P99 are the times from the start of the lifecycle to the step.
	P50, P99 time.Duration
	// Limit is its usual deadline.
	Limit time.Duration
}

// Source is a system as we hear it.
type Source struct {
	System   string
	Events   int
	Failures int // failed, rejected and dead-lettered
	LastAt   time.Time
	// Lag is the median from occurring to reaching us, LagP99 its tail.
	Lag, LagP99 time.Duration
	// CompleteThrough is the least watermark of its feeds; zero where it sends
	// none.
	CompleteThrough time.Time
	Feeds           int
}

// TrendSlots is into how many equal parts a source's trend cuts the window.
const TrendSlots = 24

// Limits a source's events are held against; the same the collector counts by.
const (
	// LateAfter is the delay, from an event's own time to its arrival, past which
	// it is late: the time a posting has.
	LateAfter = 5 * time.Minute
	// AheadAfter is how far an event's own time may be ahead of its arrival.
	AheadAfter = 5 * time.Second
)

// SourceDetail is a source, and what its events are worth. Events are counted
// without watermarks; a record delivered again unchanged is one.
type SourceDetail struct {
	Source
	Late  int // after LateAfter
	Ahead int // by more than AheadAfter
	// Skew is the most that an event's own time was ahead of its arrival.
	Skew time.Duration
	// Suppressed counts events that say they are a duplicate.
	Suppressed int
	// Keys counts events by the names of the keys they carry.
	Keys map[string]int
	// Trend is how many events came in each part of the window, oldest first.
	Trend [TrendSlots]int
}

// UnreadState is whether an entry of the quarantine still waits to be read.
type UnreadState string

// Unread states. Any asks for both.
const (
	Waiting UnreadState = "waiting"
	Landed  UnreadState = "landed"
	Any     UnreadState = "any"
)

// QuarantineQuery asks for entries of the quarantine; what is empty is not asked
// for, but for State, which is Waiting then.
type QuarantineQuery struct {
	State          UnreadState
	Source, Reason string
	Page           Page
}

// Unread is an entry of the quarantine.
type Unread struct {
	inventory.Quarantined
	LandedAt time.Time // zero while it waits
	Reingest string    // id of the [Reread] by which it landed
}

// Reread is one time that somebody had entries of the quarantine read again.
type Reread struct {
	ID      string
	At      time.Time
	By, Via string
	Filter  string    // what was asked for, as a query: source=pos-fr&reason=malformed
	Entries int       // that were asked for
	Landed  int       // of them, whole
	Events  int       // that are on disk by it
	EndedAt time.Time // zero while it is under way, or where the process ended
	Error   string    // what ended it before its time
}

// QuarantineCount is how much of a sender could not be read for a reason.
type QuarantineCount struct {
	Reason, Source string
	Count          int
	// Different counts what a sender repeated once.
	Different       int
	Bytes           int64 // as received, of all of them
	FirstAt, LastAt time.Time
}

// Match is a lifecycle found by a key.
type Match struct {
	Lifecycle inventory.Lifecycle // without steps, lines and findings
	// Names are the keys that matched, such as receipt or erp_document.
	Names []string
}

// Facets are the values that occur, sorted.
type Facets struct {
	Workflows, Regions, Systems, Owners, Causes []string
	Kinds                                       []inventory.Kind
}

// Status is how our own pipeline does.
type Status struct {
	// Through is the time up to which everything received has been judged; zero
	// where that is not known.
	Through time.Time
	// Log says how the durable log does.
	Log LogState
	// Detail is the sentence behind a Log that is not fine.
	Detail string
	// Backlog counts messages accepted and not yet processed.
	Backlog uint64
	// Unowned counts partitions nobody processes.
	Unowned int
	// DiskUsed is the share of the data disk in use; zero where unknown.
	DiskUsed float64
	// Quarantine says what the quarantine is about to lose, and what to do; empty
	// where that is nothing.
	Quarantine string
	// QuarantineBytes is how much it holds, as received, and QuarantineMax how much
	// it may before its oldest entries go; zero where unknown.
	QuarantineBytes, QuarantineMax uint64
	// Simulated is set where the estate is not real; Speed is its clock's.
	Simulated bool
	Speed     float64
}

// LogState is how the durable log does.
type LogState string

// Log states.
const (
	LogFine        LogState = ""
	LogFull        LogState = "full"
	LogUnreachable LogState = "unreachable"
)
