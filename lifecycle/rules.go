package lifecycle

import (
	"github.com/stocktrace/stocktrace/inventory"
)

// Rules is what a retailer has declared: workflows and locations. It does not
// change while an engine runs.
type Rules struct {
	workflows map[string]*inventory.Workflow
	locations map[string]inventory.Location
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
