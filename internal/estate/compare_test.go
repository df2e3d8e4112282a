package estate

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

func TestCompare(t *testing.T) {
	at := func(minutes int) time.Time {
		return time.Date(2026, 11, 23, 9, minutes, 0, 0, time.UTC)
	}
	found := func(kind inventory.Kind, step string, state inventory.FindingState, resolution inventory.Resolution) ObservedFinding {
		system, name, _ := strings.Cut(step, " ")
		return ObservedFinding{ID: "f", Kind: kind, System: system, Step: name, State: state, Resolution: resolution, CorrelationID: "c-1"}
	}
	const (
		open, closed = inventory.FindingOpen, inventory.FindingClosed
		missed       = inventory.MissingStep
		late         = inventory.LateStep
	)
	lateERP := Expected{Kind: late, Step: "erp posted", Or: []inventory.Kind{missed}}
	missingERP := Expected{Kind: missed, Step: "erp posted", State: open}
	for _, c := range []struct {
		name                      string
		truth                     SaleTruth
		verdict                   inventory.Verdict
		findings                  []ObservedFinding
		missed, unasked, verdict2 int
		open                      int
	}{
		{name: "nothing to say", truth: SaleTruth{Verdict: inventory.Complete}, verdict: inventory.Complete},
		{name: "another verdict", truth: SaleTruth{Verdict: inventory.Complete}, verdict: inventory.Overdue, verdict2: 1},
		{
			name: "a false finding", truth: SaleTruth{Verdict: inventory.Complete}, verdict: inventory.Complete,
			findings: []ObservedFinding{found(missed, "erp posted", open, "")}, unasked: 1,
		},
		{
			name: "a false one that closed is false all the same", truth: SaleTruth{Verdict: inventory.Complete}, verdict: inventory.Complete,
			findings: []ObservedFinding{found(missed, "erp posted", closed, inventory.Recovered)}, unasked: 1,
		},
		{
			name: "disproved ones aside", truth: SaleTruth{Verdict: inventory.Complete}, verdict: inventory.Complete,
			findings: []ObservedFinding{found(missed, "erp posted", closed, inventory.Disproved)},
		},
		{name: "a miss", truth: SaleTruth{Verdict: inventory.Overdue, Findings: []Expected{missingERP}}, verdict: inventory.Overdue, missed: 1},
		{
			name: "found", truth: SaleTruth{Verdict: inventory.Overdue, Findings: []Expected{missingERP}}, verdict: inventory.Overdue,
			findings: []ObservedFinding{found(missed, "erp posted", open, "")},
		},
		{
			name: "found at another step", truth: SaleTruth{Verdict: inventory.Overdue, Findings: []Expected{missingERP}}, verdict: inventory.Overdue,
			findings: []ObservedFinding{found(missed, "middleware mapped", open, "")}, missed: 1, unasked: 1,
		},
		{
			name: "found, and closed where it is open", truth: SaleTruth{Verdict: inventory.Overdue, Findings: []Expected{missingERP}}, verdict: inventory.Overdue,
			findings: []ObservedFinding{found(missed, "erp posted", closed, inventory.Recovered)}, missed: 1, unasked: 1,
		},
		{
			name: "found twice", truth: SaleTruth{Verdict: inventory.Overdue, Findings: []Expected{missingERP}}, verdict: inventory.Overdue,
			findings: []ObservedFinding{found(missed, "erp posted", open, ""), found(missed, "erp posted", open, "")}, unasked: 1,
		},
		{
			name: "late", truth: SaleTruth{Verdict: inventory.CompleteLate, Findings: []Expected{lateERP}}, verdict: inventory.CompleteLate,
			findings: []ObservedFinding{found(late, "erp posted", closed, "")},
		},
		{
			name: "missing, then late", truth: SaleTruth{Verdict: inventory.CompleteLate, Findings: []Expected{lateERP}}, verdict: inventory.CompleteLate,
			findings: []ObservedFinding{found(missed, "erp posted", closed, inventory.Recovered)},
		},
		{
			name: "missing, then late, but still missing", truth: SaleTruth{Verdict: inventory.CompleteLate, Findings: []Expected{lateERP}}, verdict: inventory.CompleteLate,
			findings: []ObservedFinding{found(missed, "erp posted", open, "")}, missed: 1, unasked: 1,
		},
		{
			name: "late said twice", truth: SaleTruth{Verdict: inventory.CompleteLate, Findings: []Expected{lateERP}}, verdict: inventory.CompleteLate,
			findings: []ObservedFinding{found(late, "erp posted", closed, ""), found(missed, "erp posted", closed, inventory.Recovered)}, unasked: 1,
		},
		{
			name: "tolerated", truth: SaleTruth{Verdict: inventory.Complete, Tolerated: []Expected{{Kind: missed, Step: "erp posted", State: closed}}},
			verdict: inventory.Complete, findings: []ObservedFinding{found(missed, "erp posted", closed, inventory.Recovered)},
		},
		{
			name: "tolerated once closed", truth: SaleTruth{Verdict: inventory.Complete, Tolerated: []Expected{{Kind: missed, Step: "erp posted", State: closed}}},
			verdict: inventory.Complete, findings: []ObservedFinding{found(missed, "erp posted", open, "")}, unasked: 1,
		},
		{
			name: "a duplicate belongs to no step", truth: SaleTruth{Verdict: inventory.Complete, Findings: []Expected{{Kind: inventory.DuplicateDelivery, Step: "middleware accepted"}}},
			verdict: inventory.Complete, findings: []ObservedFinding{found(inventory.DuplicateDelivery, "pos completed", closed, "")},
		},
		{
			name: "not final yet: nothing is missed", truth: SaleTruth{Verdict: inventory.Overdue, Findings: []Expected{missingERP}, FinalAt: at(50)},
			verdict: inventory.Open, open: 1,
		},
		{
			name: "not final yet, but wrong", truth: SaleTruth{Verdict: inventory.Overdue, Findings: []Expected{missingERP}, FinalAt: at(50)},
			verdict: inventory.Open, findings: []ObservedFinding{found(inventory.DuplicatePosting, "erp posted", open, "")}, unasked: 1, open: 1,
		},
		{
			name: "not final yet: a late step is missing", truth: SaleTruth{Verdict: inventory.CompleteLate, Findings: []Expected{lateERP}, FinalAt: at(50)},
			verdict: inventory.Overdue, findings: []ObservedFinding{found(missed, "erp posted", open, "")}, open: 1,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.truth.CorrelationID, c.truth.Workflow = "c-1", "sale"
			r := Compare(&Truth{Sales: []SaleTruth{c.truth}, End: at(30)},
				Observed{[]ObservedLifecycle{{CorrelationID: "c-1", Workflow: "sale", Verdict: c.verdict}}, c.findings}, time.Time{})
			if len(r.Missed) != c.missed || len(r.False) != c.unasked || len(r.Verdicts) != c.verdict2 || r.Open != c.open {
				t.Errorf("want %d missed, %d false, %d verdicts, %d open; got\n%s", c.missed, c.unasked, c.verdict2, c.open, r)
			}
			if r.Equal() != (c.missed+c.unasked+c.verdict2 == 0) {
				t.Error("Equal says something else")
			}
		})
	}
}

func TestCompareWholes(t *testing.T) {
	at := func(minutes int) *time.Time {
		x := time.Date(2026, 11, 23, 9, minutes, 0, 0, time.UTC)
		return &x
	}
	truth := &Truth{
		Sales: []SaleTruth{{CorrelationID: "c-1", Workflow: "sale", Verdict: inventory.Complete}},
		Silences: []SilenceTruth{
			{System: "erp", From: *at(10), Until: *at(30), Required: true},
			{System: "pos", Location: "0007", From: *at(10), Until: *at(30)},
		},
		End: *at(55),
	}
	silent := func(system, location string, opened int) ObservedFinding {
		return ObservedFinding{ID: "s", Kind: inventory.SourceSilent, System: system, Location: location, OpenedAt: at(opened)}
	}
	known := ObservedLifecycle{CorrelationID: "c-1", Workflow: "sale", Verdict: inventory.Complete}
	for _, c := range []struct {
		name     string
		observed Observed
		want     string // missed false verdicts
	}{
		{"as it was", Observed{[]ObservedLifecycle{known}, []ObservedFinding{silent("erp", "", 15), silent("pos", "7", 28)}}, "0 0 0"},
		{"a silence missed", Observed{[]ObservedLifecycle{known}, nil}, "1 0 0"},
		{"a silence of another feed", Observed{[]ObservedLifecycle{known}, []ObservedFinding{silent("oms", "", 15)}}, "1 1 0"},
		{"a silence found twice", Observed{[]ObservedLifecycle{known}, []ObservedFinding{silent("erp", "", 15), silent("erp", "", 20)}}, "0 1 0"},
		{"a silence at another time", Observed{[]ObservedLifecycle{known}, []ObservedFinding{silent("erp", "", 45)}}, "1 1 0"},
		{"everybody is silent after the end", Observed{[]ObservedLifecycle{known}, []ObservedFinding{silent("erp", "", 15), silent("oms", "", 58)}}, "0 0 0"},
		{"a lifecycle missing", Observed{nil, []ObservedFinding{silent("erp", "", 15)}}, "0 0 1"},
		{"a lifecycle torn apart", Observed{[]ObservedLifecycle{known, {CorrelationID: "receipt:1/2/3"}}, []ObservedFinding{silent("erp", "", 15)}}, "0 0 1"},
		{"a lifecycle listed twice", Observed{[]ObservedLifecycle{known, known}, []ObservedFinding{silent("erp", "", 15)}}, "0 0 1"},
		{"a finding about nobody", Observed{[]ObservedLifecycle{known}, []ObservedFinding{
			silent("erp", "", 15),
			{ID: "x", Kind: inventory.MissingStep, CorrelationID: "receipt:1/2/3"},
		}}, "0 1 0"},
		{"a group of findings is not one more", Observed{[]ObservedLifecycle{known}, []ObservedFinding{
			silent("erp", "", 15),
			{ID: "g", Kind: inventory.MissingStep},
		}}, "0 0 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := Compare(truth, c.observed, time.Time{})
			if got := fmt.Sprint(len(r.Missed), len(r.False), len(r.Verdicts)); got != c.want {
				t.Errorf("missed, false, verdicts: %s, want %s\n%s", got, c.want, r)
			}
		})
	}

	r := Compare(truth, Observed{[]ObservedLifecycle{known}, []ObservedFinding{silent("oms", "", 15)}}, time.Time{})
	if k := r.Kinds[0]; k.Recall() != 0 || k.Precision() != 0 || (KindScore{}).Recall() != 1 {
		t.Errorf("%+v", k)
	}
	for _, part := range []string{"source_silent", "missed: ", "false: ", "1 documents compared"} {
		if !strings.Contains(r.String(), part) {
			t.Errorf("the report does not say %q:\n%s", part, r)
		}
	}
}

func TestTower(t *testing.T) {
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path+"?"+r.URL.RawQuery+" "+r.Header.Get("Authorization"))
		var lines []any
		switch {
		case r.URL.Query().Get("workflow") == workflowPostingDay:
			lines = append(lines, map[string]any{"correlation_id": "posting_day:1/2026-11-23", "workflow": "posting_day"})
		case r.URL.Query().Has("workflow"): // no other book
		case strings.HasSuffix(r.URL.Path, "/lifecycles"):
			lines = append(lines, map[string]any{"correlation_id": "c-1", "workflow": "sale", "verdict": "complete", "new": 1}, map[string]any{"correlation_id": "c-2"})
		case r.URL.Query().Get("state") != "any":
			w.WriteHeader(http.StatusBadRequest)
		default:
			lines = append(lines, map[string]any{"id": "f", "kind": "late_step", "system": "erp", "step": "erp posted", "opened_at": "2026-11-23T09:00:00Z", "closed_at": nil})
		}
		for _, line := range lines {
			_ = json.NewEncoder(w).Encode(line)
		}
	}))
	defer server.Close()
	got, err := (&Tower{Server: server.URL, Token: "secret"}).Observe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Lifecycles) != 3 || got.Lifecycles[1].CorrelationID != "c-2" || len(got.Findings) != 1 || got.Findings[0].hop() != "erp posted" ||
		got.Findings[0].OpenedAt == nil || got.Findings[0].ClosedAt != nil {
		t.Errorf("%+v", got)
	}
	want := []string{
		"/api/v1/export/lifecycles? Bearer secret", "/api/v1/export/lifecycles?workflow=posting_day Bearer secret",
		"/api/v1/export/lifecycles?workflow=register_day Bearer secret", "/api/v1/export/lifecycles?workflow=order_stock Bearer secret",
		"/api/v1/export/lifecycles?workflow=item_stock Bearer secret",
		"/api/v1/export/findings?state=any Bearer secret",
	}
	if strings.Join(asked, "\n") != strings.Join(want, "\n") {
		t.Errorf("asked\n%s", strings.Join(asked, "\n"))
	}

	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"correlation_id": "c-1"}` + "\n"))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}))
	defer broken.Close()
	if got, err := (&Tower{Server: broken.URL}).Observe(t.Context()); err == nil {
		t.Errorf("an answer that breaks off was taken for a whole one: %+v", got)
	}

	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "not today", http.StatusServiceUnavailable)
	}))
	defer refusing.Close()
	if _, err := (&Tower{Server: refusing.URL}).Observe(t.Context()); err == nil || !strings.Contains(err.Error(), "503 Service Unavailable: not today") {
		t.Errorf("%v", err)
	}
}
