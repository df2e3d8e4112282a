package idoc_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/idoc"
)

const definition = `BEGIN_RECORD_SECTION
  BEGIN_CONTROL_RECORD
    BEGIN_FIELDS
      NAME        TABNAM
      BYTE_FIRST  000001
      BYTE_LAST   000010
    END_FIELDS
  END_CONTROL_RECORD
END_RECORD_SECTION
BEGIN_SEGMENT_SECTION
  BEGIN_IDOC WMMBID02
    BEGIN_SEGMENT E2MBXYI003
      SEGMENTTYPE E1MBXYI
      LEVEL 03
      BEGIN_FIELDS
        NAME             MATNR
        TYPE             CHARACTER
        LENGTH           000018
        FIELD_POS        0001
        CHARACTER_FIRST  000064
        CHARACTER_LAST   000081
        NAME             WERKS
        CHARACTER_FIRST  000082
        CHARACTER_LAST   000085
        NAME             BWART
        CHARACTER_FIRST  000090
        CHARACTER_LAST   000092
        NAME             ERFMG
        CHARACTER_FIRST  000093
        CHARACTER_LAST   000107
      END_FIELDS
    END_SEGMENT
  END_IDOC
END_SEGMENT_SECTION
`

func TestParseDefinitions(t *testing.T) {
	got, err := idoc.ParseDefinitions("we60.txt", strings.NewReader(definition))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]idoc.Column{"E1MBXYI": {{"MATNR", 18}, {"WERKS", 4}, {"", 4}, {"BWART", 3}, {"ERFMG", 15}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	control := fmt.Sprintf("%-39s%-30s%-30s%-30s", "EDI_DC40  1000000000000000012755 532", "WMMBID02", "", "WMMBXY")
	flat := fmt.Sprintf("%-378s20261123101500\n%-63s%-18s%-4s%-4s%-3s%15s\n", control, "E2MBXYI003", "10004711", "0123", "", "551", "3.000-")
	e := events(t, idoc.Format{Segments: got}, flat, format.Source{})[0]
	if e.Workflow != "adjustment" || e.Lines[0].Quantity.String() != "-3" {
		t.Errorf("%+v", e)
	}
	for text, want := range map[string]string{
		"": "f:1: no segment is defined here",
		"BEGIN_SEGMENT E2X\nNAME A\nBYTE_FIRST x":                                                                `f:3: "x" is no position`,
		"BEGIN_SEGMENT E2X\nNAME A\nBYTE_FIRST 64\nBYTE_LAST 60":                                                 `f:4: the field "A" of E1X ends at 60`,
		"BEGIN_SEGMENT E2X\nNAME A\nBYTE_FIRST 64\nBYTE_LAST 70\nNAME B\nBYTE_FIRST 70\nBYTE_LAST 71":            `f:7: the field "B" of E1X begins at 70`,
		"BEGIN_SEGMENT E2X\nNAME A\nBYTE_FIRST 64\nBYTE_LAST 70\nEND_SEGMENT\nNAME B\nBYTE_FIRST 1\nBYTE_LAST 9": "",
	} {
		_, err := idoc.ParseDefinitions("f", strings.NewReader(text))
		if want == "" && err != nil || want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func FuzzParseDefinitions(f *testing.F) {
	f.Add(definition)
	f.Fuzz(func(t *testing.T, text string) {
		all, err := idoc.ParseDefinitions("f", strings.NewReader(text))
		if (err == nil) != (len(all) > 0) {
			t.Fatalf("%d segments and %v", len(all), err)
		}
		for name, columns := range all {
			width := 0
			for _, c := range columns {
				if c.Width < 1 {
					t.Fatalf("%s: a column of width %d", name, c.Width)
				}
				width += c.Width
			}
			if width > 1000 {
				t.Fatalf("%s: %d characters", name, width)
			}
		}
	})
}
