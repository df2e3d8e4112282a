package lifecycle

import (
	"cmp"
	"slices"
	"strings"

	"github.com/stocktrace/stocktrace/inventory"
)

// dayLedger is what a store's day comes to, taken in word by word: what its
// receipts sold by item, status and unit, and what was posted.
type dayLedger struct {
	rules    *Rules
	names    itemNames
	sums     map[slot]*comparison
	receipts map[string]*dayReceipt
	voids    map[string]*dayVoid // by the void's own receipt
	sold     int                 // receipts that count
	postings []*dayPosting
	told     map[dayBooking]*dayTold
	early    []*dayWord // reversals of what has not been heard of
	place    string     // where the day is, by its first word
	statuses bool       // some posting says in what status its goods are
	words    int
}

// dayReceipt is one receipt, however often it is told: its earliest sale, and
// its earliest reversal.
type dayReceipt struct {
	sale, back *dayWord
	withdrawn  map[string]bool // by which voids
}

// dayVoid is a void that withdraws receipts.
type dayVoid struct {
	receipts []string
	undone   bool
}

// dayPosting is one thing the ledger says it booked for the day.
type dayPosting struct {
	*dayWord
	back bool // it was reversed
}

// dayBooking names what the ledger says: by its document, by which part of what
// slice it is, and by its goods.
type dayBooking struct {
	sign            int
	document, slice string
	part            int
	goods           uint64
	content         inventory.Hash // where it names no goods
}

// dayTold is how often a booking was told, and how many it was taken to be.
type dayTold struct {
	by     map[string]int // by transport
	booked int
}

// dayBalance is sold against posted as it stands after some arrivals.
type dayBalance struct {
	short, over []comparison
	mixed       []comparison // in units that nobody can convert
	posted      []*dayWord   // by arrival, without what was reversed
	receipts    int
	owes        bool // something net was sold
	apart       bool // posted items and sold ones go by names nobody joined
	whole       bool // every part of what the postings say they are is here
	twice       bool // two documents with the same content
	blind       bool // a posting that names no lines
	named       bool // every receipt is named by a posting
	of          int  // how many words it is of
	ledger      *dayLedger
}

func newDayLedger(rules *Rules) *dayLedger {
	return &dayLedger{
		rules: rules, sums: map[slot]*comparison{}, receipts: map[string]*dayReceipt{}, voids: map[string]*dayVoid{}, told: map[dayBooking]*dayTold{},
	}
}

// take takes in one word.
func (d *dayLedger) take(w *dayWord) {
	d.words++
	d.place = cmp.Or(d.place, w.place)
	d.names.learn(&inventory.Event{Lines: w.lines})
	switch {
	case w.sign == 0 || w.control:
	case w.covers == nil && (len(w.voids) > 0 || w.sign < 0 && d.voids[w.scoped] != nil):
		d.withdraw(w)
	case w.covers != nil && d.again(w):
	case w.covers != nil && w.sign > 0:
		d.post(w)
	case w.covers != nil:
		d.reverse(w)
	default:
		d.change(w.scoped, func(r *dayReceipt) {
			which := &r.sale
			if w.sign < 0 {
				which = &r.back
			}
			if *which == nil || w.sooner(*which) {
				*which = w
			}
		})
	}
}

// withdraw takes receipts back by a void that owes nothing itself, unless that
// was taken back, before or after it was heard of.
func (d *dayLedger) withdraw(w *dayWord) {
	v := d.voids[w.scoped]
	if v == nil {
		v = &dayVoid{}
		d.voids[w.scoped] = v
	}
	r := d.receipts[w.scoped]
	v.receipts = append(v.receipts, w.voids...)
	v.undone = v.undone || w.sign < 0 || r != nil && r.back != nil
	for _, receipt := range v.receipts {
		d.change(receipt, func(r *dayReceipt) {
			if v.undone {
				delete(r.withdrawn, w.scoped)
				return
			}
			if r.withdrawn == nil {
				r.withdrawn = map[string]bool{}
			}
			r.withdrawn[w.scoped] = true
		})
	}
}

// sooner orders words by when they happened, then by identity.
func (w *dayWord) sooner(than *dayWord) bool {
	return cmp.Or(w.occurred.Compare(than.occurred), strings.Compare(w.id, than.id), slices.Compare(w.content[:], than.content[:])) < 0
}

// change changes a receipt, and what the day owes with it.
func (d *dayLedger) change(scoped string, how func(*dayReceipt)) {
	r := d.receipts[scoped]
	if r == nil {
		r = &dayReceipt{}
		d.receipts[scoped] = r
	}
	d.owe(r, -1)
	how(r)
	d.owe(r, 1)
}

// owe adds what a receipt owes, or takes it away. One that was withdrawn owes
// nothing of what it names.
func (d *dayLedger) owe(r *dayReceipt, sign int) {
	if r.sale == nil && r.back == nil {
		return
	}
	add := func(w *dayWord, times int) {
		for i := range w.lines {
			s, q := d.at(&w.lines[i])
			s.lines += sign
			if times != 0 {
				s.Owed = s.Owed.Add(signed(q, times))
			}
		}
	}
	if len(r.withdrawn) > 0 {
		if r.sale != nil {
			add(r.sale, 0)
		}
		return
	}
	if r.sale != nil {
		d.sold += sign
		add(r.sale, sign)
	}
	switch {
	case r.back != nil && r.back.named:
		add(r.back, -sign)
	case r.back != nil && r.sale != nil:
		add(r.sale, -sign) // a reversal that names no lines is of all of them
	}
}

// at returns where a line is summed up, and how much it is there.
func (d *dayLedger) at(l *inventory.Line) (*comparison, inventory.Decimal) {
	unit, quantity := d.rules.measure(l)
	k := slot{item: itemName(l.Item), status: cmp.Or(l.Status, "sellable"), unit: unit}
	s := d.sums[k]
	if s == nil {
		s = &comparison{LineState: inventory.LineState{Item: l.Item, Status: k.status, UOM: unit}}
		d.sums[k] = s
	}
	return s, quantity
}

// again reports whether a booking was told before. Without a number, what
// another transport tells as well is the same, and what one tells twice is two,
// unless it says which part it is.
func (d *dayLedger) again(w *dayWord) bool {
	id := dayBooking{sign: w.sign, document: w.document, slice: w.covers.Slice, part: w.covers.Part, goods: w.goods}
	if w.goods == 0 {
		id.content = w.business
	}
	t := d.told[id]
	if t == nil {
		t = &dayTold{by: map[string]int{}}
		d.told[id] = t
	}
	t.by[w.transport]++
	if t.booked > 0 && (w.document != "" || w.covers.Part > 0 || t.by[w.transport] <= t.booked) {
		return true
	}
	t.booked++
	return false
}

// post books a posting.
func (d *dayLedger) post(w *dayWord) {
	p := &dayPosting{dayWord: w}
	d.postings = append(d.postings, p)
	d.book(w.lines, 1)
	for i, r := range d.early {
		if p.takenBack(r, false) {
			p.back = true
			if !r.named {
				d.book(w.lines, -1)
			}
			d.early = slices.Delete(d.early, i, i+1)
			return
		}
	}
}

// takenBack reports whether r reverses the posting: its document, or where it
// gives none the same goods or part. exactly: not a document of which it names
// only one part.
func (p *dayPosting) takenBack(r *dayWord, exactly bool) bool {
	other := p.covers.Part > 0 && r.covers.Part > 0 && (p.covers.Part != r.covers.Part || p.covers.Slice != r.covers.Slice)
	switch {
	case p.back || p.document != r.document:
		return false
	case r.named && p.goods == r.goods && !other:
		return true
	case r.document != "":
		return !exactly || !r.named
	default:
		return !r.named && r.covers.Part > 0 && p.covers.Part == r.covers.Part && p.covers.Slice == r.covers.Slice
	}
}

// reverse takes a posting back. It carries the lines of what it reverses; where
// it names none, all of that is taken back.
func (d *dayLedger) reverse(w *dayWord) {
	if w.named {
		d.book(w.lines, -1)
	}
	for _, exactly := range []bool{true, false} {
		found := false
		for _, p := range d.postings {
			if !p.takenBack(w, exactly) {
				continue
			}
			p.back, found = true, true
			if !w.named {
				d.book(p.lines, -1)
			}
			if exactly && w.named || w.document == "" {
				return // one of them
			}
		}
		if found {
			return
		}
	}
	d.early = append(d.early, w)
}

func (d *dayLedger) book(lines []inventory.Line, sign int) {
	for i := range lines {
		d.statuses = d.statuses || lines[i].Status != ""
		s, q := d.at(&lines[i])
		s.Posted = s.Posted.Add(signed(q, sign))
		s.Postings += sign
	}
}

// balance is sold against posted, of what was taken in.
func (d *dayLedger) balance() dayBalance {
	b := dayBalance{receipts: d.sold, of: d.words, ledger: d}
	d.postedOf(&b)
	// Items go by the names that have been joined by now.
	sums := map[slot]*comparison{}
	var all []*comparison
	for k, s := range d.sums {
		class := slot{item: d.names.find(k.item), status: k.status, unit: k.unit}
		if !d.statuses {
			class.status = "" // the ledger tells none apart
		}
		c := sums[class]
		if c == nil {
			c = &comparison{LineState: inventory.LineState{Item: s.Item, Status: k.status, UOM: k.unit}, class: class.item}
			sums[class] = c
			all = append(all, c)
		}
		if k.status == "sellable" || c.Status != "sellable" && k.status < c.Status {
			c.Status = k.status // of several that are one here
		}
		// The name it is sold by, else the least of them.
		if sold, was := s.lines > 0, c.owed; sold && !was || sold == was && s.Item < c.Item {
			c.Item = s.Item
		}
		c.Owed, c.Posted = c.Owed.Add(s.Owed), c.Posted.Add(s.Posted)
		c.lines += s.lines
		c.Postings += s.Postings
		c.owed = c.owed || s.lines > 0
		c.booked = c.booked || s.Postings > 0 || !s.Posted.IsZero()
	}
	type units struct{ owed, booked map[string]bool }
	by := map[string]*units{}
	for _, s := range all {
		b.owes = b.owes || !s.Owed.IsZero()
		u := by[s.class]
		if u == nil {
			u = &units{map[string]bool{}, map[string]bool{}}
			by[s.class] = u
		}
		if s.owed {
			u.owed[s.UOM] = u.owed[s.UOM] || !s.Owed.IsZero()
		}
		if s.booked {
			u.booked[s.UOM] = u.booked[s.UOM] || !s.Posted.IsZero()
		}
	}
	for _, s := range all {
		b.apart = b.apart || s.booked && len(by[s.class].owed) == 0
	}
	if b.blind {
		return b
	}
	for _, s := range all {
		u := by[s.class]
		diff := s.Posted.Sub(s.Owed)
		// An item under a name nobody joined may be any of those that are short.
		s.Comparable = len(u.owed) > 0 && (s.booked || !b.apart)
		s.Location = d.place
		switch {
		case !s.Comparable:
		case unconvertible(u.owed, u.booked):
			// Sold in pieces and posted in packs that nobody declared: no factor is never 1
			// (domain rule 15).
			s.Comparable = false
			if !s.Owed.IsZero() || !s.Posted.IsZero() {
				b.mixed = append(b.mixed, *s)
			}
		case within(s, diff):
		case s.Owed.IsZero() || diff.Sign() == s.Owed.Sign():
			b.over = append(b.over, *s)
		default:
			b.short = append(b.short, *s)
		}
	}
	for _, list := range [][]comparison{b.short, b.over, b.mixed} {
		slices.SortFunc(list, func(x, y comparison) int {
			return cmp.Or(strings.Compare(x.Item, y.Item), strings.Compare(x.Status, y.Status), strings.Compare(x.UOM, y.UOM))
		})
	}
	return b
}

// unconvertible reports whether an item moved on both sides, and not in the same
// units.
func unconvertible(owed, booked map[string]bool) bool {
	moved, differ := [2]bool{}, false
	for unit, some := range owed {
		moved[0] = moved[0] || some
		differ = differ || some && !booked[unit]
	}
	for unit, some := range booked {
		moved[1] = moved[1] || some
		differ = differ || some && !owed[unit]
	}
	return moved[0] && moved[1] && differ
}

// postedOf fills in what the postings that stand say of themselves.
func (d *dayLedger) postedOf(b *dayBalance) {
	sliced, parts, unnumbered := false, 0, 0
	here := map[int]bool{}
	contents := map[uint64][]*dayPosting{}
	for _, p := range d.postings {
		if p.back {
			continue
		}
		b.posted = append(b.posted, p.dayWord)
		b.blind = b.blind || !p.named
		c := p.covers
		sliced = sliced || c.Slice != ""
		switch parts = max(parts, c.Parts); {
		case c.Parts == 0:
		case c.Part == 0:
			unnumbered++
		default:
			here[c.Part] = true
		}
		if p.goods == 0 {
			continue
		}
		b.twice = b.twice || slices.ContainsFunc(contents[p.goods], func(o *dayPosting) bool {
			// Two slices or parts of a day may well hold the same.
			return o.covers.Slice == c.Slice && (o.covers.Part == c.Part || o.covers.Part == 0 || c.Part == 0)
		})
		if !b.twice {
			contents[p.goods] = append(contents[p.goods], p)
		}
	}
	for part := range here {
		if part > parts {
			unnumbered-- // not one of them
		}
	}
	// How many slices a day has nobody says: others may be on their way.
	b.whole = parts > 0 && !sliced && len(here)+unnumbered >= parts
	if b.blind {
		members := d.members()
		b.named = true
		for scoped, r := range d.receipts {
			b.named = b.named && (r.sale == nil || len(r.withdrawn) > 0 || members[scoped])
		}
	}
}

// members are the receipts that postings that stand name, by scoped key.
func (d *dayLedger) members() map[string]bool {
	members := map[string]bool{}
	for _, p := range d.postings {
		if p.back || p.covers.MemberKey != inventory.KeyReceipt {
			continue
		}
		for _, m := range p.covers.Members {
			if k, ok := (inventory.Key{Name: inventory.KeyReceipt, Value: m}).Scope(p.place, ""); ok {
				members[k.String()] = true
			}
		}
	}
	return members
}

// candidates are the receipts that hold an item that is short, and that no
// posting names, as printed.
func candidates(said []*dayWord, b *dayBalance) []string {
	if len(b.short) == 0 {
		return nil
	}
	classes := map[string]bool{}
	for i := range b.short {
		classes[b.short[i].class] = true
	}
	members := b.ledger.members()
	names := &b.ledger.names
	var all []string
	for _, w := range said {
		if w.covers != nil || w.receipt == "" || w.control || w.sign == 0 || members[w.scoped] {
			continue
		}
		if r := b.ledger.receipts[w.scoped]; r == nil || len(r.withdrawn) > 0 {
			continue
		}
		if slices.ContainsFunc(w.lines, func(l inventory.Line) bool { return classes[names.class(&l)] }) {
			all = append(all, w.receipt)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// sayMixed says of which items nobody knows how they compare.
func sayMixed(mixed []comparison) string {
	var items []string
	for i := range mixed {
		if !slices.Contains(items, mixed[i].Item) {
			items = append(items, mixed[i].Item)
		}
	}
	return "no factor is declared between the units of " + some(items, 5) + ": not comparable."
}

func signed(q inventory.Decimal, sign int) inventory.Decimal {
	if sign < 0 {
		return q.Neg()
	}
	return q
}
