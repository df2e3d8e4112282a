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
// left out, the till's own count at close (till.go), and one basket entered twice
// within seconds (twice.go; domain rules 6 to 9).

const (
	// RegisterDay is the workflow a register's day is shown as.
	RegisterDay = inventory.KeyRegisterDay
	// registerRules is the version of what is said here, stored with it.
	registerRules = "register-2"
	// largestNumber is the largest number of a receipt that is counted with; a
	// longer one is a text of digits.
	largestNumber = 1 << 53
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
	receipt        string // as printed
	scoped         string // the receipt's scoped key
	printed        string // its number in the till's sequence, unpadded
	sequence, most int    // -1 where the record carries no number; 0 where no highest one is known
	basket         uint64
	restart        bool // the till was replaced
	reversed       bool // the receipt was taken back
	voids          []string
	totals         *inventory.Totals
	attempt        int
}

func newMark(r *inventory.Record) *mark {
	e := &r.Event
	m := &mark{
		id: r.ID, content: r.Content, received: r.ReceivedAt, occurred: e.Time, location: e.Location, register: e.Register,
		receipt: e.KeyValue(inventory.KeyReceipt), printed: inventory.Unpad(strings.TrimSpace(e.Transaction.Sequence)),
		restart: e.Transaction.Kind == "till_replaced", totals: e.Totals, attempt: e.EffectiveAttempt(),
	}
	if e.Totals != nil && e.Totals.Register != "" {
		m.register = e.Totals.Register // another till may tell of it
	}
	if key, ok := (inventory.Key{Name: inventory.KeyReceipt, Value: m.receipt}).Scope(e.Location, e.Register); ok {
		m.scoped = key.String()
	}
	switch o := e.EffectiveOutcome(); {
	case o == inventory.Reversed:
		m.reversed = true
	case o == inventory.OK && !controlTransaction(e.Transaction):
		m.basket = basketOf(e)
		for _, ref := range e.Refs {
			for _, k := range ref.Keys {
				if to, ok := k.Scope(e.Location, e.Register); ok && ref.Rel == "voids" {
					m.voids = append(m.voids, to.String())
				}
			}
		}
	}
	m.sequence = tillNumber(m.printed)
	m.most = max(0, tillNumber(strings.TrimSpace(e.Transaction.SequenceMax)))
	return m
}

// tillNumber reads a number of a till's sequence, -1 where it is none that can be
// counted with.
func tillNumber(text string) int {
	n, err := strconv.Atoi(inventory.Unpad(text))
	if err != nil || n < 0 || n > largestNumber || strings.HasPrefix(text, "+") {
		return -1
	}
	return n
}

// unread reports whether the record carries a number that is none.
func (m *mark) unread() bool { return m.sequence < 0 && m.printed != "" }

func (m *mark) identity() inventory.Identity {
	return inventory.Identity{RecordID: m.id, Content: m.content}
}

// compareMarks orders marks by arrival.
func compareMarks(a, b *mark) int {
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

// registerDay is the book of a register's business day.
type registerDay struct{ marks arrivals[*mark] }

func (d *registerDay) hear(r *inventory.Record) {
	m := newMark(r)
	d.marks.hear(m.identity(), m)
}

func (d *registerDay) size() int { return d.marks.size() }

// tell tells a register's day of its marks, in order of arrival.
func (d *registerDay) tell(rules *Rules, key inventory.ScopedKey, _ *Evidence, now time.Time) inventory.Lifecycle {
	heard := d.marks.inOrder(compareMarks)
	l := newBookLifecycle(rules, key, heard[0].location, registerRules, now)
	number, date := dayOf(key, heard[0].location)
	l.Register, l.BusinessDate = heard[0].register, date
	t := newTill(key, number, date, now)
	newest := time.Time{}
	for i, m := range heard {
		until := time.Time{}
		if i+1 < len(heard) {
			until = heard[i+1].received
		}
		t.take(m)
		if !until.Equal(m.received) {
			t.judge(m, until)
		}
		if l.StartedAt.IsZero() || m.occurred.Before(l.StartedAt) {
			l.StartedAt = m.occurred
		}
		l.Register = cmp.Or(l.Register, m.register)
		newest = later2(newest, m.received)
	}
	// The row is not written anew for every receipt: it says nothing new.
	l.UpdatedAt = l.StartedAt
	told := t.told()
	for _, f := range twice(key, heard) {
		told.found = append(told.found, &f)
	}
	for _, f := range told.found {
		f.System = "pos"
	}
	wrong := told.into(&l, l.ID)
	begin := fmt.Sprintf("Register %s on %s", number, date)
	switch {
	case wrong != "":
		l.Sentence = wrong
	case t.closing != nil:
		l.Verdict = inventory.Complete
		l.Sentence = begin + "; closed" + t.sayClosed()
	case t.mute != "":
		l.Sentence = begin + "; " + t.mute + ": what is left out is not known."
	default:
		l.Sentence = begin + "; in order so far."
	}
	next, end := told.next, newest.Add(bookAfter)
	if !now.Before(end) || next.IsZero() && l.Verdict == inventory.Complete {
		l.State = inventory.StateClosed
		return l
	}
	l.NextAt = sooner(next, end)
	return l
}

// dayOf takes a day's key apart: what stands before the date and behind the
// place, which may itself hold the mark between them.
func dayOf(key inventory.ScopedKey, place string) (register, date string) {
	rest := strings.TrimPrefix(key.Value, inventory.Unpad(place)+"/")
	i := strings.LastIndexByte(rest, '/')
	return rest[:max(i, 0)], rest[i+1:]
}
