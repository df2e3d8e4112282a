package stream_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stocktrace/stocktrace/internal/stream"
	"github.com/stocktrace/stocktrace/internal/testenv"
	"github.com/stocktrace/stocktrace/lifecycle"
)

// ledger records who owns what, and that nobody ever owns what another does.
type ledger struct {
	mu     sync.Mutex
	owner  map[int]string
	epochs map[int][]uint64
	wrong  []string
}

func newLedger() *ledger { return &ledger{owner: map[int]string{}, epochs: map[int][]uint64{}} }

// own returns an owner that holds what it gets until it is told to stop.
func (b *ledger) own(name string) func(context.Context, lifecycle.Lease) error {
	return func(ctx context.Context, l lifecycle.Lease) error {
		b.enter(name, l)
		<-ctx.Done()
		b.leave(name, l)
		return nil
	}
}

func (b *ledger) enter(name string, l lifecycle.Lease) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if other := b.owner[l.Partition]; other != "" {
		b.wrong = append(b.wrong, fmt.Sprintf("%s took %d while %s owned it", name, l.Partition, other))
	}
	b.owner[l.Partition] = name
	b.epochs[l.Partition] = append(b.epochs[l.Partition], l.Epoch)
}

func (b *ledger) leave(name string, l lifecycle.Lease) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.owner[l.Partition] == name {
		delete(b.owner, l.Partition)
	}
}

func (b *ledger) counts() map[string]int {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := map[string]int{}
	for _, name := range b.owner {
		out[name]++
	}
	return out
}

// check demands that no two owned at once and that epochs only grew.
func (b *ledger) check(t *testing.T) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, w := range b.wrong {
		t.Error(w)
	}
	for p, epochs := range b.epochs {
		for i := 1; i < len(epochs); i++ {
			if epochs[i] <= epochs[i-1] {
				t.Errorf("partition %d: epochs %v", p, epochs)
			}
		}
	}
}

// eventually waits for a condition; within is generous, so that a busy machine
// is not a failure.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("not within 30 s: %s", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// process runs leases as one process would, on connections of its own.
type process struct {
	log  *stream.Log
	stop context.CancelFunc
	done chan error
}

const ttl = 500 * time.Millisecond

func start(t *testing.T, url, name string, own func(context.Context, lifecycle.Lease) error) *process {
	t.Helper()
	log, err := stream.Open(t.Context(), stream.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &process{log: log, stop: cancel, done: make(chan error, 1)}
	go func() { p.done <- log.Leases(stream.LeaseOptions{Name: name, TTL: ttl}).Run(ctx, own) }()
	t.Cleanup(func() { p.end(t) })
	return p
}

func (p *process) end(t *testing.T) {
	t.Helper()
	if p.stop == nil {
		return
	}
	p.stop()
	p.stop = nil
	select {
	case err := <-p.done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(30 * time.Second):
		t.Error("leases do not end")
	}
	if err := p.log.Close(); err != nil {
		t.Error(err)
	}
}

func TestPartitionsAreShared(t *testing.T) {
	url := testenv.NATS(t)
	b := newLedger()
	a := start(t, url, "a", b.own("a"))
	eventually(t, "a owns everything", func() bool { return b.counts()["a"] == 9 })

	// Another joins: it gets its share without waiting for any deadline.
	joined := time.Now()
	c := start(t, url, "c", b.own("c"))
	eventually(t, "a and c share", func() bool { n := b.counts(); return n["a"] == 5 && n["c"] == 4 })
	t.Logf("shared after %v", time.Since(joined).Round(time.Millisecond))
	start(t, url, "d", b.own("d"))
	eventually(t, "a, c and d share", func() bool { n := b.counts(); return n["a"] == 3 && n["c"] == 3 && n["d"] == 3 })

	owners, err := a.log.Leases(stream.LeaseOptions{}).Owners(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, o := range owners {
		names = append(names, o.Name)
	}
	slices.Sort(names)
	if got := fmt.Sprint(names); got != "[a a a c c c d d d]" {
		t.Errorf("owners are %s", got)
	}

	// One leaves cleanly: the others have its share at once.
	c.end(t)
	eventually(t, "a and d share", func() bool { n := b.counts(); return n["a"]+n["d"] == 9 && n["a"] >= 4 && n["d"] >= 4 })
	b.check(t)
}

func TestASilentProcessLosesWhatItOwns(t *testing.T) {
	url := testenv.NATS(t)
	b := newLedger()
	var cause error
	var once sync.Once
	a := start(t, url, "a", func(ctx context.Context, l lifecycle.Lease) error {
		b.enter("a", l)
		<-ctx.Done()
		once.Do(func() { cause = context.Cause(ctx) })
		b.leave("a", l)
		return nil
	})
	eventually(t, "a owns everything", func() bool { return b.counts()["a"] == 9 })

	// a's connections are gone for good; it must stop by itself before c starts.
	cut := time.Now()
	if err := a.log.Close(); err != nil {
		t.Fatal(err)
	}
	start(t, url, "c", b.own("c"))
	eventually(t, "c owns everything", func() bool { return b.counts()["c"] == 9 })
	if took := time.Since(cut); took < ttl {
		t.Errorf("taken over after %v, before a's deadline", took)
	} else {
		t.Logf("taken over after %v at TTL %v", took.Round(time.Millisecond), ttl)
	}
	if !errors.Is(cause, stream.ErrLeaseLost) {
		t.Errorf("a's owners ended because of %v", cause)
	}
	b.check(t)
}

// A server that is away for longer than the TTL costs every lease, and nothing
// more: they are taken again under greater epochs.
func TestLeasesRideOutARestart(t *testing.T) {
	dir := t.TempDir()
	options := stream.ServerOptions{Dir: dir, Listen: "127.0.0.1:0", MaxBytes: 32 << 30}
	server, err := stream.StartServer(options)
	if err != nil {
		t.Fatal(err)
	}
	b := newLedger()
	a := start(t, server.URL(), "a", b.own("a"))
	c := start(t, server.URL(), "c", b.own("c"))
	eventually(t, "a and c share", func() bool { n := b.counts(); return n["a"] == 5 && n["c"] == 4 || n["a"] == 4 && n["c"] == 5 })
	options.Listen = strings.TrimPrefix(server.URL(), "nats://")
	server.Close()
	eventually(t, "nobody owns anything", func() bool { return len(b.counts()) == 0 })
	if server, err = stream.StartServer(options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	eventually(t, "a and c share again", func() bool { n := b.counts(); return n["a"]+n["c"] == 9 && n["a"] >= 4 && n["c"] >= 4 })
	b.check(t)
	a.end(t)
	c.end(t)
}

func TestAFailedOwnerIsTriedAgain(t *testing.T) {
	log := testenv.Stream(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	var mu sync.Mutex
	epochs := map[int][]uint64{}
	done := make(chan error, 1)
	go func() {
		done <- log.Leases(stream.LeaseOptions{TTL: ttl, Backoff: 10 * time.Millisecond}).Run(ctx, func(ctx context.Context, l lifecycle.Lease) error {
			mu.Lock()
			epochs[l.Partition] = append(epochs[l.Partition], l.Epoch)
			mu.Unlock()
			if l.Partition == 0 {
				return errors.New("as the test wants it")
			}
			<-ctx.Done()
			return nil
		})
	}()
	eventually(t, "partition 0 was tried three times", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(epochs[0]) >= 3
	})
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(epochs[0][:3]) != "[1 2 3]" || fmt.Sprint(epochs[1]) != "[1]" {
		t.Errorf("epochs %v", epochs)
	}
}

func TestOneLeads(t *testing.T) {
	url := testenv.NATS(t)
	type leading struct {
		name  string
		epoch uint64
	}
	var mu sync.Mutex
	var now []leading
	var seen []leading
	lead := func(name string) func(context.Context, uint64) error {
		return func(ctx context.Context, epoch uint64) error {
			mu.Lock()
			if len(now) > 0 {
				t.Errorf("%s leads beside %v", name, now)
			}
			now, seen = append(now, leading{name, epoch}), append(seen, leading{name, epoch})
			mu.Unlock()
			<-ctx.Done()
			mu.Lock()
			now = nil
			mu.Unlock()
			return nil
		}
	}
	leader := func() string {
		mu.Lock()
		defer mu.Unlock()
		if len(now) == 0 {
			return ""
		}
		return now[0].name
	}
	run := func(name string) (stop func()) {
		log, err := stream.Open(t.Context(), stream.Options{URL: url})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() {
			done <- log.Leases(stream.LeaseOptions{Name: name, TTL: ttl}).Lead(ctx, "leader", lead(name))
		}()
		return func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
			_ = log.Close()
		}
	}
	stopA := run("a")
	eventually(t, "a leads", func() bool { return leader() == "a" })
	stopB := run("b")
	stopA()
	eventually(t, "b leads", func() bool { return leader() == "b" })
	stopB()
	if fmt.Sprint(seen) != "[{a 1} {b 2}]" {
		t.Errorf("leaders were %v", seen)
	}
}

// A process killed and started again on the embedded server need not wait for
// its own former session: nobody else can have one.
func TestAServerOfOnesOwnHasNoFormerSessions(t *testing.T) {
	dir := t.TempDir()
	var epochs []uint64
	for range 2 {
		server, err := stream.StartServer(stream.ServerOptions{Dir: dir, MaxBytes: 1 << 30})
		if err != nil {
			t.Fatal(err)
		}
		log, err := stream.Open(t.Context(), stream.Options{Server: server, Partitions: 1})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		taken, done := make(chan uint64, 2), make(chan error, 1)
		go func() {
			done <- log.Leases(stream.LeaseOptions{TTL: time.Hour}).Run(ctx, func(ctx context.Context, l lifecycle.Lease) error {
				if l.Partition == 0 {
					taken <- l.Epoch
				}
				<-ctx.Done()
				return nil
			})
		}()
		select {
		case epoch := <-taken:
			epochs = append(epochs, epoch)
		case <-time.After(20 * time.Second):
			t.Fatal("the partition is not taken")
		}
		// No clean end: the server goes away under the session.
		server.Close()
		cancel()
		_ = log.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if fmt.Sprint(epochs) != "[1 2]" {
		t.Errorf("epochs %v", epochs)
	}
}
