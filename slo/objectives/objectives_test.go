package objectives_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/OpenSLO/go-sdk/pkg/openslosdk"
	"github.com/google/go-cmp/cmp"

	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/slo"
	"github.com/stocktrace/stocktrace/slo/objectives"
)

func TestShipped(t *testing.T) {
	got, err := objectives.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 {
		t.Fatalf("%d objectives shipped, want 1", len(got))
	}
	const hour = time.Hour
	want := slo.Objective{
		Name: "sale-posted", Title: "Sales are in the ERP within 5 minutes", Description: got[0].Description,
		Service: "stock-ledger", Owner: "erp-operations", Runbook: "https://runbooks.example/sale-posted",
		Target: 0.995, Window: 28 * 24 * hour,
		Indicator: slo.Indicator{
			Workflow: "sale", Step: inventory.StepRef{System: "erp", Step: "posted"},
			Posting: inventory.PostingRealtime, Within: 5 * time.Minute,
			By: []slo.Dimension{slo.ByRegion, slo.ByLocation},
		},
		Policies: []slo.Policy{
			{Name: "fast-burn", Severity: slo.Page, Threshold: 13.44, Long: hour, Short: 5 * time.Minute},
			{Name: "steady-burn", Severity: slo.Page, Threshold: 5.6, Long: 6 * hour, Short: 30 * time.Minute},
			{Name: "slow-burn", Severity: slo.Ticket, Threshold: 0.933, Long: 72 * hour, Short: 6 * hour},
		},
		Gate: slo.Gate{MinBad: 5, Confidence: 0.99},
	}
	if diff := cmp.Diff(want, got[0]); diff != "" {
		t.Errorf("shipped objective (-want +got):\n%s", diff)
	}
	for i, share := range []float64{0.02, 0.05, 0.1} {
		if p := got[0].Policies[i]; p.BudgetShare(want.Window) < share*0.999 || p.BudgetShare(want.Window) > share*1.001 {
			t.Errorf("%s fires at %.4f of the budget, want %.2f", p.Name, p.BudgetShare(want.Window), share)
		}
	}
}

func shippedFile(t *testing.T) []byte {
	t.Helper()
	raw, err := os.ReadFile("sale_posted.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// What we ship is OpenSLO by the judgement of its own SDK, not only by ours.
func TestShippedIsOpenSLO(t *testing.T) {
	objects, err := openslosdk.Decode(bytes.NewReader(shippedFile(t)), openslosdk.FormatYAML)
	if err != nil {
		t.Fatal(err)
	}
	if err := openslosdk.Validate(objects...); err != nil {
		t.Error(err)
	}
}

func TestParseErrors(t *testing.T) {
	for _, test := range []struct {
		name, old, new string // replaced throughout the shipped file
		at             string // text of the first line the error is about
		want           string // what it says after file:line
		openslo        bool   // the SDK finds nothing wrong: refused only here
	}{
		{"not YAML", "kind: SLO\n", "kind: {SLO\n", "apiVersion" /* the parser is a line behind */, "did not find expected", false},
		{"unknown field", "  service: stock-ledger", "  servce: stock-ledger", "servce", `unknown field "servce"; OpenSLO v1 has alertPolicies, budgetingMethod, description, indicator, indicatorRef, objectives, service, timeWindow here`, false},
		{"field twice", "kind: SLO\n", "kind: SLO\nkind: SLO\n", "kind: SLO\nmeta", `mapping key "kind" already defined at line `, false},
		{"other version", "openslo/v1", "openslo/v2alpha", "apiVersion", `apiVersion is "openslo/v2alpha"; this build reads openslo/v1`, false},
		{"other kind", "kind: SLO", "kind: Service", "kind: Service", `kind is "Service"; this build reads SLO`, false},
		{"name with capitals", "name: sale-posted\n", "name: Sale_Posted\n", "Sale_Posted", `metadata.name is "Sale_Posted"; a name is up to 63 lower-case letters`, false},
		{"100 %", "target: 0.995", "target: 1", "target: 1", "target is 1; it lies between 0 and 1, both excluded", false},
		{"percent as target", "target: 0.995", "target: 99.5", "target: 99.5", "target is 99.5; it lies between 0 and 1", false},
		{"share as percent", "target: 0.995", "targetPercent: 100", "targetPercent", "targetPercent is 100; it lies between 0 and 100", false},
		{"both targets", "target: 0.995", "target: 0.995\n      targetPercent: 99.5", "targetPercent", "target and targetPercent exclude each other", false},
		{"no number", "target: 0.995", "target: most", "target: most", `target is "most", not a number`, false},
		{"threshold the wrong way round", "op: gte", "op: lte", "op: lte", `condition.op is "lte"; this build reads gte`, true},
		{"negative threshold", "threshold: 5.6", "threshold: -5.6", "threshold: -5.6", "threshold is -5.6; a burn rate is above 0", true},
		{"month", "duration: 28d", "duration: 1M", "duration: 1M", `timeWindow.duration is "1M"; a duration is a whole number and m, h, d or w, such as 28d`, true},
		{"no duration", "duration: 28d", "duration: 28", "duration: 28", `timeWindow.duration is "28"`, false},
		{"time slices", "Occurrences", "Timeslices", "Timeslices", `spec.budgetingMethod is "Timeslices"; this build reads Occurrences`, false},
		{"foreign metric source", "type: stocktrace", "type: prometheus", "type: prometheus", `metricSource.type is "prometheus"; this build reads stocktrace`, true},
		{"good not among total", "posting: realtime\n              by", "posting: batch\n              by", "posting: batch", `total has posting "batch" and good has "realtime" (line `, true},
		{"unknown dimension", "by: [region, location]", "by: [region, register]", "by:", `by is "register"; this build reads region or location`, true},
		{"short window too long", "short-window: 5m", "short-window: 2h", "short-window: 2h", `windows of alert policy "fast-burn" must grow: short 2h0m0s, long 1h0m0s`, true},
		{"slip in an annotation", "stocktrace/min-bad", "stocktrace/min-bed", "stocktrace/min-bed", `unknown annotation "stocktrace/min-bed"; known here are stocktrace/owner, stocktrace/runbook, stocktrace/min-bad, stocktrace/confidence`, true},
		{"confidence as percent", `confidence: "0.99"`, `confidence: "99"`, "confidence:", "stocktrace/confidence is 99; it lies between 0.5 and 1", true},
		{"least number of bad ones", `min-bad: "5"`, `min-bad: "few"`, "min-bad:", `stocktrace/min-bad is "few"; it is a whole number from 1 on`, true},
		{"unknown target", "targetRef: on-call", "targetRef: nobody", "targetRef: nobody", `notificationTargets.targetRef is "nobody"; this build reads on-call`, true},
		{"policy by reference", "    - kind: AlertPolicy\n      metadata:\n        name: fast-burn", "    - alertPolicyRef: elsewhere\n    - kind: AlertPolicy\n      metadata:\n        name: fast-burn", "alertPolicyRef", "alertPolicyRef is valid OpenSLO but not evaluated here; write the policy inline", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			raw := string(shippedFile(t))
			if !strings.Contains(raw, test.old) {
				t.Fatalf("sale_posted.yaml does not hold %q", test.old)
			}
			raw = strings.ReplaceAll(raw, test.old, test.new)
			before, _, _ := strings.Cut(raw, test.at)
			want := fmt.Sprintf("f.yaml:%d: %s", 1+strings.Count(before, "\n"), test.want)
			_, err := objectives.Parse("f.yaml", []byte(raw))
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error:\n%v\ndoes not say:\n%s", err, want)
			}
			objects, err := openslosdk.Decode(strings.NewReader(raw), openslosdk.FormatYAML)
			if err == nil {
				err = openslosdk.Validate(objects...)
			}
			if test.openslo && err != nil {
				t.Errorf("the SDK refuses it too: %v", err)
			}
		})
	}
}

// Every line of an error is about the file it was found in, and all errors of a
// file are said at once.
func TestParseSaysEverythingAtOnce(t *testing.T) {
	raw := strings.NewReplacer("target: 0.995", "target: 7", "duration: 28d", "duration: 28x").Replace(string(shippedFile(t)))
	_, err := objectives.Parse("f.yaml", []byte(raw))
	if err == nil {
		t.Fatal("no error")
	}
	if lines := strings.Split(err.Error(), "\n"); len(lines) < 2 {
		t.Errorf("one error only: %v", err)
	} else {
		for _, line := range lines {
			if !strings.HasPrefix(line, "f.yaml:") {
				t.Errorf("no file and line in %q", line)
			}
		}
	}
}

func TestForeignObjectiveIsRefusedByName(t *testing.T) {
	file := filepath.Join("..", "..", "..", "shared", "samples", "openslo", "budgeting-method_occurences-slo.yaml")
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Skipf("no sample: %v", err)
	}
	_, err = objectives.Parse("search.yaml", raw)
	if err == nil || !strings.Contains(err.Error(), "search.yaml:16: thresholdMetric is valid OpenSLO but not evaluated here; use ratioMetric with good and total") {
		t.Errorf("error is %v", err)
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, raw []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("a.yaml", shippedFile(t))
	write("notes.txt", []byte("no objective"))
	two := bytes.ReplaceAll(shippedFile(t), []byte("name: sale-posted\n"), []byte("name: second\n"))
	three := bytes.ReplaceAll(shippedFile(t), []byte("name: sale-posted\n"), []byte("name: third\n"))
	write("b.yml", bytes.Join([][]byte{two, three}, []byte("\n---\n")))
	got, err := objectives.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, o := range got {
		names = append(names, o.Name)
	}
	if diff := cmp.Diff([]string{"sale-posted", "second", "third"}, names); diff != "" {
		t.Errorf("objectives (-want +got):\n%s", diff)
	}
	write("c.yaml", nil)
	if _, err := objectives.Load(dir); err == nil || !strings.Contains(err.Error(), "c.yaml:1: holds no objective") {
		t.Errorf("an empty file is not refused: %v", err)
	}
	if _, err := objectives.Load(filepath.Join(dir, "absent")); err == nil {
		t.Error("an absent file is not refused")
	}
}

// What a store posts besides its day, a goods receipt or an adjustment, can be
// promised there too; a posting nobody has is a slip.
func TestPosting(t *testing.T) {
	shipped := string(shippedFile(t))
	for _, posting := range inventory.Postings {
		raw := strings.ReplaceAll(shipped, "posting: realtime", "posting: "+string(posting))
		got, err := objectives.Parse("f.yaml", []byte(raw))
		if err != nil || len(got) != 1 || got[0].Indicator.Posting != posting {
			t.Errorf("%s: %v, %v", posting, got, err)
		}
	}
	raw := strings.ReplaceAll(shipped, "posting: realtime", "posting: hourly")
	if _, err := objectives.Parse("f.yaml", []byte(raw)); err == nil || !strings.Contains(err.Error(), `posting is "hourly"; this build reads realtime or batch or store_day`) {
		t.Errorf("posting: hourly: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	raw, err := os.ReadFile("sale_posted.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte("apiVersion: openslo/v1\nkind: SLO\nspec: {objectives: [{}]}\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if got, err := objectives.Parse("f.yaml", raw); err == nil && len(got) == 0 {
			t.Error("neither an objective nor an error")
		}
	})
}
