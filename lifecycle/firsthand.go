package lifecycle

import (
	"slices"

	"github.com/stocktrace/stocktrace/inventory"
)

// firsthand leaves out what a second system says of the same goods. Where any
// system may tell of a step, two often do, a warehouse's and a store's: of each
// item at each place the one that tells most counts, as of an order (see
// orderedIn).
func firsthand(said []posting) []posting {
	if !slices.ContainsFunc(said, func(p posting) bool { return p.entry.Event.System != said[0].entry.Event.System }) {
		return said
	}
	type goods struct{ item, location string }
	sums := map[goods]map[string]inventory.Decimal{}
	at := func(e *inventory.Event, l *inventory.Line) goods {
		return goods{itemName(l.Item), inventory.Unpad(e.Location)}
	}
	for _, p := range said {
		e := &p.entry.Event
		for i := range e.Lines {
			if l := &e.Lines[i]; counts(l) || l.Counted != "" {
				k := at(e, l)
				if sums[k] == nil {
					sums[k] = map[string]inventory.Decimal{}
				}
				sums[k][e.System] = sums[k][e.System].Add(signed(l.Quantity, p.sign))
			}
		}
	}
	teller := map[goods]string{}
	for k, by := range sums {
		for _, p := range said { // the first heard of those that tell as much
			system := p.entry.Event.System
			if was, ok := teller[k]; !ok || by[system].Abs().Cmp(by[was].Abs()) > 0 {
				teller[k] = system
			}
		}
	}
	var first []posting
	for _, p := range said {
		from := &p.entry.Event
		if len(from.Lines) == 0 {
			first = append(first, p) // what it moved is not known
			continue
		}
		e, record := *p.entry, *p.entry.Record
		record.Event.Lines = slices.DeleteFunc(slices.Clone(from.Lines), func(l inventory.Line) bool {
			system, told := teller[at(from, &l)]
			return told && system != from.System
		})
		if len(record.Event.Lines) == len(from.Lines) {
			first = append(first, p)
		} else if len(record.Event.Lines) > 0 {
			e.Record, e.digested = &record, false
			first = append(first, posting{p.sign, &e})
		}
	}
	return first
}
