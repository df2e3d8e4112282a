//go:build unix

package entrance_test

import (
	"context"
	"log/slog"
	"syscall"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/stocktrace/stocktrace/collector"
	"github.com/stocktrace/stocktrace/internal/entrance"
	"github.com/stocktrace/stocktrace/internal/testenv"
	"github.com/stocktrace/stocktrace/internal/testenv/tillspans"
)

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
		requests[i] = tillspans.Request(b, i)
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
	b.ReportMetric(float64(burnt)/float64(b.N*tillspans.Count)/1000, "cpu-s/Mspan")
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
