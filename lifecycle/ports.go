package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// Parcel is what one message of a partition's log carries. Records enter here;
// moves and bindings come from other partitions.
type Parcel struct {
	Records  []inventory.Record
	Moves    []Move
	Bindings []Binding
}

// Move is a copy of a record on its way to the home of To. It feeds stitching
// only: the raw row stays with the partition the record entered through, named
// by the record's own Partition and Position.
type Move struct {
	Record inventory.Record
	To     inventory.ScopedKey
	// Echo is set where the record does not belong there but concerns it: the key
	// it was first sent to, and how it relates. To is then where that key lives.
	Echo inventory.Echo
}

// Binding announces to the home of Key that its component has the lesser key
// Lesser.
type Binding struct {
	Key, Lesser inventory.ScopedKey
	// Origin is the received time of the record that proved it.
	Origin time.Time
}

// Message is one message of a partition's log.
type Message struct {
	Partition int
	Position  uint64 // stream sequence: unique and increasing within the partition
	Parcel    Parcel
	Raw       []byte // as the log holds it, for the quarantine
}

// Log is the durable, partitioned log. Partitions are numbered from 0; the fact
// partition, which carries watermarks for everyone, has the number Partitions().
type Log interface {
	Partitions() int
	// Publish appends a parcel and returns its position. When it returns nil the
	// parcel is on disk. id lets the log drop a repetition within its window (the
	// position is then that of the first); correctness never rests on that.
	Publish(ctx context.Context, partition int, id string, p Parcel) (position uint64, err error)
	// Read opens a reader behind the partition's cursor: at the first message not
	// acknowledged. Only the holder of the partition's lease may; its epoch fences
	// the cursor.
	Read(ctx context.Context, lease Lease) (Reader, error)
	// Fail counts, durably, one more failure of our own code on the message at
	// position, and returns how many there have been, whoever counted them.
	Fail(ctx context.Context, partition int, position uint64) (int, error)
	// Failures returns how often Fail was called for each message behind position
	// for which it was.
	Failures(ctx context.Context, partition int, position uint64) (map[uint64]int, error)
	// Facts calls yield with every fact from position from on, in order, until
	// ctx ends: a reader of its own in every process, acknowledging nothing.
	// caughtUp is called with the time up to which all facts have been yielded,
	// each time that is known, at least once a second.
	Facts(ctx context.Context, from uint64, yield func(inventory.Fact), caughtUp func(time.Time)) error
}

// ErrFenced is returned to a former owner of a partition.
var ErrFenced = errors.New("the partition has another owner")

// PoisonError is a message that nothing can be done with: it cannot be decoded,
// or our own code fails on it again and again.
type PoisonError struct {
	Partition int
	Position  uint64
	Raw       []byte
	Err       error
}

func (e *PoisonError) Error() string {
	return fmt.Sprintf("message %d of partition %d: %v", e.Position, e.Partition, e.Err)
}

func (e *PoisonError) Unwrap() error { return e.Err }

// Reader reads one partition's log in order, without gaps.
type Reader interface {
	// Fetch returns up to limit messages, waiting at most wait for the first one.
	// None and no error means the log had nothing. A message that cannot be
	// decoded ends the messages before it; when it is the first one it is returned
	// as a *PoisonError, and the next Fetch goes on behind it.
	Fetch(ctx context.Context, limit int, wait time.Duration) ([]Message, error)
	// Cursor returns the position behind which the reader began: everything up to
	// it was done with before.
	Cursor() uint64
	// End returns the position of the newest message appended, 0 for an empty log.
	End(ctx context.Context) (uint64, error)
	// Ack moves the partition's cursor to position: every message up to it is
	// done with, and after a crash reading starts behind it. The cursor is a
	// compare-and-set under the lease's epoch: a former owner that was paused gets
	// ErrFenced and changes nothing, so its successor misses no message.
	Ack(ctx context.Context, position uint64) error
	Close() error
}

// Lease is the right to own a partition. Epoch grows with every take-over, and
// never otherwise; it fences what a paused former owner may still write.
type Lease struct {
	Partition int
	Epoch     uint64
}

// Progress is how far a partition's owner has come.
type Progress struct {
	Partition int
	Epoch     uint64
	// Position is the last message fully processed: its effects are durable.
	Position uint64
	// Through: everything received up to then has been processed here, and
	// everything it sent to other partitions has been processed there.
	Through time.Time
}

// Board is where owners publish their progress for each other. It may forget
// everything in a restart; owners report again.
type Board interface {
	Report(ctx context.Context, p Progress) error
	// Progress returns the newest progress of every partition that has one,
	// whoever owns it.
	Progress() map[int]Progress
}

// Version orders rows about one lifecycle, finding or binding written by one
// partition: the lease's epoch first, then the owner's count of writes in it.
// Never time: a paused former owner cannot overwrite its successor.
type Version struct {
	Epoch    uint64
	Revision uint64
}

// Row is a lifecycle as stored by its home partition. Deleted rows are
// tombstones of what moved away or merged.
type Row struct {
	Lifecycle inventory.Lifecycle
	Partition int
	Position  uint64 // newest log position of Partition taken into account
	Version   Version
	Deleted   bool
	// NewKeys are search keys not written before for this lifecycle.
	NewKeys []inventory.Key
}

// FindingRow is a finding as stored by the partition of its lifecycle; feed
// findings are stored by the fact partition.
type FindingRow struct {
	Finding   inventory.Finding
	Partition int
	// Component is the root of the lifecycle's component when it was written;
	// zero for findings about feeds.
	Component inventory.ScopedKey
	Version   Version
	Deleted   bool
}

// BindingRow says that Key belongs to the component with the least key Root, as
// far as Partition knows.
type BindingRow struct {
	Partition int
	Key, Root inventory.ScopedKey
	Version   Version
}

// Component is what the store remembers of a component at its home.
type Component struct {
	Root inventory.ScopedKey
	// Lifecycles and Findings are the live rows, to be tombstoned when they are no
	// longer computed.
	Lifecycles []StoredLifecycle
	Findings   []string // ids
}

// StoredLifecycle is the part of a stored lifecycle a cold load needs.
type StoredLifecycle struct {
	ID          string
	Identifiers []inventory.ScopedKey
	// ComputedAt is the now it was computed with: never judged by less again.
	ComputedAt time.Time
}

// Store is the memory behind the engine. Every read sees what a write has
// returned for; every method may be called from several goroutines.
type Store interface {
	// Each write is durable when it returns nil, and may be repeated with the same
	// content after an error or a crash. The engine calls them in the order that
	// makes a crash between any two harmless (see docs/ARCHITECTURE.md).
	WriteRecords(ctx context.Context, records []inventory.Record) error
	WriteBindings(ctx context.Context, rows []BindingRow) error
	WriteLifecycles(ctx context.Context, rows []Row) error
	WriteFindings(ctx context.Context, rows []FindingRow) error

	// Held returns which of the records have their raw row already.
	Held(ctx context.Context, records []inventory.Record) (map[inventory.Identity]bool, error)
	// Roots returns what the partition has stored of the given keys' roots; keys
	// it does not know are absent.
	Roots(ctx context.Context, partition int, keys []inventory.ScopedKey) (map[inventory.ScopedKey]inventory.ScopedKey, error)
	// Components returns the live rows that the partition wrote under any of the
	// given roots; roots without live rows are absent.
	Components(ctx context.Context, partition int, roots []inventory.ScopedKey) (map[inventory.ScopedKey]Component, error)
	// Records returns every raw record whose entry key is among keys, without its
	// Raw bytes: they decide nothing.
	Records(ctx context.Context, keys []inventory.ScopedKey) ([]inventory.Record, error)
	// Echoes returns every raw record that is an echo to any of the keys (see
	// [inventory.Record.Echoes]), without its Raw bytes.
	Echoes(ctx context.Context, keys []inventory.ScopedKey) ([]inventory.Record, error)
	// Known calls yield with the hash (KeyHash) of every key the partition has
	// bound and every record identity it holds, for the cold filter.
	Known(ctx context.Context, partition int, yield func(hash uint64)) error
	// OpenComponents calls yield with the root of every component that has an
	// open lifecycle at the partition.
	OpenComponents(ctx context.Context, partition int, yield func(root inventory.ScopedKey)) error
	// Facts calls yield with every stored watermark received since, in order of
	// position.
	Facts(ctx context.Context, since time.Time, yield func(inventory.Fact)) error
	// Readings calls yield with every stored reading received since, in order of
	// position, then record id.
	Readings(ctx context.Context, since time.Time, yield func(inventory.Measured)) error
	// FactsAbout calls yield with every stored watermark of one of the systems at
	// one of the locations, written without padding and empty where a watermark
	// names none; and perhaps with others.
	FactsAbout(ctx context.Context, systems, locations []string, yield func(inventory.Fact)) error
	// Heard calls yield with what was received of each source in each hour from one
	// time (a whole hour) until another, by hour, system, location and register.
	Heard(ctx context.Context, from, until time.Time, yield func(inventory.Heard)) error
	// KeepHeard keeps hours for good: of each all that was heard, and a row without a
	// system that says it is all. What is kept again replaces what was.
	KeepHeard(ctx context.Context, rows []inventory.Heard) error
	// KeptHeard calls yield with what is kept of the hours since, as Heard does; an
	// hour's row without a system comes first.
	KeptHeard(ctx context.Context, since time.Time, yield func(inventory.Heard)) error
	// FirstReceived is when the oldest record there is was received; zero where
	// there is none.
	FirstReceived(ctx context.Context) (time.Time, error)
	// ResumedBy returns the first record of a source, as its events write it, that
	// was received in the minute from at on; empty: any.
	ResumedBy(ctx context.Context, system, location, register string, at time.Time) (r Resumed, ok bool, err error)
}

// Clock tells the time; a simulated retailer runs it faster.
type Clock interface {
	Now() time.Time
	// After sends once d of this clock has passed, as near as real timers allow.
	After(d time.Duration) <-chan time.Time
}
