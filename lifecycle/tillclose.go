package lifecycle

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// close takes in a till's word at close. A till that closes once more, after its
// day was opened again or for another shift, takes nothing back; one that tries
// again does.
func (t *till) close(m *mark) {
	if t.closing == nil || cmp.Or(cmp.Compare(m.attempt, t.closing.attempt), m.occurred.Compare(t.closing.occurred)) > 0 {
		t.closing = m
	}
	t.closings = append(t.closings, m)
	t.closings = slices.DeleteFunc(t.closings, func(x *mark) bool { return x.attempt < t.closing.attempt })
	slices.SortStableFunc(t.closings, func(a, b *mark) int { return a.occurred.Compare(b.occurred) })
}

// judge compares what the till says of itself at close with what reached us, as
// it stands after an arrival and until the next one. Nothing follows the last
// receipts before close, so only this proves them (domain rule 9); what lies
// between receipts is a gap, and told as that.
func (t *till) judge(by *mark, until time.Time) {
	if len(t.closings) == 0 && len(t.claims.found) == 0 {
		return
	}
	var held []claim
	// Without numbers it is not known how many reached us; nor are two counters one.
	if len(t.counters) == 1 && t.mute == "" {
		c := t.counters[0]
		low, high := c.low, c.high
		for _, m := range t.closings {
			first, last, ok := t.claimed(c, m)
			sentence := ""
			switch {
			case ok && (first < low || last > high):
				sentence = t.sayEnds(c, m, first, last, low, high)
				low, high = min(low, first), max(high, last)
			case !ok && t.short(c, m) > 0:
				sentence = fmt.Sprintf("Till %s says %s, %d reached us.", t.number, plural(m.totals.Transactions, "receipt"), len(c.heard))
			default:
				continue
			}
			held = append(held, claim{inventory.Finding{
				ID: t.countID(m), Kind: inventory.ControlTotalMismatch, Cause: inventory.CauseUnknown,
				FirstOccurredAt: m.occurred, Evidence: []string{m.id}, Sentence: sentence,
			}, m.received.Add(trickle)})
		}
	}
	t.arrive(by.received, until, by.id, held, func(*inventory.Finding) inventory.Resolution { return inventory.Disproved })
}

func (t *till) countID(m *mark) string {
	return findingID(inventory.ControlTotalMismatch, t.key.String(), m.id)
}

// claimed is the run of numbers that a till says it used, beside those heard of.
// ok is false where it says none, or one that runs backwards.
func (t *till) claimed(c *counter, m *mark) (first, last int, ok bool) {
	first, last = tillNumber(m.totals.First), tillNumber(m.totals.Last)
	if first < 0 || last < 0 {
		return 0, 0, false
	}
	if t.period == 0 {
		return first, last, first <= last
	}
	if max(first, last) > t.period {
		return 0, 0, false // it cannot have used them
	}
	if last < first {
		last += t.period
	}
	// Where it came round, the nearest to what was heard is meant.
	away := func(n int) int { return max(0, c.low-(n+last-first), n-c.high) }
	for away(first+t.period) < away(first) {
		first, last = first+t.period, last+t.period
	}
	for away(first-t.period) < away(first) {
		first, last = first-t.period, last-t.period
	}
	return first, last, true
}

// short is how many receipts more a till counts than it is known to have used
// numbers. That it counts fewer proves nothing: it may count sales alone, and
// number all it does.
func (t *till) short(c *counter, m *mark) int {
	known := len(c.heard)
	for _, g := range c.gaps {
		known += g.left
	}
	return m.totals.Transactions - known
}

// sayEnds says which numbers before the first and after the last heard of a till
// claims.
func (t *till) sayEnds(c *counter, m *mark, first, last, low, high int) string {
	missing := ""
	for _, run := range [][2]int{{first, min(last, low-1)}, {max(first, high+1), last}} {
		if run[0] > run[1] {
			continue
		}
		if missing != "" {
			missing += ", "
		}
		missing += t.list(c, run[0], run[1], true)
	}
	if n := m.totals.Transactions; n > 0 && n == last-first+1 {
		return fmt.Sprintf("Till %s says %s, %d reached us: %s missing.", t.number, plural(n, "receipt"), c.within(first, last), missing)
	}
	return fmt.Sprintf("Till %s says its numbers run from %s to %s: %s missing.", t.number, t.shown(first), t.shown(last), missing)
}

// sayCounted says of a count that was disproved that all came in the end, where
// that is so.
func (t *till) sayCounted(f *inventory.Finding) {
	if len(t.counters) != 1 {
		return
	}
	for _, m := range t.closings {
		if n := m.totals.Transactions; t.countID(m) == f.ID && n > 0 && t.short(t.counters[0], m) <= 0 {
			f.Sentence = fmt.Sprintf("Till %s says %s; all of them reached us in the end.", t.number, plural(n, "receipt"))
		}
	}
}

// sayClosed says how what the till counted compares with what came, where
// nothing is held against it.
func (t *till) sayClosed() string {
	switch {
	case t.mute != "" || len(t.counters) == 0:
		return ", and its receipts carry no numbers that can be counted."
	case len(t.counters) > 1:
		return " after the till was replaced, so its count proves nothing."
	}
	c := t.counters[0]
	first, last, ok := t.claimed(c, t.closing)
	n, times := t.closing.totals.Transactions, ""
	if len(t.closings) > 1 {
		// What each of them counts is a part of the day.
		n, times = 0, fmt.Sprintf(" %d times", len(t.closings))
		for _, m := range t.closings {
			a, b, also := t.claimed(c, m)
			first, last, ok = min(first, a), max(last, b), ok && also
		}
	}
	inside := c.within(first, last)
	switch {
	case ok && n == last-first+1 && inside == n:
		return fmt.Sprintf(" with %s, all of them here.", plural(n, "receipt"))
	case ok && inside == last-first+1:
		return fmt.Sprintf("%s with numbers %s to %s, all of them here.", times, t.shown(first), t.shown(last))
	case n == len(c.heard) && len(c.gaps) == 0:
		return fmt.Sprintf(" with %s, all of them here.", plural(n, "receipt"))
	case n > 0 && n < len(c.heard):
		return fmt.Sprintf(" with %s; it used %d numbers that reached us, so it does not count all it numbers.", plural(n, "receipt"), len(c.heard))
	default:
		return times + "; in order so far."
	}
}
