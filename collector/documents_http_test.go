package collector_test

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stocktrace/stocktrace/collector"
	"github.com/stocktrace/stocktrace/collector/access"
	"github.com/stocktrace/stocktrace/collector/canonical"
	"github.com/stocktrace/stocktrace/collector/format"
)

// findLines finds the format of package documents_test.
func findLines(head []byte, _ format.Source, name string) (collector.DocumentReader, error) {
	if name == "lines" || name == "" && bytes.HasPrefix(head, []byte("e-")) {
		return lines{}, nil
	}
	return nil, &format.Problem{Detail: "The format is not known."}
}

// signed is a vendor that signs with HMAC-SHA-256.
type signed struct{ lines }

func (signed) Verify(secret, url string, header map[string]string, body []byte) error {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write(body)
	if hmac.Equal([]byte(hex.EncodeToString(m.Sum(nil))), []byte(header["X-Signature"])) && strings.HasPrefix(url, "https://shop.example/v1/webhooks/acme/") {
		return nil
	}
	return errors.New("it was made with another secret")
}

func ask(t *testing.T, h http.Handler, path, body string, header ...string) (int, string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	answer, err := io.ReadAll(w.Result().Body)
	return w.Code, string(answer) + cmp.Or(errString(err), "")
}

func errString(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestPostDocuments(t *testing.T) {
	m := &memory{}
	o := options(m)
	o.Documents = findLines
	h, err := collector.Handler(o)
	if err != nil {
		t.Fatal(err)
	}
	const sent = "e-1\nbad\ne-2\n"
	for _, path := range []string{"/v1/documents?source=tills&document=day.txt", "/v1/documents?source=tills&format=lines&document=day.txt"} {
		code, answer := ask(t, h, path, sent)
		if code != http.StatusOK || !strings.Contains(answer, `"accepted":2,"quarantined_count":1,"quarantined":[{"id":"`) ||
			!strings.Contains(answer, `"path":"day.txt#line 2","detail":"is bad."`) ||
			!strings.Contains(answer, `"note_count":4,"notes":[{"code":"check_digit","path":"line 1"`) {
			t.Errorf("%s: %d %s", path, code, answer)
		}
	}
	records, quarantined := m.contents()
	if len(records) != 4 || len(quarantined) != 2 || records[0].Identity() != records[2].Identity() || quarantined[0].ID != quarantined[1].ID {
		t.Fatalf("a repeated document is not the same records: %d, %d", len(records), len(quarantined))
	}
	if records[0].Event.Source != "tills" || records[0].Transport != canonical.TransportDocuments || string(records[0].Raw) != "e-1" {
		t.Errorf("%+v", records[0])
	}
	for name, test := range map[string]struct {
		path, body string
		header     []string
		code       int
		says       string
	}{
		"no source":       {"/v1/documents", sent, nil, 403, "?source=NAME"},
		"unknown format":  {"/v1/documents?source=tills", "what?", nil, 400, "The format is not known."},
		"unreadable":      {"/v1/documents?source=tills&format=lines", "end\n", nil, 400, "ends here."},
		"zip":             {"/v1/documents?source=tills&format=lines", "PK\x03\x04…", nil, 400, "compressed within"},
		"gzip in gzip":    {"/v1/documents?source=tills&format=lines", string(gzipped(t, gzipped(t, []byte(sent)))), []string{"Content-Encoding", "gzip"}, 400, "compressed within"},
		"gzip":            {"/v1/documents", string(gzipped(t, []byte(sent))), []string{"Content-Encoding", "gzip", "Stocktrace-Source", "tills"}, 200, `"accepted":2`},
		"no such vendor":  {"/v1/webhooks/acme/shop", sent, nil, 404, "acme"},
		"nothing of ours": {"/v1/other", sent, nil, 404, ""},
	} {
		if code, answer := ask(t, h, test.path, test.body, test.header...); code != test.code || !strings.Contains(answer, test.says) {
			t.Errorf("%s: %d %s", name, code, answer)
		}
	}
	m.failWith(collector.ErrFull)
	if code, answer := ask(t, h, "/v1/documents?source=tills", sent); code != http.StatusServiceUnavailable || !strings.Contains(answer, "Nothing was stored") {
		t.Errorf("while the log is full: %d %s", code, answer)
	}
}

func TestDocumentsOfSources(t *testing.T) {
	m := &memory{}
	o := options(m)
	o.Documents = findLines
	var secrets map[string]string
	o.Gate, secrets = gate(t, `
sources:
  - {name: tills, sent_as: /till/7, speaks_as: [/till/*], format: lines, events_per_second: 1}
  - {name: wms, systems: [wms]}
`, "tills", "wms")
	h, err := collector.Handler(o)
	if err != nil {
		t.Fatal(err)
	}
	as := func(name string) []string { return []string{"Authorization", "Bearer " + secrets[name]} }
	if code, answer := ask(t, h, "/v1/documents?source=tills", "x-1", as("wms")...); code != http.StatusForbidden || !strings.Contains(answer, `the sender is \"wms\"`) {
		t.Errorf("another's document: %d %s", code, answer)
	}
	if code, answer := ask(t, h, "/v1/documents?format=lines", "e-1", as("wms")...); code != http.StatusForbidden || !strings.Contains(answer, "system") {
		t.Errorf("another system's event: %d %s", code, answer)
	}
	if code, answer := ask(t, h, "/v1/documents", "e-1"); code != http.StatusUnauthorized {
		t.Errorf("a stranger's: %d %s", code, answer)
	}
	if records, quarantined := m.contents(); len(records)+len(quarantined) != 0 {
		t.Errorf("something of the refused was stored: %d, %d", len(records), len(quarantined))
	}
	// A large document is taken as a whole, and what comes behind it waits.
	if code, answer := ask(t, h, "/v1/documents", strings.Repeat("x\n", 1200), as("tills")...); code != http.StatusOK || !strings.Contains(answer, `"accepted":1200`) {
		t.Errorf("its own: %d %s", code, answer)
	}
	if records, _ := m.contents(); len(records) != 1200 || records[0].Event.Source != "/till/7" {
		t.Errorf("%d records", len(records))
	}
	if code, answer := ask(t, h, "/v1/documents", "x", as("tills")...); code != http.StatusTooManyRequests {
		t.Errorf("the next one: %d %s", code, answer)
	}
	if code, answer := ask(t, h, "/v1/documents?format=lines", "e-1", as("wms")...); code != http.StatusForbidden {
		t.Errorf("another source waits too: %d %s", code, answer)
	}
}

func TestWebhooksAreSigned(t *testing.T) {
	m := &memory{}
	o := options(m)
	o.PublicURL = "https://shop.example"
	o.Vendors = map[string]collector.Vendor{"acme": signed{}}
	dir := t.TempDir()
	file := filepath.Join(dir, "secret")
	if err := os.WriteFile(file, []byte("old\nnew\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	sources := filepath.Join(dir, "sources.yaml")
	if err := os.WriteFile(sources, []byte("sources: [{name: shop, webhook_secret_file: '"+file+"'}, {name: other}]"), 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	// A token guards every other way in; vendors cannot send one.
	if o.Gate, err = access.Open(access.Options{Sources: sources, AuthToken: "master"}); err != nil {
		t.Fatal(err)
	}
	h, err := collector.Handler(o)
	if err != nil {
		t.Fatal(err)
	}
	signature := func(secret, body string) string {
		m := hmac.New(sha256.New, []byte(secret))
		m.Write([]byte(body))
		return hex.EncodeToString(m.Sum(nil))
	}
	for name, test := range map[string]struct {
		path, secret string
		code         int
	}{
		"new secret":   {"/v1/webhooks/acme/shop", "new", 200},
		"old secret":   {"/v1/webhooks/acme/shop", "old", 200},
		"wrong secret": {"/v1/webhooks/acme/shop", "guess", 401},
		"no secret":    {"/v1/webhooks/acme/other", "", 401},
		"no source":    {"/v1/webhooks/acme/nobody", "new", 401},
	} {
		if code, answer := ask(t, h, test.path, "e-1", "X-Signature", signature(test.secret, "e-1")); code != test.code {
			t.Errorf("%s: %d %s", name, code, answer)
		}
	}
	records, quarantined := m.contents()
	if len(records) != 2 || len(quarantined) != 0 || records[0].Identity() != records[1].Identity() || records[0].Event.Source != "shop" {
		t.Errorf("%d records, %d quarantined", len(records), len(quarantined))
	}
	// The OTLP port takes everything too.
	o.Documents = findLines
	c := start(t, o)
	if r, answer := post(t, c, "/v1/documents?source=tills", "text/plain", []byte("e-9"), "Authorization", "Bearer master"); r.StatusCode != http.StatusOK || !strings.Contains(string(answer), `"accepted":1`) {
		t.Errorf("on the OTLP port: %d %s", r.StatusCode, answer)
	}
	if r, answer := post(t, c, "/v1/events", canonical.CloudEventType, gzipped(t, []byte(event)), "Authorization", "Bearer master", "Content-Encoding", "gzip"); r.StatusCode != http.StatusOK {
		t.Errorf("a CloudEvent on the OTLP port: %d %s", r.StatusCode, answer)
	}
}
