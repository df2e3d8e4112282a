package lifecycle

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// ledger is what a page shows of the balances: the lines of the one that posts.
type ledger struct {
	lines    []inventory.LineState
	document string // the first document that posted, as sent
}

// counts reports whether a line counts towards a net quantity: a delta of owned
// stock that was not voided. A void that names the line it reverses is a line of
// its own and nets with it (domain rule 7).
func counts(l *inventory.Line) bool {
	return l.MovesStock() && (!l.Void || l.ParentLine != "") && l.Measure != "absolute"
}

// unitClass folds units that mean "one piece"; everything else stands for
// itself. Source: UN/ECE Rec 20 (EA, C62, H87; KGM, LTR, MTR), EDIFACT PCE, X12 PC,
// SAP ST, KG, L and M.
func unitClass(uom string) string {
	switch u := strings.ToUpper(uom); u {
	case "", "EA", "C62", "H87", "PCE", "PC", "NAR", "ST":
		return "EA"
	case "KG":
		return "KGM"
	case "G":
		return "GRM"
	case "L":
		return "LTR"
	case "ML":
		return "MLT"
	case "M":
		return "MTR"
	case "CM":
		return "CMT"
	case "MM":
		return "MMT"
	default:
		if len(u) == 3 && u[0] == 'X' {
			return u[1:] // UN/ECE Rec 20 writes the packages of Rec 21 with an X before them
		}
		return u
	}
}

// dozens are the units that hold a fixed number of pieces, whatever they hold.
// Source: UN/ECE Rec 20.
var dozens = map[string]int64{"DZN": 12, "DZ": 12, "GRO": 144, "CEN": 100, "MIL": 1000, "PR": 2}

// metric are the units that are a decimal part of one that is weighed or measured.
// Source: UN/ECE Rec 20.
var metric = map[string]struct {
	of    string
	holds inventory.Decimal
}{
	"GRM": {"KGM", inventory.Milli(1)}, "DKG": {"KGM", inventory.Milli(10)}, "TNE": {"KGM", inventory.DecimalOf(1000)},
	"MLT": {"LTR", inventory.Milli(1)}, "CLT": {"LTR", inventory.Milli(10)}, "DLT": {"LTR", inventory.Milli(100)}, "HLT": {"LTR", inventory.DecimalOf(100)},
	"MMT": {"MTR", inventory.Milli(1)}, "CMT": {"MTR", inventory.Milli(10)}, "DMT": {"MTR", inventory.Milli(100)},
}

// weighed reports whether a unit is measured rather than counted.
func weighed(unit string) bool { return unit == "KGM" || unit == "LTR" || unit == "MTR" }

// posting is one thing the ledger says it booked: a document with its content.
// The same said twice is one posting.
type posting struct {
	sign  int
	entry *entry
}

// postings returns what a step booked, reversals with their sign. Two records
// of one document with equal content are one posting; without a document, equal
// content over another transport corroborates.
func postings(s *standing) []posting {
	type said struct {
		document string
		digest   inventory.Hash
		reversed bool
	}
	var order []said
	first := map[said]*entry{}
	byTransport := map[said]map[string]int{}
	for _, e := range s.heard {
		if !succeeded(e.outcome) && e.outcome != inventory.Reversed {
			continue
		}
		id := said{documentOf(&e.Event), e.business(), e.outcome == inventory.Reversed}
		if first[id] == nil {
			first[id] = e
			order = append(order, id)
			byTransport[id] = map[string]int{}
		}
		byTransport[id][e.Transport]++
	}
	var all []posting
	for _, id := range order {
		n := 1
		if id.document == "" {
			for _, count := range byTransport[id] {
				n = max(n, count)
			}
		}
		sign := 1
		if id.reversed {
			sign = -1
		}
		for range n {
			all = append(all, posting{sign, first[id]})
		}
	}
	return all
}

// parts are what a step says of one thing, each content once: a delivery shipped
// in two lots is two parts, and the same lot told twice is one.
func parts(s *standing) []posting {
	all := postings(s)
	var once []posting
	for _, p := range all {
		if !slices.ContainsFunc(once, func(o posting) bool { return o.sign == p.sign && o.entry.business() == p.entry.business() }) {
			once = append(once, p)
		}
	}
	return once
}

// documentOf is the number a ledger gave a posting.
func documentOf(e *inventory.Event) string {
	if d := e.KeyValue(inventory.KeyERPDocument); d != "" {
		return d
	}
	return e.KeyValue(inventory.KeyIDoc)
}

// slot is where quantities are compared: one item, at one location, in one
// status and unit.
type slot struct{ item, location, status, unit string }

// comparison is a line of a balance, with what telling its kind of difference
// takes.
type comparison struct {
	inventory.LineState
	class  string // under which the item's names were joined
	lines  int    // how many owe it
	owed   bool   // something was owed in this place, status and unit
	booked bool   // something was booked there
}

// judgeBalances compares what was said to move with what was booked for it, for
// each balance of the workflow.
func (a *assessment) judgeBalances(entries []entry, newest time.Time, evidence *Evidence) {
	if a.control || a.reversal {
		return
	}
	var names itemNames
	for i := range entries {
		names.learn(&entries[i].Event)
	}
	for i := range a.workflow.Balances {
		a.judgeBalance(&a.workflow.Balances[i], &names, newest, evidence)
	}
	a.judgePrices(&names)
	a.judgeOverwrites(&names)
}

func (a *assessment) judgeBalance(b *inventory.Balance, names *itemNames, newest time.Time, evidence *Evidence) {
	owed, _ := a.movements(b.Owed, b.By)
	booked, step := a.movements(b.By, b.Owed)
	closed := !b.Closed.IsZero() && a.steps[a.workflow.IndexOf(b.Closed)].ok != nil
	if len(booked) == 0 && !closed {
		return
	}
	posts := a.workflow.Steps[step].Posts
	if posts && a.steps[step].ok != nil {
		a.ledger.document = documentOf(&a.steps[step].ok.Event)
	}
	if len(owed) == 0 {
		if b.Unexpected == "" || len(booked) == 0 {
			return
		}
	} else if a.anchor == nil && a.told(a.workflow.IndexOf(a.workflow.Anchor)) == nil {
		return
	}
	if b.Variance {
		booked = a.unsettled(booked, names)
	}
	lines, ok := a.compare(b, owed, booked, names)
	if !ok {
		return
	}
	if posts || len(a.ledger.lines) == 0 {
		a.ledger.lines = states(lines)
	}
	found := diagnose(b, lines, a.rules, partly(booked))
	if len(found) == 0 {
		return
	}
	var about []string
	for _, m := range slices.Concat(owed, booked) {
		if !slices.Contains(about, m.entry.ID) {
			about = append(about, m.entry.ID)
		}
	}
	s := &a.steps[step]
	name, lead := a.workflow.Steps[step].String(), owed
	if len(lead) == 0 {
		lead = booked
	}
	since := lead[0].entry.Event.Time
	if s.ok != nil {
		since = s.ok.Event.Time
	}
	for _, d := range found {
		c := condition{
			id: findingID(d.kind, name, a.subject(lead[0].entry)), kind: d.kind, step: step, since: since, cause: d.cause,
			about: about, lines: d.lines, did: lowerFirst(a.workflow.StepOf(b.Owed[0]).Title),
		}
		// The rest, or a correction, may come in a document of its own until the
		// step is due; what was booked twice is wrong at once.
		c.opens = newest.Add(a.workflow.Settle)
		if d.kind != b.Twice && !closed {
			a.pending = a.pending || d.short
			if d.short && !b.Closed.IsZero() {
				continue // more may come until it is closed
			}
			if !s.due.IsZero() {
				opens, ok := a.from(step, a.dueOf(step, owed), newest, evidence)
				if !ok {
					a.pending = true
					continue
				}
				c.opens = opens
			}
		}
		a.raise(c)
	}
}

// dueOf is when a step that books several parts has to have booked all of them:
// its deadline after the last part, where it runs on no store's or run's clock.
func (a *assessment) dueOf(step int, owed []posting) time.Time {
	due, s := a.steps[step].due, &a.workflow.Steps[step]
	d, ok := s.DeadlineFor(a.location.Posting)
	if !ok || s.Clock != inventory.Continuous {
		return due
	}
	for _, p := range owed {
		if !ahead(p.entry) {
			due = later2(due, p.entry.Event.Time.Add(d))
		}
	}
	return due
}

// movements are the postings of several steps, and the last of the steps that
// has any. The anchor counts once, however often it was said; what is no till's may
// be said in parts, each of which counts once. What nobody tells of himself is what
// the step says by which it is known, unless that is on the other side.
func (a *assessment) movements(steps, other []inventory.StepRef) (all []posting, last int) {
	last = a.workflow.IndexOf(steps[len(steps)-1])
	for _, ref := range steps {
		i := a.workflow.IndexOf(ref)
		s := &a.steps[i]
		var said []posting
		switch {
		case ref == a.workflow.Anchor && ref.System != "pos":
			said = a.standing(parts(s))
		case ref == a.workflow.Anchor:
			if a.anchor != nil {
				said = append(said, posting{1, a.anchor})
			}
			if s.reversed != nil {
				said = append(said, posting{-1, s.reversed})
			}
		default:
			said = postings(s)
		}
		if by := a.workflow.Steps[i].ToldBy; len(s.heard) == 0 && !by.IsZero() && !slices.Contains(other, by) {
			said = postings(&a.steps[a.workflow.IndexOf(by)])
		}
		if ref.System == inventory.AnySystem {
			said = firsthand(said)
		}
		if len(said) > 0 {
			last = i
		}
		all = append(all, said...)
	}
	return all, last
}

// partly reports whether one of the bookings says itself that it is not all.
func partly(booked []posting) bool {
	return slices.ContainsFunc(booked, func(p posting) bool { return p.entry.outcome == inventory.Partial })
}

// difference is what is wrong with some lines of a balance.
type difference struct {
	kind  inventory.Kind
	cause inventory.Cause
	lines []inventory.LineState
	short bool // less was booked than is owed: the rest may come
}

// diagnose says what kind of difference each line that does not come out even
// is, one difference a kind, in the order of the first line that has it. What
// was booked twice leaves nothing else to be said.
func diagnose(b *inventory.Balance, lines []comparison, rules *Rules, partly bool) []difference {
	var found []difference
	add := func(kind inventory.Kind, cause inventory.Cause, short bool, lines ...comparison) {
		if kind == "" {
			return
		}
		for i := range found {
			if found[i].kind == kind {
				found[i].lines = append(found[i].lines, states(lines)...)
				found[i].short = found[i].short || short
				return
			}
		}
		found = append(found, difference{kind, cause, states(lines), short})
	}
	matched := make([]bool, len(lines))
	for i := range lines {
		l := &lines[i]
		diff := l.Posted.Sub(l.Owed)
		if !l.Comparable || matched[i] || within(l, diff) {
			continue
		}
		// Booked all the same, at another place or in another status.
		if j, kind := misplaced(lines, i, matched); j >= 0 {
			matched[i], matched[j] = true, true
			add(kind, inventory.CauseMappingDefect, false, *l, lines[j])
			continue
		}
		over := l.Owed.IsZero() || diff.Sign() == l.Owed.Sign()
		switch {
		case !l.owed && b.Unexpected != "":
			add(b.Unexpected, inventory.CauseUnknown, false, *l)
		case !l.Owed.IsZero() && l.Postings <= 1 && l.Posted == l.Owed.Neg():
			add(inventory.WrongSign, inventory.CauseMappingDefect, false, *l)
		case !l.Owed.IsZero() && rules.misconverted(&l.LineState):
			add(inventory.UOMMismatch, inventory.CauseMappingDefect, !over, *l)
		case over && l.Postings > 1 && b.Twice != "":
			add(b.Twice, inventory.CauseDuplicateSubmission, false, *l)
		case over:
			add(b.Over, inventory.CauseUnknown, false, *l)
		case partly:
			add(inventory.PartialPost, inventory.CauseUnknown, true, *l)
		default:
			add(b.Short, inventory.CauseUnknown, true, *l)
		}
	}
	if i := slices.IndexFunc(found, func(d difference) bool { return b.Twice != "" && d.kind == b.Twice }); i >= 0 {
		return found[i : i+1]
	}
	return found
}

// within reports whether a difference is within tolerance: none for what is
// counted, a thousandth for each line of what is measured (domain rule 15).
func within(l *comparison, diff inventory.Decimal) bool {
	tolerance := inventory.Decimal{}
	if weighed(l.UOM) {
		tolerance = inventory.Milli(int64(max(1, l.lines)))
	}
	return diff.Abs().Cmp(tolerance) <= 0
}

// misplaced returns another line of the same item and unit that differs by just
// as much in the other direction, and in what it differs.
func misplaced(lines []comparison, i int, matched []bool) (int, inventory.Kind) {
	a := &lines[i]
	for j := range lines {
		b := &lines[j]
		if j == i || matched[j] || !b.Comparable || a.class != b.class || a.UOM != b.UOM {
			continue
		}
		diff := b.Posted.Sub(b.Owed)
		if diff.IsZero() || diff != a.Posted.Sub(a.Owed).Neg() {
			continue
		}
		if a.Status == b.Status {
			return j, inventory.LocationMismatch
		}
		if inventory.Unpad(a.Location) == inventory.Unpad(b.Location) {
			return j, inventory.StatusMismatch
		}
	}
	return -1, ""
}

// compare nets both sides of a balance by item, through the names hops gave
// items. ok is false where an event names no lines: what it moved is not known,
// and nothing can be said.
func (a *assessment) compare(b *inventory.Balance, owed, booked []posting, names *itemNames) (_ []comparison, ok bool) {
	for _, p := range slices.Concat(owed, booked) {
		if len(p.entry.Event.Lines) == 0 {
			return nil, false
		}
	}
	// One transaction happens in one place, so places are compared where both
	// sides name them in one scheme.
	home := &slices.Concat(owed, booked)[0].entry.Event
	sums := map[slot]*comparison{}
	at := func(e *inventory.Event, l *inventory.Line) *comparison {
		unit, _ := a.rules.measure(l)
		k := slot{item: names.class(l), location: lineLocation(home, e), status: cmp.Or(l.Status, "sellable"), unit: unit}
		if b.AnyPlace {
			k.location = ""
		}
		if b.AnyStatus {
			k.status = ""
		}
		s := sums[k]
		if s == nil {
			s = &comparison{LineState: inventory.LineState{Item: l.Item, Location: e.Location, Status: k.status, UOM: k.unit}, class: k.item}
			sums[k] = s
		}
		return s
	}
	for _, p := range owed {
		e := &p.entry.Event
		parents := parentLines(e)
		for i := range e.Lines {
			l := &e.Lines[i]
			if b.Variance {
				found, ok := variance(l)
				if !ok {
					continue
				}
				l = &found
			}
			if !counts(l) || parents[l.Line] || !a.concerns(b, e, l) {
				continue
			}
			s := at(e, l)
			s.owed = true
			s.Item, s.Location = l.Item, e.Location
			s.Owed = s.Owed.Add(a.quantity(l, p.sign))
			s.lines++
		}
	}
	for _, p := range booked {
		e := &p.entry.Event
		touched := map[*comparison]bool{}
		parents := parentLines(e)
		for i := range e.Lines {
			l := &e.Lines[i]
			if !counts(l) || parents[l.Line] {
				continue
			}
			s := at(e, l)
			sign := p.sign
			if b.Opposite {
				sign = -sign
			}
			s.Posted = s.Posted.Add(a.quantity(l, sign))
			s.booked = true
			if !touched[s] {
				touched[s] = true
				s.Postings += p.sign
			}
			if l.Item != s.Item && !slices.Contains(s.ItemAt, inventory.Key{Name: l.ItemScheme, Value: l.Item}) {
				s.ItemAt = append(s.ItemAt, inventory.Key{Name: l.ItemScheme, Value: l.Item})
			}
		}
	}
	// An item booked of which nothing was said may be one that was, under a name
	// nobody translated: then neither side can be judged (domain rule 14). The
	// same item in another place, status or unit is no stranger.
	classes := map[string]bool{}
	units := map[[2]string]bool{}
	for k, s := range sums {
		if s.owed {
			classes[k.item] = true
			units[[2]string{k.item, k.unit}] = true
		}
	}
	strangers, otherUnit := false, map[string]bool{}
	for k, s := range sums {
		if s.booked && !s.owed {
			strangers = strangers || !classes[k.item] && len(owed) > 0
			if classes[k.item] && !units[[2]string{k.item, k.unit}] {
				otherUnit[k.item] = true // no factor: unconvertible, never 1
			}
		}
	}
	lines := make([]comparison, 0, len(sums))
	for k, s := range sums {
		switch {
		case otherUnit[k.item]:
		case s.owed:
			s.Comparable = s.booked || !strangers
		default:
			s.Comparable = classes[k.item] || len(owed) == 0
		}
		lines = append(lines, *s)
	}
	slices.SortFunc(lines, func(a, b comparison) int {
		return cmp.Or(strings.Compare(a.Item, b.Item), strings.Compare(a.Status, b.Status), strings.Compare(a.UOM, b.UOM),
			strings.Compare(a.Location, b.Location))
	})
	return lines, true
}

// quantity is what a line moves, in the unit it is compared in.
func (a *assessment) quantity(l *inventory.Line, sign int) inventory.Decimal {
	_, q := a.rules.measure(l)
	if sign < 0 {
		return q.Neg()
	}
	return q
}

// states returns what is shown of comparisons.
func states(lines []comparison) []inventory.LineState {
	all := make([]inventory.LineState, len(lines))
	for i := range lines {
		all[i] = lines[i].LineState
	}
	return all
}

// concerns reports whether a balance is about an owing line.
func (a *assessment) concerns(b *inventory.Balance, e *inventory.Event, l *inventory.Line) bool {
	if b.Lines == nil {
		return true
	}
	yes, err := b.Lines.Holds(inventory.Situation{Event: e, Anchor: a.anchorEvent(), Line: l, Location: a.location})
	return err == nil && yes
}

// parentLines are the lines of an event that others are components of: a set
// and what it is made of are one movement, and its components are what moves
// (domain rule 12).
func parentLines(e *inventory.Event) map[string]bool {
	var parents map[string]bool
	for i := range e.Lines {
		if of := e.Lines[i].ComponentOf; of != "" {
			if parents == nil {
				parents = map[string]bool{}
			}
			parents[of] = true
		}
	}
	return parents
}

// lineLocation is the location quantities are compared at. A plant and a store
// are compared as one where their schemes differ: one sale happens in one place,
// and nobody translated the names.
func lineLocation(sale, e *inventory.Event) string {
	if e.LocationScheme != sale.LocationScheme {
		return inventory.Unpad(sale.Location)
	}
	return inventory.Unpad(e.Location)
}

// itemNames joins the names one item has in several systems, as the records of
// one lifecycle report them: item_ids on lines, and mappings.
type itemNames struct{ parent map[string]string }

func (n *itemNames) find(name string) string {
	for {
		p, ok := n.parent[name]
		if !ok {
			return name
		}
		name = p
	}
}

func (n *itemNames) join(a, b string) {
	if n.parent == nil {
		n.parent = map[string]string{}
	}
	x, y := n.find(a), n.find(b)
	switch {
	case x < y:
		n.parent[y] = x
	case y < x:
		n.parent[x] = y
	}
}

func (n *itemNames) learn(e *inventory.Event) {
	for i := range e.Lines {
		for _, id := range e.Lines[i].ItemIDs {
			n.join(itemName(e.Lines[i].Item), itemName(id.Value))
		}
	}
	for _, m := range e.Mappings {
		if strings.HasSuffix(m.Field, "item") && m.From != "" && m.To != "" {
			n.join(itemName(m.From), itemName(m.To))
		}
	}
}

func (n *itemNames) class(l *inventory.Line) string { return n.find(itemName(l.Item)) }

// itemName removes paddings, so that a GTIN-13 and its GTIN-14 are one name
// (zero padding only; an indicator digit is another trade item).
func itemName(item string) string { return inventory.Unpad(item) }
