package lifecycle

import (
	"github.com/stocktrace/stocktrace/inventory"
)

// Rules is what a retailer has declared: workflows, locations and packs. It does
// not change while an engine runs.
type Rules struct {
	workflows map[string]*inventory.Workflow
	locations map[string]inventory.Location
	packs     map[string][]inventory.Pack // by item, without padding
	runs      map[string][]watchedRun     // that are reported, by the system that does
}

// NewRules returns rules of the given workflows and locations. Locations are
// found with or without zero padding.
func NewRules(workflows []*inventory.Workflow, locations []inventory.Location) *Rules {
	r := &Rules{
		workflows: make(map[string]*inventory.Workflow, len(workflows)),
		locations: make(map[string]inventory.Location, len(locations)),
	}
	for _, w := range workflows {
		r.workflows[w.Name] = w
	}
	r.runs = watchedRuns(r.workflows)
	for _, l := range locations {
		r.locations[inventory.Unpad(l.ID)] = l
	}
	return r
}

// Workflow returns the workflow of that name, nil where nobody declared it.
func (r *Rules) Workflow(name string) *inventory.Workflow { return r.workflows[name] }

// Location returns the location, or what is assumed of an undeclared one.
func (r *Rules) Location(id string) inventory.Location {
	if l, ok := r.locations[inventory.Unpad(id)]; ok {
		return l
	}
	return inventory.Undeclared(id)
}

// WithPacks declares how many pieces the packs of items hold, and returns r.
func (r *Rules) WithPacks(packs []inventory.Pack) *Rules {
	r.packs = make(map[string][]inventory.Pack, len(packs))
	for _, p := range packs {
		item := itemName(p.Item)
		r.packs[item] = append(r.packs[item], p)
	}
	return r
}

// measure returns the unit a line is compared in, and how much it is in that. A
// pack without a declared factor stays a unit of its own: unconvertible, never 1
// (domain rule 15).
func (r *Rules) measure(l *inventory.Line) (unit string, quantity inventory.Decimal) {
	unit = unitClass(l.UOM)
	for _, p := range r.packs[itemName(l.Item)] {
		if unitClass(p.UOM) != unit {
			continue
		}
		if q, ok := l.Quantity.Mul(p.Holds); ok {
			return unitClass(p.Of), q
		}
	}
	if m, ok := metric[unit]; ok {
		if q, ok := l.Quantity.Mul(m.holds); ok {
			return m.of, q
		}
	}
	if n, ok := dozens[unit]; ok {
		if q, ok := l.Quantity.Mul(inventory.DecimalOf(n)); ok {
			return "EA", q
		}
	}
	return unit, l.Quantity
}

// misconverted reports whether what was booked is what is owed with a pack's
// factor applied once too often, or not at all.
func (r *Rules) misconverted(l *inventory.LineState) bool {
	names := []string{l.Item}
	for _, k := range l.ItemAt {
		names = append(names, k.Value)
	}
	for _, name := range names {
		for _, p := range r.packs[itemName(name)] {
			more, ok := l.Owed.Mul(p.Holds)
			if ok && more == l.Posted {
				return true
			}
			if less, ok := l.Posted.Mul(p.Holds); ok && less == l.Owed {
				return true
			}
		}
	}
	return false
}
