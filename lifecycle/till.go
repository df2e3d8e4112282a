package lifecycle

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

const (
	// trickle is how late a register's receipts may come one after another before
	// a number left out is called missing.
	trickle = 15 * time.Minute
	// widestGap bounds how many numbers are left out. A jump beyond it is a counter
	// that was set, and is told as one.
	widestGap = 1000
	// mostRebuilt bounds how often a day's numbers are counted anew. A till that says
	// with every number that it was replaced, or counts to another end, would cost
	// the square of its receipts, and proves nothing.
	mostRebuilt = 20
)

// till is a register's day as its arrivals are taken in, one by one. What is
// held against it has a life: it is told from when it was known, and what ends it
// is named.
type till struct {
	claims
	key          inventory.ScopedKey
	number, date string

	taken    []*mark // that carry numbers, by arrival
	counters []*counter
	most     int   // the highest number of its counter, as it says; 0 unless known
	largest  int   // the largest number it used
	zero     bool  // it uses 0
	one, top *mark // its first number, and the last before one more digit is needed
	period   int   // after how many numbers it begins again; 0 unless known
	rebuilt  int
	mute     string // why its numbers cannot be counted; empty where they can
	lives    map[string]*inventory.Finding
	used     map[string]bool // ids of findings

	closing  *mark   // its last word at close
	closings []*mark // all of them that no later attempt replaced
}

// counter is one run of a till's numbers: a till that was replaced begins
// another.
type counter struct {
	began     time.Time // zero for the first
	name      string    // what began it; empty for the first
	latest    time.Time // when the latest of its numbers was used
	low, high int
	heard     map[int]*mark
	gaps      []*gap // by number
}

// gap is a run of numbers that was passed over.
type gap struct {
	id             string // of its finding
	from, to, left int
	opens          time.Time // when it is told
	by             *mark
}

func newTill(key inventory.ScopedKey, number, date string, now time.Time) *till {
	return &till{claims: claims{now: now}, key: key, number: number, date: date, lives: map[string]*inventory.Finding{}, used: map[string]bool{}}
}

// take takes in one arrival.
func (t *till) take(m *mark) {
	if m.totals != nil {
		t.close(m)
	}
	if m.unread() {
		// It may be any of those that seem left out.
		t.giveUp(m, "its numbers cannot all be counted, such as "+m.printed)
	}
	if m.sequence < 0 || t.mute != "" {
		return
	}
	t.taken = append(t.taken, m)
	if t.counts(m) {
		t.rebuild(m, "its counter came round")
		return
	}
	if m.restart {
		if slices.ContainsFunc(t.counters, func(c *counter) bool { return !c.latest.Before(m.occurred) }) {
			t.rebuild(m, "the till was replaced")
			return
		}
		t.begin(m)
	}
	t.place(m, false)
}

// giveUp ends everything that is told of numbers: from now on nobody knows.
func (t *till) giveUp(m *mark, why string) {
	if t.mute != "" {
		return
	}
	t.mute = why
	for _, c := range t.counters {
		for _, g := range c.gaps {
			if g.left > 0 {
				t.end(c, g, m, why)
			}
		}
	}
	t.counters, t.taken = nil, nil
}

// counts learns of m how the till counts, and reports whether that is news.
func (t *till) counts(m *mark) bool {
	t.most, t.largest = max(t.most, m.most), max(t.largest, m.sequence)
	t.zero = t.zero || m.sequence == 0
	if m.sequence <= 1 && (t.one == nil || m.occurred.After(t.one.occurred)) {
		t.one = m
	}
	if n := m.sequence; n == 999 || n == 9_999 || n == 99_999 || n == 999_999 {
		t.top = m
	}
	period := t.most
	if period == 0 && t.one != nil && t.top != nil && t.one.occurred.After(t.top.occurred) {
		period = t.top.sequence // nobody says so, and it is seen to come round
	}
	if t.largest > period {
		period = 0 // it does not do as it says
	}
	if t.zero && period > 0 {
		period++
	}
	if period == t.period {
		return false
	}
	t.period = period
	return len(t.counters) > 0
}

// begin begins another counter, kept in order of when they began.
func (t *till) begin(m *mark) {
	c := &counter{heard: map[int]*mark{}}
	if m.restart {
		c.began, c.name = m.occurred, m.id
	}
	at := sort.Search(len(t.counters), func(i int) bool { return t.counters[i].began.After(c.began) })
	t.counters = slices.Insert(t.counters, at, c)
}

// counterOf returns the counter that a number used at m's time belongs to.
func (t *till) counterOf(m *mark) *counter {
	i := sort.Search(len(t.counters), func(i int) bool { return t.counters[i].began.After(m.occurred) })
	if i == 0 {
		t.begin(&mark{})
		i = 1
	}
	return t.counters[i-1]
}

// place puts a number where it belongs. again: it is only placed anew.
func (t *till) place(m *mark, again bool) {
	c := t.counterOf(m)
	c.latest = later2(c.latest, m.occurred)
	if len(c.heard) == 0 {
		c.low, c.high, c.heard[m.sequence] = m.sequence, m.sequence, m
		return
	}
	n := c.unwrap(m, t.period)
	if c.heard[n] != nil {
		return
	}
	opens := m.received.Add(trickle)
	c.heard[n] = m
	switch {
	case n > c.high:
		if n > c.high+1 {
			c.gaps = append(c.gaps, t.passed(c, c.high+1, n-1, opens, m, again))
		}
		c.high = n
	case n < c.low:
		if n < c.low-1 {
			c.gaps = slices.Insert(c.gaps, 0, t.passed(c, n+1, c.low-1, opens, m, again))
		}
		c.low = n
	default:
		g := c.gaps[sort.Search(len(c.gaps), func(i int) bool { return c.gaps[i].to >= n })]
		if g.left--; g.left == 0 && !again {
			t.end(c, g, m, "it came late")
		}
	}
}

// unwrap carries a number past the end of its counter, so that 9999 is followed
// by 10000 and not by a gap. When it was used says which way round it lies.
func (c *counter) unwrap(m *mark, period int) int {
	n := m.sequence
	if period == 0 {
		return n
	}
	above := c.low + ((n-c.low)%period+period)%period // at or above the least
	if above <= c.high {
		return above
	}
	below := above - period
	switch low, high := c.heard[c.low].occurred, c.heard[c.high].occurred; {
	case m.occurred.After(high) && !m.occurred.Before(low):
		return above
	case m.occurred.Before(low) && !m.occurred.After(high):
		return below
	case above-c.high <= c.low-below:
		return above
	default:
		return below
	}
}

// rebuild places all numbers anew, because m says how they were to be counted.
func (t *till) rebuild(m *mark, why string) {
	if t.rebuilt++; t.rebuilt > mostRebuilt {
		t.giveUp(m, "it says again and again that it counts otherwise")
		return
	}
	old := t.counters
	t.counters = nil
	for _, x := range t.taken {
		if x.restart {
			t.begin(x)
		}
	}
	for _, x := range t.taken {
		t.place(x, true)
	}
	// What was told and still holds goes on, whichever counter it is of; what was
	// told of one that was filled is another's.
	opened := map[string]time.Time{}
	t.used = map[string]bool{}
	for id := range t.lives {
		t.used[id] = true
	}
	for _, c := range old {
		for _, g := range c.gaps {
			if g.left > 0 && g.opens.Before(m.received) {
				opened[g.id] = g.opens
			}
		}
	}
	held := map[string]bool{}
	for _, c := range t.counters {
		for _, g := range c.gaps {
			if g.left == 0 {
				continue
			}
			g.id = t.id(c, g.from)
			held[g.id] = true
			if at, ok := opened[g.id]; ok {
				g.opens = at
			} else {
				g.opens = later2(g.opens, m.received) // nobody knew before
			}
		}
	}
	for _, c := range old {
		for _, g := range c.gaps {
			if g.left > 0 && !held[g.id] {
				t.end(c, g, m, why)
			}
		}
	}
}

// passed is a run of numbers that m shows to have been passed over.
func (t *till) passed(c *counter, from, to int, opens time.Time, m *mark, again bool) *gap {
	g := &gap{from: from, to: to, left: to - from + 1, opens: opens, by: m}
	if !again {
		g.id = t.id(c, from)
	}
	return g
}

// id names the finding about the numbers left out from one on: by the number,
// and where another counter left out the same, by what began its counter.
func (t *till) id(c *counter, from int) string {
	id := findingID(inventory.SequenceGap, t.key.String(), t.shown(from))
	if t.used[id] {
		id = findingID(inventory.SequenceGap, t.key.String(), c.name+"/"+t.shown(from))
	}
	t.used[id] = true
	return id
}

// end ends what was told of a gap, if it was told before m came.
func (t *till) end(c *counter, g *gap, m *mark, why string) {
	if !g.opens.Before(m.received) || t.now.Before(g.opens) {
		return
	}
	f := t.found(c, g)
	f.State, f.ClosedAt, f.ClosedBy, f.Resolution = inventory.FindingClosed, m.received, m.id, inventory.Disproved
	f.Sentence = fmt.Sprintf("Register %s seemed to leave out %s on %s; %s.", t.number, t.list(c, g.from, g.to, true), t.date, why)
	t.lives[f.ID] = f
}

// found is the finding about a gap while it is open.
func (t *till) found(c *counter, g *gap) *inventory.Finding {
	f := &inventory.Finding{
		ID: g.id, Kind: inventory.SequenceGap, Cause: inventory.CauseUnknown, State: inventory.FindingOpen,
		FirstOccurredAt: g.by.occurred, OpenedAt: g.opens, Evidence: []string{g.by.id},
	}
	if before := t.lives[f.ID]; before != nil {
		f.OpenedAt = before.OpenedAt
	}
	if g.left < widestGap {
		f.Sentence = fmt.Sprintf("Register %s left out %s on %s.", t.number, t.list(c, g.from, g.to, false), t.date)
		return f
	}
	f.Cause = inventory.CauseRegisterFault
	a, b := g.from-1, g.to+1
	if c.heard[b].occurred.Before(c.heard[a].occurred) {
		a, b = b, a
	}
	f.Sentence = fmt.Sprintf("Register %s jumps from %s to %s on %s: its counter was set.", t.number, t.shown(a), t.shown(b), t.date)
	return f
}

// told returns what is found by now, and when to ask again.
func (t *till) told() *claims {
	for _, c := range t.counters {
		for _, g := range c.gaps {
			switch {
			case g.left == 0:
			case g.opens.After(t.now):
				t.wake(g.opens)
			default:
				f := t.found(c, g)
				t.lives[f.ID] = f
			}
		}
	}
	for _, f := range t.claims.found {
		if f.State == inventory.FindingClosed && f.ID != "" {
			t.sayCounted(f)
		}
	}
	for _, f := range t.lives {
		t.claims.found = append(t.claims.found, f)
	}
	return &t.claims
}

// shown is a number as the till prints it.
func (t *till) shown(n int) string {
	switch {
	case t.period == 0:
	case t.zero:
		n = (n%t.period + t.period) % t.period
	default:
		n = ((n-1)%t.period+t.period)%t.period + 1
	}
	return strconv.Itoa(n)
}

// list names the numbers of a run: those left out, or all of them.
func (t *till) list(c *counter, from, to int, all bool) string {
	if to-from >= widestGap {
		return t.shown(from) + " to " + t.shown(to)
	}
	var names []string
	for n := from; n <= to; n++ {
		if all || c.heard[n] == nil {
			names = append(names, t.shown(n))
		}
	}
	return some(names, 5)
}

// within is how many numbers of a run were heard.
func (c *counter) within(first, last int) int {
	if first <= c.low && c.high <= last {
		return len(c.heard)
	}
	n := 0
	for k := range c.heard {
		if first <= k && k <= last {
			n++
		}
	}
	return n
}
