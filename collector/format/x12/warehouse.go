package x12

import (
	"fmt"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/edi"
	"github.com/stocktrace/stocktrace/inventory"
)

// The depositor order number is what the owner of the goods calls a movement at
// the warehouse, and what both sides repeat: it is the delivery.

// shippingOrder reads a 940: the order to a warehouse to ship.
func (r *reading) shippingOrder() {
	d := r.Draft("fulfilment", "ordered", "oms")
	var parties []edi.Place
	var sum inventory.Decimal
	var line *inventory.Line
	var ordered edi.Said
	r.Each(func(i int, s *edi.Segment) {
		switch s.Tag {
		case "W05":
			r.Use(i)
			d.Number = s.Text(2)
			d.Key(inventory.KeyDelivery, s.Text(2))
			d.Key("order", s.Text(3))
			d.Say("order_status", s.Text(1))
			switch s.Text(1) { // element 473
			case "F", "D":
				d.Transaction.Status = "cancelled"
			case "R", "L", "G":
				r.purpose(d, "W05", "04")
			}
		case "N1":
			parties = append(parties, r.party(i, s))
		case "N9":
			r.reference(d, i, s)
		case "G62":
			if t, ok := r.when("G62", s.Text(2), s.Text(4), s.Text(5)); ok {
				r.Use(i)
				switch s.Text(1) {
				case "10", "17", "53":
					d.Say("requested", t.AsSent)
				case "04":
					ordered = t
				}
			}
		case "W01":
			r.Use(i)
			place := r.Loop("W01")
			d.Lines = append(d.Lines, inventory.Line{})
			line = &d.Lines[len(d.Lines)-1]
			r.measure(line, place, s.Text(1), s.Text(2))
			sum = sum.Add(line.Quantity)
			line.Quantity = line.Quantity.Neg()
			r.warehouseItem(line, place, s, 3, 15)
			line.Line = fmt.Sprint(r.Loops["W01"])
		case "W76":
			r.Use(i)
			r.Total("W7601", s.Text(1), sum, "the quantities ordered")
		}
	})
	d.Locate(parties, "WH", "SF")
	r.Happened(d, ordered)
	destination(d, parties)
	r.needsLines(d, "W01")
}

// warehouseItem reads an item as the warehouse sets name it: the U.P.C. case code
// at an element, two pairs behind it (W12 has one), and further pairs elsewhere.
// Where a qualifier stands in the case code's place, everything is one element
// early; where the case code stands in the qualifier's, one late.
func (r *reading) warehouseItem(l *inventory.Line, place string, s *edi.Segment, at int, further ...int) {
	early := 0
	_, first := items[s.Text(at)]
	_, second := items[s.Text(at+1)]
	_, third := items[s.Text(at+2)]
	switch {
	case s.Text(at) == "" && !second && third && len(s.Text(at+1)) > 2:
		r.Note(format.NotStandard, place, fmt.Sprintf("%s%02d, where a qualifier belongs, is %s: read as the U.P.C. case code, with the qualifier %s behind it.", s.Tag, at+1, s.Text(at+1), s.Text(at+2)))
		early = -1
		r.name(l, place, "UA", s.Text(at+1))
	case first:
		r.Note(format.NotStandard, place, fmt.Sprintf("The qualifier %s stands in the place of the U.P.C. case code, %s%02d: read as naming the element behind it.", s.Text(at), s.Tag, at))
		early = 1
	default:
		r.name(l, place, "UA", s.Text(at))
	}
	r.name(l, place, s.Text(at+1-early), s.Text(at+2-early))
	if s.Tag != "W12" {
		r.name(l, place, s.Text(at+3-early), s.Text(at+4-early))
	}
	for _, e := range further {
		r.name(l, place, s.Text(e), s.Text(e+1))
	}
}

// destination puts where the goods go on every line.
func destination(d *edi.Draft, parties []edi.Place) {
	if to, ok := edi.Find(parties, "ST", "CN", "UC"); ok {
		for i := range d.Lines {
			d.Lines[i].LocationTo = to.ID
		}
	}
}

func (r *reading) needsLines(d *edi.Draft, tag string) {
	if len(d.Lines) == 0 {
		r.Fail("", fmt.Sprintf("it has no line (%s)", tag))
	}
}

// shippingAdvice reads a 945: what a warehouse shipped.
func (r *reading) shippingAdvice() {
	r.shipment(r.Draft("fulfilment", "shipped", "wms"), "W12")
}

// transferShipment reads a 943: goods on their way to a warehouse.
func (r *reading) transferShipment() {
	r.shipment(r.Draft("transfer", "shipped", "wms"), "W04")
}

func (r *reading) shipment(d *edi.Draft, detail string) {
	var parties []edi.Place
	var dates [2]edi.Said
	var sum inventory.Decimal
	sscc := ""
	r.Each(func(i int, s *edi.Segment) {
		switch s.Tag {
		case "W06":
			r.Use(i)
			// One order may leave in several shipments; only the shipment's own number
			// tells two equal ones apart.
			if d.Number = s.Text(4); d.Number != "" {
				d.Number = s.Text(2) + "-" + d.Number
			}
			d.Key(inventory.KeyDelivery, s.Text(2))
			d.Key("shipment", s.Text(4))
			d.Key("order", s.Text(6))
			if d.Workflow == "transfer" {
				d.Key(inventory.KeyTransfer, s.Text(2))
			}
			dates[1], _ = r.when("W06", s.Text(3), "", "")
		case "N1":
			parties = append(parties, r.party(i, s))
		case "N9":
			r.reference(d, i, s)
		case "G62":
			if t, ok := r.when("G62", s.Text(2), s.Text(4), s.Text(5)); ok {
				r.Use(i)
				if s.Text(1) == "11" {
					dates[0] = t
				}
			}
		case "LX":
			r.Use(i)
			sscc = ""
		case "MAN":
			if id := r.pack("MAN", i, s); id != "" {
				sscc = id
				d.Key("sscc", id)
			}
		case detail:
			r.Use(i)
			l, shipped := r.shippedLine(s, detail)
			sum = sum.Add(shipped)
			edi.Attribute(&l, "sscc", sscc)
			d.Lines = append(d.Lines, l)
		case "W03":
			r.Use(i)
			r.Total("W0301", s.Text(1), sum, "the quantities shipped")
		}
	})
	d.Locate(parties, "WH", "SF", "DE")
	destination(d, parties)
	r.needsLines(d, detail)
	r.Happened(d, dates[:]...)
}

// shippedLine reads a W12 or W04.
func (r *reading) shippedLine(s *edi.Segment, detail string) (l inventory.Line, shipped inventory.Decimal) {
	place := r.Loop(detail)
	l.Line = fmt.Sprint(r.Loops[detail])
	if detail == "W04" {
		r.measure(&l, place, s.Text(1), s.Text(2))
		r.warehouseItem(&l, place, s, 3, 14)
	} else {
		quantity := s.Text(3)
		if quantity == "" {
			quantity = "0" // nothing of it was shipped
		}
		r.measure(&l, place, quantity, s.Text(5))
		edi.Attribute(&l, "shipment_status", s.Text(1))
		edi.Attribute(&l, "ordered", s.Text(2))
		edi.Attribute(&l, "short", s.Text(4))
		r.warehouseItem(&l, place, s, 6, 17, 21)
	}
	shipped = l.Quantity
	l.Quantity = l.Quantity.Neg()
	return l, shipped
}

// stockReceipt reads a 944: what a warehouse received. The quantity of W07 is all
// that came; W13 says how much of it is damaged, and how much is missing.
func (r *reading) stockReceipt() {
	d := r.Draft("receipt", "received", "wms")
	var parties []edi.Place
	var dates [2]edi.Said
	var sum inventory.Decimal
	at := -1
	r.Each(func(i int, s *edi.Segment) {
		switch s.Tag {
		case "W17":
			r.Use(i)
			d.Number = s.Text(3)
			d.Key("warehouse_receipt", s.Text(3))
			d.Key(inventory.KeyDelivery, s.Text(4))
			d.Key("shipment", s.Text(5))
			dates[1], _ = r.when("W17", s.Text(2), s.Text(7), "")
		case "N1":
			parties = append(parties, r.party(i, s))
		case "N9":
			r.reference(d, i, s)
		case "G62":
			if t, ok := r.when("G62", s.Text(2), s.Text(4), s.Text(5)); ok {
				r.Use(i)
				if c := s.Text(1); c == "50" || c == "35" || c == "11" && dates[0].IsZero() {
					dates[0] = t
				}
			}
		case "MAN":
			if id := r.pack("MAN", i, s); id != "" {
				d.Key("sscc", id)
			}
		case "W07":
			r.Use(i)
			place := r.Loop("W07")
			l := inventory.Line{Line: fmt.Sprint(r.Loops["W07"])}
			r.measure(&l, place, s.Text(1), s.Text(2))
			sum = sum.Add(l.Quantity)
			r.warehouseItem(&l, place, s, 3, 10)
			edi.Attribute(&l, "lot", s.Text(8))
			d.Lines = append(d.Lines, l)
			at = len(d.Lines) - 1
		case "W13":
			r.Use(i)
			if at < 0 {
				return
			}
			place := fmt.Sprintf("W07[%d]", r.Loops["W07"])
			q := r.Quantity(place, s.Text(1))
			what, ok := conditions[s.Text(3)]
			if !ok {
				what = "condition_" + s.Text(3)
			}
			edi.Attribute(&d.Lines[at], what, q.String())
			if status, ok := apart[what]; ok {
				other := d.Lines[at]
				other.Attributes = nil
				edi.Attribute(&other, "condition", s.Text(3))
				other.Quantity, other.Status = q, status
				d.Lines[at].Quantity = d.Lines[at].Quantity.Sub(q)
				d.Lines = append(d.Lines, other)
			}
		case "W14":
			r.Use(i)
			r.Total("W1401", s.Text(1), sum, "the quantities received")
		}
	})
	d.Locate(parties, "WH", "ST", "DE")
	r.needsLines(d, "W07")
	r.Happened(d, dates[:]...)
}

// reasons are the codes of element 181, quantity or status adjustment reason,
// that people know by another name; the others stay as sent.
var reasons = map[string]string{
	"AA": "count", "AU": "damage", "AV": "damage", "07": "damage", "AX": "expired", "AW": "recall", "CD": "donation", "05": "hold", "55": "release", "AI": "disaster",
}

// adjustmentAdvice reads a 947. An event has one reason, so there is one event
// for each.
func (r *reading) adjustmentAdvice() {
	var parties []edi.Place
	var at edi.Said
	number, depositor := "", ""
	byReason := map[string]*edi.Draft{}
	r.Each(func(i int, s *edi.Segment) {
		switch s.Tag {
		case "W15":
			r.Use(i)
			at, _ = r.when("W15", s.Text(1), "", "")
			number, depositor = s.Text(2), s.Text(3)
		case "N1":
			parties = append(parties, r.party(i, s))
		case "W19":
			r.Use(i)
			place := r.Loop("W19")
			d := byReason[s.Text(1)]
			if d == nil {
				d = r.Draft("adjustment", "adjusted", "wms")
				byReason[s.Text(1)] = d
				d.From, d.Partial, d.Place = i, true, place
				if d.ReasonCode = reasons[s.Text(1)]; d.ReasonCode == "" {
					d.ReasonCode = s.Text(1)
				}
				d.Say("adjustment_reason", s.Text(1))
			}
			d.To = i
			l := inventory.Line{Line: fmt.Sprint(r.Loops["W19"])}
			r.measure(&l, place, s.Text(2), s.Text(3))
			r.warehouseItem(&l, place, s, 4, 17)
			edi.Attribute(&l, "lot", s.Text(9))
			edi.Attribute(&l, "transaction_type", s.Text(16))
			switch s.Text(1) {
			case "05":
				l.StatusFrom, l.StatusTo = "sellable", "on_hold"
			case "55":
				l.StatusFrom, l.StatusTo = "on_hold", "sellable"
			}
			d.Lines = append(d.Lines, l)
		}
	})
	for _, d := range r.Drafts {
		d.Locate(parties, "WH", "SF", "DE")
		d.Key("adjustment", number)
		d.Key("depositor_adjustment", depositor)
		if d.Number = number; d.Number == "" {
			d.Number = depositor
		}
		if d.Number != "" {
			d.Number += "-" + d.ReasonCode
		}
		r.Happened(d, at)
	}
	if len(r.Drafts) == 0 {
		r.Fail("", "it has no line (W19)")
	}
}
