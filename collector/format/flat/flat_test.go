package flat_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/flat"
	"github.com/stocktrace/stocktrace/collector/format/formattest"
)

func shipped() flat.Format { return flat.Format{Layouts: flat.Layouts()} }

func TestGolden(t *testing.T) { formattest.Golden(t, shipped()) }

func FuzzRead(f *testing.F) {
	formattest.Seed(f)
	f.Fuzz(func(t *testing.T, document []byte) {
		formattest.Check(t, shipped(), document, format.Source{Document: "in.csv"})
	})
}

// Whatever layout somebody writes, and whatever the document: a layout that is
// accepted keeps the promises of a format.
func FuzzLayout(f *testing.F) {
	for _, l := range []string{"count-csv", "erp-extract", "rtlog"} {
		text, err := os.ReadFile("layouts/" + l + ".yaml")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text, []byte("0123,C,2026-11-23,4711,1\n"))
	}
	f.Add(fmt.Appendf(nil, ebcdic, "ebcdic-500"), []byte("\xc4\xf0\xf1\xf2\xf34711      \x00\x12\x50\x0d\xf2\xf0\xf2\xf6\xf1\xf1\xf2\xf3      "))
	f.Add([]byte("layout: a\ndelimiter: ','\nset: {workflow: a, step: b, system: c, location: d, time: 2026-11-23T10:00:00Z}\nrecords: [{columns: [{name: a, to: line.quantity, as: zoned}]}]"), []byte("12}\n"))
	f.Fuzz(func(t *testing.T, layout, document []byte) {
		layouts, err := flat.ParseLayouts("fuzz.yaml", layout)
		if err != nil {
			for line := range strings.Lines(err.Error()) {
				if !strings.HasPrefix(line, "fuzz.yaml:") {
					t.Fatalf("no place in %q", line)
				}
			}
			return
		}
		source := format.Source{Header: map[string]string{flat.LayoutHeader: layouts[0].Name}}
		formattest.Check(t, flat.Format{Layouts: layouts}, document, source)
	})
}
