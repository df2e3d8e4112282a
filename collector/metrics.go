package collector

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the collector's counters. They count after the fact: an event is
// accepted or quarantined when it is on disk.
type metrics struct {
	accepted    *prometheus.CounterVec // by transport
	bytes       *prometheus.CounterVec // by transport
	quarantined *prometheus.CounterVec // by transport and reason
	foreign     *prometheus.CounterVec // by transport
	refused     *prometheus.CounterVec // by transport and reason
}

// register returns the counters of a registry. The OTLP pipeline and the events
// handler of one process share them, so counters already there are used.
func register(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		accepted: counter("accepted_total",
			"Events that were read and are on disk.", "transport"),
		bytes: counter("bytes_total",
			"Bytes, uncompressed, of events that are on disk, accepted or quarantined, as received.", "transport"),
		quarantined: counter("quarantined_total",
			"Events that could not be read and are kept in the quarantine.", "transport", "reason"),
		foreign: counter("foreign_total",
			"Spans and log records that do not speak of inventory and were not stored.", "transport"),
		refused: counter("refused_total",
			"Requests answered with an error, by which nothing was acknowledged.", "transport", "reason"),
	}
	for _, c := range []**prometheus.CounterVec{&m.accepted, &m.bytes, &m.quarantined, &m.foreign, &m.refused} {
		err := r.Register(*c)
		var known prometheus.AlreadyRegisteredError
		if errors.As(err, &known) {
			if existing, ok := known.ExistingCollector.(*prometheus.CounterVec); ok {
				*c = existing
				continue
			}
		}
		if err != nil {
			return nil, fmt.Errorf("register collector metrics: %w", err)
		}
	}
	return m, nil
}

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: "stocktrace", Subsystem: "collector", Name: name, Help: help,
	}, labels)
}
