package estate

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// told is what a test says happened: at seconds after the sale.
type told struct {
	ref     inventory.StepRef
	at      float64
	outcome inventory.Outcome
	code    string
	books   string // "A-1 B-2"
	again   bool   // at the till: the second submission
	otlp    bool
}

// TestJudge holds the truth's own arithmetic against cases worked out by hand
// from the contract.
func TestJudge(t *testing.T) {
	ok := func(ref inventory.StepRef, at float64) told {
		return told{ref: ref, at: at, outcome: inventory.OK}
	}
	books := func(at float64, lines string) told {
		return told{ref: posted, at: at, outcome: inventory.OK, books: lines}
	}
	till, took, mapp, oms := ok(posCompleted, 0), ok(accepted, 2), ok(mapped, 5), ok(availability, 8)
	for _, c := range []struct {
		name     string
		basket   string // what was sold; default "A-1 B-2"
		batch    bool
		history  bool
		happened []told
		verdict  inventory.Verdict
		findings string // "kind@step[/or,or][ open]", sorted
		maybe    string
	}{
		{name: "all well", happened: []told{till, took, mapp, oms, books(60, "A-1 B-2")}, verdict: inventory.Complete},
		{name: "exactly at the deadline is in time", happened: []told{till, took, mapp, oms, books(300, "A-1 B-2")}, verdict: inventory.Complete},
		{name: "a batch store has until tomorrow", batch: true, happened: []told{till, took, mapp, oms, books(9000, "A-1 B-2")}, verdict: inventory.Complete},

		{
			name: "lost before the middleware: one finding", happened: []told{till}, verdict: inventory.Overdue,
			findings: "missing_step@middleware accepted open",
		},
		{
			name: "lost before the mapping", happened: []told{till, took, oms}, verdict: inventory.Overdue,
			findings: "missing_step@middleware mapped open",
		},
		{
			name: "lost before the ERP", happened: []told{till, took, mapp, oms}, verdict: inventory.Overdue,
			findings: "missing_step@erp posted open",
		},
		{
			name: "lost before ERP and OMS: two branches", happened: []told{till, took, mapp}, verdict: inventory.Overdue,
			findings: "missing_step@erp posted open, missing_step@oms availability_updated open",
		},
		{
			name: "a late step does not explain a missing one", happened: []told{till, took, ok(mapped, 130), oms}, verdict: inventory.Overdue,
			findings: "late_step@middleware mapped/missing_step, missing_step@erp posted open",
		},

		{
			name: "late", happened: []told{till, took, mapp, oms, books(300.5, "A-1 B-2")}, verdict: inventory.CompleteLate,
			findings: "late_step@erp posted/missing_step",
		},
		{
			name:     "all late: the first says it, the others may have been missing",
			happened: []told{till, ok(accepted, 900), ok(mapped, 905), ok(availability, 910), books(960, "A-1 B-2")},
			verdict:  inventory.CompleteLate, findings: "late_step@middleware accepted/missing_step",
			maybe: "missing_step@erp posted closed, missing_step@middleware mapped closed, missing_step@oms availability_updated closed",
		},
		{
			name: "two branches late", happened: []told{till, took, ok(mapped, 130), ok(availability, 400), books(301, "A-1 B-2")},
			verdict:  inventory.CompleteLate,
			findings: "late_step@middleware mapped/missing_step, late_step@oms availability_updated/missing_step",
			maybe:    "missing_step@erp posted closed",
		},

		{
			name: "telemetry lost, sale not", happened: []told{till, mapp, oms, books(60, "A-1 B-2")}, verdict: inventory.Complete,
			findings: "telemetry_gap@middleware accepted",
		},
		{
			name: "telemetry lost in the middle", happened: []told{till, took, oms, books(60, "A-1 B-2")}, verdict: inventory.Complete,
			findings: "telemetry_gap@middleware mapped",
		},
		{
			name: "telemetry lost, and the sale late", happened: []told{till, ok(mapped, 130), oms, books(140, "A-1 B-2")}, verdict: inventory.CompleteLate,
			findings: "late_step@middleware mapped/missing_step, telemetry_gap@middleware accepted",
		},

		{
			name: "dead-lettered and never replayed", happened: []told{
				till, took, oms,
				{ref: mapped, at: 5, outcome: inventory.DeadLettered, code: "bad"},
			}, verdict: inventory.FailedV,
			findings: "dead_lettered@middleware mapped open",
		},
		{
			name: "dead-lettered, the replay stalls", happened: []told{
				till, took, oms,
				{ref: mapped, at: 5, outcome: inventory.DeadLettered, code: "bad"},
				{ref: mapped, at: 60, outcome: inventory.ReplayRequested},
			},
			verdict: inventory.Stalled, findings: "dead_lettered@middleware mapped open, stalled_replay@middleware mapped open",
		},
		{
			name: "dead-lettered and replayed in time", happened: []told{
				till, took, oms,
				{ref: mapped, at: 5, outcome: inventory.DeadLettered, code: "bad"},
				{ref: mapped, at: 60, outcome: inventory.ReplayRequested},
				ok(mapped, 70), books(90, "A-1 B-2"),
			},
			verdict: inventory.Complete, findings: "dead_lettered@middleware mapped closed",
		},
		{
			name: "the same, all heard at once", history: true, happened: []told{
				till, took, oms,
				{ref: mapped, at: 5, outcome: inventory.DeadLettered, code: "bad"},
				{ref: mapped, at: 60, outcome: inventory.ReplayRequested},
				ok(mapped, 70), books(90, "A-1 B-2"),
			},
			verdict: inventory.Complete, maybe: "dead_lettered@middleware mapped closed",
		},
		{
			name: "dead-lettered and replayed late: one fact, one kind", happened: []told{
				till, took, oms,
				{ref: mapped, at: 5, outcome: inventory.DeadLettered, code: "bad"},
				{ref: mapped, at: 400, outcome: inventory.ReplayRequested},
				ok(mapped, 430), books(460, "A-1 B-2"),
			},
			verdict: inventory.CompleteLate, findings: "dead_lettered@middleware mapped closed",
			maybe: "missing_step@erp posted closed",
		},
		{
			name: "the same, all heard at once: late at least", history: true, happened: []told{
				till, took, oms,
				{ref: mapped, at: 5, outcome: inventory.DeadLettered, code: "bad"},
				{ref: mapped, at: 400, outcome: inventory.ReplayRequested},
				ok(mapped, 430), books(460, "A-1 B-2"),
			},
			verdict: inventory.CompleteLate, findings: "late_step@middleware mapped/dead_lettered,missing_step",
			maybe: "late_step@erp posted closed, missing_step@erp posted closed",
		},
		{
			name: "all late and all heard at once: any may be heard of first", history: true,
			happened: []told{till, ok(accepted, 900), ok(mapped, 905), ok(availability, 10), books(960, "A-1 B-2")},
			verdict:  inventory.CompleteLate, findings: "late_step@middleware accepted/missing_step",
			maybe: "late_step@erp posted closed, late_step@middleware mapped closed, missing_step@erp posted closed, missing_step@middleware mapped closed",
		},

		{
			name: "unmapped", happened: []told{till, took, oms, {ref: mapped, at: 5, outcome: inventory.Failed, code: "item_unmapped"}},
			verdict: inventory.FailedV, findings: "mapping_unknown@middleware mapped open",
		},
		{
			name: "unmapped and dead-lettered is unmapped", happened: []told{till, took, oms, {ref: mapped, at: 5, outcome: inventory.DeadLettered, code: "item_unmapped"}},
			verdict: inventory.FailedV, findings: "mapping_unknown@middleware mapped open",
		},
		{
			name: "unmapped and healed in time", happened: []told{till, took, oms, {ref: mapped, at: 5, outcome: inventory.Failed, code: "item_unmapped"}, ok(mapped, 80), books(100, "A-1 B-2")},
			verdict: inventory.Complete,
		},
		{
			name: "unmapped and healed late", happened: []told{till, took, oms, {ref: mapped, at: 5, outcome: inventory.Failed, code: "item_unmapped"}, ok(mapped, 800), books(830, "A-1 B-2")},
			verdict: inventory.CompleteLate, findings: "late_step@middleware mapped/mapping_unknown,missing_step",
			maybe: "missing_step@erp posted closed",
		},
		{
			name: "a retry that succeeds", happened: []told{till, took, mapp, oms, {ref: posted, at: 50, outcome: inventory.Failed, code: "locked"}, books(70, "A-1 B-2")},
			verdict: inventory.Complete,
		},

		{
			name: "posted twice", happened: []told{till, took, mapp, oms, books(60, "A-1 B-2"), books(120, "A-1 B-2")},
			verdict: inventory.Conflicted, findings: "duplicate_posting@erp posted open",
		},
		{
			name: "posted twice and late", happened: []told{till, took, mapp, oms, books(400, "A-1 B-2"), books(460, "A-1 B-2")},
			verdict: inventory.Conflicted, findings: "duplicate_posting@erp posted open, late_step@erp posted/missing_step",
		},
		{name: "split by item", happened: []told{till, took, mapp, oms, books(60, "A-1"), books(120, "B-2")}, verdict: inventory.Complete},
		{name: "split by quantity", basket: "B-2", happened: []told{till, took, mapp, oms, books(60, "B-1"), books(120, "B-1")}, verdict: inventory.Complete},
		{
			name: "half posted", happened: []told{till, took, mapp, oms, books(60, "A-1")}, verdict: inventory.Conflicted,
			findings: "quantity_mismatch@erp posted open",
		},
		{
			name: "slipped down", happened: []told{till, took, mapp, oms, books(60, "A-1 B-1")}, verdict: inventory.Conflicted,
			findings: "quantity_mismatch@erp posted open",
		},
		{
			name: "slipped up in one document", happened: []told{till, took, mapp, oms, books(60, "A-2 B-2")}, verdict: inventory.Conflicted,
			findings: "quantity_mismatch@erp posted open",
		},
		{
			name: "slip and second posting cancel out", basket: "B-2", happened: []told{till, took, mapp, oms, books(60, "B-1"), books(120, "B-1")},
			verdict: inventory.Complete,
		},
		{
			name: "they cancel out after the deadline: it was wrong for a while", basket: "B-2", happened: []told{till, took, mapp, oms, books(60, "B-1"), books(320, "B-1")},
			verdict: inventory.Complete, maybe: "quantity_mismatch@erp posted closed",
		},
		{
			name: "slipped in time, posted again after the deadline", happened: []told{till, took, mapp, oms, books(60, "A-1 B-1"), books(320, "A-1 B-2")},
			verdict: inventory.Conflicted, findings: "duplicate_posting@erp posted open", maybe: "quantity_mismatch@erp posted closed",
		},
		{
			name: "they cancel out for one item only", happened: []told{till, took, mapp, oms, books(60, "A-1 B-1"), books(120, "A-1 B-1")},
			verdict: inventory.Conflicted, findings: "duplicate_posting@erp posted open",
		},
		{
			name: "cancelled and reposted", happened: []told{
				till, took, mapp, oms, books(60, "A-1 B-2"),
				{ref: posted, at: 100, outcome: inventory.Reversed, books: "A-1 B-2"},
				books(140, "A-1 B-2"),
			},
			verdict: inventory.Complete, maybe: "duplicate_posting@erp posted closed",
		},
		{
			name: "cancelled with its slip and reposted without", happened: []told{
				till, took, mapp, oms, books(60, "A-1 B-1"),
				{ref: posted, at: 100, outcome: inventory.Reversed, books: "A-1 B-1"},
				books(140, "A-1 B-2"),
			},
			verdict: inventory.Complete, maybe: "duplicate_posting@erp posted closed",
		},
		{name: "weighed goods round", basket: "K-0.425", happened: []told{till, took, mapp, oms, books(60, "K-0.426")}, verdict: inventory.Complete},
		{
			name: "weighed goods slip", basket: "K-0.425", happened: []told{till, took, mapp, oms, books(60, "K-1.425")}, verdict: inventory.Conflicted,
			findings: "quantity_mismatch@erp posted open",
		},
		{name: "repeated lines are real", basket: "A-1 A-1 B-2", happened: []told{till, took, mapp, oms, books(60, "A-2 B-2")}, verdict: inventory.Complete},
		{
			name: "posted twice, and the OMS never heard", happened: []told{till, took, mapp, books(60, "A-1 B-2"), books(120, "A-1 B-2")},
			verdict: inventory.Conflicted, findings: "duplicate_posting@erp posted open, missing_step@oms availability_updated open",
		},

		{name: "nothing moves stock", basket: "S-1", happened: []told{till, took, mapp}, verdict: inventory.NotExpected},
		{
			name: "nothing moves stock, and it is lost", basket: "S-1", happened: []told{till}, verdict: inventory.Overdue,
			findings: "missing_step@middleware accepted open",
		},
		{name: "only what moves stock is owed", basket: "A-1 S-1", happened: []told{till, took, mapp, oms, books(60, "A-1")}, verdict: inventory.Complete},
		{name: "net zero is not owed", basket: "A-1 A1 B-2", happened: []told{till, took, mapp, oms, books(60, "B-2")}, verdict: inventory.Complete},

		{
			name: "submitted twice", happened: []told{till, {ref: posCompleted, outcome: inventory.OK, again: true}, took, mapp, oms, books(60, "A-1 B-2")},
			verdict: inventory.Complete, findings: "duplicate_delivery@pos completed",
		},
		{
			name: "suppressed", happened: []told{till, took, {ref: accepted, at: 4, outcome: inventory.Suppressed}, mapp, oms, books(60, "A-1 B-2")},
			verdict: inventory.Complete, findings: "duplicate_delivery@middleware accepted",
		},
		{
			name: "submitted twice and suppressed: one fact", happened: []told{
				till,
				{ref: posCompleted, outcome: inventory.OK, again: true},
				took,
				{ref: accepted, at: 4, outcome: inventory.Suppressed},
				mapp, oms, books(60, "A-1 B-2"),
			},
			verdict: inventory.Complete, findings: "duplicate_delivery@pos completed", maybe: "duplicate_delivery@middleware accepted",
		},
		{
			name: "over two transports", happened: []told{till, {ref: posCompleted, outcome: inventory.OK, otlp: true}, took, mapp, oms, books(60, "A-1 B-2")},
			verdict: inventory.Complete,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			items := map[string]*Item{}
			for _, sku := range []string{"A", "B", "K", "S"} {
				items[sku] = &Item{SKU: sku, Article: "9" + sku, UOM: "EA", Stock: sku != "S"}
			}
			items["K"].UOM = "KGM"
			parse := func(list string) (lines []booking) {
				for _, word := range strings.Fields(list) {
					q, err := inventory.ParseDecimal(word[1:])
					if err != nil {
						t.Fatal(err)
					}
					lines = append(lines, booking{items[word[:1]], q})
				}
				return lines
			}
			if c.basket == "" {
				c.basket = "A-1 B-2"
			}
			var lines []BasketLine
			for _, k := range parse(c.basket) {
				lines = append(lines, BasketLine{Item: k.item, Quantity: k.quantity})
			}
			st := &store{Location: inventory.Undeclared("0001"), erp: erps[0]}
			if c.batch {
				st.Posting = inventory.PostingBatch
			}
			s := &sale{at: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC), store: st, sequence: 1, basket: newBasket("", workflowSale, lines)}
			var messages []*message
			for i, h := range c.happened {
				m := &message{sale: s, ref: h.ref, at: s.at.Add(time.Duration(h.at * float64(time.Second))), outcome: h.outcome, lines: parse(h.books)}
				m.send = m.at
				if h.code != "" {
					m.failure = &inventory.Error{Code: h.code}
				}
				if h.otlp {
					m.via = logs
				}
				m.document = fmt.Sprint(i)
				messages = append(messages, m)
			}
			live := s.at.Add(-time.Hour)
			if c.history {
				live = s.at.Add(time.Hour)
			}
			o := Defaults()
			truth := judge(&o, live, s, messages, nil)
			if truth.Verdict != c.verdict {
				t.Errorf("verdict %s, want %s", truth.Verdict, c.verdict)
			}
			if got := describe(truth.Findings); got != c.findings {
				t.Errorf("findings\n%s\nwant\n%s", got, c.findings)
			}
			if got := describe(truth.Tolerated); got != c.maybe {
				t.Errorf("tolerated\n%s\nwant\n%s", got, c.maybe)
			}
		})
	}
}

func describe(findings []Expected) string {
	var out []string
	for _, f := range findings {
		s := string(f.Kind) + "@" + f.Step
		for i, or := range f.Or {
			s += []string{"/", ","}[min(i, 1)] + string(or)
		}
		if f.State != "" {
			s += " " + string(f.State)
		}
		out = append(out, s)
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

func TestReadTruth(t *testing.T) {
	var b bytes.Buffer
	w := newTruthWriter(&b)
	at := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	first := SaleTruth{CorrelationID: "c-1", Verdict: inventory.Open}
	second := SaleTruth{CorrelationID: "c-1", Verdict: inventory.Complete, Findings: []Expected{{Kind: inventory.LateStep, Step: "erp posted"}}}
	silence := SilenceTruth{System: "erp", From: at, Until: at.Add(time.Hour), Required: true}
	for _, l := range []line{{Sale: &first}, {Silence: &silence}, {Sale: &second}, {Silence: &silence}, {End: &at}} {
		w.write(l)
	}
	if err := w.flush(); err != nil {
		t.Fatal(err)
	}
	got, err := ReadTruth(&b)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Sales) != 1 || got.Sales[0].Verdict != inventory.Complete || len(got.Sales[0].Findings) != 1 ||
		len(got.Silences) != 1 || got.Silences[0] != silence || !got.End.Equal(at) {
		t.Errorf("%+v", got)
	}
	for _, bad := range []string{"{", `{"else":1}`} {
		if _, err := ReadTruth(strings.NewReader(bad)); err == nil || !strings.Contains(err.Error(), "line 1") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
