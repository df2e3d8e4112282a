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
	if r := reingest(`{"source":"tills","by":"ada"}`); r.Entries != n || r.Landed != 0 || len(r.Still) != n || !strings.Contains(r.Still[0].Detail, "nosuch") {
		t.Errorf("before it is mended: %+v", r)
	}
	if r := reingest(`{"source":"other","by":"ada"}`); r.Entries != 0 {
		t.Errorf("another source: %+v", r)
	}
	if status, _ := i.do(http.MethodPost, "/api/v1/quarantine/reingest", "application/json", `{"sorce":"x"}`); status != http.StatusBadRequest {
		t.Errorf("a mistyped filter asks for everything: %d", status)
	}
	declare("epcis")
	deadline := time.Now().Add(30 * time.Second)
	var r app.ReingestReport
	for r = reingest(`{"source":"tills","by":"ada"}`); r.Landed == 0 && time.Now().Before(deadline); r = reingest(`{"source":"tills","by":"ada"}`) {
		<-time.After(100 * time.Millisecond) // the file is read again every second
	}
	if r.Entries != n || r.Landed != n || r.Events != n || len(r.Still) != 0 {
		t.Fatalf("mended: %+v", r)
	}
	// They wait no longer, once: whoever asks again finds none, and who asked is kept.
	if r := reingest(`{"source":"tills","by":"ada"}`); r.Entries != 0 {
		t.Errorf("again: %+v", r)
	}
	ask := func(path string) string {
		t.Helper()
		status, answer := i.do(http.MethodGet, path, "", "")
		if status != http.StatusOK {
			t.Errorf("%s: %d %s", path, status, answer)
		}
		return answer
	}
	for path, wants := range map[string]int{"": 0, "?state=landed": n, "?state=landed&source=tills": n, "?state=landed&source=other": 0, "?state=any": n} {
		var list struct {
			Items []struct {
				ID       string  `json:"id"`
				LandedAt *string `json:"landed_at"`
			} `json:"items"`
		}
		if err := json.Unmarshal([]byte(ask("/api/v1/quarantine"+path)), &list); err != nil || len(list.Items) != wants {
			t.Errorf("%s: %v %+v, want %d", path, err, list, wants)
		}
		for _, item := range list.Items {
			if item.LandedAt == nil {
				t.Errorf("%s: %s does not say when it landed", path, item.ID)
			}
		}
	}
	if answer := ask("/api/v1/quarantine/counts"); strings.Contains(answer, "tills") {
		t.Errorf("counts: %s", answer)
	}
	trail := ask("/api/v1/quarantine/reingests")
	if !strings.Contains(trail, `"by":"ada","via":"api","filter":"source=tills","entries":3,"landed":3,"events":3,"ended_at":"`) {
		t.Errorf("who asked: %s", trail)
	}
	if page := ask("/sources"); !strings.Contains(page, "3 of 3") || !strings.Contains(page, "source tills") {
		t.Error("the page of sources does not say who had what read again")
	}
	if status, answer := i.do(http.MethodPost, "/api/v1/quarantine/reingest", "application/json", `{"source":"tills"}`); status != http.StatusUnprocessableEntity {
		t.Errorf("nobody: %d %s", status, answer)
	}
	if r := reingest(`{"unnamed":true,"by":"ada"}`); r.Entries != 0 {
		t.Errorf("nobody's: %+v", r)
	}
	// The same through the page: it asks for what it showed, and says what came of it.
	declare("nosuch")
	send := func() (status int) {
		status, _ = i.do(http.MethodPost, "/v1/documents?source=tills", "application/json", strings.Replace(string(document), "000000000001", "000000000009", 1))
		return status
	}
	for deadline := time.Now().Add(30 * time.Second); send() != http.StatusBadRequest && time.Now().Before(deadline); {
		<-time.After(100 * time.Millisecond) // the file is read again every second
	}
	i.waitQuarantined(1)
	page := ask("/sources")
	for deadline := time.Now().Add(30 * time.Second); !strings.Contains(page, `name="expect"`) && time.Now().Before(deadline); page = ask("/sources") {
		<-time.After(100 * time.Millisecond) // what several ask for at once is answered once
	}
	field := func(name string) string {
		_, rest, _ := strings.Cut(page, `name="`+name+`" value="`)
		value, _, _ := strings.Cut(rest, `"`)
		return value
	}
	form := url.Values{"by": {"Ada"}, "source": {field("source")}, "reason": {field("reason")}, "to": {field("to")}, "expect": {"2"}}
	if status, answer := i.do(http.MethodPost, "/reingest", "application/x-www-form-urlencoded", form.Encode()); status != http.StatusConflict || !strings.Contains(answer, "now there are 1") {
		t.Errorf("another number: %d %s", status, answer)
	}
	if status, answer := i.do(http.MethodPost, "/api/v1/quarantine/reingest", "application/json", `{"source":"tills","expect":2,"by":"ada"}`); status != http.StatusConflict || !strings.Contains(answer, "1 entry, not 2") {
		t.Errorf("another number: %d %s", status, answer)
	}
	form.Set("expect", field("expect"))
	declare("epcis")
	pressed := ""
	for deadline := time.Now().Add(30 * time.Second); !strings.Contains(pressed, "1 of 1 landed") && time.Now().Before(deadline); <-time.After(100 * time.Millisecond) {
		_, pressed = i.do(http.MethodPost, "/reingest", "application/x-www-form-urlencoded", form.Encode())
	}
	if !strings.Contains(pressed, "1 of 1 landed") {
		t.Errorf("pressed: %v %s", form, pressed)
	}
	v := i.verify()
	for ; v.Records < n+1 && time.Now().Before(deadline); v = i.verify() {
		<-time.After(100 * time.Millisecond) // the engine is still reading
	}
	if v.Count != 0 || v.Records != n+1 {
		t.Errorf("verify: %+v", v)
	}
}
