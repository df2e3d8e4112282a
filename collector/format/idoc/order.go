package idoc

import (
	"cmp"

	"github.com/stocktrace/stocktrace/inventory"
)

// orderSteps are the messages of the ORDERS types, as steps of the workflow order.
var orderSteps = map[string]string{"ORDERS": "placed", "ORDCHG": "changed", "ORDRSP": "confirmed"}

// orderer names the partner who gave an order its number, and that number: what is
// ordered, changed and confirmed under it is one order. An order and its change are
// sent by him, its confirmation to him. What a supplier calls it is another number.
func orderer(p *piece) (buyer, number string) {
	confirmed := p.control.get("MESTYP") == "ORDRSP"
	for _, s := range p.all("E1EDK02") {
		if s.get("QUALF") == "001" {
			number = s.get("BELNR")
		}
	}
	if confirmed {
		return p.control.get("RCVPRN"), number
	}
	for _, s := range p.all("E1EDK01") {
		number = cmp.Or(number, s.get("BELNR"))
	}
	return p.control.get("SNDPRN"), number
}

// order reads ORDERS05 and its like: what was ordered moves nothing.
func (r *reader) order(p *piece) error {
	message := p.control.get("MESTYP")
	step := orderSteps[message]
	if step == "" {
		return r.refuse(p, p.path, "The message type %s of an order is not known: ORDERS, ORDCHG and ORDRSP are read.", show(message))
	}
	d := r.draft(p, "order", step, "erp")
	e := &d.event
	for _, s := range p.all("E1EDK01") {
		d.key("order", s.get("BELNR"))
		e.Transaction.Kind = s.get("BSART")
	}
	for _, s := range p.all("E1EDK02") {
		switch s.get("QUALF") {
		case "001":
			d.key("order", s.get("BELNR"))
		case "002":
			d.key("supplier_order", s.get("BELNR"))
		}
	}
	if buyer, number := orderer(p); buyer != "" && number != "" {
		e.CorrelationID = "order/" + buyer + "/" + inventory.Unpad(number)
	}
	partners := map[string]string{}
	for _, s := range p.all("E1EDKA1") {
		partners[s.get("PARVW")] = cmp.Or(s.get("PARTN"), s.get("LIFNR"))
	}
	d.keep("vendor", partners["LF"])
	for _, s := range p.all("E1EDK03") {
		if s.get("IDDAT") == "012" { // the document's date
			d.keep("document_date", day(s.get("DATUM")))
			if p.control.get("CREDAT") == "" {
				e.Location = cmp.Or(r.source.Location, partners["WE"], partners["AG"])
				d.at(s.get("DATUM"), s.get("UZEIT"), "", s.path)
			}
		}
	}
	for _, s := range p.all("E1EDP01") {
		l := inventory.Line{Line: s.get("POSEX"), Stock: "none", Activity: "order"}
		var own, gtin, theirs string
		for _, k := range s.below("E1EDP19") {
			switch id := k.get("IDTNR"); k.get("QUALF") {
			case "001":
				own = id
			case "002":
				theirs = id
			case "003":
				gtin = id
			}
		}
		d.article(&l, cmp.Or(own, s.get("MATNR_EXTERNAL")), gtin, s.path)
		if theirs != "" {
			l.ItemIDs = append(l.ItemIDs, inventory.Key{Name: "supplier", Value: theirs})
		}
		if quantity := s.get("MENGE"); quantity != "" {
			l.Quantity = d.quantity(quantity, s.path)
		}
		l.UOM = d.unit(s.get("MENEE"), s.path)
		if s.get("ACTION") == "003" {
			l.Void = true // taken back
		}
		l.LocationTo = s.get("WERKS")
		e.Location = cmp.Or(e.Location, l.LocationTo)
		e.Lines = append(e.Lines, l)
	}
	e.Location = cmp.Or(e.Location, r.source.Location, partners["WE"], partners["AG"])
	if d.event.KeyValue("order") == "" {
		d.fail(p.path, "The order has no number (E1EDK01 BELNR, E1EDK02 001).")
	}
	return d.emit(ignored(p.segments))
}
