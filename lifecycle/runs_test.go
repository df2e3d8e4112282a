package lifecycle

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// scheduled returns rules under which sales are posted by a run that starts at
// the given times of t0's day, is reported by the ERP, and has a grace of five
// minutes.
func scheduled(t *testing.T, at string, options string, locations ...inventory.Location) *Rules {
	t.Helper()
	w, err := ParseWorkflow("sale.yaml", fmt.Appendf(nil, `
workflow: sale
anchor: pos completed
owner: retail
runs:
  - {run: post, at: [%s], zone: %s, grace: 5m, feed: erp}
steps:
  - {step: pos completed, title: Sold, required: true}
  - {step: middleware accepted, title: Accepted, after: [pos completed]}
  - {step: middleware mapped, title: Mapped, after: [middleware accepted]}
  - {step: oms availability_updated, title: Available, after: [middleware mapped]}
  - {step: erp posted, title: Posted in ERP, after: [pos completed], required: true, posts: true, deadline: 2m, clock: schedule, run: post, owner: erp-team}
balances:
  - {balance: posted, owed: [pos completed], by: [erp posted], short: quantity_mismatch, over: quantity_mismatch, twice: duplicate_posting}
`, at, options))
	if err != nil {
		t.Fatal(err)
	}
	return NewRules([]*inventory.Workflow{w}, locations)
}

func report(location string, heard, through time.Duration) inventory.Fact {
	return inventory.Fact{ReceivedAt: t0.Add(heard), Watermark: inventory.Watermark{
		System: "erp", Location: location, Extract: "POST", CompleteThrough: t0.Add(through),
	}}
}

func missedOf(rules *Rules, ev *Evidence, now time.Time) (found []inventory.Finding, next time.Time) {
	all, next := AboutFeeds(rules, ev, now)
	return slices.DeleteFunc(all, func(f inventory.Finding) bool { return f.Kind != inventory.RunMissed }), next
}

// TestRunsUnderFaults: sales that wait for a run, which comes in time, late or
// never, are told the same by crashing engines as by a recomputation.
func TestRunsUnderFaults(t *testing.T) {
	rules := scheduled(t, t0.Add(10*time.Minute).Format(`"15:04"`)+", "+t0.Add(13*time.Minute).Format(`"15:04"`), "UTC")
	raised := 0
	for seed := range uint64(60) {
		w := newWorld(seed, 3)
		w.facts = []inventory.Fact{report("", -time.Hour, -time.Hour)}
		if w.rng.IntN(3) > 0 {
			late := time.Duration(w.rng.IntN(15)) * time.Minute
			w.facts = append(w.facts, report("", 10*time.Minute+late, 10*time.Minute+time.Duration(w.rng.IntN(4))*time.Minute))
		}
		for i := range w.facts {
			w.facts[i].Position = uint64(i + 1)
		}
		w.crashes = 0.01
		if seed%3 == 0 {
			w.people = 0.05
		}
		records := simTale(w.rng, 15, true)
		w.run(t, rules, slices.Clone(records), t0.Add(40*time.Minute))
		for _, f := range w.findings {
			if !f.Deleted && f.Finding.Kind == inventory.RunMissed {
				raised++
			}
		}
		feeds, _ := AboutFeeds(rules, rules.NewEvidence(w.facts...), w.now)
		d := slices.DeleteFunc(verified(t, w, rules), func(d Difference) bool { // nobody owns the facts here
			return slices.ContainsFunc(feeds, func(f inventory.Finding) bool { return f.ID == d.ID })
		})
		if len(d) > 0 {
			t.Fatalf("seed %d: %d differences, first: %+v", seed, len(d), d[0])
		}
	}
	if raised == 0 {
		t.Error("no run was missed")
	}
}

// TestMissedRun: told when its grace is over, until it, or a later one, is
// reported; not before it was ever reported, nor again once it was.
func TestMissedRun(t *testing.T) {
	rules := scheduled(t, t0.Format(`"15:04"`), "UTC")
	const day = 24 * time.Hour
	facts := []inventory.Fact{report("", -day+time.Minute, -day)}
	if found, next := missedOf(rules, rules.NewEvidence(facts...), t0.Add(4*time.Minute)); len(found) != 0 || !next.Equal(t0.Add(5*time.Minute)) {
		t.Errorf("before the grace is over: %+v, next %s", found, next)
	}
	found, _ := missedOf(rules, rules.NewEvidence(facts...), t0.Add(5*time.Minute))
	if len(found) != 1 || found[0].State != inventory.FindingOpen || !found[0].OpenedAt.Equal(t0.Add(5*time.Minute)) || found[0].Owner != "erp-team" {
		t.Fatalf("when it is over: %+v", found)
	}
	facts = append(facts, report("", 6*time.Minute, -time.Second))
	if found, _ := missedOf(rules, rules.NewEvidence(facts...), t0.Add(7*time.Minute)); len(found) != 1 || found[0].State != inventory.FindingOpen {
		t.Errorf("a report that does not reach the start: %+v", found)
	}
	facts = append(facts, report("", day+2*time.Minute, day))
	after, _ := missedOf(rules, rules.NewEvidence(facts...), t0.Add(day+3*time.Minute))
	if len(after) != 1 || after[0].ID != found[0].ID || after[0].State != inventory.FindingClosed || !after[0].ClosedAt.Equal(t0.Add(day+2*time.Minute)) {
		t.Errorf("when the next one has come: %+v", after)
	}
	if found, _ := missedOf(rules, NewEvidence(facts...), t0.Add(day)); len(found) != 0 {
		t.Errorf("nobody declared it: %+v", found)
	}
}

// TestMissedRunTrimmed: evidence that forgets what is old says the same of what
// is new, and a lifecycle that asks for the old has it looked up.
func TestMissedRunTrimmed(t *testing.T) {
	rules := scheduled(t, t0.Format(`"15:04"`), "UTC")
	const day = 24 * time.Hour
	var facts []inventory.Fact
	for d := range 40 {
		if d%5 != 3 {
			f := report("", time.Duration(d)*day+time.Minute, time.Duration(d)*day)
			f.Position = uint64(d + 1)
			facts = append(facts, f)
		}
	}
	whole, short := rules.NewEvidence(facts...), rules.NewEvidence(facts...)
	now := t0.Add(39*day + time.Hour)
	short.Trim(rules.Location, now.Add(-7*day))
	have, next := missedOf(rules, short, now)
	want, wantNext := missedOf(rules, whole, now)
	if len(have) != 2 || len(want) != 8 || have[0].ID != want[6].ID || have[1].ID != want[7].ID || !next.Equal(wantNext) {
		t.Fatalf("%d of %d, next %s and %s", len(have), len(want), next, wantNext)
	}
	ask := func() (at time.Time, told, ok bool) { return short.ran("erp", "post", "0123", t0.Add(3*day)) }
	if _, _, ok := ask(); ok {
		t.Fatal("what was forgotten is known")
	}
	systems, locations := short.Missed()
	short.Restore(systems, locations, facts)
	at, told, ok := ask()
	if wantAt, _, _ := whole.ran("erp", "post", "0123", t0.Add(3*day)); !told || !ok || !at.Equal(wantAt) {
		t.Errorf("restored: %s %t %t, want %s", at, told, ok, wantAt)
	}
}

// TestMissedRunByStore: where stores report a run each for themselves it is each
// one's, by its own clock, and a store that was closed since the last one owes
// none.
func TestMissedRunByStore(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	weekdays := inventory.Location{ID: "0007", Zone: berlin, Posting: inventory.PostingRealtime}
	for d := range weekdays.Open {
		if d != int(time.Sunday) {
			weekdays.Open[d] = []inventory.Span{{From: 8 * 60, To: 20 * 60}}
		}
	}
	rules := scheduled(t, `"22:00"`, "store", weekdays, inventory.Location{ID: "0008", Zone: time.UTC})
	saturday := time.Date(2026, 11, 21, 21, 0, 0, 0, time.UTC) // 22:00 in Berlin
	told := func(store string, at time.Time) inventory.Fact {
		return inventory.Fact{ReceivedAt: at.Add(time.Minute), Watermark: inventory.Watermark{System: "erp", Location: store, Extract: "post", CompleteThrough: at}}
	}
	ev := rules.NewEvidence(told("7", saturday), told("0008", saturday.Add(time.Hour)))
	monday := saturday.Add(2 * 24 * time.Hour)
	found, _ := missedOf(rules, ev, monday.Add(6*time.Minute))
	var of []string
	for _, f := range found {
		of = append(of, f.Location+" "+f.FirstOccurredAt.Format(time.RFC3339))
	}
	want := []string{"0008 2026-11-22T22:00:00Z", "7 2026-11-23T21:00:00Z"}
	if !slices.Equal(of, want) {
		t.Errorf("missed %q, want %q", of, want)
	}
}

// TestMissedRunIsVerified: what the facts' owner writes of a run, also one that
// is taken over while it is missed, is what a recomputation comes to.
func TestMissedRunIsVerified(t *testing.T) {
	rules := scheduled(t, t0.Add(10*time.Minute).Format(`"15:04"`), "UTC")
	w := newWorld(5, 1)
	w.facts = []inventory.Fact{report("", -time.Hour, -time.Hour), report("", 22*time.Minute, 10*time.Minute)}
	for i := range w.facts {
		w.facts[i].Position, w.facts[i].RecordID = uint64(i+1), fmt.Sprint("w", i)
	}
	w.run(t, rules, simTale(w.rng, 3, true), t0.Add(40*time.Minute))
	own := func(epoch uint64, now time.Duration) {
		w.epochs[1], w.now = epoch, t0.Add(now)
		e := NewEngine(EngineOptions{Log: w, Store: simStore{w}, Board: w, Clock: w, Rules: rules})
		for _, f := range w.facts {
			if !f.ReceivedAt.After(w.now) {
				e.takeFact(f)
			}
		}
		e.factsThrough, w.progress[0] = w.now, Progress{Through: w.now}
		o, err := e.newFactOwner(t.Context(), Lease{Partition: 1, Epoch: epoch})
		if err != nil {
			t.Fatal(err)
		}
		if err := o.judge(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	state := func() (all []inventory.FindingState) {
		for _, f := range w.findings {
			if f.Finding.Kind == inventory.RunMissed && f.Finding.LifecycleID == "" {
				all = append(all, f.Finding.State)
			}
		}
		return all
	}
	own(1, 14*time.Minute)
	if s := state(); len(s) != 0 {
		t.Errorf("within its grace: %v", s)
	}
	own(2, 16*time.Minute)
	if s := state(); !slices.Equal(s, []inventory.FindingState{inventory.FindingOpen}) {
		t.Errorf("past its grace: %v", s)
	}
	own(3, 40*time.Minute)
	if s := state(); !slices.Equal(s, []inventory.FindingState{inventory.FindingClosed}) {
		t.Errorf("once it is reported: %v", s)
	}
	if d := verified(t, w, rules); len(d) > 0 {
		t.Fatalf("%d differences, first: %+v", len(d), d[0])
	}
	for k, f := range w.findings {
		if f.Finding.Kind == inventory.RunMissed && f.Finding.LifecycleID == "" {
			delete(w.findings, k)
		}
	}
	if len(verified(t, w, rules)) == 0 {
		t.Error("a lost finding about a run is not found")
	}
}
