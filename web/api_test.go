package web_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/slo"
	"github.com/stocktrace/stocktrace/web"
	"github.com/stocktrace/stocktrace/web/webtest"
)

// ask sends a GET and returns the answer; redirects are not followed.
func (s *site) ask(tb testing.TB, path string, header ...string) (*http.Response, []byte) {
	tb.Helper()
	req, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, s.URL+path, nil)
	if err != nil {
		tb.Fatal(err)
	}
	for i := 0; i+1 < len(header) && header[i] != ""; i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return res, body
}

// answer is a list of the API.
type answer struct {
	Items []map[string]any `json:"items"`
	Next  *string          `json:"next"`
}

func (s *site) list(tb testing.TB, path string) answer {
	tb.Helper()
	res, body := s.ask(tb, path)
	var a answer
	if err := json.Unmarshal(body, &a); err != nil || res.StatusCode != http.StatusOK || a.Next == nil {
		tb.Fatalf("%s: %s: %v\n%.300s", path, res.Status, err, body)
	}
	return a
}

func TestLifecycleAnswer(t *testing.T) {
	s := serve(t)
	id := s.idOf(t, webtest.OverdueReceipt)
	res, body := s.ask(t, "/api/v1/lifecycles/"+id)
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "application/json" {
		t.Fatalf("%s %s", res.Status, res.Header)
	}
	var l map[string]any
	if err := json.Unmarshal(body, &l); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"correlation_id": id, "workflow": "sale", "state": "open", "verdict": "failed", "location": "0123",
		"business_date": "2026-11-23", "started_at": "2026-11-23T09:02:54Z", "posted_by": "", "posted_at": nil,
	} {
		if got, ok := l[name]; !ok || got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if keys := l["keys"].(map[string]any); keys["receipt"] != webtest.OverdueReceipt || keys["correlation_id"] != id {
		t.Errorf("keys: %v", keys)
	}
	step := l["steps"].([]any)[2].(map[string]any)
	if step["step"] != "mapped" || step["system"] != "middleware" || step["outcome"] != "failed" || step["attempt"] != 3.0 ||
		step["expected_by"] != "2026-11-23T09:04:54Z" || step["error"].(map[string]any)["code"] != "item_unmapped" {
		t.Errorf("step: %v", step)
	}
	finding := l["findings"].([]any)[0].(map[string]any)
	if finding["kind"] != "mapping_unknown" || finding["step"] != "mapped" || finding["system"] != "middleware" ||
		finding["correlation_id"] != id || finding["closed_at"] != nil || finding["group"] == "" || finding["count"] != 1.0 {
		t.Errorf("finding: %v", finding)
	}
	for _, name := range []string{"lines", "related", "record_ids", "units", "values", "awaits"} {
		if _, ok := l[name].([]any); !ok {
			t.Errorf("%s is %v, want a list", name, l[name])
		}
	}
}

func TestAnyKeyRedirects(t *testing.T) {
	s := serve(t)
	id := s.idOf(t, webtest.OverdueReceipt)
	for _, key := range []string{webtest.OverdueReceipt, "receipt:123/4/778", "123/4/778", "0123-04-778", url.PathEscape("0123/04/000778")} {
		res, _ := s.ask(t, "/api/v1/lifecycles/"+key)
		if res.StatusCode != http.StatusTemporaryRedirect || res.Header.Get("Location") != "/api/v1/lifecycles/"+id {
			t.Errorf("%s: %s to %q, want a redirect to %s", key, res.Status, res.Header.Get("Location"), id)
		}
		res, _ = s.ask(t, "/trace/"+key)
		if res.StatusCode != http.StatusFound || res.Header.Get("Location") != "/trace/"+id {
			t.Errorf("page of %s: %s to %q", key, res.Status, res.Header.Get("Location"))
		}
	}
	// A number several carry is answered with all of them.
	s.memory.Lock()
	s.memory.LifecycleList = append(s.memory.LifecycleList, s.memory.LifecycleList[0])
	last := &s.memory.LifecycleList[len(s.memory.LifecycleList)-1]
	last.ID, last.Keys, last.Identifiers = "c-other", slices.Clone(last.Keys), nil
	last.Keys = append(last.Keys, inventory.Key{Name: "receipt", Value: "0999-01-000778"})
	s.memory.Unlock()
	res, body := s.ask(t, "/api/v1/lifecycles/778")
	var a answer
	if err := json.Unmarshal(body, &a); err != nil || res.StatusCode != http.StatusMultipleChoices || len(a.Items) != 2 {
		t.Errorf("two candidates: %s, %v, %d items", res.Status, err, len(a.Items))
	}
	if res, _ := s.ask(t, "/trace/778"); res.Header.Get("Location") != "/find?q=778" {
		t.Errorf("page of two candidates leads to %q", res.Header.Get("Location"))
	}
	if res, _ := s.ask(t, "/api/v1/lifecycles/nobody"); res.StatusCode != http.StatusNotFound {
		t.Errorf("unknown id: %s", res.Status)
	}
}

// TestListsWalk walks lists with cursors, in windows of any size, while things
// arrive: everything that was there is listed once, in one order.
func TestListsWalk(t *testing.T) {
	s := serve(t)
	rng := rand.New(rand.NewPCG(1, 2))
	for path, id := range map[string]string{
		"/api/v1/lifecycles?":            "correlation_id",
		"/api/v1/findings?":              "id",
		"/api/v1/findings?state=open&":   "id",
		"/api/v1/store-days?":            "location",
		"/api/v1/lifecycles?region=Ost&": "correlation_id",
	} {
		whole := s.list(t, path+"limit=1000")
		if len(whole.Items) < 5 || *whole.Next != "" {
			t.Fatalf("%s: %d items, next %q", path, len(whole.Items), *whole.Next)
		}
		var walked []string
		cursor := ""
		for {
			a := s.list(t, fmt.Sprintf("%slimit=%d&cursor=%s", path, 1+rng.IntN(40), url.QueryEscape(cursor)))
			for _, item := range a.Items {
				walked = append(walked, item[id].(string))
			}
			if cursor = *a.Next; cursor == "" {
				break
			}
			s.arrive()
		}
		var want []string
		for _, item := range whole.Items {
			want = append(want, item[id].(string))
		}
		if !slices.Equal(walked, want) {
			t.Errorf("%s: walked %d items, want the %d that were there, in order", path, len(walked), len(want))
		}
	}
}

func TestExports(t *testing.T) {
	s := serve(t)
	// More than one window of each.
	for range 2500 {
		s.arrive()
	}
	for path, id := range map[string]string{
		"lifecycles?region=Ost": "correlation_id", "lifecycles?workflow=sale": "correlation_id",
		"findings?state=open": "id", "findings?groups=without": "id", "lifecycles?item=nothing": "correlation_id",
	} {
		want := map[string]bool{}
		for cursor := ""; ; {
			a := s.list(t, "/api/v1/"+path+"&limit=1000&cursor="+url.QueryEscape(cursor))
			for _, item := range a.Items {
				want[item[id].(string)] = true
			}
			if cursor = *a.Next; cursor == "" {
				break
			}
		}
		res, body := s.ask(t, "/api/v1/export/"+path)
		if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "application/x-ndjson" {
			t.Fatalf("%s: %s %s", path, res.Status, body[:min(300, len(body))])
		}
		got := 0
		for line := range bytes.Lines(body) {
			var item map[string]any
			if err := json.Unmarshal(line, &item); err != nil || !want[item[id].(string)] {
				t.Fatalf("%s: %v or not in the list: %.200s", path, err, line)
			}
			got++
		}
		if got != len(want) || strings.Contains(path, "sale") && got < 2*1000 {
			t.Errorf("%s: %d lines for a list of %d", path, got, len(want))
		}
	}
	if res, body := s.ask(t, "/api/v1/export/findings?limit=10"); res.StatusCode != http.StatusBadRequest || !strings.Contains(string(body), "everything the filter selects") {
		t.Errorf("%s %s", res.Status, body)
	}
	s.memory.Lock()
	s.memory.Err = web.ErrUnavailable
	s.memory.Unlock()
	if res, _ := s.ask(t, "/api/v1/export/findings"); res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("%s", res.Status)
	}
}

// arrive adds a new sale, and a new finding to an old one.
func (s *site) arrive() {
	s.memory.Lock()
	defer s.memory.Unlock()
	l := s.memory.LifecycleList[0]
	l.ID = fmt.Sprintf("c-new-%d", len(s.memory.LifecycleList))
	l.StartedAt = webtest.Now.Add(time.Duration(len(s.memory.LifecycleList)) * time.Minute)
	l.Location, l.BusinessDate = "0001", "2026-11-30"
	l.Findings = []inventory.Finding{{ID: "f-" + l.ID, State: inventory.FindingOpen, OpenedAt: l.StartedAt, LifecycleID: l.ID}}
	s.memory.LifecycleList = append(s.memory.LifecycleList, l)
}

func TestFindingsShowGroupsAmongMembers(t *testing.T) {
	s := serve(t)
	all := s.list(t, "/api/v1/findings?kind=mapping_unknown&limit=1000")
	members, groups := 0, 0
	for _, f := range all.Items {
		if f["correlation_id"] == "" {
			groups++
			if f["count"] != 39.0 || f["id"] != "g-mapping-4006381333931" || f["group"] != "" || f["state"] != "open" {
				t.Errorf("group: %v", f)
			}
			continue
		}
		members++
		if f["group"] != "g-mapping-4006381333931" || f["count"] != 1.0 {
			t.Errorf("member: %v", f)
		}
	}
	if members != 39 || groups != 1 {
		t.Errorf("%d members and %d groups, want 39 and 1", members, groups)
	}
	if n := len(s.list(t, "/api/v1/findings?group=g-mapping-4006381333931&limit=1000").Items); n != 39 {
		t.Errorf("group= lists %d, want the 39 members", n)
	}
	if n := len(s.list(t, "/api/v1/findings?kind=mapping_unknown&groups=without&limit=1000").Items); n != 39 {
		t.Errorf("groups=without lists %d, want the 39 members", n)
	}

	// A disproved finding is listed only when asked for.
	s.memory.Lock()
	f := &s.memory.LifecycleList[0].Findings[0]
	f.State, f.Resolution, f.ClosedAt = inventory.FindingClosed, inventory.Disproved, webtest.Now
	id := f.ID
	s.memory.Unlock()
	for query, want := range map[string]bool{"": false, "state=open": false, "state=closed": false, "state=any": true} {
		found := slices.ContainsFunc(s.list(t, "/api/v1/findings?limit=1000&"+query).Items, func(f map[string]any) bool { return f["id"] == id })
		if found != want {
			t.Errorf("%q lists the disproved finding: %v, want %v", query, found, want)
		}
	}
}

func TestCSV(t *testing.T) {
	s := serve(t)
	s.memory.Lock()
	s.memory.LifecycleList[0].Sentence = `=HYPERLINK("http://evil","x"), "quoted"` + "\nand broken"
	s.memory.Unlock()
	for _, path := range []string{
		"/api/v1/lifecycles", "/api/v1/findings", "/api/v1/findings/groups", "/api/v1/store-days", "/api/v1/objectives",
		"/api/v1/incidents", "/api/v1/metrics", "/api/v1/metrics?by=system", "/api/v1/quarantine", "/api/v1/sources",
	} {
		limit := "?limit=1000"
		if strings.Contains(path, "?") {
			limit = "&limit=1000"
		}
		res, body := s.ask(t, path+limit, "Accept", "text/csv")
		rows, err := csv.NewReader(bytes.NewReader(body)).ReadAll()
		if err != nil || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/csv") || res.Header.Get("Vary") != "Accept" {
			t.Errorf("%s: %v, %s", path, err, res.Header)
			continue
		}
		items := s.list(t, path+limit).Items
		if len(rows) != len(items)+1 {
			t.Errorf("%s: %d rows, %d items", path, len(rows), len(items))
		}
		for _, row := range rows {
			for _, cell := range row {
				if strings.HasPrefix(cell, "=") || strings.HasPrefix(cell, "@") {
					t.Errorf("%s: a spreadsheet would run %q", path, cell)
				}
			}
		}
	}
	res, _ := s.ask(t, "/api/v1/lifecycles?limit=10&format=csv")
	next := regexp.MustCompile(`^<(.+)>; rel="next"$`).FindStringSubmatch(res.Header.Get("Link"))
	if next == nil {
		t.Fatalf("no next window in Link: %q", res.Header.Get("Link"))
	}
	_, body := s.ask(t, next[1])
	if rows, err := csv.NewReader(bytes.NewReader(body)).ReadAll(); err != nil || len(rows) != 11 {
		t.Errorf("the next window has %d rows, %v", len(rows), err)
	}
}

// TestReport: the month asked for, in the server's zone, as JSON and one figure a
// row.
func TestReport(t *testing.T) {
	var asked []time.Time
	s := serve(t, func(o *web.Options) {
		o.Report = func(_ context.Context, name string, first time.Time) (slo.Report, error) {
			asked = append(asked, first)
			return webtest.Report(name, first)
		}
	})
	const path = "/api/v1/objectives/sale-posted/report"
	_, body := s.ask(t, path+"?month=2026-10")
	var got struct {
		Month, Sentence  string
		Good, Bad        int
		Attainment       float64
		BudgetLeft       float64 `json:"budget_left"`
		AttainmentChange float64 `json:"attainment_change"`
		Before           struct{ Bad int }
		Causes           []struct{ Title, Step string }
		AtRisk           struct {
			Units  []struct{ UOM, Quantity string }
			Values []struct{ Currency, Amount string }
		} `json:"at_risk"`
	}
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatal(err)
	}
	if got.Month != "2026-10" || got.Good != 1_204_332 || got.Bad != 4_577 || got.Before.Bad != 7_310 || got.AttainmentChange < 0.002 ||
		len(got.Causes) != 3 || got.Causes[0].Title != "No item mapping" || got.Causes[0].Step != "mapped" || got.Sentence == "" ||
		got.AtRisk.Units[0].Quantity != "9120" || got.AtRisk.Values[0].Amount != "180221.9" {
		t.Errorf("report is %s", body)
	}
	s.ask(t, path)
	zone := webtest.Locations["0123"].Zone
	if want := []time.Time{time.Date(2026, 10, 1, 0, 0, 0, 0, zone), time.Date(2026, 11, 1, 0, 0, 0, 0, zone)}; !slices.EqualFunc(want, asked, time.Time.Equal) {
		t.Errorf("asked for the months from %v, want %v", asked, want)
	}
	res, body := s.ask(t, path+"?month=2026-10&format=csv")
	rows, err := csv.NewReader(bytes.NewReader(body)).ReadAll()
	if err != nil || !strings.Contains(res.Header.Get("Content-Disposition"), `"report-sale-posted-2026-10.csv"`) {
		t.Fatalf("%v, %s", err, res.Header)
	}
	for _, want := range [][]string{
		{"objective", "month", "section", "name", "measure", "value"},
		{"sale-posted", "2026-10", "month", "", "bad", "4577"},
		{"sale-posted", "2026-10", "before", "", "bad", "7310"},
		{"sale-posted", "2026-10", "cause", "Not in ERP", "erp posted", "1455"},
		{"sale-posted", "2026-10", "at_risk", "values", "EUR retail_gross", "180221.9"},
		{"sale-posted", "2026-10", "still_open", "units", "EA", "121"},
		{"sale-posted", "2026-10", "region", "Nord", "bad", "2904"},
	} {
		if !slices.ContainsFunc(rows, func(row []string) bool { return slices.Equal(row, want) }) {
			t.Errorf("no row %v", want)
		}
	}
	if res, _ := s.ask(t, "/api/v1/objectives/nothing/report"); res.StatusCode != http.StatusNotFound {
		t.Errorf("an unknown objective: %s", res.Status)
	}
}

func TestBadQuestions(t *testing.T) {
	s := serve(t)
	for path, parameter := range map[string]string{
		"/api/v1/lifecycles?limit=0":                          "limit",
		"/api/v1/lifecycles?limit=1001":                       "limit",
		"/api/v1/lifecycles?limit=many":                       "limit",
		"/api/v1/lifecycles?cursor=%21":                       "cursor",
		"/api/v1/lifecycles?cursor=YWJj":                      "cursor",
		"/api/v1/store-days?cursor=YWJj":                      "cursor",
		"/api/v1/lifecycles?verdict=perfect":                  "verdict",
		"/api/v1/lifecycles?state=ajar":                       "state",
		"/api/v1/lifecycles?from=yesterday":                   "from",
		"/api/v1/lifecycles?time=sent":                        "time",
		"/api/v1/findings?state=half":                         "state",
		"/api/v1/findings?groups=some":                        "groups",
		"/api/v1/store-days?from=23.11.2026":                  "from",
		"/api/v1/metrics?by=weather":                          "by",
		"/api/v1/objectives/sale-posted/report?month=2026-13": "month",
		"/api/v1/objectives/sale-posted/report?month=nov":     "month",
	} {
		res, body := s.ask(t, path)
		var p struct {
			Type, Title, Detail, Instance, Parameter string
			Status                                   int
		}
		if err := json.Unmarshal(body, &p); err != nil || res.StatusCode != http.StatusBadRequest ||
			res.Header.Get("Content-Type") != "application/problem+json" || p.Status != 400 || p.Parameter != parameter || p.Detail == "" {
			t.Errorf("%s: %s %s", path, res.Status, body)
		}
	}
	if res, body := s.ask(t, "/api/v1/nothing"); res.StatusCode != http.StatusNotFound || !bytes.Contains(body, []byte("openapi.json")) {
		t.Errorf("unknown path: %s %s", res.Status, body)
	}
	s.memory.Lock()
	s.memory.Err = fmt.Errorf("dial: %w", web.ErrUnavailable)
	s.memory.Unlock()
	if res, _ := s.ask(t, "/api/v1/lifecycles"); res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
		t.Errorf("database gone: %s, Retry-After %q", res.Status, res.Header.Get("Retry-After"))
	}
	s.memory.Lock()
	s.memory.Err = fmt.Errorf("secret: password hunter2")
	s.memory.Unlock()
	if res, body := s.ask(t, "/api/v1/lifecycles"); res.StatusCode != http.StatusInternalServerError || bytes.Contains(body, []byte("hunter2")) {
		t.Errorf("our own mistake: %s %s", res.Status, body)
	}
}

func TestRaw(t *testing.T) {
	s := serve(t)
	rec := s.memory.RecordList[0]
	path := "/api/v1/events/" + url.PathEscape(rec.ID) + "/raw"
	res, body := s.ask(t, path)
	if res.StatusCode != http.StatusOK || !bytes.Equal(body, rec.Raw) || res.Header.Get("Content-Type") != rec.RawType {
		t.Errorf("%s %s: %.200s", res.Status, res.Header, body)
	}
	// The same id with another content: both are kept, and either can be had.
	other := rec
	other.Raw, other.Content, other.ReceivedAt = []byte(`{"other":true}`), inventory.Hash{1}, rec.ReceivedAt.Add(time.Second)
	s.memory.Lock()
	s.memory.RecordList = append(s.memory.RecordList, other)
	s.memory.Unlock()
	res, body = s.ask(t, path)
	if !bytes.Equal(body, rec.Raw) || res.Header.Get("Stocktrace-Contents") != "2" {
		t.Errorf("first received: %s %.100s", res.Header, body)
	}
	if _, body = s.ask(t, path+"?content="+other.Content.String()); !bytes.Equal(body, other.Raw) {
		t.Errorf("by content: %.100s", body)
	}
	if res, _ := s.ask(t, "/api/v1/events/nothing/raw"); res.StatusCode != http.StatusNotFound {
		t.Errorf("unknown record: %s", res.Status)
	}
}

func TestTokens(t *testing.T) {
	s := serve(t, func(o *web.Options) { o.Token = "open sesame"; o.PublicURL = "https://stock.example" })
	for _, c := range []struct {
		path, header, value string
		status              int
	}{
		{"/api/v1/status", "", "", 401},
		{"/api/v1/status", "Authorization", "Bearer wrong", 401},
		{"/api/v1/status", "Authorization", "Bearer open sesame", 200},
		{"/", "Authorization", "Bearer open sesame", 200},
		{"/", "Cookie", "stocktrace_session=AAAA", 302},
		{"/live", "", "", 401},
		{"/findings", "", "", 302},
		{"/login", "", "", 200},
		{"/static/app.css", "", "", 200},
	} {
		if res, _ := s.ask(t, c.path, c.header, c.value); res.StatusCode != c.status {
			t.Errorf("%s with %s %q: %s, want %d", c.path, c.header, c.value, res.Status, c.status)
		}
	}
	// A link from elsewhere comes without the cookie: a page of ours asks again.
	if res, body := s.ask(t, "/trace/x", "Sec-Fetch-Site", "cross-site"); res.StatusCode != 200 || !bytes.Contains(body, []byte(`http-equiv="refresh"`)) {
		t.Errorf("link from elsewhere: %s %.100s", res.Status, body)
	}

	post := func(token, to, origin string) *http.Response {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/login", strings.NewReader(url.Values{"token": {token}, "to": {to}}.Encode()))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if origin != "" {
			req.Header.Set("Sec-Fetch-Site", origin)
		}
		client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return res
	}
	res := post("open sesame", "/findings?region=Nord", "same-origin")
	if res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/findings?region=Nord" || len(res.Cookies()) != 1 {
		t.Fatalf("sign in: %s %s", res.Status, res.Header)
	}
	c := res.Cookies()[0]
	if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || !c.Secure || c.Path != "/" || strings.Contains(c.Value, "sesame") {
		t.Errorf("cookie: %v", c)
	}
	if res, _ := s.ask(t, "/findings", "Cookie", c.Name+"="+c.Value); res.StatusCode != 200 {
		t.Errorf("with the cookie: %s", res.Status)
	}
	tampered := "B" + c.Value[1:]
	if res, _ := s.ask(t, "/findings", "Cookie", c.Name+"="+tampered); res.StatusCode != 302 {
		t.Errorf("with a tampered cookie: %s", res.Status)
	}
	if res := post("open sesame", "/", "cross-site"); res.StatusCode != http.StatusForbidden {
		t.Errorf("another site's form: %s", res.Status)
	}
	for _, to := range []string{"https://evil.example", "//evil.example", `/\evil.example`, "javascript:alert(1)"} {
		if res := post("open sesame", to, "same-origin"); res.Header.Get("Location") != "/" {
			t.Errorf("after signing in, %q leads to %q", to, res.Header.Get("Location"))
		}
	}
}

func TestHeaders(t *testing.T) {
	s := serve(t)
	for _, path := range []string{"/", "/api/v1/status", "/static/app.js", "/no/such/page", "/api/nothing"} {
		res, _ := s.ask(t, path)
		policy := res.Header.Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") || res.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %q", path, policy)
		}
	}
	_, page := s.ask(t, "/")
	if m := regexp.MustCompile(`<script(?:>|[^>]*[^c]>)|\sstyle="|\son[a-z]+="|<style`).Find(regexp.MustCompile(`<script src="[^"]*"(?: defer)?>`).ReplaceAll(page, nil)); m != nil {
		t.Errorf("something inline: %s", m)
	}
	// Files asked for by their version are kept for ever, and are the right ones.
	address := regexp.MustCompile(`/static/app\.css\?v=[0-9a-f]+`).Find(page)
	res, css := s.ask(t, string(address))
	if !strings.Contains(res.Header.Get("Cache-Control"), "immutable") || !bytes.Contains(css, []byte(`plex-sans-latin.woff2?v=`)) {
		t.Errorf("%s: %s", address, res.Header)
	}
	if res, _ := s.ask(t, string(address), "If-None-Match", res.Header.Get("ETag")); res.StatusCode != http.StatusNotModified {
		t.Errorf("asked again with the ETag: %s", res.Status)
	}
}

// TestOpenAPI holds the description against the answers: every path answers, and
// with what it says.
func TestOpenAPI(t *testing.T) {
	s := serve(t)
	_, body := s.ask(t, "/api/openapi.json")
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			OperationID string
			Parameters  []struct{ Name, In string }
			Responses   map[string]struct {
				Content map[string]struct{ Schema map[string]any }
			}
		}
		Components struct{ Schemas map[string]map[string]any }
	}
	if err := json.Unmarshal(body, &doc); err != nil || doc.OpenAPI != "3.1.0" {
		t.Fatal(err)
	}
	guide, err := os.ReadFile("../docs/contract/api.md")
	if err != nil {
		t.Fatal(err)
	}
	for path, operations := range doc.Paths {
		get, asks := operations["get"]
		if !asks {
			get = operations["post"]
		}
		verb, _, _ := strings.Cut(path[strings.LastIndex(path, "/")+1:], "?")
		method := map[bool]string{true: "GET", false: "POST"}[asks]
		if !bytes.Contains(guide, []byte("`"+method+" "+path)) && (asks || !bytes.Contains(guide, []byte("`"+verb+"`"))) {
			t.Errorf("docs/contract/api.md does not mention %s %s", method, path)
		}
		for _, p := range get.Parameters {
			if !bytes.Contains(guide, []byte("`"+p.Name+"`")) {
				t.Errorf("docs/contract/api.md does not explain parameter %s of %s", p.Name, path)
			}
		}
		if !asks {
			continue // see TestPeople
		}
		id := s.idOf(t, webtest.TwiceReceipt)
		if strings.Contains(path, "/events/") {
			id = url.PathEscape(s.memory.RecordList[0].ID)
		}
		res, body := s.ask(t, strings.NewReplacer("{id}", id, "{name}", "sale-posted").Replace(path))
		if res.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", path, res.Status)
			continue
		}
		schema := get.Responses["200"].Content["application/json"].Schema
		if schema == nil {
			continue
		}
		var v any
		if err := json.Unmarshal(body, &v); err != nil {
			t.Fatal(err)
		}
		for _, wrong := range conforms(v, schema, doc.Components.Schemas, path) {
			t.Error(wrong)
		}
	}
}

// conforms says where a value is not what a schema says. It knows as much of JSON
// Schema as the description uses.
func conforms(v any, schema map[string]any, named map[string]map[string]any, at string) (wrong []string) {
	if ref, ok := schema["$ref"].(string); ok {
		return conforms(v, named[strings.TrimPrefix(ref, "#/components/schemas/")], named, at)
	}
	if kinds, ok := schema["oneOf"].([]any); ok {
		for _, one := range kinds {
			if len(conforms(v, one.(map[string]any), named, at)) == 0 {
				return nil
			}
		}
		return []string{at + ": none of the kinds described"}
	}
	var kinds []string
	switch k := schema["type"].(type) {
	case string:
		kinds = []string{k}
	case []any:
		for _, one := range k {
			kinds = append(kinds, one.(string))
		}
	}
	kind := map[bool]string{true: "null"}[v == nil]
	switch v := v.(type) {
	case string:
		kind = "string"
	case bool:
		kind = "boolean"
	case float64:
		kind = "number"
		if v == float64(int64(v)) && slices.Contains(kinds, "integer") {
			kind = "integer"
		}
	case []any:
		kind = "array"
		for i, item := range v {
			wrong = append(wrong, conforms(item, schema["items"].(map[string]any), named, fmt.Sprintf("%s[%d]", at, i))...)
		}
	case map[string]any:
		kind = "object"
		properties, _ := schema["properties"].(map[string]any)
		more, _ := schema["additionalProperties"].(map[string]any)
		for name, value := range v {
			described, ok := properties[name].(map[string]any)
			if !ok {
				described = more
			}
			if described == nil {
				wrong = append(wrong, at+"."+name+": not described")
				continue
			}
			wrong = append(wrong, conforms(value, described, named, at+"."+name)...)
		}
		required, _ := schema["required"].([]any)
		for _, name := range required {
			if _, ok := v[name.(string)]; !ok {
				wrong = append(wrong, at+"."+name.(string)+": required and missing")
			}
		}
	}
	if !slices.Contains(kinds, kind) {
		wrong = append(wrong, fmt.Sprintf("%s: %v is %s, described as %v", at, v, kind, kinds))
	}
	return wrong
}

// TestLiveStream reads the stream as a browser does.
func TestLiveStream(t *testing.T) {
	s := serve(t, func(o *web.Options) { o.Throttle = time.Millisecond })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	req, _ := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/live", nil)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%s", res.Header)
	}
	read := func(want string) {
		t.Helper()
		var seen []byte
		buf := make([]byte, 256)
		for !bytes.Contains(seen, []byte(want)) {
			n, err := res.Body.Read(buf)
			if err != nil {
				t.Fatalf("waiting for %q: %v, after %q", want, err, seen)
			}
			seen = append(seen, buf[:n]...)
		}
	}
	read("event: hello")
	s.announce()
	read("event: changed")
	s.server.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Errorf("the stream ends with %v", err)
	}
}
