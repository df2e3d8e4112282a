package collector

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"

	"github.com/stocktrace/stocktrace/collector/canonical"
)

// ProcessorType is the name of the canonicalising processor in a Collector's
// configuration.
var ProcessorType = component.MustNewType("canonical")

// Stability is what the processor and the exporter promise, in a Collector's
// words: configuration and behaviour may still change, and a changelog says so.
const Stability = component.StabilityLevelBeta

// canonicaliser is the processor of all signals. Foreign records end here, so
// that a pipeline fed with a company's whole telemetry carries only what speaks
// of inventory from here on.
type canonicaliser struct {
	component.StartFunc
	component.ShutdownFunc
	metrics *metrics
	traces  consumer.Traces
	logs    consumer.Logs
	gauges  consumer.Metrics
}

// NewProcessorFactory returns the factory of canonical processors. newConfig
// returns the configuration they have; their counters go to the Collector's meter
// of the given scope.
func NewProcessorFactory(newConfig component.CreateDefaultConfigFunc, scope string) processor.Factory {
	return newProcessorFactory(newConfig, func(set processor.Settings) (*metrics, error) {
		return newMetrics(inMeter(set.MeterProvider.Meter(scope)))
	})
}

func newProcessorFactory(newConfig component.CreateDefaultConfigFunc, metricsOf func(processor.Settings) (*metrics, error)) processor.Factory {
	return processor.NewFactory(ProcessorType, newConfig,
		processor.WithTraces(func(_ context.Context, set processor.Settings, _ component.Config, next consumer.Traces) (processor.Traces, error) {
			m, err := metricsOf(set)
			return &canonicaliser{metrics: m, traces: next}, err
		}, Stability),
		processor.WithLogs(func(_ context.Context, set processor.Settings, _ component.Config, next consumer.Logs) (processor.Logs, error) {
			m, err := metricsOf(set)
			return &canonicaliser{metrics: m, logs: next}, err
		}, Stability),
		processor.WithMetrics(func(_ context.Context, set processor.Settings, _ component.Config, next consumer.Metrics) (processor.Metrics, error) {
			m, err := metricsOf(set)
			return &canonicaliser{metrics: m, gauges: next}, err
		}, Stability),
	)
}

// noConfig is the configuration of components that take none: what they need
// comes from Options. An unknown key under them is an error.
func noConfig() component.Config { return &struct{}{} }

// Capabilities says that the processor changes what it is given.
func (*canonicaliser) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{MutatesData: true}
}

// ConsumeTraces passes on the spans that speak of inventory, if there are any.
func (c *canonicaliser) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	if _, sealed := unsealTraces(td); sealed {
		return c.traces.ConsumeTraces(ctx, td) // the exporter reads and counts
	}
	foreign := 0
	td.ResourceSpans().RemoveIf(func(resource ptrace.ResourceSpans) bool {
		resource.ScopeSpans().RemoveIf(func(scope ptrace.ScopeSpans) bool {
			said := sharedBy(resource.Resource().Attributes(), scope.Scope().Attributes())
			scope.Spans().RemoveIf(func(span ptrace.Span) bool {
				if !canonical.Speaks(span.Attributes()) {
					foreign++
					return true
				}
				said.inheritedBy(span.Attributes())
				return false
			})
			return scope.Spans().Len() == 0
		})
		return resource.ScopeSpans().Len() == 0
	})
	if td.ResourceSpans().Len() > 0 {
		if err := c.traces.ConsumeTraces(ctx, td); err != nil {
			return err
		}
	}
	// A refused request comes again, so its foreign records are counted then.
	c.metrics.ofOthers(canonical.TransportTraces, foreign)
	return nil
}

// ConsumeLogs passes on the log records that speak of inventory.
func (c *canonicaliser) ConsumeLogs(ctx context.Context, ld plog.Logs) error {
	if _, sealed := unsealLogs(ld); sealed {
		return c.logs.ConsumeLogs(ctx, ld)
	}
	foreign := 0
	ld.ResourceLogs().RemoveIf(func(resource plog.ResourceLogs) bool {
		resource.ScopeLogs().RemoveIf(func(scope plog.ScopeLogs) bool {
			said := sharedBy(resource.Resource().Attributes(), scope.Scope().Attributes())
			scope.LogRecords().RemoveIf(func(record plog.LogRecord) bool {
				if !canonical.SpeaksLog(record) {
					foreign++
					return true
				}
				said.inheritedBy(record.Attributes())
				return false
			})
			return scope.LogRecords().Len() == 0
		})
		return resource.ScopeLogs().Len() == 0
	})
	if ld.ResourceLogs().Len() > 0 {
		if err := c.logs.ConsumeLogs(ctx, ld); err != nil {
			return err
		}
	}
	c.metrics.ofOthers(canonical.TransportLogs, foreign)
	return nil
}

// ConsumeMetrics passes on the data points that are readings of a queue or a
// heartbeat. What a scope or resource says of them is read with them.
func (c *canonicaliser) ConsumeMetrics(ctx context.Context, md pmetric.Metrics) error {
	foreign := 0
	md.ResourceMetrics().RemoveIf(func(resource pmetric.ResourceMetrics) bool {
		resource.ScopeMetrics().RemoveIf(func(scope pmetric.ScopeMetrics) bool {
			scope.Metrics().RemoveIf(func(metric pmetric.Metric) bool {
				before := 1
				switch metric.Type() {
				case pmetric.MetricTypeGauge, pmetric.MetricTypeSum:
					points := canonical.Points(metric)
					before = points.Len()
					points.RemoveIf(func(point pmetric.NumberDataPoint) bool {
						return !canonical.SpeaksMetric(metric, point.Attributes(), scope.Scope().Attributes(), resource.Resource().Attributes())
					})
				default: // a distribution is no reading
				}
				left := canonical.Points(metric).Len()
				foreign += before - left
				return left == 0
			})
			return scope.Metrics().Len() == 0
		})
		return resource.ScopeMetrics().Len() == 0
	})
	if md.ResourceMetrics().Len() > 0 {
		if err := c.gauges.ConsumeMetrics(ctx, md); err != nil {
			return err
		}
	}
	c.metrics.ofOthers(canonical.TransportMetrics, foreign)
	return nil
}

// shared are the attribute sets of a scope and its resource that say something
// of the contract, the nearer one first.
type shared []pcommon.Map

func sharedBy(resource, scope pcommon.Map) shared {
	var s shared
	for _, attributes := range []pcommon.Map{scope, resource} {
		if canonical.Speaks(attributes) {
			s = append(s, attributes)
		}
	}
	return s
}

func (s shared) inheritedBy(attributes pcommon.Map) {
	for _, from := range s {
		canonical.Inherit(attributes, from)
	}
}
