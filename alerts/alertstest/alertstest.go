// Package alertstest holds what tests of the alert path share: a memory of
// incidents, what is wrong to be told, and a clock that moves when told to.
package alertstest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stocktrace/stocktrace/alerts"
	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/lifecycle"
	"github.com/stocktrace/stocktrace/slo"
)

// Noon is when tests begin.
var Noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// Clock moves only when told to.
type Clock struct {
	mu      sync.Mutex
	now     time.Time
	waiting map[chan time.Time]time.Time
}

// NewClock returns a clock that stands at t.
func NewClock(t time.Time) *Clock { return &Clock{now: t, waiting: map[chan time.Time]time.Time{}} }

// Now implements lifecycle.Clock.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// After implements lifecycle.Clock.
func (c *Clock) After(d time.Duration) <-chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	ch := make(chan time.Time, 1)
	if d <= 0 {
		ch <- c.now
	} else {
		c.waiting[ch] = c.now.Add(d)
	}
	return ch
}

// Advance moves the clock and wakes who waited for it.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	for ch, at := range c.waiting {
		if !at.After(c.now) {
			ch <- c.now
			delete(c.waiting, ch)
		}
	}
}

// Wrong is what is wrong, as sources would count it. It implements
// [alerts.Source] and [alerts.Objectives].
type Wrong struct {
	mu       sync.Mutex
	clusters []alerts.Cluster
	results  []slo.Result
	err      error
}

// Set replaces what is wrong.
func (w *Wrong) Set(clusters []alerts.Cluster, results ...slo.Result) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clusters, w.results = clusters, results
}

// Fail makes every question fail, until it is called with nil.
func (w *Wrong) Fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err = err
}

// Clusters implements alerts.Source.
func (w *Wrong) Clusters(context.Context, time.Time) ([]alerts.Cluster, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	clusters := append([]alerts.Cluster(nil), w.clusters...)
	for i := range clusters {
		clusters[i].Examples = nil
	}
	return clusters, w.err
}

// Examples implements alerts.Source.
func (w *Wrong) Examples(_ context.Context, keys []alerts.Key, limit int) (map[alerts.Key][]alerts.Example, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	examples := map[alerts.Key][]alerts.Example{}
	for _, k := range keys {
		for i := range w.clusters {
			if c := &w.clusters[i]; c.Key == k {
				examples[k] = c.Examples[:min(len(c.Examples), limit)]
			}
		}
	}
	return examples, w.err
}

// Latest implements alerts.Objectives.
func (w *Wrong) Latest(context.Context) ([]slo.Result, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.results, w.err
}

// Store remembers incidents in memory, by the same rule as the real one: the
// highest version wins.
type Store struct {
	mu       sync.Mutex
	rows     map[string]alerts.Incident
	versions map[string]lifecycle.Version
	err      error
}

// NewStore returns an empty store.
func NewStore() *Store {
	return &Store{rows: map[string]alerts.Incident{}, versions: map[string]lifecycle.Version{}}
}

// Fail makes every call fail, until it is called with nil.
func (s *Store) Fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// WriteIncident implements alerts.Store.
func (s *Store) WriteIncident(_ context.Context, i alerts.Incident, v lifecycle.Version) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	if old := s.versions[i.ID]; v.Epoch > old.Epoch || v.Epoch == old.Epoch && v.Revision >= old.Revision {
		s.rows[i.ID], s.versions[i.ID] = i, v
	}
	return nil
}

// Incidents implements alerts.Store.
func (s *Store) Incidents(_ context.Context, since time.Time) ([]alerts.Incident, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []alerts.Incident
	for _, i := range s.rows {
		if i.State == alerts.Firing || !i.ClosedAt.Before(since) {
			all = append(all, i)
		}
	}
	return all, s.err
}

// MissingInERP is a cluster of n sales that are not in the ERP, all opened at
// noon.
func MissingInERP(tb testing.TB, n int) alerts.Cluster {
	tb.Helper()
	amount, err := inventory.ParseDecimal(fmt.Sprintf("%d.50", 30*n))
	if err != nil {
		tb.Fatal(err)
	}
	c := alerts.Cluster{
		Key:      alerts.Key{Kind: inventory.MissingStep, Cause: inventory.CauseDownstreamDelay, System: "erp", Step: "erp posted"},
		Severity: inventory.Critical, Title: "Not in ERP",
		Sentence: "Sold 11:54; not in ERP, due 11:59.",
		Action:   "Find the message in the system before it; replay it if it is there, ask the owner if it is not.",
		Owner:    "erp-operations", Runbook: "https://runbooks.example/erp-posted",
		Open: n, Recent: n, FirstOpened: Noon, LastOpened: Noon,
		Locations: min(n, 588), LocationsTop: []string{"0123", "0124", "0207"}[:min(n, 3)], Regions: []string{"north", "south"},
		Units:  []inventory.Quantity{{UOM: "EA", Quantity: inventory.DecimalOf(int64(2 * n))}},
		Values: []inventory.Amount{{Currency: "EUR", Basis: "retail_gross", Amount: amount}},
		Groups: 1, GroupsTop: []alerts.Group{{ID: "g-3f2a", Open: n}},
	}
	for i := range min(n, 3) {
		c.Examples = append(c.Examples, alerts.Example{
			LifecycleID: fmt.Sprintf("c-7f3%d", i), Receipt: fmt.Sprintf("0123-04-%06d", 778+i), Workflow: "sale", Location: "0123",
			Sentence: fmt.Sprintf("Sold 11:5%d; not in ERP, due 11:5%d.", i, i+5),
		})
	}
	return c
}

// Burning is a result of which the fast policy fires, because of the causes
// given.
func Burning(causes ...slo.Cause) slo.Result {
	policy := slo.Policy{Name: "fast-burn", Severity: slo.Page, Threshold: 13.44, Long: time.Hour, Short: 5 * time.Minute}
	counts := slo.Counts{Good: 600, Bad: 3000, Unknown: 12}
	burn := slo.Burn{Policy: policy, Long: counts, Short: counts, LongRate: 166.67, ShortRate: 166.67, Firing: true}
	window := slo.Counts{Good: 995_000, Bad: 4200}
	standing := slo.Standing{Counts: window, Budget: window.Budget(0.995), Burns: []slo.Burn{burn}}
	north := standing
	north.Scope.Region = "north"
	store := standing
	store.Scope = slo.Scope{Region: "north", Location: "0123"}
	return slo.Result{
		Objective: &slo.Objective{
			Name: "sale-posted", Title: "Sales are in the ERP within 5 minutes", Owner: "erp-operations",
			Runbook: "https://runbooks.example/sale-posted", Target: 0.995, Window: 28 * 24 * time.Hour, Policies: []slo.Policy{policy},
		},
		Total: standing, Regions: []slo.Standing{north}, Stores: []slo.Standing{store}, Burning: causes, BurningBad: counts.Bad,
	}
}

// Because is a cause with n lifecycles, for the cluster's key.
func Because(c alerts.Cluster, n int64) slo.Cause {
	return slo.Cause{
		Kind: c.Key.Kind, Cause: c.Key.Cause, System: c.Key.System, Step: c.Key.Step, ErrorCode: c.Key.ErrorCode,
		Title: c.Title, Owner: c.Owner, Lifecycles: n,
	}
}

// Eventually fails the test when ok does not hold within ten seconds of real
// time. Between attempts it calls step, which moves the test's world on.
func Eventually(tb testing.TB, what string, step func(), ok func() bool) {
	tb.Helper()
	deadline := time.After(10 * time.Second)
	pause := time.NewTicker(time.Millisecond)
	defer pause.Stop()
	for !ok() {
		select {
		case <-deadline:
			tb.Fatalf("not within ten seconds: %s", what)
		case <-pause.C:
			step()
		}
	}
}
