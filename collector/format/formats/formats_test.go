package formats

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/formattest"
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

// ofSamples is the format of each folder of published samples.
var ofSamples = map[string]string{
	"arts-poslog": "poslog", "commercetools": "commercetools", "dynamics365": "dynamics365", "edifact": "edifact",
	"epcis-1.x-xml": "epcis", "epcis-2.0-jsonld": "epcis", "sap-idoc": "idoc", "shopify": "shopify", "square": "square", "ubl-2.1": "ubl", "x12": "x12",
}

// Samples are recognised by one format alone, so that their order does not
// matter.
func TestSamplesAreRecognisedByOneFormat(t *testing.T) {
	root := formattest.Samples(t)
	for folder, want := range ofSamples {
		files, err := filepath.Glob(filepath.Join(root, folder, "*"))
		if err != nil || len(files) == 0 {
			t.Errorf("no samples of %s: %v", folder, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			head := text[:min(len(text), HeadSize)]
			var got []string
			for _, f := range All() {
				if f.Detect(head, format.Source{Name: "/x", Document: filepath.Base(file)}) {
					got = append(got, f.Name())
				}
			}
			if len(got) != 1 || got[0] != want {
				t.Errorf("%s/%s is recognised by %v, want %s", folder, filepath.Base(file), got, want)
			}
		}
	}
}
