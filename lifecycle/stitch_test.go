package lifecycle

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/stocktrace/stocktrace/inventory"
)

var t0 = time.Date(2026, 11, 23, 9, 2, 0, 0, time.UTC)

func saleRules(tb testing.TB) *Rules {
	tb.Helper()
	w, err := BuiltinWorkflows()
	if err != nil {
		tb.Fatal(err)
	}
	return NewRules(w, nil)
}

// tale tells records of one sale briefly: occurred and received are offsets
// from t0.
type tale struct {
	records []inventory.Record
	n       int
}

type said struct {
	id, transport      string
	outcome            inventory.Outcome
	attempt            int
	corr, receipt, doc string
	date               string
	lines              map[string]string // item → quantity
	err                string
	offline            bool
	workflow           string // sale unless given
	sequence           string
	voids              string   // a receipt it takes back
	covers             []string // receipts it posts; empty: it names none
	part, parts        int      // which part of a store's day it posts, of how many
	slice              string
	order, fulfils     string // an order's number, said as its own or as what it fulfils
	most               string // how high the till counts
	kind               string // of the till's transaction
	totals             *inventory.Totals
	counted, available string        // of item A, by a count or a snapshot
	received           time.Duration // 0: 1 s after it occurred
}

func (tl *tale) say(ref string, at time.Duration, s said) {
	var system, step string
	system, step, _ = strings.Cut(ref, " ")
	tl.n++
	if s.id == "" {
		s.id = fmt.Sprintf("%s-%d", ref, tl.n)
	}
	if s.transport == "" {
		s.transport = "cloudevents"
	}
	if s.received == 0 {
		s.received = at + time.Second
	}
	e := inventory.Event{
		ID: s.id, Source: "/" + system, Time: t0.Add(at), Workflow: "sale", System: system, Step: step, Outcome: s.outcome, Attempt: s.attempt,
		Location: "0123", Register: "04", CorrelationID: s.corr, BusinessDate: s.date, EnteredOffline: s.offline,
	}
	e.Workflow = cmp.Or(s.workflow, e.Workflow)
	e.Transaction.Sequence, e.Transaction.SequenceMax, e.Transaction.Kind = s.sequence, s.most, s.kind
	e.Totals = s.totals
	if s.order != "" {
		e.Keys = append(e.Keys, inventory.Key{Name: inventory.KeyOrder, Value: s.order})
	}
	if s.fulfils != "" {
		e.Refs = append(e.Refs, inventory.Ref{Rel: "fulfils", Keys: []inventory.Key{{Name: inventory.KeyOrder, Value: s.fulfils}}})
	}
	if s.voids != "" {
		e.Refs = append(e.Refs, inventory.Ref{Rel: "voids", Keys: []inventory.Key{{Name: inventory.KeyReceipt, Value: s.voids}}})
	}
	if s.covers != nil {
		e.Covers = &inventory.Covers{Location: "0123", BusinessDate: s.date, MemberKey: inventory.KeyReceipt, Members: s.covers, Slice: s.slice, Part: s.part, Parts: s.parts}
	}
	if s.receipt != "" {
		e.Keys = append(e.Keys, inventory.Key{Name: inventory.KeyReceipt, Value: s.receipt})
	}
	if s.doc != "" {
		e.Keys = append(e.Keys, inventory.Key{Name: inventory.KeyERPDocument, Value: s.doc})
	}
	items := make([]string, 0, len(s.lines))
	for item := range s.lines {
		items = append(items, item)
	}
	slices.Sort(items)
	for _, item := range items {
		q, err := inventory.ParseDecimal(s.lines[item])
		if err != nil {
			panic(err)
		}
		e.Lines = append(e.Lines, inventory.Line{Item: item, Quantity: q, UOM: "EA", UnitValue: "2.50", Currency: "EUR", ValueBasis: "retail_gross"})
	}
	for _, x := range []struct{ bucket, quantity string }{{"", s.counted}, {"available", s.available}} {
		if x.quantity == "" {
			continue
		}
		q, err := inventory.ParseDecimal(x.quantity)
		if err != nil {
			panic(err)
		}
		l := inventory.Line{Item: "A", UOM: "EA", Bucket: x.bucket}
		switch {
		case x.bucket == "":
			l.Counted, l.Book = x.quantity, "2"
		case step == "reported":
			l.Quantity, l.Measure = q, "absolute"
		default:
			l.Quantity = q
		}
		e.Lines = append(e.Lines, l)
	}
	if s.err != "" {
		e.Error = &inventory.Error{Code: s.err, Field: "lines[0].item", Value: "A", Message: "no ERP item"}
	}
	e.Normalize()
	tl.records = append(tl.records, inventory.Record{
		ID: inventory.RecordID(e.Source, e.ID), Content: e.ContentHash(), Event: e, ReceivedAt: t0.Add(s.received), Transport: s.transport,
	})
}

var basket = map[string]string{"A": "-2", "B": "-1"}

const (
	c1 = "c-1"
	r1 = "0123-04-000778"
)

// smooth says a sale that went as it should, up to and including the ERP.
func smooth() *tale {
	tl := &tale{}
	tl.say("pos completed", 0, said{corr: c1, receipt: r1, lines: basket})
	tl.say("middleware accepted", 10*time.Second, said{corr: c1, receipt: "778"})
	tl.say("middleware mapped", 20*time.Second, said{corr: c1, receipt: "778"})
	tl.say("oms availability_updated", 40*time.Second, said{corr: c1})
	tl.say("erp posted", 2*time.Minute, said{receipt: "123-4-778", doc: "49001", lines: basket})
	return tl
}

func without(tl *tale, refs ...string) *tale {
	tl.records = slices.DeleteFunc(tl.records, func(r inventory.Record) bool {
		return slices.Contains(refs, r.Event.System+" "+r.Event.Step)
	})
	return tl
}

func one(t *testing.T, tl *tale, now time.Duration, facts ...inventory.Fact) inventory.Lifecycle {
	t.Helper()
	all := Stitch(saleRules(t), tl.records, NewEvidence(facts...), t0.Add(now))
	if len(all) != 1 {
		t.Fatalf("want one lifecycle, have %d", len(all))
	}
	return all[0]
}

// brief writes findings as "kind step state/resolution", in order.
func brief(l inventory.Lifecycle) []string {
	var out []string
	for _, f := range l.Findings {
		s := string(f.Kind)
		if f.Step != "" {
			s += " (" + f.Step + ")"
		}
		s += " " + string(f.State)
		if f.Resolution != "" {
			s += "/" + string(f.Resolution)
		}
		out = append(out, s)
	}
	return out
}

func watermark(system string, received, through time.Duration) inventory.Fact {
	return inventory.Fact{
		RecordID: fmt.Sprint(system, received), ReceivedAt: t0.Add(received), Position: uint64(received/time.Second) + 1000,
		Watermark: inventory.Watermark{System: system, CompleteThrough: t0.Add(through)},
	}
}

func TestVerdicts(t *testing.T) {
	hour := time.Hour
	cases := []struct {
		name     string
		tale     func() *tale
		now      time.Duration
		facts    []inventory.Fact
		verdict  inventory.Verdict
		state    inventory.State
		findings []string
		sentence string
	}{
		{
			name: "complete", tale: smooth, now: hour, verdict: inventory.Complete, state: inventory.StateClosed,
			sentence: "Sold 09:02; in ERP 09:04 (document 49001).",
		},
		{
			name: "open while everything may still come", tale: func() *tale { return without(smooth(), "erp posted") },
			now: 4 * time.Minute, verdict: inventory.Open, state: inventory.StateOpen,
			sentence: "Sold 09:02; in order so far, next: posted in ERP by 09:07.",
		},
		{
			name: "missing step fires with nothing arriving", tale: func() *tale { return without(smooth(), "erp posted") },
			now: 6 * time.Minute, verdict: inventory.Overdue, state: inventory.StateOpen,
			findings: []string{"missing_step (erp posted) open"},
			sentence: "Sold 09:02; not in ERP: due 09:07, nothing came.",
		},
		{
			name: "one finding explains every step after it",
			tale: func() *tale {
				return without(smooth(), "middleware accepted", "middleware mapped", "oms availability_updated", "erp posted")
			},
			now: hour, verdict: inventory.Overdue, state: inventory.StateOpen,
			findings: []string{"missing_step (middleware accepted) open"},
		},
		{
			name: "late step, never missing", now: hour, verdict: inventory.CompleteLate, state: inventory.StateClosed,
			tale: func() *tale {
				tl := without(smooth(), "erp posted")
				tl.say("erp posted", 5*time.Minute+30*time.Second, said{receipt: r1, doc: "1", lines: basket, received: 41 * time.Second})
				return tl
			},
			findings: []string{"late_step (erp posted) closed/recovered"},
			sentence: "Sold 09:02; in ERP 09:07 (document 1); posted in ERP 30 s late.",
		},
		{
			name: "was missing and really came late: one finding", now: hour, verdict: inventory.CompleteLate, state: inventory.StateClosed,
			tale: func() *tale {
				tl := without(smooth(), "erp posted")
				tl.say("erp posted", 7*time.Minute, said{receipt: r1, doc: "1", lines: basket})
				return tl
			},
			findings: []string{"missing_step (erp posted) closed/recovered"},
		},
		{
			name: "occurred in time, heard late: disproved", now: hour, verdict: inventory.Complete, state: inventory.StateClosed,
			tale: func() *tale {
				tl := without(smooth(), "erp posted")
				tl.say("erp posted", 3*time.Minute, said{receipt: r1, doc: "1", lines: basket, received: 20 * time.Minute})
				return tl
			},
			findings: []string{"missing_step (erp posted) closed/disproved"},
		},
		{
			name: "exactly at the deadline is in time", now: hour, verdict: inventory.Complete, state: inventory.StateClosed,
			tale: func() *tale {
				tl := without(smooth(), "erp posted")
				tl.say("erp posted", 5*time.Minute, said{receipt: r1, doc: "1", lines: basket, received: 5 * time.Minute})
				return tl
			},
		},
		{
			name: "the feed does not reach that far yet", tale: func() *tale { return without(smooth(), "erp posted") },
			now: 20 * time.Minute, facts: []inventory.Fact{watermark("erp", -time.Minute, -time.Minute), watermark("erp", 4*time.Minute, 4*time.Minute)},
			verdict: inventory.Unconfirmed, state: inventory.StateOpen,
			sentence: "Sold 09:02; evidence from erp does not reach 09:07 yet: cannot say.",
		},
		{
			name: "the feed has passed the due time: missing", tale: func() *tale { return without(smooth(), "erp posted") },
			now: 20 * time.Minute, facts: []inventory.Fact{watermark("erp", -time.Minute, -time.Minute), watermark("erp", 9*time.Minute, 9*time.Minute)},
			verdict: inventory.Overdue, state: inventory.StateOpen, findings: []string{"missing_step (erp posted) open"},
		},
		{
			name: "dead-lettered at once, and the rest is explained", now: hour, verdict: inventory.FailedV, state: inventory.StateOpen,
			tale: func() *tale {
				tl := without(smooth(), "middleware mapped", "erp posted")
				tl.say("middleware mapped", 30*time.Second, said{corr: c1, outcome: inventory.DeadLettered, err: "timeout"})
				return tl
			},
			findings: []string{"dead_lettered (middleware mapped) open"},
		},
		{
			name: "dead letter replayed in time", now: hour, verdict: inventory.Complete, state: inventory.StateClosed,
			tale: func() *tale {
				tl := without(smooth(), "middleware mapped")
				tl.say("middleware mapped", 30*time.Second, said{corr: c1, outcome: inventory.DeadLettered, err: "timeout"})
				tl.say("middleware mapped", 50*time.Second, said{corr: c1, outcome: inventory.ReplayRequested})
				tl.say("middleware mapped", 70*time.Second, said{corr: c1, attempt: 2})
				return tl
			},
			findings: []string{"dead_lettered (middleware mapped) closed/replayed"},
		},
		{
			name: "stalled replay", now: hour, verdict: inventory.Stalled, state: inventory.StateOpen,
			tale: func() *tale {
				tl := without(smooth(), "middleware mapped", "erp posted")
				tl.say("middleware mapped", 30*time.Second, said{corr: c1, outcome: inventory.DeadLettered, err: "timeout"})
				tl.say("middleware mapped", 10*time.Minute, said{corr: c1, outcome: inventory.ReplayRequested})
				return tl
			},
			findings: []string{"stalled_replay (middleware mapped) open", "dead_lettered (middleware mapped) open"},
		},
		{
			name: "a retry that succeeded raises nothing", now: hour, verdict: inventory.Complete, state: inventory.StateClosed,
			tale: func() *tale {
				tl := without(smooth(), "middleware mapped")
				tl.say("middleware mapped", 20*time.Second, said{corr: c1, outcome: inventory.Failed, err: "item_unmapped"})
				tl.say("middleware mapped", 90*time.Second, said{corr: c1, attempt: 2})
				return tl
			},
		},
		{
			name: "mapping unknown once the step is due", now: hour, verdict: inventory.FailedV, state: inventory.StateOpen,
			tale: func() *tale {
				tl := without(smooth(), "middleware mapped", "erp posted")
				tl.say("middleware mapped", 20*time.Second, said{corr: c1, outcome: inventory.Failed, err: "item_unmapped"})
				return tl
			},
			findings: []string{"mapping_unknown (middleware mapped) open"},
			sentence: "Sold 09:02; stuck before “Mapped for the ERP” since 09:02: no ERP item for A.",
		},
		{
			name: "a failed step without retry is missing, and failed", now: hour, verdict: inventory.FailedV, state: inventory.StateOpen,
			tale: func() *tale {
				tl := without(smooth(), "erp posted")
				tl.say("erp posted", time.Minute, said{receipt: r1, outcome: inventory.Failed, err: "period_closed"})
				return tl
			},
			findings: []string{"missing_step (erp posted) open"},
		},
		{
			name: "posted twice", now: hour, verdict: inventory.Conflicted, state: inventory.StateOpen,
			tale: func() *tale {
				tl := smooth()
				tl.say("erp posted", 3*time.Minute, said{receipt: r1, doc: "49002", lines: basket})
				return tl
			},
			findings: []string{"duplicate_posting (erp posted) open"},
			sentence: "Sold 09:02; posted twice: ERP is 3 too low.",
		},
		{
			name: "one document said twice is one posting", now: hour, verdict: inventory.Complete, state: inventory.StateClosed,
			tale: func() *tale {
				tl := smooth()
				tl.say("erp posted", 3*time.Minute, said{receipt: "123-4-778", doc: "49001", lines: basket, transport: "otlp_logs"})
				return tl
			},
		},
		{
			name: "a split posting raises nothing", now: hour, verdict: inventory.Complete, state: inventory.StateClosed,
			tale: func() *tale {
				tl := without(smooth(), "erp posted")
				tl.say("erp posted", 2*time.Minute, said{receipt: r1, doc: "1", lines: map[string]string{"A": "-2"}})
				tl.say("erp posted", 4*time.Minute, said{receipt: r1, doc: "2", lines: map[string]string{"B": "-1"}})
				return tl
			},
		},
		{
			name: "cancel and repost raises nothing", now: hour, verdict: inventory.Complete, state: inventory.StateClosed,
			tale: func() *tale {
				tl := smooth()
				tl.say("erp posted", 150*time.Second, said{receipt: r1, doc: "49001", outcome: inventory.Reversed, lines: basket})
				tl.say("erp posted", 155*time.Second, said{receipt: r1, doc: "49009", lines: basket})
				return tl
			},
		},
		{
			name: "posted twice, then one reversed", now: hour, verdict: inventory.Complete, state: inventory.StateClosed,
			tale: func() *tale {
				tl := smooth()
				tl.say("erp posted", 3*time.Minute, said{receipt: r1, doc: "49002", lines: basket})
				tl.say("erp posted", 30*time.Minute, said{receipt: r1, doc: "49002", outcome: inventory.Reversed, lines: basket})
				return tl
			},
			findings: []string{"duplicate_posting (erp posted) closed/reversed"},
		},
		{
			name: "quantity slip upwards is no double posting", now: hour, verdict: inventory.Conflicted, state: inventory.StateOpen,
			tale: func() *tale {
				tl := without(smooth(), "erp posted")
				tl.say("erp posted", 2*time.Minute, said{receipt: r1, doc: "1", lines: map[string]string{"A": "-3", "B": "-1"}})
				return tl
			},
			findings: []string{"quantity_mismatch (erp posted) open"},
			sentence: "Sold 09:02; sold and posted differ: A sold 2, posted 3.",
		},
		{
			name: "short posting waits until it is due", now: 3 * time.Minute, verdict: inventory.Open, state: inventory.StateOpen,
			tale: func() *tale {
				tl := without(smooth(), "erp posted")
				tl.say("erp posted", 2*time.Minute, said{receipt: r1, doc: "1", lines: map[string]string{"A": "-2"}})
				return tl
			},
		},
		{
			name: "short posting, due", now: hour, verdict: inventory.Conflicted, state: inventory.StateOpen,
			tale: func() *tale {
				tl := without(smooth(), "erp posted")
				tl.say("erp posted", 2*time.Minute, said{receipt: r1, doc: "1", lines: map[string]string{"A": "-2"}})
				return tl
			},
			findings: []string{"quantity_mismatch (erp posted) open"},
		},
		{
			name: "an item under an untranslated name is not comparable", now: hour, verdict: inventory.Complete, state: inventory.StateClosed,
			tale: func() *tale {
				tl := without(smooth(), "erp posted")
				tl.say("erp posted", 2*time.Minute, said{receipt: r1, doc: "1", lines: map[string]string{"A": "-2", "10004711": "-7"}})
				return tl
			},
		},
		{
			name: "the same sale submitted twice", now: hour, verdict: inventory.Complete, state: inventory.StateClosed,
			tale: func() *tale {
				tl := smooth()
				tl.say("pos completed", time.Second, said{corr: c1, receipt: r1, lines: basket})
				return tl
			},
			findings: []string{"duplicate_delivery (pos completed) closed/accepted"},
		},
		{
			name: "a recognised duplicate", now: hour, verdict: inventory.Complete, state: inventory.StateClosed,
			tale: func() *tale {
				tl := smooth()
				tl.say("middleware accepted", 30*time.Second, said{corr: c1, outcome: inventory.Suppressed})
				return tl
			},
			findings: []string{"duplicate_delivery (middleware accepted) closed/accepted"},
		},
		{
			name: "equal content over another transport corroborates", now: hour, verdict: inventory.Complete, state: inventory.StateClosed,
			tale: func() *tale {
				tl := smooth()
				tl.say("pos completed", 0, said{corr: c1, receipt: r1, lines: basket, transport: "otlp_traces"})
				return tl
			},
		},
		{
			name: "one receipt, two baskets", now: hour, verdict: inventory.Conflicted, state: inventory.StateOpen,
			tale: func() *tale {
				tl := smooth()
				tl.say("pos completed", 5*time.Second, said{corr: c1, receipt: r1, lines: map[string]string{"Z": "-9"}})
				return tl
			},
			findings: []string{"key_collision (pos completed) open"},
		},
		{
			name: "one id, two contents", now: hour, verdict: inventory.Conflicted, state: inventory.StateOpen,
			tale: func() *tale {
				tl := smooth()
				tl.say("middleware mapped", 21*time.Second, said{id: "middleware mapped-3", corr: c1, receipt: "778", attempt: 1})
				return tl
			},
			findings: []string{"key_collision (middleware mapped) open"},
		},
		{
			name: "a hop whose word was lost", now: hour, verdict: inventory.Complete, state: inventory.StateClosed,
			tale:     func() *tale { return without(smooth(), "middleware mapped") },
			findings: []string{"missing_step (middleware mapped) closed/disproved", "telemetry_gap (middleware mapped) closed/accepted"},
		},
		{
			name: "services owe no posting", now: hour, verdict: inventory.NotExpected, state: inventory.StateClosed,
			tale: func() *tale {
				tl := without(smooth(), "erp posted", "oms availability_updated")
				tl.records[0].Event.Lines[0].Stock = "none"
				tl.records[0].Event.Lines[1].Stock = "value_only"
				return tl
			},
			sentence: "Sold 09:02; it moves no stock, so no posting is owed.",
		},
		{
			name: "training owes nothing", now: hour, verdict: inventory.NotExpected, state: inventory.StateClosed,
			tale: func() *tale {
				tl := &tale{}
				tl.say("pos completed", 0, said{corr: c1, receipt: r1, lines: basket})
				tl.records[0].Event.Transaction.Mode = "training"
				return tl
			},
		},
		{
			name: "an offline store's burst", now: 6 * hour, verdict: inventory.CompleteLate, state: inventory.StateClosed,
			tale: func() *tale {
				tl := &tale{}
				at := 4 * time.Hour
				tl.say("pos completed", 0, said{corr: c1, receipt: r1, lines: basket, offline: true, received: at})
				tl.say("middleware accepted", at+time.Second, said{corr: c1})
				tl.say("middleware mapped", at+2*time.Second, said{corr: c1})
				tl.say("oms availability_updated", at+3*time.Second, said{corr: c1})
				tl.say("erp posted", at+4*time.Second, said{receipt: r1, doc: "1", lines: basket})
				return tl
			},
			findings: []string{"late_step (middleware accepted) closed/recovered"},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			l := one(t, c.tale(), c.now, c.facts...)
			if diff := gocmp.Diff(c.findings, brief(l)); diff != "" {
				t.Errorf("findings (-want +have):\n%s", diff)
			}
			if l.Verdict != c.verdict || l.State != c.state {
				t.Errorf("verdict %s, state %s; want %s, %s", l.Verdict, l.State, c.verdict, c.state)
			}
			if c.sentence != "" && l.Sentence != c.sentence {
				t.Errorf("sentence\n  have %s\n  want %s", l.Sentence, c.sentence)
			}
		})
	}
}

func TestBatchStaysApart(t *testing.T) {
	tl := &tale{}
	for i := range 500 {
		receipt := fmt.Sprintf("0123-04-%06d", i)
		tl.say("pos completed", 0, said{corr: fmt.Sprintf("c-%d", i), receipt: receipt, lines: basket})
		tl.say("erp posted", time.Minute, said{receipt: receipt, doc: "4900", lines: basket})
	}
	if n := len(Stitch(saleRules(t), tl.records, nil, t0.Add(2*time.Minute))); n != 500 {
		t.Fatalf("500 receipts in one ERP document are %d lifecycles", n)
	}
}

// TestOneCorrelationIDForAll: a middleware stamps one correlation id on all it
// does. The sales stay apart, none is in conflict, and one finding says so.
func TestOneCorrelationIDForAll(t *testing.T) {
	tl := &tale{}
	const sales = 5000
	for i := range sales {
		receipt, at := fmt.Sprintf("0123-04-%06d", i+1), time.Duration(i)*time.Second
		lines := basket
		tl.say("pos completed", at, said{corr: "mw-main", receipt: receipt, lines: lines})
		tl.say("middleware accepted", at+time.Second, said{corr: "mw-main", receipt: receipt})
		tl.say("middleware mapped", at+2*time.Second, said{corr: "mw-main", receipt: receipt})
		tl.say("oms availability_updated", at+3*time.Second, said{corr: "mw-main", receipt: receipt})
		if i != 77 {
			tl.say("erp posted", at+4*time.Second, said{corr: "mw-main", receipt: receipt, lines: lines})
		}
	}
	began := time.Now()
	told := Stitch(saleRules(t), tl.records, nil, t0.Add(48*time.Hour))
	t.Logf("%d sales stitched in %s", sales, time.Since(began))
	slices.Reverse(tl.records)
	again := Stitch(saleRules(t), tl.records, nil, t0.Add(48*time.Hour))
	if !slices.EqualFunc(told, again, func(a, b inventory.Lifecycle) bool { return fingerprint(&a) == fingerprint(&b) }) {
		t.Error("in another order it comes to something else")
	}
	if len(told) != sales+1 {
		t.Fatalf("%d sales are %d lifecycles", sales, len(told))
	}
	kinds := map[inventory.Kind]int{}
	for i := range told {
		for _, f := range told[i].Findings {
			kinds[f.Kind]++
			if f.Kind == inventory.KeyCollision && told[i].ID != "mw-main" {
				t.Errorf("%s is in conflict", told[i].ID)
			}
		}
	}
	if kinds[inventory.KeyCollision] != 1 || kinds[inventory.MissingStep] != 1 || len(kinds) != 2 {
		t.Errorf("found %v", kinds)
	}
}

// TestPlaceholdersBindNothing: what says that there is no value is no key.
func TestPlaceholdersBindNothing(t *testing.T) {
	for _, corr := range []string{"unknown", "N/A", "null", "00000000-0000-0000-0000-000000000000", "0000", "-"} {
		tl := &tale{}
		for _, receipt := range []string{r1, "0123-04-000779"} {
			tl.say("pos completed", 0, said{corr: corr, receipt: receipt, lines: basket})
			tl.say("erp posted", time.Minute, said{corr: corr, receipt: receipt, lines: basket})
		}
		for _, l := range Stitch(saleRules(t), tl.records, nil, t0.Add(2*time.Minute)) {
			if l.Canonical.Name != inventory.KeyReceipt || slices.ContainsFunc(l.Findings, func(f inventory.Finding) bool { return f.Kind == inventory.KeyCollision }) {
				t.Errorf("%q: %s, %v", corr, l.ID, l.Findings)
			}
		}
	}
}

func TestNumbersComeRound(t *testing.T) {
	tl := &tale{}
	tl.say("pos completed", 0, said{corr: "c-nov", receipt: r1, date: "2026-11-23", lines: basket})
	tl.say("erp posted", time.Minute, said{receipt: r1, date: "2026-11-24", doc: "1", lines: basket})
	tl.say("pos completed", 30*24*time.Hour, said{corr: "c-dec", receipt: r1, date: "2026-12-23", lines: basket})
	tl.say("erp posted", 30*24*time.Hour+time.Minute, said{receipt: r1, doc: "2", lines: basket})
	all := Stitch(saleRules(t), tl.records, nil, t0.Add(30*24*time.Hour+2*time.Minute))
	if len(all) != 2 {
		t.Fatalf("a recycled number gives %d lifecycles, want 2", len(all))
	}
	for _, l := range all {
		// The date picks among recurrences, and is wrong all the same where a hop
		// has another one.
		shifted := slices.ContainsFunc(l.Findings, func(f inventory.Finding) bool { return f.Kind == inventory.DateShift })
		collides := slices.ContainsFunc(l.Findings, func(f inventory.Finding) bool { return f.Kind == inventory.KeyCollision })
		if len(l.RecordIDs) != 2 || collides || shifted != (l.ID == "c-nov") {
			t.Errorf("%s is %s with records %v and findings %v", l.ID, l.Verdict, l.RecordIDs, brief(l))
		}
	}
}

func TestTwoCorrelationIDsCollide(t *testing.T) {
	tl := &tale{}
	tl.say("pos completed", 0, said{corr: "c-a", receipt: r1, lines: basket})
	tl.say("pos completed", time.Second, said{corr: "c-b", receipt: r1, lines: map[string]string{"Z": "-1"}})
	all := Stitch(saleRules(t), tl.records, nil, t0.Add(10*time.Second))
	if len(all) != 2 {
		t.Fatalf("have %d lifecycles, want 2", len(all))
	}
	for _, l := range all {
		if l.Verdict != inventory.Conflicted {
			t.Errorf("%s is %s, want conflicted", l.ID, l.Verdict)
		}
	}
}

func TestUnclassified(t *testing.T) {
	tl := &tale{}
	tl.say("pos completed", 0, said{corr: c1, receipt: r1, lines: basket})
	tl.records[0].Event.Workflow = "promotion"
	l := one(t, tl, time.Hour)
	if l.Verdict != inventory.Unclassified || len(l.Findings) != 0 {
		t.Fatalf("verdict %s, findings %v", l.Verdict, brief(l))
	}
}

// TestConfluence: the same records in any order, repeated and split into any
// prefixes of computation, give the identical answer.
func TestConfluence(t *testing.T) {
	bySale, byDay := saleRules(t), simRules(t, true)
	rapid.Check(t, func(t *rapid.T) {
		rules := bySale
		if rapid.Bool().Draw(t, "by day") {
			rules = byDay
		}
		tl := randomTale(t)
		facts := randomFacts(t)
		now := t0.Add(time.Duration(rapid.IntRange(0, 3600).Draw(t, "now")) * time.Second)
		want := Stitch(rules, slices.Clone(tl.records), NewEvidence(facts...), now)

		again := slices.Clone(tl.records)
		for range rapid.IntRange(0, 5).Draw(t, "repeats") {
			again = append(again, again[rapid.IntRange(0, len(again)-1).Draw(t, "which")])
		}
		again = rapid.Permutation(again).Draw(t, "order")
		have := Stitch(rules, again, NewEvidence(rapid.Permutation(facts).Draw(t, "facts order")...), now)
		if diff := gocmp.Diff(want, have, gocmp.AllowUnexported(inventory.Decimal{})); diff != "" {
			t.Fatalf("order or repetition mattered (-want +have):\n%s", diff)
		}
		// Components do not depend on each other, but for what is said to them:
		// stitching each alone is the same.
		var apart []inventory.Lifecycle
		entries, books := withEchoes(rules, distinct(slices.Clone(again)))
		for _, c := range components(entries) {
			apart = append(apart, stitchComponent(rules, slices.Clone(c), NewEvidence(facts...), now)...)
		}
		for key, b := range books {
			apart = append(apart, b.tell(rules, key, NewEvidence(facts...), now))
		}
		slices.SortFunc(apart, func(a, b inventory.Lifecycle) int { return compareStrings(a.ID, b.ID) })
		if diff := gocmp.Diff(want, apart, gocmp.AllowUnexported(inventory.Decimal{})); diff != "" {
			t.Fatalf("a component depends on another (-want +have):\n%s", diff)
		}
		// Every record is in exactly one lifecycle.
		owners := map[string]int{}
		for _, l := range want {
			for _, id := range l.RecordIDs {
				owners[id]++
			}
		}
		for _, r := range tl.records {
			if owners[r.ID] < 1 {
				t.Fatalf("record %s is in no lifecycle", r.ID)
			}
		}
	})
}

// TestFindingsLives: what is said at a later now never rewrites when something
// opened or closed earlier, as long as no record arrives in between.
func TestFindingsLives(t *testing.T) {
	rules := saleRules(t)
	rapid.Check(t, func(t *rapid.T) {
		tl := randomTale(t)
		var last time.Time
		for _, r := range tl.records {
			last = later2(last, r.ReceivedAt)
		}
		a := last.Add(time.Duration(rapid.IntRange(0, 1200).Draw(t, "a")) * time.Second)
		b := a.Add(time.Duration(rapid.IntRange(0, 1200).Draw(t, "b")) * time.Second)
		early, late := Stitch(rules, tl.records, nil, a), Stitch(rules, tl.records, nil, b)
		found := map[string]inventory.Finding{}
		for _, l := range late {
			for _, f := range l.Findings {
				found[f.ID] = f
			}
		}
		for _, l := range early {
			for _, f := range l.Findings {
				g, ok := found[f.ID]
				if !ok || !g.OpenedAt.Equal(f.OpenedAt) || !g.ClosedAt.Equal(f.ClosedAt) {
					t.Fatalf("finding %s %s changed by waiting:\n%+v\n%+v", f.Kind, f.ID, f, g)
				}
			}
			if l.State == inventory.StateOpen && l.NextAt.IsZero() && len(l.Awaits) == 0 {
				t.Fatalf("%s is open, %s, and nothing will ever look at it again", l.ID, l.Verdict)
			}
			if !l.NextAt.IsZero() && b.Before(l.NextAt) {
				for _, m := range late {
					if m.ID == l.ID && (m.Verdict != l.Verdict || len(m.Findings) != len(l.Findings)) {
						t.Fatalf("%s changed from %s to %s before it said it would", l.ID, l.Verdict, m.Verdict)
					}
				}
			}
		}
	})
}

func randomTale(t *rapid.T) *tale {
	tl := &tale{}
	refs := []string{"pos completed", "middleware accepted", "middleware mapped", "oms availability_updated", "erp posted", "wms picked"}
	outcomes := []inventory.Outcome{
		inventory.OK, inventory.OK, inventory.OK, inventory.OK, inventory.Failed, inventory.DeadLettered, inventory.ReplayRequested, inventory.Reversed,
		inventory.Suppressed, inventory.Held, inventory.Rejected, inventory.Partial, inventory.Replayed,
	}
	for range rapid.IntRange(1, 14).Draw(t, "records") {
		at := time.Duration(rapid.IntRange(0, 600).Draw(t, "at")) * time.Second
		s := said{
			outcome:   rapid.SampledFrom(outcomes).Draw(t, "outcome"),
			attempt:   rapid.IntRange(0, 2).Draw(t, "attempt"),
			corr:      rapid.SampledFrom([]string{"", "", "c-1", "c-1", "c-2"}).Draw(t, "corr"),
			receipt:   rapid.SampledFrom([]string{"", r1, "778", "779"}).Draw(t, "receipt"),
			doc:       rapid.SampledFrom([]string{"", "1", "2"}).Draw(t, "doc"),
			date:      rapid.SampledFrom([]string{"", "", simDay, simDay, "2026-11-24", "2026-12-23"}).Draw(t, "date"),
			transport: rapid.SampledFrom([]string{"cloudevents", "cloudevents", "otlp_logs"}).Draw(t, "transport"),
			err:       rapid.SampledFrom([]string{"", "timeout", "item_unmapped"}).Draw(t, "err"),
			received:  at + time.Duration(rapid.IntRange(1, 300).Draw(t, "received"))*time.Second,
			lines:     map[string]string{"A": rapid.SampledFrom([]string{"-1", "-2", "1"}).Draw(t, "quantity")},
			workflow:  rapid.SampledFrom([]string{"sale", "sale", "sale", "return", "void", "posting_batch", "transfer"}).Draw(t, "workflow"),
			sequence:  rapid.SampledFrom([]string{"", "1", "2", "3", "7"}).Draw(t, "sequence"),
			voids:     rapid.SampledFrom([]string{"", "", "", r1}).Draw(t, "voids"),
			covers:    rapid.SampledFrom([][]string{nil, nil, nil, {}, {r1, "0123-04-000779"}}).Draw(t, "covers"),
		}
		if rapid.IntRange(0, 9).Draw(t, "reuse id") == 0 {
			s.id = "one-id"
		}
		if rapid.IntRange(0, 3).Draw(t, "for a book") == 0 {
			tl.say(randomWord(t, &s), at, s)
			continue
		}
		tl.say(rapid.SampledFrom(refs).Draw(t, "ref"), at, s)
	}
	return tl
}

// randomWord makes of s a word to one of the books, and returns who says it.
func randomWord(t *rapid.T, s *said) string {
	switch rapid.IntRange(0, 6).Draw(t, "book") {
	case 0:
		s.workflow, s.kind = "pos", rapid.SampledFrom([]string{"sale", "till_replaced", "no_sale"}).Draw(t, "kind")
		s.sequence = rapid.SampledFrom([]string{"1", "2", "4", "7", "9", "0", "A5", "995"}).Draw(t, "number")
		s.most = rapid.SampledFrom([]string{"", "", "9", "9999"}).Draw(t, "most")
		return "pos control"
	case 1:
		s.workflow, s.totals = "store_day", &inventory.Totals{Register: "04", Transactions: rapid.IntRange(0, 6).Draw(t, "count")}
		if rapid.Bool().Draw(t, "range") {
			s.totals.First = rapid.SampledFrom([]string{"1", "2", "9"}).Draw(t, "first")
			s.totals.Last = rapid.SampledFrom([]string{"3", "7", "12"}).Draw(t, "last")
		}
		return "pos closed"
	case 2:
		s.workflow, s.covers = "posting_batch", []string{}
		s.part, s.parts = rapid.IntRange(0, 2).Draw(t, "part"), rapid.IntRange(0, 2).Draw(t, "parts")
		s.slice = rapid.SampledFrom([]string{"", "", "1"}).Draw(t, "slice")
		if rapid.IntRange(0, 3).Draw(t, "bare") == 0 {
			s.lines = nil
		}
		return "erp posted"
	case 3:
		s.workflow, s.fulfils = "sale", "10023"
		return "pos completed"
	case 4:
		s.workflow, s.order, s.receipt = "fulfilment", "10023", ""
		return rapid.SampledFrom([]string{"oms ordered", "erp posted", "ledger posted"}).Draw(t, "who")
	case 5:
		s.workflow, s.lines, s.counted = "count", nil, rapid.SampledFrom([]string{"1", "2", "3"}).Draw(t, "counted")
		return "store_app counted"
	default:
		s.lines = nil
		if rapid.Bool().Draw(t, "snapshot") {
			s.workflow, s.available = "snapshot", rapid.SampledFrom([]string{"0", "1", "3"}).Draw(t, "there")
			return "oms reported"
		}
		s.workflow, s.available = "reservation", rapid.SampledFrom([]string{"-1", "-2", "1"}).Draw(t, "taken")
		return "oms reserved"
	}
}

func randomFacts(t *rapid.T) []inventory.Fact {
	var facts []inventory.Fact
	for range rapid.IntRange(0, 6).Draw(t, "facts") {
		received := time.Duration(rapid.IntRange(-300, 1200).Draw(t, "received")) * time.Second
		f := watermark(rapid.SampledFrom([]string{"erp", "oms", "middleware"}).Draw(t, "system"), received,
			received-time.Duration(rapid.IntRange(0, 300).Draw(t, "behind"))*time.Second)
		f.Position = uint64(len(facts) + 1)
		facts = append(facts, f)
	}
	return facts
}

func compareStrings(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func BenchmarkStitchSale(b *testing.B) {
	rules, tl := saleRules(b), smooth()
	b.ReportAllocs()
	for b.Loop() {
		Stitch(rules, tl.records, nil, t0.Add(time.Hour))
	}
}
