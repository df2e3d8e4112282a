package app_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stocktrace/stocktrace/internal/app"
)

// A source's documents go to the quarantine for a wrong declaration; it is
// mended while the instance runs, and all of them land, once.
func TestReingest(t *testing.T) {
	dir := t.TempDir()
	sources := filepath.Join(dir, "sources.yaml")
	declare := func(format string) {
		t.Helper()
		if err := os.WriteFile(sources, []byte("sources: [{name: tills, speaks_as: ['*'], format: "+format+"}]\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	declare("nosuch")
	document, err := os.ReadFile("../../collector/format/epcis/testdata/json-sale/in.json")
	if err != nil {
		t.Fatal(err)
	}
	i := start(t, filepath.Join(dir, "data"), map[string]string{"sources": sources})
	const n = 3
	for k := range n {
		body := strings.Replace(string(document), "000000000001", "00000000000"+string(rune('1'+k)), 1)
		if status, answer := i.do(http.MethodPost, "/v1/documents?source=tills", "application/json", body); status != http.StatusBadRequest || !strings.Contains(answer, "nosuch") {
			t.Fatalf("an undeclared format: %d %s", status, answer)
		}
	}
	i.waitQuarantined(n)
	reingest := func(body string) (r app.ReingestReport) {
		t.Helper()
		status, answer := i.do(http.MethodPost, "/api/v1/quarantine/reingest", "application/json", body)
		if status != http.StatusOK {
			t.Fatalf("reingest: %d %s", status, answer)
		}
		if err := json.Unmarshal([]byte(answer), &r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := reingest(`{"source":"tills"}`); r.Entries != n || r.Landed != 0 || len(r.Still) != n || !strings.Contains(r.Still[0].Detail, "nosuch") {
		t.Errorf("before it is mended: %+v", r)
	}
	if r := reingest(`{"source":"other"}`); r.Entries != 0 {
		t.Errorf("another source: %+v", r)
	}
	if status, _ := i.do(http.MethodPost, "/api/v1/quarantine/reingest", "application/json", `{"sorce":"x"}`); status != http.StatusBadRequest {
		t.Errorf("a mistyped filter asks for everything: %d", status)
	}
	declare("epcis")
	deadline := time.Now().Add(30 * time.Second)
	var r app.ReingestReport
	for r = reingest(`{"source":"tills"}`); r.Landed == 0 && time.Now().Before(deadline); r = reingest(`{"source":"tills"}`) {
		<-time.After(100 * time.Millisecond) // the file is read again every second
	}
	if r.Entries != n || r.Landed != n || r.Events != n || len(r.Still) != 0 {
		t.Fatalf("mended: %+v", r)
	}
	reingest(`{"source":"tills"}`)
	if v := i.verify(); v.Count != 0 || v.Records != n {
		t.Errorf("verify: %+v", v)
	}
}
