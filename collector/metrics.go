package collector

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/stocktrace/stocktrace/collector/canonical"
)

// metrics are the collector's counters. They count after the fact: an event is
// accepted or quarantined when it is on disk.
type metrics struct {
	accepted    counter // by transport
	bytes       counter // by transport
	quarantined counter // by transport and reason
	foreign     counter // by transport
	refused     counter // by transport and reason

	// By source, where senders say who they are: a token's or certificate's name,
	// so their number is that of the declared.
	sourceEvents  counter // by source and result
	sourceBytes   counter
	sourceLate    counter
	sourceAhead   counter
	sourceUnbound counter
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
		if !r.Event.Fact() && len(r.Event.Identifiers()) == 0 {
			unbound++
		}
	}
	for i := range batch.Rejected {
		bytes += len(batch.Rejected[i].Raw)
	}
	m.sourceEvents(len(batch.Records), source, "accepted")
	m.sourceEvents(len(batch.Rejected), source, "quarantined")
	m.sourceEvents(len(batch.Refused), source, "refused")
	m.sourceBytes(bytes, source)
	m.sourceLate(lates, source)
	m.sourceAhead(aheads, source)
	m.sourceUnbound(unbound, source)
}

// ofOthers counts what does not speak of inventory.
func (m *metrics) ofOthers(transport string, n int) {
	if n > 0 {
		m.foreign(n, transport)
	}
}

// newMetrics returns the counters, each made by what is given.
func newMetrics(counts func(definition) (counter, error)) (*metrics, error) {
	m := new(metrics)
	for _, c := range []struct {
		into *counter
		definition
	}{
		{&m.accepted, definition{
			"accepted_total", "{event}",
			"Events that were read and are on disk.",
			[]string{"transport"},
		}},
		{&m.bytes, definition{
			"bytes_total", "By",
			"Bytes, uncompressed, of events that are on disk, accepted or quarantined, as received.",
			[]string{"transport"},
		}},
		{&m.quarantined, definition{
			"quarantined_total", "{event}",
			"Events that could not be read and are kept in the quarantine.",
			[]string{"transport", "reason"},
		}},
		{&m.foreign, definition{
			"foreign_total", "{record}",
			"Spans and log records that do not speak of inventory and were not stored.",
			[]string{"transport"},
		}},
		{&m.refused, definition{
			"refused_total", "{request}",
			"Requests answered with an error, by which nothing was acknowledged.",
			[]string{"transport", "reason"},
		}},
		{&m.sourceEvents, definition{
			"source_events_total", "{event}",
			"Events of a source that were accepted, quarantined, or refused because it may not say them.",
			[]string{"source", "result"},
		}},
		{&m.sourceBytes, definition{
			"source_bytes_total", "By",
			"Bytes of a source's events that are on disk, as received.",
			[]string{"source"},
		}},
		{&m.sourceLate, definition{
			"source_late_total", "{event}",
			"Events of a source that arrived more than five minutes after their own time.",
			[]string{"source"},
		}},
		{&m.sourceAhead, definition{
			"source_clock_ahead_total", "{event}",
			"Events of a source whose own time is more than five seconds ahead of ours.",
			[]string{"source"},
		}},
		{&m.sourceUnbound, definition{
			"source_without_key_total", "{event}",
			"Events of a source without any identifying key: they stay alone.",
			[]string{"source"},
		}},
	} {
		c.name = "stocktrace_collector_" + c.name
		made, err := counts(c.definition)
		if err != nil {
			return nil, fmt.Errorf("collector metrics: %s: %w", c.name, err)
		}
		*c.into = made
	}
	return m, nil
}

// definition is a counter's name, unit (as UCUM writes it), description and the
// names of its labels.
type definition struct {
	name, unit, help string
	labels           []string
}

// counter adds to one of a counter's series: the one whose labels have these
// values, in the definition's order.
type counter func(n int, labels ...string)

// inRegistry counts for Prometheus. The OTLP pipeline and the events handler of
// one process share the counters, so those already there are used.
func inRegistry(r prometheus.Registerer) func(definition) (counter, error) {
	return func(d definition) (counter, error) {
		vec := prometheus.NewCounterVec(prometheus.CounterOpts{Name: d.name, Help: d.help}, d.labels)
		err := r.Register(vec)
		if known, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
			if existing, ok := known.ExistingCollector.(*prometheus.CounterVec); ok {
				vec, err = existing, nil
			}
		}
		return func(n int, labels ...string) { vec.WithLabelValues(labels...).Add(float64(n)) }, err
	}
}

// inMeter counts for OpenTelemetry. The names are those of Prometheus, so that a
// dashboard reads either: the end that OpenTelemetry leaves out is added there
// only where it is missing.
func inMeter(m metric.Meter) func(definition) (counter, error) {
	return func(d definition) (counter, error) {
		c, err := m.Int64Counter(d.name, metric.WithUnit(d.unit), metric.WithDescription(d.help))
		return func(n int, labels ...string) {
			attributes := make([]attribute.KeyValue, len(labels))
			for i, label := range labels {
				attributes[i] = attribute.String(d.labels[i], label)
			}
			c.Add(context.Background(), int64(n), metric.WithAttributes(attributes...))
		}, err
	}
}
