package flat_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/text/encoding/charmap"
	"pgregory.net/rapid"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/flat"
	"github.com/stocktrace/stocktrace/collector/format/formattest"
)

func TestShippedLayouts(t *testing.T) {
	files, err := filepath.Glob("layouts/*.yaml")
	if err != nil || len(files) != len(flat.Layouts()) {
		t.Fatalf("%d files, %d layouts: %v", len(files), len(flat.Layouts()), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all, err := flat.ParseLayouts(file, text)
		if err != nil || len(all) != 1 || all[0].Name+".yaml" != filepath.Base(file) {
			t.Errorf("%s: %d layouts, %v", file, len(all), err)
		}
	}
}

func TestLayoutErrors(t *testing.T) {
	for _, c := range []struct{ yaml, want string }{
		{"", "f.yaml:1: No layout is described here."},
		{"layout: a\nfeild: x\n", `f.yaml:2: "feild" is no key of a layout here.`},
		{"layout: a\n\tb", "f.yaml:2: It cannot be read"},
		{"layout: a\nencoding: ebcdic\nrecords: [{role: row, columns: [{name: a, width: 1}]}]", `f.yaml:2: "ebcdic" is no known encoding: use cp850,`},
		{"layout: a\ndelimiter: '||'\nrecords: [{}]", "f.yaml:2: \"||\" is no delimiter"},
		{"layout: a\ndelimiter: ','\ndecimal: ','\nthousands: ','\nrecords: [{}]", "f.yaml:3: The decimal mark"},
		{"layout: a\ndelimiter: ','\nrecords:\n  - role: row\n    columns:\n      - {name: a, to: locaton}\n", `f.yaml:6: "locaton" is no field`},
		{"layout: a\ndelimiter: ','\nrecords:\n  - role: row\n    columns:\n      - name: a\n        formats: [yyyy-mm]\n", `f.yaml:7: "yyyy-mm" is no format`},
		{"layout: a\nrecords:\n  - role: row\n    columns:\n      - {name: a}\n", `f.yaml:5: The column "a" of a fixed-width record needs a width.`},
		{"layout: a\ndelimiter: ','\ngroup: [b]\nrecords:\n  - role: row\n    columns:\n      - {name: a}\n", `f.yaml:3: No column of a row is called "b".`},
		{"layout: a\nzone: Berlin\ndelimiter: ','\nrecords: [{}]", `f.yaml:2: "Berlin" is no IANA time zone`},
		{"layout: a\ndelimiter: ','\nrecords:\n  - {tag: A, role: head}\n  - {tag: A, role: row}\n", `f.yaml:4: "head" is no role`},
		{"layout: a\ndelimiter: ','\nrecords:\n  - {tag: A, role: event}\n  - {tag: A, role: line}\n", "f.yaml:5: Record 2 needs a tag of its own"},
		{"layout: a\ndelimiter: ','\nrecords: [{}]\n---\nlayout: a\ndelimiter: ','\nrecords: [{}]\n", `f.yaml:5: The layout "a" is described twice.`},
		{"layout: a\nbegins: '('\ndelimiter: ','\nrecords: [{}]", "f.yaml:2: \"(\" is no regular expression"},
		{"layout: a\ndelimiter: ','\nset:\n  foo: x\nrecords: [{}]", `f.yaml:4: "foo" is no field`},
	} {
		_, err := flat.ParseLayouts("f.yaml", []byte(c.yaml))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q:\n%v\nwant %s", c.yaml, err, c.want)
		}
	}
}

// one reads a row of one number column with a layout's settings.
func one(tb testing.TB, settings, column, cell string) (string, string) {
	tb.Helper()
	all, err := flat.ParseLayouts("one.yaml", []byte(`
layout: one
delimiter: ";"
set: {workflow: adjustment, step: adjusted, system: store_app, location: "1", time: 2026-11-23T10:00:00Z}
`+settings+`
records:
  - role: row
    columns:
      - `+column+"\n"))
	if err != nil {
		tb.Fatal(err)
	}
	items, err := formattest.Collect(flat.Format{Layouts: all}, strings.NewReader(cell+"\n"), format.Source{Name: "/one"})
	if err != nil || len(items) != 1 {
		tb.Fatalf("%d items, %v", len(items), err)
	}
	if p := items[0].Problem; p != nil {
		return "", p.Detail
	}
	if len(items[0].Event.Lines) == 0 {
		tb.Fatal("no line")
	}
	return items[0].Event.Lines[0].Quantity.String(), ""
}

func TestNumbers(t *testing.T) {
	const german = "decimal: ','\nthousands: '.'"
	for _, c := range []struct{ settings, more, cell, want, wrong string }{
		{"", "", "12.50", "12.5", ""},
		{"", "", "1.000-", "-1", ""},
		{"", "", "+3", "3", ""},
		{"", "", " 7 ", "7", ""},
		{"", "", ".5", "0.5", ""},
		{german, "", "1.234,50", "1234.5", ""},
		{german, "", "-1.234.567,5", "-1234567.5", ""},
		{german, "", "12.5", "", "groups are not of three digits"},
		{german, "", "1,5", "1.5", ""},
		{"", "", "1,5", "", "no number"},
		{"", ", implied: 4", "000000042000", "4.2", ""},
		{"", ", implied: 4", "42", "0.0042", ""},
		{"", ", implied: 2", "1.5", "", "the layout implies 2 decimals"},
		{"", ", as: zoned", "0012}", "-120", ""},
		{"", ", as: zoned", "12C", "123", ""},
		{"", ", as: zoned", "12x", "", "no zoned number"},
		{"", ", as: zoned, implied: 2", "0012J", "-1.21", ""},
		{"", ", negate: true", "2", "-2", ""},
		{"", ", required: true", " ; ", "", "has to be given"},
		{"", ", values: {many: '100'}", "many", "100", ""},
		{"", ", values: {many: '100'}", "few", "", "which the layout does not know"},
		{"", "", "1e3", "", "no number"},
		{"", "", "9999999999999999", "", "15 digits"},
	} {
		got, wrong := one(t, c.settings, "{name: qty, to: line.quantity"+c.more+"}", c.cell)
		if got != c.want || !strings.Contains(wrong, c.wrong) || (wrong == "") != (c.wrong == "") {
			t.Errorf("%q with %s%s: %q %q, want %q %q", c.cell, c.settings, c.more, got, wrong, c.want, c.wrong)
		}
	}
}

const ebcdic = `
layout: mainframe
encoding: %s
record_length: 32
tag: 1
set: {system: erp, workflow: adjustment, step: posted}
zone: Europe/Berlin
records:
  - tag: D
    role: row
    columns:
      - {name: store, width: 4, to: location, required: true}
      - {name: item, width: 10, to: line.item}
      - {name: quantity, width: 4, to: line.quantity, as: packed, implied: 3}
      - {name: date, width: 8, to: time, required: true}
      - {name: reason, width: 5, to: reason_code}
`

// Mainframe files have no line ends and packed numbers; code pages 037, 500 and
// 1047 differ where it hurts: brackets and the exclamation mark.
func TestEBCDIC(t *testing.T) {
	for name, exclaim := range map[string]byte{"ebcdic-037": 0x5A, "ebcdic-500": 0x4F, "ebcdic-1047": 0x5A} {
		layouts, err := flat.ParseLayouts("m.yaml", fmt.Appendf(nil, ebcdic, name))
		if err != nil {
			t.Fatal(err)
		}
		encode := func(s string) []byte {
			out, err := charmap.CodePage037.NewEncoder().Bytes([]byte(s))
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		record := func(quantity ...byte) []byte {
			r := slicesConcat(encode("D0123  10004711"), quantity, encode("20261123ABC"), []byte{exclaim}, encode(" "))
			if len(r) != 32 {
				t.Fatalf("%d bytes", len(r))
			}
			return r
		}
		document := slicesConcat(record(0x00, 0x12, 0x50, 0x0D), record(0x00, 0x02, 0x00, 0x0C), record(0x40, 0x40, 0x40, 0x40))
		items, err := formattest.Collect(flat.Format{Layouts: layouts}, bytes.NewReader(document), format.Source{Name: "/m"})
		if err != nil || len(items) != 3 {
			t.Fatalf("%s: %d items, %v", name, len(items), err)
		}
		for i, want := range []string{"-12.5", "2"} {
			e := items[i].Event
			if e.Lines[0].Quantity.String() != want || e.ReasonCode != "ABC!" || e.Location != "0123" || e.Lines[0].Item != "10004711" {
				t.Errorf("%s: %+v", name, e)
			}
		}
		if p := items[2].Problem; p == nil || p.Path != "record 3" || !strings.Contains(p.Detail, "no packed number") {
			t.Errorf("%s: %+v", name, p)
		}
		if !bytes.Equal(items[1].Raw, document[32:64]) {
			t.Errorf("%s: the fragment is % X", name, items[1].Raw)
		}
		_, err = formattest.Collect(flat.Format{Layouts: layouts}, bytes.NewReader(document[:70]), format.Source{Name: "/m"})
		if err == nil || !strings.Contains(err.Error(), "after 6 of the record's 32 bytes") {
			t.Errorf("%s: cut off, it says %v", name, err)
		}
	}
}

func slicesConcat(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func TestEncodings(t *testing.T) {
	for name, bytesOf := range map[string]string{"latin-1": "M\xfcnchen", "windows-1252": "M\xfcnchen", "cp850": "M\x81nchen", "utf-8": "München"} {
		layouts, err := flat.ParseLayouts("e.yaml", []byte("layout: e\nencoding: "+name+`
delimiter: ","
set: {workflow: adjustment, step: adjusted, system: store_app, time: 2026-11-23T10:00:00Z}
records: [{role: row, columns: [{name: store, to: location}]}]`))
		if err != nil {
			t.Fatal(err)
		}
		items, err := formattest.Collect(flat.Format{Layouts: layouts}, strings.NewReader(bytesOf+"\n"), format.Source{Name: "/e"})
		if err != nil || len(items) != 1 || items[0].Event.Location != "München" {
			t.Errorf("%s: %+v %v", name, items, err)
		}
		formattest.Check(t, flat.Format{Layouts: layouts}, []byte(bytesOf+"\n"+bytesOf), format.Source{})
	}
	items, _ := formattest.Collect(shipped(), strings.NewReader("store,register,receipt,business_date,time,item,quantity\nM\xfcnchen,1,2,2026-11-23,2026-11-23T10:00:00Z,1,1\n"), format.Source{Name: "/e"})
	if len(items) != 1 || items[0].Problem == nil || !strings.Contains(items[0].Problem.Detail, "often windows-1252") {
		t.Errorf("latin-1 read as UTF-8: %+v", items)
	}
}

// One material document for two receipts is two events: bound together they would
// be one sale for ever. A layout that does not tell them apart is refused.
func TestReceiptsStayApart(t *testing.T) {
	const extract = "HDR|X|20261123094100\nMAT|49|2026|1|20261123|20261123093512|0123|1|251|4711|2-|ST|0123-04-778|||\nMAT|49|2026|2|20261123|20261123093512|0123|1|251|4711|1-|ST|0123-04-779|||\nTRL|2|20261123094000|X\n"
	items, err := formattest.Collect(shipped(), strings.NewReader(extract), format.Source{Name: "/e"})
	if err != nil || len(items) != 3 || items[0].Event.KeyValue("receipt") != "0123-04-778" || items[1].Event.KeyValue("receipt") != "0123-04-779" {
		t.Errorf("%v %+v", err, items)
	}
	layouts, err := flat.ParseLayouts("g.yaml", []byte("layout: g\ndelimiter: ','\ngroup: [doc]\nset: {workflow: sale, step: posted, system: erp, location: a, time: 2026-11-23T10:00:00Z}\nrecords: [{columns: [{name: doc, to: keys.erp_document}, {name: receipt, to: keys.receipt}, {name: file, to: keys.file}]}]"))
	if err != nil {
		t.Fatal(err)
	}
	items, err = formattest.Collect(flat.Format{Layouts: layouts}, strings.NewReader("49,1,a\n49,2,a\n50,1,a\n50,1,b\n"), format.Source{Name: "/e"})
	if err != nil || len(items) != 2 || items[0].Problem == nil || !strings.Contains(items[0].Problem.Detail, "group the layout by it too") {
		t.Fatalf("%v %+v", err, items)
	}
	if items[1].Problem != nil || len(items[1].Event.Keys) != 4 {
		t.Errorf("files only group: %+v", items[1])
	}
}

func TestNoLayout(t *testing.T) {
	for document, want := range map[string]string{
		"a,b,c\n1,2,3\n":  "No layout fits this file: name one of count-csv,",
		"":                "No layout fits",
		"\xff\xfes\x00\n": "No layout fits",
	} {
		_, err := formattest.Collect(shipped(), strings.NewReader(document), format.Source{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", document, err)
		}
	}
	named := format.Source{Header: map[string]string{flat.LayoutHeader: "sales-csv"}}
	_, err := formattest.Collect(shipped(), strings.NewReader("shop,receipt\n"), named)
	if err == nil || !strings.Contains(err.Error(), `line 1: The header has no column "store"`) {
		t.Errorf("a header without a needed column: %v", err)
	}
	_, err = formattest.Collect(shipped(), strings.NewReader("\xff\xfes\x00t\x00"), named)
	if err == nil || !strings.Contains(err.Error(), "UTF-16") {
		t.Errorf("UTF-16: %v", err)
	}
}

// What a CSV field says survives quoting, whatever is in it.
func TestQuoting(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		item := rapid.StringMatching(`[a-z",;\n ]{1,12}`).Draw(t, "item")
		quoted := `"` + strings.ReplaceAll(item, `"`, `""`) + `"`
		row := "0123,1,2,2026-11-23,2026-11-23T10:00:00Z," + quoted + ",3\n"
		items, err := formattest.Collect(shipped(), strings.NewReader("store,register,receipt,business_date,time,item,quantity\n"+row), format.Source{Name: "/q"})
		if err != nil || len(items) != 1 {
			t.Fatalf("%d items, %v", len(items), err)
		}
		want := strings.Trim(item, " ")
		if want == "" {
			if items[0].Problem == nil {
				t.Fatal("an empty item was read")
			}
			return
		}
		if items[0].Problem != nil || items[0].Event.Lines[0].Item != want {
			t.Fatalf("%q is %+v", want, items[0])
		}
		if string(items[0].Raw) != row {
			t.Fatalf("the fragment is %q", items[0].Raw)
		}
	})
}

// endless is a file of n receipts that is never in memory.
type endless struct {
	n, i int
	rest []byte
}

func (e *endless) Read(p []byte) (int, error) {
	if len(e.rest) == 0 {
		if e.i > e.n {
			return 0, io.EOF
		}
		if e.i == 0 {
			e.rest = []byte("store,register,receipt,business_date,time,item,quantity\n")
		} else {
			e.rest = fmt.Appendf(nil, "0123,04,%d,2026-11-23,2026-11-23T10:02:54+01:00,4006381333931,2\n", e.i)
		}
		e.i++
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

// Memory is bounded by one transaction, whatever the length of the file.
func TestStreams(t *testing.T) {
	receipts := 300_000 // 20 MB, far beyond what may be held
	if testing.Short() {
		receipts = 50_000
	}
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var seen int
	var most uint64
	err := shipped().Read(t.Context(), &endless{n: receipts}, format.Source{Name: "/s"}, func(i format.Item) error {
		if i.Problem != nil {
			return i.Problem
		}
		if seen++; seen%20_000 == 0 {
			runtime.GC()
			runtime.ReadMemStats(&now)
			most = max(most, now.HeapAlloc)
		}
		return nil
	})
	if err != nil || seen != receipts {
		t.Fatalf("%d receipts of %d: %v", seen, receipts, err)
	}
	if grown := int64(most) - int64(before.HeapAlloc); grown > 8<<20 {
		t.Errorf("reading held %d MiB", grown>>20)
	}
}
