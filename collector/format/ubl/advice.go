package ubl

import (
	"cmp"
	"fmt"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/xmlread"
	"github.com/stocktrace/stocktrace/collector/gs1"
	"github.com/stocktrace/stocktrace/inventory"
)

// workflow tells a supplier's delivery from a transfer between one's own places:
// who speaks as a supplier, or is spoken to as a buyer of one, delivers.
func (d *document) workflow() string {
	if s := d.source.System; s == "" || s == "supplier" || d.root.Name() == "ReceiptAdvice" && s == "wms" {
		return "receipt"
	}
	return "transfer"
}

// despatchAdvice reads what was sent: lines with a minus, to the place they go.
func (d *document) despatchAdvice() {
	root := d.root
	workflow := d.workflow()
	d.system("supplier")
	from := d.party(root.Child("DespatchSupplierParty"))
	if from.id == "" {
		from = d.party(root.Child("SellerSupplierParty"))
	}
	shipment := root.Child("Shipment")
	delivery := shipment.Child("Delivery")
	if address := d.location(delivery.At("Despatch", "DespatchLocation")); address.id != "" {
		from = address
	}
	to := []place{
		d.location(delivery.Child("DeliveryLocation")), d.location(delivery.Child("DeliveryAddress")), d.party(delivery.Child("DeliveryParty")),
		d.party(root.Child("DeliveryCustomerParty")), d.party(root.Child("BuyerCustomerParty")),
	}
	goal := ""
	for _, p := range to {
		goal = cmp.Or(goal, p.id)
	}
	if workflow == "transfer" {
		// It is the place that ships that speaks.
		to = append([]place{from}, to...)
	}
	d.at(to...)
	despatch := delivery.Child("Despatch")
	d.happened(momentOf(despatch, "ActualDespatchDate", "ActualDespatchTime"), d.issued)
	e := d.event(workflow, "shipped")
	d.key(&e, inventory.KeyDelivery, root.Child("ID").Text())
	d.shipment(&e, shipment)
	n := 0
	for line := range root.Children("DespatchLine") {
		n++
		l := d.line(&e, line)
		q, unit, ok := d.quantity(line.Child("DeliveredQuantity"))
		l.Quantity, l.UOM = q.Neg(), unit
		l.LocationFrom, l.LocationTo = from.id, goal
		for _, name := range []string{"BackorderQuantity", "OutstandingQuantity", "OversupplyQuantity"} {
			attribute(&l, name, line.Child(name).Text())
		}
		attribute(&l, "OutstandingReason", cmp.Or(line.Child("OutstandingReason").Text(), line.Child("BackorderReason").Text()))
		if !ok {
			d.note(format.NotStandard, line.Path(), fmt.Sprintf("Line %s says no quantity delivered: read as none.", show(l.Line)))
		}
		e.Lines = append(e.Lines, l)
	}
	if n == 0 {
		d.fail("", "The despatch advice has no lines: it says that something was sent, but not what.")
		return
	}
	d.events = append(d.events, e)
	d.counted(n)
}

// receiptAdvice reads what arrived: what was accepted, and apart from it what was
// refused. What is short has not arrived; how much stands beside the line.
func (d *document) receiptAdvice() {
	root := d.root
	workflow := d.workflow()
	d.system("wms")
	shipment := root.Child("Shipment")
	delivery := shipment.Child("Delivery")
	to := []place{
		d.location(delivery.Child("DeliveryLocation")), d.location(delivery.Child("DeliveryAddress")),
		d.party(root.Child("DeliveryCustomerParty")), d.party(root.Child("BuyerCustomerParty")),
	}
	d.at(to...)
	d.happened(momentOf(delivery, "ActualDeliveryDate", "ActualDeliveryTime"), d.issued)
	e := d.event(workflow, "received")
	d.key(&e, "receiving_advice", root.Child("ID").Text())
	for n := range root.Children("DespatchDocumentReference") {
		d.key(&e, inventory.KeyDelivery, n.Child("ID").Text())
	}
	d.shipment(&e, shipment)
	n := 0
	for line := range root.Children("ReceiptLine") {
		n++
		e.Lines = append(e.Lines, d.received(&e, line)...)
	}
	if n == 0 {
		d.fail("", "The receipt advice has no lines: it says that something arrived, but not what.")
		return
	}
	d.events = append(d.events, e)
	d.counted(n)
}

// received splits a line into what was accepted and what was refused. Refused is
// part of received (UBL 2.1, ReceiptLine); where it is more, the sender counts
// them apart.
func (d *document) received(e *inventory.Event, line xmlread.Node) []inventory.Line {
	l := d.line(e, line)
	for ref := range line.Children("DespatchLineReference") {
		if of := ref.At("DocumentReference", "ID").Text(); of != "" {
			d.key(e, inventory.KeyDelivery, of)
		}
		attribute(&l, "DespatchLine", ref.Child("LineID").Text())
	}
	q, unit, has := d.quantity(line.Child("ReceivedQuantity"))
	rejected, rejectedUnit, refuses := d.quantity(line.Child("RejectedQuantity"))
	short, _, _ := d.quantity(line.Child("ShortQuantity"))
	over, _, _ := d.quantity(line.Child("OversupplyQuantity"))
	for _, name := range []string{"ShortageActionCode", "QuantityDiscrepancyCode", "TimingComplaintCode", "ReceivedDate"} {
		attribute(&l, name, line.Child(name).Text())
	}
	if !short.IsZero() {
		attribute(&l, "ShortQuantity", short.String())
	}
	if !over.IsZero() {
		attribute(&l, "OversupplyQuantity", over.String())
	}
	l.Quantity, l.UOM = q, cmp.Or(unit, rejectedUnit)
	if !has && !refuses {
		d.note(format.NotStandard, line.Path(), fmt.Sprintf("Line %s says no quantity received: read as none.", show(l.Line)))
	}
	if !refuses || rejected.IsZero() {
		return []inventory.Line{l}
	}
	refused := l
	refused.Attributes = nil
	refused.ItemIDs = append([]inventory.Key(nil), l.ItemIDs...)
	refused.Quantity, refused.Status, refused.UOM = rejected, "rejected", cmp.Or(rejectedUnit, unit)
	attribute(&refused, "RejectReason", cmp.Or(line.Child("RejectReasonCode").Text(), line.Child("RejectReason").Text()))
	line.Child("RejectReason").Text()
	attribute(&refused, "RejectActionCode", line.Child("RejectActionCode").Text())
	switch {
	case rejectedUnit != "" && unit != "" && rejectedUnit != unit:
		d.note(format.NotStandard, line.Path(), fmt.Sprintf("What was received is in %s and what was refused in %s: neither was taken from the other.", unit, rejectedUnit))
	case rejected.Cmp(q) > 0:
		d.note(format.NotStandard, line.Path(), fmt.Sprintf("More was refused (%s) than received (%s): read as refused besides what was received.", rejected, q))
	default:
		l.Quantity = q.Sub(rejected)
	}
	if l.Quantity.IsZero() {
		// All of it was refused; what else the line says stays with it.
		for name, value := range l.Attributes {
			attribute(&refused, name, value)
		}
		return []inventory.Line{refused}
	}
	return []inventory.Line{l, refused}
}

// line reads what lines of both advices have in common.
func (d *document) line(e *inventory.Event, n xmlread.Node) inventory.Line {
	l := inventory.Line{Line: n.Child("ID").Text()}
	for ref := range n.Children("OrderLineReference") {
		d.key(e, "order", ref.At("OrderReference", "ID").Text())
		attribute(&l, "OrderLine", ref.Child("LineID").Text())
	}
	d.item(&l, n.Child("Item"))
	n.Child("Note").Text()
	return l
}

// shipment reads the numbers a shipment is known by.
func (d *document) shipment(e *inventory.Event, n xmlread.Node) {
	d.key(e, "shipment", n.Child("ID").Text())
	d.key(e, "consignment", n.At("Consignment", "ID").Text())
	for unit := range n.Children("TransportHandlingUnit") {
		id := unit.Child("ID")
		value := id.Text()
		if len(value) == 20 && value[:2] == "00" {
			value = value[2:] // application identifier 00
		}
		if len(value) != 18 {
			d.key(e, "handling_unit", value)
			continue
		}
		if !gs1.Valid(value) {
			d.note(format.CheckDigit, id.Path(), show(value)+" has the form of an SSCC, but its check digit is wrong: kept as sent.")
		}
		d.key(e, "sscc", value)
	}
}
