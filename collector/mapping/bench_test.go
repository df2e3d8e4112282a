package mapping

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stocktrace/stocktrace/collector/format"
)

// BenchmarkRows reads counts of ten lines each.
func BenchmarkRows(b *testing.B) {
	set := mustParse(b, counts, Options{})
	var text strings.Builder
	text.WriteString(countsHead)
	const events = 1000
	for i := range events * 10 {
		fmt.Fprintf(&text, "B%d;7001;23.11.2026 10:05;%d;4006381333931;1.234,5;ST;frei;;text;\n", i/10, i%10)
	}
	document := text.String()
	b.SetBytes(int64(len(document)))
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		err := set.Read(b.Context(), strings.NewReader(document), format.Source{Name: "/wms/acme/1", Document: "STK_1"}, func(i format.Item) error {
			if i.Problem != nil {
				b.Fatal(i.Problem)
			}
			n++
			return nil
		})
		if err != nil || n != events {
			b.Fatal(n, err)
		}
	}
}
