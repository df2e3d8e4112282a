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

func newExporterFactory(in *intake) exporter.Factory {
	return exporter.NewFactory(ExporterType, noConfig,
		exporter.WithTraces(func(context.Context, exporter.Settings, component.Config) (exporter.Traces, error) {
			return &logExporter{intake: in}, nil
		}, component.StabilityLevelStable),
		exporter.WithLogs(func(context.Context, exporter.Settings, component.Config) (exporter.Logs, error) {
			return &logExporter{intake: in}, nil
		}, component.StabilityLevelStable),
	)
}

// Capabilities says that the exporter only reads, unless people are taken out.
func (x *logExporter) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{MutatesData: x.intake.privacy != nil}
}

// ConsumeTraces returns nil when every span is on disk.
func (x *logExporter) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	x.intake.privacy.Traces(td)
	batch, err := canonical.FromTraces(td, x.intake.now())
	return x.export(ctx, canonical.TransportTraces, &batch, err)
}

// ConsumeLogs returns nil when every log record is on disk.
func (x *logExporter) ConsumeLogs(ctx context.Context, ld plog.Logs) error {
	x.intake.privacy.Logs(ld)
	batch, err := canonical.FromLogs(ld, x.intake.now())
	return x.export(ctx, canonical.TransportLogs, &batch, err)
}

func (x *logExporter) export(ctx context.Context, transport string, batch *canonical.Batch, err error) error {
	if err != nil {
		return consumererror.NewPermanent(fmt.Errorf("encode: %w", err))
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
