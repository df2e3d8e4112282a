package idoc

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/stocktrace/stocktrace/inventory"
)

// posStep is the step that a receipt's IDoc tells of, by who tells: the till that
// it was sold, middleware that it is mapped for the ERP, and the ERP how far its
// posting has come.
func (d *draft) posStep() {
	switch d.event.System {
	case "pos":
		d.event.Step = "completed"
	case "middleware":
		d.event.Step = "mapped"
	default:
		d.judge(d.p.control.get("STATUS"), "", "")
	}
}

// receipts reads WPUBON: receipts that are not aggregated.
func (r *reader) receipts(p *piece) error {
	all := p.all("E1WPB01")
	if len(all) == 0 {
		return r.refuse(p, p.path, "The WPUBON IDoc has no receipt (E1WPB01): send it whole.")
	}
	for _, h := range all {
		d := r.draft(p, "sale", "posted", "erp")
		e := &d.event
		e.Location, e.LocationScheme = cmp.Or(p.control.get("SNDPRN"), r.source.Location), "store"
		e.Register = h.get("KASSID")
		e.Operator = h.get("KASSIERER")
		receipt := h.get("BONNUMMER")
		if receipt == "" {
			d.fail(h.path, "The receipt has no number (BONNUMMER), so nothing else can be told to belong to it.")
		}
		d.key(inventory.KeyReceipt, receipt)
		d.at(h.get("VORGDATUM"), h.get("VORGZEIT"), "", h.path)
		currency := h.get("BELEGWAERS")
		sold := false
		for _, s := range h.below("E1WPB02") {
			l := d.posLine(s, "VORZEICHEN", "MENGE")
			l.Currency = currency
			keep(&l.Attributes, "serial", s.get("SERIENNR"))
			keep(&l.Attributes, "promotion", s.get("AKTIONSNR"))
			keep(&l.Attributes, "transaction_type", s.get("VORGANGART"))
			if ref := s.get("REFBONNR"); ref != "" && l.Quantity.Sign() > 0 {
				e.Refs = append(e.Refs, inventory.Ref{Rel: "returns", Line: l.Line, Keys: []inventory.Key{{Name: inventory.KeyReceipt, Value: ref}}})
			}
			sold = sold || l.Quantity.Sign() < 0
			e.Lines = append(e.Lines, l)
		}
		if len(e.Lines) > 0 && !sold {
			e.Workflow = "return" // nothing was sold: one receipt may hold both
		}
		d.posStep()
		if err := d.emit(ignored([]*segment{h})); err != nil {
			return err
		}
	}
	return nil
}

// posLine reads an item of the POS interface. Its sign is in a field of its own:
// − is out of stock.
func (d *draft) posLine(s *segment, sign, quantity string) inventory.Line {
	l := inventory.Line{Line: numbered(s)}
	number := s.get("ARTNR_LONG", "ARTNR")
	if strings.HasPrefix(s.get("QUALARTNR"), "EAN") {
		d.article(&l, "", number, s.path)
	} else {
		d.article(&l, number, "", s.path)
	}
	if number == "" {
		d.fail(s.path, "The item has no article number (ARTNR).")
	}
	said := s.get(quantity)
	l.Quantity = d.quantity(said, s.path)
	switch mark := s.get(sign); {
	case mark == "-":
		l.Quantity = l.Quantity.Neg()
	case mark == "+":
	case strings.ContainsAny(said, "+-"):
	case mark == "":
		d.fail(s.path, "The item has no sign (%s), and none with its quantity: whether it was sold or came back cannot be told. Have the sender fill it.", sign)
	default:
		d.fail(s.path, "The item's sign (%s) is %s: + and - are known.", sign, show(mark))
	}
	if d.r.format.SoldIsPlus {
		l.Quantity = l.Quantity.Neg()
	}
	l.UOM = d.unit(s.get("SALES_UOM", "MEINH", "VRKME"), s.path)
	return l
}

// numbered is a segment's number among its siblings of the same name.
func numbered(s *segment) string { return strconv.Itoa(max(1, s.number)) }

// summaries reads WPUUMS: a store's day, added up by article. It covers receipts
// without naming them.
func (r *reader) summaries(p *piece) error {
	all := p.all("E1WPU01")
	if len(all) == 0 {
		return r.refuse(p, p.path, "The WPUUMS IDoc has no header (E1WPU01): send it whole.")
	}
	for _, h := range all {
		d := r.draft(p, "posting_batch", "posted", "erp")
		e := &d.event
		e.Location, e.LocationScheme = cmp.Or(p.control.get("SNDPRN"), r.source.Location), "store"
		date := h.get("BELEGDATUM", "VORGDATUM")
		if e.BusinessDate = day(date); e.BusinessDate == "" {
			d.fail(h.path, "The business date (BELEGDATUM) is %s, and no day.", show(date))
		}
		if number := p.control.get("DOCNUM"); !blank(number) {
			e.CorrelationID = about(p.control.get("SNDPRN"), number)
		}
		e.Covers = &inventory.Covers{Location: e.Location, BusinessDate: e.BusinessDate, Slice: h.get("KASSID", "POSKREIS")}
		e.Register = h.get("KASSID")
		for _, s := range h.below("E1WPU02") {
			l := d.posLine(s, "VORZMENGE", "UMSMENGE")
			l.Currency = h.get("BELEGWAERS")
			keep(&l.Attributes, "promotion", s.get("AKTIONSNR"))
			keep(&l.Attributes, "value", s.get("VORZWERT")+s.get("UMSWERT"))
			e.Lines = append(e.Lines, l)
		}
		d.judge(p.control.get("STATUS"), "", "")
		if err := d.emit(ignored([]*segment{h})); err != nil {
			return err
		}
	}
	return nil
}
