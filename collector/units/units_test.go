package units_test

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/units"
	"github.com/stocktrace/stocktrace/inventory"
)

func dec(tb testing.TB, s string) inventory.Decimal {
	tb.Helper()
	d, err := inventory.ParseDecimal(s)
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

// One code means different units in different lists. Sources: UN/ECE
// Recommendation 20 rev. 17, X12 element 355, SAP T006.
func TestCode(t *testing.T) {
	for _, c := range []struct {
		list *units.List
		sent string
		want string
	}{
		{units.Rec20, "EA", "EA"},
		{units.X12, "EA", "EA"},
		{units.SAP, "EA", "EA"},
		{units.Rec20, "C62", "EA"},
		{units.Rec20, "H87", "EA"},
		{units.Rec20, "PCE", "EA"},
		{units.Rec20, "NAR", "EA"},
		{units.X12, "PC", "EA"},
		{units.X12, "UN", "EA"},
		{units.X12, "EA ", "EA"},
		{units.X12, "ea", "EA"},
		{units.SAP, "ST", "EA"},
		{units.X12, "ST", "SET"},
		{units.SAP, "PCE", "EA"},
		{units.SAP, "C62", "EA"},
		{units.X12, "KG", "KGM"},
		{units.X12, "KGM", "KGM"},
		{units.SAP, "KG", "KGM"},
		{units.SAP, "G", "GRM"},
		{units.X12, "LB", "LBR"},
		{units.X12, "OZ", "ONZ"},
		{units.X12, "FO", "OZA"},
		{units.X12, "GA", "GLL"},
		{units.X12, "CR", "MTQ"},
		{units.X12, "CP", "CR"},
		{units.Rec20, "CR", "CR"},
		{units.X12, "CA", "CS"},
		{units.Rec20, "CS", "CS"},
		{units.Rec20, "XCS", "CS"},
		{units.SAP, "CV", "CS"},
		{units.X12, "CT", "CT"},
		{units.SAP, "KAR", "CT"},
		{units.SAP, "CAR", "CT"},
		{units.Rec20, "XCT", "CT"},
		{units.X12, "PL", "PX"},
		{units.SAP, "PAL", "PX"},
		{units.Rec20, "XPX", "PX"},
		{units.X12, "PX", "PTI"},
		{units.X12, "RL", "RO"},
		{units.Rec20, "RL", "RL"},
		{units.X12, "GR", "GRM"},
		{units.X12, "GS", "GRO"},
		{units.X12, "TO", "APZ"},
		{units.SAP, "TO", "TNE"},
		{units.Rec20, "", ""},
	} {
		code, ok := c.list.Code(c.sent)
		if code != c.want || ok != (c.want != "") {
			t.Errorf("%s: %q is %q (%v), want %q", c.list.Name(), c.sent, code, ok, c.want)
		}
		if _, notes := c.list.Read(c.sent, "p"); len(notes) != 0 {
			t.Errorf("%s: %q is noted: %v", c.list.Name(), c.sent, notes)
		}
	}
}

func TestReadSaysWhatItDoubts(t *testing.T) {
	code, notes := units.X12.Read("QQ ", "LIN[3]/QTY")
	if code != "QQ" || len(notes) != 1 || notes[0].Code != format.UnitUnknown || notes[0].Path != "LIN[3]/QTY" {
		t.Errorf("an unknown unit is read as %q, %v", code, notes)
	}
	// A round is a unit of X12, but not one of this package; it must not become a
	// roll in silence.
	if _, notes = units.X12.Read("RO", "p"); len(notes) != 1 {
		t.Error("RO (round) is taken for a roll")
	}
	code, notes = units.X12.Read("CS", "p")
	if code != "CS" || len(notes) != 1 || notes[0].Code != format.NotStandard {
		t.Errorf("the cassette that is a case is read as %q, %v", code, notes)
	}
}

func TestConvert(t *testing.T) {
	packs := units.Declare([]inventory.Pack{
		{Item: "04006381333931", UOM: "XCS", Holds: dec(t, "12")},
		{Item: "4006381333931", UOM: "PX", Holds: dec(t, "48"), Of: "CS"},
		{Item: "flour", UOM: "BG", Holds: dec(t, "2.5"), Of: "KGM"},
		{Item: "ring", UOM: "CS", Holds: dec(t, "2"), Of: "CT"},
		{Item: "ring", UOM: "CT", Holds: dec(t, "2"), Of: "CS"},
		{Item: "odd", UOM: "KGM", Holds: dec(t, "7"), Of: "EA"},
		{Item: "none", UOM: "CS", Holds: dec(t, "0")},
		{Item: "round", UOM: "Q1", Holds: dec(t, "4")},
	})
	for _, c := range []struct {
		item, q, from, to string
		want              string // empty means unconvertible
		inexact           bool
	}{
		{"", "1.5", "KGM", "GRM", "1500", false},
		{"", "1", "LBR", "KGM", "0.45359237", false},
		{"", "16", "ONZ", "LBR", "1", false},
		{"", "1", "GLL", "LTR", "3.785411784", false},
		{"", "1", "GLL", "INQ", "231", false},
		{"", "3", "FOT", "YRD", "1", false},
		{"", "1", "KGM", "LBR", "2.204622622", true},
		{"", "-1", "KGM", "LBR", "-2.204622622", true},
		{"", "2", "DZN", "EA", "24", false},
		{"", "24", "", "DZN", "2", false},
		{"", "5", "QQ", "QQ", "5", false},
		{"4006381333931", "3", "CS", "EA", "36", false},
		{"004006381333931", "1", "PX", "EA", "576", false},
		{"4006381333931", "576", "EA", "PX", "1", false},
		{"flour", "4", "BG", "GRM", "10000", false},
		{"round", "2", "Q1", "EA", "8", false},
		{"odd", "2", "KGM", "GRM", "2000", false},
		{"4006381333931", "3", "CT", "EA", "", false},
		{"other", "3", "CS", "EA", "", false},
		{"none", "3", "CS", "EA", "", false},
		{"ring", "3", "CS", "EA", "", false},
		{"odd", "1", "KGM", "EA", "", false},
		{"shoe", "1", "PR", "EA", "", false},
		{"", "1", "QQ", "EA", "", false},
		{"", "999999999999999", "TNE", "MGM", "", false},
	} {
		got, exact, err := packs.Convert(c.item, dec(t, c.q), c.from, c.to)
		if c.want == "" {
			if !errors.Is(err, units.ErrUnconvertible) || !got.IsZero() {
				t.Errorf("%s %s of %q in %s: %s, %v; want it unconvertible", c.q, c.from, c.item, c.to, got, err)
			}
			continue
		}
		if err != nil || got.String() != c.want || exact == c.inexact {
			t.Errorf("%s %s of %q in %s: %s (exact %v), %v; want %s", c.q, c.from, c.item, c.to, got, exact, err, c.want)
		}
	}
}

// A pack without a factor says which one to declare.
func TestUnconvertibleSaysWhatToDo(t *testing.T) {
	var none units.Packs
	_, _, err := none.Convert("4006381333931", dec(t, "1"), "CS", "EA")
	if err == nil || !strings.Contains(err.Error(), "case") || !strings.Contains(err.Error(), "declare") {
		t.Errorf("it says: %v", err)
	}
}

// Where a conversion is exact, so is the way back, and signs are kept. A hundred
// thousand tonnes still fit into the 15 digits of a Decimal as milligrams.
func TestConvertThereAndBack(t *testing.T) {
	var within units.Packs
	metric := []string{"KGM", "GRM", "MGM", "TNE", "DTN", "HGM", "LBR", "ONZ", "STN"}
	rapid.Check(t, func(t *rapid.T) {
		q := inventory.DecimalFromParts(rapid.Int64Range(-1e5, 1e5).Draw(t, "whole"), 0)
		q = q.Add(inventory.Milli(rapid.Int64Range(-999, 999).Draw(t, "milli")))
		from := rapid.SampledFrom(metric).Draw(t, "from")
		to := rapid.SampledFrom(metric).Draw(t, "to")
		there, exact, err := within.Convert("", q, from, to)
		if err != nil {
			t.Fatal(err)
		}
		if exact && there.Sign() != q.Sign() {
			t.Fatalf("%s %s became %s %s", q, from, there, to)
		}
		if !exact {
			return
		}
		back, _, err := within.Convert("", there, to, from)
		if err != nil || back != q {
			t.Fatalf("%s %s is %s %s is %s %s (%v)", q, from, there, to, back, from, err)
		}
	})
}

// Every name in a list leads to a unit of the package.
func TestListsLeadToKnownUnits(t *testing.T) {
	for _, l := range []*units.List{units.Rec20, units.X12, units.SAP} {
		for a := 'A'; a <= 'Z'; a++ {
			for b := ' '; b <= 'Z'; b++ {
				for c := ' '; c <= 'Z'; c++ {
					code, ok := l.Code(string([]rune{a, b, c}))
					if !ok {
						continue
					}
					if _, known := units.DimensionOf(code); !known {
						t.Errorf("%s: %c%c%c is %q, which is no unit", l.Name(), a, b, c, code)
					}
				}
			}
		}
	}
}
