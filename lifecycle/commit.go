package lifecycle

import (
	"context"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// groupCommit lets the partitions of one process share inserts: ClickHouse
// wants about one insert per second and table, and every partition flushes by
// itself. A call returns when the insert its rows were part of is durable.
type groupCommit struct {
	Store
	records    *coalescer[inventory.Record]
	bindings   *coalescer[BindingRow]
	lifecycles *coalescer[Row]
	findings   *coalescer[FindingRow]
}

func newGroupCommit(s Store, linger time.Duration) *groupCommit {
	return &groupCommit{
		Store:      s,
		records:    newCoalescer(linger, s.WriteRecords),
		bindings:   newCoalescer(linger, s.WriteBindings),
		lifecycles: newCoalescer(linger, s.WriteLifecycles),
		findings:   newCoalescer(linger, s.WriteFindings),
	}
}

func (g *groupCommit) WriteRecords(ctx context.Context, rows []inventory.Record) error {
	return g.records.write(ctx, rows)
}

func (g *groupCommit) WriteBindings(ctx context.Context, rows []BindingRow) error {
	return g.bindings.write(ctx, rows)
}

func (g *groupCommit) WriteLifecycles(ctx context.Context, rows []Row) error {
	return g.lifecycles.write(ctx, rows)
}

func (g *groupCommit) WriteFindings(ctx context.Context, rows []FindingRow) error {
	return g.findings.write(ctx, rows)
}

// coalescer joins concurrent writes into one. The first to come waits linger for
// others, then writes for all.
type coalescer[T any] struct {
	linger time.Duration
	insert func(context.Context, []T) error
	enter  chan *flight[T]
	insrt  chan struct{} // one insert at a time
}

// flight is one insert and those who wait for it.
type flight[T any] struct {
	rows []T
	done chan struct{}
	err  error
}

func newCoalescer[T any](linger time.Duration, insert func(context.Context, []T) error) *coalescer[T] {
	c := &coalescer[T]{linger: linger, insert: insert, enter: make(chan *flight[T], 1), insrt: make(chan struct{}, 1)}
	c.enter <- nil
	return c
}

func (c *coalescer[T]) write(ctx context.Context, rows []T) error {
	if len(rows) == 0 {
		return nil
	}
	f := <-c.enter
	lead := f == nil
	if lead {
		f = &flight[T]{done: make(chan struct{})}
	}
	f.rows = append(f.rows, rows...)
	c.enter <- f
	if lead {
		timer := time.NewTimer(c.linger)
		select {
		case <-timer.C:
		case <-ctx.Done():
			// Others may have joined: their rows are written all the same.
			timer.Stop()
		}
		c.insrt <- struct{}{} // while one insert runs, the next one fills
		<-c.enter
		c.enter <- nil
		// The leader's end must not undo what others wait for; the store bounds
		// its own inserts in time.
		f.err = c.insert(context.WithoutCancel(ctx), f.rows)
		<-c.insrt
		close(f.done)
	}
	<-f.done
	return f.err
}
