package web_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/web"
	"github.com/stocktrace/stocktrace/web/webtest"
)

// post sends a request to act and returns status and answer.
func (s *site) post(tb testing.TB, path, body string, header ...string) (int, map[string]any) {
	tb.Helper()
	req, err := http.NewRequestWithContext(tb.Context(), http.MethodPost, s.URL+path, strings.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		tb.Fatal(err)
	}
	var v map[string]any
	if err := json.Unmarshal(text, &v); err != nil {
		tb.Fatalf("POST %s: %s: %v\n%s", path, res.Status, err, text)
	}
	return res.StatusCode, v
}

// finding returns the first finding of the sale with that receipt.
func (s *site) finding(tb testing.TB, receipt string) inventory.Finding {
	tb.Helper()
	l, err := s.memory.Lifecycle(tb.Context(), s.idOf(tb, receipt))
	if err != nil {
		tb.Fatal(err)
	}
	return l.Findings[0]
}

func TestPeopleHandleAFinding(t *testing.T) {
	s := serve(t)
	id := s.finding(t, webtest.OverdueReceipt).ID
	for _, step := range []struct {
		verb, body string
		status     int
		want       map[string]any // of the finding, or of the problem
	}{
		{"acknowledge", `{"by":""}`, 422, map[string]any{"detail": "Say who does it: by is empty."}},
		{"acknowledge", `{"by":"ada","resolution":"accepted"}`, 422, map[string]any{"detail": "A resolution goes with resolve, not with acknowledge."}},
		{"acknowledge", `{"by":"ada"}`, 200, map[string]any{"acknowledged_by": "ada", "state": "open"}},
		{"assign", `{"by":"ada","assignee":"integration","ticket":"INC1"}`, 200, map[string]any{"assignee": "integration", "ticket": "INC1"}},
		{"reopen", `{"by":"ada"}`, 409, map[string]any{"detail": "It is open."}},
		{"resolve", `{"by":"ada"}`, 422, map[string]any{"title": "Unprocessable Entity"}},
		{"resolve", `{"by":"ada","resolution":"recovered"}`, 422, nil},
		{"resolve", `{"by":"bob","resolution":"corrected_manually","note":"MB1B"}`, 200, map[string]any{
			"state": "closed", "resolution": "corrected_manually", "resolution_note": "MB1B",
		}},
		{"resolve", `{"by":"bob","resolution":"accepted"}`, 409, map[string]any{"detail": "It is closed already (corrected manually)."}},
		{"reopen", `{"by":"ada","id":"r-1"}`, 200, map[string]any{"state": "open", "acknowledged_by": "", "resolution": ""}},
		{"acknowledge", `{"by":"ada","colour":"red"}`, 400, nil},
		{"acknowledge", `{"by":"ada"} {}`, 400, nil},
	} {
		status, v := s.post(t, "/api/v1/findings/"+id+"/"+step.verb, step.body)
		if status != step.status {
			t.Fatalf("%s %s: %d %v", step.verb, step.body, status, v)
		}
		if status == 200 {
			if v["applied"] != true || v["count"] != 1.0 {
				t.Errorf("%s: %v", step.verb, v)
			}
			v = v["findings"].([]any)[0].(map[string]any)
		}
		for name, want := range step.want {
			if v[name] != want {
				t.Errorf("%s %s: %s is %v, want %v", step.verb, step.body, name, v[name], want)
			}
		}
	}
	if status, _ := s.post(t, "/api/v1/findings/f-nothing/acknowledge", `{"by":"ada"}`); status != 404 {
		t.Errorf("no such finding: %d", status)
	}
	if status, _ := s.post(t, "/api/v1/findings/"+id+"/acknowledge", `by=ada`, "Content-Type", "application/x-www-form-urlencoded"); status != 415 {
		t.Errorf("a form: %d", status)
	}
	// A feed's silence ends when the feed speaks.
	if status, v := s.post(t, "/api/v1/findings/"+s.memory.FeedFindings[0].ID+"/resolve", `{"by":"ada","resolution":"accepted"}`); status != 409 {
		t.Errorf("a feed's finding: %d %v", status, v)
	}
	// Everything done is on the trail, newest first, and nothing that was refused.
	var verbs []string
	for _, a := range s.list(t, "/api/v1/actions?finding="+id).Items {
		verbs = append(verbs, a["verb"].(string))
		if a["via"] != "api" || a["at"] == nil {
			t.Errorf("%v", a)
		}
	}
	if got := strings.Join(verbs, " "); len(verbs) != 4 {
		t.Errorf("on the trail: %s", got)
	}
}

func TestPeopleHandleWhatAFilterSelects(t *testing.T) {
	s := serve(t)
	group := s.finding(t, webtest.OverdueReceipt).Group
	path := "/api/v1/findings/acknowledge?group=" + url.QueryEscape(group)
	status, v := s.post(t, path+"&preview=1", `{"by":"ada"}`)
	n := int(v["count"].(float64))
	if status != 200 || n < 2 || v["preview"] != true {
		t.Fatalf("%d %v", status, v)
	}
	if len(s.memory.ActionList) != len(webtest.Sample().ActionList) {
		t.Error("a preview did something")
	}
	if status, v = s.post(t, path, `{"by":"ada","expect":1}`); status != 409 {
		t.Errorf("another number than expected: %d %v", status, v)
	}
	if status, v = s.post(t, path, `{"by":"ada","id":"b-7"}`); status != 200 || int(v["count"].(float64)) != n || v["applied"] != true {
		t.Errorf("%d %v", status, v)
	}
	if on := s.list(t, "/api/v1/actions?batch=b-7&limit=1000").Items; len(on) != n || on[0]["filter"] != "group="+group {
		t.Errorf("%d on the trail", len(on))
	}
	if status, v = s.post(t, path, `{"by":"ada","id":"b-7"}`); status != 200 {
		t.Errorf("asked again: %d %v", status, v)
	}
	if on := s.list(t, "/api/v1/actions?batch=b-7&limit=1000").Items; len(on) != n {
		t.Errorf("asked again: %d on the trail, want %d", len(on), n)
	}
	for _, g := range s.list(t, "/api/v1/findings/groups?state=open").Items {
		if g["id"] == group && g["acknowledged"] != g["open"] {
			t.Errorf("group: %v of %v acknowledged", g["acknowledged"], g["open"])
		}
	}
	if status, _ = s.post(t, "/api/v1/findings/resolve?state=open", `{"by":"ada","resolution":"accepted"}`); status != 422 {
		t.Errorf("everything at once: %d", status)
	}
}

func TestPeopleMergeAndSplit(t *testing.T) {
	s := serve(t)
	a, b := s.idOf(t, webtest.TwiceReceipt), s.idOf(t, webtest.DeadReceipt)
	status, v := s.post(t, "/api/v1/lifecycles/"+a+"/merge", `{"by":"ada","with":"`+webtest.DeadReceipt+`","id":"m-1"}`)
	if status != 200 || v["applied"] != true {
		t.Fatalf("%d %v", status, v)
	}
	records := v["actions"].([]any)[0].(map[string]any)["records"].([]any)
	la, _ := s.memory.Lifecycle(t.Context(), a)
	lb, _ := s.memory.Lifecycle(t.Context(), b)
	if len(records) != len(la.RecordIDs)+len(lb.RecordIDs) {
		t.Errorf("%d records are one, want %d", len(records), len(la.RecordIDs)+len(lb.RecordIDs))
	}
	one, _ := json.Marshal(map[string]any{"by": "ada", "records": la.RecordIDs[:1]})
	all, _ := json.Marshal(map[string]any{"by": "ada", "records": la.RecordIDs})
	other, _ := json.Marshal(map[string]any{"by": "ada", "records": lb.RecordIDs[:1]})
	for _, c := range []struct {
		path, body string
		status     int
	}{
		{"/lifecycles/" + a + "/merge", `{"by":"ada","with":"` + a + `"}`, 409},
		{"/lifecycles/" + a + "/merge", `{"by":"ada"}`, 422},
		{"/lifecycles/" + a + "/merge", `{"by":"ada","with":"nothing of the kind"}`, 404},
		{"/lifecycles/" + a + "/split", string(one), 200},
		{"/lifecycles/" + a + "/split", string(all), 422},
		{"/lifecycles/" + a + "/split", string(other), 422},
		{"/lifecycles/" + a + "/split", `{"by":"ada"}`, 422},
		{"/actions/m-1/undo", `{"by":"ada"}`, 200},
		{"/actions/m-1/undo", `{"by":"ada"}`, 409},
		{"/actions/act-1/undo", `{"by":"ada"}`, 409},
		{"/actions/nothing/undo", `{"by":"ada"}`, 404},
	} {
		if status, v := s.post(t, "/api/v1"+c.path, c.body); status != c.status {
			t.Errorf("%s %.80s: %d %v", c.path, c.body, status, v)
		}
	}
	undone := false
	for _, x := range s.list(t, "/api/v1/actions?correlation_id="+url.QueryEscape(a)).Items {
		undone = undone || x["id"] == "m-1" && x["undone"] == true
	}
	if !undone {
		t.Error("the trail does not say that the merge was taken back")
	}
}

// Who may look may not act.
func TestViewersOnlyLook(t *testing.T) {
	s := serve(t, func(o *web.Options) { o.Token, o.ViewToken = "operate", "look" })
	path := "/api/v1/findings/" + s.finding(t, webtest.OverdueReceipt).ID + "/acknowledge"
	for token, want := range map[string][2]int{"operate": {200, 200}, "look": {200, 403}, "guess": {401, 401}} {
		res, _ := s.ask(t, "/api/v1/status", "Authorization", "Bearer "+token)
		status, v := s.post(t, path, `{"by":"ada"}`, "Authorization", "Bearer "+token)
		if res.StatusCode != want[0] || status != want[1] {
			t.Errorf("%s: looks %d, acts %d %v", token, res.StatusCode, status, v)
		}
	}
	// What a viewer's page shows has nothing to press.
	res, body := s.ask(t, "/trace/"+s.idOf(t, webtest.OverdueReceipt), "Authorization", "Bearer look")
	if res.StatusCode != 200 || bytes.Contains(body, []byte(`action="/act"`)) {
		t.Errorf("a viewer is shown what to press: %s", res.Status)
	}
}
