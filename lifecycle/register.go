package lifecycle

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// A register's day is told by what its receipts say together: numbers that were
// left out, the till's own count at close, and one basket entered twice within
// seconds (domain rules 6 to 9).

const (
	// RegisterDay is the workflow a register's day is shown as.
	RegisterDay = inventory.KeyRegisterDay
	// registerRules is the version of what is said here, stored with it.
	registerRules = "register-1"
	// trickle is how late a register's receipts may come one after another before
	// a number left out is called missing.
	trickle = 15 * time.Minute
	// twiceWithin is how close two identical baskets at one register must be to be
	// suspected of being one: nobody scans and pays in that time. Identical ones
	// minutes apart are usually real (domain rule 13).
	twiceWithin = 5 * time.Second
	// widestGap bounds how many numbers one gap names. A jump beyond it is a
	// counter that was set, and is told as one.
	widestGap = 1000
)

// mark is what a register's day remembers of a record: there are hundreds of
// them, and thousands of registers.
type mark struct {
	id             string
	content        inventory.Hash
	received       time.Time
	occurred       time.Time
	location       string
	register       string
	receipt        string
	sequence, most int // -1 where the record carries no number; 0 where no highest one is known
	basket         uint64
	restart        bool // the till was replaced
	unread         bool // the record carries a number that is none
	totals         *inventory.Totals
	attempt        int
}

func newMark(r *inventory.Record) mark {
	e := &r.Event
	m := mark{
		id: r.ID, content: r.Content, received: r.ReceivedAt, occurred: e.Time, location: e.Location, register: e.Register,
		receipt: e.KeyValue(inventory.KeyReceipt), sequence: -1, basket: basketOf(e), restart: e.Transaction.Kind == "till_replaced",
		totals: e.Totals, attempt: e.EffectiveAttempt(),
	}
	if e.EffectiveOutcome() != inventory.OK {
		m.basket = 0
	}
	if n, err := strconv.Atoi(inventory.Unpad(strings.TrimSpace(e.Transaction.Sequence))); err == nil && n >= 0 {
		m.sequence = n
	}
	m.unread = m.sequence < 0 && strings.TrimSpace(e.Transaction.Sequence) != ""
	if n, err := strconv.Atoi(e.Transaction.SequenceMax); err == nil && n > 0 {
		m.most = n
	}
	return m
}

// compareMarks orders marks by arrival.
func compareMarks(a, b mark) int {
	return cmp.Or(a.received.Compare(b.received), strings.Compare(a.id, b.id), slices.Compare(a.content[:], b.content[:]))
}

// basketOf is a fingerprint of what was sold, 0 where no line counts.
func basketOf(e *inventory.Event) uint64 {
	h := uint64(fnvOffset)
	some := false
	for i := range e.Lines {
		l := &e.Lines[i]
		if !counts(l) {
			continue
		}
		some = true
		for _, s := range []string{l.Item, l.Quantity.String(), l.UOM, l.UnitValue} {
			h = fnvByte(fnvString(h, s), 0)
		}
		for _, id := range l.ItemIDs {
			h = fnvByte(fnvString(fnvByte(fnvString(h, id.Name), '='), id.Value), 0)
		}
		h = fnvByte(h, 1)
	}
	if !some {
		return 0
	}
	return mix(h) | 1
}

// till is a register's day as its arrivals are taken in.
type till struct {
	key      inventory.ScopedKey
	place    string
	number   string
	date     string
	first    int // the first number heard of, around which the counter wraps
	most     int // the counter's highest number; 0 unless known
	low      int
	high     int
	heard    map[int]time.Time // when each number was first heard
	gaps     []*gap
	closing  *mark
	restarts int
	numbered bool // some record carries a number, and no number is beyond reading
}

// gap is a run of numbers that was passed over.
type gap struct {
	from, to int
	revealed time.Time
	by       *mark
}

// registerDay is the book of a register's business day.
type registerDay struct{ marks []mark }

func (d *registerDay) hear(r *inventory.Record) {
	m := newMark(r)
	at, again := slices.BinarySearchFunc(d.marks, m, compareMarks)
	if again || slices.ContainsFunc(d.marks, func(x mark) bool { return x.id == m.id && x.content == m.content }) {
		return
	}
	d.marks = slices.Insert(d.marks, at, m)
}

func (d *registerDay) size() int { return len(d.marks) }

// tell tells a register's day of its marks, in order of arrival.
func (d *registerDay) tell(rules *Rules, key inventory.ScopedKey, _ *Evidence, now time.Time) inventory.Lifecycle {
	heard := d.marks
	parts := strings.SplitN(key.Value, "/", 3)
	t := till{key: key, place: parts[0], number: parts[1], date: parts[2], heard: map[int]time.Time{}}
	l := newBookLifecycle(rules, key, heard[0].location, registerRules, now)
	l.Register, l.BusinessDate = heard[0].register, t.date
	newest := time.Time{}
	t.read(heard)
	for i := range heard {
		m := &heard[i]
		t.take(m)
		if l.StartedAt.IsZero() || m.occurred.Before(l.StartedAt) {
			l.StartedAt = m.occurred
		}
		if l.Register == "" {
			l.Register = m.register
		}
		newest = later2(newest, m.received)
	}
	// The row is not written anew for every receipt: it says nothing new.
	l.UpdatedAt = l.StartedAt
	var next time.Time
	due := func(at time.Time) bool {
		if at.After(now) {
			if next.IsZero() || at.Before(next) {
				next = at
			}
			return false
		}
		return true
	}
	var told claims
	for _, g := range t.gaps {
		if f, ok := t.missing(g, due); ok {
			told.found = append(told.found, &f)
		}
	}
	if f, ok := t.counted(due); ok {
		told.found = append(told.found, &f)
	}
	for _, f := range t.twice(heard) {
		told.found = append(told.found, &f)
	}
	for _, f := range told.found {
		f.System = "pos"
	}
	wrong := told.into(&l, l.ID)
	begin := fmt.Sprintf("Register %s on %s", t.number, t.date)
	switch {
	case wrong != "":
		l.Sentence = wrong
	case t.closing != nil && !t.numbered:
		l.Verdict = inventory.Complete
		l.Sentence = begin + "; closed, and its receipts carry no numbers that can be counted."
	case t.closing != nil && t.restarts > 0:
		l.Verdict = inventory.Complete
		l.Sentence = begin + "; closed after the till was replaced, so its count proves nothing."
	case t.closing != nil:
		l.Verdict = inventory.Complete
		l.Sentence = fmt.Sprintf("%s; closed with %d receipts, all of them here.", begin, len(t.heard))
	default:
		l.Sentence = begin + "; in order so far."
	}
	end := newest.Add(bookAfter)
	if next.IsZero() && (!now.Before(end) || l.Verdict == inventory.Complete) {
		l.State = inventory.StateClosed
		return l
	}
	if next.IsZero() || end.Before(next) {
		next = end
	}
	l.NextAt = next
	if !now.Before(end) {
		l.State, l.NextAt = inventory.StateClosed, time.Time{}
	}
	return l
}

// read looks ahead at whether its numbers can be counted.
func (t *till) read(heard []mark) {
	unread := false
	for i := range heard {
		m := &heard[i]
		t.numbered = t.numbered || m.sequence >= 0
		unread = unread || m.unread
	}
	t.numbered = t.numbered && !unread
}

// take takes in one arrival.
func (t *till) take(m *mark) {
	if m.totals != nil && (t.closing == nil || m.attempt > t.closing.attempt || m.attempt == t.closing.attempt && m.occurred.After(t.closing.occurred)) {
		t.closing = m
	}
	n := m.sequence
	if n < 0 {
		return
	}
	if m.most > 0 {
		t.most = m.most
	}
	if m.restart {
		// The counter starts anew; what it left out before is what it left out.
		t.restarts++
		t.first, t.low, t.high, t.heard = n, n, n, map[int]time.Time{n: m.received}
		return
	}
	if len(t.heard) == 0 {
		t.first, t.low, t.high = n, n, n
		t.heard[n] = m.received
		return
	}
	n = t.unwrap(n)
	if _, again := t.heard[n]; again {
		return
	}
	switch {
	case n > t.high+1:
		t.gaps = append(t.gaps, &gap{t.high + 1, n - 1, m.received, m})
	case n < t.low-1:
		t.gaps = append(t.gaps, &gap{n + 1, t.low - 1, m.received, m})
	}
	t.heard[n] = m.received
	t.low, t.high = min(t.low, n), max(t.high, n)
}

// unwrap carries a number past the end of its counter, so that 9999 is followed
// by 10000 and not by a gap.
func (t *till) unwrap(n int) int {
	switch {
	case t.most == 0:
	case n < t.first-t.most/2:
		return n + t.most
	case n > t.first+t.most/2:
		return n - t.most
	}
	return n
}

// shown is a number as the till prints it.
func (t *till) shown(n int) string {
	if t.most > 0 {
		n = (n-1+t.most)%t.most + 1
	}
	return strconv.Itoa(n)
}

// missing is the finding about a gap, if it was one: opened when a number of it
// had not come by the time receipts trickle in, closed by the last of them.
func (t *till) missing(g *gap, due func(time.Time) bool) (inventory.Finding, bool) {
	opened := g.revealed.Add(trickle)
	var all, left []string
	lastCame, late := time.Time{}, false
	jump := g.to-g.from >= widestGap
	for n := g.from; n <= g.to && !jump; n++ {
		came, ok := t.heard[n]
		all = append(all, t.shown(n))
		switch {
		case !ok:
			left = append(left, t.shown(n))
		default:
			lastCame = later2(lastCame, came)
			late = late || came.After(opened)
		}
	}
	if (len(left) == 0 && !late && !jump) || !due(opened) {
		return inventory.Finding{}, false
	}
	f := inventory.Finding{
		ID: findingID(inventory.SequenceGap, t.key.String(), strconv.Itoa(g.from)), Kind: inventory.SequenceGap, Cause: inventory.CauseUnknown,
		State: inventory.FindingOpen, FirstOccurredAt: g.by.occurred, OpenedAt: opened, Evidence: []string{g.by.id},
	}
	switch {
	case jump:
		f.Cause = inventory.CauseRegisterFault
		f.Sentence = fmt.Sprintf("Register %s jumps from %s to %s: its counter was set.", t.number, t.shown(g.from-1), t.shown(g.to+1))
	case len(left) > 0:
		f.Sentence = fmt.Sprintf("Register %s left out %s on %s.", t.number, some(left, 5), t.date)
	default:
		// They existed, and we heard late.
		f.State, f.ClosedAt, f.Resolution = inventory.FindingClosed, lastCame, inventory.Disproved
		f.Sentence = fmt.Sprintf("Register %s seemed to leave out %s on %s; it came late.", t.number, some(all, 5), t.date)
	}
	return f, true
}

// counted compares the till's own count at close with what reached us. Nothing
// follows the last receipts before close, so only this proves them (domain rule
// 9); what lies between receipts is a gap, and told as that.
func (t *till) counted(due func(time.Time) bool) (inventory.Finding, bool) {
	if t.closing == nil || t.restarts > 0 || !t.numbered {
		return inventory.Finding{}, false // without numbers it is not known how many reached us
	}
	totals := t.closing.totals
	opened := t.closing.received.Add(trickle)
	var left []string
	came := time.Time{}
	late := false
	at := func(n int) {
		if c, ok := t.heard[n]; !ok {
			left = append(left, t.shown(n))
		} else if c.After(opened) {
			late, came = true, later2(came, c)
		}
	}
	first, err1 := strconv.Atoi(inventory.Unpad(totals.First))
	last, err2 := strconv.Atoi(inventory.Unpad(totals.Last))
	if err1 == nil && err2 == nil && len(t.heard) > 0 {
		first, last = t.unwrap(first), t.unwrap(last)
		for n := first; n < t.low && n-first < widestGap; n++ {
			left = append(left, t.shown(n))
		}
		for n := max(t.high+1, first); n <= last && n-t.high < widestGap; n++ {
			left = append(left, t.shown(n))
		}
		for n := range t.heard {
			at(n)
		}
	}
	inGaps := 0
	for _, g := range t.gaps {
		for n := g.from; n <= g.to && g.to-g.from < widestGap; n++ {
			if _, ok := t.heard[n]; !ok {
				inGaps++
			}
		}
	}
	short := totals.Transactions - len(t.heard) - inGaps - len(left)
	if totals.Transactions == 0 {
		short = 0
	}
	if (len(left) == 0 && short == 0 && !late) || !due(opened) {
		return inventory.Finding{}, false
	}
	f := inventory.Finding{
		ID: findingID(inventory.ControlTotalMismatch, t.key.String(), t.closing.id), Kind: inventory.ControlTotalMismatch,
		Cause: inventory.CauseUnknown, State: inventory.FindingOpen, FirstOccurredAt: t.closing.occurred, OpenedAt: opened,
		Evidence: []string{t.closing.id},
	}
	f.Sentence = fmt.Sprintf("Till %s says %d receipts, %d reached us", t.number, totals.Transactions, len(t.heard))
	switch {
	case len(left) > 0:
		f.Sentence += ": " + some(left, 5) + " missing."
	case short != 0:
		f.Sentence += "."
	default:
		f.State, f.ClosedAt, f.Resolution = inventory.FindingClosed, came, inventory.Disproved
		f.Sentence += " in the end."
	}
	return f, true
}

// twice looks for one basket entered twice within seconds under two numbers, as
// a till does that sends its backlog again (failures F11). It is suspected, and
// never more: a person decides.
func (t *till) twice(heard []mark) []inventory.Finding {
	sales := make([]*mark, 0, len(heard))
	for i := range heard {
		if m := &heard[i]; m.basket != 0 && m.receipt != "" {
			sales = append(sales, m)
		}
	}
	slices.SortFunc(sales, func(a, b *mark) int { return cmp.Or(a.occurred.Compare(b.occurred), compareMarks(*a, *b)) })
	var found []inventory.Finding
	for i, b := range sales {
		// Whatever else was rung up in between, at whatever order it came: any earlier
		// one will do, the nearest is named.
		var a *mark
		for j := i - 1; j >= 0 && b.occurred.Sub(sales[j].occurred) <= twiceWithin; j-- {
			if sales[j].basket == b.basket && sales[j].sequence != b.sequence {
				a = sales[j]
				break
			}
		}
		if a == nil {
			continue
		}
		found = append(found, inventory.Finding{
			ID: findingID(inventory.SuspectDuplicate, t.key.String(), b.id), Kind: inventory.SuspectDuplicate,
			Cause: inventory.CauseDuplicateSubmission, State: inventory.FindingOpen, FirstOccurredAt: b.occurred,
			OpenedAt: later2(a.received, b.received), Evidence: []string{a.id, b.id},
			Sentence: fmt.Sprintf("Receipts %s and %s hold the same goods, %s apart.", a.receipt, b.receipt, span(b.occurred.Sub(a.occurred))),
		})
	}
	return found
}
