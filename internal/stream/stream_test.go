package stream_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stocktrace/stocktrace/internal/stream"
	"github.com/stocktrace/stocktrace/internal/testenv"
	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/lifecycle"
)

// record is a sale of that number, entering wherever its correlation id says.
func record(n int) inventory.Record {
	e := inventory.Event{
		ID: fmt.Sprintf("e-%d", n), Source: "/pos/store/0123", Type: "inventory.sale.completed",
		Time:     time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC).Add(time.Duration(n) * time.Second),
		Workflow: "sale", Step: "completed", System: "pos", Location: "0123", Register: "04",
		CorrelationID: fmt.Sprintf("c-%d", n),
		Keys:          []inventory.Key{{Name: inventory.KeyReceipt, Value: fmt.Sprintf("0123-04-%06d", n)}},
		Lines:         []inventory.Line{{Line: "1", Item: "4006381333931", Quantity: inventory.DecimalOf(-1), UOM: "EA"}},
	}
	return inventory.Record{
		ID: inventory.RecordID(e.Source, e.ID), Content: e.ContentHash(), Event: e,
		ReceivedAt: e.Time.Add(time.Second), Transport: "cloudevents", Raw: []byte(`{"id":"` + e.ID + `"}`), RawType: "application/cloudevents+json",
	}
}

func records(from, n int) []inventory.Record {
	out := make([]inventory.Record, n)
	for i := range out {
		out[i] = record(from + i)
	}
	return out
}

func reading(n int) inventory.Record {
	r := record(n)
	r.Event = inventory.Event{
		ID: fmt.Sprintf("g-%d", n), Source: "/mq", Type: inventory.TypeReading, Time: r.Event.Time, System: "middleware",
		Reading: &inventory.Reading{System: "middleware", Gauge: inventory.Depth, Queue: "replay", Value: inventory.DecimalOf(int64(n))},
	}
	r.ID, r.Content = inventory.RecordID("/mq", r.Event.ID), r.Event.ContentHash()
	return r
}

func watermark(n int) inventory.Record {
	r := record(n)
	r.Event = inventory.Event{
		ID: fmt.Sprintf("w-%d", n), Source: "/erp", Type: inventory.TypeWatermark, Time: r.Event.Time, System: "erp",
		Watermark: &inventory.Watermark{System: "erp", CompleteThrough: r.Event.Time, Records: int64(n)},
	}
	r.ID, r.Content = inventory.RecordID("/erp", r.Event.ID), r.Event.ContentHash()
	return r
}

func lease(partition int, epoch uint64) lifecycle.Lease {
	return lifecycle.Lease{Partition: partition, Epoch: epoch}
}

func open(t *testing.T, log *stream.Log, l lifecycle.Lease) lifecycle.Reader {
	t.Helper()
	r, err := log.Read(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// drain fetches until the log has nothing more.
func drain(t *testing.T, r lifecycle.Reader) []lifecycle.Message {
	t.Helper()
	var out []lifecycle.Message
	for {
		messages, err := r.Fetch(t.Context(), 100, 50*time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		if len(messages) == 0 {
			return out
		}
		out = append(out, messages...)
	}
}

func publish(t *testing.T, log *stream.Log, records []inventory.Record) {
	t.Helper()
	if err := log.Publisher().Publish(t.Context(), records); err != nil {
		t.Fatal(err)
	}
}

func TestRecordsAreReadWhereTheyEnter(t *testing.T) {
	log := testenv.Stream(t, 4)
	sent := append(records(0, 200), watermark(1), reading(2))
	publish(t, log, sent)

	got := map[string]inventory.Record{}
	for p := range log.Partitions() + 1 {
		for _, m := range drain(t, open(t, log, lease(p, 1))) {
			for _, r := range m.Parcel.Records {
				if want := r.EntryKey().Partition(4); !r.Event.Fact() && p != want || r.Event.Fact() && p != 4 {
					t.Errorf("record %s was read from partition %d", r.ID, p)
				}
				if r.Partition != p || r.Position != m.Position || m.Position == 0 {
					t.Errorf("record %s says it is at %d of %d, its message at %d of %d", r.ID, r.Position, r.Partition, m.Position, p)
				}
				r.Partition, r.Position = 0, 0
				got[r.ID] = r
			}
		}
	}
	for _, r := range sent {
		if diff := cmp.Diff(r, got[r.ID], cmp.Comparer(func(a, b inventory.Decimal) bool { return a == b })); diff != "" {
			t.Fatalf("record changed (-sent +read):\n%s", diff)
		}
	}
	if len(got) != len(sent) {
		t.Errorf("read %d records of %d", len(got), len(sent))
	}
}

func TestReadingStartsBehindTheLastAcknowledged(t *testing.T) {
	log := testenv.Stream(t, 1)
	for i := range 10 {
		publish(t, log, records(i*10, 10))
	}
	first := open(t, log, lease(0, 1))
	if got := positions(drain(t, first)); got != "1 2 3 4 5 6 7 8 9 10" {
		t.Fatalf("read %s", got)
	}
	if end, err := first.End(t.Context()); err != nil || end != 10 {
		t.Fatalf("end is %d, %v", end, err)
	}
	for _, position := range []uint64{3, 6, 2} { // the cursor never goes back
		if err := first.Ack(t.Context(), position); err != nil {
			t.Fatal(err)
		}
	}
	// As after a crash: nothing was closed, the next owner just opens.
	second := open(t, log, lease(0, 2))
	if got := positions(drain(t, second)); got != "7 8 9 10" {
		t.Errorf("the second owner read %s", got)
	}
	// A former owner that was only paused changes nothing any more.
	if err := first.Ack(t.Context(), 10); !errors.Is(err, lifecycle.ErrFenced) {
		t.Errorf("the former owner's acknowledgement: %v", err)
	}
	if _, err := log.Read(t.Context(), lease(0, 1)); !errors.Is(err, lifecycle.ErrFenced) {
		t.Errorf("the former owner's reader: %v", err)
	}
	third := open(t, log, lease(0, 3))
	if got := positions(drain(t, third)); got != "7 8 9 10" {
		t.Errorf("the third owner read %s", got)
	}
}

func positions(messages []lifecycle.Message) string {
	var out []string
	for _, m := range messages {
		out = append(out, fmt.Sprint(m.Position))
	}
	return strings.Join(out, " ")
}

func TestParcelsGoThroughTheLog(t *testing.T) {
	log := testenv.Stream(t, 2)
	moved := record(7)
	moved.Partition, moved.Position = 1, 42
	key := inventory.ScopedKey{Name: inventory.KeyReceipt, Value: "123/4/7"}
	want := lifecycle.Parcel{
		Moves:    []lifecycle.Move{{Record: moved, To: key}},
		Bindings: []lifecycle.Binding{{Key: key, Lesser: inventory.ScopedKey{Name: inventory.KeyCorrelationID, Value: "c-7"}, Origin: moved.ReceivedAt}},
	}
	position, err := log.Publish(t.Context(), 0, "move-1", want)
	if err != nil {
		t.Fatal(err)
	}
	again, err := log.Publish(t.Context(), 0, "move-1", want)
	if err != nil || again != position {
		t.Errorf("published again at %d, %v; first at %d", again, err, position)
	}
	got := drain(t, open(t, log, lease(0, 1)))
	if len(got) != 1 || got[0].Position != position {
		t.Fatalf("read %d messages", len(got))
	}
	if diff := cmp.Diff(want, got[0].Parcel, cmp.Comparer(func(a, b inventory.Decimal) bool { return a == b })); diff != "" {
		t.Errorf("parcel changed (-sent +read):\n%s", diff)
	}
}

func TestARequestSentAgainIsStoredOnce(t *testing.T) {
	log := testenv.Stream(t, 2)
	sent := records(0, 50)
	for range 3 {
		publish(t, log, sent)
	}
	n := 0
	for p := range 2 {
		for _, m := range drain(t, open(t, log, lease(p, 1))) {
			n += len(m.Parcel.Records)
		}
	}
	if n != len(sent) {
		t.Errorf("read %d records, sent %d three times", n, len(sent))
	}
}

func TestFacts(t *testing.T) {
	log := testenv.Stream(t, 2)
	publish(t, log, []inventory.Record{watermark(1), watermark(2)})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	facts := make(chan inventory.Fact, 10)
	through := make(chan time.Time, 1000)
	done := make(chan error, 1)
	go func() {
		done <- log.Facts(ctx, 1, func(f inventory.Fact) { facts <- f }, func(at time.Time) { through <- at })
	}()
	next := func() inventory.Fact {
		t.Helper()
		select {
		case f := <-facts:
			return f
		case <-time.After(10 * time.Second):
			t.Fatal("no fact came")
		}
		panic("unreachable")
	}
	if a, b := next(), next(); a.Watermark.Records != 1 || b.Watermark.Records != 2 || a.Position != 1 {
		t.Errorf("got %+v and %+v", a, b)
	}
	publish(t, log, []inventory.Record{watermark(3)})
	published := time.Now()
	if f := next(); f.Watermark.Records != 3 || f.Position != 2 || f.ReceivedAt.IsZero() || f.RecordID == "" {
		t.Errorf("got %+v", f)
	}
	for at := range through {
		if at.After(published) {
			break // it says so although nothing more came
		}
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("facts ended with %v", err)
	}
}
