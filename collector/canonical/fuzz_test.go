package canonical_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/stocktrace/stocktrace/collector/canonical"
	"github.com/stocktrace/stocktrace/inventory"
)

func seeds(f *testing.F, name string) [][]byte {
	f.Helper()
	files, err := filepath.Glob("testdata/golden/*/" + name)
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds", err)
	}
	var all [][]byte
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		all = append(all, raw)
	}
	return all
}

// checkRecord holds what every accepted record promises.
func checkRecord(t *testing.T, r inventory.Record) {
	t.Helper()
	e := &r.Event
	switch {
	case r.ID == "" || e.ID == "" || e.Source == "" || e.Type == "":
		t.Errorf("no identity: %q %q %q %q", r.ID, e.ID, e.Source, e.Type)
	case e.Type != inventory.TypeWatermark && e.Type != inventory.TypeReading && (e.Workflow == "" || e.Step == "" || e.System == "" || e.Location == ""):
		t.Errorf("accepted without a required field: %+v", e)
	case e.Type == inventory.TypeWatermark && (e.Watermark == nil || e.Watermark.CompleteThrough.IsZero()):
		t.Error("a watermark without its time")
	case e.Type == inventory.TypeReading && (e.Reading == nil || e.Reading.System == "" || e.Reading.Value.Sign() < 0):
		t.Errorf("a reading of nothing: %+v", e.Reading)
	case e.Time.IsZero() || e.Time.Nanosecond()%1000 != 0:
		t.Errorf("occurred %v", e.Time)
	case r.Content != e.ContentHash():
		t.Error("the content is not the event's")
	case e.Error != nil && e.Error.Code == "":
		t.Error("an error without code")
	}
}

func checkRejected(t *testing.T, q inventory.Quarantined) {
	t.Helper()
	if q.Reason == "" || q.Detail == "" || q.ID == "" || !utf8.ValidString(q.Detail) {
		t.Errorf("rejected without saying why: %+v", q)
	}
	if !jsontext.Pointer(q.Pointer).IsValid() {
		t.Errorf("%q is no JSON pointer", q.Pointer)
	}
}

func FuzzCloudEvent(f *testing.F) {
	for _, raw := range seeds(f, "event.json") {
		f.Add(raw)
	}
	f.Add([]byte(watermark(`"system":"erp","complete_through":"2026-11-23T09:40:00Z"`)))
	f.Fuzz(func(t *testing.T, raw []byte) {
		sent := bytes.Clone(raw)
		r, err := canonical.FromCloudEvent(raw, receivedAt)
		if !bytes.Equal(raw, sent) {
			t.Fatal("the sender's bytes were changed")
		}
		if err != nil {
			checkRejected(t, canonical.RejectCloudEvent(raw, r.Event.Source, errorOf(t, err), receivedAt))
			return
		}
		checkRecord(t, r)
		if again, err := canonical.FromCloudEvent(raw, receivedAt); err != nil || again.Identity() != r.Identity() {
			t.Errorf("read twice, it is %v and %v, %v", r.Identity(), again.Identity(), err)
		}
		// The same event as the only one of a batch.
		batch, err := canonical.FromCloudEvents(append(append([]byte{'['}, raw...), ']'), receivedAt)
		if err != nil || len(batch.Records) != 1 || batch.Records[0].Identity() != r.Identity() {
			t.Errorf("in a batch it is %v, %v", batch, err)
		}
	})
}

func FuzzCloudEvents(f *testing.F) {
	for _, raw := range seeds(f, "batch.json") {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		batch, err := canonical.FromCloudEvents(body, receivedAt)
		if err != nil {
			checkRejected(t, canonical.RejectCloudEventBatch(body, errorOf(t, err), receivedAt))
		}
		for _, r := range batch.Records {
			checkRecord(t, r)
		}
		for _, q := range batch.Rejected {
			checkRejected(t, q.Quarantined)
		}
	})
}

func FuzzTraces(f *testing.F) {
	for _, raw := range seeds(f, "traces.json") {
		td, err := new(ptrace.JSONUnmarshaler).UnmarshalTraces(raw)
		if err != nil {
			f.Fatal(err)
		}
		encoded, err := new(ptrace.ProtoMarshaler).MarshalTraces(td)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(encoded)
	}
	f.Fuzz(func(t *testing.T, encoded []byte) {
		td, err := new(ptrace.ProtoUnmarshaler).UnmarshalTraces(encoded)
		if err != nil || len(encoded) > 1<<16 {
			t.Skip()
		}
		batch, err := canonical.FromTraces(td, receivedAt)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(batch.Records) + len(batch.Rejected) + batch.Foreign; got != td.SpanCount() {
			t.Errorf("%d spans became %d", td.SpanCount(), got)
		}
		for _, q := range batch.Rejected {
			checkRejected(t, q.Quarantined)
		}
		for _, r := range batch.Records {
			checkRecord(t, r)
			// Reading the raw bytes again gives the same record.
			back, err := new(ptrace.ProtoUnmarshaler).UnmarshalTraces(r.Raw)
			if err != nil {
				t.Fatal(err)
			}
			again, err := canonical.FromTraces(back, receivedAt)
			if err != nil || len(again.Records) != 1 || again.Records[0].Identity() != r.Identity() {
				t.Errorf("its raw bytes are %v, %v, not %v", again, err, r.Identity())
			}
		}
	})
}

func FuzzMetrics(f *testing.F) {
	for _, raw := range seeds(f, "metrics.json") {
		md, err := new(pmetric.JSONUnmarshaler).UnmarshalMetrics(raw)
		if err != nil {
			f.Fatal(err)
		}
		encoded, err := new(pmetric.ProtoMarshaler).MarshalMetrics(md)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(encoded)
	}
	f.Fuzz(func(t *testing.T, encoded []byte) {
		md, err := new(pmetric.ProtoUnmarshaler).UnmarshalMetrics(encoded)
		if err != nil || len(encoded) > 1<<16 {
			t.Skip()
		}
		points := 0
		for _, resource := range md.ResourceMetrics().All() {
			for _, scope := range resource.ScopeMetrics().All() {
				for _, metric := range scope.Metrics().All() {
					points += canonical.Points(metric).Len()
				}
			}
		}
		batch, err := canonical.FromMetrics(md, receivedAt)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(batch.Records) + len(batch.Rejected) + batch.Foreign; got != points {
			t.Errorf("%d data points became %d", points, got)
		}
		for _, q := range batch.Rejected {
			checkRejected(t, q.Quarantined)
		}
		for _, r := range batch.Records {
			checkRecord(t, r)
			back, err := new(pmetric.ProtoUnmarshaler).UnmarshalMetrics(r.Raw)
			if err != nil {
				t.Fatal(err)
			}
			again, err := canonical.FromMetrics(back, receivedAt)
			if err != nil || len(again.Records) != 1 || again.Records[0].Identity() != r.Identity() {
				t.Errorf("its raw bytes are %v, %v, not %v", again, err, r.Identity())
			}
		}
	})
}

func FuzzLogs(f *testing.F) {
	for _, raw := range seeds(f, "logs.json") {
		ld, err := new(plog.JSONUnmarshaler).UnmarshalLogs(raw)
		if err != nil {
			f.Fatal(err)
		}
		encoded, err := new(plog.ProtoMarshaler).MarshalLogs(ld)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(encoded)
	}
	f.Fuzz(func(t *testing.T, encoded []byte) {
		ld, err := new(plog.ProtoUnmarshaler).UnmarshalLogs(encoded)
		if err != nil || len(encoded) > 1<<16 {
			t.Skip()
		}
		batch, err := canonical.FromLogs(ld, receivedAt)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(batch.Records) + len(batch.Rejected) + batch.Foreign; got != ld.LogRecordCount() {
			t.Errorf("%d log records became %d", ld.LogRecordCount(), got)
		}
		for _, q := range batch.Rejected {
			checkRejected(t, q.Quarantined)
		}
		for _, r := range batch.Records {
			checkRecord(t, r)
		}
	})
}
