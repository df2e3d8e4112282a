//go:build unix

package entrance_test

import (
	"context"
	"fmt"
	"log/slog"
	"syscall"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/stocktrace/stocktrace/collector"
	"github.com/stocktrace/stocktrace/internal/entrance"
	"github.com/stocktrace/stocktrace/internal/testenv"
)

const spansPerRequest = 512

// request returns the nth request of a till's spans: 15 attributes each, one line.
// No two are equal, or the log would know the second and store nothing.
func request(b *testing.B, nth int) []byte {
	b.Helper()
	td := ptrace.NewTraces()
	resource := td.ResourceSpans().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", "pos")
	scope := resource.ScopeSpans().AppendEmpty()
	for k := range spansPerRequest {
		i := nth*spansPerRequest + k
		span := scope.Spans().AppendEmpty()
		span.SetName("sale completed")
		span.SetTraceID(pcommon.TraceID{1, byte(i >> 16), byte(i >> 8), byte(i)})
		span.SetSpanID(pcommon.SpanID{3, byte(i >> 16), byte(i >> 8), byte(i)})
		span.SetStartTimestamp(1_795_000_000_000_000_000)
		span.SetEndTimestamp(1_795_000_000_120_000_000)
		a := span.Attributes()
		a.PutStr("inventory.event_id", fmt.Sprintf("0123-04-2026-11-23-%06d/completed/1", i))
		a.PutStr("inventory.correlation_id", fmt.Sprintf("c-%06d", i))
		a.PutStr("inventory.workflow", "sale")
		a.PutStr("inventory.step", "completed")
		a.PutStr("inventory.system", "pos")
		a.PutStr("inventory.outcome", "ok")
		a.PutInt("inventory.attempt", 1)
		a.PutStr("inventory.location", "0123")
		a.PutStr("inventory.register", "04")
		a.PutStr("inventory.business_date", "2026-11-23")
		a.PutStr("inventory.key.receipt", fmt.Sprintf("0123-04-%06d", i))
		a.PutStr("inventory.operator", "88")
		a.PutStr("inventory.device", "register-04")
		a.PutStr("inventory.lines", `[{"line":"1","item":"4006381333931","item_scheme":"gtin","quantity":"-2","uom":"EA","unit_value":"12.50","currency":"EUR"}]`)
		a.PutStr("deployment.environment.name", "production")
	}
	encoded, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	if err != nil {
		b.Fatal(err)
	}
	return encoded
}

// BenchmarkIngest is the whole way of spans: OTLP over gRPC, read, judged, and on
// disk in JetStream (8 partitions, every message synced) before the answer. It counts
// what the process burns, sender included, and no time on the wall, so that a
// busy machine measures nearly the same.
func BenchmarkIngest(b *testing.B) {
	log := testenv.Stream(b, 8)
	c, err := collector.New(collector.Options{Publisher: entrance.To(log), Logger: slog.New(slog.DiscardHandler), GRPC: "127.0.0.1:0", HTTP: "127.0.0.1:0"})
	if err != nil {
		b.Fatal(err)
	}
	if err := c.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	defer func() { _ = c.Stop(context.Background()) }()
	conn, err := grpc.NewClient(c.GRPC(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	requests := make([][]byte, b.N)
	for i := range requests {
		requests[i] = request(b, i)
	}
	b.ResetTimer()
	before := cpu(b)
	for _, encoded := range requests {
		if err := conn.Invoke(b.Context(), "/opentelemetry.proto.collector.trace.v1.TraceService/Export", encoded, new([]byte), grpc.ForceCodec(rawCodec{})); err != nil {
			b.Fatal(err)
		}
	}
	burnt := cpu(b) - before
	b.StopTimer()
	// Nanoseconds a span are milliseconds a million spans; a thousand are a second.
	b.ReportMetric(float64(burnt)/float64(b.N*spansPerRequest)/1000, "cpu-s/Mspan")
}

// rawCodec sends bytes that are encoded already.
type rawCodec struct{}

func (rawCodec) Marshal(v any) ([]byte, error)   { return v.([]byte), nil }
func (rawCodec) Unmarshal(b []byte, v any) error { *v.(*[]byte) = b; return nil }
func (rawCodec) Name() string                    { return "proto" }

// cpu is what this process has burnt, in nanoseconds.
func cpu(b *testing.B) int64 {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}
