package web_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/web"
	"github.com/stocktrace/stocktrace/web/webtest"
)

// TestSourcesPage: a silent system stands out, what could not be read is shown as
// text and never as markup.
func TestSourcesPage(t *testing.T) {
	s := serve(t)
	s.memory.Lock()
	s.memory.SourceList = append(s.memory.SourceList, web.Source{System: "wms", LastAt: webtest.Now.Add(-3 * time.Hour)})
	s.memory.Quarantined = append(s.memory.Quarantined, inventory.Quarantined{
		ID: "q-evil", ReceivedAt: webtest.Now, Source: "<b>x</b>", Reason: "unreadable", Raw: []byte("<script>alert(1)</script>\x00\xff"),
	})
	s.memory.Unlock()
	res, body := s.ask(t, "/sources")
	text := string(body)
	if res.StatusCode != http.StatusOK || strings.Count(text, "Silent") != 1 {
		t.Errorf("status %d, %d silent, want one", res.StatusCode, strings.Count(text, "Silent"))
	}
	if strings.Contains(text, "<script>alert") || strings.Contains(text, "<b>x") || !strings.Contains(text, "&lt;script&gt;alert(1)") || strings.Contains(text, "\x00") {
		t.Error("raw bytes are not shown as text")
	}
	empty := serve(t, func(o *web.Options) { o.Reader = &webtest.Memory{} })
	if _, body := empty.ask(t, "/sources"); !strings.Contains(string(body), "No system has been heard yet") || !strings.Contains(string(body), "The quarantine is empty") {
		t.Error("the empty page does not say that it is empty")
	}
}

func TestSourcesAnswer(t *testing.T) {
	s := serve(t)
	items := s.list(t, "/api/v1/sources").Items
	if len(items) != 4 {
		t.Fatalf("%d sources, want 4", len(items))
	}
	for _, i := range items {
		sum := 0.0
		for _, n := range i["trend"].([]any) {
			sum += n.(float64)
		}
		if sum != i["events"] || sum == 0 || len(i["trend"].([]any)) != web.TrendSlots {
			t.Errorf("%s: the trend sums to %v of %v events", i["system"], sum, i["events"])
		}
	}
	if res, _ := s.ask(t, "/api/v1/sources?from=2026-11-24T10:00:00Z&to=2026-11-24T09:00:00Z"); res.StatusCode != http.StatusBadRequest {
		t.Errorf("a window that ends before it begins: %d", res.StatusCode)
	}
}
