package collector_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stocktrace/stocktrace/collector"
)

// sendEvent posts a body to an events handler and returns its answer.
func sendEvent(t *testing.T, o collector.Options, contentType, body string, header ...string) (int, string) {
	t.Helper()
	h, err := collector.EventsHandler(o)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/events", strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}
