package idoc

import (
	"cmp"
	"slices"
	"strings"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/inventory"
)

// deliveryStep is what a message about a delivery tells: who speaks, of which
// workflow, and which step of it.
type deliveryStep struct {
	workflow, step, system string
	sign                   int
	pending                bool // wanted, not done
}

// told says what a delivery's message tells. Kinds of deliveries: LF to a
// customer, NL and NLCC to a store or warehouse of one's own (stock transport
// order), UL without reference, EL an inbound one, LR and RL returns.
func told(message, direct, kind string, reasons []string) deliveryStep {
	own := strings.HasPrefix(kind, "NL") || kind == "UL" || kind == "NK"
	inbound := kind == "EL" || strings.HasPrefix(kind, "E")
	back := kind == "LR" || kind == "RL" || kind == "RLL"
	has := func(reason string) bool { return slices.Contains(reasons, reason) }
	switch message {
	case "DESADV", "SHPADV":
		switch {
		case direct == "2", inbound:
			return deliveryStep{"receipt", "shipped", "supplier", -1, false}
		case own:
			return deliveryStep{"transfer", "shipped", "erp", -1, false}
		case back:
			return deliveryStep{"return", "announced", "erp", +1, true}
		default:
			return deliveryStep{"fulfilment", "shipped", "erp", -1, false}
		}
	case "WHSCON", "SHPCON":
		switch {
		case inbound:
			return deliveryStep{"receipt", "received", "wms", +1, false}
		case back:
			return deliveryStep{"return", "received", "wms", +1, false}
		case own && (has("PGI") || message == "SHPCON"):
			return deliveryStep{"transfer", "shipped", "wms", -1, false}
		case own:
			return deliveryStep{"transfer", "picked", "wms", -1, false}
		case has("PGI") || message == "SHPCON" && !has("PIC"):
			return deliveryStep{"fulfilment", "shipped", "wms", -1, false}
		default:
			return deliveryStep{"fulfilment", "picked", "wms", -1, false}
		}
	case "STPPOD":
		return deliveryStep{"fulfilment", "delivered", "erp", -1, false}
	default: // WHSORD, SHPORD, DESADV-like orders to a warehouse
		switch {
		case inbound:
			return deliveryStep{"receipt", "announced", "erp", +1, true}
		case own:
			return deliveryStep{"transfer", "ordered", "erp", -1, true}
		default:
			return deliveryStep{"fulfilment", "ordered", "erp", -1, true}
		}
	}
}

// deliveries reads DELVRY: DESADV, SHPCON, WHSCON, WHSORD and their kin.
func (r *reader) deliveries(p *piece) error {
	for _, h := range p.all("E1EDL20") {
		kind := ""
		for _, s := range h.below("E1EDL21") {
			kind = s.get("LFART")
		}
		var reasons []string
		for _, s := range h.below("E1EDL18") {
			reasons = append(reasons, s.get("QUALF"))
		}
		message := p.control.get("MESTYP")
		t := told(message, p.control.get("DIRECT"), kind, reasons)
		partners := map[string]string{}
		for _, s := range h.below("E1ADRM1") {
			partners[s.get("PARTNER_Q")] = s.get("PARTNER_ID")
		}
		if err := r.delivery(p, h, t, kind, partners, slices.Contains(reasons, "DEL")); err != nil {
			return err
		}
	}
	return nil
}

// delivery yields the events of a delivery: one for each plant that its items
// leave or reach.
func (r *reader) delivery(p *piece, h *segment, t deliveryStep, kind string, partners map[string]string, deleted bool) error {
	var order []string
	drafts := map[string]*draft{}
	items := h.below("E1EDL24")
	for _, s := range items {
		at := s.get("WERKS")
		if at == "" && t.workflow == "receipt" {
			at = partners["WE"] // the goods are announced to whoever they are shipped to
		}
		at = cmp.Or(at, partners["OSP"], h.get("VSTEL"))
		d := drafts[at]
		if d == nil {
			d = r.delivered(p, h, t, at)
			d.keep("delivery_type", kind)
			for name, id := range map[string]string{"ship_to": partners["WE"], "sold_to": partners["AG"], "vendor": partners["LF"]} {
				d.keep(name, id)
			}
			if deleted {
				d.event.Outcome = inventory.Reversed
			}
			drafts[at], order = d, append(order, at)
		}
		d.deliveryItem(s, t, at, partners["WE"])
	}
	if len(items) == 0 {
		return r.refuse(p, h.path, "The delivery %s has no items (E1EDL24): send it whole.", show(h.get("VBELN")))
	}
	for i, at := range order {
		var rest map[string]int
		if i == len(order)-1 {
			rest = ignored([]*segment{h})
		}
		d := drafts[at]
		if orders := predecessors(items); t.workflow == "transfer" && len(orders) == 1 {
			// Several would be bound into one transfer for ever.
			d.key(inventory.KeyTransfer, orders[0])
		}
		d.splits(h.path)
		booked := d.booked(h, t)
		if err := d.emit(rest); err != nil {
			return err
		}
		if booked != nil && d.wrong == nil {
			if err := booked.emit(nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// splits looks after items that are divided by batch: some senders leave the whole
// quantity on the item and write it on its parts again.
func (d *draft) splits(path string) {
	type part struct{ main, item, uom string }
	sums := map[part]inventory.Decimal{}
	for _, l := range d.event.Lines {
		if main := l.Attributes["main_item"]; main != "" {
			k := part{inventory.Unpad(main), l.Item, l.UOM}
			sums[k] = sums[k].Add(l.Quantity)
		}
	}
	for i := range d.event.Lines {
		l := &d.event.Lines[i]
		sum, divided := sums[part{inventory.Unpad(l.Line), l.Item, l.UOM}]
		if divided && sum == l.Quantity && !sum.IsZero() && l.Attributes["main_item"] == "" {
			l.Stock = "none"
			d.note(format.NotStandard, path, "The item %s says the quantity %s that its batches (UECHA, HIPOS) have together: it is not counted beside them.", l.Line, l.Quantity.Abs())
		}
	}
}

// predecessors are the orders that the items were made from.
func predecessors(items []*segment) []string {
	var all []string
	for _, s := range items {
		if v := s.get("VGBEL"); v != "" && !slices.Contains(all, v) {
			all = append(all, v)
		}
	}
	return all
}

// booked is what the ERP says besides of its own delivery that has an actual goods
// issue: that it has booked it. It is nil where there is none.
func (d *draft) booked(h *segment, t deliveryStep) *draft {
	step := map[string]string{"transfer": "issue_posted", "fulfilment": "posted"}[t.workflow]
	if d.event.System != "erp" || d.event.Step != "shipped" || step == "" || d.event.Outcome != "" {
		return nil
	}
	for _, s := range h.below("E1EDT13") {
		if s.get("QUALF") == goodsIssue && !blank(s.get("ISDD")) {
			n := *d
			n.event.Step = step
			n.event.Lines = slices.Clone(d.event.Lines)
			n.event.Keys = slices.Clone(d.event.Keys)
			n.notes = nil // they are with the shipment
			return &n
		}
	}
	return nil
}

// goodsIssue is the qualifier of the date on which goods left (E1EDT13).
const goodsIssue = "006"

// delivered begins an event of a delivery.
func (r *reader) delivered(p *piece, h *segment, t deliveryStep, at string) *draft {
	d := r.draft(p, t.workflow, t.step, t.system)
	e := &d.event
	e.Location, e.LocationScheme = at, "plant"
	d.key(inventory.KeyDelivery, h.get("VBELN"))
	if blank(h.get("VBELN")) {
		d.fail(h.path, "The delivery has no number (VBELN), so nothing else can be told to belong to it.")
	}
	d.key("shipment", h.get("BOLNR"))
	d.key("reference", h.get("LIFEX"))
	for _, s := range h.below("E1EDL37") {
		unit := s.get("EXIDV")
		if len(unit) == 20 && strings.HasPrefix(unit, "00") {
			unit = unit[2:] // the application identifier of an SSCC
		}
		d.key("sscc", unit)
	}
	if t.pending {
		e.Outcome = inventory.Pending
	} else if o := outcomes[p.control.get("STATUS")]; o == inventory.Failed {
		d.judge(p.control.get("STATUS"), "", "")
	}
	d.keep("status", p.control.get("STATUS"))
	// 006 is the goods issue, 007 the delivery, 017 the arrival. Actual dates tell
	// when it happened; planned ones only when it should.
	wanted := map[string]string{"shipped": goodsIssue, "received": "017", "delivered": "007"}[t.step]
	for _, s := range h.below("E1EDT13") {
		if wanted != "" && s.get("QUALF") == wanted {
			if blank(s.get("ISDD")) && t.step == "shipped" && t.system == "erp" && e.Outcome == "" {
				e.Outcome = inventory.Pending
				d.keep("status_text", "The goods issue has no actual date yet")
			}
			d.at(s.get("ISDD"), s.get("ISDZ"), cmp.Or(s.get("TZONE_END"), s.get("TZONE_BEG")), s.path)
		}
	}
	return d
}

// deliveryItem adds an item. The quantity in the base unit is the one stock is
// kept in; the other is kept beside it.
func (d *draft) deliveryItem(s *segment, t deliveryStep, from, to string) {
	l := inventory.Line{Line: s.get("POSNR"), Activity: t.workflow}
	d.article(&l, s.get("MATNR_LONG", "MATNR"), s.get("EAN11"), s.path)
	if l.Item == "" {
		l.Item, l.ItemScheme = s.get("KDMAT"), "customer"
	}
	quantity, unit := s.get("LGMNG"), s.get("MEINS")
	sold, soldIn := s.get("LFIMG"), s.get("VRKME")
	if quantity == "" {
		quantity, unit = sold, soldIn
	} else if unit != soldIn && sold != "" {
		keep(&l.Attributes, "delivered", strings.TrimSpace(sold+" "+soldIn))
	}
	if quantity == "" {
		d.fail(s.path, "The item %s has no quantity (LFIMG, LGMNG).", l.Line)
		return
	}
	l.Quantity = d.quantity(quantity, s.path)
	if t.sign < 0 {
		l.Quantity = l.Quantity.Neg()
	}
	l.UOM = d.unit(unit, s.path)
	if t.workflow == "transfer" {
		l.LocationFrom, l.LocationTo = from, to
	}
	for name, fields := range map[string][]string{"storage_location": {"LGORT"}, "batch": {"CHARG"}, "supplier_batch": {"LICHN"}, "main_item": {"HIPOS", "UECHA"}} {
		if v := s.get(fields...); !blank(v) {
			keep(&l.Attributes, name, v)
		}
	}
	for _, k := range s.below("E1EDL11") {
		keep(&l.Attributes, "serial", strings.TrimPrefix(l.Attributes["serial"]+","+k.get("SERNR"), ","))
	}
	d.key("order", s.get("VGBEL"))
	for _, k := range s.below("E1EDL43") {
		if k.get("QUALF") == "C" || k.get("QUALF") == "V" {
			d.key("order", k.get("BELNR"))
		}
	}
	for _, k := range s.below("E1EDL41") {
		if k.get("QUALI") == "001" {
			d.key("customer_order", k.get("BSTNR"))
		}
	}
	d.event.Lines = append(d.event.Lines, l)
}
