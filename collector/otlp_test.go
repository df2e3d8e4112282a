package collector_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.uber.org/goleak"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	_ "google.golang.org/grpc/encoding/gzip" // for senders that compress
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/stocktrace/stocktrace/collector"
	"github.com/stocktrace/stocktrace/collector/canonical"
)

var occurred = time.Date(2026, 11, 23, 9, 2, 54, 120000000, time.UTC)

// sale adds a span of the sale to td, as a till sends it.
func sale(td ptrace.Traces, receipt int) ptrace.Span {
	if td.ResourceSpans().Len() == 0 {
		resource := td.ResourceSpans().AppendEmpty()
		resource.Resource().Attributes().PutStr("service.name", "pos")
		resource.Resource().Attributes().PutStr("service.instance.id", "0123-04")
		resource.SetSchemaUrl("https://opentelemetry.io/schemas/1.27.0")
		scope := resource.ScopeSpans().AppendEmpty()
		scope.Scope().SetName("till")
		scope.SetSchemaUrl("https://example.com/till/1")
	}
	span := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().AppendEmpty()
	span.SetName("sale")
	span.SetTraceID(pcommon.TraceID{1, 2, 3, byte(receipt >> 8), byte(receipt)})
	span.SetSpanID(pcommon.SpanID{4, byte(receipt >> 8), byte(receipt)})
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(occurred.Add(-40 * time.Second)))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(occurred))
	a := span.Attributes()
	a.PutStr("inventory.event_id", fmt.Sprintf("0123-04-%06d/completed/1", receipt))
	a.PutStr("inventory.correlation_id", fmt.Sprintf("c-%d", receipt))
	a.PutStr("inventory.workflow", "sale")
	a.PutStr("inventory.step", "completed")
	a.PutStr("inventory.system", "pos")
	a.PutStr("inventory.location", "0123")
	a.PutInt("inventory.register", 4)
	a.PutStr("inventory.business_date", "2026-11-23")
	a.PutStr("inventory.key.receipt", fmt.Sprintf("0123-04-%06d", receipt))
	a.PutStr("inventory.lines", `[{"line":"1","item":"4006381333931","quantity":"-2","uom":"EA"}]`)
	return span
}

func dial(t *testing.T, c *collector.Collector) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(c.GRPC(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// post sends a body to the collector's HTTP port.
func post(t *testing.T, c *collector.Collector, path, contentType string, body []byte, header ...string) (*http.Response, []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+c.HTTP()+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", contentType)
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, answer
}

func TestOTLPOverGRPCAndHTTPIsOneRecord(t *testing.T) {
	m := &memory{}
	o := options(m)
	c := start(t, o)
	td := ptrace.NewTraces()
	sale(td, 778)

	request := ptraceotlp.NewExportRequestFromTraces(td)
	protobuf, err := request.MarshalProto()
	if err != nil {
		t.Fatal(err)
	}
	jsonText, err := request.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	answer, err := ptraceotlp.NewGRPCClient(dial(t, c)).Export(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	if answer.PartialSuccess().RejectedSpans() != 0 || answer.PartialSuccess().ErrorMessage() != "" {
		t.Errorf("gRPC: want full success, got %q", answer.PartialSuccess().ErrorMessage())
	}
	for contentType, body := range map[string][]byte{"application/x-protobuf": protobuf, "application/json": jsonText} {
		if r, b := post(t, c, "/v1/traces", contentType, body); r.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d %s", contentType, r.StatusCode, b)
		}
	}
	records, quarantined := m.contents()
	if len(records) != 3 || len(quarantined) != 0 {
		t.Fatalf("want 3 records and no quarantine, got %d and %v", len(records), quarantined)
	}
	for _, r := range records {
		if r.Identity() != records[0].Identity() {
			t.Errorf("one span became %v and %v", records[0].Identity(), r.Identity())
		}
		if !r.ReceivedAt.Equal(receivedAt) || r.ReceivedAt.Location() != time.UTC {
			t.Errorf("received at %v, want the clock's time in whole microseconds, UTC: %v", r.ReceivedAt, receivedAt)
		}
		// The raw bytes give back everything that was sent.
		back, err := new(ptrace.ProtoUnmarshaler).UnmarshalTraces(r.Raw)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ptraceotlp.NewExportRequestFromTraces(back).MarshalProto()
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(again, protobuf) {
			t.Error("the raw bytes differ from the request")
		}
	}
	e := records[0].Event
	if !e.Time.Equal(occurred) || !e.Began.Equal(occurred.Add(-40*time.Second)) {
		t.Errorf("occurred %v, began %v", e.Time, e.Began)
	}
	if got := total(t, o, "accepted_total", canonical.TransportTraces); got != 3 {
		t.Errorf("accepted_total is %v", got)
	}
}

// An event said over OTLP and as a CloudEvent is one record: same id, same
// content. Only how it came differs.
func TestSameEventOverOTLPAndCloudEvents(t *testing.T) {
	m := &memory{}
	o := options(m)
	c := start(t, o)
	td := ptrace.NewTraces()
	sale(td, 778)
	if _, err := ptraceotlp.NewGRPCClient(dial(t, c)).Export(t.Context(), ptraceotlp.NewExportRequestFromTraces(td)); err != nil {
		t.Fatal(err)
	}
	logs := plog.NewLogs()
	resource := logs.ResourceLogs().AppendEmpty()
	td.ResourceSpans().At(0).Resource().CopyTo(resource.Resource())
	record := resource.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	sale(td, 778).Attributes().CopyTo(record.Attributes())
	record.SetObservedTimestamp(pcommon.NewTimestampFromTime(occurred))
	if _, err := plogotlp.NewGRPCClient(dial(t, c)).Export(t.Context(), plogotlp.NewExportRequestFromLogs(logs)); err != nil {
		t.Fatal(err)
	}
	event := `{"specversion":"1.0","id":"0123-04-000778/completed/1","source":"pos/0123-04","type":"inventory.sale.completed",
		"time":"2026-11-23T10:02:54.120+01:00","correlationid":"c-778","data":{"workflow":"sale","step":"completed","system":"pos",
		"outcome":"ok","attempt":1,"location":"0123","register":"4","business_date":"2026-11-23","keys":{"receipt":"0123-04-000778"},
		"lines":[{"line":"1","item":"4006381333931","quantity":-2.0,"uom":"EA"}]}}`
	if code, body := sendEvent(t, o, canonical.CloudEventType, event); code != http.StatusOK {
		t.Fatalf("%d %s", code, body)
	}
	records, _ := m.contents()
	if len(records) != 3 {
		t.Fatalf("want 3 records, got %d", len(records))
	}
	for _, r := range records[1:] {
		if r.Identity() != records[0].Identity() {
			t.Errorf("over %s it is %v, over %s %v", r.Transport, r.Identity(), records[0].Transport, records[0].Identity())
		}
	}
}

func TestOTLPPartialSuccess(t *testing.T) {
	m := &memory{}
	o := options(m)
	c := start(t, o)
	td := ptrace.NewTraces()
	sale(td, 1)
	sale(td, 2).Attributes().Remove("inventory.location")
	sale(td, 3).Attributes().PutStr("inventory.outcome", "fine")
	foreign := sale(td, 4)
	foreign.Attributes().Clear()
	foreign.Attributes().PutStr("http.route", "/checkout")

	check := func(rejected int64, message string) {
		t.Helper()
		if rejected != 2 {
			t.Errorf("rejected %d, want 2", rejected)
		}
		for _, part := range []string{"2 of 3", "/attributes/inventory.location", "is required", "quarantine entry"} {
			if !strings.Contains(message, part) {
				t.Errorf("message %q does not say %q", message, part)
			}
		}
	}
	request := ptraceotlp.NewExportRequestFromTraces(td)
	protobuf, err := request.MarshalProto()
	if err != nil {
		t.Fatal(err)
	}
	jsonText, err := request.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	answer, err := ptraceotlp.NewGRPCClient(dial(t, c)).Export(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	check(answer.PartialSuccess().RejectedSpans(), answer.PartialSuccess().ErrorMessage())

	_, body := post(t, c, "/v1/traces", "application/x-protobuf", protobuf)
	answer = ptraceotlp.NewExportResponse()
	if err := answer.UnmarshalProto(body); err != nil {
		t.Fatal(err)
	}
	check(answer.PartialSuccess().RejectedSpans(), answer.PartialSuccess().ErrorMessage())

	_, body = post(t, c, "/v1/traces", "application/json", jsonText)
	answer = ptraceotlp.NewExportResponse()
	if err := answer.UnmarshalJSON(body); err != nil {
		t.Fatal(err)
	}
	check(answer.PartialSuccess().RejectedSpans(), answer.PartialSuccess().ErrorMessage())

	records, quarantined := m.contents()
	if len(records) != 3 || len(quarantined) != 6 {
		t.Fatalf("want 3 records and 6 quarantined, got %d and %d", len(records), len(quarantined))
	}
	if q := quarantined[0]; q.Reason != canonical.Malformed || q.Source != "pos/0123-04" || q.ID != quarantined[2].ID {
		t.Errorf("quarantined %+v", q)
	}
	if _, err := new(ptrace.ProtoUnmarshaler).UnmarshalTraces(quarantined[0].Raw); err != nil {
		t.Errorf("the quarantine's raw bytes: %v", err)
	}
	if got := total(t, o, "foreign_total", canonical.TransportTraces); got != 3 {
		t.Errorf("foreign_total is %v, want 3", got)
	}
	if got := total(t, o, "quarantined_total", canonical.TransportTraces, canonical.Malformed); got != 6 {
		t.Errorf("quarantined_total is %v, want 6", got)
	}
}

// What a resource or a scope says of inventory holds for all their records that
// speak of it, unless they say otherwise; it makes no foreign record ours.
func TestInheritance(t *testing.T) {
	m := &memory{}
	c := start(t, options(m))
	td := ptrace.NewTraces()
	sale(td, 1).Attributes().RemoveIf(func(name string, _ pcommon.Value) bool {
		return name == "inventory.location" || name == "inventory.system"
	})
	sale(td, 2).Attributes().PutStr("inventory.location", "0999")
	sale(td, 3).Attributes().Clear()
	td.ResourceSpans().At(0).Resource().Attributes().PutStr("inventory.location", "0123")
	td.ResourceSpans().At(0).Resource().Attributes().PutStr("inventory.system", "erp")
	td.ResourceSpans().At(0).ScopeSpans().At(0).Scope().Attributes().PutStr("inventory.system", "pos")
	if _, err := ptraceotlp.NewGRPCClient(dial(t, c)).Export(t.Context(), ptraceotlp.NewExportRequestFromTraces(td)); err != nil {
		t.Fatal(err)
	}
	records, quarantined := m.contents()
	if len(records) != 2 || len(quarantined) != 0 {
		t.Fatalf("got %d records, %v", len(records), quarantined)
	}
	if e := records[0].Event; e.Location != "0123" || e.System != "pos" {
		t.Errorf("inherited location %q and system %q", e.Location, e.System)
	}
	if e := records[1].Event; e.Location != "0999" {
		t.Errorf("its own location became %q", e.Location)
	}
}

type fullError struct{}

func (fullError) Error() string             { return "stream p.03: maximum bytes exceeded" }
func (fullError) Is(target error) bool      { return target == collector.ErrFull }
func (fullError) RetryAfter() time.Duration { return 17 * time.Second }

// Nothing is acknowledged that was not published, and the sender is told when
// to come again.
func TestOTLPIsRetryableWhileNothingCanBeStored(t *testing.T) {
	m := &memory{}
	m.failWith(fullError{})
	o := options(m)
	c := start(t, o)
	td := ptrace.NewTraces()
	sale(td, 1)
	request := ptraceotlp.NewExportRequestFromTraces(td)
	body, err := request.MarshalProto()
	if err != nil {
		t.Fatal(err)
	}

	_, err = ptraceotlp.NewGRPCClient(dial(t, c)).Export(t.Context(), request)
	s := status.Convert(err)
	if s.Code() != codes.Unavailable || len(s.Details()) != 1 {
		t.Fatalf("gRPC: %v with details %v", err, s.Details())
	}
	if info, ok := s.Details()[0].(*errdetails.RetryInfo); !ok || info.GetRetryDelay().AsDuration() != 17*time.Second {
		t.Errorf("gRPC: retry info is %v", s.Details()[0])
	}
	r, _ := post(t, c, "/v1/traces", "application/x-protobuf", body)
	if r.StatusCode != http.StatusServiceUnavailable || r.Header.Get("Retry-After") != "17" {
		t.Errorf("HTTP: %d, Retry-After %q", r.StatusCode, r.Header.Get("Retry-After"))
	}
	// A request that is not OTLP cannot be called kept either.
	r, _ = post(t, c, "/v1/traces", "application/x-protobuf", []byte("nonsense"))
	if r.StatusCode != http.StatusServiceUnavailable || r.Header.Get("Retry-After") != "17" {
		t.Errorf("unreadable: %d, Retry-After %q", r.StatusCode, r.Header.Get("Retry-After"))
	}
	if got := total(t, o, "refused_total", "full"); got != 3 {
		t.Errorf("refused_total is %v, want 3", got)
	}
	if got := total(t, o, "accepted_total"); got != 0 {
		t.Errorf("accepted_total is %v", got)
	}
	m.failWith(nil)
	if _, err := ptraceotlp.NewGRPCClient(dial(t, c)).Export(t.Context(), request); err != nil {
		t.Fatal(err)
	}
	if records, _ := m.contents(); len(records) != 1 {
		t.Errorf("stored %d records", len(records))
	}
}

func TestUnreadableOTLPIsKept(t *testing.T) {
	m := &memory{}
	c := start(t, options(m))
	for name, send := range map[string]func() string{
		"grpc": func() string {
			err := dial(t, c).Invoke(t.Context(), "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
				[]byte("nonsense"), new([]byte), grpc.ForceCodec(bytesCodec{}))
			if status.Code(err) != codes.Internal {
				t.Errorf("grpc: %v", err)
			}
			return err.Error()
		},
		"protobuf": func() string {
			r, body := post(t, c, "/v1/logs", "application/x-protobuf", []byte("nonsense"))
			if r.StatusCode != http.StatusBadRequest {
				t.Errorf("protobuf: %d", r.StatusCode)
			}
			return string(body)
		},
		"cut off gzip": func() string {
			td := ptrace.NewTraces()
			for i := range 500 {
				sale(td, i)
			}
			plain, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
			if err != nil {
				t.Fatal(err)
			}
			whole := gzipped(t, plain)
			r, body := post(t, c, "/v1/traces", "application/x-protobuf", whole[:len(whole)/2], "Content-Encoding", "gzip")
			if r.StatusCode != http.StatusBadRequest {
				t.Errorf("cut off gzip: %d", r.StatusCode)
			}
			return string(body)
		},
		"json": func() string {
			r, body := post(t, c, "/v1/traces", "application/json", []byte(`{"resourceSpans":[{"scopeSpans":7}]}`))
			if r.StatusCode != http.StatusBadRequest {
				t.Errorf("json: %d", r.StatusCode)
			}
			return string(body)
		},
	} {
		_, before := m.contents()
		said := send()
		_, after := m.contents()
		if len(after) != len(before)+1 {
			t.Errorf("%s: %d entries became %d", name, len(before), len(after))
			continue
		}
		if q := after[len(after)-1]; q.Reason != canonical.Unreadable || len(q.Raw) == 0 || !strings.Contains(said, q.ID) {
			t.Errorf("%s: kept %+v, answered %q", name, q, said)
		}
	}
}

// bytesCodec sends bytes as they are.
type bytesCodec struct{}

func (bytesCodec) Marshal(v any) ([]byte, error)   { return v.([]byte), nil }
func (bytesCodec) Unmarshal(b []byte, v any) error { *v.(*[]byte) = b; return nil }
func (bytesCodec) Name() string                    { return "proto" }

// nested returns a request with one span whose attribute nests lists, in size
// bytes of protobuf.
func nested(size int) []byte {
	b := make([]byte, size)
	pos := len(b)
	wrap := func(num protowire.Number) {
		head := protowire.AppendVarint(protowire.AppendTag(nil, num, protowire.BytesType), uint64(len(b)-pos))
		pos -= len(head)
		copy(b[pos:], head)
	}
	for pos > 64 {
		wrap(1) // ArrayValue.values
		wrap(5) // AnyValue.array_value
	}
	for _, num := range []protowire.Number{2, 9, 2, 2, 1} { // value, attributes, spans, scope_spans, resource_spans
		wrap(num)
	}
	return b[pos:]
}

// Without the guard this request ends the process: pdata decodes it recursively.
func TestNestedValuesAreRefusedBeforeDecoding(t *testing.T) {
	m := &memory{}
	c := start(t, options(m))
	bomb := nested(15 << 20)
	err := dial(t, c).Invoke(t.Context(), "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
		bomb, new([]byte), grpc.ForceCodec(bytesCodec{}))
	if err == nil || !strings.Contains(err.Error(), "64 levels") {
		t.Errorf("grpc: %v", err)
	}
	r, body := post(t, c, "/v1/traces", "application/x-protobuf", bomb)
	if r.StatusCode != http.StatusBadRequest || !bytes.Contains(body, []byte("64 levels")) {
		t.Errorf("protobuf: %d %s", r.StatusCode, body)
	}
	deep := `{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":[{"key":"a","value":` +
		strings.Repeat(`{"arrayValue":{"values":[`, 1<<16) + strings.Repeat(`]}}`, 1<<16) + `}]}]}]}]}`
	r, body = post(t, c, "/v1/traces", "application/json", []byte(deep))
	if r.StatusCode != http.StatusBadRequest || !bytes.Contains(body, []byte("64 levels")) {
		t.Errorf("json: %d %s", r.StatusCode, body)
	}
	_, quarantined := m.contents()
	if len(quarantined) != 3 || len(quarantined[0].Raw) != canonical.MaxQuarantined {
		t.Errorf("kept %d entries", len(quarantined))
	}
}

func gzipped(t *testing.T, plain []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestOversizedOTLP(t *testing.T) {
	m := &memory{}
	o := options(m)
	o.MaxRequestBytes = 1 << 20
	c := start(t, o)
	// Little more than is allowed: the sender has sent it all before it is refused.
	// In the middle of a large body it may see the connection end first.
	large := make([]byte, 1<<20+1<<14)
	r, _ := post(t, c, "/v1/traces", "application/x-protobuf", large)
	if r.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("plain: %d", r.StatusCode)
	}
	r, _ = post(t, c, "/v1/traces", "application/x-protobuf", gzipped(t, large), "Content-Encoding", "gzip")
	if r.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("gzip bomb: %d", r.StatusCode)
	}
	for name, compressed := range map[string][]grpc.CallOption{"grpc": nil, "grpc gzip bomb": {grpc.UseCompressor("gzip")}} {
		err := dial(t, c).Invoke(t.Context(), "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
			large, new([]byte), append(compressed, grpc.ForceCodec(bytesCodec{}))...)
		if status.Code(err) != codes.ResourceExhausted {
			t.Errorf("%s: %v", name, err)
		}
	}
	if records, quarantined := m.contents(); len(records)+len(quarantined) != 0 {
		t.Errorf("stored %d records and %d entries", len(records), len(quarantined))
	}
}

// While memory is short the Collector refuses, and says when to come again.
func TestMemoryLimiterRefusesForLater(t *testing.T) {
	m := &memory{}
	o := options(m)
	o.HTTP, o.GRPC = freePort(t), freePort(t)
	o.ConfigFile = filepath.Join(t.TempDir(), "collector.yaml")
	text := fmt.Sprintf(`
extensions: {stocktrace: }
receivers:
  otlp:
    protocols:
      http: {endpoint: %q, middlewares: [{id: stocktrace}]}
      grpc: {endpoint: %q, middlewares: [{id: stocktrace}]}
processors:
  memory_limiter: {check_interval: 1ms, limit_mib: 1}
exporters: {jetstream: }
service:
  extensions: [stocktrace]
  pipelines: {traces: {receivers: [otlp], processors: [memory_limiter], exporters: [jetstream]}}
`, o.HTTP, o.GRPC)
	if err := os.WriteFile(o.ConfigFile, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c := start(t, o)
	td := ptrace.NewTraces()
	sale(td, 1)
	request := ptraceotlp.NewExportRequestFromTraces(td)
	body, err := request.MarshalProto()
	if err != nil {
		t.Fatal(err)
	}
	held := make([]byte, 2<<20) // more than the limit, until the end of the test
	var r *http.Response
	for deadline := time.Now().Add(10 * time.Second); ; {
		if r, _ = post(t, c, "/v1/traces", "application/x-protobuf", body); r.StatusCode != http.StatusOK || time.Now().After(deadline) {
			break
		}
	}
	if r.StatusCode != http.StatusServiceUnavailable || r.Header.Get("Retry-After") != "5" {
		t.Errorf("HTTP: %d, Retry-After %q", r.StatusCode, r.Header.Get("Retry-After"))
	}
	_, err = ptraceotlp.NewGRPCClient(dial(t, c)).Export(t.Context(), request)
	if s := status.Convert(err); s.Code() != codes.Unavailable || len(s.Details()) != 1 {
		t.Errorf("gRPC: %v with details %v", err, s.Details())
	}
	runtime.KeepAlive(held)
}

// freePort returns an address nobody listens on at the moment.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func TestTokenIsDemandedBeforeAnythingIsDecoded(t *testing.T) {
	m := &memory{}
	o := options(m)
	o.AuthToken = "s3cret"
	c := start(t, o)
	td := ptrace.NewTraces()
	sale(td, 1)
	request := ptraceotlp.NewExportRequestFromTraces(td)
	body, err := request.MarshalProto()
	if err != nil {
		t.Fatal(err)
	}
	with := func(token string) context.Context {
		return metadata.AppendToOutgoingContext(t.Context(), "authorization", token)
	}
	client := ptraceotlp.NewGRPCClient(dial(t, c))
	for _, token := range []string{"", "Bearer wrong", "Basic s3cret", "s3cret"} {
		if _, err := client.Export(with(token), request); status.Code(err) != codes.Unauthenticated {
			t.Errorf("gRPC with %q: %v", token, err)
		}
		if r, _ := post(t, c, "/v1/traces", "application/x-protobuf", body, "Authorization", token); r.StatusCode != http.StatusUnauthorized {
			t.Errorf("HTTP with %q: %d", token, r.StatusCode)
		}
	}
	err = dial(t, c).Invoke(t.Context(), "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
		[]byte("nonsense"), new([]byte), grpc.ForceCodec(bytesCodec{}))
	if status.Code(err) != codes.Unauthenticated {
		t.Errorf("nonsense without a token: %v", err)
	}
	if records, quarantined := m.contents(); len(records)+len(quarantined) != 0 {
		t.Fatalf("a stranger stored %d records and %d entries", len(records), len(quarantined))
	}
	if _, err := client.Export(with("Bearer s3cret"), request); err != nil {
		t.Error(err)
	}
	if r, b := post(t, c, "/v1/traces", "application/x-protobuf", body, "Authorization", "bearer s3cret"); r.StatusCode != http.StatusOK {
		t.Errorf("HTTP: %d %s", r.StatusCode, b)
	}
}

// OTLP's own examples speak of no inventory.
func TestSamplesOfOTLPAreForeign(t *testing.T) {
	dir := filepath.Join("..", "..", "shared", "samples", "otlp-json")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("the samples are not here: %v", err)
	}
	m := &memory{}
	o := options(m)
	c := start(t, o)
	for file, path := range map[string]string{"trace.json": "/v1/traces", "logs.json": "/v1/logs"} {
		body, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		if r, answer := post(t, c, path, "application/json", body); r.StatusCode != http.StatusOK {
			t.Errorf("%s: %d %s", file, r.StatusCode, answer)
		}
	}
	if records, quarantined := m.contents(); len(records)+len(quarantined) != 0 {
		t.Errorf("stored %v and %v", records, quarantined)
	}
	for _, transport := range []string{canonical.TransportTraces, canonical.TransportLogs} {
		if got := total(t, o, "foreign_total", transport); got != 1 {
			t.Errorf("foreign_total of %s is %v", transport, got)
		}
	}
}

func TestStartNamesThePortThatIsTaken(t *testing.T) {
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	o := options(&memory{})
	o.HTTP = taken.Addr().String()
	c, err := collector.New(o)
	if err != nil {
		t.Fatal(err)
	}
	err = c.Start(t.Context())
	var network *net.OpError
	if !errors.As(err, &network) || network.Addr.String() != o.HTTP {
		t.Errorf("want an error that names %s, got %v", o.HTTP, err)
	}
}

func TestConfigurationOfOnesOwn(t *testing.T) {
	m := &memory{}
	o := options(m)
	address := freePort(t)
	file := filepath.Join(t.TempDir(), "collector.yaml")
	text := `
receivers: {otlp: {protocols: {http: {endpoint: "` + address + `"}}}}
exporters: {jetstream: }
service: {pipelines: {traces: {receivers: [otlp], exporters: [jetstream]}}}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	o.ConfigFile, o.HTTP = file, address
	c := start(t, o)
	td := ptrace.NewTraces()
	sale(td, 1)
	sale(td, 2).Attributes().Clear()
	body, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	if err != nil {
		t.Fatal(err)
	}
	if r, b := post(t, c, "/v1/traces", "application/x-protobuf", body); r.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", r.StatusCode, b)
	}
	if records, _ := m.contents(); len(records) != 1 {
		t.Errorf("stored %d records", len(records))
	}
	if got := total(t, o, "foreign_total"); got != 1 {
		t.Errorf("foreign_total is %v", got)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(text, "jetstream: ", "jetstream: {url: x}", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	o = options(m)
	o.ConfigFile = file
	bad, err := collector.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := bad.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "url") {
		t.Errorf("an unknown key was accepted: %v", err)
	}
}

// A request that was received before Stop gets its answer, and what was
// acknowledged is stored; nothing is left running.
func TestStopAnswersWhatItHasReceived(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	m := &memory{}
	entered, leave := make(chan struct{}), make(chan struct{})
	m.fail = func() error { close(entered); <-leave; return nil }
	c, err := collector.New(options(m))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	conn, err := grpc.NewClient(c.GRPC(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	td := ptrace.NewTraces()
	sale(td, 1)
	answered := make(chan error, 1)
	go func() {
		_, err := ptraceotlp.NewGRPCClient(conn).Export(context.Background(), ptraceotlp.NewExportRequestFromTraces(td))
		answered <- err
	}()
	<-entered
	stopped := make(chan error, 1)
	go func() { stopped <- c.Stop(context.Background()) }()
	select {
	case err := <-stopped:
		t.Errorf("stopped with a request unanswered: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	close(leave)
	if err := <-answered; err != nil {
		t.Errorf("the request in flight: %v", err)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if err := c.Stop(context.Background()); err != nil {
		t.Errorf("stopped twice: %v", err)
	}
	if records, _ := m.contents(); len(records) != 1 {
		t.Errorf("stored %d records", len(records))
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
}
