package app_test

import (
	"encoding/json"
	"net/http"
	"net/url"
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
	// The same through the page: it asks for what it showed, and says what came of it.
	_, page := i.do(http.MethodGet, "/sources", "", "")
	field := func(name string) string {
		_, rest, _ := strings.Cut(page, `name="`+name+`" value="`)
		value, _, _ := strings.Cut(rest, `"`)
		return value
	}
	form := url.Values{"by": {"Ada"}, "source": {field("source")}, "reason": {field("reason")}, "to": {field("to")}, "expect": {field("expect")}}
	if status, answer := i.do(http.MethodPost, "/reingest", "application/x-www-form-urlencoded", form.Encode()); status != http.StatusOK || !strings.Contains(answer, "3 of 3 landed") {
		t.Errorf("pressed: %d %v %s", status, form, answer)
	}
	form.Set("expect", "4")
	if status, answer := i.do(http.MethodPost, "/reingest", "application/x-www-form-urlencoded", form.Encode()); status != http.StatusConflict || !strings.Contains(answer, "now there are 3") {
		t.Errorf("another number: %d %s", status, answer)
	}
	if status, answer := i.do(http.MethodPost, "/api/v1/quarantine/reingest", "application/json", `{"source":"tills","expect":2}`); status != http.StatusConflict || !strings.Contains(answer, "3 entries, not 2") {
		t.Errorf("another number: %d %s", status, answer)
	}
	if r := reingest(`{"unnamed":true}`); r.Entries != 0 {
		t.Errorf("nobody's: %+v", r)
	}
	if _, answer := i.do(http.MethodGet, "/api/v1/quarantine/counts", "", ""); !strings.Contains(answer, `"source":"tills","count":3,"different":3,"bytes":`) {
		t.Errorf("counts: %s", answer)
	}
	v := i.verify()
	for ; v.Records < n && time.Now().Before(deadline); v = i.verify() {
		<-time.After(100 * time.Millisecond) // the engine is still reading
	}
	if v.Count != 0 || v.Records != n {
		t.Errorf("verify: %+v", v)
	}
}
