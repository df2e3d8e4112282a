package estate

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// history plans a day of sales with every fault and calls visit for each.
func history(t *testing.T, change func(*Options), visit func(e *Estate, s *sale, messages []*message, faults []Fault, truth SaleTruth)) {
	t.Helper()
	to := time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC) // a Wednesday
	e := newEstate(t, func(o *Options) {
		o.Clock = &jumpClock{now: to}
		o.Rate, o.Faults, o.DayShare = 0, FaultPresets["heavy"], 0
		o.History = History{Sales: 8000, From: to.Add(-24 * time.Hour), To: to}
		change(o)
	})
	for !e.schedule.ended() {
		for _, s := range e.schedule.next() {
			messages, faults := travel(&e.opts, e.episodes, e.schedule, s)
			visit(e, s, messages, faults, judge(&e.opts, e.live, s, messages, faults))
		}
	}
}

func TestMessages(t *testing.T) {
	ids := map[string]bool{}
	documents := map[string]int{}
	happened := map[Fault]int{}
	verdicts := map[inventory.Verdict]int{}
	kinds := map[inventory.Kind]int{}
	combined := 0
	history(t, func(*Options) {}, func(e *Estate, s *sale, messages []*message, faults []Fault, truth SaleTruth) {
		deadlines := map[inventory.StepRef]time.Duration{
			accepted: e.opts.Deadlines.Accepted, mapped: e.opts.Deadlines.Mapped,
			availability: e.opts.Deadlines.Availability, posted: e.opts.Deadlines.Posted,
		}
		own := map[string]bool{}
		for _, m := range messages {
			id := m.recordID()
			if ids[id] {
				t.Errorf("two messages have the id %s", id)
			}
			ids[id] = true
			if m.at.Before(s.at) || m.send.Before(m.at) {
				t.Errorf("%s: sold %s, happened %s, sent %s", id, s.at, m.at, m.send)
			}
			if !m.at.Equal(m.at.Truncate(time.Millisecond)) {
				t.Errorf("%s happens between milliseconds: %s", id, m.at)
			}
			if d := m.at.Sub(s.at.Add(deadlines[m.ref])); m.outcome == inventory.OK && m.ref != posCompleted && d > -nearness && d < nearness {
				t.Errorf("%s is %s from its deadline", id, d)
			}
			if m.document != "" {
				if own[m.document] {
					t.Errorf("%s: two postings of receipt %s in one document", m.document, s.receipt())
				}
				own[m.document] = true
				documents[m.document]++
			}
		}
		for _, f := range faults {
			happened[f]++
		}
		verdicts[truth.Verdict]++
		for _, f := range truth.Findings {
			kinds[f.Kind]++
		}
		if len(truth.Findings) > 1 {
			combined++
		}
	})
	for _, f := range AllFaults {
		if f != SilentFeed && happened[f] < 5 { // a history knows no silence
			t.Errorf("%s happened %d times in 8000 sales", f, happened[f])
		}
	}
	for _, v := range []inventory.Verdict{
		inventory.Complete, inventory.CompleteLate, inventory.Overdue, inventory.FailedV, inventory.Stalled,
		inventory.Conflicted, inventory.NotExpected,
	} {
		if verdicts[v] < 5 {
			t.Errorf("%d sales are %s", verdicts[v], v)
		}
	}
	for _, k := range []inventory.Kind{
		inventory.MissingStep, inventory.LateStep, inventory.DuplicateDelivery, inventory.DuplicatePosting,
		inventory.QuantityMismatch, inventory.MappingUnknown, inventory.DeadLetter, inventory.StalledReplay, inventory.TelemetryGap,
	} {
		if kinds[k] < 5 {
			t.Errorf("%d findings are %s", kinds[k], k)
		}
	}
	if combined < 100 {
		t.Errorf("%d sales have two findings", combined)
	}
	most := 0
	for _, n := range documents {
		most = max(most, n)
	}
	if most > documentSize || most < 5 {
		t.Errorf("the largest ERP document books %d receipts", most)
	}
	if rate := float64(happened[MappingGap]) / 8000; rate < 0.003 || rate > 0.06 {
		t.Errorf("a mapping gap hits %.4f of the sales, want about %.2f", rate, FaultPresets["heavy"][MappingGap])
	}
}

func TestOnePresetGoesWell(t *testing.T) {
	history(t, func(o *Options) { o.Faults = FaultPresets["none"] },
		func(_ *Estate, s *sale, messages []*message, faults []Fault, truth SaleTruth) {
			want := inventory.Complete
			if len(s.basket.owed) == 0 {
				want = inventory.NotExpected
			}
			if truth.Verdict != want || len(truth.Findings)+len(truth.Late)+len(faults) > 0 {
				t.Errorf("%s: %s %v %v %v", s.receipt(), truth.Verdict, truth.Findings, truth.Late, faults)
			}
			if n := len(messages); n != 5 && want == inventory.Complete {
				t.Errorf("%s has %d messages", s.receipt(), n)
			}
		})
}

// A near-miss alone must leave no trace in the truth.
func TestNearMissesRaiseNothing(t *testing.T) {
	misses := []Fault{Retried, SplitPosting, CancelledAndReposted, SameBasket, BothTransports}
	happened := map[Fault]int{}
	history(t, func(o *Options) {
		o.Faults = Faults{}
		for _, f := range misses {
			o.Faults[f] = 0.3
		}
	}, func(_ *Estate, s *sale, _ []*message, faults []Fault, truth SaleTruth) {
		if len(truth.Findings) > 0 || (truth.Verdict != inventory.Complete && len(s.basket.owed) > 0) {
			t.Errorf("%s %v: %s %v", s.receipt(), faults, truth.Verdict, truth.Findings)
		}
		for _, f := range faults {
			happened[f]++
		}
	})
	for _, f := range misses {
		if happened[f] < 100 {
			t.Errorf("%s happened %d times", f, happened[f])
		}
	}
}

func TestEventsOfOneSale(t *testing.T) {
	seen := map[string]int{}
	history(t, func(o *Options) { o.Faults = Faults{BothTransports: 1} },
		func(_ *Estate, s *sale, messages []*message, _ []Fault, _ SaleTruth) {
			var till, twin inventory.Event
			for _, m := range messages {
				e := m.event()
				switch m.ref {
				case posCompleted:
					if m.via == logs {
						twin = e
					} else {
						till = e
					}
					if e.CorrelationID == "" || e.KeyValue(inventory.KeyReceipt) == "" || len(e.Lines) != len(s.basket.Lines) {
						t.Fatalf("till: %+v", e)
					}
				case mapped:
					owing := 0
					for _, l := range s.basket.Lines {
						if l.Item.Stock {
							owing++
						}
					}
					if len(e.Mappings) != owing || len(e.Lines) != 0 {
						t.Fatalf("%d mappings for %d lines that move stock", len(e.Mappings), owing)
					}
				case availability:
					if e.KeyValue(inventory.KeyReceipt) != "" || e.CorrelationID == "" {
						t.Fatalf("the OMS knows the correlation id only: %+v", e)
					}
				case posted:
					if e.CorrelationID != "" {
						seen["erp with correlation id"]++
					} else {
						seen["erp without correlation id"]++
					}
					if e.KeyValue(inventory.KeyERPDocument) == "" || e.ParentSpanID != "" {
						t.Fatalf("the ERP's own trace and document: %+v", e)
					}
					if (len(e.Lines[0].ItemIDs) > 0) != (s.store.erp.instance == "erp-us") {
						t.Fatalf("item ids of %s: %v", s.store.erp.instance, e.Lines[0].ItemIDs)
					}
				}
				// Every hop that knows the receipt must mean the same one.
				for _, k := range e.Keys {
					if scoped, ok := k.Scope(e.Location, e.Register); ok {
						if want := fmt.Sprintf("%s/%d/%d", inventory.Unpad(s.store.ID), s.register+1, s.sequence); scoped.Value != want {
							t.Fatalf("%s: receipt %s is scoped to %s, want %s", m.ref, k.Value, scoped.Value, want)
						}
					}
				}
			}
			if till.ContentHash() != twin.ContentHash() {
				t.Fatalf("over two transports the till says two things:\n%+v\n%+v", till, twin)
			}
		})
	if few, many := seen["erp with correlation id"], seen["erp without correlation id"]; few == 0 || few*10 > many {
		t.Errorf("%d ERP events carry the correlation id, %d do not", few, many)
	}
}

func TestSlip(t *testing.T) {
	for in, want := range map[string]string{"-1": "-2", "-2": "-1", "-3": "-2", "-0.425": "-1.425", "1": "2", "-2.5": "-1.5", "4": "3"} {
		q, err := inventory.ParseDecimal(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := slip(q).String(); got != want {
			t.Errorf("%s slips to %s, want %s", in, got, want)
		}
	}
}

func TestRequests(t *testing.T) {
	st := &store{Location: inventory.Undeclared("0001"), erp: erps[0]}
	item := &Item{SKU: "1", Article: "1", UOM: "EA", Stock: true}
	sold := func(lines int) *sale {
		return &sale{store: st, basket: newBasket("", workflowSale, slices.Repeat([]BasketLine{{Item: item, Quantity: inventory.DecimalOf(-1)}}, lines))}
	}
	var messages []*message
	for i := range 1200 {
		m := &message{sale: sold(1), via: []transport{traces, logs}[i%2], ref: posted, document: fmt.Sprint(i % 3)}
		messages = append(messages, m)
	}
	large := sold(3000)
	for range 5 {
		messages = append(messages, &message{sale: large, via: cloudEvents, ref: posCompleted})
	}
	total := 0
	for _, r := range requests(messages, 500) {
		total += len(r)
		weight := 0
		for i, m := range r {
			weight += m.weight()
			if m.via != r[0].via {
				t.Fatal("two transports in one request")
			}
			if i > 0 && m.document < r[i-1].document {
				t.Fatal("documents are torn apart")
			}
		}
		if len(r) > 500 || (weight > maxRequest && len(r) > 1) {
			t.Errorf("a request of %d messages, %d bytes", len(r), weight)
		}
	}
	if total != len(messages) {
		t.Errorf("%d messages in requests, want %d", total, len(messages))
	}
}
