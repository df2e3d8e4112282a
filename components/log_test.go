package components_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/stocktrace/stocktrace/collector"
	"github.com/stocktrace/stocktrace/components/canonicalprocessor"
	"github.com/stocktrace/stocktrace/components/jetstreamexporter"
	"github.com/stocktrace/stocktrace/internal/entrance"
	"github.com/stocktrace/stocktrace/internal/stream"
	"github.com/stocktrace/stocktrace/internal/testenv"
	"github.com/stocktrace/stocktrace/internal/wire"
	"github.com/stocktrace/stocktrace/inventory"
)

// What both signals bring: sales that go to several partitions, one that cannot
// be read, and one record that does not speak of inventory.
const (
	sales   = 40
	foreign = 1
)

var occurred = pcommon.NewTimestampFromTime(time.Date(2026, 11, 23, 9, 2, 54, 0, time.UTC))

func said(a pcommon.Map, receipt int) {
	a.PutStr("inventory.step", "completed")
	a.PutStr("inventory.system", "pos")
	a.PutStr("inventory.location", "0123")
	a.PutInt("inventory.register", 4)
	a.PutStr("inventory.key.receipt", fmt.Sprintf("0123-04-%06d", receipt))
	a.PutStr("inventory.lines", `[{"line":"1","item":"4006381333931","quantity":"-2","uom":"EA"}]`)
	if receipt == 7 {
		a.PutStr("inventory.lines", `[{"line":"1","quantity":"many"}]`)
	}
}

// traces have what is the same for all of them on their resource.
func traces() ptrace.Traces {
	td := ptrace.NewTraces()
	resource := td.ResourceSpans().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", "pos")
	resource.Resource().Attributes().PutStr("inventory.workflow", "sale")
	spans := resource.ScopeSpans().AppendEmpty().Spans()
	for i := range sales {
		span := spans.AppendEmpty()
		span.SetTraceID(pcommon.TraceID{1, 2, 3, byte(i)})
		span.SetSpanID(pcommon.SpanID{4, byte(i)})
		span.SetEndTimestamp(occurred)
		said(span.Attributes(), i)
	}
	spans.AppendEmpty().SetName("GET /health")
	return td
}

func logs() plog.Logs {
	ld := plog.NewLogs()
	resource := ld.ResourceLogs().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", "oms")
	resource.Resource().Attributes().PutStr("inventory.workflow", "sale")
	records := resource.ScopeLogs().AppendEmpty().LogRecords()
	for i := range sales {
		record := records.AppendEmpty()
		record.SetTimestamp(occurred)
		record.Body().SetStr("sold")
		said(record.Attributes(), i)
	}
	records.AppendEmpty().Body().SetStr("started")
	return ld
}

// messages are those of a log by their subject, with everything of each but when
// it was received: no two runs receive at one instant.
func messages(t *testing.T, url string) map[string][]string {
	t.Helper()
	conn, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{}
	for info := range js.ListStreams(t.Context()).Info() {
		name := info.Config.Name
		if !strings.HasPrefix(name, "stocktrace-p-") && name != "stocktrace-quarantine" {
			continue
		}
		s, err := js.Stream(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		for position := range info.State.LastSeq {
			m, err := s.GetMsg(t.Context(), position+1)
			if err != nil {
				t.Fatal(err)
			}
			all[m.Subject] = append(all[m.Subject], m.Header.Get(jetstream.MsgIDHeader)+" "+hex.EncodeToString(timeless(t, m.Subject, m.Data)))
		}
	}
	return all
}

func timeless(t *testing.T, subject string, message []byte) []byte {
	t.Helper()
	if strings.HasSuffix(subject, "quarantine") {
		items, err := wire.DecodeQuarantined(message)
		if err != nil {
			t.Fatal(err)
		}
		for i := range items {
			items[i].ReceivedAt = time.Unix(0, 0).UTC()
		}
		again, err := wire.EncodeQuarantined(items)
		if err != nil {
			t.Fatal(err)
		}
		return again
	}
	parcel, err := wire.DecodeParcel(message)
	if err != nil {
		t.Fatal(err)
	}
	records := make([]*inventory.Record, len(parcel.Records))
	for i := range parcel.Records {
		parcel.Records[i].ReceivedAt = time.Unix(0, 0).UTC()
		records[i] = &parcel.Records[i]
	}
	again, err := wire.EncodeRecords(records)
	if err != nil {
		t.Fatal(err)
	}
	return again
}

// embedded sends both signals to the Collector that stocktrace run embeds, and
// returns what is in the log then.
func embedded(t *testing.T) map[string][]string {
	t.Helper()
	url := testenv.NATS(t)
	log, err := stream.Open(t.Context(), stream.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	c, err := collector.New(collector.Options{
		Publisher: entrance.To(log), Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
		GRPC: "127.0.0.1:0", HTTP: "127.0.0.1:0",
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Stop(context.WithoutCancel(t.Context())) }()
	send(t, c.GRPC())
	return messages(t, url)
}

// send sends both signals over gRPC.
func send(t *testing.T, address string, options ...grpc.CallOption) {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := ptraceotlp.NewGRPCClient(conn).Export(t.Context(), ptraceotlp.NewExportRequestFromTraces(traces()), options...); err != nil {
		t.Fatal(err)
	}
	if _, err := plogotlp.NewGRPCClient(conn).Export(t.Context(), plogotlp.NewExportRequestFromLogs(logs()), options...); err != nil {
		t.Fatal(err)
	}
}

// same fails where two logs differ, or have not what was sent.
func same(t *testing.T, got, want map[string][]string) {
	t.Helper()
	if len(want) < 3 || len(want["st.quarantine"]) != 2 {
		t.Fatalf("the embedded collector wrote %d subjects, %d messages of quarantine", len(want), len(want["st.quarantine"]))
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("not what the embedded collector writes:\n%s", d)
	}
}

// The components in a Collector of one's own write what the embedded one writes.
func TestComponentsWriteWhatTheEmbeddedCollectorWrites(t *testing.T) {
	telemetry := componenttest.NewTelemetry()
	url := testenv.NATS(t)
	cfg := unmarshal(t, jetstreamexporter.NewFactory(), map[string]any{"endpoint": url})
	set := telemetry.NewTelemetrySettings()
	x, p := jetstreamexporter.NewFactory(), canonicalprocessor.NewFactory()
	xt, err := x.CreateTraces(t.Context(), exporterSettings(set, x), cfg)
	if err != nil {
		t.Fatal(err)
	}
	xl, err := x.CreateLogs(t.Context(), exporterSettings(set, x), cfg)
	if err != nil {
		t.Fatal(err)
	}
	pt, err := p.CreateTraces(t.Context(), processorSettings(set, p), p.CreateDefaultConfig(), xt)
	if err != nil {
		t.Fatal(err)
	}
	pl, err := p.CreateLogs(t.Context(), processorSettings(set, p), p.CreateDefaultConfig(), xl)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []component.Component{xt, xl, pt, pl} {
		if err := c.Start(t.Context(), componenttest.NewNopHost()); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := c.Shutdown(context.WithoutCancel(t.Context())); err != nil {
				t.Error(err)
			}
		}()
	}
	if err := pt.ConsumeTraces(t.Context(), traces()); err != nil {
		t.Fatal(err)
	}
	if err := pl.ConsumeLogs(t.Context(), logs()); err != nil {
		t.Fatal(err)
	}
	same(t, messages(t, url), embedded(t))
	counted(t, telemetry)
}

// counted fails where the Collector's own meter does not say what came, under
// the names of metadata.yaml, or metadata.yaml is silent about a counter.
func counted(t *testing.T, telemetry *componenttest.Telemetry) {
	t.Helper()
	var documented []string
	for folder := range ours() {
		for name, m := range metadataOf(t, folder).Telemetry.Metrics {
			documented = append(documented, name)
			got, err := telemetry.GetMetric(name)
			if name == "stocktrace_collector_refused_total" && err != nil {
				continue // nothing was refused
			}
			sum, ok := got.Data.(metricdata.Sum[int64])
			if err != nil || !ok {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if got.Description != m.Description || got.Unit != m.Unit || sum.IsMonotonic != m.Sum.Monotonic || m.Sum.ValueType != "int" || !m.Enabled {
				t.Errorf("%s: metadata.yaml says %+v, the code %q in %q", name, m, got.Description, got.Unit)
			}
			for _, point := range sum.DataPoints {
				var labels []string
				for _, label := range point.Attributes.ToSlice() {
					labels = append(labels, string(label.Key))
				}
				if len(labels) != len(m.Attributes) {
					t.Errorf("%s: metadata.yaml says %v, the code %v", name, m.Attributes, labels)
				}
			}
			want := map[string]int64{
				"stocktrace_collector_accepted_total": sales - 1, "stocktrace_collector_quarantined_total": 1, "stocktrace_collector_foreign_total": foreign,
			}
			for _, point := range sum.DataPoints {
				if n, ok := want[name]; ok && (point.Value != n || len(sum.DataPoints) != 2) {
					t.Errorf("%s: %d in %d series", name, point.Value, len(sum.DataPoints))
				}
			}
		}
	}
	var all metricdata.ResourceMetrics
	if err := telemetry.Reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, scope := range all.ScopeMetrics {
		if !strings.HasPrefix(scope.Scope.Name, "github.com/stocktrace/stocktrace/components/") {
			t.Errorf("a scope %s", scope.Scope.Name)
		}
		for _, m := range scope.Metrics {
			found++
			if !strings.Contains(strings.Join(documented, " ")+" ", m.Name+" ") {
				t.Errorf("no metadata.yaml speaks of %s", m.Name)
			}
		}
	}
	if found == 0 {
		t.Error("nothing is counted")
	}
}
