package canonical_test

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/stocktrace/stocktrace/collector/canonical"
	"github.com/stocktrace/stocktrace/inventory"
)

// published is a published document that lies beside the project, found by going
// up from this folder. (formattest finds them too, but declares the flag update,
// which the golden tests here have themselves.)
func published(t *testing.T, path string) []byte {
	t.Helper()
	dir, err := filepath.Abs(".")
	for ; err == nil; dir = filepath.Dir(dir) {
		if raw, err := os.ReadFile(filepath.Join(dir, "shared", "samples", filepath.FromSlash(path))); err == nil {
			return raw
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	t.Skip("no published samples beside the project: ../shared/samples")
	return nil
}

// TestPublishedCloudEvents: the published examples are CloudEvents and no events
// of ours, and each is told what it lacks.
func TestPublishedCloudEvents(t *testing.T) {
	for path, want := range map[string]string{
		"cloudevents/correlation_example_1.json": `/time: is required: when it happened, such as 2026-11-23T10:02:54.120+01:00`,
		"cloudevents/json_format_3_data.json":    `/data/workflow: is required: name the kind of transaction, such as sale`,
	} {
		record, err := canonical.FromCloudEvent(published(t, path), receivedAt)
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", path, err, want)
		}
		// What it does say was read all the same.
		if record.Event.ID == "" || record.Event.Source == "" {
			t.Errorf("%s: %+v", path, record.Event)
		}
	}
	batch, err := canonical.FromCloudEvents(published(t, "cloudevents/json_format_8_batch.json"), receivedAt)
	if err != nil || len(batch.Records)+len(batch.Rejected) != 0 {
		t.Errorf("an empty batch is %+v, %v", batch, err)
	}
}

// TestPublishedOTLP: the published trace and logs are OTLP that says nothing of
// inventory: foreign, and not rejected.
func TestPublishedOTLP(t *testing.T) {
	td, err := new(ptrace.JSONUnmarshaler).UnmarshalTraces(published(t, "otlp-json/trace.json"))
	if err != nil {
		t.Fatal(err)
	}
	span := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
	if canonical.Speaks(span.Attributes()) {
		t.Error("the published span speaks of inventory")
	}
	if span.TraceID().String() != "5b8efff798038103d269b633813fc60c" {
		t.Errorf("its trace id in upper case became %s", span.TraceID())
	}
	ld, err := new(plog.JSONUnmarshaler).UnmarshalLogs(published(t, "otlp-json/logs.json"))
	if err != nil {
		t.Fatal(err)
	}
	if record := ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0); canonical.SpeaksLog(record) {
		t.Error("the published log record speaks of inventory")
	}
}

// TestExtensions: the documented extensions of CloudEvents mean the same in every
// mode. Correlation and trace are read, the others kept under their own names.
func TestExtensions(t *testing.T) {
	const (
		trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
		data  = `{"workflow":"sale","step":"completed","system":"pos","location":"0123"}`
		one   = `{"specversion":"1.0","id":"1","source":"/s","type":"t","time":"2026-11-23T10:00:00Z","datacontenttype":"application/json",` +
			`"correlationid":"c-1","causationid":"e-0","sequence":"0000017","sequencetype":"Integer","recordedtime":"2026-11-23T10:00:01Z",` +
			`"partitionkey":"0123","traceparent":"` + trace + `","tracestate":"vendor=a,other=b","dataref":"https://x.example/1","data":` + data + `}`
	)
	h := http.Header{}
	for name, value := range map[string]string{
		"Content-Type": "application/json", "ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s", "ce-type": "t", "ce-time": "2026-11-23T10:00:00Z",
		"ce-correlationid": "c-1", "CE-CausationID": "e-0", "ce-sequence": "0000017", "ce-sequencetype": "Integer",
		"ce-recordedtime": "2026-11-23T10:00:01Z", "ce-partitionkey": "0123", "ce-traceparent": trace,
		"ce-tracestate": "vendor=a%2Cother=b", "ce-dataref": "https://x.example/1",
		// That of this hop, and not of where the event began.
		"traceparent": "00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-bbbbbbbbbbbbbbbb-01", "tracestate": "hop=1",
	} {
		h.Set(name, value)
	}
	if !canonical.IsBinary(h) {
		t.Fatal("ce- headers are not taken for binary mode")
	}
	want := map[string]string{
		"causationid": "e-0", "sequence": "0000017", "sequencetype": "Integer", "recordedtime": "2026-11-23T10:00:01Z",
		"partitionkey": "0123", "tracestate": "vendor=a,other=b", "dataref": "https://x.example/1",
	}
	structured, err := canonical.FromCloudEvent([]byte(one), receivedAt)
	if err != nil {
		t.Fatal(err)
	}
	binary, err := canonical.FromCloudEvent(canonical.Structured(h, []byte(data)), receivedAt)
	if err != nil {
		t.Fatal(err)
	}
	batch, err := canonical.FromCloudEvents([]byte("["+one+"]"), receivedAt)
	if err != nil || len(batch.Records) != 1 {
		t.Fatal(batch, err)
	}
	for mode, r := range map[string]inventory.Record{"structured": structured, "binary": binary, "batch": batch.Records[0]} {
		if e := r.Event; e.CorrelationID != "c-1" || e.TraceID != "4bf92f3577b34da6a3ce929d0e0e4736" || e.SpanID != "00f067aa0ba902b7" {
			t.Errorf("%s: for %s, trace %s, span %s", mode, e.CorrelationID, e.TraceID, e.SpanID)
		}
		if diff := cmp.Diff(want, r.Event.Attributes); diff != "" {
			t.Errorf("%s: attributes differ:\n%s", mode, diff)
		}
		if r.Identity() != structured.Identity() {
			t.Errorf("%s: is another record", mode)
		}
	}
}
