package collector

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/stocktrace/stocktrace/inventory"
)

type nowhere struct{}

func (nowhere) Publish(context.Context, []inventory.Record) error         { return nil }
func (nowhere) Quarantine(context.Context, []inventory.Quarantined) error { return nil }

// Bodies that do not fit beside those being read are to come again, and room is
// given back with every answer.
func TestBodiesTogetherAreBounded(t *testing.T) {
	o, err := Options{Publisher: nowhere{}, Registerer: prometheus.NewRegistry()}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	in, err := newIntake(o)
	if err != nil {
		t.Fatal(err)
	}
	h := &eventsHandler{&front{in, &bodies{limit: 1 << 20, room: 1000}}}
	send := func(size int) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/events", strings.NewReader(strings.Repeat("x", size)))
		r.Header.Set("Content-Type", "application/cloudevents+json")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	h.bodies.buffered.Add(900) // another request
	if w := send(200); w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "1" {
		t.Errorf("%d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
	}
	if w := send(50); w.Code != http.StatusBadRequest {
		t.Errorf("a body that fits: %d", w.Code)
	}
	if got := h.bodies.buffered.Load(); got != 900 {
		t.Errorf("%d bytes are still accounted for", got-900)
	}
}
