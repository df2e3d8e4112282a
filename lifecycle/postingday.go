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
	postingRules = "posting-2"
	// dayPostedWithin is how long after the end of a business date, by the store's
	// own clock, its posting may take: the night run, and a working day to put right
	// what it left over. Two hours more than a single sale of a batch store has.
	dayPostedWithin = 28 * time.Hour
	// mostShown bounds the lines a day shows of those that do not come out even.
	mostShown = 200
)

// postingDay is the book of a store's business day.
type postingDay struct{ words arrivals[*dayWord] }

// dayWord is what a store's day remembers of a record.
type dayWord struct {
	id        string
	content   inventory.Hash
	business  inventory.Hash
	received  time.Time
	occurred  time.Time
	place     string
	receipt   string // of a receipt: as printed
	scoped    string // of a receipt: its scoped key
	sign      int    // -1 takes back, 0 counts nowhere
	control   bool   // training and the like
	covers    *inventory.Covers
	document  string
	transport string
	goods     uint64 // a fingerprint of the lines, 0 without any
	named     bool   // it names lines, if only some that move nothing
	lines     []inventory.Line
	voids     []string // scoped receipts it withdraws
}

func (d *postingDay) hear(r *inventory.Record) {
	e := &r.Event
	entry := newEntry(r)
	w := &dayWord{
		id: r.ID, content: r.Content, business: entry.business(), received: r.ReceivedAt, occurred: e.Time, place: e.Location,
		receipt: e.KeyValue(inventory.KeyReceipt), scoped: r.EntryKey().String(), covers: e.Covers, document: documentOf(e),
		transport: r.Transport, control: controlTransaction(e.Transaction), sign: 1, goods: basketOf(e), named: len(e.Lines) > 0,
	}
	if e.Covers != nil && e.Covers.Location != "" {
		w.place = e.Covers.Location // the posting itself may speak of a plant
	}
	if key, ok := (inventory.Key{Name: inventory.KeyReceipt, Value: w.receipt}).Scope(e.Location, e.Register); ok && w.receipt != "" {
		w.scoped = key.String()
	}
	switch o := e.EffectiveOutcome(); {
	case o == inventory.Reversed:
		w.sign = -1
	case !succeeded(o):
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
	// A void that was rung before its sale was exported withdraws it, and so does one
	// that names no goods; any other nets with it.
	if early := e.Transaction.Status == "before_export"; !w.control && (early && w.sign != 0 || !w.named && w.sign > 0) {
		for _, ref := range e.Refs {
			for _, k := range ref.Keys {
				if to, ok := k.Scope(e.Location, e.Register); ok && ref.Rel == "voids" {
					w.voids = append(w.voids, to.String())
				}
			}
		}
	}
	d.words.hear(inventory.Identity{RecordID: w.id, Content: w.content}, w)
}

func (d *postingDay) size() int { return d.words.size() }

// compareWords orders words by arrival.
func compareWords(a, b *dayWord) int {
	return cmp.Or(a.received.Compare(b.received), strings.Compare(a.id, b.id), slices.Compare(a.content[:], b.content[:]))
}

// tell folds the balance over arrivals: nothing is short before every part the
// postings speak of is here, or the day's time has passed.
func (d *postingDay) tell(rules *Rules, key inventory.ScopedKey, evidence *Evidence, now time.Time) inventory.Lifecycle {
	said := d.words.inOrder(compareWords)
	first := said[0]
	i := strings.LastIndexByte(key.Value, '/') // the place may itself hold one
	place, date := key.Value[:max(i, 0)], key.Value[i+1:]
	location := rules.Location(first.place)
	l := newBookLifecycle(rules, key, first.place, postingRules, now)
	l.BusinessDate, l.FactPosition = date, evidence.Position()
	l.StartedAt = first.occurred
	for _, w := range said {
		if w.occurred.Before(l.StartedAt) {
			l.StartedAt = w.occurred
		}
		if w.covers != nil {
			// Of the receipts only what they owe together is said.
			l.RecordIDs = append(l.RecordIDs, w.id)
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
	ends := time.Date(day.Year(), day.Month(), day.Day()+1, 0, 0, 0, 0, location.Zone)
	due := ends.Add(dayPostedWithin)
	fold := dayFold{said: said, rules: rules, ends: ends, due: due, key: key, lifecycle: &l, claims: claims{now: now}}
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
		for _, list := range [][]comparison{b.short, b.over, b.mixed} {
			l.Lines = append(l.Lines, states(list[:min(len(list), mostShown)])...)
		}
		from := due
		for _, w := range said {
			if w.covers != nil && w.received.Before(from) {
				from = w.received
			}
			if !w.received.Before(from) {
				l.UpdatedAt = later2(l.UpdatedAt, w.received)
			}
		}
	}
	fold.conclude(b, begin, known)
	return l
}

// dayFold is one telling of a day.
type dayFold struct {
	said      []*dayWord
	rules     *Rules
	ends      time.Time // when the business date is over at the store
	due       time.Time
	judged    time.Time // when silence proves something; zero: not yet known
	key       inventory.ScopedKey
	lifecycle *inventory.Lifecycle
	claims
}

// run walks the arrivals and returns the balance after the last of them.
func (f *dayFold) run() dayBalance {
	said := f.said
	b := dayBalance{}
	if f.now.Before(f.due) && !slices.ContainsFunc(said, func(w *dayWord) bool { return w.covers != nil }) {
		return b // while the day goes on nothing can be said, and nothing is worked out
	}
	ledger := newDayLedger(f.rules)
	posting := false
	for i := 0; i < len(said); {
		j := i
		for ; j < len(said) && said[j].received.Equal(said[i].received); j++ {
			ledger.take(said[j])
			posting = posting || said[j].covers != nil
		}
		until := time.Time{}
		if j < len(said) {
			until = said[j].received
		}
		last := j == len(said)
		switch {
		case !last && len(f.found) == 0 && until.Sub(said[i].received) <= bookSettle:
			// What is said waits until nothing more has come for a while.
		case last || posting || !f.judged.IsZero() && f.judged.Before(until):
			// Before a posting is here, or the time has passed, nothing can be said.
			b = ledger.balance()
			f.arrive(b, said[j-1], until)
		}
		i = j
	}
	return b
}

// arrive takes in what holds after an arrival and until the next one.
func (f *dayFold) arrive(b dayBalance, by *dayWord, until time.Time) {
	settled := by.received.Add(bookSettle)
	var held []claim
	hold := func(kind inventory.Kind, from time.Time, cause inventory.Cause, sentence string, lines []comparison) {
		c := claim{inventory.Finding{
			ID: findingID(kind, "erp posted", f.key.String()), Kind: kind, Cause: cause, System: "erp", Step: "posted",
			Sentence: sentence, FirstOccurredAt: f.due,
		}, later2(from, settled)}
		if from.IsZero() {
			return // not yet known
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
		from := f.judged
		if b.whole {
			from = settled
		}
		hold(inventory.AggregationGap, from, inventory.CauseIntegrationFault, f.sayShort(&b), b.short)
	case len(b.posted) == 0 && b.owes:
		hold(inventory.MissingStep, f.judged, inventory.CauseDownstreamDelay, f.sayMissing(&b), nil)
	}
	switch {
	case len(b.over) > 0 && b.twice:
		// While the day goes on, the receipts of one of two hours that sold the same may
		// be on their way.
		hold(inventory.DuplicatePosting, f.ends, inventory.CauseDuplicateSubmission, f.sayOver(&b, "posted twice"), b.over)
	case len(b.over) > 0:
		hold(inventory.QuantityMismatch, f.judged, inventory.CauseUnknown, f.sayOver(&b, "posted beyond what its receipts hold"), b.over)
	}
	f.claims.arrive(by.received, until, by.id, held, func(x *inventory.Finding) inventory.Resolution {
		switch {
		case by.sign < 0:
			return inventory.ReversedR
		case by.covers == nil || x.Kind != inventory.MissingStep && x.Kind != inventory.AggregationGap:
			return inventory.Disproved // it had not been sold, or had been all along
		case !by.occurred.After(f.due) && !by.occurred.After(x.OpenedAt):
			return inventory.Disproved // it had been posted, and we heard late
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
	items := map[string]bool{}
	for i := range b.short {
		items[b.short[i].class] = true // in one status or several
	}
	if n := len(items); n > 1 {
		text = fmt.Sprintf("%d items short, %s first by %s %s", n, s.Item, s.Owed.Sub(s.Posted).Abs(), s.UOM)
	}
	held := candidates(f.said[:b.of], b)
	if len(held) == 0 {
		return text + " in the store's day."
	}
	return fmt.Sprintf("%s in the store's day: %s: %s.", text, plural(len(held), "candidate receipt"), some(held, 5))
}

func (f *dayFold) sayOver(b *dayBalance, how string) string {
	if len(b.over) == 0 {
		return ""
	}
	s := &b.over[0]
	text := fmt.Sprintf("%s %s of %s %s in the store's day", s.Owed.Sub(s.Posted).Abs(), s.UOM, s.Item, how)
	items := map[string]bool{}
	for i := range b.over {
		items[b.over[i].class] = true
	}
	if n := len(items); n > 1 {
		text += fmt.Sprintf(", and %s more", plural(n-1, "item"))
	}
	return text + "."
}

// conclude fills in findings, verdict, state and when to look again.
func (f *dayFold) conclude(b dayBalance, begin string, known bool) {
	l := f.lifecycle
	wrong := f.into(l, PostingDay)
	even := len(b.short)+len(b.over) == 0 && !b.blind
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
	case b.blind && b.named:
		l.Verdict, l.Sentence = inventory.Complete, fmt.Sprintf("%s; posted: every receipt is named, and no items.", begin)
	case b.blind:
		l.Verdict, l.Sentence = inventory.Unconfirmed, begin+"; posted, but no items are named: nothing can be balanced."
	case b.apart:
		l.Verdict = inventory.Unconfirmed
		l.Sentence = begin + "; posted, but its items go by other names: not comparable."
	case len(b.mixed) > 0:
		l.Verdict, l.Sentence = inventory.Unconfirmed, begin+"; posted, but "+sayMixed(b.mixed)
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
