package canonical_test

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/stocktrace/stocktrace/collector/canonical"
	"github.com/stocktrace/stocktrace/inventory"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var receivedAt = time.Date(2026, 11, 23, 9, 2, 55, 123456000, time.UTC)

// decode reads a file of a golden case by its name: event.json and batch.json
// are CloudEvents, traces.json, logs.json and metrics.json are OTLP.
func decode(t *testing.T, file string) canonical.Batch {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var batch canonical.Batch
	switch filepath.Base(file) {
	case "event.json":
		record, err2 := canonical.FromCloudEvent(raw, receivedAt)
		if err2 != nil {
			q := canonical.RejectCloudEvent(raw, record.Event.Source, err2, receivedAt)
			return canonical.Batch{Rejected: []canonical.Rejected{{Quarantined: q}}}
		}
		return canonical.Batch{Records: []inventory.Record{record}}
	case "batch.json":
		batch, err = canonical.FromCloudEvents(raw, receivedAt)
	case "traces.json":
		td, err2 := new(ptrace.JSONUnmarshaler).UnmarshalTraces(raw)
		if err2 != nil {
			t.Fatal(err2)
		}
		batch, err = canonical.FromTraces(td, receivedAt)
	case "logs.json":
		ld, err2 := new(plog.JSONUnmarshaler).UnmarshalLogs(raw)
		if err2 != nil {
			t.Fatal(err2)
		}
		batch, err = canonical.FromLogs(ld, receivedAt)
	case "metrics.json":
		md, err2 := new(pmetric.JSONUnmarshaler).UnmarshalMetrics(raw)
		if err2 != nil {
			t.Fatal(err2)
		}
		batch, err = canonical.FromMetrics(md, receivedAt)
	default:
		t.Fatalf("%s is no input", file)
	}
	if err != nil {
		t.Fatal(err)
	}
	return batch
}

// TestGolden reads testdata/golden/<case>/<input>.json and compares what it
// means with the .txt beside it.
func TestGolden(t *testing.T) {
	inputs, err := filepath.Glob("testdata/golden/*/*.json")
	if err != nil || len(inputs) == 0 {
		t.Fatal("no golden cases", err)
	}
	for _, input := range inputs {
		golden := strings.TrimSuffix(input, ".json") + ".txt"
		t.Run(strings.TrimPrefix(filepath.ToSlash(input), "testdata/golden/"), func(t *testing.T) {
			got := render(decode(t, input))
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("differs from %s (rewrite with -update):\n%s", golden, diff)
			}
		})
	}
}

// Where a case has the same event on several wires, it is the same record.
func TestGoldenWiresAgree(t *testing.T) {
	for _, name := range []string{"every-field", "watermark", "reading"} {
		inputs, err := filepath.Glob("testdata/golden/" + name + "/*.json")
		if err != nil || len(inputs) < 2 {
			t.Fatalf("%s: want several wires, got %v %v", name, inputs, err)
		}
		seen := map[inventory.Identity]string{}
		for _, input := range inputs {
			batch := decode(t, input)
			if len(batch.Records) != 1 {
				t.Fatalf("%s: %d records, %v", input, len(batch.Records), batch.Rejected)
			}
			seen[batch.Records[0].Identity()] += " " + filepath.Base(input)
		}
		if len(seen) != 1 {
			t.Errorf("%s is several records: %v", name, seen)
		}
	}
}

// Every field of the language can be said: the golden case leaves none of them
// empty, so a field that is added and not read fails here.
func TestEveryFieldIsRead(t *testing.T) {
	batch := decode(t, "testdata/golden/every-field/traces.json")
	if len(batch.Records) != 1 {
		t.Fatal(batch.Rejected)
	}
	e := batch.Records[0].Event
	e.Watermark = &inventory.Watermark{System: "in the other golden case"}
	e.Reading = &inventory.Reading{System: "in the other golden case"}
	e.Action = &inventory.Action{ID: "people's: nothing that is sent to us is one"}
	e.TimeAsSent = "a CloudEvent's"
	var empty []string
	zeroes("Event", reflect.ValueOf(e), &empty)
	empty = slices.DeleteFunc(empty, func(path string) bool {
		return strings.HasPrefix(path, "Event.Watermark.") || strings.HasPrefix(path, "Event.Reading.") || strings.HasPrefix(path, "Event.Action.")
	})
	if len(empty) > 0 {
		t.Errorf("not said by the golden case, or not read: %s", strings.Join(empty, ", "))
	}
}

func zeroes(path string, v reflect.Value, empty *[]string) {
	switch {
	case v.IsZero():
		*empty = append(*empty, path)
	case v.Kind() == reflect.Pointer:
		zeroes(path, v.Elem(), empty)
	case v.Kind() == reflect.Slice && v.Len() > 0:
		zeroes(path+"[0]", v.Index(0), empty)
	case v.Kind() == reflect.Struct && v.Type() != reflect.TypeFor[time.Time]() && v.Type() != reflect.TypeFor[inventory.Decimal]():
		for i := range v.NumField() {
			zeroes(path+"."+v.Type().Field(i).Name, v.Field(i), empty)
		}
	}
}

// render writes what is not empty, one field per line.
func render(batch canonical.Batch) string {
	var b strings.Builder
	for _, r := range batch.Records {
		fmt.Fprintf(&b, "record %s\n\ttransport %s\n\traw %s\n", r.ID, r.Transport, r.RawType)
		fields(&b, "", reflect.ValueOf(r.Event))
	}
	for _, q := range batch.Rejected {
		fmt.Fprintf(&b, "rejected %d\n\t%s %s\n\t%s\n\tfrom %q over %s as %s\n", q.Index, q.Reason, q.Pointer, q.Detail, q.Source, q.Transport, q.ContentType)
	}
	if batch.Foreign > 0 {
		fmt.Fprintf(&b, "foreign %d\n", batch.Foreign)
	}
	return b.String()
}

func fields(b *strings.Builder, path string, v reflect.Value) {
	if v.IsZero() {
		return
	}
	switch x := v.Interface().(type) {
	case time.Time:
		fmt.Fprintf(b, "\t%s = %s\n", path, x.Format(time.RFC3339Nano))
		return
	case inventory.Decimal:
		fmt.Fprintf(b, "\t%s = %s\n", path, x)
		return
	case map[string]string:
		for _, name := range slices.Sorted(maps.Keys(x)) {
			fmt.Fprintf(b, "\t%s[%s] = %s\n", path, name, x[name])
		}
		return
	case inventory.Key:
		fmt.Fprintf(b, "\t%s = %s:%s\n", path, x.Name, x.Value)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		fields(b, path, v.Elem())
	case reflect.Slice:
		for i := range v.Len() {
			fields(b, fmt.Sprintf("%s[%d]", path, i), v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			fields(b, strings.TrimPrefix(path+"."+v.Type().Field(i).Name, "."), v.Field(i))
		}
	default:
		fmt.Fprintf(b, "\t%s = %v\n", path, v.Interface())
	}
}

// errorOf returns the Error within err.
func errorOf(t *testing.T, err error) *canonical.Error {
	t.Helper()
	var e *canonical.Error
	if !errors.As(err, &e) {
		t.Fatalf("want an *Error, got %v", err)
	}
	return e
}
