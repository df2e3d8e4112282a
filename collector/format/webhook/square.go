package webhook

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/jsonread"
	"github.com/stocktrace/stocktrace/inventory"
)

// Square: webhook events, and the objects of its Inventory API, which integrations
// hand on as they are.

func detectSquare(names []string, head []byte, source format.Source) bool {
	if header(source.Header, "X-Square-Hmacsha256-Signature") != "" {
		return true
	}
	text := string(head)
	return has(names, "merchant_id", "type", "event_id") ||
		(strings.Contains(text, "\"catalog_object_id\"") && (has(names, "changes") || has(names, "counts") || has(names, "transfer") ||
			has(names, "adjustment") || has(names, "physical_count") || has(names, "count")))
}

func readSquare(m *message) {
	v := m.body
	kind := v.Get("type").String()
	object := v.Get("data", "object")
	switch {
	case kind == "inventory.count.updated":
		squareCounts(m, object.Get("inventory_counts"), v)
	case strings.HasPrefix(kind, "order.") && !strings.HasPrefix(kind, "order.custom_attribute"):
		squareOrder(m, kind, object)
	case strings.HasPrefix(kind, "refund."):
		squareRefund(m, kind, object.Get("refund"))
	case kind != "" && v.Get("event_id").Given():
		m.problem(v, fmt.Sprintf("%q is a topic that is not read here: of stock is told by inventory.count.updated, order.* and refund.*.", short(kind)))
	case v.Get("count", "occurred_at").Given():
		// What people counted; Square's own counts are calculated.
		squareCount(m, v.Get("count"))
	case v.First("counts", "count") != nil:
		squareCounts(m, v.First("counts", "count"), v)
	case v.First("changes") != nil:
		squareChanges(m, v.Get("changes"))
	case v.First("transfer") != nil:
		squareTransfer(m, v.Get("transfer"))
	case v.First("adjustment") != nil:
		squareAdjustment(m, v.Get("adjustment"))
	case v.First("physical_count") != nil:
		squareCount(m, v.Get("physical_count"))
	default:
		m.problem(v, "is neither an event of Square's nor an object of its Inventory API.")
	}
}

// squareStates are Square's inventory states as statuses here. Source: Square API,
// InventoryState.
var squareStates = map[string]string{
	"IN_STOCK": "sellable", "RETURNED_BY_CUSTOMER": "inspection", "RESERVED_FOR_SALE": "reserved", "WASTE": "damaged",
	"IN_TRANSIT": "in_transit", "IN_TRANSIT_TO": "in_transit", "ORDERED_FROM_VENDOR": "ordered", "RECEIVED_FROM_VENDOR": "received",
	"SOLD": "sold", "SOLD_ONLINE": "sold", "UNLINKED_RETURN": "", "NONE": "", "CUSTOM": "custom",
	"COMPOSED": "composed", "DECOMPOSED": "decomposed",
}

func (d *draft) state(v *jsonread.Value) string {
	status, known := squareStates[v.String()]
	if !known && v.Given() {
		d.note(format.NotStandard, v, fmt.Sprintf("%q is no inventory state known here: kept as sent.", short(v.String())))
		return stepName(v.String())
	}
	return status
}

// squareCounts: what Square works out to be there, as absolute counts; one event
// for each, since each has a time and place of its own.
func squareCounts(m *message, counts, around *jsonread.Value) {
	list := counts.List()
	if len(list) == 0 {
		m.problem(around, "says that counts were updated, and names none.")
		return
	}
	for _, c := range list {
		d := m.draft(c, "snapshot", "reported", "pos")
		d.place("square", c.Get("location_id"))
		d.when(c.Get("calculated_at"), around.Get("created_at"))
		item := d.text(c.Get("catalog_object_id"))
		if item == "" {
			d.fail(c, "is a count of nothing: it has no catalog_object_id.")
		}
		if q, ok := d.quantity(c.Get("quantity"), c); ok {
			d.line(inventory.Line{
				Item: item, ItemScheme: "square_variation", Quantity: q, UOM: "EA", Measure: "absolute", Bucket: "on_hand",
				Status: d.state(c.Get("state")), AsOf: d.TimeAsSent,
			})
		}
		if id := around.Get("event_id").String(); id != "" {
			d.Attributes["square.event_id"] = id
		}
		d.keep("square.merchant", around.Get("merchant_id"))
		d.identify("count", d.Location, item, c.Get("state").String(), d.TimeAsSent)
		d.done()
	}
}

// squareChanges: a batch of counts, adjustments and transfers.
func squareChanges(m *message, changes *jsonread.Value) {
	for _, c := range changes.List() {
		kind := strings.ToLower(c.Get("type").String())
		if _, known := map[string]bool{"physical_count": true, "adjustment": true, "transfer": true}[kind]; known && !c.Get(kind).Is(jsonread.Object) {
			m.problem(c, "has no "+kind+", though its type says so.")
			continue
		}
		switch c.Get("type").String() {
		case "PHYSICAL_COUNT":
			squareCount(m, c.Get("physical_count"))
		case "ADJUSTMENT":
			squareAdjustment(m, c.Get("adjustment"))
		case "TRANSFER":
			squareTransfer(m, c.Get("transfer"))
		default:
			m.problem(c, fmt.Sprintf("%q is no type of change known here: want PHYSICAL_COUNT, ADJUSTMENT or TRANSFER.", short(c.Get("type").String())))
		}
	}
}

// object begins the draft of an object of the Inventory API.
func (m *message) object(v *jsonread.Value, workflow, step, system, kind string, location ...string) (d *draft, item string, ok bool) {
	if !v.Is(jsonread.Object) {
		m.problem(cmp.Or(v, m.body), "is no "+kind+" that can be read.")
		return nil, "", false
	}
	d = m.draft(v, workflow, step, system)
	for _, name := range location {
		d.place("square", v.Get(name))
	}
	d.when(v.First("occurred_at", "created_at"))
	if item = d.text(v.Get("catalog_object_id")); item == "" {
		d.fail(v, "is about nothing: it has no catalog_object_id.")
	}
	reference := d.text(v.Get("reference_id"))
	d.key("square_reference", reference)
	d.Operator = d.text(v.First("team_member_id", "employee_id"))
	d.keep("square.product", v.Get("source", "product"))
	d.keep("square.source", v.Get("source", "name"))
	// A reference may stand for many; only an id is one change's own.
	if id := d.text(v.Get("id")); id != "" {
		d.identify(kind, id)
	} else {
		d.identify(kind, reference, d.Location, item, d.TimeAsSent)
	}
	return d, item, true
}

func squareCount(m *message, v *jsonread.Value) {
	d, item, ok := m.object(v, "count", "counted", "pos", "physical_count", "location_id")
	if !ok {
		return
	}
	// Each is a count by itself: one reference may stand for a whole batch.
	d.key(inventory.KeyCount, d.ID)
	if q, ok := d.quantity(v.Get("quantity"), v); ok {
		d.line(inventory.Line{
			Item: item, ItemScheme: "square_variation", Quantity: q, UOM: "EA", Measure: "absolute", Counted: q.String(),
			Status: d.state(v.Get("state")), AsOf: d.TimeAsSent,
		})
	}
	d.done()
}

// squareAdjustment: a change of state. From stock to sold is a sale, from nothing
// to stock a receipt, back to stock from a customer a return, to waste an
// adjustment.
func squareAdjustment(m *message, v *jsonread.Value) {
	from, to := v.Get("from_state").String(), v.Get("to_state").String()
	workflow, step, sign, reason := "adjustment", "adjusted", 0, ""
	switch {
	case from == "IN_STOCK" && (to == "SOLD" || to == "SOLD_ONLINE"):
		workflow, step, sign = "sale", "completed", -1
	case to == "IN_STOCK" && (from == "SOLD" || from == "RETURNED_BY_CUSTOMER" || from == "UNLINKED_RETURN" || from == "SOLD_ONLINE"),
		to == "RETURNED_BY_CUSTOMER":
		workflow, step, sign = "return", "completed", 1
	case to == "IN_STOCK" && (from == "RECEIVED_FROM_VENDOR" || from == "ORDERED_FROM_VENDOR" || from == "NONE"):
		workflow, step, sign = "receipt", "received", 1
	case from == "IN_STOCK" && to == "RESERVED_FOR_SALE":
		workflow, step, sign = "reservation", "reserved", -1
	case to == "IN_STOCK" && from == "RESERVED_FOR_SALE":
		workflow, step, sign = "reservation", "released", 1
	case to == "WASTE":
		sign, reason = -1, "damage"
	case from == "IN_STOCK":
		sign = -1
	case to == "IN_STOCK":
		sign = 1
	}
	system := "pos"
	if workflow == "reservation" {
		system = "oms"
	}
	d, item, ok := m.object(v, workflow, step, system, "adjustment", "location_id", "from_location_id", "to_location_id")
	if !ok {
		return
	}
	d.ReasonCode = reason
	d.keep("square.from_state", v.Get("from_state"))
	d.keep("square.to_state", v.Get("to_state"))
	d.key("order", d.text(v.Get("transaction_id")))
	d.key("refund", d.text(v.Get("refund_id")))
	d.key("purchase_order", d.text(v.Get("purchase_order_id")))
	d.key("goods_receipt", d.text(v.Get("goods_receipt_id")))
	if q, ok := d.quantity(v.Get("quantity"), v); ok {
		l := inventory.Line{Item: item, ItemScheme: "square_variation", Quantity: q, UOM: "EA", StatusFrom: d.state(v.Get("from_state")), StatusTo: d.state(v.Get("to_state"))}
		switch {
		case sign < 0:
			l.Quantity = q.Neg()
		case sign == 0:
			l.Stock = "none"
			d.note(format.NotStandard, v, fmt.Sprintf("a change from %q to %q neither takes from stock nor adds to it: kept, and not counted.", short(from), short(to)))
		}
		if workflow == "return" {
			l.Status = d.state(v.Get("to_state"))
		}
		if workflow == "reservation" {
			l.Bucket = "reserved"
		}
		d.line(l)
	}
	d.done()
}

// squareTransfer: Square moves goods at once, so one object says both ends: what
// left and what came.
func squareTransfer(m *message, v *jsonread.Value) {
	for _, end := range []struct {
		step, location string
		sign           int
	}{{"shipped", "from_location_id", -1}, {"received", "to_location_id", 1}} {
		d, item, ok := m.object(v, "transfer", end.step, "pos", "transfer", end.location)
		if !ok {
			return
		}
		d.ID += "/" + end.step
		id := cmp.Or(d.text(v.Get("id")), d.text(v.Get("reference_id")))
		d.key(inventory.KeyTransfer, id)
		if q, ok := d.quantity(v.Get("quantity"), v); ok {
			if end.sign < 0 {
				q = q.Neg()
			}
			d.line(inventory.Line{
				Item: item, ItemScheme: "square_variation", Quantity: q, UOM: "EA", Status: d.state(v.Get("state")),
				LocationFrom: d.text(v.Get("from_location_id")), LocationTo: d.text(v.Get("to_location_id")),
			})
		}
		broken := d.wrong != nil
		d.done()
		if broken {
			return // once is enough
		}
	}
}

func squareOrder(m *message, kind string, object *jsonread.Value) {
	body := object.First("order_created", "order_updated", "order_fulfillment_updated", "order_custom_attribute_updated")
	if body == nil {
		m.problem(m.body, "is an order event without an order in it.")
		return
	}
	d := m.draft(m.body, "fulfilment", "updated", "oms")
	order := d.text(body.Get("order_id"))
	if order == "" {
		d.fail(body, "is an order event without order_id.")
	}
	d.place("square", body.Get("location_id"))
	d.when(body.First("updated_at", "created_at"), m.body.Get("created_at"))
	d.CorrelationID = "square:" + order
	d.key("order", order)
	d.keep("square.state", body.Get("state"))
	d.keep("square.version", body.Get("version"))
	state := body.Get("state").String()
	switch {
	case kind == "order.created":
		d.Step = "ordered"
	case state == "CANCELED":
		d.Step, d.Outcome = "ordered", inventory.Reversed
	case state == "COMPLETED":
		d.Step = "confirmed"
	}
	id := []string{kind, order, body.Get("version").String(), d.TimeAsSent}
	if kind == "order.fulfillment.updated" {
		for _, u := range body.Get("fulfillment_update").List() {
			f := *d
			f.Attributes = map[string]string{}
			f.Keys = append([]inventory.Key(nil), d.Keys...)
			f.notes = append([]format.Note(nil), d.notes...)
			f.at = u
			f.squareFulfillment(u)
			f.identify(append(id, d.text(u.Get("fulfillment_uid")), u.Get("new_state").String())...)
			f.done()
		}
		if len(body.Get("fulfillment_update").List()) == 0 {
			m.problem(body, "says that a fulfillment was updated, and names none.")
		}
		return
	}
	d.identify(id...)
	d.done()
}

// squareFulfillment: PROPOSED, RESERVED, PREPARED, COMPLETED, CANCELED, FAILED.
func (d *draft) squareFulfillment(u *jsonread.Value) {
	state := u.Get("new_state").String()
	d.keep("square.old_state", u.Get("old_state"))
	d.Attributes["square.new_state"] = state
	d.key("fulfillment", d.text(u.Get("fulfillment_uid")))
	switch state {
	case "RESERVED":
		d.Step = "accepted"
	case "PREPARED":
		d.Step = "picked"
	case "COMPLETED":
		d.Step = "shipped"
	case "CANCELED":
		d.Step = "cancelled"
	case "FAILED":
		d.Step, d.Outcome = "shipped", inventory.Failed
		d.Error = &inventory.Error{Code: "fulfillment_failed"}
	default:
		d.Step = cmp.Or(stepName(state), "updated")
	}
}

// squareRefund: money that was given back. Goods, if any came back, are said by
// an adjustment.
func squareRefund(m *message, kind string, refund *jsonread.Value) {
	if !refund.Given() {
		m.problem(m.body, "is a refund event without a refund in it.")
		return
	}
	d := m.draft(m.body, "online_return", "refunded", "oms")
	id := d.text(refund.Get("id"))
	d.place("square", refund.Get("location_id"))
	d.when(refund.First("updated_at", "created_at"), m.body.Get("created_at"))
	d.key("refund", id)
	d.key(inventory.KeyRMA, "square:"+id)
	order := d.text(refund.Get("order_id"))
	d.key("order", order)
	d.ref("returns", "order", order)
	status := refund.Get("status").String()
	switch status {
	case "COMPLETED", "":
	case "PENDING":
		d.Outcome = inventory.Pending
	default:
		d.Outcome = inventory.Failed
		d.Error = &inventory.Error{Code: "refund_" + strings.ToLower(stepName(status))}
	}
	d.keep("square.reason", refund.Get("reason"))
	// Amounts are in the smallest unit of their currency; how many of them make one
	// is not said, so the amount stays as it was sent.
	d.keep("square.amount", refund.Get("amount_money"))
	d.line(inventory.Line{Activity: "refund", Stock: "value_only", Currency: refund.Get("amount_money", "currency").String()})
	d.identify(kind, id, status, d.TimeAsSent)
	d.done()
}
