package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/stocktrace/stocktrace/inventory"
)

// The engine under a seed: log, store and board in memory, one goroutine, any
// operation may fail or be the last one before a crash.

// errCrash is what an operation returns when the process dies around it.
var errCrash = errors.New("crash")

type world struct {
	rng        *rand.Rand
	partitions int
	now        time.Time
	logs       [][]Parcel // by partition; position is index + 1
	ids        []map[string]uint64
	cursors    []uint64
	epochs     []uint64
	progress   map[int]Progress
	facts      []inventory.Fact
	readings   []inventory.Measured
	kept       []inventory.Heard // by hour

	records    map[inventory.Identity]inventory.Record
	inserts    map[inventory.Identity]int
	bindings   map[string]BindingRow
	lifecycles map[string]Row
	findings   map[string]FindingRow
	opened     map[string]inventory.Kind // findings ever written

	failures    []map[uint64]int // by partition and position
	quarantined []inventory.Quarantined
	faulty      func([]entry, time.Time) bool // where our own code panics

	people float64            // chance that a person does something in a step
	acted  []inventory.Record // what people did

	keep    time.Duration // how long facts are kept in memory; 0: as in earnest
	awake   int           // how heavy those in memory may be together
	crashes float64       // chance that an operation ends the process
	ops     int
}

func newWorld(seed uint64, partitions int) *world {
	w := &world{
		rng: rand.New(rand.NewPCG(seed, 7)), awake: 1 + int(seed*7%40), partitions: partitions, now: t0, progress: map[int]Progress{},
		records: map[inventory.Identity]inventory.Record{}, inserts: map[inventory.Identity]int{}, bindings: map[string]BindingRow{},
		lifecycles: map[string]Row{}, findings: map[string]FindingRow{}, opened: map[string]inventory.Kind{},
	}
	for range partitions + 1 {
		w.logs = append(w.logs, nil)
		w.ids = append(w.ids, map[string]uint64{})
		w.failures = append(w.failures, map[uint64]int{})
		w.cursors = append(w.cursors, 0)
		w.epochs = append(w.epochs, 0)
	}
	return w
}

// op runs an operation that may crash before it took effect or after.
func (w *world) op(effect func()) error {
	w.ops++
	if w.rng.Float64() < w.crashes {
		if w.rng.IntN(2) == 0 {
			effect()
		}
		return errCrash
	}
	effect()
	return nil
}

func (w *world) Now() time.Time                       { return w.now }
func (w *world) After(time.Duration) <-chan time.Time { return nil }
func (w *world) Partitions() int                      { return w.partitions }

func (w *world) enter(r inventory.Record) {
	p := r.EntryKey().Partition(w.partitions)
	w.logs[p] = append(w.logs[p], Parcel{Records: []inventory.Record{r}})
}

func (w *world) Publish(_ context.Context, p int, id string, parcel Parcel) (at uint64, err error) {
	err = w.op(func() {
		if seen, again := w.ids[p][id]; again && w.rng.IntN(2) == 0 { // the window may have passed
			at = seen
			return
		}
		w.logs[p] = append(w.logs[p], parcel)
		at = uint64(len(w.logs[p]))
		w.ids[p][id] = at
	})
	return at, err
}

func (w *world) Read(_ context.Context, lease Lease) (Reader, error) {
	return &simReader{w, lease, w.cursors[lease.Partition], w.cursors[lease.Partition]}, nil
}

func (w *world) Fail(_ context.Context, p int, position uint64) (n int, err error) {
	err = w.op(func() { w.failures[p][position]++ })
	return w.failures[p][position], err
}

func (w *world) Failures(_ context.Context, p int, position uint64) (map[uint64]int, error) {
	behind := maps.Clone(w.failures[p])
	maps.DeleteFunc(behind, func(at uint64, _ int) bool { return at <= position })
	return behind, nil
}

func (w *world) quarantine(_ context.Context, items []inventory.Quarantined) error {
	return w.op(func() { w.quarantined = append(w.quarantined, items...) })
}

func (w *world) Facts(context.Context, uint64, func(inventory.Fact), func(time.Time)) error {
	return nil
}

type simReader struct {
	w     *world
	lease Lease
	from  uint64
	at    uint64
}

func (r *simReader) Cursor() uint64 { return r.from }

func (r *simReader) Fetch(_ context.Context, limit int, _ time.Duration) ([]Message, error) {
	var out []Message
	log := r.w.logs[r.lease.Partition]
	for n := 1 + r.w.rng.IntN(6); len(out) < min(n, limit) && int(r.at) < len(log); {
		r.at++
		out = append(out, Message{Partition: r.lease.Partition, Position: r.at, Parcel: cloneParcel(log[r.at-1]), Raw: rawOf(r.lease.Partition, r.at)})
	}
	return out, nil
}

// rawOf stands for a message's bytes.
func rawOf(p int, position uint64) []byte { return fmt.Appendf(nil, "%d/%d", p, position) }

// cloneParcel keeps the engine from changing what the log holds.
func cloneParcel(p Parcel) Parcel {
	return Parcel{Records: slices.Clone(p.Records), Moves: slices.Clone(p.Moves), Bindings: slices.Clone(p.Bindings)}
}

func (r *simReader) End(context.Context) (uint64, error) {
	return uint64(len(r.w.logs[r.lease.Partition])), nil
}

func (r *simReader) Ack(_ context.Context, position uint64) error {
	if r.w.epochs[r.lease.Partition] != r.lease.Epoch {
		return ErrFenced
	}
	return r.w.op(func() { r.w.cursors[r.lease.Partition] = position })
}
func (r *simReader) Close() error { return nil }

func (w *world) Report(_ context.Context, p Progress) error {
	if w.progress[p.Partition].Epoch <= p.Epoch {
		w.progress[p.Partition] = p
	}
	return nil
}
func (w *world) Progress() map[int]Progress { return w.progress }

func (w *world) WriteRecords(_ context.Context, rows []inventory.Record) error {
	for _, r := range rows {
		if err := w.op(func() {
			w.inserts[r.Identity()]++
			if _, held := w.records[r.Identity()]; !held {
				w.records[r.Identity()] = r
				if m, ok := r.Measured(); ok {
					w.readings = append(w.readings, m)
				}
			}
		}); err != nil {
			return err
		}
	}
	return nil
}

func newer(a, b Version) bool {
	return a.Epoch > b.Epoch || (a.Epoch == b.Epoch && a.Revision >= b.Revision)
}

func (w *world) WriteBindings(_ context.Context, rows []BindingRow) error {
	return w.op(func() {
		for _, r := range rows {
			k := fmt.Sprintf("%d/%s", r.Partition, r.Key)
			if old, ok := w.bindings[k]; !ok || newer(r.Version, old.Version) {
				w.bindings[k] = r
			}
		}
	})
}

func (w *world) WriteLifecycles(_ context.Context, rows []Row) error {
	return w.op(func() {
		for _, r := range rows {
			k := fmt.Sprintf("%d/%s", r.Partition, r.Lifecycle.ID)
			if old, ok := w.lifecycles[k]; !ok || newer(r.Version, old.Version) {
				w.lifecycles[k] = r
			}
		}
	})
}

func (w *world) WriteFindings(_ context.Context, rows []FindingRow) error {
	return w.op(func() {
		for _, r := range rows {
			k := fmt.Sprintf("%d/%s", r.Partition, r.Finding.ID)
			if old, ok := w.findings[k]; !ok || newer(r.Version, old.Version) {
				w.findings[k] = r
			}
			if !r.Deleted {
				w.opened[r.Finding.ID] = r.Finding.Kind
			}
		}
	})
}

func (w *world) Held(_ context.Context, records []inventory.Record) (map[inventory.Identity]bool, error) {
	held := map[inventory.Identity]bool{}
	for _, r := range records {
		if _, ok := w.records[r.Identity()]; ok {
			held[r.Identity()] = true
		}
	}
	return held, nil
}

func (w *world) Roots(_ context.Context, p int, keys []inventory.ScopedKey) (map[inventory.ScopedKey]inventory.ScopedKey, error) {
	roots := map[inventory.ScopedKey]inventory.ScopedKey{}
	for _, k := range keys {
		if r, ok := w.bindings[fmt.Sprintf("%d/%s", p, k)]; ok {
			roots[k] = r.Root
		}
	}
	return roots, nil
}

func (w *world) Components(_ context.Context, p int, roots []inventory.ScopedKey) (map[inventory.ScopedKey]Component, error) {
	out := map[inventory.ScopedKey]Component{}
	for _, root := range roots {
		c := Component{Root: root}
		for _, r := range w.lifecycles {
			if r.Partition == p && !r.Deleted && r.Lifecycle.Component == root {
				c.Lifecycles = append(c.Lifecycles, StoredLifecycle{
					ID: r.Lifecycle.ID, Identifiers: r.Lifecycle.Identifiers, ComputedAt: r.Lifecycle.ComputedAt,
				})
			}
		}
		for _, f := range w.findings {
			if f.Partition == p && !f.Deleted && f.Component == root {
				c.Findings = append(c.Findings, f.Finding.ID)
			}
		}
		if len(c.Lifecycles)+len(c.Findings) > 0 {
			out[root] = c
		}
	}
	return out, nil
}

func (w *world) Records(_ context.Context, keys []inventory.ScopedKey) ([]inventory.Record, error) {
	var out []inventory.Record
	for _, r := range w.records {
		if slices.Contains(keys, r.EntryKey()) {
			out = append(out, r)
		}
	}
	return out, nil
}

func (w *world) Known(_ context.Context, p int, yield func(uint64)) error {
	for _, b := range w.bindings {
		if b.Partition == p {
			yield(KeyHash(b.Key))
		}
	}
	for id, r := range w.records {
		if r.Partition == p {
			yield(IdentityHash(id))
		}
	}
	return nil
}

func (w *world) Echoes(_ context.Context, keys []inventory.ScopedKey) ([]inventory.Record, error) {
	var out []inventory.Record
	for _, r := range w.records {
		if slices.ContainsFunc(r.Echoes(), func(e inventory.Echo) bool { return slices.Contains(keys, e.To) }) {
			out = append(out, r)
		}
	}
	return out, nil
}

func (w *world) OpenComponents(_ context.Context, p int, yield func(inventory.ScopedKey)) error {
	for _, r := range w.lifecycles {
		if r.Partition == p && !r.Deleted && r.Lifecycle.State == inventory.StateOpen {
			yield(r.Lifecycle.Component)
		}
	}
	return nil
}

// simStore gives world the one method whose name it needs twice.
type simStore struct{ *world }

func (s simStore) Facts(_ context.Context, _ time.Time, yield func(inventory.Fact)) error {
	for _, f := range s.facts {
		yield(f)
	}
	return nil
}

func (s simStore) Readings(_ context.Context, _ time.Time, yield func(inventory.Measured)) error {
	for _, m := range s.readings {
		yield(m)
	}
	return nil
}

func (s simStore) FactsAbout(_ context.Context, _, _ []string, yield func(inventory.Fact)) error {
	for _, f := range s.facts {
		yield(f)
	}
	return nil
}

// run drives engines over the world until nothing is left to do: each step one
// partition takes a turn, or dies and is taken over.
func (w *world) run(t *testing.T, rules *Rules, arrivals []inventory.Record, until time.Time) {
	t.Helper()
	ctx := context.Background()
	e := NewEngine(EngineOptions{Log: w, Store: simStore{w}, Board: w, Clock: w, Rules: rules, Hot: 3, Awake: w.awake, Quarantine: w.quarantine})
	close(e.ready)
	if w.keep > 0 {
		e.factHistory, e.trimEvery = w.keep, 7
	}
	e.stitch = func(rules *Rules, entries []entry, ev *Evidence, now time.Time) []inventory.Lifecycle {
		if w.faulty != nil && w.faulty(entries, now) {
			panic("a fault of ours")
		}
		return stitchComponent(rules, entries, ev, now)
	}
	for _, f := range w.facts {
		e.takeFact(f)
	}
	owners := make([]*owner, w.partitions)
	idle := 0
	for step := 0; idle < 4*w.partitions; step++ {
		if step > 200_000 {
			t.Fatal("the world does not come to rest")
		}
		if len(arrivals) > 0 && w.rng.IntN(2) == 0 {
			r := arrivals[0]
			arrivals = arrivals[1:]
			w.now = later2(w.now, r.ReceivedAt)
			w.enter(r)
			if w.rng.IntN(10) == 0 {
				w.enter(r) // a sender that was not answered
			}
		} else if len(arrivals) == 0 && w.now.Before(until) {
			w.now = w.now.Add(7 * time.Second)
		}
		if w.people > 0 && (len(arrivals) > 0 || w.now.Before(until)) && w.rng.Float64() < w.people {
			w.act()
		}
		e.factsThrough = w.now
		p := w.rng.IntN(w.partitions)
		if owners[p] == nil {
			w.epochs[p]++
			o, err := e.newOwner(ctx, Lease{Partition: p, Epoch: w.epochs[p]})
			if errors.Is(err, errCrash) {
				idle = 0
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			owners[p] = o
		}
		before := w.ops
		if err := owners[p].desk.attempt(ctx, owners[p].turn); err != nil {
			if !errors.Is(err, errCrash) && !ours(err) {
				t.Fatal(err)
			}
			owners[p] = nil
			idle = 0
			continue
		}
		if w.ops == before && len(arrivals) == 0 && !w.now.Before(until) && owners[p] != nil {
			idle++
		} else {
			idle = 0
		}
		if len(arrivals) == 0 && !w.now.Before(until) {
			w.crashes = 0
		}
	}
}

// act has a person do something about what is stored, as it is shown now.
func (w *world) act() {
	var shown []inventory.Lifecycle
	for _, k := range slices.Sorted(maps.Keys(w.lifecycles)) {
		r := w.lifecycles[k]
		if r.Deleted {
			continue
		}
		l := r.Lifecycle
		l.Findings = nil
		for _, f := range slices.Sorted(maps.Keys(w.findings)) {
			if f := w.findings[f]; !f.Deleted && f.Finding.LifecycleID == l.ID {
				l.Findings = append(l.Findings, f.Finding)
			}
		}
		shown = append(shown, l)
	}
	if len(shown) == 0 {
		return
	}
	if r, ok := somebody(w.rng.IntN, shown, fmt.Sprintf("p-%d", len(w.acted)), w.now); ok {
		w.acted = append(w.acted, r)
		w.enter(r)
	}
}

// check compares what is stored with a recomputation from the records that
// entered, grouped globally, without partitions or bindings.
func (w *world) check(t *testing.T, rules *Rules, entered []inventory.Record) {
	t.Helper()
	for _, r := range entered {
		if _, ok := w.records[r.Identity()]; !ok {
			t.Errorf("record %s was acknowledged and is not stored", r.ID)
		}
	}
	stored := map[string]Row{}
	for _, r := range w.lifecycles {
		if r.Deleted {
			continue
		}
		if other, twice := stored[r.Lifecycle.ID]; twice {
			t.Errorf("lifecycle %s lives in partitions %d and %d", r.Lifecycle.ID, r.Partition, other.Partition)
		}
		stored[r.Lifecycle.ID] = r
	}
	findings := map[string]inventory.Finding{}
	for _, f := range w.findings {
		if f.Deleted {
			continue
		}
		if _, twice := findings[f.Finding.ID]; twice {
			t.Errorf("finding %s lives twice", f.Finding.ID)
		}
		findings[f.Finding.ID] = f.Finding
	}
	ev := NewEvidence(w.facts...)
	entered = slices.Concat(entered, w.acted)
	for _, want := range Stitch(rules, entered, ev, w.now) {
		row, ok := stored[want.ID]
		if !ok {
			t.Errorf("lifecycle %s is not stored", want.ID)
			continue
		}
		delete(stored, want.ID)
		have := row.Lifecycle
		ignore := cmpopts.IgnoreFields(inventory.Lifecycle{}, "ComputedAt", "FactPosition")
		if diff := cmp.Diff(want, have, ignore, cmp.AllowUnexported(inventory.Decimal{}), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("lifecycle %s differs (-recomputed +stored):\n%s", want.ID, diff)
		}
		for _, f := range want.Findings {
			if diff := cmp.Diff(f, findings[f.ID], cmp.AllowUnexported(inventory.Decimal{}), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("finding %s differs (-recomputed +stored):\n%s", f.ID, diff)
			}
			delete(findings, f.ID)
		}
	}
	for id := range stored {
		t.Errorf("lifecycle %s is stored and should not be", id)
	}
	for id, f := range findings {
		t.Errorf("finding %s %s is stored and should not be", f.Kind, id)
	}
}

// simTale is a few dozen sales whose hops carry different keys, as hops do. In
// a mixed one some identifiers are claimed by two sales.
// simDay is the business date of what is sold in a simulation; where its store
// posts by the day, its time is up ten minutes after t0.
const simDay = "2026-11-21"

// simRules are the built-in workflows at a store that posts receipt by receipt,
// or by the day.
func simRules(tb testing.TB, byDay bool) *Rules {
	tb.Helper()
	rules := saleRules(tb)
	if byDay {
		rules.locations["123"] = inventory.Location{
			ID: "0123", Posting: inventory.PostingStoreDay, Zone: time.FixedZone("", -(5*3600 + 12*60)),
		}
	}
	return rules
}

func simTale(rng *rand.Rand, sales int, mixed bool) []inventory.Record {
	tl := &tale{}
	for i := range sales {
		corr, receipt, other := fmt.Sprintf("c-%d", rng.IntN(1_000_000)), fmt.Sprintf("0123-04-%06d", i), fmt.Sprintf("d-%d", i)
		at := time.Duration(rng.IntN(300)) * time.Second
		step := func(ref string, offset int, s said) {
			if rng.IntN(12) == 0 {
				return // dropped
			}
			happened := at + time.Duration(offset)*time.Second
			s.received = happened + time.Duration(1+rng.IntN(90))*time.Second
			tl.say(ref, happened, s)
		}
		step("pos completed", 0, said{corr: corr, receipt: receipt, lines: basket, date: simDay, sequence: fmt.Sprint(i + rng.IntN(2))})
		step("middleware accepted", 10, said{corr: corr})
		step("middleware mapped", 20, said{receipt: receipt})
		step("oms availability_updated", 60, said{corr: corr})
		step("erp posted", rng.IntN(420), said{receipt: receipt, doc: other, lines: basket})
		if rng.IntN(6) == 0 {
			step("middleware mapped", 30, said{corr: corr, outcome: inventory.DeadLettered, err: "timeout"})
		}
		if mixed && rng.IntN(8) == 0 { // one correlation id, two receipts
			step("pos completed", 5, said{corr: corr, receipt: fmt.Sprintf("0123-05-%06d", i), lines: basket})
		}
		if rng.IntN(5) == 0 { // taken back by a receipt of its own, or covered by a posting for many
			taken := fmt.Sprintf("0123-04-%06d", rng.IntN(sales))
			step("pos completed", 9, said{corr: "v-" + corr, receipt: fmt.Sprintf("0123-06-%06d", i), workflow: "void", voids: taken, lines: basket})
			step("erp posted", 70, said{corr: "b-" + corr, workflow: "posting_batch", doc: other, date: simDay, covers: []string{taken, receipt}})
		}
		if rng.IntN(10) == 0 { // a posting for many that names nobody
			step("erp posted", 60+rng.IntN(600), said{corr: "s-" + corr, workflow: "posting_batch", doc: "s" + other, date: simDay, covers: []string{}, lines: basket})
		}
		if mixed && rng.IntN(8) == 0 { // a middleware that mixes two sales up: one component
			step("middleware mapped", 40, said{corr: corr, receipt: fmt.Sprintf("0123-04-%06d", rng.IntN(sales))})
		}
	}
	slices.SortFunc(tl.records, func(a, b inventory.Record) int { return a.ReceivedAt.Compare(b.ReceivedAt) })
	return tl.records
}

func TestEngineUnderCrashes(t *testing.T) {
	seeds := 100
	if testing.Short() {
		seeds = 10
	}
	for seed := range uint64(seeds) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			rules := simRules(t, seed%3 == 1)
			w := newWorld(seed, 1+int(seed%5))
			if seed%3 > 0 {
				w.crashes = 0.02
			}
			if seed%4 == 0 {
				w.facts = []inventory.Fact{watermark("erp", -time.Minute, -time.Minute), watermark("erp", 5*time.Minute, 5*time.Minute)}
			}
			records := simTale(w.rng, 25, seed%2 == 0)
			w.run(t, rules, slices.Clone(records), t0.Add(40*time.Minute))
			w.check(t, rules, records)
		})
	}
}

// TestNothingOpensAhead: with no crash, the engine never says of a sale that
// something is missing, late or wrongly posted unless the finished history says
// so too: what fires, fires behind the watermark of all partitions. (What it
// says of records not yet known to belong together, it says of those alone.)
func TestNothingOpensAhead(t *testing.T) {
	for seed := range uint64(60) {
		rules := simRules(t, seed%3 == 1)
		w := newWorld(1000+seed, 4)
		records := simTale(w.rng, 25, false)
		w.run(t, rules, slices.Clone(records), t0.Add(40*time.Minute))
		w.check(t, rules, records)
		known := map[string]bool{}
		for _, l := range Stitch(rules, records, nil, w.now) {
			for _, f := range l.Findings {
				known[f.ID] = true
			}
		}
		for id, kind := range w.opened {
			switch kind {
			case inventory.KeyCollision, inventory.TelemetryGap, inventory.DeadLetter:
				continue
			}
			if !known[id] {
				t.Errorf("seed %d: %s %s was shown and never was", seed, kind, id)
			}
		}
	}
}

// TestForgottenEvidence: an engine that keeps a minute of watermarks says the
// same as one that keeps all of them.
func TestForgottenEvidence(t *testing.T) {
	for seed := range uint64(20) {
		rules := simRules(t, seed%3 == 1)
		w := newWorld(3000+seed, 1+int(seed%3))
		w.keep = time.Minute
		if seed%2 > 0 {
			w.crashes = 0.02
		}
		for at := -30 * time.Minute; at < time.Hour; at += time.Duration(10+w.rng.IntN(60)) * time.Second {
			behind := time.Duration(w.rng.IntN(400)) * time.Second
			w.facts = append(w.facts, watermark("erp", at, at-behind), watermark("middleware", at, at-behind/4))
		}
		for i := range w.facts {
			w.facts[i].Position = uint64(i + 1)
		}
		records := simTale(w.rng, 25, seed%4 == 0)
		w.run(t, rules, slices.Clone(records), t0.Add(40*time.Minute))
		w.check(t, rules, records)
		if d := verified(t, w, rules); len(d) > 0 {
			t.Errorf("seed %d: verify finds %d differences, first %+v", seed, len(d), d[0])
		}
	}
}

// TestPeopleUnderCrashes: what people do, about sales, orphans and findings of
// theirs, arrives wherever the component has gone meanwhile, and verifies.
func TestPeopleUnderCrashes(t *testing.T) {
	rules := saleRules(t)
	seeds := 100
	if testing.Short() {
		seeds = 10
	}
	verbs := map[inventory.Verb]int{}
	for seed := range uint64(seeds) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			w := newWorld(5000+seed, 1+int(seed%5))
			w.people = 0.05
			if seed%3 > 0 {
				w.crashes = 0.02
			}
			records := simTale(w.rng, 12, seed%2 == 0)
			tl := &tale{n: 10_000}
			for i := range 4 { // orphans
				tl.say("erp posted", time.Duration(i)*time.Minute, said{doc: fmt.Sprint(i), lines: basket})
			}
			records = append(records, tl.records...)
			slices.SortFunc(records, func(a, b inventory.Record) int { return a.ReceivedAt.Compare(b.ReceivedAt) })
			w.run(t, rules, slices.Clone(records), t0.Add(40*time.Minute))
			w.check(t, rules, records)
			if d := verified(t, w, rules); len(d) > 0 {
				t.Errorf("verify finds %d differences, first %+v", len(d), d[0])
			}
			for _, r := range w.acted {
				verbs[r.Event.Action.Verb]++
			}
		})
	}
	for _, v := range inventory.Verbs {
		if verbs[v] == 0 && !testing.Short() {
			t.Errorf("nobody ever did %s", v)
		}
	}
}
