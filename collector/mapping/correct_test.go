package mapping

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stocktrace/stocktrace/collector/format"
)

const writeOffs = `layout: write-offs
begins: 'WOF\|'
delimiter: "|"
group: [document]
set: {workflow: adjustment, step: adjusted, system: store_app}
records:
  - tag: WOF
    role: row
    columns:
      - {name: document, to: keys.adjustment, required: true}
      - {name: store, to: location, required: true}
      - {name: time, to: time, required: true}
      - {name: item, to: line.item, required: true}
      - {name: quantity, to: line.quantity, required: true}
      - {name: uom, to: line.uom}
`

// TestLayoutsAndCorrections reads a flat file by a layout of one's own and
// corrects what it gives.
func TestLayoutsAndCorrections(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"w.layout.yaml": writeOffs,
		"stores.csv":    "sent,ours\n7001,0123\n",
		"w.yaml": `
mapping: write-offs
version: "2"
match: {source: /store, document: "*.wof"}
source: {instance: eu}
layouts: w.layout.yaml
tables:
  stores: {file: stores.csv, columns: [sent, ours]}
correct:
  - set:
      location: {table: stores}
      step: {value: written_off, if: 'event.location == "0123"'}
  - when: event.lines.exists(l, less(l.quantity, "0"))
    set:
      reason_code: {value: sign}
      lines.quantity: {cel: neg(value), if: 'line.uom != "KGM" && event.reason_code == "sign"'}
      lines.item: {gtin: true}
      lines.status: {default: damaged}
`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	set, err := Load(dir, Options{Trace: true})
	if err != nil {
		t.Fatal(err)
	}
	document := "WOF|A1|7001|2026-11-23T10:00:00Z|4006381333931|-2|EA\nWOF|A1|7001|2026-11-23T10:00:00Z|77|-1|KGM\nWOF|A2|7002|2026-11-23T10:00:00Z|4006381333931|2|EA\n"
	var got []string
	err = set.Follow(t.Context(), strings.NewReader(document), format.Source{Name: "/store", Document: "a.wof"}, func(r Reading) error {
		if r.Problem != nil {
			t.Errorf("%s", r.Problem)
			return nil
		}
		e := &r.Event
		line := fmt.Sprint(e.Type, " ", e.Location, " ", e.SystemInstance, " ", e.ReasonCode, " ", e.MappingVersion, " ", e.Attributes["corrected.step"])
		for _, l := range e.Lines {
			line += fmt.Sprint(" [", l.ItemScheme, ":", l.Item, " ", l.Quantity, " ", l.UOM, " ", l.Status, "]")
		}
		for _, m := range e.Mappings {
			line += fmt.Sprint(" {", m.Field, " ", m.From, ">", m.To, "}")
		}
		line += fmt.Sprint(" ", e.Attributes["corrected.lines[0].quantity"], " ", e.Attributes["corrected.lines[1].quantity"])
		for _, n := range r.Notes {
			line += " " + n.Code
		}
		got = append(got, strings.TrimSpace(line))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"inventory.adjustment.written_off 0123 eu sign write-offs@2 adjusted [gtin:04006381333931 2 EA damaged] [:77 -1 KGM damaged] {location 7001>0123} -2  not_standard",
		"inventory.adjustment.adjusted 7002 eu  write-offs@2  [:4006381333931 2 EA ]   unmapped",
	}
	if d := diff(want, got); d != "" {
		t.Error(d)
	}
	err = set.Follow(t.Context(), strings.NewReader("once upon a time\n"), format.Source{Name: "/store", Document: "a.wof"}, func(Reading) error { return nil })
	if err == nil || err.Error() != "The document is of none of the layouts that mapping write-offs names." {
		t.Errorf("%v", err)
	}
	for name, want := range map[string]string{"flat": "format flat, mapping none", "write-offs": "mapping write-offs@2, by its layouts", "nothing": "is not known here"} {
		chosen, err := set.Find([]byte("x"), format.Source{Name: "/other"}, name)
		said := fmt.Sprint(chosen)
		if err != nil {
			said = err.Error()
		}
		if !strings.Contains(strings.Replace(said, "no mapping", "mapping none", 1), want) {
			t.Errorf("%s: %s, want %s", name, said, want)
		}
	}
}

// An event of many lines takes time in proportion to them, and no more.
func TestCorrectionsOfManyLines(t *testing.T) {
	set := mustParse(t, `
mapping: many
version: "1"
match: {document: "*.csv", format: flat}
correct:
  - when: event.lines.size() > 1
    set:
      lines.status: {cel: 'event.lines.size() > 1 && line.item != "" ? "sellable" : "blocked"'}
`, Options{})
	var b strings.Builder
	b.WriteString("store,count,time,item,item_scheme,counted,book,uom,as_of,operator\n")
	const lines = 3000
	for i := range lines {
		fmt.Fprintf(&b, "0123,C1,2026-11-23T10:00:00Z,%d,,1,1,EA,,\n", i)
	}
	all, err := items(t, set, b.String(), format.Source{Document: "count.csv"})
	if err != nil || len(all) != 1 || all[0].Problem != nil || len(all[0].Event.Lines) != lines || all[0].Event.Lines[lines-1].Status != "sellable" {
		t.Fatalf("%v, %d items", err, len(all))
	}
}
