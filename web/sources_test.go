package web_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
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

// TestQueuesAndReplays: the page shows how deep queues are, which of them stand,
// and what became of replays; what is told stands in the answers too.
func TestQueuesAndReplays(t *testing.T) {
	s := serve(t)
	before := func(d time.Duration) time.Time { return webtest.Now.Add(-d) }
	s.memory.Lock()
	s.memory.QueueList = []web.Queue{
		{System: "middleware", Queue: "pos.replay", Depth: inventory.DecimalOf(41), Most: inventory.DecimalOf(60), At: before(time.Minute), LastAt: before(time.Minute), StalledSince: before(9 * time.Minute)},
		{System: "middleware", Queue: "<i>erp", Depth: inventory.DecimalOf(3), LastAt: before(time.Minute), OldestAge: 90 * time.Second},
	}
	s.memory.ReplayList = []web.Replay{
		{RecordID: "r-1", System: "erp", Step: "posted", LifecycleID: "c-1", State: web.ReplayLanded, RequestedAt: before(time.Hour), ReceivedAt: before(time.Hour), LandedAt: before(50 * time.Minute)},
		{RecordID: "r-2", System: "erp", Step: "posted", LifecycleID: "c-2", State: web.ReplayDoubled, Batch: "b-7", ReceivedAt: before(time.Hour), Units: []inventory.Quantity{{UOM: "EA", Quantity: inventory.DecimalOf(2)}}},
	}
	s.memory.Unlock()
	_, body := s.ask(t, "/sources")
	text := strings.Join(strings.Fields(string(body)), " ")
	for _, want := range []string{"pos.replay", "Stands since", "41", "&lt;i&gt;erp", "2 requested in the last 24 hours: 1 landed, 1 posted twice", "stock off by 2 EA", "b-7"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if strings.Index(text, ">c-2<") > strings.Index(text, ">c-1<") {
		t.Error("what needs people does not come first")
	}
	items := s.list(t, "/api/v1/queues").Items
	if len(items) != 2 || items[0]["depth"] != "41" || items[0]["stalled_since"] == nil || items[1]["stalled_since"] != nil || items[1]["oldest_age_seconds"] != 90.0 {
		t.Errorf("queues: %v", items)
	}
	if _, body := s.ask(t, "/api/v1/replays"); !strings.Contains(string(body), `"doubled":1`) || !strings.Contains(string(body), `"estimated_end":null`) {
		t.Errorf("replays: %s", body)
	}
}

// What the quarantine is about to lose is said on the page of sources, and what it
// holds beside it.
func TestQuarantineWarning(t *testing.T) {
	s := serve(t, func(o *web.Options) {
		o.Status = func(context.Context) web.Status {
			return web.Status{Quarantine: "The quarantine is nearly full & all that.", QuarantineBytes: 3 << 30, QuarantineMax: 4 << 30}
		}
	})
	_, page := s.ask(t, "/sources")
	for _, want := range []string{"nearly full &amp; all that", "It holds 3.0 GiB of 4.0 GiB."} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if _, answer := s.ask(t, "/api/v1/status"); !strings.Contains(string(answer), `"quarantine_bytes":3221225472,"quarantine_max_bytes":4294967296`) {
		t.Errorf("status: %s", answer)
	}
}

// TestReingestButton: who may act sees how many entries a press reads again, and
// what came of it; who may only look sees no button and is refused.
func TestReingestButton(t *testing.T) {
	var asked []web.ReingestAsk
	answer := web.Reingested{Entries: 2, Landed: 1, Events: 3, Still: []web.StillUnread{{ID: "q-1", Detail: "because <i>"}}}
	s := serve(t, func(o *web.Options) {
		o.ViewToken, o.Token = "look", "act"
		o.Record = func(context.Context, []inventory.Record) error { return nil }
		o.Reingest = func(_ context.Context, ask web.ReingestAsk) (web.Reingested, error) {
			asked = append(asked, ask)
			return answer, nil
		}
	})
	at := webtest.Now.Add(-time.Minute)
	s.memory.Lock()
	s.memory.Quarantined = []inventory.Quarantined{
		{ID: "q-1", ReceivedAt: at, Source: "tills", Reason: "malformed", Raw: []byte("x")},
		{ID: "q-1", ReceivedAt: at.Add(-time.Hour), Source: "tills", Reason: "malformed", Raw: []byte("x")},
		{ID: "q-2", ReceivedAt: at.Add(-time.Hour), Source: "tills", Reason: "malformed", Raw: []byte("xy")},
		{ID: "q-3", ReceivedAt: at, Source: "", Reason: "poison"},
	}
	s.memory.Unlock()
	ask := func(method, path, token string, form url.Values) (int, string) {
		t.Helper()
		r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		s.server.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	_, page := ask(http.MethodGet, "/sources", "act", nil)
	to := at.Add(time.Microsecond).UTC().Format(time.RFC3339Nano)
	for _, want := range []string{"Read 2 entries again", `value="` + to + `"`, "4 B"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %s", want)
		}
	}
	if n := strings.Count(page, `action="/reingest"`); n != 1 {
		t.Errorf("%d buttons, want one: a message of our own is no input", n)
	}
	if _, page := ask(http.MethodGet, "/sources", "look", nil); strings.Contains(page, `action="/reingest"`) {
		t.Error("who may only look is offered a button")
	}
	form := url.Values{"source": {"tills"}, "reason": {"malformed"}, "to": {to}, "expect": {"2"}, "by": {"Ada"}}
	if code, _ := ask(http.MethodPost, "/reingest", "look", form); code != http.StatusForbidden || len(asked) != 0 {
		t.Errorf("who may only look: %d", code)
	}
	code, page := ask(http.MethodPost, "/reingest", "act", form)
	if code != http.StatusOK || !strings.Contains(page, "1 of 2 landed") || !strings.Contains(page, "because &lt;i&gt;") {
		t.Errorf("%d %s", code, page)
	}
	if len(asked) != 1 || asked[0] != (web.ReingestAsk{Source: "tills", Reason: "malformed", To: at.Add(time.Microsecond).UTC(), Expect: 2, By: "Ada"}) {
		t.Errorf("asked %+v", asked)
	}
	answer = web.Reingested{Entries: 5}
	if code, page := ask(http.MethodPost, "/reingest", "act", form); code != http.StatusConflict || !strings.Contains(page, "Nothing was read") {
		t.Errorf("another number: %d", code)
	}
	form.Del("by")
	if code, _ := ask(http.MethodPost, "/reingest", "act", form); code != http.StatusBadRequest {
		t.Errorf("nobody's press: %d", code)
	}
}

// TestHeardAndRuns: the page shows which sources are quieter than usual, and which
// runs are due; the answers say the same of all.
func TestHeardAndRuns(t *testing.T) {
	run := inventory.Run{Name: "post", Feed: "erp", Zone: time.UTC, Grace: time.Hour}
	for hour := range 24 {
		run.At = append(run.At, 60*hour)
	}
	for d := range run.Days {
		run.Days[d] = true
	}
	idle := run
	idle.Name = "nightly <b>"
	s := serve(t, func(o *web.Options) {
		o.Workflows = []*inventory.Workflow{{Name: "sale", Runs: []inventory.Run{run, idle}}}
	})
	hour := webtest.Now.Truncate(time.Hour)
	s.memory.Lock()
	s.memory.HabitList = []web.Habit{
		{System: "pos", Location: "0123", Register: "04", Hour: hour, Seen: 20, Weeks: []int{19, 22, 24, 23}},
		{System: "pos", Location: "0124", Register: "<i>", Hour: hour, Seen: 0, Weeks: []int{50, 2, 47}},
		{System: "pos", Location: "0999", Hour: hour, Seen: 3, Weeks: []int{9}},
	}
	s.memory.ReportList = []web.Report{
		{System: "erp", Extract: "post", Through: hour.Add(-3 * time.Hour), ReceivedAt: hour.Add(-170 * time.Minute)},
		{System: "erp", Extract: "other", Through: hour, ReceivedAt: hour},
	}
	s.memory.Unlock()
	_, body := s.ask(t, "/sources")
	text := strings.Join(strings.Fields(string(body)), " ")
	for _, want := range []string{"Quieter than usual", "&lt;i&gt;", "47 min", "Scheduled runs", "Not reported", "never reported", "nightly &lt;b&gt;"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if strings.Contains(text, "0999") {
		t.Error("the page tells of a source of which nothing is known yet")
	}
	items := s.list(t, "/api/v1/sources/heard").Items
	if len(items) != 3 || items[0]["location"] != "0124" || items[0]["expected_minutes"] != 47.0 || items[0]["seen_minutes"] != 0.0 ||
		items[1]["expected_minutes"] != nil && items[2]["expected_minutes"] != nil {
		t.Errorf("heard: %v", items)
	}
	items = s.list(t, "/api/v1/runs").Items
	if len(items) != 2 || items[0]["run"] != "post" || items[0]["missed"] != true || items[1]["last_start"] != nil || items[1]["missed"] != false {
		t.Fatalf("runs: %v", items)
	}
	if last, next := items[0]["last_start"], items[0]["expected_start"]; last != hour.Add(-3*time.Hour).Format("2006-01-02T15:04:05Z") || next != hour.Add(-2*time.Hour).Format("2006-01-02T15:04:05Z") {
		t.Errorf("last %v, next %v", last, next)
	}
}
