package collector

import (
	"context"
	"fmt"
	"syscall"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/stocktrace/stocktrace/collector/canonical"
)

const spansPerRequest = 512

// request512 returns an encoded request of a till's spans: 15 attributes, one line.
func request512(b *testing.B) []byte {
	b.Helper()
	td := ptrace.NewTraces()
	resource := td.ResourceSpans().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", "pos")
	scope := resource.ScopeSpans().AppendEmpty()
	for i := range spansPerRequest {
		span := scope.Spans().AppendEmpty()
		span.SetName("sale completed")
		span.SetTraceID(pcommon.TraceID{1, 2, byte(i >> 8), byte(i)})
		span.SetSpanID(pcommon.SpanID{3, byte(i >> 8), byte(i)})
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

// BenchmarkReceive is the whole way over gRPC up to Publish, sender included;
// cpu-ns/span counts the process, not the wall.
func BenchmarkReceive(b *testing.B) {
	c, err := New(Options{Publisher: nowhere{}, GRPC: "127.0.0.1:0", HTTP: "127.0.0.1:0"})
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
	encoded := request512(b)
	before := cpu(b)
	for b.Loop() {
		err := conn.Invoke(b.Context(), "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
			encoded, new([]byte), grpc.ForceCodec(rawCodec{}))
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(cpu(b)-before)/float64(b.N)/spansPerRequest, "cpu-ns/span")
	b.ReportMetric(float64(len(encoded))/spansPerRequest, "B/span")
}

// BenchmarkPipeline is what this package adds to upstream's receiver.
func BenchmarkPipeline(b *testing.B) {
	o, err := Options{Publisher: nowhere{}}.withDefaults()
	if err != nil {
		b.Fatal(err)
	}
	in, err := newIntake(o)
	if err != nil {
		b.Fatal(err)
	}
	next := &canonicaliser{metrics: in.metrics, traces: &logExporter{intake: in}}
	encoded := request512(b)
	b.ReportAllocs()
	var spent, count float64
	for b.Loop() {
		r := ptraceotlp.NewExportRequest()
		if err := r.UnmarshalProto(encoded); err != nil {
			b.Fatal(err)
		}
		before := cpu(b)
		if err := checkProtoDepth(encoded, canonical.TransportTraces); err != nil {
			b.Fatal(err)
		}
		if err := next.ConsumeTraces(b.Context(), r.Traces()); err != nil {
			b.Fatal(err)
		}
		spent += float64(cpu(b) - before)
		count += spansPerRequest
	}
	b.ReportMetric(spent/count, "cpu-ns/span")
}

// cpu is the processor time this process has used, in nanoseconds.
func cpu(b *testing.B) int64 {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

type rawCodec struct{}

func (rawCodec) Marshal(v any) ([]byte, error)   { return v.([]byte), nil }
func (rawCodec) Unmarshal(b []byte, v any) error { *v.(*[]byte) = b; return nil }
func (rawCodec) Name() string                    { return "proto" }
