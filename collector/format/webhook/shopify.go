package webhook

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/jsonread"
	"github.com/stocktrace/stocktrace/inventory"
)

// Shopify's Admin API webhooks, versions 2023-07 to 2026-04. Numbers of its
// objects are global: gid://shopify/Order/820982911946154508 names one order
// everywhere. Bodies carry them as JSON numbers, and admin_graphql_api_id besides,
// as text. The text is believed.

func detectShopify(names []string, head []byte, source format.Source) bool {
	if header(source.Header, "X-Shopify-Topic") != "" {
		return true
	}
	return strings.Contains(string(head), "gid://shopify/") || has(names, "inventory_item_id", "location_id", "available")
}

func readShopify(m *message) {
	topic := m.header("X-Shopify-Topic")
	if topic == "" {
		if topic = shopifyShape(m.body); topic == "" {
			m.problem(m.body, "came without X-Shopify-Topic and is of no shape known here: send the header.")
			return
		}
		m.notes = append(m.notes, format.Note{
			Code: format.NotStandard, Path: path(m.body),
			Detail: "came without the header X-Shopify-Topic: read as " + topic + " by its shape.",
		})
	}
	resource, action, _ := strings.Cut(topic, "/")
	switch resource {
	case "orders":
		shopifyOrder(m, action)
	case "refunds":
		shopifyRefund(m)
	case "fulfillments":
		shopifyFulfillment(m, action)
	case "fulfillment_events":
		shopifyTracking(m)
	case "returns", "reverse_deliveries", "reverse_fulfillment_orders":
		shopifyReturn(m, resource, action)
	case "inventory_levels":
		shopifyLevel(m, action)
	case "inventory_transfers", "inventory_shipments":
		shopifyTransfer(m, resource, action)
	default:
		m.problem(m.body, fmt.Sprintf("%q is a topic that is not read here: of stock is told by orders, fulfillments, refunds, returns, inventory_levels, inventory_transfers and inventory_shipments.", short(topic)))
	}
}

// shopifyShape guesses the topic of a body that came without one.
func shopifyShape(v *jsonread.Value) string {
	id := v.Get("id").String() + v.Get("admin_graphql_api_id").String()
	switch {
	case v.Get("inventory_item_id") != nil && v.Get("available") != nil:
		return "inventory_levels/update"
	case v.Get("refund_line_items") != nil:
		return "refunds/create"
	case strings.Contains(id, "/InventoryTransfer/"):
		return "inventory_transfers/" + map[string]string{
			"TRANSFERRED": "complete", "READY_TO_SHIP": "ready_to_ship", "CANCELED": "cancel",
		}[v.Get("status").String()]
	case strings.Contains(id, "/InventoryShipment/"):
		return "inventory_shipments/" + map[string]string{
			"IN_TRANSIT": "mark_in_transit", "RECEIVED": "receive_items", "PARTIALLY_RECEIVED": "receive_items",
		}[v.Get("status").String()]
	case v.Get("order_id") != nil && v.Get("line_items") != nil:
		return "fulfillments/create"
	case v.Get("line_items") != nil && v.Get("order_number") != nil:
		return "orders/create"
	}
	return ""
}

// gid is the global id of an object of that kind: its text, else its number.
func (d *draft) gid(v *jsonread.Value, kind string) string {
	sent, number := v.Get("admin_graphql_api_id").String(), v.Get("id")
	if strings.HasPrefix(number.String(), "gid://") {
		return number.String()
	}
	if sent == "" {
		if n := d.text(number); n != "" {
			return "gid://shopify/" + kind + "/" + n
		}
		return ""
	}
	return d.believed(sent, number)
}

// believed is the global id, with a note where the number beside it is another:
// it was rounded.
func (d *draft) believed(sent string, number *jsonread.Value) string {
	n := number.String()
	if n != "" && !strings.HasSuffix(sent, "/"+n) && !strings.HasSuffix(sent, "="+n) {
		d.note(format.IDRounded, number, fmt.Sprintf("%s was rounded on its way, since %s stands beside it: the latter was read.", n, sent))
	}
	return sent
}

// number is the last part of a global id: what people and other systems call the
// object.
func number(gid string) string { return gid[strings.LastIndexAny(gid, "/=")+1:] }

// shop gives the event the place that is left where none is named: the shop.
func (d *draft) shop() {
	if d.Location == "" && d.m.source.Location == "" {
		if domain := d.m.header("X-Shopify-Shop-Domain"); domain != "" {
			d.Location, d.LocationScheme = domain, "shop"
		}
	}
	for name, head := range map[string]string{"shop": "X-Shopify-Shop-Domain", "webhook_id": "X-Shopify-Webhook-Id", "event_id": "X-Shopify-Event-Id"} {
		if v := d.m.header(head); v != "" {
			d.Attributes["shopify."+name] = v
		}
	}
}

// order relates the event to its order, by global id and by the number people
// say.
func (d *draft) order(gid, name string) {
	if gid == "" {
		return
	}
	d.key("order", number(gid))
	d.key("order", name)
}

// shopifyOrder: an order taken at a till is a sale; any other is to be fulfilled.
func shopifyOrder(m *message, action string) {
	v := m.body
	if edit := v.Get("order_edit"); edit.Given() {
		shopifyEdit(m, edit)
		return
	}
	workflow, system, step := "fulfilment", "oms", map[string]string{
		"create": "ordered", "cancelled": "ordered", "delete": "ordered", "fulfilled": "confirmed",
	}[action]
	if step == "" {
		step = cmp.Or(stepName(action), "updated")
	}
	if v.Get("source_name").String() == "pos" {
		workflow, system = "sale", "pos"
		if step == "ordered" {
			step = "completed"
		}
	}
	d := m.draft(v, workflow, step, system)
	gid := d.gid(v, "Order")
	switch {
	case gid != "":
	case v.First("order_id", "admin_graphql_api_order_id").Given() && v.Get("line_items") == nil:
		m.problem(v, fmt.Sprintf("is about an order's %q, which says nothing of stock, and is not read: unsubscribe from it.", short(action)))
		return
	default:
		m.problem(v, "is an order without id.")
		return
	}
	d.place("shopify", v.Get("location_id"))
	d.shop()
	when := []*jsonread.Value{v.Get("updated_at"), v.Get("created_at")}
	switch action {
	case "create":
		when = []*jsonread.Value{v.First("processed_at", "created_at")}
	case "cancelled":
		d.Outcome = inventory.Reversed
		d.ReasonCode = v.Get("cancel_reason").String()
		when = []*jsonread.Value{v.Get("cancelled_at"), v.Get("updated_at")}
	case "delete":
		d.Outcome = inventory.Reversed
	}
	d.when(when...)
	d.CorrelationID = gid
	d.order(gid, v.Get("name").String())
	d.key("sales_order", v.Get("order_number").String())
	if workflow == "sale" {
		d.Register, d.Device = d.text(v.Get("device_id")), d.text(v.Get("device_id"))
		d.Operator = d.text(v.Get("user_id"))
	}
	d.Transaction = inventory.Transaction{Kind: "order", Mode: "live", Status: "completed"}
	if v.Get("test").String() == "true" {
		d.Transaction.Mode = "training"
	}
	if v.Get("cancelled_at").Given() && action != "cancelled" {
		d.Transaction.Status = "cancelled"
		d.Attributes["cancelled_at"] = v.Get("cancelled_at").String()
		d.Attributes["cancel_reason"] = v.Get("cancel_reason").String()
	}
	for _, name := range []string{"financial_status", "fulfillment_status", "source_name"} {
		d.keep(name, v.Get(name))
	}
	moves := step == "ordered" || step == "completed"
	// Of an order paid at the till, what is to be sent leaves with its fulfillment.
	sent := workflow == "sale" && len(v.Get("shipping_lines").List()) > 0 && v.Get("fulfillment_status").String() != "fulfilled"
	currency, basis := v.Get("currency").String(), shopifyBasis(v)
	for _, item := range v.Get("line_items").List() {
		l := d.shopifyLine(number(d.gid(item, "LineItem")), item, item, item.First("quantity", "current_quantity"), -1, moves, currency, basis)
		if l != nil && sent && l.Stock == "" && item.Get("fulfillment_status").String() != "fulfilled" {
			l.Activity, l.Stock = "sale_for_delivery", "value_only"
		}
	}
	at := ""
	if action != "create" && action != "delete" {
		at = d.TimeAsSent
	}
	d.identify("orders", action, number(gid), at)
	d.done()
}

// shopifyEdit: lines were added to an order or taken from it, by their numbers.
func shopifyEdit(m *message, v *jsonread.Value) {
	d := m.draft(m.body, "fulfilment", "edited", "oms")
	id, order := d.text(v.Get("id")), d.text(v.Get("order_id"))
	if id == "" || order == "" {
		d.fail(v, "is an edit without id or order_id.")
	}
	d.shop()
	d.when(v.First("committed_at", "created_at"))
	d.CorrelationID = "gid://shopify/Order/" + number(order)
	d.key("order", number(order))
	d.keep("shopify.line_items", v.Get("line_items"))
	d.identify("orders", "edited", number(order), number(id))
	d.done()
}

// shopifyTracking: where a parcel is on its way.
func shopifyTracking(m *message) {
	v := m.body
	d := m.draft(v, "fulfilment", "tracked", "carrier")
	id := number(d.gid(v, "FulfillmentEvent"))
	if id == "" {
		d.fail(v, "is a fulfillment event without id.")
	}
	d.shop()
	d.when(v.First("happened_at", "created_at"))
	if order := d.text(v.Get("order_id")); order != "" {
		d.CorrelationID = "gid://shopify/Order/" + order
		d.key("order", order)
	}
	d.key("fulfillment", d.text(v.Get("fulfillment_id")))
	d.keep("shipment_status", v.Get("status"))
	if m.header("X-Shopify-Topic") == "fulfillment_events/delete" {
		d.Outcome = inventory.Reversed
		d.identify("fulfillment_events", "delete", id)
	} else {
		d.identify("fulfillment_events", id)
	}
	d.done()
}

func shopifyBasis(v *jsonread.Value) string {
	if v.Get("taxes_included").String() == "true" {
		return "retail_gross"
	}
	return "retail_net"
}

// shopifyLine adds an item: by SKU, by variant where it has none. sign says
// whether it leaves or comes; what is no goods moves no stock.
func (d *draft) shopifyLine(id string, line, item, quantity *jsonread.Value, sign int, moves bool, currency, basis string) *inventory.Line {
	q, ok := d.quantity(quantity, line)
	if !ok {
		return nil
	}
	if sign < 0 {
		q = q.Neg()
	}
	l := inventory.Line{
		Line: id, Quantity: q, UOM: "EA",
		UnitValue: d.money(item.Get("price")),
	}
	if l.UnitValue != "" {
		l.Currency, l.ValueBasis = currency, basis
	}
	sku, variant := strings.TrimSpace(item.Get("sku").String()), d.text(item.Get("variant_id"))
	switch {
	case sku != "":
		l.Item, l.ItemScheme = sku, "sku"
		if variant != "" {
			l.ItemIDs = []inventory.Key{{Name: "shopify_variant", Value: variant}}
		}
	case variant != "":
		l.Item, l.ItemScheme = variant, "shopify_variant"
	default:
		l.Item, l.ItemScheme = l.Line, "shopify_line_item"
	}
	// A gift card, a service, something typed in at the till: no goods of the shop's.
	goods := item.Get("gift_card").String() != "true" && item.Get("requires_shipping").String() != "false" &&
		(item.Get("product_exists").String() != "false" || item.Get("product_id").Given())
	if !moves || !goods {
		l.Stock = "none"
	}
	d.line(l)
	return &d.Lines[len(d.Lines)-1]
}

// shopifyRefund: what comes back to stock is an online return; what does not is
// one that owes no goods; what was cancelled before it was shipped never left.
func shopifyRefund(m *message) {
	v := m.body
	branches := map[string][]*jsonread.Value{}
	for _, line := range v.Get("refund_line_items").List() {
		branch := "online_return"
		if line.Get("restock_type").String() == "cancel" {
			branch = "fulfilment"
		}
		branches[branch] = append(branches[branch], line)
	}
	if len(branches) == 0 {
		branches["online_return"] = nil // money alone
	}
	for _, workflow := range []string{"online_return", "fulfilment"} {
		lines, ok := branches[workflow]
		if !ok {
			continue
		}
		step := map[string]string{"online_return": "refunded", "fulfilment": "cancelled"}[workflow]
		d := m.draft(v, workflow, step, "oms")
		gid := d.gid(v, "Refund")
		if gid == "" {
			m.problem(v, "is a refund without id.")
			return
		}
		for _, line := range lines {
			d.place("shopify", line.Get("location_id"))
		}
		d.shop()
		d.when(v.Get("processed_at"), v.Get("created_at"))
		d.Operator = d.text(v.Get("user_id"))
		order := ""
		if id := d.text(v.Get("order_id")); id != "" {
			order = "gid://shopify/Order/" + id
		}
		d.order(order, "")
		d.key("refund", number(gid))
		if workflow == "fulfilment" {
			d.CorrelationID = order
		} else {
			d.ref("returns", "order", number(cmp.Or(order, "/")))
			d.key(inventory.KeyRMA, gid)
			// One return may have several refunds, each with goods of its own.
			if back := v.Get("return"); back.Given() {
				d.key("return", number(d.gid(back, "Return")))
			}
		}
		d.keep("note", v.Get("note"))
		for _, line := range lines {
			d.shopifyRefundLine(line)
		}
		if workflow == "online_return" {
			d.shopifyMoney(v)
		}
		d.identify("refunds", number(gid), map[bool]string{true: "cancelled"}[workflow == "fulfilment"])
		d.done()
	}
}

// shopifyRefundLine: restock_type is return (back on stock), cancel (never left),
// no_restock (not back on stock) or legacy_restock (back on stock, from an API
// that did not say why).
func (d *draft) shopifyRefundLine(line *jsonread.Value) {
	kind := line.Get("restock_type").String()
	item := line.Get("line_item")
	if !item.Given() {
		item = line
	}
	currency := line.Get("subtotal_set", "shop_money", "currency_code").String()
	id := line.Get("line_item_id")
	var named string
	if gid := item.Get("admin_graphql_api_id").String(); gid != "" {
		named = number(d.believed(gid, id))
	} else {
		named = d.text(id)
	}
	l := d.shopifyLine(named, line, item, line.Get("quantity"), 1, kind != "no_restock", currency, "retail_net")
	if l == nil {
		return
	}
	l.Activity = kind
	l.LocationTo = d.text(line.Get("location_id"))
	switch kind {
	case "return", "cancel", "no_restock":
	case "legacy_restock":
		d.note(format.NotStandard, line.Get("restock_type"), "legacy_restock says that it is back on stock, but not whether it had left: read as a return.")
	default:
		l.Stock = "none"
		d.note(format.NotStandard, cmp.Or(line.Get("restock_type"), line), fmt.Sprintf("%q is no restock_type of Shopify's: nothing was read as back on stock.", short(kind)))
	}
}

// shopifyMoney adds a line that moves no stock where a refund names no goods, so
// that nobody waits for any.
func (d *draft) shopifyMoney(v *jsonread.Value) {
	if len(d.Lines) > 0 {
		return
	}
	for _, t := range v.Get("transactions").List() {
		d.line(inventory.Line{
			Line: d.text(t.Get("id")), Activity: "refund", Stock: "value_only",
			UnitValue: d.money(t.Get("amount")), Currency: t.Get("currency").String(), ValueBasis: "retail_gross",
		})
	}
	if len(d.Lines) == 0 {
		d.line(inventory.Line{Activity: "refund", Stock: "value_only"})
	}
}

// shopifyFulfillment: items that have left for the customer.
func shopifyFulfillment(m *message, action string) {
	v := m.body
	d := m.draft(v, "fulfilment", "shipped", "oms")
	gid := d.gid(v, "Fulfillment")
	if gid == "" {
		m.problem(v, "is a fulfillment without id.")
		return
	}
	d.place("shopify", v.Get("location_id"))
	d.shop()
	if action == "create" {
		d.when(v.Get("created_at"), v.Get("updated_at"))
	} else {
		d.when(v.Get("updated_at"), v.Get("created_at"))
	}
	if id := d.text(v.Get("order_id")); id != "" {
		d.CorrelationID = "gid://shopify/Order/" + id
		d.order(d.CorrelationID, "")
	}
	d.key("fulfillment", number(gid))
	if d.CorrelationID == "" {
		d.key(inventory.KeyDelivery, gid)
	}
	for _, t := range append(v.Get("tracking_numbers").List(), v.Get("tracking_number")) {
		d.key("shipment", d.text(t))
	}
	status := v.Get("status").String()
	switch status {
	case "success", "":
	case "pending", "open":
		d.Outcome = inventory.Pending
	case "cancelled":
		d.Outcome = inventory.Reversed
	case "error", "failure":
		d.Outcome = inventory.Failed
		d.Error = &inventory.Error{Code: "fulfillment_" + status}
	default:
		d.note(format.NotStandard, v.Get("status"), fmt.Sprintf("%q is no status of a fulfillment: read as not done yet.", short(status)))
		d.Outcome = inventory.Pending
	}
	if action == "update" && d.Outcome == "" {
		// Tracking was added: it had left before.
		d.Step = "tracked"
	}
	d.keep("shipment_status", v.Get("shipment_status"))
	for _, item := range v.Get("line_items").List() {
		d.shopifyLine(number(d.gid(item, "LineItem")), item, item, item.Get("quantity"), -1, d.Step == "shipped", "", "")
		if n := len(d.Lines) - 1; n >= 0 {
			d.Lines[n].UnitValue, d.Lines[n].ValueBasis, d.Lines[n].Currency = "", "", ""
		}
	}
	d.identify("fulfillments", action, number(gid), cmp.Or(status, "success"), map[bool]string{true: d.TimeAsSent}[action != "create"])
	d.done()
}

// shopifyReturn: what the customer has asked to give back, and what became of it.
func shopifyReturn(m *message, resource, action string) {
	v := m.body
	step := map[string]string{"request": "requested", "approve": "approved", "close": "closed", "cancel": "cancelled", "decline": "declined", "reopen": "reopened"}[action]
	d := m.draft(v, "online_return", cmp.Or(step, stepName(action), "updated"), "oms")
	kind := map[string]string{"returns": "Return", "reverse_deliveries": "ReverseDelivery", "reverse_fulfillment_orders": "ReverseFulfillmentOrder"}[resource]
	gid := d.gid(v, kind)
	if gid == "" {
		m.problem(v, "is a return without id.")
		return
	}
	d.shop()
	d.when(v.First("updated_at", "happened_at", "created_at", "closed_at", "request_approved_at"))
	back := gid
	if of := v.Get("return"); of.Given() {
		back = d.gid(of, "Return")
	}
	d.key(inventory.KeyRMA, back)
	d.key("return", number(back))
	if order := v.Get("order"); order.Given() {
		d.order(d.gid(order, "Order"), order.Get("name").String())
	} else if id := d.text(v.Get("order_id")); id != "" {
		d.order("gid://shopify/Order/"+id, "")
	}
	d.keep("status", v.Get("status"))
	d.keep("name", v.Get("name"))
	d.identify(resource, action, number(gid), d.TimeAsSent)
	d.done()
}

// shopifyLevel: how many of an item a location has to sell, as an absolute count.
func shopifyLevel(m *message, action string) {
	v := m.body
	step := map[string]string{"connect": "connected", "disconnect": "disconnected"}[action]
	d := m.draft(v, "snapshot", cmp.Or(step, "reported"), "ecommerce")
	item := v.Get("inventory_item_id")
	var id string
	// gid://shopify/InventoryLevel/<location>?inventory_item_id=<item>
	if _, exact, ok := strings.Cut(v.Get("admin_graphql_api_id").String(), "?inventory_item_id="); ok && exact != "" {
		id = number(d.believed("gid://shopify/InventoryItem/"+exact, item))
	} else {
		id = d.text(item)
	}
	if id == "" {
		m.problem(v, "is an inventory level without inventory_item_id.")
		return
	}
	d.place("shopify", v.Get("location_id"))
	d.shop()
	d.when(v.Get("updated_at"))
	d.key("inventory_item", id)
	switch available := v.Get("available"); {
	case d.Step != "reported":
	case !available.Given():
		d.note(format.NotStandard, cmp.Or(available, v), "available is null: the shop does not track this item there. Nothing was counted; it is not 0.")
	default:
		if q, ok := d.quantity(available, v); ok {
			d.line(inventory.Line{
				Item: id, ItemScheme: "shopify_inventory_item", Quantity: q, UOM: "EA", Measure: "absolute", Bucket: "available", AsOf: d.TimeAsSent,
			})
		}
	}
	d.identify("inventory_levels", cmp.Or(action, "update"), d.Location, id, d.TimeAsSent)
	d.done()
}

// shopifyTransfer: goods that change their place. A transfer is complete when
// everything was received; its shipments say what left and what came.
func shopifyTransfer(m *message, resource, action string) {
	v := m.body
	step, sign, moves := cmp.Or(stepName(action), "updated"), 1, false
	switch action {
	case "complete":
		step = "received"
	case "mark_in_transit":
		step, sign, moves = "shipped", -1, true
	case "receive_items":
		step, moves = "received", true
	case "cancel", "delete":
		step = "cancelled"
	case "create":
		step = "created"
	}
	d := m.draft(v, "transfer", step, "oms")
	kind := map[string]string{"inventory_transfers": "InventoryTransfer", "inventory_shipments": "InventoryShipment"}[resource]
	gid := d.gid(v, kind)
	if shipment := v.Get("shipment_id"); gid == "" && shipment.Given() {
		gid = d.text(shipment) // its tracking has changed
	}
	if gid == "" {
		m.problem(v, "is a transfer without id.")
		return
	}
	end := []string{"destination", "to_location_id", "destination_location_id", "location_id"}
	if sign < 0 {
		end = []string{"origin", "from_location_id", "origin_location_id", "location_id"}
	}
	for _, name := range end {
		at := v.Get(name)
		if at.Is(jsonread.Object) {
			at = at.First("location_id", "id")
		}
		d.place("shopify", at)
	}
	d.Location = number(d.Location)
	d.shop()
	d.when(v.First("happened_at", "updated_at", "created_at"))
	transfer := gid
	if resource == "inventory_shipments" {
		d.key("inventory_shipment", number(gid))
		parent := v.First("transfer_id", "inventory_transfer_id", "transfer", "inventory_transfer")
		if parent.Is(jsonread.Object) {
			transfer = d.gid(parent, "InventoryTransfer")
		} else if parent.Given() {
			transfer = "gid://shopify/InventoryTransfer/" + number(d.text(parent))
		}
	}
	d.key(inventory.KeyTransfer, transfer)
	if strings.Contains(transfer, "/InventoryTransfer/") {
		d.key("inventory_transfer", number(transfer))
	}
	if step == "received" && strings.HasPrefix(v.Get("status").String(), "PARTIALLY") {
		d.Outcome = inventory.Partial
	}
	d.keep("status", v.Get("status"))
	for _, item := range v.Get("line_items").List() {
		d.shopifyTransferLine(item, sign, moves)
	}
	if received := v.Get("items_received"); received.Given() {
		d.keep("shopify.items_received", received)
		d.note(format.NotStandard, received, "names lines of the shipment and not their items: kept as an attribute, and not counted.")
	}
	d.identify(resource, action, number(gid), d.TimeAsSent)
	d.done()
}

func (d *draft) shopifyTransferLine(item *jsonread.Value, sign int, moves bool) {
	gid := d.gid(item, "InventoryTransferLineItem")
	add := func(q *jsonread.Value, status string) {
		quantity, ok := d.quantity(q, item)
		if !ok || (status != "" && quantity.IsZero()) {
			return
		}
		if sign < 0 {
			quantity = quantity.Neg()
		}
		l := inventory.Line{Line: number(gid), Quantity: quantity, UOM: "EA", Status: status}
		switch id := d.text(item.First("inventory_item_id")); {
		case item.Get("sku").String() != "":
			l.Item, l.ItemScheme = item.Get("sku").String(), "sku"
		case id != "":
			l.Item, l.ItemScheme = number(id), "shopify_inventory_item"
		case moves:
			// The message names a line of the transfer, and not what is on it: what moved
			// is not known.
			d.note(format.NotStandard, item, "names a line of the transfer and not its item: kept as an attribute, and not counted.")
			d.keep("shopify.line/"+l.Line, q)
			return
		default:
			l.Item, l.ItemScheme = number(gid), "shopify_transfer_line_item"
		}
		if !moves {
			l.Stock = "none"
		}
		d.line(l)
	}
	accepted, rejected := item.First("accepted_quantity", "accepted"), item.First("rejected_quantity", "rejected")
	if accepted == nil && rejected == nil {
		add(item.Get("quantity"), "")
		return
	}
	if accepted != nil {
		add(accepted, "")
	}
	if rejected != nil {
		add(rejected, "rejected")
	}
}
