package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/stocktrace/stocktrace/collector/canonical"
	"github.com/stocktrace/stocktrace/internal/store"
	"github.com/stocktrace/stocktrace/internal/store/chdb"
	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/lifecycle"
	"github.com/stocktrace/stocktrace/web"
)

// opening is how long opening one lifecycle takes at a number of events.
type opening struct {
	Events    int
	ByID      opened
	ByReceipt opened
	Parts     uint64 // of the tables that are asked
	Filled    time.Duration
}

// opened is how long one kind of opening takes, and the processor time of one.
type opened struct {
	P50, P99, Processor time.Duration
}

const (
	lookups    = 300
	fillSales  = 4000 // written at a time
	partitions = 8    // what a log has by default
	fillers    = 2    // at a time
)

// measureLookup fills tables in a child and opens lifecycles there.
func (b *bench) measureLookup(ctx context.Context) ([]opening, error) {
	dir, err := os.MkdirTemp(b.dir, "lookup-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	args := []string{"child", "lookup", dir, strconv.FormatUint(b.seed, 10)}
	for _, n := range b.lookup {
		args = append(args, strconv.Itoa(n))
	}
	cmd := exec.CommandContext(ctx, b.self, args...)
	cmd.Dir, cmd.Stderr = b.root, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("lookup: %w", stderrOf(err))
	}
	var all []opening
	if err := json.Unmarshal(out, &all); err != nil {
		return nil, fmt.Errorf("lookup: %w", err)
	}
	return all, nil
}

// lookup fills tables up to each size and measures there. The rows are what the
// receiver, the canonical form and Stitch make of the workload's spans; they are
// written through the store, without the log in between, so that ten million
// take minutes.
func lookup(ctx context.Context, dir string, seed uint64, sizes []string) error {
	e, err := chdb.Open(chdb.Options{Path: dir})
	if err != nil {
		return err
	}
	defer func() { _ = e.Close() }()
	st, err := store.Open(ctx, store.Options{Engine: e, InsertInterval: -1})
	if err != nil {
		return err
	}
	defer func() { _ = st.Close() }()
	server, err := web.New(web.Options{Reader: st.Pages(), Clock: wall{}})
	if err != nil {
		return err
	}
	workflows, err := lifecycle.BuiltinWorkflows()
	if err != nil {
		return err
	}
	var events []int
	for _, text := range sizes {
		n, err := strconv.Atoi(text)
		if err != nil {
			return err
		}
		events = append(events, n)
	}
	w := newWorkload(seed, events[len(events)-1]/eventsPerSale, time.Now())
	f := filler{store: st, rules: lifecycle.NewRules(workflows, nil), w: w}
	var all []opening
	for _, n := range events {
		begun := time.Now()
		if err := f.fill(ctx, n/eventsPerSale); err != nil {
			return err
		}
		o := opening{Events: n, Filled: time.Since(begun)}
		if o.Parts, err = merged(ctx, e); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "lookup: %d events written in %s, %d parts\n", n, o.Filled.Round(time.Second), o.Parts)
		byID := func(sale int) string { return w.correlation(sale) }
		for _, kind := range []struct {
			key  func(int) string
			into *opened
		}{{byID, &o.ByID}, {receipt, &o.ByReceipt}} {
			var took []time.Duration
			var before time.Duration
			for i := range lookups + lookups/10 {
				sale := int(w.random("lookup", i) % uint64(n/eventsPerSale))
				if i == lookups/10 { // the first ones warm up
					before = ownProcessor()
				}
				begun := time.Now()
				if err := openLifecycle(ctx, server, kind.key(sale), w.correlation(sale)); err != nil {
					return err
				}
				if i >= lookups/10 {
					took = append(took, time.Since(begun))
				}
			}
			*kind.into = opened{quantile(took, 0.5), quantile(took, 0.99), (ownProcessor() - before) / lookups}
		}
		all = append(all, o)
	}
	return json.NewEncoder(os.Stdout).Encode(all)
}

// ownProcessor is what this process has used, the engine within it included.
func ownProcessor() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// openLifecycle asks the API, as a browser would, following its redirect from a
// key to the lifecycle.
func openLifecycle(ctx context.Context, server http.Handler, key, id string) error {
	path := "/api/v1/lifecycles/" + url.PathEscape(key)
	for range 3 {
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, path, nil)
		answer := httptest.NewRecorder()
		server.ServeHTTP(answer, r)
		switch answer.Code {
		case http.StatusTemporaryRedirect:
			path = answer.Header().Get("Location")
			continue
		case http.StatusOK:
			var l lifecycleAnswer
			if err := json.Unmarshal(answer.Body.Bytes(), &l); err != nil {
				return err
			}
			if l.CorrelationID != id || l.Verdict != "complete" {
				return fmt.Errorf("%s is %s, %s; it should be %s, complete", key, l.CorrelationID, l.Verdict, id)
			}
			return nil
		default:
			return fmt.Errorf("open %s: %d %s", key, answer.Code, answer.Body)
		}
	}
	return fmt.Errorf("open %s: redirected in a circle", key)
}

// wall is the real clock.
type wall struct{}

func (wall) Now() time.Time { return time.Now() }

// filler writes sales straight into the tables.
type filler struct {
	store   *store.Store
	rules   *lifecycle.Rules
	w       workload
	written int // sales
}

// fill writes sales until there are so many.
func (f *filler) fill(ctx context.Context, sales int) error {
	var group sync.WaitGroup
	var next atomic.Int64
	next.Store(int64(f.written))
	errs := make([]error, fillers)
	for i := range errs {
		group.Go(func() {
			for errs[i] == nil && ctx.Err() == nil {
				last := int(next.Add(fillSales))
				first := last - fillSales
				if first >= sales {
					return
				}
				errs[i] = f.write(ctx, first, min(last, sales))
			}
		})
	}
	group.Wait()
	f.written = sales
	return errors.Join(append(errs, ctx.Err())...)
}

// write writes the sales first..last-1.
func (f *filler) write(ctx context.Context, first, last int) error {
	td := ptrace.NewTraces()
	for h := range hops {
		r := td.ResourceSpans().AppendEmpty()
		resource(r.Resource(), hops[h].service)
		spans := r.ScopeSpans().AppendEmpty().Spans()
		spans.EnsureCapacity(last - first)
		for sale := first; sale < last; sale++ {
			f.w.span(spans.AppendEmpty(), sale, h)
		}
	}
	received := f.w.occurred(last, eventsPerSale-1).Add(100 * time.Millisecond).Truncate(time.Microsecond)
	batch, err := canonical.FromTraces(td, received)
	if err != nil {
		return err
	}
	if len(batch.Records) != (last-first)*eventsPerSale {
		return fmt.Errorf("%d of %d spans could be read", len(batch.Records), (last-first)*eventsPerSale)
	}
	rows := make([]lifecycle.Row, 0, last-first)
	evidence := lifecycle.NewEvidence()
	for i := range batch.Records {
		r := &batch.Records[i]
		key := r.EntryKey()
		r.Partition, r.Position = key.Partition(partitions), uint64(1+first/100)
	}
	some := make([]inventory.Record, eventsPerSale)
	for i := range last - first {
		for h := range hops {
			some[h] = batch.Records[h*(last-first)+i]
		}
		told := lifecycle.Stitch(f.rules, some, evidence, received.Add(time.Second))
		if len(told) != 1 {
			return fmt.Errorf("sale %d is %d lifecycles", first+i, len(told))
		}
		rows = append(rows, lifecycle.Row{
			Lifecycle: told[0], Partition: told[0].Component.Partition(partitions), Position: uint64(1 + first/100),
			Version: lifecycle.Version{Epoch: 1, Revision: uint64(first + i + 1)}, NewKeys: told[0].Keys,
		})
	}
	if err := f.store.WriteRecords(ctx, batch.Records); err != nil {
		return err
	}
	return f.store.WriteLifecycles(ctx, rows)
}

// merged waits until the engine has merged what it wants to merge by itself, and
// returns how many parts there are then.
func merged(ctx context.Context, e *chdb.Engine) (parts uint64, err error) {
	db, err := clickhouse.Open(&clickhouse.Options{Protocol: clickhouse.HTTP, Addr: []string{"embedded"}, TransportFunc: e.TransportFunc})
	if err != nil {
		return 0, err
	}
	defer func() { _ = db.Close() }()
	calm := 0
	err = eventually(ctx, 10*time.Minute, 500*time.Millisecond, "merges end", func() (bool, error) {
		var merges uint64
		if err := db.QueryRow(ctx, "SELECT count() FROM system.merges").Scan(&merges); err != nil {
			return false, err
		}
		if calm++; merges > 0 {
			calm = 0
		}
		return calm == 5, nil
	})
	if err != nil {
		return 0, err
	}
	return parts, db.QueryRow(ctx, `SELECT count() FROM system.parts WHERE active AND database = 'stocktrace'
		AND table IN ('lifecycles', 'lifecycle_keys', 'findings')`).Scan(&parts)
}

// quantile is the smallest value that q of all do not exceed.
func quantile(all []time.Duration, q float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[max(0, int(math.Ceil(q*float64(len(sorted))))-1)]
}
