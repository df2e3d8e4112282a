package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// maxFailures is how often our own code may fail on a message before the message
// is set aside. Source: design, decision 2.
const maxFailures = 5

// ErrPermanent is wrapped by errors of a Log or a Store that come again whenever
// the same is tried again. Every other error is taken to pass.
var ErrPermanent = errors.New("trying again cannot help")

// faultError is a panic of our own code.
type faultError struct {
	fault any
	stack []byte
}

func (e *faultError) Error() string { return fmt.Sprintf("%v\n%s", e.fault, e.stack) }

// desk hands an owner its messages, and knows which of them our own code has
// failed on, here or in the hands of a former owner.
//
//	fetched by the batch ──▶ in hand ──▶ done
//	                           │ a panic, or an error that trying again cannot help
//	                           ▼
//	                         each one in hand is counted, durably; the ownership ends
//	                           │ the next owner takes those counted one at a time
//	                           ▼
//	                         failed five times: set aside into the quarantine
//
// So a batch that fails costs its innocent messages one count each, and only the
// one that cannot be worked on reaches five. Errors that may pass, such as a
// database that is away, count for nothing.
type desk struct {
	log       Log
	reader    Reader
	partition int
	failures  map[uint64]int // by position
	fetched   []Message      // read and not yet in hand
	inHand    []Message
}

func openDesk(ctx context.Context, log Log, lease Lease) (*desk, error) {
	reader, err := log.Read(ctx, lease)
	if err != nil {
		return nil, fmt.Errorf("read the log: %w", err)
	}
	failures, err := log.Failures(ctx, lease.Partition, reader.Cursor())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read what failed before: %w", err), reader.Close())
	}
	return &desk{log: log, reader: reader, partition: lease.Partition, failures: failures}, nil
}

// next takes messages in hand. One that our code has failed on comes alone, and
// as a *[PoisonError] once it has failed too often.
func (d *desk) next(ctx context.Context) ([]Message, error) {
	if len(d.fetched) == 0 {
		var err error
		if d.fetched, err = d.reader.Fetch(ctx, fetchMessages, fetchWait); err != nil {
			return nil, err
		}
	}
	n := slices.IndexFunc(d.fetched, func(m Message) bool { return d.failures[m.Position] > 0 })
	switch {
	case n < 0:
		n = len(d.fetched)
	case n == 0:
		n = 1
	}
	messages := d.fetched[:n]
	d.fetched = d.fetched[n:]
	if n == 1 && d.failures[messages[0].Position] >= maxFailures {
		m := &messages[0]
		return nil, &PoisonError{
			Partition: d.partition, Position: m.Position, Raw: m.Raw,
			Err: fmt.Errorf("our own code has failed on it %d times; the engine's log says how", d.failures[m.Position]),
		}
	}
	d.inHand = messages
	return messages, nil
}

// attempt takes a turn, and counts a failure of our own code against the
// messages in hand. The ownership is over after any error.
func (d *desk) attempt(ctx context.Context, turn func(context.Context) error) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = &faultError{fault, debug.Stack()}
		}
		if ours(err) && ctx.Err() == nil {
			err = errors.Join(err, d.count(ctx))
		}
		d.inHand = nil
	}()
	return turn(ctx)
}

// ours reports whether an error is our own code's: one that will come again.
func ours(err error) bool {
	fault := (*faultError)(nil)
	return errors.As(err, &fault) || errors.Is(err, ErrPermanent)
}

func (d *desk) count(ctx context.Context) error {
	for i := range d.inHand {
		if _, err := d.log.Fail(ctx, d.partition, d.inHand[i].Position); err != nil {
			return fmt.Errorf("count a failure: %w", err)
		}
	}
	return nil
}

// setAside has a message that cannot be worked on kept, and moves the cursor
// behind it.
func (d *desk) setAside(ctx context.Context, e *Engine, p *PoisonError) error {
	e.Logger.Error("a message is set aside into the quarantine", "partition", p.Partition, "position", p.Position, "error", p.Err)
	if err := e.keepPoison(ctx, p); err != nil {
		return err
	}
	if err := d.reader.Ack(ctx, p.Position); err != nil {
		return fmt.Errorf("move the cursor: %w", err)
	}
	return nil
}

// stitched stitches a component. Where our code fails on one that no message in
// hand is about, no message is to blame and the partition must go on: the fault
// is returned.
func (o *owner) stitched(ctx context.Context, c *component, now time.Time) (told []inventory.Lifecycle, fault *faultError, err error) {
	defer func() {
		if c.heard {
			return // the message in hand answers for it
		}
		if p := recover(); p != nil {
			fault = &faultError{p, debug.Stack()}
		}
	}()
	for more := true; more && err == nil; more, err = o.recallEvidence(ctx) {
		o.withEvidence(func(ev *Evidence) {
			if c.book != nil {
				_, said := peoples(c.entries) // no record belongs to a book
				told = []inventory.Lifecycle{heedBook(o.Rules, c.book.tell(o.Rules, c.root, ev, now), said)}
				return
			}
			told = o.stitch(o.Rules, slices.Clone(c.entries), ev, now)
		})
	}
	return told, nil, err
}

// unjudged says of a component that our own code fails on it. What is stored of
// it stays as it was; the finding goes with the next judgement that succeeds.
func (o *owner) unjudged(c *component, fault *faultError) FindingRow {
	o.Logger.Error("a transaction cannot be judged", "partition", o.lease.Partition, "key", c.root, "error", fault)
	now := o.Clock.Now()
	f := inventory.Finding{
		ID: findingID(inventory.TelemetryGap, "judge", c.root.String()), Kind: inventory.TelemetryGap, Cause: inventory.CauseTelemetry,
		State: inventory.FindingOpen, Severity: inventory.Critical, System: "stocktrace", FirstOccurredAt: now, OpenedAt: now,
		Title:    "A transaction cannot be judged",
		Sentence: fmt.Sprintf("Our own code fails on what belongs to %s (%v): what is shown of it is as it was before.", c.root, fault.fault),
		Action:   "Report it with the engine's log; a release that can judge it closes this.",
	}
	f.GroupKey = inventory.GroupKey{Kind: f.Kind, Cause: f.Cause, System: f.System, Detail: "judge"}
	f.Group = groupID(f.GroupKey)
	c.findings[f.ID] = ""
	return FindingRow{Finding: f, Partition: o.lease.Partition, Component: c.root, Version: o.version()}
}
