package mapping

import (
	"context"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/formattest"
	"github.com/stocktrace/stocktrace/inventory"
)

func FuzzPath(f *testing.F) {
	for _, s := range []string{"a", "a/b[2]/@c", "../x", "/top/*/y", "'Store No.'/x", "'it''s'", ".", "a//b", "[", "@"} {
		f.Add(s)
	}
	tree := jsonLike()
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePath(text)
		if err != nil {
			if strings.TrimSpace(err.Error()) == "" {
				t.Error("an error without a sentence")
			}
			return
		}
		if p.String() != text {
			t.Errorf("%q becomes %q", text, p)
		}
		for _, n := range p.find(tree.children[0]) {
			if n == nil {
				t.Errorf("%q leads to nothing that is something", text)
			}
		}
	})
}

func jsonLike() *node {
	root := &node{}
	a := root.add(&node{name: "a"})
	a.add(&node{name: "b", text: "1"})
	a.add(&node{name: "b", text: "2", attributes: []*node{{name: "c", text: "3"}}})
	root.add(&node{name: "x", text: "4"})
	return root
}

// TestPathsFindWhatIsThere: every node is found by the path that names it.
func TestPathsFindWhatIsThere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfN(rapid.StringMatching(`[a-c.' /@\[\]]{1,4}`), 1, 4).Draw(t, "names")
		root := &node{}
		at, path := root, ""
		for i, name := range names {
			before := rapid.IntRange(0, 2).Draw(t, "before")
			for range before {
				at.add(&node{name: name})
			}
			at = at.add(&node{name: name})
			at.parent.add(&node{name: name})
			if i > 0 {
				path += "/"
			}
			path += "'" + strings.ReplaceAll(name, "'", "''") + "'[" + string(rune('1'+before)) + "]"
		}
		p, err := ParsePath(path)
		if err != nil {
			t.Fatal(err)
		}
		if found := p.find(root); len(found) != 1 || found[0] != at {
			t.Fatalf("%s leads to %d nodes", path, len(found))
		}
	})
}

func FuzzMapping(f *testing.F) {
	for _, s := range []string{counts, orders, "mapping: a\nversion: 1\nmatch: {format: poslog}\ncorrect:\n- set: {location: {cel: 'event.location'}}\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "file:") || strings.Contains(text, "layouts") {
			t.Skip("reads files")
		}
		m, err := Parse("m.yaml", []byte(text))
		if err != nil {
			for line := range strings.SplitSeq(err.Error(), "\n") {
				if !strings.HasPrefix(line, "m.yaml:") && !strings.HasPrefix(line, "and ") {
					t.Errorf("a mistake without its place: %q", line)
				}
			}
			return
		}
		// What is accepted reads anything without a panic.
		set := &Set{mappings: []*Mapping{m}}
		for _, document := range []string{countsHead + "B1;7001;23.11.2026 10:05;1;1;1;ST;frei;;;\n", `{"orders":[{"id":1}]}`, "<a><b/></a>"} {
			var p *format.Problem
			err := m.check(set, document)
			if err != nil && !errors.As(err, &p) {
				t.Errorf("an error of its own that is no problem: %v", err)
			}
		}
	})
}

// check reads a document by the mapping, whatever it matches.
func (m *Mapping) check(s *Set, document string) error {
	if m.reads == nil {
		return nil
	}
	return m.read(context.Background(), strings.NewReader(document), format.Source{Name: "/x"}, &s.options, func(Reading) error { return nil })
}

func FuzzRows(f *testing.F) {
	set := mustParse(f, counts, Options{})
	f.Add([]byte(countsHead + "B1;7001;23.11.2026 10:05;1;4006381333931;1.234,5-;ST;frei;;\"a;\"\"b\"\n"))
	f.Add([]byte(countsHead + "B1;\"7001\n;;;;;\n"))
	f.Fuzz(func(t *testing.T, document []byte) {
		formattest.Check(t, asFormat{set}, document, format.Source{Name: "/wms/acme/1", Document: "STK_1.csv"})
	})
}

func FuzzJSON(f *testing.F) {
	set := mustParse(f, orders, Options{})
	f.Add([]byte(`{"head":{"at":"2026-11-23T10:00:00+01:00"},"orders":[{"id":"A1","state":"paid","items":[{"sku":"1","qty":2.5,"price":"1","tags":[]}]}]}`))
	f.Add([]byte(`{"orders":[{}],"head":1}`))
	f.Add([]byte(`{"orders":{"state":"paid"}}`))
	f.Fuzz(func(t *testing.T, document []byte) {
		formattest.Check(t, asFormat{set}, document, format.Source{Name: "/shop"})
	})
}

// TestNumbersAreReadAsTheyAreWritten: what a system writes in its own way is the
// number that was meant.
func TestNumbersAreReadAsTheyAreWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := inventory.DecimalFromParts(rapid.Int64Range(-999_999_999_999, 999_999_999_999).Draw(t, "whole"), 0).
			Add(inventory.Milli(rapid.Int64Range(-999, 999).Draw(t, "milli")))
		signs := rapid.SampledFrom([]numbers{{".", ""}, {".", ","}, {",", ""}, {",", "."}, {",", " "}, {".", "'"}}).Draw(t, "signs")
		whole, fraction, _ := strings.Cut(strings.TrimPrefix(d.String(), "-"), ".")
		if signs.group != "" && rapid.Bool().Draw(t, "grouped") {
			for i := len(whole) - 3; i > 0; i -= 3 {
				whole = whole[:i] + signs.group + whole[i:]
			}
		}
		text := whole
		if fraction != "" {
			text += signs.point + fraction
		}
		if d.Sign() < 0 {
			text = rapid.SampledFrom([]string{"-" + text, text + "-", "- " + text}).Draw(t, "sign")
		}
		got, err := signs.read(text)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := inventory.ParseDecimal(got); err != nil || back != d {
			t.Fatalf("%q with %+v is %s, want %s", text, signs, got, d)
		}
	})
	for _, wrong := range []string{"", "-", "1,2,3", "1.2.3", "1,23", "1'000", "--1", "1-2", "1 000", "e5", "0x1", "1,000", "١"} {
		if got, err := (numbers{".", ""}).read(wrong); err == nil {
			t.Errorf("%q is read as %s", wrong, got)
		}
	}
	if got, err := (numbers{",", "."}).read("1.23,4"); err == nil {
		t.Errorf("1.23,4 is read as %s", got)
	}
}
