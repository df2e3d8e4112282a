package collector_test

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/stocktrace/stocktrace/collector"
	"github.com/stocktrace/stocktrace/inventory"
)

// memory is a Publisher that keeps what it is given, or fails as told.
type memory struct {
	mu          sync.Mutex
	records     []inventory.Record
	quarantined []inventory.Quarantined
	// fail, if set, is asked before anything is kept.
	fail func() error
}

func (m *memory) Publish(_ context.Context, records []inventory.Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		if err := m.fail(); err != nil {
			return err
		}
	}
	m.records = append(m.records, records...)
	return nil
}

func (m *memory) Quarantine(_ context.Context, entries []inventory.Quarantined) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		if err := m.fail(); err != nil {
			return err
		}
	}
	m.quarantined = append(m.quarantined, entries...)
	return nil
}

func (m *memory) failWith(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = func() error { return err }
}

func (m *memory) contents() ([]inventory.Record, []inventory.Quarantined) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.records), slices.Clone(m.quarantined)
}

// fixedClock stands still, a few nanoseconds past a microsecond.
type fixedClock struct{}

var receivedAt = time.Date(2026, 11, 23, 9, 2, 55, 123456000, time.UTC)

func (fixedClock) Now() time.Time {
	return receivedAt.Add(789).In(time.FixedZone("CET", 3600))
}

// options are those of a collector on free ports that writes to m.
func options(m *memory) collector.Options {
	return collector.Options{
		Publisher:  m,
		Clock:      fixedClock{},
		Logger:     slog.New(slog.DiscardHandler),
		Registerer: prometheus.NewRegistry(),
		GRPC:       "127.0.0.1:0",
		HTTP:       "127.0.0.1:0",
	}
}

// start runs a collector until the test ends.
func start(t *testing.T, o collector.Options) *collector.Collector {
	t.Helper()
	c, err := collector.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return c
}

// total adds up a counter over all its labels that match.
func total(t *testing.T, o collector.Options, name string, labels ...string) float64 {
	t.Helper()
	families, err := o.Registerer.(*prometheus.Registry).Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, f := range families {
		if f.GetName() != "stocktrace_collector_"+name {
			continue
		}
		for _, m := range f.GetMetric() {
			matched := 0
			for _, l := range m.GetLabel() {
				if slices.Contains(labels, l.GetValue()) {
					matched++
				}
			}
			if matched == len(labels) {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return sum
}
