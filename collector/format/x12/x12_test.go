package x12_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	_ "time/tzdata"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/formattest"
	"github.com/stocktrace/stocktrace/collector/format/x12"
	"github.com/stocktrace/stocktrace/inventory"
)

func TestGolden(t *testing.T) { formattest.Golden(t, x12.Format{}) }

func FuzzRead(f *testing.F) {
	formattest.Seed(f)
	f.Fuzz(func(t *testing.T, document []byte) {
		formattest.Check(t, x12.Format{}, document, format.Source{Name: "/fuzz"})
	})
}

// sample reads a published document; it must be one of ours and keep the promises.
func sample(t *testing.T, name string) []format.Item {
	t.Helper()
	document := formattest.Sample(t, "x12/"+name)
	source := format.Source{Name: "/edi"}
	if !(x12.Format{}).Detect(document, source) {
		t.Errorf("%s is not detected", name)
	}
	formattest.Check(t, x12.Format{}, document, source)
	items, err := formattest.Collect(x12.Format{}, bytes.NewReader(document), source)
	if err != nil {
		t.Fatal(err)
	}
	return items
}

// lines writes an event's lines shortly: item, quantity and unit, bucket or activity.
func lines(e inventory.Event) string {
	var all []string
	for _, l := range e.Lines {
		all = append(all, strings.TrimSpace(fmt.Sprintf("%s %s %s %s%s%s", l.Item, l.Quantity, l.UOM, l.Bucket, l.Activity, l.Status)))
	}
	return strings.Join(all, ", ")
}

func codes(item format.Item) string {
	var all []string
	for _, n := range item.Notes {
		all = append(all, n.Code)
	}
	return strings.Join(all, " ")
}

func TestInventoryAdviceAsPublished(t *testing.T) {
	items := sample(t, "846_Example1.txt")
	if len(items) != 1 || items[0].Event.Type != "inventory.snapshot.reported" {
		t.Fatalf("%d items", len(items))
	}
	e := items[0].Event
	if got := lines(e); got != "46L5055 5250 EA uncommitted, 46L5055 100 EA on_handon_hold, 46L5055 50 EA 673:QB, 46L5055 75 EA 673:87" {
		t.Errorf("lines are %s", got)
	}
	for _, l := range e.Lines {
		if l.Measure != "absolute" {
			t.Errorf("a snapshot's line is %q", l.Measure)
		}
	}
	if s := e.Time.Format("2006-01-02T15:04:05Z"); s != "2004-08-11T23:00:00Z" || e.Location != "SAN003" || codes(items[0]) != "unmapped unmapped" {
		t.Errorf("at %s in %s, notes %q", s, e.Location, codes(items[0]))
	}
}

func TestProductActivityAsPublished(t *testing.T) {
	items := sample(t, "852_hdexchange.txt")
	if len(items) != 3 {
		t.Fatalf("%d items, want the stock, the sales, and the document", len(items))
	}
	stock, sold, document := items[0].Event, items[1].Event, items[2]
	if got := lines(stock); got != "P-8750 1000 EA on_hand, P-8750 1000 EA available, P-8750 100 EA on_order, R-1224 503 EA on_hand, R-1224 415 EA available" {
		t.Errorf("stock is %s", got)
	}
	if got := lines(sold); got != "R-1224 5 EA received, R-1224 -88 EA sale" {
		t.Errorf("moved is %s", got)
	}
	c := sold.Covers
	if c == nil || c.Location != "1234567890001" || c.BusinessDate != "1999-12-05" || len(c.Units) != 1 || c.Units[0].Quantity.String() != "-88" {
		t.Errorf("covers %+v", c)
	}
	if stock.Transaction.Mode != "training" {
		t.Error("test data (ISA15 T) counts as live")
	}
	// What a person is told of the stray ~ in IEA02.
	if d := document.Event; d.Type != "inventory.document.received" || d.Outcome == inventory.Partial || d.Error != nil {
		t.Errorf("the document is %+v", d)
	}
	want := `IEA02 is "000000002~", with characters that do not belong to the number of ISA13: read without them.`
	if n := document.Notes[0]; n.Code != format.NotStandard || n.Detail != want {
		t.Errorf("told: %+v", n)
	}
}

func TestShipNoticesAsPublished(t *testing.T) {
	items := sample(t, "856_edi1Source.txt")
	if len(items) != 1 {
		t.Fatalf("%d items", len(items))
	}
	e := items[0].Event
	if got := lines(e); got != "999999310145 -24 EA, 999999311746 -6 EA" { // 24 + 6 = CTT02
		t.Errorf("lines are %s", got)
	}
	if e.KeyValue("delivery") != "829716" || e.KeyValue("order") != "99999817" || e.KeyValue("shipment") != "999999-001" {
		t.Errorf("keys are %v", e.Keys)
	}
	if items[0].Path != "ISA 000000049/GS 49/ST 0008" {
		t.Errorf("path is %s", items[0].Path)
	}
	// The UPCs are placeholders, and fail.
	if got := codes(items[0]); got != "check_digit check_digit zone_unknown" {
		t.Errorf("notes are %s", got)
	}

	again := sample(t, "asn856.txt")
	if len(again) != 2 || lines(again[0].Event) != lines(e) {
		t.Fatalf("%d items", len(again))
	}
	want := `IEA02 says "000000049", but ISA13 is "000003438". It was read all the same; ask the sender whether something is missing.`
	if n := again[1].Notes[0]; n.Code != format.CountMismatch || n.Detail != want {
		t.Errorf("told: %+v", n)
	}
	if d := again[1].Event; d.Error == nil || d.Error.Code != "control_count" || d.Error.Field != "IEA02" || d.Outcome != inventory.Partial {
		t.Errorf("the document is %+v", d)
	}
}

func TestStoreDeliveryAsPublished(t *testing.T) {
	items := sample(t, "dex894_wrong_count.txt")
	if len(items) != 3 {
		t.Fatalf("%d items, want two deliveries and the document", len(items))
	}
	if got := lines(items[0].Event) + "; " + lines(items[1].Event); got != "001410008547 -48 EA; 001410004616 -2 EA" {
		t.Errorf("lines are %s", got)
	}
	if e := items[0].Event; e.Location != "002703" || e.KeyValue("delivery") != "569145629" || e.Lines[0].ItemIDs[0].Value != "0014100085478" {
		t.Errorf("it is %+v", e)
	}
	want := `DXE02 says "1", but the count of transaction sets in the transmission is 2. It was read all the same; ask the sender whether something is missing.`
	if n := items[2].Notes[0]; n.Code != format.CountMismatch || n.Detail != want {
		t.Errorf("told: %+v", n)
	}
}
