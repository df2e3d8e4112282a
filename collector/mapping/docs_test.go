package mapping

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/formats"
)

// The page that teaches mappings is right: its mapping reads its document, and it
// names every format and every field of a rule.
func TestTheDocumentTeachesWhatIs(t *testing.T) {
	raw, err := os.ReadFile("../../docs/mapping.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(raw)
	block := func(begin string) string {
		_, after, ok := strings.Cut(page, "```"+begin)
		text, _, ended := strings.Cut(after, "```")
		if !ok || !ended {
			t.Fatalf("no block %q", begin)
		}
		return text
	}
	set := mustParse(t, "mapping: acme-counts"+block("yaml\nmapping: acme-counts"), Options{})
	all, err := items(t, set, strings.TrimPrefix(block("csv"), "\n"), format.Source{Document: "STK_1.csv"})
	if err != nil || len(all) != 1 || all[0].Problem != nil {
		t.Fatalf("%v %+v", err, all)
	}
	e := all[0].Event
	if got := fmt.Sprint(e.ID, e.Location, e.Lines[0].Quantity, e.Lines[0].UOM, e.Lines[1].Status, e.MappingVersion); got != "B1/7001 0123 1234.5 EA blocked acme-counts@1" && got != "B1/700101231234.5EAblockedacme-counts@1" {
		t.Errorf("the example gives %s", got)
	}
	if n := fmt.Sprint(all[0].Notes); strings.Contains(n, "check_digit") || strings.Contains(n, "unmapped") {
		t.Errorf("the example is doubtful: %s", n)
	}
	for _, name := range append(formats.Names(), ruleFields...) {
		if !strings.Contains(page, "`"+name) && !strings.Contains(page, name+":") {
			t.Errorf("docs/mapping.md does not name %s", name)
		}
	}
	for name := range charsets {
		if !strings.Contains(page, "`"+name+"`") && !strings.Contains(page, "`-"+strings.TrimPrefix(name, "windows-")+"`") && name != "ebcdic-037" {
			t.Errorf("docs/mapping.md does not name the encoding %s", name)
		}
	}
}
