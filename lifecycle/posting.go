package lifecycle

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// ledger compares what a sale owes with what was posted, item by item.
type ledger struct {
	lines    []inventory.LineState
	document string // the first document that posted, as sent
	checked  bool   // there were lines on both sides
}

// counts reports whether a line counts towards a net quantity: a delta of owned
// stock that was not voided. A void that names the line it reverses is a line of
// its own and nets with it (domain rule 7).
func counts(l *inventory.Line) bool {
	return l.MovesStock() && (!l.Void || l.ParentLine != "") && l.Measure != "absolute"
}

// unitClass folds units that mean "one piece"; everything else stands for
// itself. Source: UN/ECE Rec 20 (EA, C62, H87), EDIFACT PCE, X12 PC, SAP ST.
func unitClass(uom string) string {
	switch u := strings.ToUpper(uom); u {
	case "", "EA", "C62", "H87", "PCE", "PC", "NAR", "ST":
		return "EA"
	default:
		return u
	}
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

// judgePostings compares net quantities once something was posted.
func (a *assessment) judgePostings(entries []entry, newest time.Time, evidence *Evidence) {
	step := -1
	for i := range a.workflow.Steps {
		if a.workflow.Steps[i].Posts {
			step = i
		}
	}
	if step < 0 || a.steps[step].ok == nil {
		return
	}
	s := &a.steps[step]
	booked := postings(s)
	a.ledger.document = documentOf(&s.ok.Event)
	if a.anchor == nil || len(a.anchor.Event.Lines) == 0 || a.control {
		return
	}
	var names itemNames
	for i := range entries {
		names.learn(&entries[i].Event)
	}
	lines, ok := compareLines(&a.anchor.Event, booked, &names)
	if !ok {
		return
	}
	a.ledger.lines, a.ledger.checked = lines, true

	var twice, wrong []inventory.LineState
	short := false
	for _, l := range lines {
		if !l.Comparable {
			continue
		}
		diff := l.Posted.Sub(l.Owed)
		tolerance := inventory.Decimal{}
		if weighed(l.UOM) {
			tolerance = inventory.Milli(int64(max(1, len(a.anchor.Event.Lines))))
		}
		if diff.Abs().Cmp(tolerance) <= 0 {
			continue
		}
		exceeds := l.Owed.IsZero() || diff.Sign() == l.Owed.Sign()
		switch {
		case exceeds && l.Postings > 1:
			twice = append(twice, l)
		default:
			wrong = append(wrong, l)
			short = short || !exceeds
		}
	}
	about := []string{a.anchor.ID}
	for _, p := range booked {
		if !slices.Contains(about, p.entry.ID) {
			about = append(about, p.entry.ID)
		}
	}
	name := a.workflow.Steps[step].String()
	if len(twice) > 0 {
		a.raise(condition{
			id: findingID(inventory.DuplicatePosting, name, a.anchor.name()), kind: inventory.DuplicatePosting, step: step,
			opens: newest.Add(a.workflow.Settle), since: s.ok.Event.Time, cause: inventory.CauseDuplicateSubmission,
			about: about, lines: twice,
		})
		return
	}
	if len(wrong) == 0 {
		return
	}
	// The rest, or a correction, may come in a document of its own until the step
	// is due.
	opens, ok := a.from(step, s.due, newest, evidence)
	if short || !ok {
		a.pending = true
	}
	if !ok {
		return
	}
	a.raise(condition{
		id: findingID(inventory.QuantityMismatch, name, a.anchor.name()), kind: inventory.QuantityMismatch, step: step,
		opens: opens, since: s.ok.Event.Time, cause: inventory.CauseUnknown, about: about, lines: wrong,
	})
}

// compareLines nets the sale's lines and the postings' lines by item, through
// the names hops gave items. ok is false where a posting names no lines: what it
// booked is not known, and nothing can be said.
func compareLines(sale *inventory.Event, booked []posting, names *itemNames) (_ []inventory.LineState, ok bool) {
	for _, p := range booked {
		if len(p.entry.Event.Lines) == 0 {
			return nil, false
		}
	}

	type sum struct {
		state   inventory.LineState
		contrib int // postings that booked it, less reversals
		sold    bool
		booked  bool
	}
	sums := map[slot]*sum{}
	at := func(e *inventory.Event, l *inventory.Line) *sum {
		k := slot{
			item: names.class(l), location: lineLocation(sale, e), status: cmp.Or(l.Status, "sellable"), unit: unitClass(l.UOM),
		}
		s := sums[k]
		if s == nil {
			s = &sum{state: inventory.LineState{Item: l.Item, Location: e.Location, Status: k.status, UOM: k.unit}}
			sums[k] = s
		}
		return s
	}
	for i := range sale.Lines {
		if l := &sale.Lines[i]; counts(l) {
			s := at(sale, l)
			s.sold = true
			s.state.Item, s.state.Location = l.Item, sale.Location
			s.state.Owed = s.state.Owed.Add(l.Quantity)
		}
	}
	for _, p := range booked {
		touched := map[*sum]bool{}
		for i := range p.entry.Event.Lines {
			l := &p.entry.Event.Lines[i]
			if !counts(l) {
				continue
			}
			s := at(&p.entry.Event, l)
			s.booked = true
			q := l.Quantity
			if p.sign < 0 {
				q = q.Neg()
			}
			s.state.Posted = s.state.Posted.Add(q)
			if !touched[s] {
				touched[s] = true
				s.contrib += p.sign
			}
			if l.Item != s.state.Item && !slices.Contains(s.state.ItemAt, inventory.Key{Name: l.ItemScheme, Value: l.Item}) {
				s.state.ItemAt = append(s.state.ItemAt, inventory.Key{Name: l.ItemScheme, Value: l.Item})
			}
		}
	}
	// An item posted that was not sold may be a sold one under a name nobody
	// translated: then neither side can be judged (domain rule 14).
	strangers := false
	for _, s := range sums {
		strangers = strangers || (s.booked && !s.sold)
	}
	lines := make([]inventory.LineState, 0, len(sums))
	for _, s := range sums {
		s.state.Postings = s.contrib
		s.state.Comparable = s.sold && (s.booked || !strangers)
		lines = append(lines, s.state)
	}
	slices.SortFunc(lines, func(a, b inventory.LineState) int {
		return cmp.Or(strings.Compare(a.Item, b.Item), strings.Compare(a.Status, b.Status), strings.Compare(a.UOM, b.UOM),
			strings.Compare(a.Location, b.Location))
	})
	return lines, true
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
