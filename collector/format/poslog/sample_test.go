package poslog_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/formattest"
	"github.com/stocktrace/stocktrace/collector/format/poslog"
	"github.com/stocktrace/stocktrace/inventory"
)

const sample = "arts-poslog/ncr_acs_v2.1_small.xml"

// The published export: a sign-on that only explains its number, and a sale of
// one weighed item after midnight, of the day before.
func TestPublishedSample(t *testing.T) {
	document := formattest.Sample(t, sample)
	chicago, err := time.LoadLocation("America/Chicago")
	if err != nil {
		t.Fatal(err)
	}
	source := format.Source{Name: "/pos/9", ZoneOf: func(location string) *time.Location {
		if location != "9" {
			t.Errorf("asked for the zone of %q", location)
		}
		return chicago
	}}
	if !(poslog.Format{}).Detect(document[:4<<10], source) {
		t.Error("not detected")
	}
	formattest.Check(t, poslog.Format{}, document, source)
	items, err := formattest.Collect(poslog.Format{}, bytes.NewReader(document), source)
	if err != nil || len(items) != 2 {
		t.Fatalf("%d items, %v", len(items), err)
	}
	control, sale := items[0].Event, items[1].Event
	if control.Type != "inventory.pos.control" || control.Transaction.Kind != "operator_sign_on" || control.Transaction.Sequence != "160" || len(control.Lines) > 0 {
		t.Errorf("sequence 160 is %+v", control)
	}
	if sale.Type != "inventory.sale.completed" || sale.Transaction.Sequence != "161" || sale.Location != "9" || sale.Register != "34" || sale.Operator != "94" {
		t.Errorf("sequence 161 is %+v", sale)
	}
	if sale.BusinessDate != "2017-09-30" || sale.TimeAsSent != "2017-10-01T02:02:54" || !sale.Time.Equal(time.Date(2017, 10, 1, 7, 2, 54, 0, time.UTC)) {
		t.Errorf("of %s at %s, sent as %s", sale.BusinessDate, sale.Time, sale.TimeAsSent)
	}
	if len(sale.Lines) != 1 {
		t.Fatalf("lines %+v", sale.Lines)
	}
	l := sale.Lines[0]
	want, _ := inventory.ParseDecimal("-0.42")
	if l.Quantity != want || l.UOM != "" || l.Item != "00000000067591" || l.ItemScheme != "plu" || l.UnitValue != "2.99" || l.Currency != "USD" {
		t.Errorf("line %+v", l)
	}
	// What a person is told of it.
	for _, c := range []struct{ code, detail string }{
		{format.ZoneAssumed, "2017-10-01T02:02:54 has no offset: read in America/Chicago"},
		{format.UnitUnknown, "0.42 is no whole number, and no unit is given"},
		{format.NotStandard, "00000000067591 is 67591 filled up with zeros"},
	} {
		if !slices.ContainsFunc(items[1].Notes, func(n format.Note) bool { return n.Code == c.code && strings.HasPrefix(n.Detail, c.detail) }) {
			t.Errorf("want the note %s %q among %+v", c.code, c.detail, items[1].Notes)
		}
	}
	if len(items[1].Notes) != 3 {
		t.Errorf("notes %+v", items[1].Notes)
	}
	if items[1].Ignored["/POSLog/Transaction/RetailTransaction/LineItem/Tender/Amount"] != 1 {
		t.Errorf("ignored %v", items[1].Ignored)
	}
}

// Without a declared zone, it says that too, and reads UTC.
func TestPublishedSampleWithoutZone(t *testing.T) {
	items, err := formattest.Collect(poslog.Format{}, bytes.NewReader(formattest.Sample(t, sample)), format.Source{Name: "/pos/9"})
	if err != nil || len(items) != 2 {
		t.Fatalf("%d items, %v", len(items), err)
	}
	if n := items[0].Notes; len(n) != 1 || n[0].Code != format.ZoneUnknown {
		t.Errorf("notes %+v", n)
	}
}

// The published export, cut short and spoilt in the ways that happen on the way.
func TestSpoiltSample(t *testing.T) {
	document := formattest.Sample(t, sample)
	for name, c := range map[string]struct {
		from, to string
		items    int
		err      string
		note     string
	}{
		"a line is lost":      {`<LineItem EntryMethod="acs:Auto"><SequenceNumber>3</SequenceNumber><acs:LoyaltyMembership>`, `<Lost EntryMethod="acs:Auto"><SequenceNumber>3</SequenceNumber><acs:LoyaltyMembership>`, 1, "stands where the element <Lost>", ""},
		"a count is wrong":    {"<TransactionCount>23<", "<TransactionCount>24<", 2, "", "TransactionCount says 24 line items, but the transaction has 23"},
		"cut off":             {"</POSLog>", "", 2, "The document ends within this element", ""},
		"hour 25":             {"<EndDateTime>2017-10-01T02:02:54<", "<EndDateTime>2017-10-01T25:02:54<", 2, "", ""},
		"an ampersand":        {"APPLE HONEYCRISP ORG", "APPLES & PEARS", 2, "", ""},
		"another check digit": {"<POSItemID>00000000067591<", "<POSItemID>04006381333932<", 2, "", "04006381333932 is given as a GTIN, but its check digit is wrong"},
	} {
		t.Run(name, func(t *testing.T) {
			if !bytes.Contains(document, []byte(c.from)) {
				t.Fatalf("%q is not in the sample", c.from)
			}
			spoilt := bytes.Replace(document, []byte(c.from), []byte(c.to), 1)
			items, err := formattest.Collect(poslog.Format{}, bytes.NewReader(spoilt), format.Source{Name: "/pos/9"})
			if len(items) != c.items {
				t.Fatalf("%d items, want %d: %v", len(items), c.items, err)
			}
			if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
				t.Errorf("error %v, want %q", err, c.err)
			}
			if c.note != "" && !slices.ContainsFunc(items[1].Notes, func(n format.Note) bool { return strings.HasPrefix(n.Detail, c.note) }) {
				t.Errorf("want the note %q among %+v", c.note, items[1].Notes)
			}
			switch name {
			case "hour 25":
				if p := items[1].Problem; p == nil || p.Path != "/POSLog/Transaction[2]/EndDateTime" || p.Detail != "EndDateTime 2017-10-01T25:02:54 has hour 25, which does not exist: correct it at its source." {
					t.Errorf("problem %v", p)
				}
			case "an ampersand":
				if p := items[1].Problem; p == nil || !strings.Contains(p.Detail, "write &amp;") {
					t.Errorf("problem %v", p)
				}
			}
		})
	}
}
