package collector

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/stocktrace/stocktrace/collector/access"
	"github.com/stocktrace/stocktrace/collector/canonical"
)

// ExporterType is the name of the exporter in a Collector's configuration.
var ExporterType = component.MustNewType("jetstream")

// logExporter writes requests to the durable log. It has no queue and does not
// retry: its caller is the sender's own request, and the answer is the truth.
type logExporter struct {
	component.StartFunc
	component.ShutdownFunc
	intake *intake
}

// NewExporterFactory returns the factory of exporters that write to a log.
// newConfig returns the configuration they have, and connect the options of one
// that is configured: of them Publisher, Clock, Registerer or Meter, Privacy and
// PublishTimeout count. A Publisher that is a component.Component is started
// before it is written to and shut down behind it. connect is called for each
// signal, with one configuration for all signals of an exporter.
func NewExporterFactory(newConfig component.CreateDefaultConfigFunc, connect func(exporter.Settings, component.Config) (Options, error)) exporter.Factory {
	create := func(set exporter.Settings, cfg component.Config) (*logExporter, error) {
		o, err := connect(set, cfg)
		if err == nil {
			o, err = o.withDefaults()
		}
		if err != nil {
			return nil, err
		}
		in, err := newIntake(o)
		if err != nil {
			return nil, err
		}
		x := &logExporter{intake: in}
		if c, ok := o.Publisher.(component.Component); ok {
			x.StartFunc, x.ShutdownFunc = c.Start, c.Shutdown
		}
		return x, nil
	}
	return exporter.NewFactory(ExporterType, newConfig,
		exporter.WithTraces(func(_ context.Context, set exporter.Settings, cfg component.Config) (exporter.Traces, error) {
			return create(set, cfg)
		}, Stability),
		exporter.WithLogs(func(_ context.Context, set exporter.Settings, cfg component.Config) (exporter.Logs, error) {
			return create(set, cfg)
		}, Stability),
		exporter.WithMetrics(func(_ context.Context, set exporter.Settings, cfg component.Config) (exporter.Metrics, error) {
			return create(set, cfg)
		}, Stability),
	)
}

// Capabilities says that the exporter only reads, unless people are taken out.
func (x *logExporter) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{MutatesData: x.intake.privacy != nil}
}

// ConsumeTraces returns nil when every span is on disk.
func (x *logExporter) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	request, sealed := unsealTraces(td)
	if sealed {
		batch, err := canonical.ReadTraces(request, x.intake.now())
		return x.export(ctx, canonical.TransportTraces, &batch, err)
	}
	x.intake.privacy.Traces(td)
	batch, err := canonical.FromTraces(td, x.intake.now())
	return x.export(ctx, canonical.TransportTraces, &batch, err)
}

// ConsumeLogs returns nil when every log record is on disk.
func (x *logExporter) ConsumeLogs(ctx context.Context, ld plog.Logs) error {
	request, sealed := unsealLogs(ld)
	if sealed {
		batch, err := canonical.ReadLogs(request, x.intake.now())
		return x.export(ctx, canonical.TransportLogs, &batch, err)
	}
	x.intake.privacy.Logs(ld)
	batch, err := canonical.FromLogs(ld, x.intake.now())
	return x.export(ctx, canonical.TransportLogs, &batch, err)
}

// ConsumeMetrics returns nil when every reading is on disk.
func (x *logExporter) ConsumeMetrics(ctx context.Context, md pmetric.Metrics) error {
	x.intake.privacy.Metrics(md)
	batch, err := canonical.FromMetrics(md, x.intake.now())
	return x.export(ctx, canonical.TransportMetrics, &batch, err)
}

func (x *logExporter) export(ctx context.Context, transport string, batch *canonical.Batch, err error) error {
	if err != nil {
		return consumererror.NewPermanent(fmt.Errorf("encode: %w", err))
	}
	if len(batch.Records)+len(batch.Rejected) == 0 {
		x.intake.foreign(transport, batch.Foreign)
		return nil // as where the processor has dropped them all
	}
	if err := x.intake.take(ctx, transport, batch); err != nil {
		return refusedStatus(err)
	}
	tallyOf(ctx).add(transport, batch)
	return nil
}

// refusedStatus is the answer to a request that was not stored: UNAVAILABLE, or
// for one that came too fast RESOURCE_EXHAUSTED, with RetryInfo, which the
// receiver turns into 503 or 429 with Retry-After over HTTP. What the sender may
// not say is PERMISSION_DENIED (403): it is no use to repeat it.
func refusedStatus(err error) error {
	var fast *access.TooFast
	code := codes.Unavailable
	switch {
	case errors.Is(err, errOutOfScope):
		return status.Error(codes.PermissionDenied, err.Error())
	case errors.As(err, &fast):
		code = codes.ResourceExhausted
	}
	s := status.New(code, err.Error())
	if detailed, err2 := s.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(retryAfter(err))}); err2 == nil {
		s = detailed
	}
	return s.Err()
}
