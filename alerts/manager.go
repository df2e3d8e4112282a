package alerts

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/stocktrace/stocktrace/lifecycle"
)

// Options configure a Manager.
type Options struct {
	Source     Source
	Objectives Objectives
	Store      Store
	Receivers  []Receiver
	Rules      Rules
	// PublicURL is the address in links.
	PublicURL string
	// Clock is the retailer's: it dates incidents.
	Clock lifecycle.Clock
	// Wall is the clock of the people and services we send to, and spaces
	// evaluations. A simulated day must not send a day's messages in minutes.
	Wall lifecycle.Clock
	// Interval between evaluations, on the wall; 0 means 10 s.
	Interval time.Duration
	// UpdateEvery is the least time between two updates of one message whose
	// incident only changed its numbers; 0 means 30 s. Ends are told at once.
	UpdateEvery time.Duration
	Log         *slog.Logger
}

// Manager keeps incidents and tells receivers. Run it in one process at a time.
type Manager struct {
	o Options

	mu        sync.Mutex
	epoch     uint64
	revision  uint64
	incidents map[string]*tracked
	trouble   error // of the newest evaluation
	wake      map[string]chan struct{}
}

// tracked is an incident in memory. dirty means memory is ahead of the store.
type tracked struct {
	Incident
	dirty bool
}

// Backoff of failed deliveries: an outage is asked after often at first, and
// then every five minutes until it is over.
const (
	firstRetry = time.Second
	maxRetry   = 5 * time.Minute
	// attemptTimeout bounds one call to a receiver.
	attemptTimeout = 30 * time.Second
	// rememberTimeout bounds the writing down of one that has been made.
	rememberTimeout = 5 * time.Second
	// rememberClosed is how far back incidents are looked at whose end may not
	// have been told: longer than any outage of a receiver.
	rememberClosed = 30 * 24 * time.Hour
)

// NewManager returns a manager, or what is wrong with the options.
func NewManager(o Options) (*Manager, error) {
	if o.Interval == 0 {
		o.Interval = 10 * time.Second
	}
	if o.UpdateEvery == 0 {
		o.UpdateEvery = 30 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	m := &Manager{o: o, wake: map[string]chan struct{}{}}
	var errs []error
	errs = append(errs, o.Rules.Validate())
	for _, r := range o.Receivers {
		if m.wake[r.Name()] != nil {
			errs = append(errs, fmt.Errorf("two alert receivers are called %s", r.Name()))
		}
		m.wake[r.Name()] = make(chan struct{}, 1)
	}
	for _, route := range o.Rules.Routes {
		for _, name := range route.Receivers {
			if m.wake[name] == nil {
				errs = append(errs, fmt.Errorf("an alert route leads to %q, which is no receiver", name))
			}
		}
	}
	return m, errors.Join(errs...)
}

// Run evaluates and delivers until ctx ends, and returns nil then; any other
// return is the error of loading what was stored. The epoch fences rows of a
// paused former leader. ctx must end before the lease does.
func (m *Manager) Run(ctx context.Context, epoch uint64) error {
	if err := m.load(ctx, epoch); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	var tasks sync.WaitGroup
	for _, r := range m.o.Receivers {
		tasks.Go(func() { m.deliverTo(ctx, r) })
	}
	for ctx.Err() == nil {
		err := m.Evaluate(ctx)
		if err != nil && ctx.Err() == nil {
			m.o.Log.Warn("alerts are not evaluated", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-m.o.Wall.After(m.o.Interval):
		}
	}
	tasks.Wait()
	return nil
}

// load starts from what is stored. Incidents that were over before a receiver
// was configured are none of its business.
func (m *Manager) load(ctx context.Context, epoch uint64) error {
	stored, err := m.o.Store.Incidents(ctx, m.o.Clock.Now().Add(-rememberClosed))
	if err != nil {
		return fmt.Errorf("load incidents: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.epoch, m.revision = epoch, 0
	m.incidents = map[string]*tracked{}
	for _, i := range stored {
		t := &tracked{Incident: i.clone()}
		if i.State == Resolved {
			for name := range m.wake {
				if t.Deliveries[name].Phase == "" {
					t.Deliveries[name] = Delivery{Phase: Skipped}
				}
			}
		}
		if !m.finished(t) {
			m.incidents[i.ID] = t
		}
	}
	return nil
}

// Evaluate looks once at what is wrong and brings the incidents up to date. An
// error leaves them as they are: what could not be read is not over.
func (m *Manager) Evaluate(ctx context.Context) error {
	// Deliveries whose row could not be written wait here too, whatever becomes of
	// the evaluation.
	err := errors.Join(m.evaluate(ctx), m.saveDirty(ctx))
	m.mu.Lock()
	m.trouble = err
	m.mu.Unlock()
	for _, wake := range m.wake {
		select {
		case wake <- struct{}{}:
		default:
		}
	}
	return err
}

func (m *Manager) evaluate(ctx context.Context) error {
	results, err := m.o.Objectives.Latest(ctx)
	if err != nil {
		return err
	}
	now := m.o.Clock.Now().UTC()
	clusters, err := m.o.Source.Clusters(ctx, now.Add(-m.o.Rules.Window))
	if err != nil {
		return fmt.Errorf("count open findings: %w", err)
	}
	if err := m.addExamples(ctx, clusters); err != nil {
		return err
	}

	m.mu.Lock()
	defer m.mu.Unlock()
	for _, i := range Advance(&m.o.Rules, m.known(), clusters, results, now) {
		t := m.incidents[i.ID]
		if t == nil {
			t = &tracked{}
			m.incidents[i.ID] = t
			m.o.Log.Info("incident opened", "incident", i.ID, "title", Compose(&i, m.o.PublicURL).Title)
		} else if i.State == Resolved {
			m.o.Log.Info("incident over", "incident", i.ID, "title", Compose(&i, m.o.PublicURL).Title)
		}
		t.Incident, t.dirty = i, true
	}
	return nil
}

// addExamples fetches examples for the clusters that are, or become, incidents.
func (m *Manager) addExamples(ctx context.Context, clusters []Cluster) error {
	told := map[Key]bool{}
	m.mu.Lock()
	for _, t := range m.incidents {
		if t.Cluster != nil {
			told[t.Cluster.Key] = true
		}
	}
	m.mu.Unlock()
	var keys []Key
	for i := range clusters {
		if c := &clusters[i]; told[c.Key] || m.o.Rules.Relevant(c) {
			keys = append(keys, c.Key)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	examples, err := m.o.Source.Examples(ctx, keys, examplesShown)
	if err != nil {
		return fmt.Errorf("find examples: %w", err)
	}
	for i := range clusters {
		clusters[i].Examples = examples[clusters[i].Key]
	}
	return nil
}

// known returns the incidents in memory, oldest first. The caller holds the
// lock; they share deliveries with memory and are not to be changed.
func (m *Manager) known() []Incident {
	known := make([]Incident, 0, len(m.incidents))
	for _, t := range m.incidents {
		known = append(known, t.Incident)
	}
	slices.SortFunc(known, oldestFirst)
	return known
}

func oldestFirst(a, b Incident) int {
	return cmp.Or(a.OpenedAt.Compare(b.OpenedAt), cmp.Compare(a.ID, b.ID))
}

// saveDirty stores every incident that memory is ahead of, and forgets those
// that are over and told.
func (m *Manager) saveDirty(ctx context.Context) error {
	m.mu.Lock()
	var dirty []string
	for _, id := range slices.Sorted(maps.Keys(m.incidents)) {
		switch t := m.incidents[id]; {
		case t.dirty:
			dirty = append(dirty, id)
		case m.finished(t):
			delete(m.incidents, id)
		}
	}
	m.mu.Unlock()
	var errs []error
	for _, id := range dirty {
		errs = append(errs, m.save(ctx, id))
	}
	return errors.Join(errs...)
}

// save stores the incident as it is in memory now.
func (m *Manager) save(ctx context.Context, id string) error {
	m.mu.Lock()
	t := m.incidents[id]
	if t == nil {
		m.mu.Unlock()
		return nil
	}
	m.revision++
	v := lifecycle.Version{Epoch: m.epoch, Revision: m.revision}
	snapshot := t.clone()
	t.dirty = false
	m.mu.Unlock()
	if err := m.o.Store.WriteIncident(ctx, snapshot, v); err != nil {
		m.mu.Lock()
		t.dirty = true
		m.mu.Unlock()
		return fmt.Errorf("store incident %s: %w", id, err)
	}
	return nil
}

// finished reports whether nothing is left to do about an incident and nobody
// needs to know of it.
func (m *Manager) finished(t *tracked) bool {
	if t.State != Resolved || t.dirty || t.Burn != nil && m.o.Clock.Now().Sub(t.ClosedAt) < BurnMemory {
		return false
	}
	for name := range m.wake {
		if d := t.Deliveries[name]; d.Phase != Skipped && (d.Phase != Posted || d.State != Resolved) {
			return false
		}
	}
	return true
}

// Status is how the alert path does.
type Status struct {
	Firing int
	// Trouble is why the newest evaluation failed; nil when it did not.
	Trouble error
	// Receivers by name.
	Receivers map[string]ReceiverStatus
}

// ReceiverStatus is how one receiver does.
type ReceiverStatus struct {
	Waiting   int    // incidents it has not been told the newest state of
	LastError string // of a delivery that is being retried
}

// Status may be called at any time, also where Run is not running.
func (m *Manager) Status() Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := Status{Trouble: m.trouble, Receivers: map[string]ReceiverStatus{}}
	for _, t := range m.incidents {
		if t.State == Firing {
			s.Firing++
		}
	}
	for name := range m.wake {
		var r ReceiverStatus
		for _, t := range m.incidents {
			d := t.Deliveries[name]
			if d.Phase != Skipped && (d.Phase != Posted || d.State != t.State) {
				r.Waiting++
			}
			if d.LastError != "" {
				r.LastError = d.LastError
			}
		}
		s.Receivers[name] = r
	}
	return s
}
