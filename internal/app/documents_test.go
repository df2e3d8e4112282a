package app_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stocktrace/stocktrace/internal/app"
)

const salesMapping = `mapping: till-csv
version: "1"
match: {source: [/pos/csv, pos/csv]}
source: {system: pos, zone: Europe/Paris}
read: {as: csv, separator: ";"}
tables:
  stores: {values: {S1: "0123"}}
fields:
  id: {join: [no, kind]}
  workflow: {value: sale}
  step: {value: completed}
  time: {path: at, layout: "yyyy-MM-dd HH:mm:ss"}
  location: {path: store, table: stores}
  register: till
  keys.receipt: no
  lines.item: {path: ean, gtin: true}
  lines.quantity: {path: qty, cel: neg(value)}
  lines.measure: {value: delta}
  lines.uom: {default: EA}
`

const salesHead = "no;kind;at;store;till;ean;qty\n"

// writer writes files below a folder and returns where they are.
func writer(t *testing.T, dir string) func(name, text string) string {
	t.Helper()
	return func(name, text string) string {
		t.Helper()
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
}

// TestDocumentsReachTheTower drops a file into a folder and posts a document, both
// read by a mapping, and finds their sales.
func TestDocumentsReachTheTower(t *testing.T) {
	dir := t.TempDir()
	write := writer(t, dir)
	mappings := write("mappings/till.yaml", salesMapping)
	folders := write("folders.yaml", "folders:\n  - {dir: in, source: /pos/csv}\n")
	write("in/.keep", "")
	i := start(t, filepath.Join(dir, "data"), map[string]string{
		"mappings": mappings, "drop-folders": folders, "drop-every": "100ms", "drop-settle": "200ms",
	})
	write("in/sales.csv", salesHead+"0123-04-000778;S;2026-11-23 10:02:54;S1;04;4006381333931;2\n0123-04-000779;S;2026-11-23 10:03:54;S1;04;4006381333931;many\n")
	l := i.find("0123-04-000778", func(l lifecycles) bool { return passed(l) == 1 })
	if len(l.Items) != 1 || l.Items[0].Keys["receipt"] != "0123-04-000778" {
		t.Errorf("dropped: %+v", l)
	}
	i.waitQuarantined(1)
	if _, body := i.do(http.MethodGet, "/api/v1/quarantine", "", ""); !strings.Contains(body, "sales.csv#line 3 qty") || !strings.Contains(body, "many") {
		t.Errorf("quarantine: %s", body)
	}
	status, body := i.do(http.MethodPost, "/v1/documents?source=pos/csv&document=more.csv", "text/csv",
		salesHead+"0123-04-000780;S;2026-11-23 10:04:54;S2;04;4006381333931;1\n")
	if status != http.StatusOK || !strings.Contains(body, `"accepted":1`) || !strings.Contains(body, `"unmapped"`) {
		t.Errorf("posted: %d %s", status, body)
	}
	i.find("0123-04-000780", func(l lifecycles) bool { return passed(l) == 1 })
	i.stop() // the file is moved by then
	if _, err := os.Stat(filepath.Join(dir, "in/failed/sales.csv")); err != nil {
		t.Error(err)
	}
}

func TestMistakesInDropFoldersAreSaid(t *testing.T) {
	file := filepath.Join(t.TempDir(), "folders.yaml")
	text := "folders:\n  - {source: /x}\n  - {dir: in}\n  - {dir: in, source: /x, zone: Mars, markers: maybe}\n  - {dir: a, source: /a}\n  - {dir: a, sorce: /a}\n  - {dir: a, source: /b}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := app.Check(settings(t, t.TempDir(), map[string]string{"drop-folders": file}))
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		"folders.yaml:2: a folder needs its dir", "folders.yaml:3: a folder needs its source", `folders.yaml:4: zone "Mars" is not`, "folders.yaml:4: markers is true or false",
		`folders.yaml:6: unknown field "sorce"; did you mean "source"?`, "folders.yaml:7: the folder", "named twice, first in line 5",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("missing %q in\n%s", want, err)
		}
	}
}
