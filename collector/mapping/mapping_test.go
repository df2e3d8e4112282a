package mapping

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"golang.org/x/text/encoding/charmap"

	"github.com/stocktrace/stocktrace/collector/canonical"
	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/formattest"
	"github.com/stocktrace/stocktrace/inventory"
)

// asFormat makes a mapping testable as every format is.
type asFormat struct{ set *Set }

func (asFormat) Name() string                      { return "mapping" }
func (asFormat) Detect([]byte, format.Source) bool { return true }
func (f asFormat) Read(ctx context.Context, document io.Reader, source format.Source, yield func(format.Item) error) error {
	return f.set.Read(ctx, document, source, yield)
}

func mustParse(tb testing.TB, text string, o Options) *Set {
	tb.Helper()
	file := filepath.Join(tb.TempDir(), "m.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	set, err := Load(file, o)
	if err != nil {
		tb.Fatal(err)
	}
	return set
}

func items(tb testing.TB, set *Set, document string, source format.Source) ([]format.Item, error) {
	tb.Helper()
	if source.Name == "" {
		source.Name = "/wms/acme/1"
	}
	var all []format.Item
	err := set.Read(tb.Context(), strings.NewReader(document), source, func(i format.Item) error {
		all = append(all, i)
		return nil
	})
	return all, err
}

const counts = `
mapping: acme-counts
version: "7"
match: {source: "/wms/acme/*", document: "STK_*"}
source: {system: wms, instance: dc2, zone: Europe/Berlin}
read:
  as: csv
  encoding: latin-1
  separator: ";"
  group: [Beleg]
  skip: record.Art == "X"
numbers: {decimal: ",", group: "."}
tables:
  stores: {values: {"7001": "0123"}, unpad: true}
  status: {values: {frei: sellable}, unmapped: reject}
fields:
  id: [Beleg, Werk]
  workflow: {value: count}
  step: {value: counted}
  time: {path: Zeit, layout: "dd.MM.yyyy HH:mm"}
  business_date: {path: Zeit, layout: "dd.MM.yyyy HH:mm"}
  location: {path: Werk, table: stores}
  keys.count: Beleg
  attributes.text: 'Bezeich nung'
  lines.line: Pos
  lines.item: {path: EAN, gtin: true}
  lines.quantity: Menge
  lines.measure: {value: absolute}
  lines.uom: {path: Einheit, units: sap}
  lines.status: {path: Status, table: status}
`

const countsHead = "Beleg;Werk;Zeit;Pos;EAN;Menge;Einheit;Status;Art;Bezeich nung;Extra\n"

func TestRowsBecomeEvents(t *testing.T) {
	set := mustParse(t, counts, Options{})
	latin, err := charmap.ISO8859_1.NewEncoder().String(countsHead +
		"B1;07001;23.11.2026 10:05;1;4006381333931;1.234,5-;ST;frei;;\"Käse; \"\"Gouda\"\"\";x\n" +
		"B1;07001;23.11.2026 10:05;2;4006381333932;2;KG;frei;;\"Käse; \"\"Gouda\"\"\";y\n" +
		"B0;7001;;;;;;;X;;\n" +
		"B2;9999;25.10.2026 02:30;1;4711;0;??;frei;;;\n" +
		"B3;7001;23.11.2026 10:05;1;1;1;ST;kaputt;;;\n" +
		"B1;7001;23.11.2026 10:05;1;1;1;ST;frei;;;\n" +
		"B4;7001;23.11.2026 10:05;1;1;1,2,3;ST;frei;;;\n" +
		"B5;7001\n" +
		"B6;7001;23.11.2026 10:05;1;1;1;ST;frei;;;\n" +
		"B7;7001;23.11.2026 10:05;1;1;1;ST;frei;;;\n" +
		"B6;7001;23.11.2026 10:05;9;1;1;ST;frei;X;;\n" +
		"B7;7002;23.11.2026 10:05;1;1;1;ST;frei;;;")
	if err != nil {
		t.Fatal(err)
	}
	all, err := items(t, set, latin, format.Source{Document: "STK_1.csv"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, i := range all {
		if i.Problem != nil {
			got = append(got, i.Path+" ! "+i.Problem.Error())
			continue
		}
		e := i.Event
		line := fmt.Sprintf("%s %s %s %s %s %s/%s %s %s", i.Path, e.ID, e.Type, e.Time.Format(time.RFC3339), e.BusinessDate, e.System, e.SystemInstance, e.Location, e.MappingVersion)
		for _, l := range e.Lines {
			line += fmt.Sprintf(" [%s %s:%s %s %s %s %s]", l.Line, l.ItemScheme, l.Item, l.Quantity, l.UOM, l.Measure, l.Status)
		}
		for _, m := range e.Mappings {
			line += fmt.Sprintf(" {%s %s>%s %s %s}", m.Field, m.From, m.To, m.Rule, m.Version)
		}
		for _, n := range i.Notes {
			line += " " + n.Code + "@" + n.Path
		}
		got = append(got, line)
	}
	want := []string{
		`lines 2–3 B1/07001 inventory.count.counted 2026-11-23T09:05:00Z 2026-11-23 wms/dc2 0123 acme-counts@7 [1 gtin:04006381333931 -1234.5 EA absolute sellable] [2 gtin:04006381333932 2 KGM absolute sellable] {location 07001>0123 stores acme-counts@7} {lines[0].status frei>sellable status acme-counts@7} {lines[1].status frei>sellable status acme-counts@7} zone_assumed@line 2 Zeit check_digit@line 3 EAN`,
		`line 5 B2/9999 inventory.count.counted 2026-10-25T00:30:00Z 2026-10-25 wms/dc2 9999 acme-counts@7 [1 :4711 0 ?? absolute sellable] {lines[0].status frei>sellable status acme-counts@7} unmapped@line 5 Werk zone_assumed@line 5 Zeit time_ambiguous@line 5 Zeit not_standard@line 5 EAN unit_unknown@line 5 Einheit`,
		`line 6 ! line 6 Status: lines[0].status: table status has no "kaputt": add it, and bring the document again (m.yaml:30).`,
		`line 7 ! line 7: Rows of Beleg "B1" are here again, apart from earlier ones: one event would be two of the same id. Sort the document by Beleg.`,
		`line 9 ! line 9: The row has 2 cells, and 11 columns were expected: a separator is missing, or too many.`,
		`line 8 ! line 9: A row among those of this event, or right behind them, cannot be read: the event would miss a line. Correct that row and bring the document again.`,
		`line 10 ! line 10: The rows from here on follow one that cannot be read (line 9) and may have been of the same event. Correct that row and bring the document again.`,
		`lines 11–13 ! line 13 Werk: Werk is "7002", and "7001" in the first row of the same event: one event has one. Group by it, or map it in lines.`,
	}
	if d := diff(want, got); d != "" {
		t.Error(d)
	}
	if e := all[0].Event; e.Attributes["text"] != `Käse; "Gouda"` || !slices.Equal(e.Keys, []inventory.Key{{Name: "count", Value: "B1"}}) {
		t.Errorf("%v %v", e.Attributes, e.Keys)
	}
	if fmt.Sprint(all[0].Ignored) != "map[Extra:2]" {
		t.Errorf("ignored %v", all[0].Ignored)
	}
	if raw := string(all[0].Raw); !strings.HasPrefix(raw, "B1;") || strings.Count(raw, "\n") != 2 || !strings.Contains(raw, "K\xe4se") {
		t.Errorf("raw %q", raw)
	}
	formattest.Check(t, asFormat{set}, []byte(latin), format.Source{Name: "/wms/acme/1", Document: "STK_1.csv"})
}

func diff(want, got []string) string {
	var b strings.Builder
	for i := range max(len(want), len(got)) {
		w, g := "(nothing)", "(nothing)"
		if i < len(want) {
			w = want[i]
		}
		if i < len(got) {
			g = got[i]
		}
		if w != g {
			fmt.Fprintf(&b, "%d\nwant %s\n got %s\n", i, w, g)
		}
	}
	return b.String()
}

const orders = `
mapping: shop
version: "1"
match: {source: /shop}
source: {system: ecommerce, location: web}
read: {as: json, each: orders}
lines: items
events:
  - when: record.state == "paid"
    fields:
      id: {join: [id, state], with: "-"}
      workflow: {value: fulfilment}
      step: {value: ordered}
      time: /head/at
      keys.order: id
      keys.shipment: parcels/no
      refs.returns.order: old
      operator: ../by
      lines.item: sku
      lines.item_ids.erp: erp
      lines.quantity: {path: qty, cel: neg(value)}
      lines.measure: {value: delta}
      lines.unit_value: {path: price, if: 'line.price != "0"'}
      lines.currency: {cel: 'line.tags.exists(t, t == "us") ? "USD" : "EUR"'}
`

func TestJSONBecomesEvents(t *testing.T) {
	set := mustParse(t, orders, Options{})
	document := `{"head":{"at":"2026-11-23T10:00:00+01:00"},"by":"ann","orders":[
		{"id":"A1","state":"paid","parcels":[{"no":"P1"},{"no":"P2"}],"old":99999999999999999999,"items":[{"sku":"1","qty":2.50,"price":"9.99","erp":"E1","tags":["x"]},{"sku":"2","qty":1e1,"price":"0","tags":["us"],"note":"n"}]},
		{"id":"A2","state":"open"},
		{"id":"A3","state":"paid","items":[{"sku":"3","qty":"many","price":"1","tags":[]}]},
		7]}`
	all, err := items(t, set, document, format.Source{Name: "/shop"})
	if err != nil || len(all) != 4 {
		t.Fatalf("%v %v", all, err)
	}
	e := all[0].Event
	if e.ID != "A1-paid" || e.Time.Format(time.RFC3339) != "2026-11-23T09:00:00Z" || e.Operator != "ann" || e.Location != "web" || e.System != "ecommerce" ||
		fmt.Sprint(e.Keys) != "[{order A1} {shipment P1} {shipment P2}]" || fmt.Sprint(e.Refs) != "[{returns [{order 99999999999999999999}] }]" {
		t.Errorf("%+v", e)
	}
	if got := fmt.Sprint(e.Lines[0].Quantity, e.Lines[0].UnitValue, e.Lines[0].Currency, e.Lines[0].ItemIDs, e.Lines[1].Quantity, e.Lines[1].UnitValue, e.Lines[1].Currency); got != "-2.59.99EUR[{erp E1}] -10USD" {
		t.Errorf("lines %s", got)
	}
	if n := all[0].Notes; len(n) != 1 || n[0].Code != format.IDRounded || n[0].Path != "/orders/0/old" {
		t.Errorf("notes %v", n)
	}
	if fmt.Sprint(all[0].Ignored) != "map[items/note:1]" {
		t.Errorf("ignored %v", all[0].Ignored)
	}
	for i, want := range map[int]string{
		1: "/orders/1: No event of mapping shop is for this record. Add one, or say with skip: that such records mean nothing.",
		2: `/orders/2/items/0/qty: lines[0].quantity: "many" is no number of at most 15 digits before and 9 after the decimal sign (m.yaml:21).`,
		3: "/orders/3: A record is an object, and this is none.",
	} {
		if all[i].Problem == nil || all[i].Problem.Error() != want {
			t.Errorf("%d: %v\nwant %s", i, all[i].Problem, want)
		}
	}
	formattest.Check(t, asFormat{set}, []byte(document), format.Source{Name: "/shop"})

	late := `{"orders":[{"id":"A1","state":"paid","items":[]}],"head":{"at":"2026-11-23T10:00:00+01:00"}}`
	if all, err = items(t, set, late, format.Source{Name: "/shop"}); err == nil || !strings.Contains(err.Error(), "stands behind the records") {
		t.Errorf("%v %v", all, err)
	}
	if _, err = items(t, set, `{"order":[]}`, format.Source{Name: "/shop"}); err == nil || err.Error() != "Nothing is at orders, where the mapping's records are (m.yaml)." {
		t.Errorf("%v", err)
	}
}

func TestFixedRowsInEBCDIC(t *testing.T) {
	for _, read := range []string{"encoding: ebcdic, length: 24", "encoding: ebcdic"} {
		set := mustParse(t, `
mapping: host
version: "1"
match: {document: "*.dat"}
source: {system: erp, location: "0123"}
read: {as: fixed, `+read+`, columns: [{name: no, length: 4}, {name: item, from: 5, length: 8}, {name: qty, length: 6}, {name: day, length: 6}]}
fields:
  id: no
  workflow: {value: snapshot}
  step: {value: reported}
  time: {path: day, layout: yyMMdd}
  lines.item: item
  lines.quantity: qty
  lines.measure: {value: absolute}
`, Options{})
		var document []byte
		for _, row := range []string{"0001ÄPFEL   00012-261123", "0002BIRNE   000003261124"} {
			raw, err := charmap.CodePage037.NewEncoder().Bytes([]byte(row))
			if err != nil {
				t.Fatal(err)
			}
			document = append(document, raw...)
			if !strings.Contains(read, "length") {
				document = append(document, 0x15)
			}
		}
		all, err := items(t, set, string(document), format.Source{Document: "in/x.dat"})
		if err != nil || len(all) != 2 {
			t.Fatalf("%v %v", all, err)
		}
		if l := all[0].Event.Lines[0]; l.Item != "ÄPFEL" || l.Quantity.String() != "-12" || all[1].Path != "line 2" || all[1].Event.Time.Format(time.DateOnly) != "2026-11-24" {
			t.Errorf("%+v %v", l, all[1])
		}
		formattest.Check(t, asFormat{set}, document, format.Source{Name: "/h", Document: "x.dat"})
		formattest.Check(t, asFormat{set}, document[:len(document)-3], format.Source{Name: "/h", Document: "x.dat"})
	}
}

func TestUnitsConvertByPacks(t *testing.T) {
	twelve, err := inventory.ParseDecimal("12")
	if err != nil {
		t.Fatal(err)
	}
	set := mustParse(t, `
mapping: packs
version: "1"
match: {document: "*"}
source: {system: wms, location: "1"}
read: {as: csv}
fields:
  id: n
  workflow: {value: receipt}
  step: {value: received}
  time: t
  lines.item: item
  lines.quantity: qty
  lines.measure: {value: delta}
  lines.uom: {path: uom, convert: EA}
`, Options{Packs: []inventory.Pack{{Item: "1", UOM: "CS", Holds: twelve}}})
	all, err := items(t, set, "n,t,item,qty,uom\n1,2026-11-23T10:00:00Z,0001,2,XCS\n2,2026-11-23T10:00:00Z,9,2,XCS\n", format.Source{})
	if err != nil || len(all) != 2 {
		t.Fatalf("%v %v", all, err)
	}
	if l := all[0].Event.Lines[0]; l.Quantity.String() != "24" || l.UOM != "EA" || l.Attributes["quantity.as_sent"] != "2 CS" {
		t.Errorf("%+v", l)
	}
	if l := all[1].Event.Lines[0]; l.Quantity.String() != "2" || l.UOM != "CS" || len(all[1].Notes) != 1 || all[1].Notes[0].Code != format.UnitUnknown {
		t.Errorf("%+v %v", l, all[1].Notes)
	}
}

func TestMistakesAreSaidWithTheirLine(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	write("stores.csv", "plant,store\n7001,0123\n7001,0124\n\"7002\n")
	file := write("bad.yaml", `mapping: bad one
version: 1
match: {source: "[", sorce: x}
source: {zone: Local}
numbers: {decimal: ",", group: ","}
tables:
  stores: {file: stores.csv, columns: [plant, store]}
  other: {file: stores.csv}
  both: {values: {a: b, c: ""}, unmapped: guess}
read: {as: csv, length: 3, separator: ";;", encoding: klingon}
fields:
  id: order//no
  workflow: {value: sale, path: x}
  stp: {value: completed}
  time: {path: at, layout: "dd.MM.qqqq"}
  location: {table: nowhere, path: x}
  lines.item: {path: ean, gtin: maybe, unts: sap}
  lines.quantity: {cel: 'value +'}
  lines.void: {path: v, if: 'event.location == "1"'}
  operator: {cel: 'line.x'}
`)
	_, err := Load(file, Options{})
	if err == nil {
		t.Fatal("no error")
	}
	got := strings.Split(strings.ReplaceAll(err.Error(), dir+string(filepath.Separator), ""), "\n")
	want := []string{
		`bad.yaml:1: mapping is one word of at most 64 letters, digits and signs, without @`,
		`bad.yaml:3: source: "[" is no pattern; * stands for any letters but a slash, ? for one`,
		`bad.yaml:3: match has no field "sorce"; it has source, document, format`,
		`bad.yaml:4: zone "Local" is not an IANA time zone like Europe/Paris`,
		`bad.yaml:5: decimal and group are two different signs`,
		`stores.csv:3: table stores: "7001" leads to "0123" and to "0124": which of the two counts is undefined`,
		`stores.csv:4: table stores: extraneous or missing " in quoted-field`,
		`stores.csv:1: table other: there is no column "from"; there are plant, store. Name the two with columns: [sent, ours]`,
		`bad.yaml:9: table both: "c" leads to "": neither side may be empty`,
		`bad.yaml:9: unmapped is keep or reject, but it is "guess"`,
		`bad.yaml:10: separator is one sign such as , ; | or tab`,
		`bad.yaml:10: encoding is cp437, cp850, ebcdic, ebcdic-037, ebcdic-1047, ebcdic-1140, iso-8859-15, latin-1, utf-8, windows-1250, windows-1251 or windows-1252, but it is "klingon"`,
		`bad.yaml:10: length is for fixed rows`,
		`bad.yaml:12: path "order//no", character 7: a name is missing`,
		`bad.yaml:13: workflow: value is all there is to say; leave out the rest`,
		`bad.yaml:14: no field is called "stp"; near it is step`,
		`bad.yaml:15: layout "dd.MM.qqqq": "qqqq" means nothing; there are yyyy yy MM M dd d HH H mm ss S SSS XXX xx, and letters in quotes`,
		`bad.yaml:16: no table is called "nowhere": write it under tables:`,
		`bad.yaml:17: gtin is true or false, but it is "maybe"`,
		`bad.yaml:17: lines.item has no field "unts"; it has path, join, with, value, cel, if, default, required, table, layout, gtin, units, convert`,
	}
	if d := diff(want, got[:min(len(want), len(got))]); d != "" {
		t.Error(d)
	}
	rest := strings.Join(got[min(len(want), len(got)):], "\n")
	for _, part := range []string{
		"bad.yaml:18: expression: column 8: Syntax error", `bad.yaml:19: expression: column 1: undeclared reference to 'event'`,
		"bad.yaml:20: expression: there is no line here", "bad.yaml:12: fields need step",
		"bad.yaml:12: lines.quantity needs lines.measure",
	} {
		if !strings.Contains(rest, part) {
			t.Errorf("missing %q in\n%s", part, rest)
		}
	}
}

func TestContractAcceptsWhatMappingsMake(t *testing.T) {
	set := mustParse(t, counts, Options{})
	all, err := items(t, set, countsHead+"B1;7001;23.11.2026 10:05;1;4006381333931;1;ST;frei;;;\n", format.Source{Document: "STK_1.csv"})
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	record, err := canonical.FromItem(all[0], format.Source{Document: "STK_1.csv"}, time.Time{})
	if err != nil || record.ID != "/wms/acme/1 B1/7001" {
		t.Errorf("%v %v", record, err)
	}
}

func TestXMLBecomesEvents(t *testing.T) {
	set := mustParse(t, `
mapping: xml
version: "1"
match: {document: "*.xml"}
source: {system: wms, location: "1"}
read: {as: xml, each: Moves/Group/Move}
lines: Item
fields:
  id: "@no"
  workflow: {value: transfer}
  step: {value: shipped}
  time: /Moves/Head/At
  operator: ../@by
  location: ../Store
  keys.transfer: "@no"
  lines.item: Sku
  lines.quantity: {path: Qty, cel: 'line["@sign"] == "-" ? neg(value) : value'}
  lines.measure: {value: delta}
`, Options{})
	document := `<?xml version="1.0" encoding="ISO-8859-1"?><m:Moves xmlns:m="urn:m"><Head><At>2026-11-23T10:00:00Z</At></Head>
<Group by="ann"><Store>0123</Store>
  <Move no="1"><Item sign="-"><Sku>a&amp;b</Sku><Qty>2</Qty><Note>x</Note></Item><Item sign=""><Sku>K` + "\xe4" + `se</Sku><Qty>3</Qty></Item></Move>
</Group><Group by="bob"><Store>0124</Store><Move no="2"/><Move no="3"><Item sign="?"><Qty>x</Qty></Item></Move></Group></m:Moves>`
	all, err := items(t, set, document, format.Source{Document: "a.xml"})
	if err != nil || len(all) != 3 {
		t.Fatalf("%v %v", all, err)
	}
	e := all[0].Event
	if e.Operator != "ann" || e.Location != "0123" || e.Lines[0].Item != "a&b" || e.Lines[0].Quantity.String() != "-2" || e.Lines[1].Item != "Käse" || all[1].Event.Location != "0124" ||
		all[0].Path != "/Moves/Group[1]/Move[1]" && all[0].Path != "/Moves/Group[1]/Move" {
		t.Errorf("%s %+v", all[0].Path, e)
	}
	if fmt.Sprint(all[0].Ignored) != "map[Item/Note:1]" {
		t.Errorf("ignored %v", all[0].Ignored)
	}
	if all[2].Problem == nil || !strings.Contains(all[2].Problem.Error(), `lines[0].quantity: "x" is no number`) {
		t.Errorf("%+v", all[2])
	}
	formattest.Check(t, asFormat{set}, []byte(document), format.Source{Name: "/x", Document: "a.xml"})
	late := `<Moves><Group><Move no="1"/><Store>5</Store></Group><Group/></Moves>`
	if _, err = items(t, set, late, format.Source{Document: "a.xml"}); err == nil || !strings.Contains(err.Error(), "stands behind the records") {
		t.Errorf("%v", err)
	}
}

func TestCorrectionsOfWhatFormatsGive(t *testing.T) {
	set := mustParse(t, `
mapping: tills
version: "3"
match: {source: "/pos/*", format: poslog}
source: {instance: eu}
tables:
  stores: {values: {"0100": "0123"}}
correct:
  - set:
      location: {table: stores}
      keys.till: {cel: 'event.location + "-" + event.register'}
  - when: event.workflow == "sale" && event.lines.exists(l, l.item == "4006381333931")
    set:
      operator: {value: x, if: 'event.operator == ""'}
      lines.uom: {default: EA}
      lines.quantity: {cel: 'line.activity == "sale" ? value : value'}
`, Options{Trace: true})
	document := formattest.Sample(t, "arts-poslog/ncr_acs_v2.1_small.xml")
	n := 0
	err := set.Follow(t.Context(), strings.NewReader(string(document)), format.Source{Name: "/pos/1"}, func(r Reading) error {
		if r.Problem != nil {
			t.Errorf("%s", r.Problem)
			return nil
		}
		n++
		if r.Event.MappingVersion != "tills@3" || r.Mapping != "tills@3" || r.Event.SystemInstance != "eu" || r.Event.KeyValue("till") != r.Event.Location+"-"+r.Event.Register {
			t.Errorf("%+v", r.Event)
		}
		return nil
	})
	if err != nil || n == 0 {
		t.Errorf("%d events, %v", n, err)
	}
}

func TestOneIDIsOneEvent(t *testing.T) {
	set := mustParse(t, strings.Replace(counts, "  group: [Beleg]\n", "", 1), Options{})
	row := "B1;7001;23.11.2026 10:05;%d;4006381333931;1;ST;frei;;;\n"
	all, err := items(t, set, countsHead+fmt.Sprintf(row, 1)+fmt.Sprintf(row, 1)+fmt.Sprintf(row, 2), format.Source{Document: "STK_1.csv"})
	if err != nil || len(all) != 3 || all[0].Problem != nil || all[1].Problem != nil {
		t.Fatalf("%v %v", all, err) // said twice in the same words is one event
	}
	if p := all[2].Problem; p == nil || p.Detail != `The id "B1/7001" is that of another event, of line 2: put into id what tells them apart, or group the rows of one event.` {
		t.Errorf("%v", p)
	}
}
