package canonical

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/stocktrace/stocktrace/inventory"
)

// The transport of OTLP data points, and the type of their raw bytes: a
// MetricsData message of one data point with its resource and scope.
const (
	TransportMetrics = "otlp_metrics"
	MetricsType      = "application/x-protobuf;type=metrics"
)

// Metrics of the contract, and what they measure.
var metricGauges = map[string]inventory.Gauge{
	"inventory.queue.depth":      inventory.Depth,
	"inventory.queue.oldest_age": inventory.OldestAge,
	"inventory.queue.consumed":   inventory.Consumed,
	"inventory.heartbeat":        inventory.Heartbeat,
}

// messagingGauges are what the last word of a metric under messaging.* measures.
// The semantic conventions name counters only; these words are what brokers'
// own metrics are called.
var messagingGauges = map[string]inventory.Gauge{
	"depth": inventory.Depth, "lag": inventory.Depth, "backlog": inventory.Depth, "ready": inventory.Depth,
	"oldest_age": inventory.OldestAge,
}

// messagingConsumed is the one counter of the conventions that tells of a queue.
// Source: OpenTelemetry semantic conventions, messaging metrics.
const messagingConsumed = "messaging.client.consumed.messages"

// Attributes by which OpenTelemetry's conventions name a queue.
const (
	messagingSystem      = "messaging.system"
	messagingDestination = "messaging.destination.name"
	messagingGroup       = "messaging.consumer.group.name"
	messagingPartition   = "messaging.destination.partition.id"
)

var metricPlace = func() *place { p := *spanPlace; p.time = "/timeUnixNano"; return &p }()

// SpeaksMetric reports whether a data point is a reading: its metric is the
// contract's, or it or its scope or resource declares what it measures with
// inventory.gauge, or it is a gauge of messaging.* that names its queue.
func SpeaksMetric(metric pmetric.Metric, attributes ...pcommon.Map) bool {
	return gaugeOf(metric, attributes) != ""
}

func gaugeOf(metric pmetric.Metric, attributes []pcommon.Map) inventory.Gauge {
	if g := metricGauges[metric.Name()]; g != "" {
		return g
	}
	if g := first(attributes, prefix+"gauge"); g != "" {
		return inventory.Gauge(g) // what it is not is said when it is read
	}
	rest, messaging := strings.CutPrefix(metric.Name(), "messaging.")
	if !messaging || first(attributes, prefix+"queue", messagingDestination) == "" {
		return ""
	}
	if metric.Type() == pmetric.MetricTypeSum && metric.Sum().IsMonotonic() {
		if metric.Name() == messagingConsumed && metric.Sum().AggregationTemporality() == pmetric.AggregationTemporalityCumulative {
			return inventory.Consumed
		}
		return ""
	}
	return messagingGauges[rest[strings.LastIndexByte(rest, '.')+1:]]
}

// first returns the first attribute of those names that says something, the
// nearer map first.
func first(attributes []pcommon.Map, names ...string) string {
	for _, name := range names {
		for _, m := range attributes {
			if v, ok := m.Get(name); ok && v.AsString() != "" {
				return v.AsString()
			}
		}
	}
	return ""
}

// Points returns the data points of a metric that can be readings; a histogram
// has none.
func Points(metric pmetric.Metric) pmetric.NumberDataPointSlice {
	switch metric.Type() {
	case pmetric.MetricTypeGauge:
		return metric.Gauge().DataPoints()
	case pmetric.MetricTypeSum:
		return metric.Sum().DataPoints()
	default:
		return pmetric.NewNumberDataPointSlice()
	}
}

// FromMetrics reads the data points that are readings, like [FromTraces]. Each is
// a record of its own: series and time are its id.
func FromMetrics(md pmetric.Metrics, receivedAt time.Time) (Batch, error) {
	count := md.DataPointCount()
	if count == 0 {
		return Batch{}, nil
	}
	dec := otlpDecoder{reader: newReader(), receivedAt: receivedAt, transport: TransportMetrics, rawType: MetricsType}
	defer dec.release()
	dec.batch.Records = make([]inventory.Record, 0, count)
	index := 0
	for _, resource := range md.ResourceMetrics().All() {
		said, err := encoded(resource.Resource().Attributes())
		if err != nil {
			return Batch{}, err
		}
		dec.source = source(said)
		for _, scope := range resource.ScopeMetrics().All() {
			for _, metric := range scope.Metrics().All() {
				for _, point := range Points(metric).All() {
					if err := dec.point(index, resource, scope, metric, point); err != nil {
						return Batch{}, err
					}
					index++
				}
			}
		}
	}
	return dec.batch, nil
}

func (dec *otlpDecoder) point(index int, resource pmetric.ResourceMetrics, scope pmetric.ScopeMetrics, metric pmetric.Metric, point pmetric.NumberDataPoint) error {
	around := []pcommon.Map{point.Attributes(), scope.Scope().Attributes(), resource.Resource().Attributes()}
	gauge := gaugeOf(metric, around)
	if gauge == "" || point.Flags().NoRecordedValue() {
		dec.batch.Foreign++
		return nil
	}
	raw, err := new(pmetric.ProtoMarshaler).MarshalMetrics(alone(resource, scope, metric, point))
	if err != nil {
		return fmt.Errorf("encode a data point: %w", err)
	}
	said := pcommon.NewMap()
	point.Attributes().CopyTo(said)
	for _, m := range around[1:] {
		if Speaks(m) {
			Inherit(said, m)
		}
	}
	put := func(name, value string) {
		if _, ok := said.Get(prefix + name); !ok && value != "" {
			said.PutStr(prefix+name, value)
		}
	}
	put("gauge", string(gauge))
	put("system", first(around, messagingSystem, "service.name"))
	put("queue", queueOf(around))
	switch point.ValueType() {
	case pmetric.NumberDataPointValueTypeInt:
		said.PutInt(prefix+"value", point.IntValue())
	case pmetric.NumberDataPointValueTypeDouble:
		// A gauge is no amount of goods: what it has beyond a billionth is noise.
		value := strconv.FormatFloat(point.DoubleValue(), 'f', 9, 64)
		if strings.Contains(value, ".") {
			value = strings.TrimSuffix(strings.TrimRight(value, "0"), ".")
		}
		said.PutStr(prefix+"value", value)
	case pmetric.NumberDataPointValueTypeEmpty:
		// No value is told apart below: a reading without one is refused.
	}
	if dec.own, err = encoded(said); err != nil {
		return fmt.Errorf("encode a data point: %w", err)
	}
	record := dec.next(raw)
	e := &record.Event
	e.Type = inventory.TypeReading
	d := draft{event: e}
	if err := dec.attributes(&d); err != nil {
		dec.settle(index, record, &d, point.Timestamp(), err, metricPlace)
		return nil
	}
	if e.Source == "" && dec.source == "" {
		e.Source = e.System // a metric often has no service of its own
	}
	if e.ID == "" {
		e.ID = fmt.Sprintf("%s/%s/%s/%s/%s/%s@%d", d.gauge.text, e.System, e.SystemInstance, e.Location, e.Register, d.queue.text, point.Timestamp())
	}
	err = nil
	if metric.Type() == pmetric.MetricTypeSum && metric.Sum().AggregationTemporality() == pmetric.AggregationTemporalityDelta {
		err = &Error{Malformed, "/aggregationTemporality", "is delta: send a gauge, or a cumulative sum"}
	}
	dec.settle(index, record, &d, point.Timestamp(), err, metricPlace)
	return nil
}

// queueOf is what OpenTelemetry's conventions call a queue: the destination, with
// the group that consumes it and the partition, where those are told.
func queueOf(around []pcommon.Map) string {
	queue := first(around, messagingDestination)
	if queue == "" {
		return ""
	}
	if group := first(around, messagingGroup); group != "" {
		queue += "/" + group
	}
	if partition := first(around, messagingPartition); partition != "" {
		queue += "#" + partition
	}
	return queue
}

// alone is a data point with its metric, scope and resource, and nothing else.
func alone(resource pmetric.ResourceMetrics, scope pmetric.ScopeMetrics, metric pmetric.Metric, point pmetric.NumberDataPoint) pmetric.Metrics {
	md := pmetric.NewMetrics()
	r := md.ResourceMetrics().AppendEmpty()
	resource.Resource().CopyTo(r.Resource())
	r.SetSchemaUrl(resource.SchemaUrl())
	s := r.ScopeMetrics().AppendEmpty()
	scope.Scope().CopyTo(s.Scope())
	s.SetSchemaUrl(scope.SchemaUrl())
	m := s.Metrics().AppendEmpty()
	m.SetName(metric.Name())
	m.SetUnit(metric.Unit())
	m.SetDescription(metric.Description())
	if metric.Type() == pmetric.MetricTypeSum {
		sum := m.SetEmptySum()
		sum.SetIsMonotonic(metric.Sum().IsMonotonic())
		sum.SetAggregationTemporality(metric.Sum().AggregationTemporality())
		point.CopyTo(sum.DataPoints().AppendEmpty())
	} else {
		point.CopyTo(m.SetEmptyGauge().DataPoints().AppendEmpty())
	}
	return md
}
