package ubl_test

import (
	"bytes"
	"strings"
	"testing"
	_ "time/tzdata"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/formattest"
	"github.com/stocktrace/stocktrace/collector/format/ubl"
	"github.com/stocktrace/stocktrace/inventory"
)

func TestGolden(t *testing.T) { formattest.Golden(t, ubl.Format{}) }

func FuzzRead(f *testing.F) {
	formattest.Seed(f)
	f.Fuzz(func(t *testing.T, document []byte) {
		formattest.Check(t, ubl.Format{}, document, format.Source{Location: "0123"})
	})
}

func read(t *testing.T, path string, source format.Source) []format.Item {
	t.Helper()
	document := formattest.Sample(t, path)
	if !(ubl.Format{}).Detect(document[:min(len(document), 4<<10)], source) {
		t.Error("not detected")
	}
	formattest.Check(t, ubl.Format{}, document, source)
	items, err := formattest.Collect(ubl.Format{}, bytes.NewReader(document), source)
	if err != nil {
		t.Fatal(err)
	}
	return items
}

func told(items []format.Item) string {
	var b strings.Builder
	for _, i := range items {
		for _, n := range i.Notes {
			b.WriteString(n.Code + " " + n.Path + " " + n.Detail + "\n")
		}
	}
	return b.String()
}

// The published report names its place by a name only, and its day without a
// time: both are told. Three lines, in pieces.
func TestPublishedInventoryReport(t *testing.T) {
	items := read(t, "ubl-2.1/UBL-InventoryReport-2.1-Example.xml", format.Source{Name: "/supplier"})
	if len(items) != 1 {
		t.Fatalf("%d items", len(items))
	}
	e := items[0].Event
	if e.Type != "inventory.snapshot.reported" || e.System != "supplier" || e.Location != "Arancio Forniture spa" || e.TimeAsSent != "2010-04-12" || e.KeyValue("report") != "CC2679" {
		t.Errorf("event %+v", e)
	}
	var said []string
	for _, l := range e.Lines {
		said = append(said, strings.Join([]string{l.Line, l.Item, l.ItemScheme, l.ItemIDs[0].Value, l.Quantity.String(), l.UOM, l.Measure, l.AsOf, l.Attributes["InventoryValueAmount"]}, " "))
	}
	want := []string{
		"1 SH009 buyer DD88 10 EA absolute 2010-04-11 200 EUR", "2 TH009 buyer DA008 15 EA absolute 2010-04-11 750 EUR", "3 DH019 buyer BA058 5 EA absolute 2010-04-11 300 EUR",
	}
	if strings.Join(said, "\n") != strings.Join(want, "\n") {
		t.Errorf("lines\n%s\nwant\n%s", strings.Join(said, "\n"), strings.Join(want, "\n"))
	}
	wantTold := `not_standard /InventoryReport The document names the place by the name "Arancio Forniture spa" only: taken for its location. Declare the source's location, or have an identifier sent.
zone_unknown /InventoryReport/IssueDate`
	if got := told(items); !strings.HasPrefix(got, wantTold[:strings.Index(wantTold, "\n")]) || !strings.Contains(got, "2010-04-12 is a day without a time") || !strings.Contains(got, "zone_unknown /InventoryReport/IssueDate 2010-04-12T00:00:00 has no offset") {
		t.Errorf("told\n%s", got)
	}
	// With a declared location nothing is guessed.
	items = read(t, "ubl-2.1/UBL-InventoryReport-2.1-Example.xml", format.Source{Name: "/supplier", Location: "VMI-7"})
	if items[0].Event.Location != "VMI-7" || strings.Contains(told(items), "names the place") {
		t.Errorf("at %s, told\n%s", items[0].Event.Location, told(items))
	}
}

// The published event moves nothing. Its GTIN, its receiver's and its buyer's GLN
// have wrong check digits: each is told, none is put right.
func TestPublishedRetailEvent(t *testing.T) {
	items := read(t, "ubl-2.1/UBL-RetailEvent-2.1-Example.xml", format.Source{Name: "/supplier"})
	if len(items) != 1 {
		t.Fatalf("%d items", len(items))
	}
	e := items[0].Event
	if e.Type != "inventory.document.received" || e.Location != "ACME_BR_BE_0023" || e.TimeAsSent != "2009-12-01T12:00:01.000" || e.KeyValue("retail_event") != "RE758494" ||
		e.ID != "RetailEvent/349ABBAE-DF9D-40B4-849F-94C5FF9D1AF4/document.received" {
		t.Errorf("event %+v", e)
	}
	if len(e.Lines) != 1 {
		t.Fatalf("lines %+v", e.Lines)
	}
	l := e.Lines[0]
	if l.Item != "00123450000584" || l.ItemScheme != "gtin" || !l.Quantity.IsZero() || l.MovesStock() || l.Attributes["Period"] != "2010-05-12/2010-06-12" {
		t.Errorf("line %+v", l)
	}
	if want := []inventory.Key{{Name: "buyer", Value: "6578489"}, {Name: "vendor", Value: "17589683"}}; len(l.ItemIDs) != 2 || l.ItemIDs[0] != want[0] || l.ItemIDs[1] != want[1] {
		t.Errorf("names %+v", l.ItemIDs)
	}
	got := told(items)
	if strings.Count(got, "check_digit ") != 3 {
		t.Errorf("want three wrong check digits, told\n%s", got)
	}
	for _, want := range []string{
		"check_digit /RetailEvent/ReceiverParty/PartyIdentification/ID 2203148000007 has the form of a GLN, but its check digit is wrong: kept as sent.",
		"check_digit /RetailEvent/BuyerCustomerParty/Party/PartyIdentification/ID 0012345000359 has the form of a GLN",
		"check_digit /RetailEvent/PromotionalEvent/PromotionalSpecification/PromotionalEventLineItem/EventLineItem/SupplyItem/StandardItemIdentification/ID 00123450000584 is given as a GTIN",
		"zone_unknown /RetailEvent/IssueDate 2009-12-01T12:00:01 has no offset",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("want %q, told\n%s", want, got)
		}
	}
}

func TestDetect(t *testing.T) {
	for head, want := range map[string]bool{
		`<?xml version="1.0"?><DespatchAdvice xmlns="urn:oasis:names:specification:ubl:schema:xsd:DespatchAdvice-2">`: true,
		`<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2">`:                                    false,
		`{"x":"urn:oasis:names:specification:ubl:schema:xsd:DespatchAdvice-2"}`:                                       false,
		``: false,
	} {
		if got := (ubl.Format{}).Detect([]byte(head), format.Source{}); got != want {
			t.Errorf("%s: %v", head, got)
		}
	}
}
