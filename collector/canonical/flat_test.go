package canonical

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stocktrace/stocktrace/inventory"
)

// FuzzFlat: what is read as flat is what the decoder reads.
func FuzzFlat(f *testing.F) {
	for _, text := range []string{
		`[{"line":"1","item":"4006381333931","quantity":"-2","void":true}, {"line":2,"quantity":"1"}]`,
		`[{"line":"1","line":"1"}]`, `[{"line":"1","mine":"x"}]`, `[{"line":"é"}]`, `[{"line":"\u0031"}]`, `[{"quantity":"x"}]`, `[]`, `[{}]`,
		` [ { "line" : 12 } ] `, `[{"quantity":1.5}]`, `[{"line":01}]`, `[{"line":"1"},]`, `[{"line":"1"}] x`, `[{"item_ids":{"a":"b"}}]`, `[{"line":1`,
	} {
		f.Add(text)
	}
	var lines flat
	f.Fuzz(func(t *testing.T, document string) {
		got, ok := lines.lines(document)
		if !ok {
			return
		}
		var d draft
		d.event = new(inventory.Event)
		r := newReader()
		defer r.release()
		if err := r.read(document, "/attributes", "l", "l", &d.event.Attributes, func() error { return readLines(r, &d) }); err != nil {
			t.Fatalf("read as flat, and the decoder says %v", err)
		}
		if diff := cmp.Diff(d.event.Lines, got, cmp.Comparer(func(a, b inventory.Decimal) bool { return a == b })); diff != "" || d.event.Attributes != nil {
			t.Error(diff, d.event.Attributes)
		}
	})
}

func TestFlatReadsWhatSendersWrite(t *testing.T) {
	var lines flat
	for document, want := range map[string]bool{
		`[{"line":"1","item":"4006381333931","item_scheme":"gtin","quantity":"-2","uom":"EA","unit_value":"12.50","currency":"EUR"}]`: true,
		"[\n {\"line\": 1, \"void\": true},\n {\"line\": 2}\n]\n":                                                                     true,
		`[{"line":"1","line":"1"}]`: false, `[{"line":"1"}]]`: false, `[{"line":null}]`: false,
	} {
		if _, ok := lines.lines(document); ok != want {
			t.Errorf("%s: %v", document, ok)
		}
	}
}
