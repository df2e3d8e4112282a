package idoc_test

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/formattest"
	"github.com/stocktrace/stocktrace/collector/format/idoc"
	"github.com/stocktrace/stocktrace/inventory"
)

func TestGolden(t *testing.T) { formattest.Golden(t, idoc.Format{}) }

func FuzzRead(f *testing.F) {
	formattest.Seed(f)
	f.Fuzz(func(t *testing.T, document []byte) {
		formattest.Check(t, idoc.Format{}, document, format.Source{})
	})
}

func berlin(tb testing.TB) *time.Location {
	tb.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		tb.Fatal(err)
	}
	return zone
}

// The published delivery says: two items of four pieces each left plant HU20 for a
// customer, at 13:15:25 CET of 5 October 2023, before the IDoc was created.
func TestPublishedDelivery(t *testing.T) {
	document := formattest.Sample(t, "sap-idoc/DELVRY07_delivery_x12.xml")
	source := format.Source{Name: "/sap/ps1/400"}
	formattest.Check(t, idoc.Format{}, document, source)
	if !(idoc.Format{}).Detect(document[:4096], source) {
		t.Error("not detected")
	}
	items, err := formattest.Collect(idoc.Format{}, strings.NewReader(string(document)), source)
	if err != nil || len(items) != 2 || items[0].Problem != nil || items[1].Problem != nil {
		t.Fatalf("%d items, %v: %+v", len(items), err, items)
	}
	if booked := items[1].Event; booked.Step != "posted" || booked.Lines[1].Quantity.String() != "-4" {
		t.Errorf("its goods issue is booked, but it says %s of %s", booked.Step, booked.Lines[1].Quantity)
	}
	e := items[0].Event
	if got := strings.Join([]string{e.Workflow, e.Step, e.System, e.Location, e.Time.Format(time.RFC3339), e.TimeAsSent, string(e.Outcome)}, " "); got != "fulfilment shipped erp HU20 2023-10-05T11:15:25Z 2023-10-05T13:15:25 " {
		t.Errorf("it says %q", got)
	}
	for name, want := range map[string]string{"delivery": "8000579974", "idoc": "0000000106934172", "order": "2000461293", "customer_order": "3101097064", "shipment": "70050602"} {
		if got := e.KeyValue(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if len(e.Lines) != 2 {
		t.Fatalf("%d lines", len(e.Lines))
	}
	for i, want := range []string{"000000883444030770 gtin 8710103909514 -4 EA", "000000883502301010 gtin 8720389004162 -4 EA"} {
		l := e.Lines[i]
		if got := fmt.Sprintf("%s %s %s %s %s", l.Item, l.ItemIDs[0].Name, l.ItemIDs[0].Value, l.Quantity, l.UOM); got != want {
			t.Errorf("line %d is %q, want %q", i, got, want)
		}
	}
	for _, n := range items[0].Notes {
		t.Errorf("nothing of it is doubtful, but: %s %s", n.Path, n.Detail)
	}
	// Cut off anywhere, it says so.
	items, err = formattest.Collect(idoc.Format{}, strings.NewReader(string(document[:len(document)/2])), source)
	if len(items) != 0 || err == nil || !strings.Contains(err.Error(), "cut off") {
		t.Errorf("half of it: %d items, %v", len(items), err)
	}
}

// posting wraps a goods movement of one item.
func movementXML(item, status string) string {
	return `<MBGMCR03><IDOC BEGIN="1"><EDI_DC40 SEGMENT="1"><DOCNUM>12</DOCNUM><STATUS>` + status + `</STATUS><DIRECT>2</DIRECT><MESTYP>MBGMCR</MESTYP><CREDAT>20261123</CREDAT><CRETIM>101500</CRETIM></EDI_DC40>` +
		`<E1MBGMCR SEGMENT="1"><E1BP2017_GM_ITEM_CREATE SEGMENT="1"><MATERIAL>4711</MATERIAL><PLANT>0123</PLANT><ENTRY_UOM>ST</ENTRY_UOM>` + item + `</E1BP2017_GM_ITEM_CREATE></E1MBGMCR></IDOC></MBGMCR03>`
}

func events(tb testing.TB, f idoc.Format, document string, source format.Source) []inventory.Event {
	tb.Helper()
	if source.Name == "" {
		source = format.Source{Name: "/sap", Zone: berlin(tb)}
	}
	items, err := formattest.Collect(f, strings.NewReader(document), source)
	if err != nil {
		tb.Fatal(err)
	}
	var all []inventory.Event
	for _, i := range items {
		if i.Problem != nil {
			tb.Fatalf("%s: %s", i.Problem.Path, i.Problem.Detail)
		}
		all = append(all, i.Event)
	}
	return all
}

// Every movement type that is named in retail's rules does what it should, and its
// reversal takes the same away again.
func TestMovementTypes(t *testing.T) {
	for code, want := range map[string]string{
		"101": "receipt.posted ok +", "102": "receipt.posted reversed +", "122": "vendor_return.posted ok -",
		"201": "adjustment.posted ok -", "251": "posting_batch.posted ok -", "252": "posting_batch.posted reversed -", "261": "adjustment.posted ok -",
		"303": "transfer.issue_posted ok -", "304": "transfer.issue_posted reversed -", "305": "transfer.receipt_posted ok +",
		"311": "putaway.posted ok +", "313": "transfer.issue_posted ok -", "315": "transfer.receipt_posted ok +", "316": "transfer.receipt_posted reversed +",
		"351": "transfer.issue_posted ok -", "641": "transfer.issue_posted ok -", "642": "transfer.issue_posted reversed -",
		"551": "adjustment.posted ok -", "552": "adjustment.posted reversed -", "561": "adjustment.posted ok +",
		"601": "fulfilment.posted ok -", "602": "fulfilment.posted reversed -",
		"651": "return.posted ok + inspection", "653": "return.posted ok +", "654": "return.posted reversed +", "655": "return.posted ok + inspection",
		"657": "return.posted ok + blocked", "658": "return.posted reversed + blocked",
		"701": "count.posted ok +", "702": "count.posted ok -", "711": "count.posted ok -", "712": "count.posted ok +", "707": "count.posted ok + blocked", "708": "count.posted ok - blocked",
	} {
		all := events(t, idoc.Format{}, movementXML("<MOVE_TYPE>"+code+"</MOVE_TYPE><ENTRY_QNT>2.000</ENTRY_QNT>", "53"), format.Source{})
		if len(all) != 1 {
			t.Errorf("%s: %d events", code, len(all))
			continue
		}
		e := all[0]
		sign := map[int]string{1: "+", -1: "-"}[e.Lines[0].Quantity.Sign()]
		got := strings.TrimSpace(fmt.Sprintf("%s.%s %s %s %s", e.Workflow, e.Step, e.EffectiveOutcome(), sign, e.Lines[0].Status))
		if got != want {
			t.Errorf("%s is %q, want %q", code, got, want)
		}
	}
}

// One document for two transport orders is two transfers: bound together they
// would be one for ever.
func TestTransfersStayApart(t *testing.T) {
	item := func(order string) string {
		return "<MOVE_TYPE>641</MOVE_TYPE><ENTRY_QNT>2.000</ENTRY_QNT><PO_NUMBER>" + order + "</PO_NUMBER></E1BP2017_GM_ITEM_CREATE>"
	}
	document := movementXML(item("4500000001")+`<E1BP2017_GM_ITEM_CREATE SEGMENT="1"><MATERIAL>4711</MATERIAL><PLANT>0123</PLANT><ENTRY_UOM>ST</ENTRY_UOM>`+strings.TrimSuffix(item("4500000002"), "</E1BP2017_GM_ITEM_CREATE>"), "53")
	all := events(t, idoc.Format{}, document, format.Source{})
	if len(all) != 2 || all[0].KeyValue("transfer") != "4500000001" || all[1].KeyValue("transfer") != "4500000002" {
		t.Errorf("%+v", all)
	}
	delivery := `<DELVRY07><IDOC BEGIN="1"><EDI_DC40 SEGMENT="1"><DIRECT>1</DIRECT><MESTYP>DESADV</MESTYP><CREDAT>20261123</CREDAT><CRETIM>101500</CRETIM></EDI_DC40><E1EDL20 SEGMENT="1"><VBELN>80001</VBELN><E1EDL21 SEGMENT="1"><LFART>NL</LFART></E1EDL21>` +
		`<E1EDL24 SEGMENT="1"><POSNR>10</POSNR><MATNR>1</MATNR><WERKS>0900</WERKS><LFIMG>1</LFIMG><VGBEL>%s</VGBEL></E1EDL24><E1EDL24 SEGMENT="1"><POSNR>20</POSNR><MATNR>1</MATNR><WERKS>0900</WERKS><LFIMG>1</LFIMG><VGBEL>%s</VGBEL></E1EDL24></E1EDL20></IDOC></DELVRY07>`
	for second, want := range map[string]string{"4500000001": "4500000001", "4500000002": ""} {
		e := events(t, idoc.Format{}, fmt.Sprintf(delivery, "4500000001", second), format.Source{})[0]
		if got := e.KeyValue("transfer"); got != want || len(e.Lines) != 2 {
			t.Errorf("of 4500000001 and %s it is the transfer %q, want %q", second, got, want)
		}
	}
}

// What an IDoc wants counts as posted only when its status says so.
func TestStatuses(t *testing.T) {
	for status, want := range map[string]inventory.Outcome{
		"50": inventory.Pending, "62": inventory.Pending, "64": inventory.Pending, "75": inventory.Pending, "66": inventory.Pending, "": inventory.Pending,
		"51": inventory.Failed, "52": inventory.Partial, "53": inventory.OK, "56": inventory.Failed, "60": inventory.Failed, "63": inventory.Failed, "65": inventory.Failed,
		"68": inventory.Discarded, "69": inventory.Pending, "70": inventory.Pending, "74": inventory.Pending, "99": inventory.Pending,
	} {
		e := events(t, idoc.Format{}, movementXML("<MOVE_TYPE>551</MOVE_TYPE><ENTRY_QNT>2.000</ENTRY_QNT>", status), format.Source{})[0]
		if e.Outcome != want || (want == inventory.Failed) != (e.Error != nil) && want != inventory.Discarded && want != inventory.Partial {
			t.Errorf("%q: %s %+v, want %s", status, e.Outcome, e.Error, want)
		}
		if (status == "74") != (e.Transaction.Mode == "training") {
			t.Errorf("%q: mode %q", status, e.Transaction.Mode)
		}
	}
	for text, want := range map[string]string{
		"Article 4711 is locked by user MUELLER":                        "retrying erp_lock",
		"Material 4711 wird durch Benutzer MUELLER gesperrt":            "retrying erp_lock",
		"Account 4711 is blocked for posting":                           "failed idoc_status_51",
		"Posting only possible in periods 2026/11 and 2026/10":          "failed posting_period_closed",
		"Deficit of SL Unrestricted-use 3 ST : 4711 0123 0001":          "failed deficit",
		"Article 4711 not listed in store 0123":                         "failed not_in_assortment",
		"EAN 4006381333931 could not be determined":                     "failed item_unmapped",
		"Das Werk 0123 ist nicht vorhanden":                             "failed location_unmapped",
		"Unit of measure XX is not defined":                             "failed uom_unmapped",
		"This means that the storage location is cleaned by the system": "failed idoc_status_51",
	} {
		document := `<ALEAUD01><IDOC BEGIN="1"><EDI_DC40 SEGMENT="1"><MESTYP>ALEAUD</MESTYP><RCVPRN>0123</RCVPRN><CREDAT>20261123</CREDAT><CRETIM>101500</CRETIM></EDI_DC40>` +
			`<E1ADHDR SEGMENT="1"><MESTYP>WPUUMS</MESTYP><E1STATE SEGMENT="1"><DOCNUM>12</DOCNUM><STATUS>51</STATUS><STATXT>` + text + `</STATXT></E1STATE></E1ADHDR></IDOC></ALEAUD01>`
		e := events(t, idoc.Format{}, document, format.Source{})[0]
		if got := string(e.Outcome) + " " + e.Error.Code; got != want || e.Error.Message != text {
			t.Errorf("%q is %q (%q), want %q", text, got, e.Error.Message, want)
		}
	}
}

// A store day's posting and the audit of its IDoc are one lifecycle; one number in
// two systems is two.
func TestAuditFindsItsIDoc(t *testing.T) {
	control := func(kind, from, to string) string {
		return `<EDI_DC40 SEGMENT="1"><DOCNUM>0000000000004711</DOCNUM><MESTYP>` + kind + `</MESTYP><SNDPRN>` + from + `</SNDPRN><RCVPRN>` + to + `</RCVPRN><CREDAT>20261123</CREDAT><CRETIM>101500</CRETIM></EDI_DC40>`
	}
	posting := events(t, idoc.Format{}, `<WPUUMS01><IDOC BEGIN="1">`+control("WPUUMS", "0123", "PRD")+`<E1WPU01 SEGMENT="1"><BELEGDATUM>20261122</BELEGDATUM></E1WPU01></IDOC></WPUUMS01>`, format.Source{})[0]
	audit := `<ALEAUD01><IDOC BEGIN="1">%s<E1ADHDR SEGMENT="1"><MESTYP>WPUUMS</MESTYP><E1STATE SEGMENT="1"><DOCNUM>0000000000004711</DOCNUM><STATUS>53</STATUS></E1STATE></E1ADHDR></IDOC></ALEAUD01>`
	ours := events(t, idoc.Format{}, fmt.Sprintf(audit, control("ALEAUD", "PRD", "0123")), format.Source{})[0]
	theirs := events(t, idoc.Format{}, fmt.Sprintf(audit, control("ALEAUD", "PRD", "0456")), format.Source{})[0]
	if posting.CorrelationID != ours.CorrelationID || posting.CorrelationID == "" || posting.CorrelationID == theirs.CorrelationID {
		t.Errorf("%q, %q and %q", posting.CorrelationID, ours.CorrelationID, theirs.CorrelationID)
	}
}

// What customers have of their own is declared.
func TestDeclared(t *testing.T) {
	f := idoc.Format{
		Movements:  map[string]idoc.Movement{"Z51": {Workflow: "sale", Posted: "posted", Done: "completed", Sign: -1}},
		SoldIsPlus: true,
		Segments: map[string][]idoc.Column{
			"E1MBXYH": {{"BLDAT", 8}, {"BUDAT", 8}}, "E1MBXYI": {{"MATNR", 18}, {"WERKS", 4}, {"BWART", 3}, {"ERFMG", 15}, {"ERFME", 3}},
		},
	}
	e := events(t, f, movementXML("<MOVE_TYPE>Z51</MOVE_TYPE><ENTRY_QNT>2.000</ENTRY_QNT>", "53"), format.Source{})[0]
	if e.Workflow != "posting_batch" || e.Lines[0].Quantity.String() != "-2" {
		t.Errorf("%+v", e)
	}
	sales := `<WPUUMS01><IDOC BEGIN="1"><EDI_DC40 SEGMENT="1"><MESTYP>WPUUMS</MESTYP><SNDPRN>0123</SNDPRN><CREDAT>20261123</CREDAT></EDI_DC40><E1WPU01 SEGMENT="1"><BELEGDATUM>20261122</BELEGDATUM>` +
		`<E1WPU02 SEGMENT="1"><QUALARTNR>ARTN</QUALARTNR><ARTNR>1</ARTNR><VORZMENGE>+</VORZMENGE><UMSMENGE>3</UMSMENGE></E1WPU02></E1WPU01></IDOC></WPUUMS01>`
	if q := events(t, f, sales, format.Source{})[0].Lines[0].Quantity; q.String() != "-3" {
		t.Errorf("sold with plus: %s", q)
	}
	flat := fmt.Sprintf("%-39s%-30s%-30s%-30s", "EDI_DC40  1000000000000000012755 532", "WMMBID02", "", "WMMBXY")
	flat = fmt.Sprintf("%-378s20261123101500", flat) + "\n"
	flat += fmt.Sprintf("%-63s%s\n", "E2MBXYH", "2026112320261123")
	flat += fmt.Sprintf("%-63s%-18s%-4s%-3s%15s%-3s\n", "E2MBXYI", "10004711", "0123", "101", "3.000 ", "ST")
	all := events(t, f, flat, format.Source{})
	if len(all) != 1 || all[0].Workflow != "receipt" || all[0].Lines[0].Quantity.String() != "3" || all[0].PostingDate != "2026-11-23" {
		t.Errorf("%+v", all)
	}
}

// One receipt says the same as XML and as a flat file.
func TestFlatAsXML(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 3).Draw(t, "receipts")
		var xml, flat strings.Builder
		xml.WriteString(`<WPUBON01><IDOC BEGIN="1"><EDI_DC40 SEGMENT="1"><DOCNUM>0000000000000012</DOCNUM><STATUS>53</STATUS><DIRECT>2</DIRECT><MESTYP>WPUBON</MESTYP><SNDPRN>0123</SNDPRN></EDI_DC40>`)
		fmt.Fprintf(&flat, "%-10s100%016d755 532%-3s%-30s%-30s%-30s%-19s%-14s0123\n", "EDI_DC40", 12, "", "WPUBON01", "", "WPUBON", "", "")
		for i := range n {
			second := rapid.IntRange(0, 59).Draw(t, "second")
			fmt.Fprintf(&xml, `<E1WPB01 SEGMENT="1"><KASSID>04</KASSID><VORGDATUM>20261123</VORGDATUM><VORGZEIT>1002%02d</VORGZEIT><BONNUMMER>%d</BONNUMMER>`, second, 778+i)
			fmt.Fprintf(&flat, "%-63s%-5s%-25s20261123%s%-15d\n", "E2WPB01", "", "04", fmt.Sprintf("1002%02d", second), 778+i)
			for range rapid.IntRange(0, 3).Draw(t, "lines") {
				item := rapid.StringMatching(`[A-Zäß0-9]{1,18}`).Draw(t, "item")
				sign := rapid.SampledFrom([]string{"+", "-"}).Draw(t, "sign")
				quantity := rapid.StringMatching(`[1-9][0-9]{0,2}(\.[0-9]{1,3})?`).Draw(t, "quantity")
				fmt.Fprintf(&xml, `<E1WPB02 SEGMENT="1"><QUALARTNR>ARTN</QUALARTNR><ARTNR>%s</ARTNR><VORZEICHEN>%s</VORZEICHEN><MENGE>%s</MENGE></E1WPB02>`, item, sign, quantity)
				fmt.Fprintf(&flat, "%-63s%-4s%-4s%-25s%-25s%s%10s\n", "E2WPB02001", "", "ARTN", item, "", sign, quantity)
			}
			xml.WriteString("</E1WPB01>")
		}
		xml.WriteString("</IDOC></WPUBON01>")
		source := format.Source{Name: "/sap", Zone: time.UTC}
		a, err := formattest.Collect(idoc.Format{}, strings.NewReader(xml.String()), source)
		if err != nil {
			t.Fatal(err)
		}
		b, err := formattest.Collect(idoc.Format{}, strings.NewReader(flat.String()), source)
		if err != nil || len(a) != n || len(b) != n {
			t.Fatalf("%d receipts are %d in XML and %d in a flat file: %v", n, len(a), len(b), err)
		}
		for i := range a {
			if a[i].Problem != nil || b[i].Problem != nil || a[i].Event.ContentHash() != b[i].Event.ContentHash() || a[i].Event.ID != b[i].Event.ID {
				t.Fatalf("%+v\n%+v", a[i], b[i])
			}
		}
	})
}

// endless is a document of many receipts that is never in memory.
type endless struct {
	head, tail string
	one        func(i int) string
	n, i       int
	rest       string
}

func (e *endless) Read(p []byte) (int, error) {
	if e.rest == "" {
		switch {
		case e.i == 0:
			e.rest = e.head
		case e.i <= e.n:
			e.rest = e.one(e.i)
		case e.i == e.n+1 && e.tail != "":
			e.rest = e.tail
		default:
			return 0, io.EOF
		}
		e.i++
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

// A store's day is one IDoc, as large as it likes; memory holds one receipt.
func TestStreams(t *testing.T) {
	const receipts = 60_000
	for name, document := range map[string]*endless{
		"xml": {
			head: `<WPUBON01><IDOC BEGIN="1"><EDI_DC40 SEGMENT="1"><DOCNUM>12</DOCNUM><STATUS>53</STATUS><MESTYP>WPUBON</MESTYP><SNDPRN>0123</SNDPRN></EDI_DC40>`,
			one: func(i int) string {
				return fmt.Sprintf(`<E1WPB01 SEGMENT="1"><KASSID>04</KASSID><VORGDATUM>20261123</VORGDATUM><VORGZEIT>100254</VORGZEIT><BONNUMMER>%d</BONNUMMER><E1WPB02 SEGMENT="1"><QUALARTNR>ARTN</QUALARTNR><ARTNR>4711</ARTNR><VORZEICHEN>-</VORZEICHEN><MENGE>1</MENGE></E1WPB02></E1WPB01>`+"\n", i)
			},
			tail: "</IDOC></WPUBON01>",
		},
		"flat": {
			head: fmt.Sprintf("%-10s100%016d755 532%-3s%-30s%-30s%-30s%-19s%-14s0123\n", "EDI_DC40", 12, "", "WPUBON01", "", "WPUBON", "", ""),
			one: func(i int) string {
				return fmt.Sprintf("%-63s%-5s%-25s20261123%s%-15d\n", "E2WPB01", "", "04", "100254", i) +
					fmt.Sprintf("%-63s%-4s%-4s%-25s%-25s-%10s\n", "E2WPB02001", "", "ARTN", "4711", "", "1")
			},
		},
	} {
		document.n = receipts
		var before, now runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		seen, most := 0, uint64(0)
		err := idoc.Format{}.Read(t.Context(), document, format.Source{Name: "/s", Zone: time.UTC}, func(i format.Item) error {
			if i.Problem != nil {
				return i.Problem
			}
			if seen++; seen%10_000 == 0 {
				runtime.GC()
				runtime.ReadMemStats(&now)
				most = max(most, now.HeapAlloc)
			}
			return nil
		})
		if err != nil || seen != receipts {
			t.Fatalf("%s: %d receipts of %d: %v", name, seen, receipts, err)
		}
		if grown := int64(most) - int64(before.HeapAlloc); grown > 8<<20 {
			t.Errorf("%s: reading held %d MiB", name, grown>>20)
		}
	}
}

// An order, its change and its confirmation are one, by the buyer's number; what
// the supplier calls it, or another buyer's same number, joins nothing.
func TestOrderIsOne(t *testing.T) {
	const frame = `<ORDERS05><IDOC BEGIN="1"><EDI_DC40 SEGMENT="1"><DOCNUM>%s</DOCNUM><MESTYP>%s</MESTYP><SNDPRN>%s</SNDPRN><RCVPRN>%s</RCVPRN><CREDAT>20261123</CREDAT><CRETIM>101500</CRETIM></EDI_DC40>` +
		`<E1EDK01 SEGMENT="1"><BELNR>%s</BELNR></E1EDK01>%s<E1EDKA1 SEGMENT="1"><PARVW>WE</PARVW><PARTN>0900</PARTN></E1EDKA1></IDOC></ORDERS05>`
	const theirs = `<E1EDK02 SEGMENT="1"><QUALF>001</QUALF><BELNR>4500000012</BELNR></E1EDK02>`
	for _, test := range []struct{ name, document, want string }{
		{"placed", fmt.Sprintf(frame, "1", "ORDERS", "PRDCLNT100", "0000100200", "4500000012", ""), "order/PRDCLNT100/4500000012"},
		{"changed", fmt.Sprintf(frame, "2", "ORDCHG", "PRDCLNT100", "0000100200", "4500000012", theirs), "order/PRDCLNT100/4500000012"},
		{"confirmed", fmt.Sprintf(frame, "3", "ORDRSP", "0000100200", "PRDCLNT100", "A-77", theirs), "order/PRDCLNT100/4500000012"},
		{"confirmed by the supplier's number alone", fmt.Sprintf(frame, "4", "ORDRSP", "0000100200", "PRDCLNT100", "4500000012", ""), ""},
		{"of another buyer", fmt.Sprintf(frame, "5", "ORDERS", "DEVCLNT100", "0000100200", "4500000012", ""), "order/DEVCLNT100/4500000012"},
		{"of nobody", fmt.Sprintf(frame, "6", "ORDERS", "", "", "4500000012", ""), ""},
	} {
		e := events(t, idoc.Format{}, test.document, format.Source{})[0]
		if e.CorrelationID != test.want || !strings.Contains(test.document, e.KeyValue("order")) {
			t.Errorf("%s: correlated by %q, want %q", test.name, e.CorrelationID, test.want)
		}
	}
}
