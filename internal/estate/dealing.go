package estate

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// A retailer does more than sell: it moves goods, counts them, takes them back,
// picks them for orders. Each kind of that is a flow: a list of legs, and what may
// go wrong with it besides what may go wrong at any leg (mishap.go). The flows are
// in the files flow_*.go.

// flow is one kind of business besides selling.
type flow struct {
	workflow string
	// anchor is the leg that deadlines count from, the first if empty.
	anchor string
	// share is its part of all dealings; the shares of all flows need not sum to 1.
	share float64
	// begin chooses place, numbers and goods. It returns false where the store does
	// no such business.
	begin func(d *dealing) bool
	legs  []leg
	// with makes the dealings that belong to it, and says what is told of all of them
	// together.
	with func(e *Estate, d *dealing) []*dealing
	// odd is what may go wrong with this flow alone.
	odd []oddity
}

// leg is one hop of a flow.
type leg struct {
	// name is what the workflow calls it ("any received"), and system who says it
	// where any may.
	name, system string
	// after is the leg it follows, by from to to; the first follows nothing.
	after    string
	from, to time.Duration
	// due is by when it has to have happened, counted from since (the anchor where
	// that is empty); batch is the same where the ERP posts in batches, and day where
	// it posts days as a whole. With hours it is time in which the first leg's place
	// is open. Zero: it may come when it likes.
	due, batch, day time.Duration
	since           string
	hours           bool
	// owed: somebody waits for it. Without, nobody misses it.
	owed bool
	// when says in which dealings it happens; nil: in all.
	when func(d *dealing) bool
	// missing is what it is called when it does not come, missing_step if empty.
	missing inventory.Kind
	// says adds what the event says besides its keys, place and time.
	says func(d *dealing, e *inventory.Event)
	// retold: the ledger tells of it as well, and nobody misses another's word of it.
	retold bool
	// books: the leg books goods in the ledger, and may book them wrongly; anywhere
	// and anyStatus say what of it nobody compares.
	books, anywhere, anyStatus bool
	// short is what too little booked is called, quantity_mismatch if empty.
	short inventory.Kind
}

// house stands for the system of the place: a warehouse's, or a store's.
const house = "house"

// ref is the leg as its workflow names it.
func (l *leg) ref() inventory.StepRef {
	system, step, _ := strings.Cut(l.name, " ")
	return inventory.StepRef{System: system, Step: step}
}

// oddity is what may go wrong with one flow alone: how, and what must be said.
type oddity struct {
	fault Fault
	// happen changes what is said and returns what must be found, and false where it
	// cannot happen: what it is about was lost before.
	happen func(d *dealing) ([]Expected, bool)
}

// dealing is one transaction of a flow.
type dealing struct {
	opts     *Options
	episodes *episodes
	schedule *schedule
	depots   []inventory.Location
	live     time.Time
	flow     *flow
	// sale is what the schedule and the messages know it by: its number, when it
	// began, and the store.
	sale *sale
	d    dice
	// drawn are the faults it may meet; hit says which leg a fault of its kind meets.
	drawn map[Fault]bool
	hit   map[string]Fault

	// place is where it begins, and what its clocks run by; other is where it ends,
	// if elsewhere.
	place, other inventory.Location
	number       string // of the document, without a kind
	correlation  string // empty where the systems hand none through
	keys         []inventory.Key
	goods        []booking // quantities are positive
	status       string    // of the goods, where it is not sellable

	said      []*saying
	misbooked *leg                 // whose booking went wrong
	odd       bool                 // something went wrong that only this flow knows
	waived    map[string]bool      // legs of which nothing is said, whatever they tell
	came      map[string]time.Time // when each leg was through
	findings  []Expected
	maybe     []Expected
	happened  []Fault
	settled   time.Time // when what was found without a deadline is final
	// Of a till: its register, its number in the sequence (0: none), the receipts it
	// speaks of, its count at close, and when it happened where its clock is wrong.
	register string
	sequence int
	refs     []inventory.Ref
	totals   *inventory.Totals
	told     time.Time
	// minus: a count finds less of everything.
	minus bool
	// books is what is told of it together with others.
	books []SaleTruth
	// verdict is where it stands if that does not follow from its legs.
	verdict inventory.Verdict
}

// saying is one event about a dealing.
type saying struct {
	leg   *leg
	event inventory.Event
	// unheard: it happened, and nobody was told.
	unheard bool
}

// id is how an instance calls its lifecycle.
func (d *dealing) id() string {
	if d.correlation != "" {
		return d.correlation
	}
	k, _ := d.keys[0].Scope(d.place.ID, d.register)
	return k.String()
}

func (d *dealing) happens(f Fault) { d.happened = append(d.happened, f) }

// chance rolls for something that is no fault.
func (d *dealing) chance(p float64) bool { return d.d.chance(p) }

// deal works out what becomes of a dealing: its events, and the truth about it.
func (d *dealing) deal() {
	d.assign()
	d.came = map[string]time.Time{}
	for i := range d.flow.legs {
		l := &d.flow.legs[i]
		at := d.sale.at
		if i > 0 {
			before, ok := d.came[l.after]
			if !ok {
				continue // what it follows never happened
			}
			at = before.Add(d.d.between(l.from, l.to))
			if l.when != nil && !l.when(d) {
				d.came[l.name] = before
				continue
			}
		}
		d.pass(l, at)
	}
	d.bookWrong()
	for _, odd := range d.flow.odd {
		if !d.drawn[odd.fault] {
			continue
		}
		if found, ok := odd.happen(d); ok {
			d.happens(odd.fault)
			d.odd = true
			d.findings = append(d.findings, found...)
		}
	}
	d.repeat()
	d.lose()
}

// say adds an event of a leg.
func (d *dealing) say(l *leg, at time.Time, outcome inventory.Outcome, attempt int, failure *inventory.Error) *saying {
	ref := l.ref()
	system := cmp.Or(l.system, ref.System)
	if system == house {
		system = "store_app"
		if d.place.AlwaysOpen() {
			system = "wms"
		}
	}
	n := 1
	for _, s := range d.said {
		if s.event.Step == ref.Step && s.event.System == system {
			n++
		}
	}
	e := inventory.Event{
		ID:   fmt.Sprintf("%s/%s.%s/%d", d.number, d.flow.workflow, ref.Step, n),
		Type: "inventory." + d.flow.workflow + "." + ref.Step, Time: at, Workflow: d.flow.workflow, Step: ref.Step, System: system,
		Outcome: outcome, Attempt: attempt, Error: failure, Location: d.place.ID, CorrelationID: d.correlation,
		Keys: slices.Clone(d.keys),
	}
	if outcome == inventory.OK && l.says != nil {
		l.says(d, &e)
	}
	if l.books && outcome == inventory.OK {
		e.Keys = append(e.Keys, inventory.Key{Name: inventory.KeyERPDocument, Value: d.document(n)})
	}
	s := &saying{leg: l, event: e}
	d.said = append(d.said, s)
	return s
}

// document is the number the ledger gives its n-th posting about the dealing.
func (d *dealing) document(n int) string {
	return fmt.Sprintf("50%010d%d", digest("document/"+d.number)%1e10, len(d.said)*10+n)
}

// done is the success of a leg that was told, nil where there is none.
func (d *dealing) done(name string) *saying {
	for _, s := range d.said {
		if s.leg.name == name && s.event.Outcome == inventory.OK {
			return s
		}
	}
	return nil
}

// all reports whether each of the legs was done.
func (d *dealing) all(names ...string) bool {
	return !slices.ContainsFunc(names, func(name string) bool { return d.done(name) == nil })
}

// due is by when a leg has to have happened; zero where it has no deadline, or
// what it counts from is not known.
func (d *dealing) due(l *leg) time.Time {
	wait := l.due
	switch {
	case d.place.Posting == inventory.PostingBatch && l.batch > 0:
		wait = l.batch
	case d.place.Posting == inventory.PostingStoreDay && l.day > 0:
		wait = l.day
	}
	if wait == 0 {
		return time.Time{}
	}
	from := d.sale.at
	if since := cmp.Or(l.since, d.flow.anchor); since != "" {
		s := d.done(since)
		if s == nil || s.unheard {
			return time.Time{}
		}
		from = s.event.Time
	}
	if l.hours {
		return d.place.AfterOpen(from, wait)
	}
	return from.Add(wait)
}

// lines are the goods as a till or a warehouse says them: sign is -1 for what
// leaves.
func (d *dealing) lines(sign int64, status string) []inventory.Line {
	lines := make([]inventory.Line, len(d.goods))
	for i, k := range d.goods {
		q := k.quantity
		if sign < 0 {
			q = q.Neg()
		}
		lines[i] = inventory.Line{
			Line: strconv.Itoa(i + 1), Item: k.item.SKU, ItemScheme: "sku", Quantity: q, UOM: k.item.UOM, Status: status,
		}
	}
	return lines
}

// booked are the goods as the ERP says them, under its own names.
func (d *dealing) booked(sign int64, status string) []inventory.Line {
	lines := d.lines(sign, status)
	for i := range lines {
		lines[i].Item, lines[i].ItemScheme, lines[i].Line = d.goods[i].item.Article, "article", ""
		lines[i].ItemIDs = []inventory.Key{{Name: "sku", Value: d.goods[i].item.SKU}}
	}
	return lines
}

// source is who sends an event: its feed, how, and by what name.
func (d *dealing) source(e *inventory.Event) (f feedID, via transport, source string) {
	switch e.System {
	case "middleware":
		return feedMiddleware, traces, "middleware/middleware-1"
	case "oms":
		return feedOMS, logs, "oms/oms-1"
	case "erp":
		return feedERP, d.sale.store.erp.via, "erp/" + d.sale.store.erp.instance
	case "wms":
		return feedWMS, logs, "wms/wms-" + strings.ToLower(d.place.ID)
	case "marketplace":
		return feedMarketplace, cloudEvents, "/marketplace/orders"
	case "supplier":
		return feedSupplier, cloudEvents, "/suppliers/edi"
	case "store_app":
		return feedStoreApp, cloudEvents, "/store-app/store/" + e.Location
	default:
		return feedPOS, cloudEvents, "/pos/store/" + e.Location + "/register/" + e.Register
	}
}

// messages are the dealing's events as their systems send them.
func (d *dealing) messages() []*message {
	var all []*message
	for _, s := range d.said {
		if s.unheard {
			continue
		}
		e := &s.event
		m := &message{sale: d.sale, ref: inventory.StepRef{System: e.System, Step: e.Step}, at: e.Time, outcome: e.Outcome, attempt: e.Attempt, says: e}
		m.feed, m.via, e.Source = d.source(e)
		m.id = e.ID
		m.document = e.KeyValue(inventory.KeyERPDocument)
		e.TraceID, e.SpanID = m.traceID(), m.spanID()
		switch m.feed {
		case feedERP:
			m.send = ceil(e.Time, erpRun).Add(erpLag)
		case feedPOS:
			m.send = later(e.Time, d.told).Add(time.Duration(digest("till/"+m.id)%900) * time.Millisecond)
		default:
			m.send = ceil(e.Time, spanExport).Add(spanLag)
		}
		if w, silent := d.episodes.silence(m.feed, m.send); silent {
			m.send = w.To
			d.happens(SilentFeed)
		}
		e.Normalize()
		all = append(all, m)
	}
	return all
}
