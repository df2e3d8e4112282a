package collector

import (
	"context"
	"syscall"
	"testing"

	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/stocktrace/stocktrace/collector/canonical"
	"github.com/stocktrace/stocktrace/internal/testenv/tillspans"
)

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
	encoded := tillspans.Request(b, 0)
	before := cpu(b)
	for b.Loop() {
		err := conn.Invoke(b.Context(), "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
			encoded, new([]byte), grpc.ForceCodec(rawCodec{}))
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(cpu(b)-before)/float64(b.N)/tillspans.Count, "cpu-ns/span")
	b.ReportMetric(float64(len(encoded))/tillspans.Count, "B/span")
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
	encoded := tillspans.Request(b, 0)
	b.ReportAllocs()
	var spent, count float64
	for b.Loop() {
		r := ptraceotlp.NewExportRequest()
		if err := r.UnmarshalProto(encoded); err != nil {
			b.Fatal(err)
		}
		before := cpu(b)
		if _, err := checkProto(encoded, canonical.TransportTraces); err != nil {
			b.Fatal(err)
		}
		if err := next.ConsumeTraces(b.Context(), r.Traces()); err != nil {
			b.Fatal(err)
		}
		spent += float64(cpu(b) - before)
		count += tillspans.Count
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
