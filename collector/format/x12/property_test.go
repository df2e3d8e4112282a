package x12_test

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/formattest"
	"github.com/stocktrace/stocktrace/collector/format/x12"
)

// whole are the golden documents that are written as the standard wants.
func whole(t *testing.T) map[string]string {
	t.Helper()
	folders, err := filepath.Glob("testdata/*/in.edi")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, path := range folders {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if d := string(text); strings.HasPrefix(d, "ISA*") && d[105:107] == "~\n" && !strings.Contains(path, "broken") {
			all[filepath.Base(filepath.Dir(path))] = d
		}
	}
	if len(all) < 10 {
		t.Fatalf("only %d golden documents are whole", len(all))
	}
	return all
}

func ids(t *rapid.T, document string) string {
	items, err := formattest.Collect(x12.Format{}, strings.NewReader(document), format.Source{Name: "/p"})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, i := range items {
		if i.Problem != nil {
			t.Fatalf("%s: %s", i.Path, i.Problem.Detail)
		}
		all = append(all, i.Event.ID)
	}
	return strings.Join(all, "\n")
}

// Whatever delimiters a document is written with, and however it is broken into
// lines, it says the same.
func TestDelimitersDoNotMatter(t *testing.T) {
	documents := whole(t)
	names := slices.Sorted(maps.Keys(documents))
	rapid.Check(t, func(t *rapid.T) {
		document := documents[rapid.SampledFrom(names).Draw(t, "document")]
		marks := rapid.Permutation([]string{"|", "!", "\x1d", "\x1e", "\x1f", "{", "'", "~", "*"}).Draw(t, "marks")
		line := rapid.SampledFrom([]string{"~", "~\r\n", "~\n  ", "~\r\n\r\n", "\n", "\r\n"}).Draw(t, "line")
		other := strings.NewReplacer("~\n", strings.Replace(line, "~", marks[0], 1), "*", marks[1], ">", marks[2]).Replace(document)
		if want, got := ids(t, document), ids(t, other); got != want {
			t.Fatalf("%q reads as\n%s\nwant\n%s", other, got, want)
		}
	})
}

// A document that is sent again under other control numbers is the same record;
// one that says something else is another.
func TestSentAgain(t *testing.T) {
	first := whole(t)["945-shipped-short"]
	again := strings.NewReplacer("000000005", "000000777", "*5*X*", "*777*X*", "GE*1*5", "GE*1*777", "*0001", "*0042").Replace(first)
	if again == first {
		t.Fatal("nothing was changed")
	}
	source := format.Source{Name: "/p"}
	one, _ := formattest.Collect(x12.Format{}, strings.NewReader(first), source)
	two, _ := formattest.Collect(x12.Format{}, strings.NewReader(again), source)
	if len(one) != 1 || len(two) != 1 || one[0].Event.ID != two[0].Event.ID || one[0].Event.ContentHash() != two[0].Event.ContentHash() {
		t.Errorf("sent again, it is %d items, %+v", len(two), two)
	}
	less := strings.Replace(strings.Replace(first, "*22*", "*21*", 1), "W03*24", "W03*23", 1)
	three, _ := formattest.Collect(x12.Format{}, strings.NewReader(less), source)
	if len(three) != 1 || three[0].Event.ID == one[0].Event.ID {
		t.Error("with another quantity, it is the same record")
	}
}

// Of a long report every event keeps what names it first, not a copy of the
// whole.
func TestLongReportIsNotKeptManyTimes(t *testing.T) {
	var b strings.Builder
	b.WriteString("ISA*00*          *00*          *ZZ*S              *ZZ*R              *261123*1015*U*00401*000000001*0*P*>~GS*PD*S*R*20261123*1015*1*X*004010~ST*852*1~XQ*H*20261122~")
	for item := range 200 {
		b.WriteString("LIN**SK*SKU-" + string(rune('A'+item%26)) + strings.Repeat("x", item/26) + "~ZA*QS~")
		for store := range 20 {
			b.WriteString("SDQ*EA*92")
			for n := range 5 {
				b.WriteString("*" + string(rune('A'+store)) + string(rune('a'+n)) + "*1")
			}
			b.WriteString("~")
		}
	}
	b.WriteString("SE*4404*1~GE*1*1~IEA*1*000000001~")
	document := b.String()
	items, err := formattest.Collect(x12.Format{}, strings.NewReader(document), format.Source{Name: "/p"})
	if err != nil || len(items) != 101 && len(items) != 100 {
		t.Fatalf("%d items, %v", len(items), err)
	}
	kept := 0
	for _, i := range items {
		kept += len(i.Raw)
		if !bytes.Contains([]byte(document), i.Raw) || len(i.Raw) == 0 {
			t.Fatalf("%s keeps %q", i.Path, i.Raw)
		}
	}
	if kept > len(document) {
		t.Errorf("%d bytes are kept of %d", kept, len(document))
	}
}
