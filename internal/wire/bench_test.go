package wire_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/stocktrace/stocktrace/internal/wire"
	"github.com/stocktrace/stocktrace/internal/wire/wirepb"
	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/lifecycle"
)

// sale is a completed sale of that many lines.
func sale(lines int, id string) inventory.Record {
	e := inventory.Event{
		ID: "0123-04-2026-11-23-" + id + "/sale.completed/1", Source: "/pos/store/0123/register/04", Type: "inventory.sale.completed",
		Time: time.Date(2026, 11, 23, 9, 2, 54, 120e6, time.UTC), TimeAsSent: "2026-11-23T10:02:54.120+01:00",
		CorrelationID: "c-" + id, TraceID: "4bf92f3577b34da6a3ce929d0e0e4736", SpanID: "00f067aa0ba902b7",
		Workflow: "sale", Step: "completed", System: "pos", Outcome: inventory.OK, Attempt: 1,
		Location: "0123", LocationScheme: "store", Register: "04", BusinessDate: "2026-11-23", Operator: "88", Device: "register-04",
		Keys:        []inventory.Key{{Name: inventory.KeyReceipt, Value: "0123-04-" + id}},
		Transaction: inventory.Transaction{Kind: "sale", Mode: "live", Status: "completed", Sequence: id, SequenceMax: "9999"},
	}
	for i := range lines {
		e.Lines = append(e.Lines, inventory.Line{
			Line: strconv.Itoa(i + 1), Item: fmt.Sprintf("40063813339%02d", i), ItemScheme: "gtin",
			Quantity: inventory.DecimalOf(-2), UOM: "EA", Measure: "delta", Bucket: "on_hand", Status: "sellable",
			Activity: "sale", Stock: "moves", Ownership: "own", UnitValue: "12.50", ValueBasis: "retail_gross", Currency: "EUR",
		})
	}
	r := inventory.Record{
		ID: inventory.RecordID(e.Source, e.ID), Content: e.ContentHash(), Event: e, Transport: "cloudevents",
		ReceivedAt: time.Date(2026, 11, 23, 9, 2, 55, 42000, time.UTC),
		Raw:        fmt.Appendf(nil, `{"specversion":"1.0","id":%q,"source":%q,"correlationid":%q,"data":{"workflow":"sale","step":"completed","system":"pos"}}`, e.ID, e.Source, e.CorrelationID),
		RawType:    "application/cloudevents+json",
	}
	return r
}

const batch = 64 // what one partition gets of a request of 512 spans

func batchOf(lines int) []inventory.Record {
	records := make([]inventory.Record, batch)
	for i := range records {
		records[i] = sale(lines, strconv.Itoa(100000+i*7919))
	}
	return records
}

func perRecord(b *testing.B) {
	b.Helper()
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/batch, "ns/record")
}

func BenchmarkEncodeParcel(b *testing.B) {
	p := lifecycle.Parcel{Records: batchOf(5)}
	b.ReportAllocs()
	size := 0
	for b.Loop() {
		size = len(must(wire.EncodeParcel(&p)))
	}
	b.ReportMetric(float64(size)/batch, "B/record")
	perRecord(b)
}

func BenchmarkDecodeParcel(b *testing.B) {
	message := must(wire.EncodeParcel(&lifecycle.Parcel{Records: batchOf(5)}))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := wire.DecodeParcel(message); err != nil {
			b.Fatal(err)
		}
	}
	perRecord(b)
}

func BenchmarkEncodeEvent(b *testing.B) {
	e := sale(5, "000778").Event
	buf := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		buf = wire.AppendEvent(buf[:0], &e)
	}
	b.ReportMetric(float64(len(buf)), "B/record")
}

func BenchmarkDecodeEvent(b *testing.B) {
	e := sale(5, "000778").Event
	message := wire.EncodeEvent(&e)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := wire.DecodeEvent(message); err != nil {
			b.Fatal(err)
		}
	}
}

// What the generated code alone would cost, before its objects are turned into
// events and back.
func BenchmarkGenerated(b *testing.B) {
	e := sale(5, "000778").Event
	message := wire.EncodeEvent(&e)[1:]
	var m wirepb.Event
	if err := proto.Unmarshal(message, &m); err != nil {
		b.Fatal(err)
	}
	b.Run("marshal", func(b *testing.B) {
		b.ReportAllocs()
		buf := make([]byte, 0, 4096)
		for b.Loop() {
			buf, _ = proto.MarshalOptions{}.MarshalAppend(buf[:0], &m)
		}
	})
	b.Run("unmarshal", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var m wirepb.Event
			if err := proto.Unmarshal(message, &m); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func must(message []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return message
}
