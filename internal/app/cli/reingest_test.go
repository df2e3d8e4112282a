package cli

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestReingestCommand(t *testing.T) {
	asked, answer := "", ""
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/v1/quarantine/reingest" {
			body, _ := io.ReadAll(r.Body)
			asked = r.Method + " " + string(body)
			_, _ = io.WriteString(w, answer)
		}
	}))
	defer srv.Close()
	answer = `{"entries":2,"landed":2,"events":5,"still":[]}`
	code, out, said := run(t, nil, "reingest", "--source", "pos-fr", "--by", "ada", "--server", srv.URL)
	if code != 0 || asked != `POST {"source":"pos-fr","by":"ada"}` || out != "2 of 2 entries landed: 5 events are on disk.\n" {
		t.Errorf("%d %q %q, asked %s", code, out, said, asked)
	}
	answer = `{"entries":2,"landed":1,"events":1,"still":[{"id":"ab","detail":"still cannot be read: why"}]}`
	if code, out, _ := run(t, nil, "reingest", "--server", srv.URL); code != 1 || !strings.Contains(out, "1 of 2 entries landed") || !strings.Contains(out, "  ab still cannot be read: why") {
		t.Errorf("%d %q", code, out)
	}
}
