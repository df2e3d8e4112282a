package collector_test

import (
	"errors"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/stocktrace/stocktrace/collector"
	"github.com/stocktrace/stocktrace/collector/canonical"
	"github.com/stocktrace/stocktrace/collector/format"
)

// What becomes readable lands, all of it, as the record it would have been; what
// does not stays.
func TestReingest(t *testing.T) {
	m := &memory{}
	o := options(m)
	mended := false
	o.Documents = func([]byte, format.Source, string) (collector.DocumentReader, error) {
		if !mended {
			return nil, &format.Problem{Detail: "No mapping reads this."}
		}
		return lines{}, nil
	}
	h, err := collector.Handler(o)
	if err != nil {
		t.Fatal(err)
	}
	ask(t, h, "/v1/documents?source=tills", "e-1\ne-2\n")
	ask(t, h, "/v1/documents?source=tills", "e-3\nbad\n")
	c := start(t, o)
	td := ptrace.NewTraces()
	sale(td, 1).Attributes().PutStr("inventory.attempt", "x")
	if _, err := ptraceotlp.NewGRPCClient(dial(t, c)).Export(t.Context(), ptraceotlp.NewExportRequestFromTraces(td)); err != nil {
		t.Fatal(err)
	}
	sendEvent(t, o, canonical.CloudEventType, strings.Replace(event, `"step":"completed",`, "", 1))
	_, entries := m.contents()
	if len(entries) != 4 {
		t.Fatalf("%d entries", len(entries))
	}
	g, err := collector.NewReingester(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range entries {
		if n, err := g.Reingest(t.Context(), q); !errors.Is(err, collector.ErrStill) || n != 0 {
			t.Errorf("%s: %d %v", q.Transport, n, err)
		}
	}
	mended = true
	for range 2 {
		if n, err := g.Reingest(t.Context(), entries[0]); n != 2 || err != nil {
			t.Errorf("mended: %d %v", n, err)
		}
	}
	if n, err := g.Reingest(t.Context(), entries[1]); !errors.Is(err, collector.ErrStill) || n != 0 {
		t.Errorf("half mended: %d %v", n, err)
	}
	// An entry that is readable now, as after our own code was mended.
	fine := entries[3]
	fine.Raw = []byte(event)
	if n, err := g.Reingest(t.Context(), fine); n != 1 || err != nil {
		t.Errorf("a CloudEvent: %d %v", n, err)
	}
	records, again := m.contents()
	if len(records) != 5 || len(again) != 4 || records[0].Identity() != records[2].Identity() || records[0].Event.Source != "tills" {
		t.Errorf("%d records, %d entries", len(records), len(again))
	}
	m.failWith(collector.ErrUnavailable)
	if _, err := g.Reingest(t.Context(), entries[0]); err == nil || errors.Is(err, collector.ErrStill) {
		t.Errorf("while the log is away: %v", err)
	}
}
