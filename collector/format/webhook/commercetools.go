package webhook

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/jsonread"
	"github.com/stocktrace/stocktrace/inventory"
)

// commercetools: messages of its subscriptions, plain or as CloudEvents, and
// inventory entries by themselves.

func detectCommercetools(names []string, head []byte, _ format.Source) bool {
	return has(names, "quantityOnStock") || has(names, "notificationType", "resource") ||
		(has(names, "specversion") && strings.Contains(string(head), "com.commercetools."))
}

func readCommercetools(m *message) {
	v := m.body
	if v.Get("specversion").Given() && v.Get("data").Is(jsonread.Object) {
		v = v.Get("data")
	}
	if v.Get("quantityOnStock") != nil {
		commercetoolsEntry(m, v, v)
		return
	}
	kind := v.Get("type").String()
	switch {
	case v.Get("notificationType").Given() && v.Get("notificationType").String() != "Message":
		m.problem(v, fmt.Sprintf("%s says that something changed, and not what: subscribe to messages.", short(v.Get("notificationType").String())))
	case kind == "InventoryEntryCreated":
		commercetoolsEntry(m, v.Get("inventoryEntry"), v)
	case kind == "InventoryEntryQuantitySet":
		commercetoolsQuantity(m, v)
	case kind == "InventoryEntryDeleted":
		commercetoolsGone(m, v)
	case kind == "OrderCreated", kind == "OrderImported":
		commercetoolsOrder(m, v)
	case strings.HasPrefix(kind, "Order"), kind == "DeliveryAdded", kind == "ReturnInfoAdded", kind == "ReturnInfoSet",
		strings.HasPrefix(kind, "Parcel"), strings.HasPrefix(kind, "LineItemState"):
		commercetoolsChange(m, kind, v)
	default:
		m.problem(v, fmt.Sprintf("%q is not read here: of stock is told by messages of orders and inventory entries.", short(kind)))
	}
}

// channel takes the location from a supply channel; a project without channels
// has one stock.
func (d *draft) channel(v *jsonread.Value, around *jsonread.Value) {
	d.place("commercetools_channel", v.First("key", "id"))
	if d.Location == "" && d.m.source.Location == "" {
		d.place("commercetools_project", around.Get("projectKey"))
	}
}

func (d *draft) message(v *jsonread.Value, kind string) {
	id := d.text(v.Get("id"))
	if id == "" {
		d.fail(v, "is a message without id.")
	}
	d.keep("commercetools.sequence", v.Get("sequenceNumber"))
	d.identify("message", kind, id)
}

// commercetoolsEntry: what is on stock and what of it can be sold, as absolute
// counts.
func commercetoolsEntry(m *message, v, around *jsonread.Value) {
	d := m.draft(v, "snapshot", "reported", "ecommerce")
	d.channel(v.Get("supplyChannel"), around)
	d.when(v.First("lastModifiedAt", "createdAt"), around.Get("createdAt"))
	sku := strings.TrimSpace(v.Get("sku").String())
	if sku == "" {
		d.fail(cmp.Or(v, around), "is an inventory entry without sku.")
	}
	id := d.text(v.Get("id"))
	d.key("inventory_entry", id)
	d.keep("commercetools.key", v.Get("key"))
	d.counts(v, sku, v.Get("quantityOnStock"), v.Get("availableQuantity"))
	d.identify("inventory_entry", cmp.Or(id, sku), v.Get("version").String(), d.TimeAsSent)
	d.done()
}

func (d *draft) counts(at *jsonread.Value, sku string, onStock, available *jsonread.Value) {
	line := inventory.Line{Item: sku, ItemScheme: "sku", UOM: "EA", Measure: "absolute", AsOf: d.TimeAsSent}
	if q, ok := d.quantity(onStock, at); ok {
		line.Bucket, line.Quantity = "on_hand", q
		d.line(line)
	}
	if !available.Given() {
		return
	}
	if q, ok := d.quantity(available, at); ok {
		line.Bucket, line.Quantity = "available", q
		d.line(line)
	}
}

func commercetoolsQuantity(m *message, v *jsonread.Value) {
	d := m.draft(v, "snapshot", "reported", "ecommerce")
	d.channel(v.Get("supplyChannel"), v)
	d.when(v.Get("createdAt"))
	sku := strings.TrimSpace(v.Get("resourceUserProvidedIdentifiers", "sku").String())
	if sku == "" {
		d.fail(v, "names no sku (resourceUserProvidedIdentifiers): nothing can be counted from it.")
	}
	d.key("inventory_entry", d.text(v.Get("resource", "id")))
	d.keep("commercetools.old_quantity", v.Get("oldQuantityOnStock"))
	d.counts(v, sku, v.Get("newQuantityOnStock"), v.Get("newAvailableQuantity"))
	d.message(v, "InventoryEntryQuantitySet")
	d.done()
}

// commercetoolsGone: nothing is counted there any more, which is not a count of
// nothing.
func commercetoolsGone(m *message, v *jsonread.Value) {
	d := m.draft(v, "snapshot", "removed", "ecommerce")
	d.channel(v.Get("supplyChannel"), v)
	d.when(v.Get("createdAt"))
	d.key("inventory_entry", d.text(v.Get("resource", "id")))
	d.keep("commercetools.sku", v.First("sku"))
	d.message(v, "InventoryEntryDeleted")
	d.done()
}

func (d *draft) commercetoolsOrder(v *jsonread.Value) string {
	id := d.text(v.Get("resource", "id"))
	if order := v.Get("order"); order.Given() {
		id = cmp.Or(id, d.text(order.Get("id")))
		d.key("order", d.text(order.Get("orderNumber")))
	}
	d.key("order", d.text(v.Get("resourceUserProvidedIdentifiers", "orderNumber")))
	d.key("order", id)
	if id == "" {
		d.fail(v, "names no order.")
	}
	return id
}

func commercetoolsOrder(m *message, v *jsonread.Value) {
	order := v.Get("order")
	d := m.draft(v, "fulfilment", "ordered", "oms")
	id := d.commercetoolsOrder(v)
	d.place("commercetools_store", order.Get("store", "key"))
	d.channel(nil, v)
	d.when(order.Get("createdAt"), v.Get("createdAt"))
	d.CorrelationID = "commercetools:" + id
	for _, item := range order.Get("lineItems").List() {
		q, ok := d.quantity(item.Get("quantity"), item)
		if !ok {
			continue
		}
		sku := strings.TrimSpace(item.Get("variant", "sku").String())
		l := inventory.Line{Line: d.text(item.Get("id")), Item: sku, ItemScheme: "sku", Quantity: q.Neg(), UOM: "EA"}
		if sku == "" {
			l.Item, l.ItemScheme = d.text(item.Get("productId")), "commercetools_product"
		}
		l.LocationFrom = d.text(item.Get("supplyChannel").First("key", "id"))
		l.UnitValue, l.Currency = d.cents(item.Get("price", "value"))
		if l.UnitValue != "" {
			l.ValueBasis = map[bool]string{true: "retail_gross", false: "retail_net"}[item.Get("taxRate", "includedInPrice").String() == "true"]
		}
		d.line(l)
	}
	d.message(v, v.Get("type").String())
	d.done()
}

// cents reads money that is sent in its smallest unit, with how many digits that
// has.
func (d *draft) cents(v *jsonread.Value) (amount, currency string) {
	digits := cmp.Or(v.Get("fractionDigits").String(), "2")
	if !v.Get("centAmount").Given() {
		return "", ""
	}
	exact, err := jsonread.Decimal(v.Get("centAmount").String() + "e-" + digits)
	if err != nil {
		d.note(format.NotStandard, v, "is no amount that can be kept exactly: left out.")
		return "", ""
	}
	return exact.String(), v.Get("currencyCode").String()
}

// commercetoolsChange: what becomes of an order.
func commercetoolsChange(m *message, kind string, v *jsonread.Value) {
	d := m.draft(v, "fulfilment", stepName(kind), "oms")
	id := d.commercetoolsOrder(v)
	d.channel(v.Get("supplyChannel"), v)
	d.when(v.Get("delivery", "createdAt"), v.Get("createdAt"))
	d.CorrelationID = "commercetools:" + id
	switch kind {
	case "OrderStateChanged":
		switch state := v.Get("orderState").String(); state {
		case "Cancelled":
			d.Step, d.Outcome = "ordered", inventory.Reversed
		case "Complete":
			d.Step = "completed"
		default:
			d.Step = cmp.Or(stepName(state), d.Step)
		}
	case "OrderShipmentStateChanged":
		switch state := v.Get("shipmentState").String(); state {
		case "Shipped":
			d.Step = "confirmed"
		default:
			d.Step = "shipment_" + cmp.Or(stepName(state), "changed")
		}
	case "DeliveryAdded":
		// It names lines of the order and not their items: what left is not known.
		d.Step = "shipped"
		d.key("fulfillment", d.text(v.Get("delivery", "id")))
		for _, parcel := range v.Get("delivery", "parcels").List() {
			d.key("shipment", d.text(parcel.Get("trackingData", "trackingId")))
		}
		d.keep("commercetools.items", v.Get("delivery", "items"))
	case "ReturnInfoAdded", "ReturnInfoSet", "OrderReturnShipmentStateChanged":
		d.commercetoolsReturn(kind, v, id)
	}
	d.message(v, kind)
	d.done()
}

// commercetoolsReturn: a return is advised, comes back, and goes back on stock or
// is unusable. Its items are lines of the order, not named.
func (d *draft) commercetoolsReturn(kind string, v *jsonread.Value, order string) {
	d.Workflow, d.CorrelationID = "online_return", ""
	d.ref("returns", "order", order)
	state := v.Get("returnShipmentState").String()
	item := d.text(v.Get("returnItemId"))
	d.keep("commercetools.items", v.Get("returnInfo", "items"))
	if info := v.Get("returnInfo"); info.Given() {
		d.key("return_tracking", d.text(info.Get("returnTrackingId")))
	}
	d.key("return_item", item)
	if item == "" {
		item = d.text(v.Get("id"))
	}
	d.key(inventory.KeyRMA, "commercetools:"+item)
	switch {
	case state == "Returned":
		d.Step = "received"
	case state != "":
		d.Step = stepName(state)
	case kind == "OrderReturnShipmentStateChanged":
		d.Step = "updated"
	default:
		d.Step = "advised"
	}
}
