package webhook

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/jsonread"
	"github.com/stocktrace/stocktrace/inventory"
)

// Amazon's Selling Partner API: notifications as they lie in a queue, as
// EventBridge hands them on (detail), and as SNS delivers them (Message, a text
// of JSON).

func detectAmazon(names []string, head []byte, source format.Source) bool {
	text := string(head)
	return has(names, "NotificationType", "NotificationMetadata") || has(names, "NotificationType", "Payload") ||
		strings.Contains(text, "sellingpartnerapi.amazon") || header(source.Header, "X-Amz-Sns-Message-Type") != "" ||
		(has(names, "Type", "TopicArn") && strings.Contains(text, "NotificationType"))
}

func readAmazon(m *message) {
	v := m.body
	if v.Get("TopicArn").Given() {
		if kind := v.Get("Type").String(); kind != "Notification" {
			m.problem(v, fmt.Sprintf("is Amazon SNS asking (%s), not a notification: confirm the subscription with the address in SubscribeURL.", short(kind)))
			return
		}
		text := v.Get("Message")
		inner, err := jsonread.Parse([]byte(text.String()), path(text), 0)
		if err != nil {
			m.problem(v, "holds a Message that cannot be read: "+err.Error())
			return
		}
		v = inner
	}
	if detail := v.Get("detail"); detail.Given() {
		v = detail
	}
	kind := v.First("NotificationType", "notificationType").String()
	payload := v.First("Payload", "payload")
	switch kind {
	case "ORDER_CHANGE":
		amazonOrder(m, v, payload.First("OrderChangeNotification", "orderChangeNotification"))
	case "FULFILLMENT_ORDER_STATUS":
		amazonFulfillment(m, v, payload.First("FulfillmentOrderStatusNotification", "fulfillmentOrderStatusNotification"))
	case "FBA_INVENTORY_AVAILABILITY_CHANGES":
		amazonInventory(m, v, payload)
	case "FBA_OUTBOUND_SHIPMENT_STATUS":
		amazonShipment(m, v, payload.First("FBAOutboundShipmentStatusNotification", "fbaOutboundShipmentStatusNotification"))
	default:
		m.problem(m.body, fmt.Sprintf("%q is not read here: of stock is told by ORDER_CHANGE, FULFILLMENT_ORDER_STATUS, FBA_OUTBOUND_SHIPMENT_STATUS and FBA_INVENTORY_AVAILABILITY_CHANGES.", short(kind)))
	}
}

// notification begins the draft of one; its parts are found in the body where it
// is one, and by the body as a whole where it is a text within.
func (m *message) notification(v, payload *jsonread.Value, workflow, step, system string) *draft {
	d := m.draft(m.body, workflow, step, system)
	if !payload.Given() {
		d.fail(v, "has no payload of the kind its NotificationType names.")
	}
	id := d.text(v.First("NotificationMetadata", "notificationMetadata").First("NotificationId", "notificationId"))
	if id == "" {
		d.fail(v, "has no NotificationId.")
	}
	d.identify("notification", id)
	return d
}

func get(v *jsonread.Value, name string) *jsonread.Value {
	return v.First(name, strings.ToLower(name[:1])+name[1:])
}

func amazonOrder(m *message, v, p *jsonread.Value) {
	d := m.notification(v, p, "marketplace_order", "updated", "marketplace")
	summary := get(p, "Summary")
	order := d.text(get(p, "AmazonOrderId"))
	if order == "" && d.wrong == nil {
		d.fail(p, "names no order.")
	}
	status := get(summary, "OrderStatus").String()
	switch status {
	case "Pending", "PendingAvailability":
		d.Step, d.Outcome = "placed", inventory.Pending
	case "Unshipped":
		d.Step = "placed"
	case "Shipped", "PartiallyShipped":
		d.Step = "confirmed"
	case "Canceled", "Unfulfillable":
		d.Step, d.Outcome = "placed", inventory.Reversed
	}
	d.place("amazon_marketplace", get(summary, "MarketplaceId"))
	d.when(get(get(p, "OrderChangeTrigger"), "TimeOfOrderChange"), get(v, "EventTime"))
	d.CorrelationID = "amazon:" + order
	d.key("order", order)
	d.keep("amazon.status", get(summary, "OrderStatus"))
	d.keep("amazon.fulfilled_by", get(summary, "FulfillmentType"))
	d.keep("amazon.change", get(p, "OrderChangeType"))
	d.ReasonCode = get(get(p, "OrderChangeTrigger"), "ChangeReason").String()
	// What Amazon ships from its own houses moves nobody else's stock.
	own := !strings.EqualFold(get(summary, "FulfillmentType").String(), "AFN")
	for _, item := range get(summary, "OrderItems").List() {
		q, ok := d.quantity(get(item, "Quantity"), item)
		if !ok {
			continue
		}
		l := inventory.Line{
			Line: d.text(get(item, "OrderItemId")), Item: get(item, "SellerSKU").String(), ItemScheme: "sku", Quantity: q.Neg(), UOM: "EA",
		}
		if l.Item == "" {
			l.Item = get(item, "SellerSku").String()
		}
		if d.Step != "placed" || !own {
			l.Stock = "none"
		}
		d.line(l)
	}
	d.done()
}

func amazonFulfillment(m *message, v, p *jsonread.Value) {
	d := m.notification(v, p, "fulfilment", "updated", "wms")
	status := get(p, "FulfillmentOrderStatus").String()
	switch strings.ToUpper(status) {
	case "RECEIVED", "PLANNING":
		d.Step = "accepted"
	case "PROCESSING":
		d.Step = "processing"
	case "COMPLETE", "COMPLETEPARTIALLED", "COMPLETE_PARTIALLED":
		d.Step = "shipped"
		if !strings.EqualFold(status, "COMPLETE") {
			d.Outcome = inventory.Partial
		}
	case "CANCELLED":
		d.Step = "cancelled"
	case "UNFULFILLABLE", "INVALID":
		d.Step, d.Outcome = "shipped", inventory.Failed
		d.Error = &inventory.Error{Code: strings.ToLower(status)}
	}
	order := d.text(get(p, "SellerFulfillmentOrderId"))
	d.place("amazon_seller", get(p, "SellerId"))
	d.when(get(p, "StatusUpdatedDateTime"), get(v, "EventTime"))
	if order != "" {
		d.CorrelationID = "amazon-fulfillment:" + order
		d.key("order", order)
	}
	shipment := get(p, "FulfillmentShipment")
	d.key("shipment", d.text(get(shipment, "AmazonShipmentId")))
	for _, parcel := range get(shipment, "FulfillmentShipmentPackages").List() {
		d.key("shipment", d.text(get(parcel, "TrackingNumber")))
	}
	d.keep("amazon.status", get(p, "FulfillmentOrderStatus"))
	d.keep("amazon.event", get(p, "EventType"))
	d.done()
}

func amazonShipment(m *message, v, p *jsonread.Value) {
	d := m.notification(v, p, "marketplace_order", "updated", "marketplace")
	status := get(p, "ShipmentStatus").String()
	switch status {
	case "Created":
		d.Step = "picked"
	case "Executed":
		d.Step = "shipped"
	case "Removed":
		d.Step = "cancelled"
	}
	order := d.text(get(p, "AmazonOrderId"))
	d.place("amazon_seller", get(p, "SellerId"))
	d.when(get(v, "EventTime"))
	if order != "" {
		d.CorrelationID = "amazon:" + order
		d.key("order", order)
	}
	d.key("shipment", d.text(get(p, "AmazonShipmentId")))
	d.keep("amazon.status", get(p, "ShipmentStatus"))
	d.done()
}

// amazonInventory: what lies in Amazon's houses, as absolute counts by
// marketplace.
func amazonInventory(m *message, v, p *jsonread.Value) {
	if inner := get(p, "FbaInventoryAvailabilityChanges"); inner.Given() {
		p = inner
	}
	markets := get(p, "FulfillmentInventoryByMarketplace").List()
	if len(markets) == 0 {
		m.problem(m.body, "says that FBA inventory changed, and counts none.")
		return
	}
	for i, market := range markets {
		d := m.notification(v, p, "snapshot", "reported", "marketplace")
		d.ID += fmt.Sprintf("/%d", i+1)
		d.place("amazon_marketplace", get(market, "MarketplaceId"))
		d.when(get(v, "EventTime"))
		sku := cmp.Or(get(market, "SKU").String(), get(p, "SKU").String(), get(p, "SellerSKU").String(), p.Get("sku").String())
		if sku == "" {
			d.fail(market, "names no SKU: nothing can be counted from it.")
		}
		for _, member := range get(market, "FulfillmentInventory").Fields() {
			d.amazonCount(sku, member, "")
		}
		if len(d.Lines) == 0 {
			d.fail(market, "counts nothing.")
		}
		d.done()
	}
}

// amazonCount adds a count, or the counts of a breakdown (reserved, inbound).
func (d *draft) amazonCount(sku string, member jsonread.Member, within string) {
	count := member.Value
	if within == "" && count.Is(jsonread.Object) {
		for _, part := range count.Fields() {
			d.amazonCount(sku, part, strings.TrimSuffix(stepName(member.Name), "_quantity_breakdown"))
		}
		return
	}
	if count.Kind != jsonread.Number {
		return
	}
	if q, ok := d.quantity(count.Use(), count); ok {
		d.line(inventory.Line{
			Item: sku, ItemScheme: "sku", Quantity: q, UOM: "EA", Measure: "absolute", Bucket: amazonBucket(within, member.Name),
			Status: amazonStatus(member.Name), Ownership: "own", AsOf: d.TimeAsSent, Activity: stepName(member.Name),
		})
	}
}

func amazonBucket(within, name string) string {
	switch name = strings.ToLower(name); {
	case within == "reserved", name == "pendingcustomerorderintransit":
		return "reserved"
	case name == "futuresupplybuyable", within == "inbound" && name == "working":
		return "projected" // not on its way yet
	case within == "inbound":
		return "in_transit"
	case name == "fulfillable":
		return "available"
	}
	return "on_hand"
}

func amazonStatus(name string) string {
	switch strings.ToLower(name) {
	case "fulfillable":
		return "sellable"
	case "unfulfillable":
		return "damaged"
	default:
		return stepName(name)
	}
}
