package formats

import (
	"errors"
	"strings"
	"testing"

	"github.com/stocktrace/stocktrace/collector/format"
)

func TestNamesAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, name := range Names() {
		if name == "" || seen[name] || name != strings.ToLower(name) {
			t.Errorf("%q is empty, taken, or not lower case", name)
		}
		seen[name] = true
		if f, ok := Named(name); !ok || f.Name() != name {
			t.Errorf("%q does not lead to its format", name)
		}
	}
	if _, ok := Named("nothing"); ok {
		t.Error("a name nobody has leads to a format")
	}
}

func TestUnknownDocumentsAreSaid(t *testing.T) {
	for head, want := range map[string]string{
		"":                     "The document is empty.",
		" \r\n\t":              "The document is empty.",
		"once upon a time\n":   `The document begins with "once upon a time\n" and is of no format known here`,
		"\x00\xff\xfe binary…": "The document begins with ",
	} {
		_, err := Detect([]byte(head), format.Source{Name: "/x"})
		var p *format.Problem
		if !errors.As(err, &p) || !strings.HasPrefix(p.Detail, want) {
			t.Errorf("%q: %v, want %s…", head, err, want)
		}
	}
}
