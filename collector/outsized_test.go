package collector_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/stocktrace/stocktrace/collector"
	"github.com/stocktrace/stocktrace/collector/canonical"
	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/inventory"
)

// narrow is a log whose messages take so many bytes of raw input and no more.
type narrow struct {
	memory
	takes int
}

func (n *narrow) Publish(ctx context.Context, records []inventory.Record) error {
	for i := range records {
		if len(records[i].Raw) > n.takes {
			return fmt.Errorf("partition 3: %w", collector.ErrTooLarge)
		}
	}
	return n.memory.Publish(ctx, records)
}

func (n *narrow) Quarantine(ctx context.Context, entries []inventory.Quarantined) error {
	for i := range entries {
		if len(entries[i].Raw)+len(entries[i].Pointer)+len(entries[i].Detail) > n.takes {
			return fmt.Errorf("quarantine: %w", collector.ErrTooLarge)
		}
	}
	return n.memory.Quarantine(ctx, entries)
}

// ids lists what was published, each once: what is halved is in part sent twice.
func (n *narrow) ids() map[string]bool {
	records, _ := n.contents()
	ids := map[string]bool{}
	for i := range records {
		ids[records[i].Event.ID] = true
	}
	return ids
}

func optionsOf(n *narrow) collector.Options {
	o := options(&n.memory)
	o.Publisher = n
	return o
}

func wordy(id string, size int) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"/pos/1","type":"inventory.sale.completed","time":"2026-11-23T10:00:00Z","data":%s,"note":%q}`,
		id, data, strings.Repeat("n", size))
}

// A record that no message takes would come again for ever. It is kept, its
// neighbours land, and the sender is told once.
func TestOneTooLargeForTheLogDoesNotHoldTheOthers(t *testing.T) {
	n := &narrow{takes: 4 << 10}
	body := "[" + strings.Join([]string{
		wordy("a", 1), "{}", wordy("b", 5000), wordy("c", 1), wordy("d", 1), wordy("e", 6000),
	}, ",") + "]"
	code, answer := sendEvent(t, optionsOf(n), canonical.CloudEventBatchType, body)
	var said struct {
		Accepted    int
		Quarantined []struct {
			Index      int
			Detail, ID string
		}
	}
	if err := json.Unmarshal([]byte(answer), &said); err != nil || code != http.StatusOK {
		t.Fatalf("%d %s", code, answer)
	}
	_, kept := n.contents()
	if said.Accepted != 3 || len(n.ids()) != 3 || !n.ids()["a"] || !n.ids()["c"] || !n.ids()["d"] || len(said.Quarantined) != 3 || len(kept) != 3 {
		t.Fatalf("%s\n%v", answer, n.ids())
	}
	for i, index := range []int{1, 2, 5} {
		if q := said.Quarantined[i]; q.Index != index || q.ID != kept[i].ID || q.Detail != kept[i].Detail {
			t.Errorf("entry %d: %+v, kept as %s %s", i, q, kept[i].ID, kept[i].Detail)
		}
	}
	for i, whole := range []int{len(wordy("b", 5000)), len(wordy("e", 6000))} {
		q := kept[i+1]
		// More than a message takes cannot be kept; the entry says how much is not.
		if q.Reason != canonical.Oversized || len(q.Raw) != whole/2 || !strings.Contains(q.Detail, "max_payload") ||
			!strings.HasSuffix(q.Detail, fmt.Sprintf("(cut: %d bytes, of which a message of the log takes the first %d)", whole, whole/2)) {
			t.Errorf("%d bytes of %d, %s: %s", len(q.Raw), whole, q.Reason, q.Detail)
		}
	}
}

func TestAnEventTooLargeForTheLogIsAnsweredForGood(t *testing.T) {
	n := &narrow{takes: 4 << 10}
	o := optionsOf(n)
	code, answer := sendEvent(t, o, canonical.CloudEventType, wordy("a", 5000))
	_, kept := n.contents()
	if code != http.StatusRequestEntityTooLarge || len(kept) != 1 || !strings.Contains(answer, kept[0].ID) || !strings.Contains(answer, "split it") {
		t.Errorf("%d %s", code, answer)
	}
	if total(t, o, "quarantined_total", canonical.Oversized) != 1 || total(t, o, "refused_total")+total(t, o, "accepted_total") != 0 {
		t.Error("it is not counted as what it is")
	}
	// The same again is the same entry.
	if sendEvent(t, o, canonical.CloudEventType, wordy("a", 5000)); n.quarantined[0].ID != n.quarantined[1].ID {
		t.Error("sent twice it is two entries")
	}
}

func TestOTLPTooLargeForTheLogIsPartialSuccess(t *testing.T) {
	n := &narrow{takes: 4 << 10}
	c := start(t, optionsOf(n))
	td := ptrace.NewTraces()
	for receipt := range 5 {
		if span := sale(td, receipt); receipt%2 == 1 {
			span.Attributes().PutStr("note", strings.Repeat("n", 3900))
		}
	}
	request := ptraceotlp.NewExportRequestFromTraces(td)
	over, err := ptraceotlp.NewGRPCClient(dial(t, c)).Export(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	if p := over.PartialSuccess(); p.RejectedSpans() != 2 || !strings.Contains(p.ErrorMessage(), "2 of 5") {
		t.Errorf("gRPC: %d rejected, %s", p.RejectedSpans(), p.ErrorMessage())
	}
	body, err := request.MarshalProto()
	if err != nil {
		t.Fatal(err)
	}
	r, answer := post(t, c, "/v1/traces", "application/x-protobuf", body)
	response := ptraceotlp.NewExportResponse()
	if err := response.UnmarshalProto(answer); err != nil || r.StatusCode != http.StatusOK || response.PartialSuccess().RejectedSpans() != 2 {
		t.Errorf("HTTP: %d, %v, %d rejected", r.StatusCode, err, response.PartialSuccess().RejectedSpans())
	}
	if _, kept := n.contents(); len(n.ids()) != 3 || len(kept) != 4 {
		t.Errorf("%v landed, %d kept", n.ids(), len(kept))
	}
	// What is no OTLP and more than a message takes is kept as far as it goes.
	r, answer = post(t, c, "/v1/logs", "application/x-protobuf", bytes.Repeat([]byte{0xff}, 64<<10))
	_, kept := n.contents()
	last := kept[len(kept)-1]
	if r.StatusCode != http.StatusBadRequest || !bytes.Contains(answer, []byte(last.ID)) || len(last.Raw) != 2<<10 || !strings.Contains(last.Detail, "65536 bytes, of which a message of the log takes the first 2048") {
		t.Errorf("%d %s: %d bytes kept, %s", r.StatusCode, answer, len(last.Raw), last.Detail)
	}
}

func TestWhatTheLogStillDoesNotTakeIsNotReingested(t *testing.T) {
	n := &narrow{takes: 4 << 10}
	o := optionsOf(n)
	body := "[" + wordy("a", 1) + "," + wordy("b", 3700) + "]"
	n.takes = 1 << 10
	sendEvent(t, o, canonical.CloudEventBatchType, body)
	g, err := collector.NewReingester(o)
	if err != nil {
		t.Fatal(err)
	}
	whole := inventory.Quarantined{ID: "q", Transport: canonical.TransportCloudEvents, ContentType: canonical.CloudEventType, Raw: []byte(wordy("b", 3700))}
	if _, err := g.Reingest(t.Context(), whole); !errors.Is(err, collector.ErrStill) {
		t.Errorf("landed although no message takes it: %v", err)
	}
	n.takes = 8 << 10
	if events, err := g.Reingest(t.Context(), whole); events != 1 || err != nil || !n.ids()["b"] {
		t.Errorf("%d events, %v", events, err)
	}
}

func TestADocumentsPartTooLargeForTheLogIsCountedAsKept(t *testing.T) {
	n := &narrow{takes: 4 << 10}
	d, err := collector.NewDocuments(collector.Options{Publisher: n})
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", 5000)
	from := format.Source{Name: "/pos/1", Document: "sales.txt"}
	taken, err := d.Take(t.Context(), lines{}, strings.NewReader("r-1\n"+long+"\nbad\nr-2\n"), from, collector.Resume{}, nil)
	if err != nil || taken.Events != 2 || taken.Quarantined != 2 || len(taken.Rejected) != 2 || strings.Join(taken.Failed, ", ") != "line 3, line 2" {
		t.Errorf("%+v %v", taken, err)
	}
	if _, kept := n.contents(); len(kept) != 2 || kept[1].Pointer != "sales.txt#line 2" || kept[1].Reason != canonical.Oversized || len(n.ids()) != 2 {
		t.Errorf("%v, %v", n.ids(), kept)
	}
}
