package edifact_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	_ "time/tzdata"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/edifact"
	"github.com/stocktrace/stocktrace/collector/format/formattest"
)

func TestGolden(t *testing.T) { formattest.Golden(t, edifact.Format{}) }

func FuzzRead(f *testing.F) {
	formattest.Seed(f)
	f.Fuzz(func(t *testing.T, document []byte) {
		formattest.Check(t, edifact.Format{}, document, format.Source{Name: "/fuzz"})
	})
}

// The despatch advice of a book distributor: UNT is right, the message type's
// version is not.
func TestDespatchAdviceAsPublished(t *testing.T) {
	document := formattest.Sample(t, "edifact/D96ADESADV.edi")
	source := format.Source{Name: "/edi"}
	if !(edifact.Format{}).Detect(document, source) {
		t.Error("it is not detected")
	}
	formattest.Check(t, edifact.Format{}, document, source)
	items, err := formattest.Collect(edifact.Format{}, bytes.NewReader(document), source)
	if err != nil || len(items) != 1 {
		t.Fatalf("%d items, %v", len(items), err)
	}
	e := items[0].Event
	var lines []string
	for _, l := range e.Lines {
		lines = append(lines, fmt.Sprintf("%s %s %s %s", l.Item, l.ItemScheme, l.Quantity, l.Attributes["order"]))
	}
	if got := strings.Join(lines, ", "); got != "9780738507330 gtin -1 6877871, 9781568361871 gtin -1 6905456" {
		t.Errorf("lines are %s", got)
	}
	if e.Type != "inventory.receipt.shipped" || e.KeyValue("delivery") != "Y02197250" || e.Location != "01131116" || e.LocationScheme != "san" {
		t.Errorf("it is %s of %v to %s (%s)", e.Type, e.Keys, e.Location, e.LocationScheme)
	}
	if items[0].Path != "UNB 1/UNH 142" {
		t.Errorf("path is %s", items[0].Path)
	}
	var told []string
	for _, n := range items[0].Notes {
		told = append(told, n.Code+": "+n.Detail)
	}
	want := []string{
		`not_standard: UNH says the version "0" of the message type, where D is a directory's: read as D.`,
		`not_standard: "31B", who keeps the list of "1694901", stands where a name does: read as that.`,
		`not_standard: "31B", who keeps the list of "01131116", stands where a name does: read as that.`,
		"date_only: 2016-07-26 has no time of day: read as the start of that day.",
		"zone_unknown: 2016-07-26T00:00:00 has no offset and no zone is declared for its place: read as UTC. Declare the location's zone.",
	}
	if strings.Join(told, "\n") != strings.Join(want, "\n") {
		t.Errorf("told:\n%s", strings.Join(told, "\n"))
	}
}

// A wrong count, and an hour that does not exist, as somebody is told.
func TestWhatAPersonIsTold(t *testing.T) {
	document := "UNB+UNOC:3+S+R+261123:1015+7'UNH+1+DESADV:D:96A:UN'BGM+351+DA-1+9'DTM+11:202611232515:203'NAD+DP+0123::92'" +
		"LIN+1++4006381333931:EN'QTY+12:5'CNT+2:3'UNT+99+1'UNZ+2+8'"
	items, err := formattest.Collect(edifact.Format{}, strings.NewReader(document), format.Source{Name: "/edi"})
	if err != nil || len(items) != 2 {
		t.Fatalf("%d items, %v", len(items), err)
	}
	var told []string
	for _, item := range items {
		for _, n := range item.Notes {
			told = append(told, n.Detail)
		}
	}
	all := strings.Join(told, "\n")
	for _, want := range []string{
		`"202611232515" has no time of day in "2515": the date is read alone.`,
		`UNT01 says "99", but the count of segments from UNH to UNT is 8.`,
		`CNT+2 says "3", but the count of lines (LIN) is 1.`,
		`UNZ01 says "2", but the count of messages in the interchange is 1.`,
		`UNZ02 says "8", but UNB05 is "7".`,
	} {
		if !strings.Contains(all, want) {
			t.Errorf("nobody is told %q:\n%s", want, all)
		}
	}
	if e := items[1].Event; e.Type != "inventory.document.received" || e.Error == nil || e.Error.Code != "control_count" {
		t.Errorf("the document is %+v", e)
	}
}
