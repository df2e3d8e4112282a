package lifecycle

import (
	"cmp"
	"slices"

	"github.com/stocktrace/stocktrace/inventory"
)

// What begins a transaction may be said again: a count is repeated where it was
// off, an order is sent in another version. The last attempt is what stands
// (domain rules 16 and 20). Of counts it stands for what was counted again; the
// rest was not repeated because nobody doubted it.

// restate has the last attempt that says something else stand for the step. At a
// till it is the first word that counts, and nothing is restated.
func (s *standing) restate() {
	var said []*entry // successes that say something new, the last attempt first
	for _, e := range s.heard {
		if succeeded(e.outcome) && !slices.ContainsFunc(said, func(o *entry) bool { return o.business() == e.business() }) {
			said = append(said, e)
		}
	}
	slices.SortStableFunc(said, func(x, y *entry) int {
		if c := cmp.Compare(y.Event.EffectiveAttempt(), x.Event.EffectiveAttempt()); c != 0 {
			return c
		}
		if before(x, y) {
			return -1
		}
		return 1
	})
	if len(said) == 0 || said[len(said)-1].Event.EffectiveAttempt() == said[0].Event.EffectiveAttempt() {
		return
	}
	last := said[0]
	counted := map[string]bool{}
	lines := slices.Clone(last.Event.Lines)
	for i := 0; i < len(said); {
		attempt, items := said[i].Event.EffectiveAttempt(), map[string]bool{}
		for ; i < len(said) && said[i].Event.EffectiveAttempt() == attempt; i++ {
			for _, l := range said[i].Event.Lines {
				items[itemName(l.Item)] = true
				if said[i] != last && attempt != last.Event.EffectiveAttempt() && l.Counted != "" && !counted[itemName(l.Item)] {
					lines = append(lines, l)
				}
			}
		}
		for item := range items {
			counted[item] = true
		}
	}
	stands, record := *last, *last.Record
	record.Event.Lines = lines
	stands.Record, stands.digested = &record, false
	s.ok, s.restated = &stands, said[1:]
}

// standing leaves out of what was said of the anchor what a later attempt stands
// in place of.
func (a *assessment) standing(said []posting) []posting {
	i := a.workflow.IndexOf(a.workflow.Anchor)
	if len(a.steps[i].restated) == 0 {
		return said
	}
	var stands []posting
	for _, p := range said {
		switch {
		case p.sign > 0 && p.entry.name() == a.anchor.name():
			stands = append(stands, posting{p.sign, a.anchor})
		case p.entry.Event.EffectiveAttempt() >= a.anchor.Event.EffectiveAttempt():
			stands = append(stands, p)
		}
	}
	return stands
}

// variance is what a count found beyond the book, as a movement; ok is false for
// a line that does not say both.
func variance(l *inventory.Line) (found inventory.Line, ok bool) {
	counted, err := inventory.ParseDecimal(l.Counted)
	book, err2 := inventory.ParseDecimal(l.Book)
	found = *l
	found.Quantity, found.Measure = counted.Sub(book), ""
	return found, err == nil && err2 == nil
}

// found reports whether the anchor, a count, found something else than the book
// says: by item, status and unit, net of what it found at several places.
func (a *assessment) found() bool {
	net := map[slot]*comparison{}
	for i := range a.anchor.Event.Lines {
		l, ok := variance(&a.anchor.Event.Lines[i])
		if !ok || !counts(&l) {
			continue
		}
		unit, q := a.rules.measure(&l)
		k := slot{item: itemName(l.Item), status: cmp.Or(l.Status, "sellable"), unit: unit}
		if net[k] == nil {
			net[k] = &comparison{LineState: inventory.LineState{UOM: unit}}
		}
		net[k].lines++
		net[k].Owed = net[k].Owed.Add(q)
	}
	for _, c := range net {
		if !within(c, c.Owed) {
			return true
		}
	}
	return false
}

// unsettled leaves out of what was booked for a count what the book has that a
// later attempt began from: where that book is another than the earlier attempt's,
// what was booked between the two is in it.
func (a *assessment) unsettled(booked []posting, names *itemNames) []posting {
	if a.anchor == nil {
		return booked
	}
	earlier := a.steps[a.workflow.IndexOf(a.workflow.Anchor)].restated
	if len(earlier) == 0 {
		return booked
	}
	type place struct{ item, status string }
	books := func(e *entry) map[place]inventory.Decimal {
		sums := map[place]inventory.Decimal{}
		for i := range e.Event.Lines {
			l := &e.Event.Lines[i]
			if b, err := inventory.ParseDecimal(l.Book); err == nil && l.Counted != "" {
				k := place{names.class(l), cmp.Or(l.Status, "sellable")}
				sums[k] = sums[k].Add(b)
			}
		}
		return sums
	}
	renewed := map[place]bool{}
	now := books(a.anchor)
	for _, e := range earlier {
		for k, b := range books(e) {
			if again, ok := now[k]; ok && again != b {
				renewed[k] = true
			}
		}
	}
	if len(renewed) == 0 {
		return booked
	}
	var rest []posting
	for _, p := range booked {
		if before(a.anchor, p.entry) {
			rest = append(rest, p)
			continue
		}
		e, record := *p.entry, *p.entry.Record
		record.Event.Lines = slices.DeleteFunc(slices.Clone(record.Event.Lines), func(l inventory.Line) bool {
			return renewed[place{names.class(&l), cmp.Or(l.Status, "sellable")}]
		})
		if len(record.Event.Lines) == 0 {
			continue
		}
		e.Record, e.digested = &record, false
		rest = append(rest, posting{p.sign, &e})
	}
	return rest
}
