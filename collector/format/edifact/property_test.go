package edifact_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/edifact"
	"github.com/stocktrace/stocktrace/collector/format/formattest"
)

// Whatever marks UNA declares, and however the document is broken into lines, it
// says the same.
func TestMarksDoNotMatter(t *testing.T) {
	folders, err := filepath.Glob("testdata/*/in.edi")
	if err != nil {
		t.Fatal(err)
	}
	documents := map[string]string{}
	for _, path := range folders {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		// Without releases, so that marks can be exchanged as they stand.
		d := strings.TrimPrefix(string(text), "UNA:+.? '")
		if strings.HasPrefix(d, "UNB+") && strings.Contains(d, "'\n") && !strings.Contains(d, "?") {
			documents[filepath.Base(filepath.Dir(path))] = d
		}
	}
	if len(documents) < 5 {
		t.Fatalf("only %d golden documents will do", len(documents))
	}
	names := slices.Sorted(maps.Keys(documents))
	rapid.Check(t, func(t *rapid.T) {
		document := documents[rapid.SampledFrom(names).Draw(t, "document")]
		marks := rapid.Permutation([]string{"|", "!", "\x1d", "\x1e", "\x1f", "{", "'", "+", ":", "~", "*"}).Draw(t, "marks")
		line := rapid.SampledFrom([]string{"", "\n", "\r\n", "\n  "}).Draw(t, "line")
		other := "UNA" + marks[0] + marks[1] + ".  " + marks[2] + line +
			strings.NewReplacer("'\n", marks[2]+line, "+", marks[1], ":", marks[0]).Replace(document)
		if want, got := ids(t, document), ids(t, other); got != want {
			t.Fatalf("%q reads as\n%s\nwant\n%s", other, got, want)
		}
	})
}

func ids(t *rapid.T, document string) string {
	items, err := formattest.Collect(edifact.Format{}, strings.NewReader(document), format.Source{Name: "/p"})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, i := range items {
		if i.Problem != nil {
			all = append(all, "problem")
			continue
		}
		all = append(all, i.Event.ID)
	}
	return strings.Join(all, "\n")
}
