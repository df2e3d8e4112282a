package lifecycle

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// Many ERPs post a store's day as a whole (WPUUMS, sales audit by item, store and
// day): no receipt has a posting of its own, and the posting may not say which
// receipts it holds. Then sold and posted are balanced by item, status and unit,
// and what is short has candidates instead of a culprit (domain rule 1, failure
// F13).

const (
	// PostingDay is the workflow a day posted as a whole is shown as.
	PostingDay = inventory.KeyPostingDay
	// postingRules is the version of what is said here, stored with it.
	postingRules = "posting-1"
	// dayPostedWithin is how long after the end of a business date, by the store's
	// own clock, its posting may take: the night run, and a working day to put right
	// what it left over. Two hours more than a single sale of a batch store has.
	dayPostedWithin = 28 * time.Hour
	// mostShown bounds the lines a day shows of those that do not come out even.
	mostShown = 200
)

// postingDay is the book of a store's business day.
type postingDay struct{ said []dayWord }

// dayWord is what a store's day remembers of a record.
type dayWord struct {
	id       string
	content  inventory.Hash
	business inventory.Hash
	received time.Time
	occurred time.Time
	place    string
	receipt  string // of a receipt: as printed
	scoped   string // of a receipt: its scoped key
	sign     int    // -1 takes back, 0 counts nowhere
	control  bool   // training and the like
	covers   *inventory.Covers
	document string
	goods    uint64 // a fingerprint of the lines, 0 without any
	lines    []inventory.Line
	voids    []string // scoped receipts it takes back, before they were exported
}

func (d *postingDay) hear(r *inventory.Record) {
	e := &r.Event
	entry := newEntry(r)
	w := dayWord{
		id: r.ID, content: r.Content, business: entry.business(), received: r.ReceivedAt, occurred: e.Time, place: e.Location,
		receipt: e.KeyValue(inventory.KeyReceipt), scoped: r.EntryKey().String(), covers: e.Covers, document: documentOf(e),
		control: controlTransaction(e.Transaction), sign: 1, goods: basketOf(e),
	}
	if key, ok := (inventory.Key{Name: inventory.KeyReceipt, Value: w.receipt}).Scope(e.Location, e.Register); ok && w.receipt != "" {
		w.scoped = key.String()
	}
	switch o := e.EffectiveOutcome(); {
	case o == inventory.Reversed:
		w.sign = -1
	case !succeeded(o) && o != inventory.Partial:
		w.sign = 0
	}
	parents := parentLines(e)
	for i := range e.Lines {
		l := &e.Lines[i]
		if counts(l) && !parents[l.Line] {
			w.lines = append(w.lines, inventory.Line{
				Item: l.Item, ItemScheme: l.ItemScheme, ItemIDs: l.ItemIDs, Quantity: l.Quantity, UOM: l.UOM, Status: l.Status,
			})
		}
	}
	if e.Transaction.Status == "before_export" {
		for _, ref := range e.Refs {
			for _, k := range ref.Keys {
				if to, ok := k.Scope(e.Location, e.Register); ok && ref.Rel == "voids" {
					w.voids = append(w.voids, to.String())
				}
			}
		}
	}
	at, again := slices.BinarySearchFunc(d.said, w, compareWords)
	if again || slices.ContainsFunc(d.said, func(x dayWord) bool { return x.id == w.id && x.content == w.content }) {
		return
	}
	d.said = slices.Insert(d.said, at, w)
}

func (d *postingDay) size() int { return len(d.said) }

// compareWords orders words by arrival.
func compareWords(a, b dayWord) int {
	return cmp.Or(a.received.Compare(b.received), strings.Compare(a.id, b.id), slices.Compare(a.content[:], b.content[:]))
}

// dayBalance is sold against posted as it stands after some arrivals.
type dayBalance struct {
	short, over []comparison
	posted      []*dayWord // one a document and content, by arrival
	receipts    int
	owes        bool // something net was sold
	apart       bool // posted items and sold ones go by names nobody joined
	whole       bool // every part of what the postings say they are is here
	twice       bool // two documents with the same content
	candidates  []string
}

// tell folds the balance over arrivals: nothing is short before every part the
// postings speak of is here, or the day's time has passed.
func (d *postingDay) tell(rules *Rules, key inventory.ScopedKey, evidence *Evidence, now time.Time) inventory.Lifecycle {
	first := &d.said[0]
	place, date, _ := strings.Cut(key.Value, "/")
	location := rules.Location(first.place)
	l := newBookLifecycle(rules, key, first.place, postingRules, now)
	l.BusinessDate, l.FactPosition = date, evidence.Position()
	l.StartedAt = first.occurred
	for i := range d.said {
		if d.said[i].occurred.Before(l.StartedAt) {
			l.StartedAt = d.said[i].occurred
		}
		if d.said[i].covers != nil {
			// Of the receipts only what they owe together is said.
			l.RecordIDs = append(l.RecordIDs, d.said[i].id)
		}
	}
	l.UpdatedAt = l.StartedAt
	begin := fmt.Sprintf("Store %s on %s", place, date)
	day, err := time.Parse(time.DateOnly, date)
	if err != nil {
		l.Verdict, l.State = inventory.NotExpected, inventory.StateClosed
		l.Sentence = fmt.Sprintf("%s; %q is no date, so nothing can be due: nothing is balanced.", begin, date)
		return l
	}
	due := time.Date(day.Year(), day.Month(), day.Day()+1, 0, 0, 0, 0, location.Zone).Add(dayPostedWithin)
	fold := dayFold{day: d, rules: rules, due: due, key: key, lifecycle: &l, claims: claims{now: now}}
	reached, known := evidence.reach("erp", location.ID, due)
	if known {
		fold.judged = later2(due, reached)
	}
	b := fold.run()
	state := inventory.StepState{
		StepRef: inventory.StepRef{System: "erp", Step: "posted"}, Title: "Posted in ERP", Required: true, ExpectedBy: due,
		// Until it is judged, more receipts may come.
		Expected: b.owes || len(b.posted) == 0 && now.Before(due),
		EventIDs: l.RecordIDs,
	}
	if len(b.posted) > 0 {
		last := b.posted[len(b.posted)-1]
		state.Outcome, state.OccurredAt, state.ReceivedAt = inventory.OK, last.occurred, last.received
		state.Note = plural(len(b.posted), "document")
		l.PostedAt, l.PostedBy = last.occurred, last.document
	}
	l.Steps = []inventory.StepState{state}
	if len(b.posted) > 0 || !now.Before(due) {
		// Before, the row would be written anew for every receipt.
		for _, list := range [][]comparison{b.short, b.over} {
			l.Lines = append(l.Lines, states(list[:min(len(list), mostShown)])...)
		}
		from := due
		for i := range d.said {
			if d.said[i].covers != nil && d.said[i].received.Before(from) {
				from = d.said[i].received
			}
			if !d.said[i].received.Before(from) {
				l.UpdatedAt = later2(l.UpdatedAt, d.said[i].received)
			}
		}
	}
	fold.conclude(b, begin, known)
	return l
}

// dayFold is one telling of a day.
type dayFold struct {
	day       *postingDay
	rules     *Rules
	due       time.Time
	judged    time.Time // when silence proves something; zero: not yet known
	key       inventory.ScopedKey
	lifecycle *inventory.Lifecycle
	claims
}

// run walks the arrivals and returns the balance after the last of them.
func (f *dayFold) run() dayBalance {
	said := f.day.said
	var b dayBalance
	for i := 0; i < len(said); {
		j := i + 1
		for j < len(said) && said[j].received.Equal(said[i].received) {
			j++
		}
		until := time.Time{}
		if j < len(said) {
			until = said[j].received
		}
		last := j == len(said)
		// What is said waits until nothing more has come for a while.
		if !last && len(f.found) == 0 && until.Sub(said[i].received) <= bookSettle {
			i = j
			continue
		}
		// Before a posting is here, or the time has passed, nothing can be said.
		if last || slices.ContainsFunc(said[:j], func(w dayWord) bool { return w.covers != nil }) ||
			!f.judged.IsZero() && f.judged.Before(until) {
			b = f.day.balance(f.rules, said[:j])
			f.arrive(b, &said[j-1], until)
		}
		i = j
	}
	return b
}

// arrive takes in what holds after an arrival and until the next one.
func (f *dayFold) arrive(b dayBalance, by *dayWord, until time.Time) {
	settled := by.received.Add(bookSettle)
	var held []claim
	hold := func(kind inventory.Kind, early bool, cause inventory.Cause, sentence string, lines []comparison) {
		c := claim{inventory.Finding{
			ID: findingID(kind, "erp posted", f.key.String()), Kind: kind, Cause: cause, System: "erp", Step: "posted",
			Sentence: sentence, FirstOccurredAt: f.due,
		}, settled}
		if !early {
			if f.judged.IsZero() {
				return
			}
			c.opens = later2(f.judged, settled)
		}
		for _, p := range b.posted {
			c.Evidence = append(c.Evidence, p.id)
			c.FirstOccurredAt = p.occurred
		}
		net := map[string]inventory.Decimal{}
		for i := range lines {
			net[lines[i].UOM] = net[lines[i].UOM].Add(lines[i].Owed.Sub(lines[i].Posted).Abs())
		}
		c.Units = quantities(net)
		held = append(held, c)
	}
	switch {
	case len(b.posted) > 0 && len(b.short) > 0:
		hold(inventory.AggregationGap, b.whole, inventory.CauseIntegrationFault, f.sayShort(&b), b.short)
	case len(b.posted) == 0 && b.owes:
		hold(inventory.MissingStep, false, inventory.CauseDownstreamDelay, f.sayMissing(&b), nil)
	}
	switch {
	case len(b.over) > 0 && b.twice:
		hold(inventory.DuplicatePosting, true, inventory.CauseDuplicateSubmission, f.sayOver(&b, "posted twice"), b.over)
	case len(b.over) > 0:
		hold(inventory.QuantityMismatch, false, inventory.CauseUnknown, f.sayOver(&b, "posted and never sold"), b.over)
	}
	f.claims.arrive(by.received, until, by.id, held, func(kind inventory.Kind) inventory.Resolution {
		switch {
		case by.sign < 0:
			return inventory.ReversedR
		case by.covers == nil || kind != inventory.MissingStep && kind != inventory.AggregationGap:
			return inventory.Disproved // it had not been sold, or had been all along
		case !by.occurred.After(f.due):
			return inventory.Disproved // it was posted in time, and we heard late
		default:
			return inventory.Recovered
		}
	})
}

func (f *dayFold) sayMissing(b *dayBalance) string {
	return fmt.Sprintf("The day is not in the ERP: %s of store %s on %s.", plural(b.receipts, "receipt"), f.lifecycle.Location, f.lifecycle.BusinessDate)
}

func (f *dayFold) sayShort(b *dayBalance) string {
	if len(b.short) == 0 {
		return ""
	}
	s := &b.short[0]
	text := fmt.Sprintf("%s short by %s %s", s.Item, s.Owed.Sub(s.Posted).Abs(), s.UOM)
	if n := len(b.short); n > 1 {
		text = fmt.Sprintf("%d items short, %s first by %s %s", n, s.Item, s.Owed.Sub(s.Posted).Abs(), s.UOM)
	}
	if len(b.candidates) == 0 {
		return text + " in the store's day."
	}
	return fmt.Sprintf("%s in the store's day: %s: %s.", text, plural(len(b.candidates), "candidate receipt"), some(b.candidates, 5))
}

func (f *dayFold) sayOver(b *dayBalance, how string) string {
	if len(b.over) == 0 {
		return ""
	}
	s := &b.over[0]
	text := fmt.Sprintf("%s %s of %s %s in the store's day", s.Owed.Sub(s.Posted).Abs(), s.UOM, s.Item, how)
	if n := len(b.over); n > 1 {
		text += fmt.Sprintf(", and %s more", plural(n-1, "item"))
	}
	return text + "."
}

// conclude fills in findings, verdict, state and when to look again.
func (f *dayFold) conclude(b dayBalance, begin string, known bool) {
	l := f.lifecycle
	wrong := f.into(l, PostingDay)
	even := len(b.short)+len(b.over) == 0
	past := !f.judged.IsZero() && !f.now.Before(f.judged)
	switch {
	case wrong != "":
		l.Sentence = wrong
	case !known && !f.now.Before(f.due) && (len(b.posted) == 0 || !even):
		l.Verdict, l.Sentence = inventory.Unconfirmed, begin+"; the ERP's evidence does not reach that far yet."
	case !b.owes && past && len(b.posted) == 0:
		l.Verdict, l.Sentence = inventory.NotExpected, begin+"; nothing was sold that moves stock."
	case len(b.posted) == 0:
		l.Sentence = begin + "; to be posted as a whole."
	case b.apart:
		l.Verdict = inventory.Unconfirmed
		l.Sentence = begin + "; posted, but its items go by other names: not comparable."
	case even && (past || b.whole):
		l.Verdict, l.Sentence = inventory.Complete, begin+"; posted, every item comes out even."
	case even:
		l.Sentence = begin + "; posted, every item comes out even so far."
	default:
		l.Sentence = begin + "; posted in part."
	}
	if !known {
		l.Awaits = []inventory.Await{{System: "erp", Through: f.due}}
	}
	end := later2(f.due, l.UpdatedAt).Add(bookAfter)
	f.wake(f.due)
	f.wake(f.judged)
	f.wake(end)
	if !f.now.Before(end) || known && past && wrong == "" && f.next.Equal(end) {
		l.State, l.Awaits = inventory.StateClosed, nil
		return
	}
	l.NextAt = f.next
}

// balance is sold against posted, of these words.
func (d *postingDay) balance(rules *Rules, said []dayWord) dayBalance {
	var b dayBalance
	var names itemNames
	withdrawn := map[string]bool{}
	for i := range said {
		names.learn(&inventory.Event{Lines: said[i].lines})
		for _, receipt := range said[i].voids {
			withdrawn[receipt] = true
		}
	}
	type slot struct{ class, status, unit string }
	sums := map[slot]*comparison{}
	at := func(l *inventory.Line) (*comparison, inventory.Decimal) {
		unit, quantity := rules.measure(l)
		k := slot{names.class(l), cmp.Or(l.Status, "sellable"), unit}
		s := sums[k]
		if s == nil {
			s = &comparison{
				LineState: inventory.LineState{Item: l.Item, Location: said[0].place, Status: k.status, UOM: unit}, class: k.class,
			}
			sums[k] = s
		}
		return s, quantity
	}
	type once struct {
		what    string
		content inventory.Hash
		sign    int
	}
	heard := map[once]bool{}
	receipts := map[string]bool{}
	parts := map[string]int{} // of each series, how many are here
	of := map[string]int{}
	members := map[string]bool{}
	contents := map[uint64]string{}
	blind := false // a posting that names no lines
	for i := range said {
		w := &said[i]
		if w.sign == 0 || w.control {
			continue
		}
		if w.covers == nil {
			if id := (once{w.scoped, w.business, w.sign}); heard[id] || withdrawn[w.scoped] || len(w.voids) > 0 {
				continue
			} else {
				heard[id] = true
			}
			receipts[w.scoped] = true
			for j := range w.lines {
				s, q := at(&w.lines[j])
				s.owed = true
				s.Owed = s.Owed.Add(signed(q, w.sign))
				s.lines++
			}
			continue
		}
		id := once{cmp.Or(w.document, w.id), w.business, w.sign}
		if heard[id] {
			continue
		}
		heard[id] = true
		if w.sign > 0 {
			b.posted = append(b.posted, w)
			if other, again := contents[w.goods]; again && other != id.what && w.goods != 0 {
				b.twice = true
			}
			contents[w.goods] = id.what
		} else {
			b.posted = slices.DeleteFunc(b.posted, func(x *dayWord) bool { return x.document == w.document })
		}
		if w.covers.Parts > 0 {
			series := w.covers.Slice
			parts[series] += w.sign // a part taken back is here no more
			of[series] = w.covers.Parts
		}
		for _, m := range w.covers.Members {
			if k, ok := (inventory.Key{Name: inventory.KeyReceipt, Value: m}).Scope(cmp.Or(w.covers.Location, w.place), ""); ok && w.covers.MemberKey == inventory.KeyReceipt {
				members[k.String()] = true
			}
		}
		blind = blind || len(w.lines) == 0
		for j := range w.lines {
			s, q := at(&w.lines[j])
			s.booked = true
			s.Posted = s.Posted.Add(signed(q, w.sign))
			s.Postings += w.sign
		}
	}
	b.receipts = len(receipts)
	b.whole = len(of) > 0
	for series, n := range of {
		b.whole = b.whole && parts[series] >= n
	}
	sold := map[string]bool{}
	for k, s := range sums {
		b.owes = b.owes || s.owed && !s.Owed.IsZero()
		if s.owed {
			sold[k.class] = true
		}
	}
	for k, s := range sums {
		b.apart = b.apart || s.booked && !sold[k.class]
	}
	if blind {
		return b
	}
	for k, s := range sums {
		diff := s.Posted.Sub(s.Owed)
		// An item under a name nobody joined may be any of those that are short.
		s.Comparable = sold[k.class] && (s.booked || !b.apart)
		switch {
		case !s.Comparable || within(s, diff):
		case s.Owed.IsZero() || diff.Sign() == s.Owed.Sign():
			b.over = append(b.over, *s)
		default:
			b.short = append(b.short, *s)
		}
	}
	order := func(x, y comparison) int {
		return cmp.Or(strings.Compare(x.Item, y.Item), strings.Compare(x.Status, y.Status), strings.Compare(x.UOM, y.UOM))
	}
	slices.SortFunc(b.short, order)
	slices.SortFunc(b.over, order)
	b.candidates = candidates(said, &names, b.short, members)
	return b
}

// candidates are the receipts that hold an item that is short, and that no
// posting names, as printed.
func candidates(said []dayWord, names *itemNames, short []comparison, members map[string]bool) []string {
	if len(short) == 0 {
		return nil
	}
	classes := map[string]bool{}
	for i := range short {
		classes[short[i].class] = true
	}
	var all []string
	for i := range said {
		w := &said[i]
		if w.covers != nil || w.receipt == "" || members[w.scoped] || slices.Contains(all, w.receipt) {
			continue
		}
		if slices.ContainsFunc(w.lines, func(l inventory.Line) bool { return classes[names.class(&l)] }) {
			all = append(all, w.receipt)
		}
	}
	slices.Sort(all)
	return all
}

func signed(q inventory.Decimal, sign int) inventory.Decimal {
	if sign < 0 {
		return q.Neg()
	}
	return q
}
