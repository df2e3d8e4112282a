package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// EngineOptions are what an engine is made of. Log, Store, Board, Clock and
// Rules are required.
type EngineOptions struct {
	Log   Log
	Store Store
	Board Board
	Clock Clock
	Rules *Rules
	// Quarantine keeps a message that cannot be decoded, or that our own code fails
	// on; durable when it returns nil.
	Quarantine func(ctx context.Context, items []inventory.Quarantined) error
	Logger     *slog.Logger
	// Changed is called after each flush with what it wrote; it must not block.
	Changed func(lifecycles, findings int)
	// Hot is how many closed components a partition keeps in memory against late
	// records; 4,000 unless set.
	Hot int
	// Awake is how heavy the components of a partition may be together that have
	// their records in memory, in records and lines, about half a kilobyte each;
	// 100,000 unless set. Open ones beyond it rest: they are read from the store
	// when something is said about them, or their time has come.
	Awake int
}

// Engine stitches what the log brings and writes what it finds. One process
// runs one engine; it owns the partitions it holds a lease for.
type Engine struct {
	EngineOptions

	mu            sync.Mutex
	evidence      *Evidence
	known         map[uint64]struct{} // record ids of facts taken in, hashed: a week has a million
	seed          maphash.Seed
	factsThrough  time.Time
	low           time.Time // the highest low watermark seen
	evidenceDirty uint64    // counts facts, so that owners notice new ones

	ready chan struct{} // closed once stored facts are loaded

	// factHistory and trimEvery, smaller in tests.
	factHistory time.Duration
	trimEvery   uint64

	// stitch is stitchComponent; tests put a fault of ours in its place.
	stitch func(*Rules, []entry, *Evidence, time.Time) []inventory.Lifecycle
}

// factHistory is how long watermarks are kept in memory, once trimEvery more have
// come. A lifecycle that asks for older ones has them read from the store.
const (
	factHistory = 7 * 24 * time.Hour
	trimEvery   = 10_000
)

// NewEngine returns an engine; Run starts it.
func NewEngine(o EngineOptions) *Engine {
	if o.Hot == 0 {
		o.Hot = 4_000
	}
	if o.Awake == 0 {
		o.Awake = 100_000
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Changed == nil {
		o.Changed = func(int, int) {}
	}
	return &Engine{
		EngineOptions: o, evidence: o.Rules.NewEvidence(), known: map[uint64]struct{}{}, seed: maphash.MakeSeed(), ready: make(chan struct{}),
		stitch: stitchComponent, factHistory: factHistory, trimEvery: trimEvery,
	}
}

// Run keeps the engine's view of the facts, which every partition it owns needs.
// It returns when ctx ends, with nil, or when the facts cannot be read.
func (e *Engine) Run(ctx context.Context) error {
	from := uint64(1)
	// From the first one on, and trimmed on the way: which silence is one depends
	// on the gaps before it, so an engine that began later would see others.
	err := e.Store.Facts(ctx, time.Unix(0, 0), func(f inventory.Fact) {
		e.takeFact(f)
		from = max(from, f.Position+1)
	})
	if err != nil {
		return fmt.Errorf("load facts: %w", err)
	}
	close(e.ready)
	err = e.Log.Facts(ctx, from, e.takeFact, func(t time.Time) {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.factsThrough = later2(e.factsThrough, t)
	})
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("read facts: %w", err)
	}
	return nil
}

func (e *Engine) takeFact(f inventory.Fact) {
	e.mu.Lock()
	defer e.mu.Unlock()
	id := maphash.String(e.seed, f.RecordID)
	if _, again := e.known[id]; again {
		return
	}
	e.known[id] = struct{}{}
	e.evidence.Add(f)
	e.evidenceDirty++
	if e.evidenceDirty%e.trimEvery == 0 {
		e.evidence.Trim(e.Rules.Location, f.ReceivedAt.Add(-e.factHistory))
		if len(e.known) > 1_000_000 {
			clear(e.known)
		}
	}
}

// withEvidence calls f with the evidence, which may not be kept.
func (e *Engine) withEvidence(f func(ev *Evidence)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f(e.evidence)
}

// recallEvidence gives the evidence back what it was asked about and had
// forgotten; more reports whether there was anything.
func (e *Engine) recallEvidence(ctx context.Context) (more bool, err error) {
	var systems, locations []string
	e.withEvidence(func(ev *Evidence) { systems, locations = ev.Missed() })
	if len(systems) == 0 {
		return false, nil
	}
	var facts []inventory.Fact
	err = e.Store.FactsAbout(ctx, systems, locations, func(f inventory.Fact) { facts = append(facts, f) })
	if err != nil {
		return false, fmt.Errorf("load older evidence: %w", err)
	}
	e.withEvidence(func(ev *Evidence) { ev.Restore(systems, locations, facts) })
	return true, nil
}

// watermark is the time up to which everything received has been processed in
// every partition: what may be judged by silence. Zero while some partition has
// no owner that has reported.
func (e *Engine) watermark() time.Time {
	e.mu.Lock()
	low := e.factsThrough
	e.mu.Unlock()
	progress := e.Board.Progress()
	for p := range e.Log.Partitions() {
		through := progress[p].Through
		if through.Before(low) {
			low = through
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	// Once reached it holds, whoever forgets it. Microseconds, as it is stored.
	e.low = later2(e.low, low.Truncate(time.Microsecond))
	return e.low
}

// Watermark returns the engine's low watermark, for people who ask whether its
// own pipeline is behind.
func (e *Engine) Watermark() time.Time { return e.watermark() }

// Own processes a partition until ctx ends or the lease is lost to another. It
// starts from what the store holds, so it may be called again after any crash.
//
// A fault of ours that panics ends this ownership with an error, not the
// process: the partition is taken up again behind its cursor, and the messages
// that were in hand are counted (see [desk]).
func (e *Engine) Own(ctx context.Context, lease Lease) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("partition %d: %v\n%s", lease.Partition, fault, debug.Stack())
		}
	}()
	select {
	case <-e.ready:
	case <-ctx.Done():
		return nil
	}
	if lease.Partition == e.Log.Partitions() {
		err = e.ownFacts(ctx, lease)
	} else {
		err = e.ownPartition(ctx, lease)
	}
	if ctx.Err() != nil || errors.Is(err, ErrFenced) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("partition %d: %w", lease.Partition, err)
	}
	return nil
}

// progressTracker works out how far a partition has come: a probe notes the time
// and the log's end; once processing has passed that end, everything received up
// to that time is done.
type progressTracker struct {
	lease   Lease
	probe   time.Time
	end     uint64
	through time.Time
	sent    []sent
}

// sent is a message to another partition that it has not processed yet.
type sent struct {
	partition int
	position  uint64
	origin    time.Time
}

// advance takes a new probe where the last one was passed, and returns the
// progress to report.
func (t *progressTracker) advance(ctx context.Context, e *Engine, reader Reader, position uint64) Progress {
	for range 2 {
		if !t.probe.IsZero() && position >= t.end {
			t.through = later2(t.through, t.probe)
			t.probe = time.Time{}
		}
		if t.probe.IsZero() {
			at := e.Clock.Now()
			end, err := reader.End(ctx)
			if err != nil {
				// Not knowing how far the log reaches holds the watermark back; it is
				// no reason to give the partition up.
				e.Logger.Warn("cannot tell how far behind a partition is", "partition", t.lease.Partition, "error", err)
				break
			}
			t.probe, t.end = at, end
		}
	}
	through := t.through
	if len(t.sent) > 0 {
		others := e.Board.Progress()
		kept := t.sent[:0]
		for _, s := range t.sent {
			if others[s.partition].Position < s.position {
				kept = append(kept, s)
				if s.origin.Before(through) {
					through = s.origin
				}
			}
		}
		t.sent = kept
	}
	return Progress{Partition: t.lease.Partition, Epoch: t.lease.Epoch, Position: position, Through: through}
}
