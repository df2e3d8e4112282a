package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"testing"
	"time"
)

// TestPeople: what people do goes through log, engine and tables, survives a
// restart, and is recomputed.
func TestPeople(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	i := start(t, dir, nil)
	at := time.Now().Add(-time.Minute)
	const receipt, other = "0123-04-000778", "0123-04-000779"
	i.post("s-1", "pos", "completed", receipt, at)
	i.post("s-2", "pos", "completed", other, at)
	status, body := i.do(http.MethodPost, "/v1/events", "application/cloudevents+json", fmt.Sprintf(
		`{"specversion":"1.0","id":"d-1","source":"/test/middleware","type":"inventory.sale.mapped","time":%q,
		"data":{"workflow":"sale","step":"mapped","system":"middleware","location":"0123","register":"04","outcome":"dead_lettered",
		"error":{"code":"timeout"},"keys":{"receipt":%q}}}`, at.Add(time.Second).Format(time.RFC3339Nano), receipt))
	if status != http.StatusOK {
		t.Fatal(status, body)
	}
	type answer struct {
		Applied  bool
		Actions  []struct{ ID string }
		Findings []struct{ ID, Kind, State, Resolution string }
		Items    []struct {
			ID, Kind, State, Verb string
			AcknowledgedBy        string `json:"acknowledged_by"`
			ResolutionNote        string `json:"resolution_note"`
			Undone                bool
		}
	}
	ask := func(method, path, body string) (a answer) {
		t.Helper()
		status, text := i.do(method, path, "application/json", body)
		if status != http.StatusOK {
			t.Fatalf("%s %s: %d %s", method, path, status, text)
		}
		if err := json.Unmarshal([]byte(text), &a); err != nil {
			t.Fatal(err)
		}
		return a
	}
	const dead = "/api/v1/findings?groups=without&kind=dead_lettered"
	deadline := time.Now().Add(20 * time.Second)
	found := ask(http.MethodGet, dead, "")
	for len(found.Items) == 0 {
		if time.Now().After(deadline) {
			t.Fatal("the dead letter was not found")
		}
		found = ask(http.MethodGet, dead, "")
	}
	id := found.Items[0].ID
	if a := ask(http.MethodPost, "/api/v1/findings/"+id+"/acknowledge", `{"by":"ada"}`); !a.Applied {
		t.Errorf("not applied: %+v", a)
	}
	a := ask(http.MethodPost, "/api/v1/findings/resolve?kind=dead_lettered", `{"by":"ada","resolution":"corrected_manually","note":"booked by hand","expect":1}`)
	if !a.Applied || a.Findings[0].State != "closed" || a.Findings[0].Resolution != "corrected_manually" {
		t.Errorf("not applied: %+v", a)
	}
	merged := ask(http.MethodPost, "/api/v1/lifecycles/"+url.PathEscape("receipt:123/4/778")+"/merge", `{"by":"ada","with":"`+other+`"}`)
	records := func(key string, want int) {
		t.Helper()
		deadline := time.Now().Add(20 * time.Second)
		for {
			status, text := i.do(http.MethodGet, "/api/v1/lifecycles/"+url.PathEscape(key), "", "")
			var l struct {
				RecordIDs []string `json:"record_ids"`
			}
			if err := json.Unmarshal([]byte(text), &l); err == nil && status == http.StatusOK && len(l.RecordIDs) == want {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s: %d %s", key, status, text)
			}
		}
	}
	records("receipt:123/4/778", 3)
	records(other, 3) // its old number leads there
	verified := func() {
		t.Helper()
		_, text := i.do(http.MethodPost, "/api/v1/verify", "", "")
		var v struct{ Records, Count int }
		if err := json.Unmarshal([]byte(text), &v); err != nil || v.Count != 0 || v.Records < 6 {
			t.Fatalf("verify: %s %v", text, err)
		}
	}
	verified()

	i.stop()
	i = start(t, dir, nil)
	if f := ask(http.MethodGet, dead, "").Items[0]; f.State != "closed" || f.ResolutionNote != "booked by hand" || f.AcknowledgedBy != "ada" {
		t.Errorf("after a restart: %+v", f)
	}
	ask(http.MethodPost, "/api/v1/actions/"+merged.Actions[0].ID+"/undo", `{"by":"bob"}`)
	records("receipt:123/4/778", 2)
	records("receipt:123/4/779", 1)
	if a := ask(http.MethodPost, "/api/v1/findings/"+id+"/reopen", `{"by":"bob"}`); !a.Applied || a.Findings[0].State != "open" {
		t.Errorf("not reopened: %+v", a)
	}
	trail := ask(http.MethodGet, "/api/v1/actions?correlation_id="+url.QueryEscape("receipt:123/4/778"), "").Items
	if len(trail) != 5 || trail[2].Verb != "merge" || !trail[2].Undone {
		t.Errorf("the trail: %+v", trail)
	}
	verified()
}
