package webtest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/alerts"
	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/slo"
	"github.com/stocktrace/stocktrace/web"
)

// Now is when the sample happens: a Monday morning.
var Now = time.Date(2026, 11, 23, 9, 50, 12, 0, time.UTC)

// Locations of the sample.
var Locations = map[string]inventory.Location{}

// store is a location of the sample.
type store struct{ id, name, region, zone, owner string }

var stores = []store{
	{"0123", "Hamburg Altona", "Nord", "Europe/Berlin", "district 11"},
	{"0124", "Hamburg Eppendorf", "Nord", "Europe/Berlin", "district 11"},
	{"0131", "Kiel Holstenstraße", "Nord", "Europe/Berlin", "district 12"},
	{"0140", "Bremen Viertel", "Nord", "Europe/Berlin", "district 12"},
	{"0207", "Berlin Neukölln", "Ost", "Europe/Berlin", "district 21"},
	{"0208", "Berlin Wedding", "Ost", "Europe/Berlin", "district 21"},
	{"0215", "Leipzig Plagwitz", "Ost", "Europe/Berlin", "district 22"},
	{"0221", "Dresden Neustadt", "Ost", "Europe/Berlin", "district 22"},
	{"0305", "Köln Ehrenfeld", "West", "Europe/Berlin", "district 31"},
	{"0311", "Düsseldorf Bilk", "West", "Europe/Berlin", "district 31"},
	{"0318", "Essen Rüttenscheid", "West", "Europe/Berlin", "district 32"},
	{"0402", "München Giesing", "Süd", "Europe/Berlin", "district 41"},
	{"0409", "Nürnberg Gostenhof", "Süd", "Europe/Berlin", "district 41"},
	{"0417", "Stuttgart West", "Süd", "Europe/Berlin", "district 42"},
	{"0501", "Łódź Manufaktura", "Polska", "Europe/Warsaw", "district 51"},
	{"0502", "Kraków Kazimierz", "Polska", "Europe/Warsaw", "district 51"},
	{"0601", "Lisboa Alvalade", "Iberia", "Europe/Lisbon", "district 61"},
	{"0604", "Porto Bonfim", "Iberia", "Europe/Lisbon", "district 61"},
}

func init() {
	for _, s := range stores {
		zone, err := time.LoadLocation(s.zone)
		if err != nil {
			zone = time.UTC
		}
		Locations[s.id] = inventory.Location{ID: s.id, Name: s.name, Region: s.region, Zone: zone, Owner: s.owner, Posting: inventory.PostingRealtime}
	}
}

// Sale is the workflow of the sample, as the engine declares it.
func Sale() *inventory.Workflow {
	ref := func(s string) inventory.StepRef {
		system, step, _ := strings.Cut(s, " ")
		return inventory.StepRef{System: system, Step: step}
	}
	within := func(d time.Duration) map[inventory.Posting]time.Duration {
		return map[inventory.Posting]time.Duration{inventory.PostingRealtime: d}
	}
	return &inventory.Workflow{
		Name: "sale", Title: "Sale", Anchor: ref("pos completed"),
		Steps: []inventory.Step{
			{StepRef: ref("pos completed"), Title: "Sold", Required: true, Owner: "store-systems"},
			{StepRef: ref("middleware accepted"), Title: "Accepted by middleware", After: []inventory.StepRef{ref("pos completed")}, Required: true, Deadline: within(time.Minute), Owner: "integration"},
			{StepRef: ref("middleware mapped"), Title: "Mapped for the ERP", After: []inventory.StepRef{ref("middleware accepted")}, Required: true, Deadline: within(2 * time.Minute), Owner: "integration"},
			{StepRef: ref("oms availability_updated"), Title: "Online stock lowered", After: []inventory.StepRef{ref("middleware accepted")}, Required: true, Deadline: within(5 * time.Minute), Owner: "ecommerce"},
			{StepRef: ref("erp posted"), Title: "Posted in ERP", After: []inventory.StepRef{ref("middleware mapped")}, Required: true, Posts: true, Deadline: within(5 * time.Minute), Owner: "erp-operations"},
		},
	}
}

// Receipts of sales worth looking at.
const (
	OverdueReceipt    = "0123-04-000778" // stuck before the ERP: no item mapping
	TwiceReceipt      = "0207-02-000341" // posted twice
	LateReceipt       = "0305-01-000112" // complete, late
	CompleteReceipt   = "0402-03-000901"
	DeadReceipt       = "0601-01-000077" // dead-lettered, replay stalled
	UnsureReceipt     = "0502-02-000230" // the evidence does not reach that far
	OpenReceipt       = "0124-01-000415" // under way
	DifferentQuantity = "0215-01-000058"
)

// builder makes the sample; the same every time.
type builder struct {
	m    *Memory
	rng  *rand.Rand
	doc  int
	lots int
}

// Sample returns a retailer's morning: hundreds of sales, most of them fine.
func Sample() *Memory {
	b := &builder{m: &Memory{}, rng: rand.New(rand.NewPCG(4, 7)), doc: 4900012300}
	b.mappingDefect()
	b.story(OverdueReceipt, 47*time.Minute+18*time.Second, "mapping")
	b.story(TwiceReceipt, 26*time.Minute, "twice")
	b.story(LateReceipt, 3*time.Hour+4*time.Minute, "late")
	b.story(CompleteReceipt, 18*time.Minute, "")
	b.story(DeadReceipt, 71*time.Minute, "dead")
	b.story(UnsureReceipt, 9*time.Minute, "unsure")
	b.story(OpenReceipt, 40*time.Second, "open")
	b.story(DifferentQuantity, 33*time.Minute, "quantity")
	for i := range 320 {
		s := stores[b.rng.IntN(len(stores))]
		age := time.Duration(b.rng.IntN(150*60)) * time.Second
		kind := ""
		switch n := b.rng.IntN(100); {
		case age < 4*time.Minute:
			kind = "open"
		case n < 2:
			kind = "missing"
		case n < 5:
			kind = "late"
		case n < 7:
			kind = "nothing"
		case s.region == "Polska" && age < 12*time.Minute:
			kind = "unsure"
		case s.region == "Polska" && n < 9:
			kind = "dead"
		}
		b.story(fmt.Sprintf("%s-%02d-%06d", s.id, 1+i%4, 1100+i), age, kind)
	}
	b.feeds()
	b.hops()
	b.m.Quarantined = []inventory.Quarantined{{
		ID: "q-1", ReceivedAt: Now.Add(-22 * time.Minute), Source: "/pos/store/0140/register/02", Transport: "cloudevents",
		ContentType: "application/cloudevents+json", Reason: "malformed", Pointer: "/data/lines/0/quantity",
		Detail: `"two" is no decimal number; send quantities as text such as "-2".`, Raw: []byte(`{"specversion":"1.0","data":{"lines":[{"quantity":"two"}]}}`),
	}}
	b.people()
	b.queues()
	return b.m
}

// queues: one of two stands, of four replays two need people, and a till is
// quieter than it usually is.
func (b *builder) queues() {
	before := func(d time.Duration) time.Time { return Now.Add(-d) }
	n := inventory.DecimalOf
	b.m.QueueList = []web.Queue{
		{System: "middleware", Queue: "erp.postings", Depth: n(3), Before: n(12), Most: n(48), At: before(20 * time.Second), LastAt: before(19 * time.Second), OldestAge: 4 * time.Second},
		{System: "middleware", Queue: "pos.replay", Depth: n(41), Before: n(41), Most: n(60), At: before(time.Minute), LastAt: before(time.Minute), StalledSince: before(9 * time.Minute)},
	}
	for i, l := range b.m.LifecycleList[:4] {
		b.m.ReplayList = append(b.m.ReplayList, web.Replay{
			RecordID: fmt.Sprintf("/middleware replay-%d", i), System: "erp", Step: "posted", Location: l.Location, Batch: "night-7",
			LifecycleID: l.ID, State: web.ReplayLanded, RequestedAt: before(time.Hour), ReceivedAt: before(time.Hour), LandedAt: before(50 * time.Minute),
		})
	}
	hour := Now.Add(-time.Hour).Truncate(time.Hour)
	b.m.HabitList = []web.Habit{
		{System: "pos", Location: "0140", Register: "02", Hour: hour, Seen: 0, Weeks: []int{41, 44, 38, 40}},
		{System: "pos", Location: "0123", Hour: hour, Seen: 52, Weeks: []int{55, 57, 54, 56}},
		{System: "pos", Location: "0124", Hour: hour, Seen: 58, Weeks: []int{55, 57}},
	}
	twice, failed := &b.m.ReplayList[1], &b.m.ReplayList[2]
	twice.State, twice.Units = web.ReplayDoubled, []inventory.Quantity{{UOM: "EA", Quantity: n(-2)}}
	failed.State, failed.LandedAt, failed.Error = web.ReplayFailed, time.Time{}, "no ERP item for 4006381333931"
}

// people have done something about a few of them.
func (b *builder) people() {
	var dead, twice *inventory.Lifecycle
	for i := range b.m.LifecycleList {
		switch l := &b.m.LifecycleList[i]; {
		case slices.ContainsFunc(l.Keys, func(k inventory.Key) bool { return k.Value == DeadReceipt }):
			dead = l
		case slices.ContainsFunc(l.Keys, func(k inventory.Key) bool { return k.Value == TwiceReceipt }):
			twice = l
		}
	}
	f := &dead.Findings[0]
	did := func(age time.Duration, a inventory.Action) {
		a.ID, a.By, a.Via = fmt.Sprintf("act-%d", len(b.m.ActionList)+1), "ada", "page"
		b.m.ActionList = append(b.m.ActionList, web.Action{Action: a, At: Now.Add(-age)})
	}
	about := inventory.Action{About: dead.Component, Lifecycle: dead.ID, Finding: f.ID}
	a := about
	a.Verb, a.Batch, a.Filter, a.Ticket = inventory.Acknowledge, "b-1", "kind=dead_lettered", "INC0012345"
	did(40*time.Minute, a)
	f.AcknowledgedBy, f.AcknowledgedAt, f.Ticket = "ada", Now.Add(-40*time.Minute), "INC0012345"
	a = about
	a.Verb, a.Assignee, a.Note = inventory.Assign, "integration", "theirs since the release"
	did(39*time.Minute, a)
	f.Assignee = "integration"
	merge := inventory.Action{
		Verb: inventory.Merge, About: dead.Component, With: twice.Component, Lifecycle: dead.ID,
		Records: []string{dead.RecordIDs[0], twice.RecordIDs[0]},
	}
	did(20*time.Minute, merge)
	did(19*time.Minute, inventory.Action{Verb: inventory.Undo, About: dead.Component, Lifecycle: dead.ID, Undoes: "act-3"})
}

func dec(s string) inventory.Decimal {
	d, err := inventory.ParseDecimal(s)
	if err != nil {
		panic("webtest: " + err.Error()) // a slip in this file
	}
	return d
}

func eur(s string) []inventory.Amount {
	return []inventory.Amount{{Currency: "EUR", Basis: "retail_gross", Amount: dec(s)}}
}

func each(n string) []inventory.Quantity { return []inventory.Quantity{{UOM: "EA", Quantity: dec(n)}} }

// mappingDefect is one new article nobody has mapped: many sales, one cause.
func (b *builder) mappingDefect() {
	for i := range 38 {
		s := stores[i%7]
		b.story(fmt.Sprintf("%s-%02d-%06d", s.id, 1+i%3, 2700+i), 46*time.Minute-time.Duration(i)*70*time.Second, "mapping")
	}
}

// story adds a sale of the given age and fate.
func (b *builder) story(receipt string, age time.Duration, fate string) {
	parts := strings.Split(receipt, "-")
	place := Locations[parts[0]]
	start := Now.Add(-age)
	id := fmt.Sprintf("c-%08x", b.rng.Uint32())
	trace := fmt.Sprintf("%016x%016x", b.rng.Uint64(), b.rng.Uint64())
	l := inventory.Lifecycle{
		ID: id, Canonical: inventory.ScopedKey{Name: inventory.KeyCorrelationID, Value: id}, Workflow: "sale",
		State: inventory.StateClosed, Verdict: inventory.Complete, Location: place.ID, Region: place.Region,
		Posting: inventory.PostingRealtime, Register: parts[1], BusinessDate: start.In(place.Zone).Format(time.DateOnly),
		Owner: "store-systems", StartedAt: start, ComputedAt: Now, RuleVersion: "sale-1",
		PostingDue: start.Add(5 * time.Minute),
	}
	l.Component = l.Canonical
	l.Keys = []inventory.Key{
		{Name: inventory.KeyCorrelationID, Value: id},
		{Name: inventory.KeyReceipt, Value: receipt},
		{Name: inventory.KeyReceipt, Value: inventory.Unpad(parts[2])},
		{Name: inventory.KeyTraceID, Value: trace},
	}
	scoped, _ := inventory.Key{Name: inventory.KeyReceipt, Value: receipt}.Scope(place.ID, parts[1])
	l.Identifiers = []inventory.ScopedKey{l.Canonical, scoped}
	l.Lines = b.basket(place.ID)
	units, value := inventory.Decimal{}, inventory.Decimal{}
	for _, line := range l.Lines {
		units = units.Add(line.Owed)
		l.Items = append(l.Items, line.Item)
		value = value.Add(dec(fmt.Sprintf("%d.%02d", 2+b.rng.IntN(40), b.rng.IntN(100))))
	}
	l.Units = []inventory.Quantity{{UOM: "EA", Quantity: units}}
	l.Values = []inventory.Amount{{Currency: "EUR", Basis: "retail_gross", Amount: value}}

	t := &teller{b: b, l: &l, place: place, receipt: receipt}
	t.step("pos completed", 0, inventory.OK, "Sold")
	switch fate {
	case "open":
		t.step("middleware accepted", 900*time.Millisecond, inventory.OK, "Accepted by middleware")
		t.step("middleware mapped", 2*time.Second, inventory.OK, "Mapped for the ERP")
		t.owed("oms availability_updated", 5*time.Minute, "Online stock lowered")
		t.owed("erp posted", 5*time.Minute, "Posted in ERP")
		l.State, l.Verdict = inventory.StateOpen, inventory.Open
		l.Sentence = t.sold() + "; in order so far, next: posted in ERP by " + t.clock(5*time.Minute) + "."
	case "unsure":
		t.middle()
		t.step("oms availability_updated", 4*time.Second, inventory.OK, "Online stock lowered")
		t.owed("erp posted", 5*time.Minute, "Posted in ERP")
		l.State, l.Verdict = inventory.StateOpen, inventory.Unconfirmed
		l.Awaits = []inventory.Await{{System: "erp", Through: start.Add(5 * time.Minute)}}
		l.Sentence = t.sold() + "; evidence from erp does not reach " + t.clock(5*time.Minute) + " yet: cannot say."
	case "mapping":
		t.step("middleware accepted", 800*time.Millisecond, inventory.OK, "Accepted by middleware")
		err := &inventory.Error{Code: "item_unmapped", Field: "lines[0].item", Value: "4006381333931", Message: "no ERP item"}
		t.failed("middleware mapped", 3*time.Second, inventory.Failed, 3, "Mapped for the ERP", err)
		t.step("oms availability_updated", 5*time.Second, inventory.OK, "Online stock lowered")
		t.owed("erp posted", 5*time.Minute, "Posted in ERP")
		l.Lines[0].Item = "4006381333931"
		l.Items[0] = "4006381333931"
		l.State, l.Verdict = inventory.StateOpen, inventory.FailedV
		l.Sentence = t.sold() + "; stuck before “Mapped for the ERP” since " + t.clock(0) + ": no ERP item for 4006381333931."
		f := t.finding(inventory.MappingUnknown, inventory.CauseMappingDefect, inventory.Warning, "middleware mapped", 2*time.Minute)
		f.Title, f.Sentence = "No item mapping", "Stuck before “Mapped for the ERP” since "+t.clock(0)+": no ERP item for 4006381333931."
		f.Action = "Add the article to the item mapping, then replay the dead letters of middleware."
		f.ErrorCode, f.Field, f.Value, f.MappingVersion = err.Code, err.Field, err.Value, "m-41"
		f.Group = "g-mapping-4006381333931"
		f.Owner, f.Runbook = "integration", "https://runbooks.example/middleware-mapped"
		t.untold()
	case "missing":
		t.middle()
		t.step("oms availability_updated", 4*time.Second, inventory.OK, "Online stock lowered")
		t.owed("erp posted", 5*time.Minute, "Posted in ERP")
		l.State, l.Verdict = inventory.StateOpen, inventory.Overdue
		l.Sentence = t.sold() + "; not in ERP: due " + t.clock(5*time.Minute) + ", nothing came."
		f := t.finding(inventory.MissingStep, inventory.CauseUnknown, inventory.Critical, "erp posted", 5*time.Minute)
		f.Title, f.Sentence = "Not in ERP", "Not in ERP: due "+t.clock(5*time.Minute)+", nothing came."
		f.Action = "Look for the receipt among the failed IDocs; if it is not there, ask middleware to send it again."
		f.Owner, f.Runbook, f.Group = "erp-operations", "https://runbooks.example/erp-posted", "g-missing-erp"
		t.untold()
	case "dead":
		t.step("middleware accepted", 1200*time.Millisecond, inventory.OK, "Accepted by middleware")
		err := &inventory.Error{Code: "erp_lock", Message: "plant 0601 is locked by period close"}
		t.step("middleware mapped", 3*time.Second, inventory.OK, "Mapped for the ERP")
		t.step("oms availability_updated", 5*time.Second, inventory.OK, "Online stock lowered")
		t.failed("erp posted", 96*time.Second, inventory.DeadLettered, 5, "Posted in ERP", err)
		l.State, l.Verdict = inventory.StateOpen, inventory.Stalled
		l.Sentence = t.sold() + "; a replay was requested and should have landed by " + t.clock(23*time.Minute) + "; it has not."
		f := t.finding(inventory.DeadLetter, inventory.CauseIntegrationFault, inventory.Critical, "erp posted", 96*time.Second)
		f.Title, f.Sentence = "Dead-lettered", "Dead-lettered before “Posted in ERP” at "+t.clock(96*time.Second)+": plant 0601 is locked by period close."
		f.Action = "Repair what the error names, then replay the message."
		f.ErrorCode, f.Owner, f.Runbook, f.Group = "erp_lock", "erp-operations", "https://runbooks.example/erp-posted", "g-dead-erp_lock"
		g := t.finding(inventory.StalledReplay, inventory.CauseQueueStopped, inventory.Critical, "erp posted", 23*time.Minute)
		g.Title, g.Sentence = "Replay stalled", "A replay was requested and should have landed by "+t.clock(23*time.Minute)+"; it has not."
		g.Action = "See whether the replay queue runs."
		g.Owner, g.Group = "erp-operations", "g-stalled-erp"
		t.untold()
	case "twice":
		t.middle()
		t.step("oms availability_updated", 4*time.Second, inventory.OK, "Online stock lowered")
		t.posted(92 * time.Second)
		t.posted(11 * time.Minute)
		l.State, l.Verdict = inventory.StateClosed, inventory.Conflicted
		for i := range l.Lines {
			l.Lines[i].Posted, l.Lines[i].Postings = l.Lines[i].Posted.Add(l.Lines[i].Owed), 2
		}
		l.Sentence = t.sold() + "; posted twice: ERP is 5 too low."
		f := t.finding(inventory.DuplicatePosting, inventory.CauseDuplicateSubmission, inventory.Critical, "erp posted", 11*time.Minute)
		f.Title, f.Sentence = "Posted twice", "Posted twice: ERP is 5 too low."
		f.Action = "Reverse one of the two documents."
		f.Owner, f.Runbook, f.Group = "erp-operations", "https://runbooks.example/erp-posted", "g-twice"
	case "quantity":
		t.middle()
		t.step("oms availability_updated", 4*time.Second, inventory.OK, "Online stock lowered")
		t.posted(88 * time.Second)
		l.Lines[0].Posted = l.Lines[0].Owed.Sub(dec("1"))
		l.Verdict = inventory.Conflicted
		l.Sentence = t.sold() + "; sold and posted differ: " + l.Lines[0].Item + " sold " + l.Lines[0].Owed.Neg().String() + ", posted " + l.Lines[0].Posted.Neg().String() + "."
		f := t.finding(inventory.QuantityMismatch, inventory.CauseUnknown, inventory.Warning, "erp posted", 5*time.Minute)
		f.Title, f.Sentence, f.Action = "Quantity differs", "Sold and posted differ: "+l.Lines[0].Item+".", "Correct the document in the ERP."
		f.Owner, f.Group, f.Units, f.Values = "erp-operations", "g-quantity", each("1"), eur("12.5")
	case "late":
		t.step("middleware accepted", time.Second, inventory.OK, "Accepted by middleware")
		t.step("middleware mapped", 2*time.Second, inventory.OK, "Mapped for the ERP")
		t.step("oms availability_updated", 4*time.Second, inventory.OK, "Online stock lowered")
		t.posted(12*time.Minute + 40*time.Second)
		l.Verdict = inventory.CompleteLate
		l.Sentence = t.sold() + "; in ERP " + t.clock(12*time.Minute+40*time.Second) + " (document " + l.PostedBy + "); posted in ERP 7 min 40 s late."
		f := t.finding(inventory.LateStep, inventory.CauseDownstreamDelay, inventory.Warning, "erp posted", 5*time.Minute)
		f.Title, f.Sentence = "Late in ERP", "Posted in ERP at "+t.clock(12*time.Minute)+", 7 min 40 s after it was due."
		f.State, f.Resolution = inventory.FindingClosed, inventory.Recovered
		f.ClosedAt, f.Group, f.Owner = start.Add(12*time.Minute+41*time.Second), "g-late-erp", "erp-operations"
		f.Units, f.Values = nil, nil
	case "nothing":
		t.middle()
		l.Verdict, l.PostingDue = inventory.NotExpected, time.Time{}
		l.Lines, l.Units = nil, nil
		l.Sentence = t.sold() + "; it moves no stock, so no posting is owed."
	default:
		t.middle()
		t.step("oms availability_updated", 4*time.Second, inventory.OK, "Online stock lowered")
		t.posted(time.Duration(40+b.rng.IntN(120)) * time.Second)
		l.Sentence = t.sold() + "; in ERP " + t.clock(2*time.Minute) + " (document " + l.PostedBy + ")."
	}
	b.m.LifecycleList = append(b.m.LifecycleList, l)
}

var items = [][2]string{
	{"4006381333931", "10004711"},
	{"4011200296908", "10008122"},
	{"5901234123457", "10001050"},
	{"4388844009943", "10022318"},
	{"7613035974685", "10000412"},
	{"4000417025005", "10013007"},
	{"8711327538269", "10019944"},
}

func (b *builder) basket(location string) []inventory.LineState {
	n := 1 + b.rng.IntN(4)
	lines := make([]inventory.LineState, n)
	for i := range lines {
		b.lots++
		item := items[1+b.lots%(len(items)-1)]
		q := inventory.DecimalOf(int64(-1 - b.rng.IntN(3)))
		lines[i] = inventory.LineState{
			Item: item[0], ItemAt: []inventory.Key{{Name: "article", Value: item[1]}}, Location: location, Status: "sellable",
			UOM: "EA", Owed: q, Posted: q, Comparable: true, Postings: 1,
		}
	}
	return lines
}

// teller adds what was said about one sale.
type teller struct {
	b       *builder
	l       *inventory.Lifecycle
	place   inventory.Location
	receipt string
}

func (t *teller) clock(after time.Duration) string {
	return t.l.StartedAt.Add(after).In(t.place.Zone).Format("15:04")
}

func (t *teller) sold() string { return "Sold " + t.clock(0) }

var limits = map[string]time.Duration{
	"middleware accepted": time.Minute, "middleware mapped": 2 * time.Minute, "oms availability_updated": 5 * time.Minute, "erp posted": 5 * time.Minute,
}

func (t *teller) state(hop, title string) inventory.StepState {
	system, step, _ := strings.Cut(hop, " ")
	st := inventory.StepState{StepRef: inventory.StepRef{System: system, Step: step}, Title: title, Required: true, Expected: true, Attempt: 1}
	if limit, ok := limits[hop]; ok {
		st.ExpectedBy = t.l.StartedAt.Add(limit)
	}
	st.Owner = map[string]string{"pos": "store-systems", "middleware": "integration", "oms": "ecommerce", "erp": "erp-operations"}[system]
	return st
}

func (t *teller) owed(hop string, _ time.Duration, title string) {
	st := t.state(hop, title)
	st.Attempt = 0
	t.l.Steps = append(t.l.Steps, st)
}

func (t *teller) step(hop string, after time.Duration, outcome inventory.Outcome, title string) {
	t.say(hop, after, outcome, 1, title, nil)
}

func (t *teller) middle() {
	t.step("middleware accepted", 700*time.Millisecond, inventory.OK, "Accepted by middleware")
	t.step("middleware mapped", 2*time.Second, inventory.OK, "Mapped for the ERP")
}

func (t *teller) failed(hop string, after time.Duration, outcome inventory.Outcome, attempts int, title string, err *inventory.Error) {
	t.say(hop, after, outcome, attempts, title, err)
}

func (t *teller) posted(after time.Duration) {
	t.b.doc++
	doc := fmt.Sprint(t.b.doc)
	t.say("erp posted", after, inventory.OK, 1, "Posted in ERP", nil)
	t.l.Keys = append(t.l.Keys, inventory.Key{Name: inventory.KeyERPDocument, Value: doc})
	if t.l.PostedBy == "" {
		t.l.PostedAt, t.l.PostedBy = t.l.StartedAt.Add(after), doc
	}
}

// say adds a record, and the step it makes.
func (t *teller) say(hop string, after time.Duration, outcome inventory.Outcome, attempt int, title string, fault *inventory.Error) {
	at := t.l.StartedAt.Add(after)
	st := t.state(hop, title)
	st.Outcome, st.OccurredAt, st.ReceivedAt, st.Attempt, st.Error = outcome, at, at.Add(340*time.Millisecond), attempt, fault
	e := inventory.Event{
		ID: fmt.Sprintf("%s/%s/%d/%d", t.receipt, st.Step, attempt, len(t.l.RecordIDs)), Source: "/" + st.System, Type: "inventory." + t.l.Workflow + "." + st.Step,
		Time: at, TimeAsSent: at.In(t.place.Zone).Format("2006-01-02T15:04:05.000Z07:00"), Workflow: t.l.Workflow, Step: st.Step, System: st.System,
		Outcome: outcome, Attempt: attempt, Location: t.l.Location, Register: t.l.Register, BusinessDate: t.l.BusinessDate, Error: fault,
	}
	transport := "otlp_traces"
	switch st.System {
	case "pos":
		e.CorrelationID, e.Keys, transport = t.l.ID, []inventory.Key{{Name: inventory.KeyReceipt, Value: t.receipt}}, "cloudevents"
	case "middleware":
		e.CorrelationID = t.l.ID
		e.Keys = []inventory.Key{{Name: inventory.KeyReceipt, Value: inventory.Unpad(t.receipt[len(t.receipt)-6:])}}
	case "oms":
		e.CorrelationID, transport = t.l.ID, "otlp_logs"
	default:
		e.Keys = []inventory.Key{{Name: inventory.KeyERPDocument, Value: fmt.Sprint(t.b.doc)}, {Name: inventory.KeyReceipt, Value: t.receipt}}
	}
	e.Normalize()
	raw, _ := json.Marshal(map[string]any{
		"specversion": "1.0", "id": e.ID, "source": e.Source, "type": e.Type, "time": e.TimeAsSent, "correlationid": e.CorrelationID,
		"data": map[string]any{
			"workflow": e.Workflow, "step": e.Step, "system": e.System, "outcome": e.Outcome, "location": e.Location,
			"register": e.Register, "business_date": e.BusinessDate, "keys": map[string]string{"receipt": t.receipt},
		},
	})
	rec := inventory.Record{
		ID: inventory.RecordID(e.Source, e.ID), Content: e.ContentHash(), Event: e, ReceivedAt: st.ReceivedAt, Transport: transport,
		Raw: raw, RawType: "application/cloudevents+json",
	}
	st.EventIDs = []string{rec.ID}
	t.b.m.RecordList = append(t.b.m.RecordList, rec)
	t.l.RecordIDs = append(t.l.RecordIDs, rec.ID)
	t.l.UpdatedAt = rec.ReceivedAt
	if i := slices.IndexFunc(t.l.Steps, func(s inventory.StepState) bool { return s.StepRef == st.StepRef }); i >= 0 {
		t.l.Steps[i].EventIDs = append(t.l.Steps[i].EventIDs, rec.ID)
		return
	}
	t.l.Steps = append(t.l.Steps, st)
}

// untold: nothing was posted.
func (t *teller) untold() {
	for i := range t.l.Lines {
		t.l.Lines[i].Posted, t.l.Lines[i].Postings = inventory.Decimal{}, 0
	}
}

func (t *teller) finding(kind inventory.Kind, cause inventory.Cause, severity inventory.Severity, hop string, after time.Duration) *inventory.Finding {
	system, _, _ := strings.Cut(hop, " ")
	units := make([]inventory.Quantity, len(t.l.Units))
	for i, u := range t.l.Units {
		units[i] = inventory.Quantity{UOM: u.UOM, Quantity: u.Quantity.Abs()}
	}
	t.l.Findings = append(t.l.Findings, inventory.Finding{
		ID: fmt.Sprintf("f-%s-%s", t.receipt, kind), Kind: kind, Cause: cause, State: inventory.FindingOpen, Severity: severity,
		LifecycleID: t.l.ID, Step: hop, System: system, Location: t.l.Location, Region: t.l.Region,
		FirstOccurredAt: t.l.StartedAt.Add(after), OpenedAt: t.l.StartedAt.Add(after + 30*time.Second),
		Units: units, Values: slices.Clone(t.l.Values), Evidence: slices.Clone(t.l.RecordIDs),
	})
	return &t.l.Findings[len(t.l.Findings)-1]
}

func (b *builder) feeds() {
	b.m.FeedFindings = []inventory.Finding{{
		ID: "f-silent-erp-0502", Kind: inventory.SourceSilent, Cause: inventory.CauseSourceOutage, State: inventory.FindingOpen, Severity: inventory.Critical,
		Group: "g-silent-erp-0502", System: "erp", Location: "0502", Region: "Polska", Owner: "erp-operations",
		FirstOccurredAt: Now.Add(-16 * time.Minute), OpenedAt: Now.Add(-8 * time.Minute), Title: "Feed silent",
		Sentence: "erp/0502 has said nothing since 10:34; its evidence reaches 10:33.", Action: "See whether the extract job runs.",
	}}
	b.m.SourceList = []web.Source{
		{System: "erp", Events: 2104, Failures: 9, LastAt: Now.Add(-3 * time.Second), Lag: 1400 * time.Millisecond, LagP99: 9 * time.Second, CompleteThrough: Now.Add(-16 * time.Minute), Feeds: 2},
		{System: "middleware", Events: 5310, Failures: 41, LastAt: Now.Add(-time.Second), Lag: 240 * time.Millisecond, LagP99: 1200 * time.Millisecond},
		{System: "oms", Events: 2655, LastAt: Now.Add(-time.Second), Lag: 310 * time.Millisecond, LagP99: 1900 * time.Millisecond},
		{System: "pos", Events: 2688, LastAt: Now.Add(-500 * time.Millisecond), Lag: 420 * time.Millisecond, LagP99: 4 * time.Second},
	}
}

func (b *builder) hops() {
	b.m.HopList = []web.Hop{
		{System: "pos", Step: "completed", Passed: 2688},
		{System: "middleware", Step: "accepted", Passed: 2671, Waiting: 3, P50: 800 * time.Millisecond, P99: 2100 * time.Millisecond, Limit: time.Minute},
		{System: "middleware", Step: "mapped", Passed: 2630, Waiting: 5, Stuck: 39, P50: 2 * time.Second, P99: 4800 * time.Millisecond, Limit: 2 * time.Minute},
		{System: "oms", Step: "availability_updated", Passed: 2655, Waiting: 14, P50: 4 * time.Second, P99: 11 * time.Second, Limit: 5 * time.Minute},
		{System: "erp", Step: "posted", Passed: 2391, Waiting: 212, Stuck: 12, P50: 86 * time.Second, P99: 190 * time.Second, Limit: 5 * time.Minute},
	}
}

// Objectives returns how the sample's one promise stands.
func Objectives() []slo.Result {
	day := 24 * time.Hour
	o := &slo.Objective{
		Name: "sale-posted", Title: "Sales in the ERP within 5 minutes",
		Description: "99.5 % of sales at realtime-posting stores are in the ERP within 5 minutes, over 28 days.",
		Owner:       "erp-operations", Target: 0.995, Window: 28 * day,
		Indicator: slo.Indicator{Workflow: "sale", Step: inventory.StepRef{System: "erp", Step: "posted"}, Posting: inventory.PostingRealtime, Within: 5 * time.Minute, By: []slo.Dimension{slo.ByRegion, slo.ByLocation}},
	}
	fast := slo.Policy{Name: "fast", Severity: slo.Page, Threshold: 13.44, Long: time.Hour, Short: 5 * time.Minute}
	slow := slo.Policy{Name: "slow", Severity: slo.Page, Threshold: 5.6, Long: 6 * time.Hour, Short: 30 * time.Minute}
	ticket := slo.Policy{Name: "ticket", Severity: slo.Ticket, Threshold: 0.933, Long: 3 * day, Short: 6 * time.Hour}
	o.Policies = []slo.Policy{fast, slow, ticket}
	stand := func(region string, good, bad, unknown, hourGood, hourBad int64) slo.Standing {
		c := slo.Counts{Good: good, Bad: bad, Unknown: unknown}
		hour := slo.Counts{Good: hourGood, Bad: hourBad}
		s := slo.Standing{Scope: slo.Scope{Region: region}, Counts: c, Pending: hourGood / 12, Budget: c.Budget(o.Target)}
		for _, p := range o.Policies {
			n := int64(p.Long / time.Hour)
			long := slo.Counts{Good: hourGood * n, Bad: hourBad * max(1, n/2)}
			b := slo.Burn{Policy: p, Long: long, Short: hour, LongRate: long.BurnRate(o.Target), ShortRate: hour.BurnRate(o.Target)}
			b.Firing = b.LongRate >= p.Threshold && b.ShortRate >= p.Threshold
			s.Burns = append(s.Burns, b)
		}
		return s
	}
	r := slo.Result{
		Objective: o, AsOf: Now, Total: stand("", 1_204_332, 4_577, 212, 2391, 51),
		Regions: []slo.Standing{
			stand("Nord", 301_204, 2_904, 0, 602, 44),
			stand("Polska", 141_090, 702, 212, 280, 4),
			stand("Ost", 260_331, 511, 0, 510, 2),
			stand("West", 238_812, 301, 0, 480, 1),
			stand("Süd", 188_210, 122, 0, 390, 0),
			stand("Iberia", 74_685, 37, 0, 129, 0),
		},
		Stores: []slo.Standing{stand("Nord", 8_120, 410, 0, 22, 8)},
	}
	r.Stores[0].Scope.Location = "0123"
	for i := range 28 * 12 {
		at := Now.Add(-28 * day).Add(time.Duration(i) * 2 * time.Hour)
		c := slo.Counts{Good: 3580, Bad: int64(4 + (i*7)%9)}
		switch i / 12 {
		case 9:
			c.Bad = 61
		case 16, 17:
			c.Bad = 24
		case 27:
			c.Bad = 31
		}
		r.Trend = append(r.Trend, slo.Point{At: at, Counts: c})
	}
	return []slo.Result{r}
}

// Report returns the sample's promise over a month; it has one name and one
// month before.
func Report(name string, first time.Time) (slo.Report, error) {
	now := Objectives()[0]
	if name != now.Objective.Name {
		return slo.Report{}, slo.ErrUnknown
	}
	before := slo.Counts{Good: 1_180_011, Bad: 7_310}
	return slo.Report{
		Objective: now.Objective, From: first, To: first.AddDate(0, 1, 0), AsOf: Now, Total: now.Total, Regions: now.Regions,
		Before: slo.Standing{Counts: before, Budget: before.Budget(now.Objective.Target)},
		Causes: []slo.Cause{
			{Kind: inventory.MappingUnknown, Cause: inventory.CauseMappingDefect, System: "middleware", Step: "middleware mapped", ErrorCode: "item_unmapped", Title: "No item mapping", Owner: "integration", Lifecycles: 2_120},
			{Kind: inventory.MissingStep, Cause: inventory.CauseDownstreamDelay, System: "erp", Step: "erp posted", Title: "Not in ERP", Owner: "erp-operations", Lifecycles: 1_455},
			{Kind: inventory.LateStep, Cause: inventory.CauseStoreOffline, System: "pos", Step: "pos completed", Title: "Store was offline", Owner: "stores", Lifecycles: 318},
		},
		AtRisk: slo.Risk{Units: each("9120"), Values: eur("180221.90")},
		Open:   slo.Risk{Units: each("121"), Values: eur("2204.31")},
	}, nil
}

// Incidents returns what on-call was told this morning.
func Incidents() []alerts.Incident {
	return []alerts.Incident{
		{
			ID: "i-1", State: alerts.Firing, Severity: inventory.Critical, OpenedAt: Now.Add(-44 * time.Minute), UpdatedAt: Now.Add(-time.Minute), Peak: 39,
			Cluster: &alerts.Cluster{
				Key:      alerts.Key{Kind: inventory.MappingUnknown, Cause: inventory.CauseMappingDefect, System: "middleware", Step: "middleware mapped", ErrorCode: "item_unmapped"},
				Severity: inventory.Warning, Title: "No item mapping",
				Sentence: "Stuck before “Mapped for the ERP” since 10:02: no ERP item for 4006381333931.",
				Action:   "Add the article to the item mapping, then replay the dead letters of middleware.",
				Owner:    "integration", Runbook: "https://runbooks.example/middleware-mapped", Open: 39, Recent: 12,
				FirstOpened: Now.Add(-44 * time.Minute), LastOpened: Now.Add(-2 * time.Minute), Locations: 7, LocationsTop: []string{"0123", "0124", "0131"},
				Regions: []string{"Nord", "Ost"}, Units: each("121"), Values: eur("2204.31"), Groups: 1,
				GroupsTop: []alerts.Group{{ID: "g-mapping-4006381333931", What: "4006381333931", Open: 39}},
				Examples: []alerts.Example{
					{LifecycleID: "receipt:123/4/778", Receipt: OverdueReceipt, Workflow: "sale", Location: "0123", Sentence: "Sold 10:02; stuck before “Mapped for the ERP”."},
					{LifecycleID: "receipt:124/1/700", Receipt: "0124-01-000701", Workflow: "sale", Location: "0124", Sentence: "Sold 10:05; stuck before “Mapped for the ERP”."},
				},
			},
		},
		{
			ID: "i-2", State: alerts.Resolved, Severity: inventory.Critical, OpenedAt: Now.Add(-9 * time.Hour), UpdatedAt: Now.Add(-8 * time.Hour), ClosedAt: Now.Add(-8 * time.Hour), Peak: 318,
			Cluster: &alerts.Cluster{
				Key: alerts.Key{Kind: inventory.LateStep, Cause: inventory.CauseStoreOffline}, Title: "Store was offline",
				Examples: []alerts.Example{{Workflow: "sale"}},
			},
		},
	}
}

// Fixed is a clock that stands still until it is set.
type Fixed struct{ time.Time }

// Now returns the clock's time.
func (f *Fixed) Now() time.Time { return f.Time }
