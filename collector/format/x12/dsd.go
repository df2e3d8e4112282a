package x12

import (
	"fmt"

	"github.com/stocktrace/stocktrace/collector/format/edi"
	"github.com/stocktrace/stocktrace/inventory"
)

// storeDelivery reads an 894, the record of a delivery that a supplier brings to
// a store himself, or of what he takes back (DEX/UCS).
func (r *reading) storeDelivery() {
	d := r.Draft("receipt", "shipped", "supplier")
	var sum inventory.Decimal
	back := false
	r.Each(func(i int, s *edi.Segment) {
		switch s.Tag {
		case "G82":
			r.Use(i)
			d.Number = s.Text(2)
			d.Key(inventory.KeyDelivery, s.Text(2))
			d.Key("order", s.Text(9))
			d.Location, d.LocationScheme = s.Text(4), "store"
			if d.Location == "" {
				d.Location, d.LocationScheme = s.Text(3), "duns"
			}
			d.Say("supplier", s.Text(5))
			if s.Text(1) == "C" { // credit: goods go back
				back = true
				d.Workflow = "vendor_return"
			}
			if t, ok := r.when("G82", s.Text(7), "", ""); ok {
				r.Happened(d, t)
			} else if t, ok := r.when("G82", s.Text(8), "", ""); ok {
				r.Happened(d, t)
			}
		case "G83":
			r.Use(i)
			place := r.Loop("G83")
			l := inventory.Line{Line: s.Text(1)}
			r.measure(&l, place, s.Text(2), s.Text(3))
			sum = sum.Add(l.Quantity)
			l.Quantity = l.Quantity.Neg()
			r.name(&l, place, "UD", s.Text(4)) // U.P.C. consumer package code (2-5-5)
			r.name(&l, place, s.Text(5), s.Text(6))
			r.name(&l, place, "UA", s.Text(7))
			edi.Attribute(&l, "unit_cost", s.Text(9))
			d.Lines = append(d.Lines, l)
		case "G84":
			r.Use(i)
			r.Total("G8401", s.Text(1), sum, "the quantities")
		}
	})
	if back {
		for i := range d.Lines {
			d.Lines[i].LocationFrom = d.Location
		}
	}
	if len(d.Lines) == 0 {
		r.Fail("", fmt.Sprintf("it has no line (%s)", "G83"))
	}
}
