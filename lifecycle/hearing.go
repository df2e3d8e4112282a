package lifecycle

import (
	"cmp"
	"maps"
	"math/bits"
	"slices"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// Hearing is who is heard and who has fallen silent, as records were received.
// It is a pure function of the minutes in which each source was heard, taken in
// hour by hour.
//
// Sources form a tree, and who is silent is judged against who is above: a
// register while others of its store are heard, a store while others of its
// region are, a region while others are, a system while any system is. So a
// store that falls silent is one silence and not one for each till, and the night
// our own line is down is one silence and not one for each store.
//
//	everything ─▶ system ─▶ region ─▶ store ─▶ register
//
// Stores, registers and systems of the centre have a habit (see [habit]). What is
// expected of a region, of a system at stores and of everything is the sum of
// those below that are open.
type Hearing struct {
	rules    *Rules
	next     int64 // the hour to be taken in next, in minutes since 1970; 0 before the first
	nodes    []node
	index    map[nodeKey]int
	order    []int // nodes, from above to below, by name
	silences []quiet
	groups   map[string]quietGroup
}

// level is how far down the tree a source is.
type level int

const (
	everything level = iota
	wholeSystem
	wholeRegion
	oneStore
	oneRegister
)

// nodeKey names a source: location and register without padding.
type nodeKey struct {
	level                              level
	system, region, location, register string
}

func (k nodeKey) compare(o nodeKey) int {
	return cmp.Or(cmp.Compare(k.level, o.level), strings.Compare(k.system, o.system), strings.Compare(k.region, o.region),
		strings.Compare(k.location, o.location), strings.Compare(k.register, o.register))
}

// node is a source.
type node struct {
	nodeKey
	shown  nodeKey // as its events write it
	parent int     // -1 for everything
	kids   []int
	place  *inventory.Location
	habit  habit
	rated  float64 // declared, in events a minute; -1 where that is learned

	first, last int64 // the minutes in which it was first and last heard
	since       int64 // from when its silence counts: the last, or when a silence above ended
	chance      float64
	pause       float64 // since it was last heard, whoever was silent above
	beside      int     // minutes since then in which the one above was heard
	off         bool    // out of service
	silent      int     // its silence among all, plus one; 0 where it has none

	// What is known of the hour that is taken in.
	minutes, open uint64
	offAt         int
	rate, limit   float64
	judged        bool
}

// quiet is a silence. Times are whole minutes since 1970.
type quiet struct {
	of                  nodeKey // as its events write it
	last, opened, ended int64   // ended is 0 while it lasts
	usual               float64 // minutes an hour in which it is usually heard then; 0 for several together
	declared            bool
	forgotten           bool // it ended because nothing is expected any more
	group               quietGroup
}

// quietGroup is what silences of one cause have in common.
type quietGroup struct {
	key    inventory.GroupKey
	opened int64 // of its newest
}

const (
	// quietFloor is the least silence worth saying, in minutes.
	quietFloor = int64(silenceFloor / time.Minute)
	// quietBeside is in how many minutes of a silence the one above has to be heard:
	// what begins to be heard again does not come all at once.
	quietBeside = 3
	// quietTogether is how many minutes may lie between the silences of one cause.
	quietTogether = 30
	// quietForgotten is after how many minutes a source that says nothing is
	// expected no more.
	quietForgotten = habitWeeks * weekHours * 60
)

// NewHearing returns a hearing that has heard nobody.
func NewHearing(rules *Rules) *Hearing {
	return &Hearing{rules: rules, index: map[nodeKey]int{}, groups: map[string]quietGroup{}}
}

// Next is the hour to be taken in next; zero before the first.
func (h *Hearing) Next() time.Time {
	if h.next == 0 {
		return time.Time{}
	}
	return time.Unix(h.next*60, 0).UTC()
}

// Take takes in all hours up to until, which is a whole one. rows are what was
// heard in them, by hour; those of hours taken in before are passed over.
func (h *Hearing) Take(rows []inventory.Heard, until time.Time) { h.take(rows, until.Unix()/60) }

func (h *Hearing) take(rows []inventory.Heard, until int64) {
	if h.next == 0 {
		if len(rows) == 0 {
			return
		}
		h.next = rows[0].Hour.Unix() / 60
	}
	for ; h.next < until; h.next += 60 {
		var now []inventory.Heard
		for len(rows) > 0 && rows[0].Hour.Unix()/60 <= h.next {
			if rows[0].Hour.Unix()/60 == h.next {
				now = append(now, rows[0])
			}
			rows = rows[1:]
		}
		h.hour(now, int(min(60, until-h.next)))
	}
}

// silencesAt returns every silence up to the minute now, by rows of what was
// heard in hours not taken in yet. It changes nothing.
func (h *Hearing) silencesAt(rows []inventory.Heard, now time.Time) []quiet {
	ahead := *h
	ahead.nodes, ahead.index = slices.Clone(h.nodes), maps.Clone(h.index)
	ahead.silences, ahead.groups = slices.Clone(h.silences), maps.Clone(h.groups)
	for i := range ahead.nodes {
		ahead.nodes[i].kids = slices.Clip(ahead.nodes[i].kids)
	}
	ahead.take(rows, now.Unix()/60)
	return ahead.silences
}

// forget drops silences that ended before t: they have been written.
func (h *Hearing) forget(t time.Time) {
	kept := h.silences[:0]
	at := make([]int, len(h.silences)+1)
	for i := range h.silences {
		if q := h.silences[i]; q.ended == 0 || q.ended*60 >= t.Unix() {
			kept = append(kept, q)
			at[i+1] = len(kept)
		}
	}
	h.silences = kept
	for i := range h.nodes {
		h.nodes[i].silent = at[h.nodes[i].silent]
	}
}

// nodeOf returns a source, which is added where it was not known.
func (h *Hearing) nodeOf(shown nodeKey) int {
	k := shown
	k.location, k.register = inventory.Unpad(k.location), inventory.Unpad(k.register)
	if i, ok := h.index[k]; ok {
		return i
	}
	n := node{nodeKey: k, shown: shown, parent: -1, rated: -1, offAt: -1}
	place := inventory.Undeclared(shown.location)
	if k.location != "" {
		place = h.rules.Location(shown.location)
		for _, e := range place.Expect {
			if e.System == k.system && inventory.Unpad(e.Register) == k.register {
				n.rated = e.PerHour / 60
			}
		}
	}
	n.place = &place
	up := shown
	switch k.level {
	case oneRegister:
		up.level, up.register = oneStore, ""
	case oneStore:
		up.level, up.location = wholeRegion, ""
	case wholeRegion:
		up.level, up.region = wholeSystem, ""
	case wholeSystem, everything:
		up = nodeKey{}
	}
	if k.level != everything {
		n.parent = h.nodeOf(up)
	}
	i := len(h.nodes)
	h.nodes = append(h.nodes, n)
	h.index[k] = i
	if n.parent >= 0 {
		h.nodes[n.parent].kids = append(h.nodes[n.parent].kids, i)
	}
	at, _ := slices.BinarySearchFunc(h.order, k, func(i int, k nodeKey) int { return h.nodes[i].compare(k) })
	h.order = slices.Insert(slices.Clone(h.order), at, i)
	return i
}

// sourceOf is the deepest source of what was heard.
func (h *Hearing) sourceOf(r *inventory.Heard) nodeKey {
	k := nodeKey{wholeSystem, r.System, "", r.Location, r.Register}
	switch {
	case r.Location == "":
		k.register = ""
	case r.Register == "":
		k.level = oneStore
	default:
		k.level = oneRegister
	}
	if r.Location != "" {
		k.region = h.rules.Location(r.Location).Region
	}
	return k
}

// hour takes in the next hour, or the first so many minutes of it.
func (h *Hearing) hour(rows []inventory.Heard, minutes int) {
	for i := range h.nodes {
		h.nodes[i].minutes, h.nodes[i].offAt = 0, -1
	}
	for i := range rows {
		at := h.nodeOf(h.sourceOf(&rows[i]))
		if rows[i].SignedOff {
			h.nodes[at].offAt = bits.Len64(rows[i].Minutes) - 1
		}
		for ; at >= 0; at = h.nodes[at].parent {
			h.nodes[at].minutes |= rows[i].Minutes
		}
	}
	h.expect()
	active := make([]int, 0, len(h.order))
	for _, i := range h.order {
		if n := &h.nodes[i]; n.minutes != 0 || n.rate > 0 || n.silent > 0 {
			active = append(active, i)
		}
	}
	for m := range minutes {
		for _, i := range active {
			h.minute(i, m)
		}
	}
	if minutes == 60 {
		h.learn()
	}
}

// local returns the week and its hour of the hour that is taken in, by a place's
// clock: weeks begin on Monday, and 1970 did on a Thursday.
func (h *Hearing) local(n *node) (week int64, hour int) {
	at := time.Unix(h.next*60, 0)
	zone := n.place.Zone
	if zone == nil {
		zone = time.UTC
	}
	_, offset := at.In(zone).Zone()
	hours := (at.Unix()+int64(offset))/3600 + 3*24
	return hours / weekHours, int(hours % weekHours)
}

// expect works out what each source is expected to say in the hour.
func (h *Hearing) expect() {
	const all = 1<<60 - 1
	quarters := [4]uint64{1<<15 - 1, (1<<15 - 1) << 15, (1<<15 - 1) << 30, (1<<15 - 1) << 45}
	openOf := map[string]uint64{}
	stores, closed := 0, 0
	central := func(n *node) bool { return n.level == wholeSystem && len(n.kids) == 0 }
	for i := range h.nodes {
		n := &h.nodes[i]
		n.rate, n.judged = 0, false
		n.open = all
		week, slot := h.local(n)
		if n.first == 0 {
			if n.minutes == 0 {
				continue
			}
			n.habit = newHabit(week)
		}
		if n.last > 0 && h.next-n.last > quietForgotten {
			h.giveUp(n)
			if n.minutes == 0 {
				continue
			}
			n.habit = newHabit(week)
		}
		first := week
		if n.first > 0 {
			_, offset := time.Unix(n.first*60, 0).In(cmp.Or(n.place.Zone, time.UTC)).Zone()
			first = ((n.first*60+int64(offset))/3600 + 3*24) / weekHours
		}
		n.habit.enter(week, first)
		if n.level < oneStore && !central(n) {
			continue
		}
		if n.level >= oneStore && (!n.place.AlwaysOpen() || len(n.place.Closed) > 0) {
			mask, known := openOf[n.location]
			if !known {
				for q := range quarters {
					if n.place.IsOpen(time.Unix((h.next+int64(15*q))*60, 0)) {
						mask |= quarters[q]
					}
				}
				openOf[n.location] = mask
			}
			n.open = mask
		}
		usual := surprises[n.habit.usual[slot]]
		if n.rated >= 0 {
			usual = n.rated
		}
		if n.level == oneStore && usual > 0 {
			stores++
			if n.open == 0 {
				closed++
			}
		}
		if n.open != 0 {
			n.rate = usual
		}
	}
	// What the centre hears of, it hears of stores: while most of those usually heard
	// are closed nothing is expected of it.
	holiday := closed > 0 && 2*closed >= stores
	for i := len(h.order) - 1; i >= 0; i-- { // from below
		n := &h.nodes[h.order[i]]
		if holiday && central(n) {
			n.rate, n.open = 0, 0
		}
		if len(n.kids) > 0 && n.level < oneStore {
			declared := true
			for _, kid := range n.kids {
				if k := &h.nodes[kid]; k.rate > 0 {
					n.rate += k.rate
					declared = declared && k.judged && k.limit == improbable && k.rated >= 0
				}
			}
			if n.rated = -1; declared && n.rate > 0 {
				n.rated = n.rate
			}
		}
		if n.rate > 0 {
			n.habit.rated = true
			if n.limit, n.judged = n.habit.limit(); n.rated >= 0 {
				n.limit, n.judged = improbable, true
			}
		}
	}
}

// giveUp forgets a source that has said nothing for weeks.
func (h *Hearing) giveUp(n *node) {
	if n.silent > 0 {
		q := &h.silences[n.silent-1]
		q.ended, q.forgotten = h.next, true
		n.silent = 0
	}
	n.first, n.last, n.since, n.chance, n.pause, n.beside, n.off = 0, 0, 0, 0, 0, 0, false
}

// minute takes in one minute of one source. Those above it come before it.
func (h *Hearing) minute(i, m int) {
	n, t := &h.nodes[i], h.next+int64(m)
	if n.minutes>>m&1 == 1 {
		if n.first == 0 {
			n.first = t
		}
		if n.habit.rated {
			n.habit.pause = max(n.habit.pause, float32(n.pause))
		}
		if n.silent > 0 {
			h.silences[n.silent-1].ended = t
			n.silent = 0
			h.anew(n.kids, t)
		}
		n.last, n.since, n.chance, n.pause, n.beside = t, t, 0, 0, 0
		n.off = n.offAt == m
		return
	}
	if n.first == 0 || n.off || n.rate == 0 || n.open>>m&1 == 0 {
		return
	}
	n.pause += n.rate
	for p := n.parent; p >= 0; p = h.nodes[p].parent {
		if h.nodes[p].silent > 0 {
			return // told above
		}
	}
	n.chance += n.rate
	above := n.parent < 0 || h.nodes[n.parent].minutes>>m&1 == 1
	if above {
		n.beside++
	}
	if n.silent > 0 || !above || !n.judged || n.chance < n.limit || t-n.since < quietFloor || n.beside < quietBeside {
		return
	}
	h.fallSilent(i, t+1)
}

// anew has sources count from t: until then those above them were silent.
func (h *Hearing) anew(nodes []int, t int64) {
	for _, i := range nodes {
		n := &h.nodes[i]
		if n.silent == 0 {
			n.since, n.chance, n.beside = max(n.since, t), 0, 0
		}
		h.anew(n.kids, t)
	}
}

// fallSilent opens the silence of a source. Where only one below it is expected
// to speak, it is that one's.
func (h *Hearing) fallSilent(i int, opened int64) {
	n := &h.nodes[i]
	of := n
	for of.level < oneStore {
		var only *node
		several := false
		for _, kid := range of.kids {
			if k := &h.nodes[kid]; k.rate > 0 {
				only, several = k, only != nil
			}
			if several {
				break
			}
		}
		if only == nil || several {
			break
		}
		of = only
	}
	q := quiet{of: of.shown, last: n.last, opened: opened, declared: of.rated >= 0 && (of.level >= oneStore || len(of.kids) == 0)}
	if of.level >= oneStore || len(of.kids) == 0 {
		_, slot := h.local(of)
		if q.usual = float64(of.habit.usual[slot]); q.declared {
			q.usual = of.rated * 60
		}
	}
	q.group = h.groupOf(&q)
	h.silences = append(h.silences, q)
	n.silent = len(h.silences)
}

// groupOf finds the group of a silence: with others of its kind that opened
// shortly before, or with that of the middleware that carries what stores say.
func (h *Hearing) groupOf(q *quiet) quietGroup {
	scope := "systems"
	switch q.of.level {
	case wholeRegion, oneStore:
		scope = "stores " + q.of.system + "/" + q.of.region
	case oneRegister:
		scope = "registers " + q.of.system + "/" + inventory.Unpad(q.of.location)
	case wholeSystem, everything: // systems
	}
	if at, ok := h.index[nodeKey{level: wholeSystem, system: "middleware"}]; ok && slices.Contains(inventory.SitedSystems, q.of.system) {
		if mw := h.nodes[at].silent; mw > 0 && h.silences[mw-1].last <= q.last+quietTogether {
			return h.silences[mw-1].group
		}
	}
	g, ok := h.groups[scope]
	if !ok || q.opened-g.opened > quietTogether {
		g = quietGroup{key: inventory.GroupKey{
			Kind: inventory.SourceSilent, Cause: q.cause(), System: q.of.system,
			Detail: q.of.String() + " " + stampOf(time.Unix(q.opened*60, 0)),
		}}
	}
	g.opened = q.opened
	h.groups[scope] = g
	return g
}

// learn adds the hour to every habit.
func (h *Hearing) learn() {
	for i := range h.nodes {
		n := &h.nodes[i]
		if n.first == 0 || n.first >= h.next && n.minutes == 0 || n.open == 0 {
			continue
		}
		week, slot := h.local(n)
		n.habit.weeks[week%habitRing][slot] = uint8(bits.OnesCount64(n.minutes))
	}
}
