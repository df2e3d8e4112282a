package x12

import (
	"fmt"

	"github.com/stocktrace/stocktrace/collector/format/edi"
	"github.com/stocktrace/stocktrace/inventory"
)

// The depositor order number is what the owner of the goods calls a movement at
// the warehouse, and what both sides repeat: it is the delivery.

// shippingOrder reads a 940: the order to a warehouse to ship.
func (r *reading) shippingOrder() {
	d := r.draft("fulfilment", "ordered", "oms")
	var parties []party
	var sum inventory.Decimal
	var line *inventory.Line
	var ordered said
	r.segments(func(i int, s *edi.Segment) {
		switch s.Tag {
		case "W05":
			r.use(i)
			d.number = s.Text(2)
			d.key(inventory.KeyDelivery, s.Text(2))
			d.key("order", s.Text(3))
			d.say("order_status", s.Text(1))
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
				r.use(i)
				switch s.Text(1) {
				case "10", "17", "53":
					d.say("requested", t.sent())
				case "04":
					ordered = t
				}
			}
		case "W01":
			r.use(i)
			place := r.place("W01")
			d.Lines = append(d.Lines, inventory.Line{})
			line = &d.Lines[len(d.Lines)-1]
			r.measure(line, place, s.Text(1), s.Text(2))
			sum = sum.Add(line.Quantity)
			line.Quantity = line.Quantity.Neg()
			r.name(line, place, "UA", s.Text(3))
			r.name(line, place, s.Text(4), s.Text(5))
			r.name(line, place, s.Text(6), s.Text(7))
			r.name(line, place, s.Text(15), s.Text(16))
			line.Line = fmt.Sprint(r.loops["W01"])
		case "W76":
			r.use(i)
			r.Total("W7601", s.Text(1), sum, "the quantities ordered")
		}
	})
	d.locate(parties, "WH", "SF")
	r.happened(d, ordered)
	d.destination(parties)
	r.needsLines(d, "W01")
}

// destination puts where the goods go on every line.
func (d *draft) destination(parties []party) {
	if to, ok := find(parties, "ST", "CN", "UC"); ok {
		for i := range d.Lines {
			d.Lines[i].LocationTo = to.id
		}
	}
}

func (r *reading) needsLines(d *draft, tag string) {
	if len(d.Lines) == 0 {
		r.fail("", fmt.Sprintf("it has no line (%s)", tag))
	}
}

// shippingAdvice reads a 945: what a warehouse shipped.
func (r *reading) shippingAdvice() {
	r.shipment(r.draft("fulfilment", "shipped", "wms"), "W12")
}

// transferShipment reads a 943: goods on their way to a warehouse.
func (r *reading) transferShipment() {
	r.shipment(r.draft("transfer", "shipped", "wms"), "W04")
}

func (r *reading) shipment(d *draft, detail string) {
	var parties []party
	var dates [2]said
	var sum inventory.Decimal
	sscc := ""
	r.segments(func(i int, s *edi.Segment) {
		switch s.Tag {
		case "W06":
			r.use(i)
			// One order may leave in several shipments; only the shipment's own number
			// tells two equal ones apart.
			if d.number = s.Text(4); d.number != "" {
				d.number = s.Text(2) + "-" + d.number
			}
			d.key(inventory.KeyDelivery, s.Text(2))
			d.key("shipment", s.Text(4))
			d.key("order", s.Text(6))
			if d.Workflow == "transfer" {
				d.key(inventory.KeyTransfer, s.Text(2))
			}
			dates[1], _ = r.when("W06", s.Text(3), "", "")
		case "N1":
			parties = append(parties, r.party(i, s))
		case "N9":
			r.reference(d, i, s)
		case "G62":
			if t, ok := r.when("G62", s.Text(2), s.Text(4), s.Text(5)); ok {
				r.use(i)
				if s.Text(1) == "11" {
					dates[0] = t
				}
			}
		case "LX":
			r.use(i)
			sscc = ""
		case "MAN":
			if id := r.pack("MAN", i, s); id != "" {
				sscc = id
				d.key("sscc", id)
			}
		case detail:
			r.use(i)
			l, shipped := r.shippedLine(s, detail)
			sum = sum.Add(shipped)
			attribute(&l, "sscc", sscc)
			d.Lines = append(d.Lines, l)
		case "W03":
			r.use(i)
			r.Total("W0301", s.Text(1), sum, "the quantities shipped")
		}
	})
	d.locate(parties, "WH", "SF", "DE")
	d.destination(parties)
	r.needsLines(d, detail)
	r.happened(d, dates[:]...)
}

// shippedLine reads a W12 or W04.
func (r *reading) shippedLine(s *edi.Segment, detail string) (l inventory.Line, shipped inventory.Decimal) {
	place := r.place(detail)
	l.Line = fmt.Sprint(r.loops[detail])
	if detail == "W04" {
		r.measure(&l, place, s.Text(1), s.Text(2))
		r.name(&l, place, "UA", s.Text(3))
		r.name(&l, place, s.Text(4), s.Text(5))
		r.name(&l, place, s.Text(6), s.Text(7))
		r.name(&l, place, s.Text(14), s.Text(15))
	} else {
		quantity := s.Text(3)
		if quantity == "" {
			quantity = "0" // nothing of it was shipped
		}
		r.measure(&l, place, quantity, s.Text(5))
		attribute(&l, "shipment_status", s.Text(1))
		attribute(&l, "ordered", s.Text(2))
		attribute(&l, "short", s.Text(4))
		r.name(&l, place, "UA", s.Text(6))
		r.name(&l, place, s.Text(7), s.Text(8))
		r.name(&l, place, s.Text(17), s.Text(18))
		r.name(&l, place, s.Text(21), s.Text(22))
	}
	shipped = l.Quantity
	l.Quantity = l.Quantity.Neg()
	return l, shipped
}

// stockReceipt reads a 944: what a warehouse received. The quantity of W07 is all
// that came; W13 says how much of it is damaged, and how much is missing.
func (r *reading) stockReceipt() {
	d := r.draft("receipt", "received", "wms")
	var parties []party
	var dates [2]said
	var sum inventory.Decimal
	at := -1
	r.segments(func(i int, s *edi.Segment) {
		switch s.Tag {
		case "W17":
			r.use(i)
			d.number = s.Text(3)
			d.key("warehouse_receipt", s.Text(3))
			d.key(inventory.KeyDelivery, s.Text(4))
			d.key("shipment", s.Text(5))
			dates[1], _ = r.when("W17", s.Text(2), s.Text(7), "")
		case "N1":
			parties = append(parties, r.party(i, s))
		case "N9":
			r.reference(d, i, s)
		case "G62":
			if t, ok := r.when("G62", s.Text(2), s.Text(4), s.Text(5)); ok {
				r.use(i)
				if c := s.Text(1); c == "50" || c == "35" || c == "11" && dates[0].isZero() {
					dates[0] = t
				}
			}
		case "MAN":
			if id := r.pack("MAN", i, s); id != "" {
				d.key("sscc", id)
			}
		case "W07":
			r.use(i)
			place := r.place("W07")
			l := inventory.Line{Line: fmt.Sprint(r.loops["W07"])}
			r.measure(&l, place, s.Text(1), s.Text(2))
			sum = sum.Add(l.Quantity)
			r.name(&l, place, "UA", s.Text(3))
			r.name(&l, place, s.Text(4), s.Text(5))
			r.name(&l, place, s.Text(6), s.Text(7))
			r.name(&l, place, s.Text(10), s.Text(11))
			attribute(&l, "lot", s.Text(8))
			d.Lines = append(d.Lines, l)
			at = len(d.Lines) - 1
		case "W13":
			r.use(i)
			if at < 0 {
				return
			}
			place := fmt.Sprintf("W07[%d]", r.loops["W07"])
			q := r.quantity(place, s.Text(1))
			what, ok := conditions[s.Text(3)]
			if !ok {
				what = "condition_" + s.Text(3)
			}
			attribute(&d.Lines[at], what, q.String())
			if status, ok := apart[what]; ok {
				other := d.Lines[at]
				other.Attributes = nil
				attribute(&other, "condition", s.Text(3))
				other.Quantity, other.Status = q, status
				d.Lines[at].Quantity = d.Lines[at].Quantity.Sub(q)
				d.Lines = append(d.Lines, other)
			}
		case "W14":
			r.use(i)
			r.Total("W1401", s.Text(1), sum, "the quantities received")
		}
	})
	d.locate(parties, "WH", "ST", "DE")
	r.needsLines(d, "W07")
	r.happened(d, dates[:]...)
}

// reasons are the codes of element 181, quantity or status adjustment reason,
// that people know by another name; the others stay as sent.
var reasons = map[string]string{
	"AA": "count", "AU": "damage", "AV": "damage", "07": "damage", "AX": "expired", "AW": "recall", "CD": "donation", "05": "hold", "55": "release", "AI": "disaster",
}

// adjustmentAdvice reads a 947. An event has one reason, so there is one event
// for each.
func (r *reading) adjustmentAdvice() {
	var parties []party
	var at said
	number, depositor := "", ""
	byReason := map[string]*draft{}
	r.segments(func(i int, s *edi.Segment) {
		switch s.Tag {
		case "W15":
			r.use(i)
			at, _ = r.when("W15", s.Text(1), "", "")
			number, depositor = s.Text(2), s.Text(3)
		case "N1":
			parties = append(parties, r.party(i, s))
		case "W19":
			r.use(i)
			place := r.place("W19")
			d := byReason[s.Text(1)]
			if d == nil {
				d = r.draft("adjustment", "adjusted", "wms")
				byReason[s.Text(1)] = d
				d.from, d.partial, d.place = i, true, place
				if d.ReasonCode = reasons[s.Text(1)]; d.ReasonCode == "" {
					d.ReasonCode = s.Text(1)
				}
				d.say("adjustment_reason", s.Text(1))
			}
			d.to = i
			l := inventory.Line{Line: fmt.Sprint(r.loops["W19"])}
			r.measure(&l, place, s.Text(2), s.Text(3))
			r.name(&l, place, "UA", s.Text(4))
			r.name(&l, place, s.Text(5), s.Text(6))
			r.name(&l, place, s.Text(7), s.Text(8))
			r.name(&l, place, s.Text(17), s.Text(18))
			attribute(&l, "lot", s.Text(9))
			attribute(&l, "transaction_type", s.Text(16))
			switch s.Text(1) {
			case "05":
				l.StatusFrom, l.StatusTo = "sellable", "on_hold"
			case "55":
				l.StatusFrom, l.StatusTo = "on_hold", "sellable"
			}
			d.Lines = append(d.Lines, l)
		}
	})
	for _, d := range r.drafts {
		d.locate(parties, "WH", "SF", "DE")
		d.key("adjustment", number)
		d.key("depositor_adjustment", depositor)
		if d.number = number; d.number == "" {
			d.number = depositor
		}
		if d.number != "" {
			d.number += "-" + d.ReasonCode
		}
		r.happened(d, at)
	}
	if len(r.drafts) == 0 {
		r.fail("", "it has no line (W19)")
	}
}
