package stream

import (
	"context"
	"time"

	"github.com/stocktrace/stocktrace/internal/wire"
	"github.com/stocktrace/stocktrace/inventory"
)

// factsWait is how long Facts waits for the next fact before it says again how
// far it has caught up.
const factsWait = 250 * time.Millisecond

// Facts calls yield with every fact from position from on, in order. caughtUp
// gets a time of the log's clock when every fact whose publish had returned by
// then has been yielded.
//
// It rides out a server that is away, saying nothing meanwhile, and returns only
// when ctx ends, with its error.
func (l *Log) Facts(ctx context.Context, from uint64, yield func(inventory.Fact), caughtUp func(time.Time)) error {
	p := puller{log: l, stream: l.stream(l.partitions), next: max(1, from)}
	defer p.close(ctx)
	var end uint64     // what has to be yielded …
	var asOf time.Time // … to have caught up to
	for ctx.Err() == nil {
		if asOf.IsZero() {
			now := l.clock.Now()
			first, last, err := l.ends(ctx, p.stream)
			if err != nil {
				l.pause(ctx, "facts", err)
				continue
			}
			end, asOf, p.next = last, now, max(p.next, first)
		}
		wait := time.Duration(0)
		if p.next > end {
			caughtUp(asOf)
			asOf, wait = time.Time{}, factsWait
		}
		messages, err := p.pull(ctx, 256, wait)
		if err != nil {
			if ctx.Err() == nil {
				l.pause(ctx, "facts", err)
			}
			continue
		}
		for _, m := range messages {
			parcel, err := wire.DecodeParcel(m.data)
			if err != nil {
				// The fact partition's owner meets it too, and quarantines it.
				l.log.Error("fact cannot be read", "position", m.position, "error", err)
				continue
			}
			for i := range parcel.Records {
				if r := &parcel.Records[i]; r.Event.Watermark != nil {
					yield(inventory.Fact{RecordID: r.ID, Position: m.position, ReceivedAt: r.ReceivedAt, Watermark: *r.Event.Watermark})
				}
			}
		}
	}
	return ctx.Err()
}

// pause logs why something is tried again, and waits a moment first.
func (l *Log) pause(ctx context.Context, what string, err error) {
	l.log.Warn("trying again", "what", what, "error", err)
	select {
	case <-ctx.Done():
	case <-time.After(500 * time.Millisecond):
	}
}
