package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/stocktrace/stocktrace/internal/wire"
	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/lifecycle"
)

// Read opens the partition's reader behind the last position acknowledged, and
// takes its cursor over: a former reader can acknowledge nothing from here on.
// Under an epoch that is over it returns [lifecycle.ErrFenced].
func (l *Log) Read(ctx context.Context, lease lifecycle.Lease) (lifecycle.Reader, error) {
	if err := l.check(lease.Partition); err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	return l.open(ctx, lease.Partition, lease.Epoch)
}

func (l *Log) open(ctx context.Context, i int, epoch uint64) (*reader, error) {
	r := &reader{partition: i}
	r.puller = puller{log: l, stream: l.stream(i)}
	r.cursor = cursor{kv: l.cursors, key: cursorKey(i), epoch: epoch, id: nuid.Next()}
	if err := r.cursor.take(ctx); err != nil {
		return nil, fmt.Errorf("read %s: %w", r.stream, err)
	}
	first, last, err := l.ends(ctx, r.stream)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", r.stream, err)
	}
	at := r.cursor.position
	switch {
	case at > last:
		// Positions would be given out a second time, to other records.
		return nil, fmt.Errorf("read %s: it ends at %d, before its cursor at %d: the log was lost or replaced by an older copy; "+
			"start with an empty log directory and database, or restore both from one backup", r.stream, last, at)
	case first > at+1:
		l.log.Error("messages were removed from the log before they were acknowledged", "stream", r.stream, "from", at+1, "to", first-1)
	}
	r.began, r.next = at, at+1
	return r, nil
}

func cursorKey(i int) string { return fmt.Sprintf("p.%02d", i) }

// reader reads one stream in order. Fetch is for one goroutine; End and Ack may
// be called beside it.
type reader struct {
	puller
	partition int
	began     uint64    // the cursor when it was opened
	ready     []message // taken from the server, not yet returned
	cursor    cursor
}

var _ lifecycle.Reader = (*reader)(nil)

// Fetch returns what is there, decoded. A message that cannot be decoded ends
// what is returned; the next Fetch returns it alone as a
// *lifecycle.PoisonError, and the one after that goes on behind it.
func (r *reader) Fetch(ctx context.Context, limit int, wait time.Duration) ([]lifecycle.Message, error) {
	if err := r.fill(ctx, limit, wait); err != nil {
		return nil, err
	}
	var out []lifecycle.Message
	for len(r.ready) > 0 && len(out) < limit {
		m := r.ready[0]
		parcel, err := wire.DecodeParcel(m.data)
		if err != nil {
			if len(out) > 0 {
				return out, nil
			}
			r.ready = r.ready[1:]
			return nil, r.poison(m, err)
		}
		r.ready = r.ready[1:]
		for i := range parcel.Records {
			parcel.Records[i].Partition, parcel.Records[i].Position = r.partition, m.position
		}
		out = append(out, lifecycle.Message{Partition: r.partition, Position: m.position, Parcel: parcel, Raw: m.data})
	}
	return out, nil
}

func (r *reader) fill(ctx context.Context, limit int, wait time.Duration) (err error) {
	if len(r.ready) == 0 {
		r.ready, err = r.pull(ctx, limit, wait)
	}
	return err
}

func (r *reader) poison(m message, err error) error {
	return &lifecycle.PoisonError{Partition: r.partition, Position: m.position, Raw: m.data, Err: fmt.Errorf("it cannot be decoded: %w", err)}
}

// End returns the position of the newest message appended, 0 for an empty log.
func (r *reader) End(ctx context.Context) (uint64, error) {
	_, last, err := r.log.ends(ctx, r.stream)
	return last, err
}

// Cursor returns the position behind which the reader was opened.
func (r *reader) Cursor() uint64 { return r.began }

// Ack acknowledges everything up to position. It is on disk when nil is
// returned; [lifecycle.ErrFenced] means that another reader has been opened.
func (r *reader) Ack(ctx context.Context, position uint64) error {
	if err := r.cursor.move(ctx, position); err != nil {
		return fmt.Errorf("acknowledge %d of %s: %w", position, r.stream, err)
	}
	return nil
}

// Close lets the server forget the reader. The cursor stays where it is.
func (r *reader) Close() error {
	r.close(context.Background())
	return nil
}

// cursor is how far a stream has been acknowledged, and by whom it is read.
type cursor struct {
	kv    jetstream.KeyValue
	key   string
	epoch uint64 // of the reader's lease; 0 where no lease goes with the stream
	id    string // of the reader

	mu       sync.Mutex
	position uint64
	revision uint64
}

// mark is a cursor as stored.
type mark struct {
	Position uint64 `json:"position"`
	Epoch    uint64 `json:"epoch"`
	Reader   string `json:"reader"`
}

// take writes the reader's epoch and name into the cursor where it stands.
func (c *cursor) take(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	ctx, cancel := bounded(ctx)
	defer cancel()
	for {
		entry, err := c.kv.Get(ctx, c.key)
		switch {
		case errors.Is(err, jetstream.ErrKeyNotFound):
			c.position = 0
			c.revision, err = c.kv.Create(ctx, c.key, c.mark(0))
		case err == nil:
			var m mark
			if err := json.Unmarshal(entry.Value(), &m); err != nil {
				return fmt.Errorf("cursor %s: %w", c.key, err)
			}
			if m.Epoch > c.epoch {
				return lifecycle.ErrFenced
			}
			c.position = m.Position
			c.revision, err = c.kv.Update(ctx, c.key, c.mark(m.Position), entry.Revision())
		}
		if err == nil {
			return nil
		}
		// The read may have come from a replica that lags; then the write says so.
		if !conflicted(err) {
			return fmt.Errorf("cursor %s: %w", c.key, err)
		}
	}
}

// move advances the cursor. It never goes back.
func (c *cursor) move(ctx context.Context, position uint64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if position <= c.position {
		return nil
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	for {
		revision, err := c.kv.Update(ctx, c.key, c.mark(position), c.revision)
		if err == nil {
			c.position, c.revision = position, revision
			return nil
		}
		if !conflicted(err) {
			return err
		}
		// Either somebody else took it, or an earlier write of ours arrived
		// although we were told otherwise.
		entry, err := c.kv.Get(ctx, c.key)
		if err != nil {
			return err
		}
		var m mark
		if err := json.Unmarshal(entry.Value(), &m); err != nil {
			return err
		}
		if m.Reader != c.id {
			return lifecycle.ErrFenced
		}
		if entry.Revision() > c.revision {
			c.revision = entry.Revision()
			continue
		}
		// A lagging replica answered: ask again, as long as the caller waits.
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (c *cursor) mark(position uint64) []byte {
	return fmt.Appendf(nil, `{"position":%d,"epoch":%d,"reader":%q}`, position, c.epoch, c.id)
}

// acked returns how far a stream has been acknowledged, whoever reads it.
func (l *Log) acked(ctx context.Context, i int) (uint64, error) {
	m, err := l.mark(ctx, i)
	return m.Position, err
}

// mark returns a stream's cursor, the zero mark where it has none yet.
func (l *Log) mark(ctx context.Context, i int) (mark, error) {
	entry, err := l.cursors.Get(ctx, cursorKey(i))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return mark{}, nil
	}
	if err != nil {
		return mark{}, fmt.Errorf("cursor %s: %w", cursorKey(i), err)
	}
	var m mark
	if err := json.Unmarshal(entry.Value(), &m); err != nil {
		return mark{}, fmt.Errorf("cursor %s: %w", cursorKey(i), err)
	}
	return m, nil
}

// Fail counts one more failure of the message at position and returns how many
// there have been. The count survives restarts and take-overs; it is forgotten
// after 30 days.
func (l *Log) Fail(ctx context.Context, partition int, position uint64) (int, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	key := failureKey(partition, position)
	for {
		n, revision, err := l.failed(ctx, key)
		if err == nil {
			if value := []byte(strconv.Itoa(n + 1)); revision == 0 {
				_, err = l.failures.Create(ctx, key, value)
			} else {
				_, err = l.failures.Update(ctx, key, value, revision)
			}
		}
		if err == nil {
			return n + 1, nil
		}
		if !conflicted(err) {
			return 0, fmt.Errorf("count failure of message %d of partition %d: %w", position, partition, err)
		}
	}
}

// Failures returns how often Fail was called for each of the partition's
// messages behind position.
func (l *Log) Failures(ctx context.Context, partition int, position uint64) (map[uint64]int, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	fail := func(err error) (map[uint64]int, error) {
		return nil, fmt.Errorf("failures in partition %d: %w", partition, err)
	}
	watch, err := l.failures.WatchFiltered(ctx, []string{fmt.Sprintf("%02d.*", partition)}, jetstream.IgnoreDeletes())
	if err != nil {
		return fail(err)
	}
	defer func() { _ = watch.Stop() }()
	counts := map[uint64]int{}
	for {
		select {
		case <-ctx.Done():
			return fail(ctx.Err())
		case entry, open := <-watch.Updates():
			switch {
			case !open:
				return fail(errors.New("the connection was closed"))
			case entry == nil: // all there were when it began
				return counts, nil
			}
			_, number, _ := strings.Cut(entry.Key(), ".")
			at, err := strconv.ParseUint(number, 10, 64)
			if err == nil && at > position {
				counts[at], err = strconv.Atoi(string(entry.Value()))
			}
			if err != nil {
				return fail(fmt.Errorf("key %q: %w", entry.Key(), err))
			}
		}
	}
}

func (l *Log) failed(ctx context.Context, key string) (n int, revision uint64, err error) {
	entry, err := l.failures.Get(ctx, key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, err
	}
	if n, err = strconv.Atoi(string(entry.Value())); err != nil {
		return 0, 0, err
	}
	return n, entry.Revision(), nil
}

func failureKey(partition int, position uint64) string {
	return fmt.Sprintf("%02d.%d", partition, position)
}

// QuarantineReader reads what could not be read, for whoever stores it. It is
// opened, acknowledged and fenced like a partition's reader.
type QuarantineReader struct{ r *reader }

// QuarantineMessage is one message of the quarantine's log.
type QuarantineMessage struct {
	Position uint64
	Items    []inventory.Quarantined
}

// QuarantineReader opens the quarantine behind the last position acknowledged.
func (l *Log) QuarantineReader(ctx context.Context) (*QuarantineReader, error) {
	r, err := l.open(ctx, l.quarantine(), 0)
	if err != nil {
		return nil, err
	}
	return &QuarantineReader{r}, nil
}

// Fetch returns up to limit messages, waiting at most wait for the first one. A
// message that cannot be decoded comes as a *lifecycle.PoisonError.
func (q *QuarantineReader) Fetch(ctx context.Context, limit int, wait time.Duration) ([]QuarantineMessage, error) {
	r := q.r
	if err := r.fill(ctx, limit, wait); err != nil {
		return nil, err
	}
	var out []QuarantineMessage
	for len(r.ready) > 0 && len(out) < limit {
		m := r.ready[0]
		items, err := wire.DecodeQuarantined(m.data)
		if err != nil {
			if len(out) > 0 {
				return out, nil
			}
			r.ready = r.ready[1:]
			return nil, r.poison(m, err)
		}
		r.ready = r.ready[1:]
		out = append(out, QuarantineMessage{Position: m.position, Items: items})
	}
	return out, nil
}

// Ack acknowledges every message up to position.
func (q *QuarantineReader) Ack(ctx context.Context, position uint64) error {
	return q.r.Ack(ctx, position)
}

// Close lets the server forget the reader.
func (q *QuarantineReader) Close() error { return q.r.Close() }
