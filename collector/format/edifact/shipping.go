package edifact

import (
	"cmp"
	"fmt"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/edi"
	"github.com/stocktrace/stocktrace/inventory"
)

// packed is a level of a despatch advice's packages (CPS).
type packed struct {
	parent string
	sscc   string
}

// line is a LIN with the quantities it says.
type line struct {
	place string
	line  inventory.Line
	said  map[string]quantity // by kind
	order []string            // the kinds as they stand
	cps   string              // the package it stands in
}

// qty files a quantity under its kind. The first of a kind counts; a second one is
// noted, for it is a part that nothing tells from the whole.
func (r *reading) qty(l *line, q quantity) {
	if _, ok := l.said[q.kind]; ok {
		r.Note(format.NotStandard, l.place, fmt.Sprintf("The quantity %s is said twice: the first one is read, %s is left out.", q.kind, q.amount))
		return
	}
	if l.said == nil {
		l.said = map[string]quantity{}
	}
	l.said[q.kind] = q
	l.order = append(l.order, q.kind)
}

// take returns the first of the kinds that is said.
func (l *line) take(kinds ...string) (quantity, bool) {
	for _, k := range kinds {
		if q, ok := l.said[k]; ok {
			return q, true
		}
	}
	return quantity{}, false
}

// rest keeps the quantities that are not the line's own as attributes.
func (l *line) rest(to *inventory.Line, own ...string) {
	names := map[string]string{"21": "ordered", "12": "despatched", "59": "pack", "192": "free_goods", "48": "received_total", "119": "short", "121": "over", "124": "damaged"}
	for _, kind := range l.order {
		mine := false
		for _, k := range own {
			mine = mine || k == kind
		}
		if mine {
			continue
		}
		name := names[kind]
		if name == "" {
			name = "qty_" + kind
		}
		edi.Attribute(to, name, l.said[kind].amount.String())
	}
}

// lineSegment files a segment of a line; false where it is none.
func (r *reading) lineSegment(d *edi.Draft, l *line, i int, s *edi.Segment) bool {
	if l == nil {
		return false
	}
	switch s.Tag {
	case "PIA":
		r.further(&l.line, i, s)
	case "QTY":
		r.qty(l, r.quantity(l.place, i, s))
	case "QVR":
		r.Use(i)
		edi.Attribute(&l.line, "variance", s.Part(1, 1))
		edi.Attribute(&l.line, "variance_reason", cmp.Or(s.Part(3, 1), s.Part(2, 1)))
	case "RFF":
		if name, value := r.reference(d, i, s); name != "" && name != inventory.KeyDelivery {
			edi.Attribute(&l.line, name, value)
		}
	case "LOC":
		if p := r.place(i, s); p.Role == "7" || p.Role == "8" {
			l.line.LocationTo = p.ID
		}
	case "DTM":
		// Of a line: best before dates and the like.
		if t, ok := r.when(s); ok {
			r.Use(i)
			edi.Attribute(&l.line, "date_"+s.Part(1, 1), t.AsSent)
		}
	default:
		return false
	}
	return true
}

// despatchAdvice reads a DESADV: what was sent, in which packages.
func (r *reading) despatchAdvice() {
	d := r.Draft("receipt", "shipped", "supplier")
	levels := map[string]packed{}
	cps := ""
	var lines []*line
	var at *line
	var counts []int
	r.Each(func(i int, s *edi.Segment) {
		switch s.Tag {
		case "CPS":
			r.Use(i)
			r.Loop("CPS")
			cps, at = s.Part(1, 1), nil
			levels[cps] = packed{parent: s.Part(2, 1)}
			return
		case "LIN":
			at = &line{cps: cps}
			at.place = r.item(&at.line, i, s)
			lines = append(lines, at)
			return
		case "GIN":
			for _, sscc := range r.gin(i, s, r.In("CPS")) {
				d.Key("sscc", sscc)
				if l := levels[cps]; at == nil && l.sscc == "" {
					l.sscc = sscc
					levels[cps] = l
				} else if at != nil {
					edi.Attribute(&at.line, "sscc", sscc)
				}
			}
			return
		case "CNT":
			counts = append(counts, i)
			return
		}
		if r.lineSegment(d, at, i, s) {
			return
		}
		if s.Tag == "RFF" {
			r.reference(d, i, s)
			return
		}
		r.header(d, i, s)
	})
	d.Key(inventory.KeyDelivery, r.number)
	d.Locate(r.parties, "DP", "ST", "CN", "UC", "BY", "IV")
	from, _ := edi.Find(r.parties, "SF", "CZ", "SU", "SE")
	var sum inventory.Decimal
	for _, l := range lines {
		q, ok := l.take("12", "190", "46", "131", "113", "1")
		if !ok {
			r.Note(format.NotStandard, l.place, "It says no despatched quantity (QTY+12): the line is left out.")
			continue
		}
		out := l.line
		q.on(&out)
		if out.ParentLine != "" {
			// What a line is made of is counted once, with the line.
			out.ComponentOf, out.Stock = out.ParentLine, "none"
		}
		sum = sum.Add(q.amount)
		out.Quantity = q.amount.Neg()
		l.rest(&out, q.kind)
		out.LocationFrom = from.ID
		for level, n := l.cps, 0; level != "" && n <= len(levels); level, n = levels[level].parent, n+1 {
			if sscc := levels[level].sscc; sscc != "" {
				edi.Attribute(&out, "sscc", sscc)
				break
			}
		}
		d.Lines = append(d.Lines, out)
	}
	for _, i := range counts {
		r.totals(i, &r.Body[i], sum, "the quantities despatched")
	}
	if len(d.Lines) == 0 {
		r.Fail("", "it has no line (LIN) with a despatched quantity")
	}
	if t := r.first("17", "2", "191", "358"); !t.IsZero() {
		d.Say("expected", t.AsSent)
	}
	shipped := r.first("11", "200", "137")
	r.Happened(d, shipped, r.first("137"))
}

// receivingAdvice reads a RECADV: what was received, and what of it was not
// accepted. Of the quantities a line says, 194 is what was accepted; where only 48
// is said, it is all that came, refused and damaged units among it.
func (r *reading) receivingAdvice() {
	d := r.Draft("receipt", "received", "wms")
	var lines []*line
	var at *line
	var counts []int
	r.Each(func(i int, s *edi.Segment) {
		switch s.Tag {
		case "CPS":
			r.Use(i)
			r.Loop("CPS")
			at = nil
			return
		case "LIN":
			at = &line{}
			at.place = r.item(&at.line, i, s)
			lines = append(lines, at)
			return
		case "GIN":
			for _, sscc := range r.gin(i, s, "GIN") {
				d.Key("sscc", sscc)
				if at != nil {
					edi.Attribute(&at.line, "sscc", sscc)
				}
			}
			return
		case "CNT":
			counts = append(counts, i)
			return
		}
		if r.lineSegment(d, at, i, s) {
			return
		}
		if s.Tag == "RFF" {
			r.reference(d, i, s)
			return
		}
		r.header(d, i, s)
	})
	d.Key("receiving_advice", r.number)
	d.Locate(r.parties, "DP", "ST", "WH", "CN", "UC", "BY")
	var sum inventory.Decimal
	for _, l := range lines {
		all := r.accepted(l)
		if len(all) == 0 {
			r.Note(format.NotStandard, l.place, "It says no received quantity (QTY+48 or QTY+194): the line is left out.")
		}
		for _, out := range all {
			if out.Stock == "" {
				sum = sum.Add(out.Quantity)
			}
		}
		d.Lines = append(d.Lines, all...)
	}
	for _, i := range counts {
		r.totals(i, &r.Body[i], sum, "the quantities received")
	}
	if len(d.Lines) == 0 {
		r.Fail("", "it has no line (LIN) with a received quantity")
	}
	r.Happened(d, r.first("50", "310", "35", "137"), r.first("137"))
}

// accepted makes lines of what a line says was accepted, refused and damaged.
func (r *reading) accepted(l *line) []inventory.Line {
	refused := []struct{ kind, status string }{{"195", "rejected"}, {"196", "damaged"}}
	if _, ok := l.take("195", "196"); !ok {
		// What is damaged is named again by what becomes of it.
		refused = []struct{ kind, status string }{{"124", "damaged"}}
	}
	good, accepted := l.take("194")
	if !accepted {
		var ok bool
		if good, ok = l.take("48", "46", "131", "1"); !ok {
			if _, ok = l.take("195", "196", "124"); !ok {
				return nil
			}
			good = quantity{}
		}
	}
	var rest []inventory.Line
	own := []string{good.kind}
	for _, f := range refused {
		q, ok := l.take(f.kind)
		if !ok {
			continue
		}
		own = append(own, f.kind)
		if !accepted && good.kind != "" {
			good.amount = good.amount.Sub(q.amount)
		}
		other := edi.Clone(l.line)
		other.Attributes = nil
		q.on(&other)
		other.Status = f.status
		if other.ParentLine != "" {
			other.ComponentOf, other.Stock = other.ParentLine, "none"
		}
		rest = append(rest, other)
	}
	if good.kind == "" {
		return rest
	}
	out := l.line
	good.on(&out)
	if out.ParentLine != "" {
		out.ComponentOf, out.Stock = out.ParentLine, "none"
	}
	l.rest(&out, own...)
	return append([]inventory.Line{out}, rest...)
}
