package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// pullBytes is how much one fetch is meant to take from the server at most. A
	// server cuts off a client that has more than 64 MiB under way to it, so the
	// number of messages to ask for follows their size: few at first, never more
	// than pullMessages, and one after an error.
	pullBytes    = 16 << 20
	pullFirst    = 4
	pullMessages = 64
	// askTimeout bounds a small question. It is short because an answer that went
	// down with its server never comes, and whoever asked can ask again.
	askTimeout = 2 * time.Second
	// idle is after how long without a fetch the server forgets a reader. It is
	// made again where it was.
	idle = time.Minute
)

// puller reads a stream's messages in order and without gaps from next on. Its
// consumer in the server is a throw-away: whatever is odd, a gap, a lost
// connection, a restarted server, it makes another one at next.
//
// It is for one goroutine.
type puller struct {
	log    *Log
	stream string
	next   uint64 // stream sequence

	consumer  jetstream.Consumer
	delivered uint64 // consumer sequence of the last message taken
	chunk     int    // messages to ask for at once; 0 before the first
}

// message is one message as the stream holds it.
type message struct {
	position uint64
	data     []byte
}

// pull returns up to limit messages, waiting at most wait for the first one.
func (p *puller) pull(ctx context.Context, limit int, wait time.Duration) ([]message, error) {
	var out []message
	size := 0
	for len(out) < limit && size < pullBytes {
		if p.chunk == 0 {
			p.chunk = pullFirst
		}
		n, err := p.batch(ctx, &out, min(limit-len(out), p.chunk), 0)
		got := 0
		for _, m := range out[len(out)-n:] {
			got += len(m.data)
		}
		size += got
		switch {
		case err != nil:
			p.chunk = 1
		case n > 0:
			p.chunk = max(1, min(pullMessages, pullBytes/max(1, got/n)))
		}
		switch {
		case err != nil && len(out) > 0:
			return out, nil // the next call meets the error, if it stays
		case err != nil:
			return nil, err
		case n > 0:
			continue
		case len(out) > 0 || wait <= 0:
			return out, nil
		}
		if n, err = p.batch(ctx, &out, 1, wait); err != nil || n == 0 {
			return nil, err
		}
		size, wait = len(out[0].data), 0
	}
	return out, nil
}

// batch asks the server once, and appends what came. With no wait it takes what
// is there. Where the server has forgotten the consumer it asks a new one.
func (p *puller) batch(ctx context.Context, out *[]message, limit int, wait time.Duration) (n int, err error) {
	known := p.consumer != nil
	n, err = p.ask(ctx, out, limit, wait)
	if err != nil && known && n == 0 && ctx.Err() == nil {
		n, err = p.ask(ctx, out, limit, wait)
	}
	return n, err
}

func (p *puller) ask(ctx context.Context, out *[]message, limit int, wait time.Duration) (n int, err error) {
	if err := p.consume(ctx); err != nil {
		return 0, err
	}
	var batch jetstream.MessageBatch
	if wait > 0 {
		// The client gives up with the context, the server a little before.
		waiting, cancel := context.WithTimeout(ctx, wait)
		defer cancel()
		batch, err = p.consumer.Fetch(limit, jetstream.FetchContext(waiting))
	} else {
		batch, err = p.consumer.FetchNoWait(limit)
	}
	if err != nil {
		p.drop()
		return 0, fmt.Errorf("fetch from %s: %w", p.stream, err)
	}
	lost := false
	for m := range batch.Messages() {
		meta, err := m.Metadata()
		if err != nil || meta.Sequence.Consumer != p.delivered+1 {
			lost = true // on its way here: read it, and what follows, again
		}
		if lost {
			continue
		}
		p.delivered = meta.Sequence.Consumer
		p.next = meta.Sequence.Stream + 1
		*out = append(*out, message{position: meta.Sequence.Stream, data: m.Data()})
		n++
	}
	err = batch.Error()
	switch {
	case ctx.Err() != nil:
		p.drop() // what is on its way to us is not for the next call
		return n, ctx.Err()
	case err != nil && !errors.Is(err, context.DeadlineExceeded):
		p.drop()
		return n, fmt.Errorf("fetch from %s: %w", p.stream, err)
	case lost:
		p.drop()
	}
	return n, nil
}

// consume makes the consumer where there is none.
func (p *puller) consume(ctx context.Context) error {
	if p.consumer != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	consumer, err := p.log.js.CreateConsumer(ctx, p.stream, jetstream.ConsumerConfig{
		AckPolicy: jetstream.AckNonePolicy, DeliverPolicy: jetstream.DeliverByStartSequencePolicy,
		OptStartSeq: max(1, p.next), InactiveThreshold: idle, MemoryStorage: true, Replicas: 1,
	})
	if err != nil {
		return fmt.Errorf("read %s: %w", p.stream, err)
	}
	p.consumer, p.delivered = consumer, 0
	return nil
}

// drop forgets the consumer. The server forgets it too once it is idle; nobody
// waits for that.
func (p *puller) drop() { p.consumer = nil }

// close forgets the consumer and tells the server, where it listens.
func (p *puller) close(ctx context.Context) {
	if p.consumer == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := p.log.js.DeleteConsumer(ctx, p.stream, p.consumer.CachedInfo().Name); err != nil {
		p.log.log.Debug("end reader", "stream", p.stream, "error", err)
	}
	p.consumer = nil
}

// ends returns the first and the last position of a stream. An empty stream's
// first is its last + 1.
func (l *Log) ends(ctx context.Context, stream string) (first, last uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	s, err := l.ctl.Stream(ctx, stream)
	if err != nil {
		return 0, 0, fmt.Errorf("ask for the end of %s: %w", stream, err)
	}
	state := s.CachedInfo().State
	return max(1, state.FirstSeq), state.LastSeq, nil
}
