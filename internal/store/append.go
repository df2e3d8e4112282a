package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/stocktrace/stocktrace/queries"
)

// appender writes rows to one table. Callers that come while an insert runs, or
// shortly after one began, share the next: what costs the database is the number
// of inserts, not of rows.
//
//	caller ─┐                    ┌─▶ caller
//	caller ─┼─ waiting ── insert ┼─▶ caller     durable, or the insert's error
//	caller ─┘                    └─▶ caller
type appender[T any] struct {
	insert  queries.Query
	columns []column[T]       // those of insert, in its order
	compare func(a, b *T) int // the table's order
	into    inserter

	mu      sync.Mutex
	waiting []*request[T]
	running bool // a goroutine is inserting
	began   time.Time
	took    time.Duration // the last insert, if it was a large one

	// What follows belongs to the inserting goroutine.
	order   []*T
	encoder encoder
}

// inserter is the part of the store an appender needs.
type inserter struct {
	send     func(ctx context.Context, q queries.Query, token string, block []byte) error
	interval time.Duration   // between the beginnings of two inserts
	closing  context.Context // ends when no more rows are taken
	base     context.Context // ends when nothing waits for inserts any more
	tasks    *sync.WaitGroup
}

// request is the rows of one caller.
type request[T any] struct {
	rows []T
	ctx  context.Context
	done chan error // buffered
}

// maxRows bounds what different callers' rows are put together into.
const maxRows = 50_000

// keepBlock is how large an encoded block may be for its memory to be kept.
const keepBlock = 32 << 20

// write returns when the rows are durable. They must not change until then.
func (a *appender[T]) write(ctx context.Context, rows []T) error {
	if len(rows) == 0 {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	r := &request[T]{rows: rows, ctx: ctx, done: make(chan error, 1)}
	a.mu.Lock()
	if a.into.closing.Err() != nil {
		a.mu.Unlock()
		return ErrClosed
	}
	a.waiting = append(a.waiting, r)
	if !a.running {
		a.running = true
		a.into.tasks.Go(a.run)
	}
	a.mu.Unlock()

	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
	}
	a.mu.Lock()
	i := slices.Index(a.waiting, r)
	if i >= 0 {
		a.waiting = slices.Delete(a.waiting, i, i+1)
	}
	a.mu.Unlock()
	if i >= 0 {
		return ctx.Err()
	}
	// The rows are being read. Their insert ends with the last of those who wait
	// for it.
	return <-r.done
}

// run inserts until nobody waits.
func (a *appender[T]) run() {
	for {
		a.mu.Lock()
		wait := a.pace() - time.Since(a.began)
		if len(a.waiting) == 0 {
			a.running = false
			a.mu.Unlock()
			return
		}
		a.mu.Unlock()
		if wait > 0 {
			timer := time.NewTimer(wait)
			select {
			case <-timer.C:
			case <-a.into.closing.Done(): // no more callers will come
				timer.Stop()
			}
		}
		a.mu.Lock()
		n, rows := 0, 0
		for n < len(a.waiting) && (n == 0 || rows+len(a.waiting[n].rows) <= maxRows) {
			rows += len(a.waiting[n].rows)
			n++
		}
		batch := slices.Clone(a.waiting[:n])
		a.waiting = slices.Delete(a.waiting, 0, n)
		a.began = time.Now()
		a.mu.Unlock()

		err := a.flush(batch)
		a.mu.Lock()
		a.took = 0
		if rows >= manyRows {
			a.took = time.Since(a.began)
		}
		a.mu.Unlock()
		for _, r := range batch {
			r.done <- err
		}
	}
}

// Where there is much to insert, a table spends at most one part in restParts
// inserting, as long as its rows need not wait longer than longestPace for it:
// fewer and larger inserts cost less (of one into lifecycles, nine milliseconds are
// the same for one row and for thousands, and every part has to be merged), and
// what is told of one transaction meanwhile is written once. Few rows are not made
// to wait, for somebody waits for what they say.
const (
	manyRows    = 500
	restParts   = 10
	longestPace = time.Second
)

// pace is the least time between the beginnings of two inserts. a.mu is held.
func (a *appender[T]) pace() time.Duration {
	if a.into.interval < 0 {
		return a.into.interval
	}
	return max(a.into.interval, min(restParts*a.took, longestPace))
}

// flush inserts the rows of a batch as one block.
func (a *appender[T]) flush(batch []*request[T]) error {
	ctx, cancel := context.WithCancel(a.into.base)
	defer cancel()
	// An insert nobody waits for any more is given up.
	var left sync.WaitGroup
	left.Add(len(batch))
	for _, r := range batch {
		stop := context.AfterFunc(r.ctx, left.Done)
		defer func() {
			if stop() {
				left.Done()
			}
		}()
	}
	go func() {
		left.Wait()
		cancel()
	}()

	a.order = a.order[:0]
	for _, r := range batch {
		for i := range r.rows {
			a.order = append(a.order, &r.rows[i])
		}
	}
	// The table's order saves the database the sorting. Which of two rows of one key
	// counts is for their version to say, or they say the same.
	slices.SortFunc(a.order, a.compare)
	block := appendBlock(&a.encoder, a.columns, a.order)
	err := a.into.send(ctx, a.insert, token(block), block)
	clear(a.order)
	if cap(block) > keepBlock {
		a.encoder.buf = nil
	}
	if err != nil && a.into.base.Err() != nil {
		return ErrClosed
	}
	return err
}

var seed = maphash.MakeSeed()

// token names a block by its content, the same for every attempt to insert it.
// It means something to this process only, and nobody outside can find two
// blocks of one token.
func token(block []byte) string {
	return strconv.FormatUint(maphash.Bytes(seed, block), 36)
}

// attempts is how often an insert is tried before its caller is told.
const attempts = 4

// send inserts one encoded block. By its token the server recognises a block it
// has taken already, when only the answer was lost, without hashing all of it.
// That saves it work; that the rows count once does not rest on it.
func (s *Store) send(ctx context.Context, q queries.Query, token string, data []byte) error {
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{
		"log_comment":  q.Name,
		"async_insert": 0,
		// Threads of its own cost an insert of this size more than they save, and
		// the table's merges find what several rows say of one thing.
		"max_threads":                1,
		"max_insert_threads":         1,
		"optimize_on_insert":         0,
		"insert_deduplication_token": token,
	}))
	pause := 50 * time.Millisecond
	for attempt := 1; ; attempt++ {
		err := s.conn.InsertFormat(ctx, "Native", q.SQL, bytes.NewReader(data))
		if err == nil {
			return nil
		}
		if attempt == attempts || !transient(err) || ctx.Err() != nil {
			return fmt.Errorf("%s: %w", q.Name, err)
		}
		s.log.LogAttrs(ctx, slog.LevelWarn, "insert failed, trying again",
			slog.String("statement", q.Name), slog.Int("attempt", attempt), slog.Any("error", err))
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("%s: %w", q.Name, err)
		}
		pause *= 4
	}
}

// transientCodes are the exceptions of ClickHouse after which the same insert
// may succeed.
var transientCodes = []int32{
	159, // TIMEOUT_EXCEEDED
	164, // READONLY, while a replica recovers
	202, // TOO_MANY_SIMULTANEOUS_QUERIES
	209, // SOCKET_TIMEOUT
	210, // NETWORK_ERROR
	236, // ABORTED
	241, // MEMORY_LIMIT_EXCEEDED
	242, // TABLE_IS_READ_ONLY
	252, // TOO_MANY_PARTS
	285, // TOO_FEW_LIVE_REPLICAS
	319, // UNKNOWN_STATUS_OF_INSERT
	999, // KEEPER_EXCEPTION
}

// transient reports whether the same statement may succeed a moment later.
func transient(err error) bool {
	if exception, ok := errors.AsType[*clickhouse.Exception](err); ok {
		return slices.Contains(transientCodes, exception.Code)
	}
	if answer, ok := errors.AsType[*clickhouse.HTTPError](err); ok {
		return answer.StatusCode >= 500 || answer.StatusCode == 429
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	for _, target := range []error{
		io.EOF, io.ErrUnexpectedEOF, syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EPIPE,
		clickhouse.ErrAcquireConnTimeout,
	} {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}
