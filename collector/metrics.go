package collector

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/stocktrace/stocktrace/collector/canonical"
)

// metrics are the collector's counters. They count after the fact: an event is
// accepted or quarantined when it is on disk.
type metrics struct {
	accepted    *prometheus.CounterVec // by transport
	bytes       *prometheus.CounterVec // by transport
	quarantined *prometheus.CounterVec // by transport and reason
	foreign     *prometheus.CounterVec // by transport
	refused     *prometheus.CounterVec // by transport and reason

	// By source, where senders say who they are: a token's or certificate's name,
	// so their number is that of the declared.
	sourceEvents  *prometheus.CounterVec // by source and result
	sourceBytes   *prometheus.CounterVec
	sourceLate    *prometheus.CounterVec
	sourceAhead   *prometheus.CounterVec
	sourceUnbound *prometheus.CounterVec
}

// late is the delay, from an event's own time to its arrival, past which it
// counts as late: the five minutes a posting has. ahead is how far its clock may
// be ahead of ours before it counts as wrong.
const (
	late  = 5 * time.Minute
	ahead = 5 * time.Second
)

// ofSource counts what a known sender sent, once it is on disk.
func (m *metrics) ofSource(source string, batch *canonical.Batch) {
	if source == "" {
		return
	}
	var bytes, lates, aheads, unbound int
	for i := range batch.Records {
		r := &batch.Records[i]
		bytes += len(r.Raw)
		switch delay := r.ReceivedAt.Sub(r.Event.Time); {
		case delay > late:
			lates++
		case delay < -ahead:
			aheads++
		}
		if r.Event.Watermark == nil && len(r.Event.Identifiers()) == 0 {
			unbound++
		}
	}
	for i := range batch.Rejected {
		bytes += len(batch.Rejected[i].Raw)
	}
	add := func(c *prometheus.CounterVec, n int, labels ...string) {
		c.WithLabelValues(append([]string{source}, labels...)...).Add(float64(n))
	}
	add(m.sourceEvents, len(batch.Records), "accepted")
	add(m.sourceEvents, len(batch.Rejected), "quarantined")
	add(m.sourceEvents, len(batch.Refused), "refused")
	add(m.sourceBytes, bytes)
	add(m.sourceLate, lates)
	add(m.sourceAhead, aheads)
	add(m.sourceUnbound, unbound)
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
		sourceEvents: counter("source_events_total",
			"Events of a source that were accepted, quarantined, or refused because it may not say them.", "source", "result"),
		sourceBytes: counter("source_bytes_total",
			"Bytes of a source's events that are on disk, as received.", "source"),
		sourceLate: counter("source_late_total",
			"Events of a source that arrived more than five minutes after their own time.", "source"),
		sourceAhead: counter("source_clock_ahead_total",
			"Events of a source whose own time is more than five seconds ahead of ours.", "source"),
		sourceUnbound: counter("source_without_key_total",
			"Events of a source without any identifying key: they stay alone.", "source"),
	}
	for _, c := range []**prometheus.CounterVec{&m.accepted, &m.bytes, &m.quarantined, &m.foreign, &m.refused, &m.sourceEvents, &m.sourceBytes, &m.sourceLate, &m.sourceAhead, &m.sourceUnbound} {
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
