package webhook

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/jsonread"
	"github.com/stocktrace/stocktrace/inventory"
)

// Adobe Commerce, formerly Magento: events of Adobe I/O, whose type names the
// place in the code that raised it (com.adobe.commerce.observer.sales_order_save_
// commit_after), as CloudEvents or in the older envelope; and the same objects by
// themselves. Times are UTC and do not say so.

func detectAdobe(names []string, head []byte, source format.Source) bool {
	for _, name := range []string{"X-Adobe-Commerce-Webhook-Signature", "X-Adobe-Digital-Signature-1", "X-Adobe-Signature"} {
		if header(source.Header, name) != "" {
			return true
		}
	}
	text := string(head)
	return strings.Contains(text, "com.adobe.commerce.") || strings.Contains(text, "observer.sales_order") ||
		has(names, "increment_id") || has(names, "sku", "source_code", "quantity")
}

func readAdobe(m *message) {
	v := m.body
	envelope := v
	if inner := v.Get("event"); inner.Is(jsonread.Object) {
		envelope = inner
	}
	kind := envelope.First("type", "@type").String()
	data := envelope.First("data")
	value := v
	switch {
	case data != nil && data.Get("value").Given():
		value = data.Get("value")
	case data != nil:
		value = data
	}
	at := envelope.First("time", "eventtime", "published_at")
	for _, one := range adobeObjects(value) {
		adobeObject(m, kind, one, at)
	}
	if len(adobeObjects(value)) == 0 {
		m.problem(v, "has nothing in its value.")
	}
}

// adobeObjects are the objects of a value: plugins hand on lists of their
// arguments.
func adobeObjects(v *jsonread.Value) []*jsonread.Value {
	for _, name := range []string{"sourceItems", "source_items", "order", "shipment", "creditmemo", "creditMemo", "stock_item", "stockItem"} {
		if inner := v.Get(name); inner.Given() && inner.Kind != jsonread.Number && inner.Kind != jsonread.Text {
			return inner.List()
		}
	}
	return v.List()
}

func adobeObject(m *message, kind string, v, at *jsonread.Value) {
	is := func(word, field string) bool {
		if kind != "" {
			return strings.Contains(kind, word)
		}
		return v.Get(field) != nil
	}
	switch {
	case is("creditmemo", "creditmemo_status"):
		adobeRefund(m, v, at)
	case is("shipment", "shipment_status"), kind == "" && v.Get("tracks") != nil:
		adobeShipment(m, v, at)
	case is("source_item", "source_code") && v.Get("sku").Given():
		adobeSource(m, v, at)
	case is("stock_item", "stock_id"):
		adobeStock(m, v, at)
	case is("invoice", "invoice_status"):
		m.problem(v, "is an invoice, which says nothing of stock, and is not read: subscribe to orders, shipments, credit memos and source items.")
	case is("sales_order", "increment_id"):
		adobeOrder(m, v, at)
	default:
		m.problem(v, fmt.Sprintf("%q is not read here: of stock is told by orders, shipments, credit memos and source items.", short(kind)))
	}
}

// adobe begins a draft; ids of a shop are its own, so they are told apart by the
// source.
func (m *message) adobe(v *jsonread.Value, workflow, step string) *draft {
	d := m.draft(v, workflow, step, "oms")
	d.utc = true
	if d.m.source.Location == "" {
		d.place("adobe_source", v.Get("extension_attributes", "source_code"), v.Get("source_code"))
		if d.Location == "" {
			d.place("adobe_store", v.Get("store_id"))
		}
	} else {
		d.place("adobe_source", v.Get("extension_attributes", "source_code"), v.Get("source_code"))
	}
	return d
}

func (d *draft) adobeOrder(increment, entity string) {
	d.key("order", increment)
	d.key("order", entity)
	if id := cmp.Or(entity, increment); id != "" {
		d.CorrelationID = d.Source + "#order/" + id
	}
}

func adobeOrder(m *message, v, at *jsonread.Value) {
	d := m.adobe(v, "fulfilment", "updated")
	increment, entity := d.text(v.Get("increment_id")), d.text(v.First("entity_id", "id"))
	if increment == "" && entity == "" {
		m.problem(v, "is an order without increment_id and entity_id.")
		return
	}
	state := v.Get("state").String()
	isNew := v.Get("_isNew").String() == "true" || (v.Get("created_at").Given() && v.Get("created_at").String() == v.Get("updated_at").String())
	switch {
	case state == "canceled" || v.Get("status").String() == "canceled":
		d.Step, d.Outcome = "ordered", inventory.Reversed
	case isNew || state == "new":
		d.Step = "ordered"
	case state == "complete":
		d.Step = "confirmed"
	}
	if d.Step == "ordered" && d.Outcome == "" {
		d.when(v.Get("created_at"), at)
	} else {
		d.when(v.Get("updated_at"), at, v.Get("created_at"))
	}
	d.adobeOrder(increment, entity)
	d.keep("adobe.state", v.Get("state"))
	d.keep("adobe.status", v.Get("status"))
	currency := v.Get("order_currency_code").String()
	items := v.Get("items").List()
	// A configurable product is sold as parent and child; only the child is goods
	// (failures F05).
	parents := map[string]bool{}
	for _, item := range items {
		if p := d.text(item.Get("parent_item_id")); p != "" {
			parents[p] = true
		}
	}
	for _, item := range items {
		q, ok := d.quantity(item.First("qty_ordered", "qty"), item)
		if !ok {
			continue
		}
		l := d.adobeLine(item, q.Neg(), currency)
		parent := d.text(item.Get("parent_item_id"))
		l.ParentLine = parent
		if d.Step != "ordered" || parents[l.Line] || adobeIntangible(item) {
			l.Stock = "none"
		}
		d.line(l)
	}
	d.identify("order", cmp.Or(entity, increment), d.Step, string(d.Outcome), map[bool]string{true: d.TimeAsSent}[d.Step == "updated"])
	d.done()
}

func adobeIntangible(item *jsonread.Value) bool {
	switch item.Get("product_type").String() {
	case "virtual", "downloadable", "giftcard":
		return true
	}
	v := item.Get("is_virtual").String()
	return v == "1" || v == "true"
}

func (d *draft) adobeLine(item *jsonread.Value, q inventory.Decimal, currency string) inventory.Line {
	l := inventory.Line{
		Line: d.text(item.First("item_id", "order_item_id", "entity_id")), Item: item.Get("sku").String(), ItemScheme: "sku", Quantity: q, UOM: "EA",
	}
	if product := d.text(item.Get("product_id")); product != "" {
		l.ItemIDs = []inventory.Key{{Name: "adobe_product", Value: product}}
	}
	if price := item.First("price_incl_tax", "price"); price != nil {
		l.UnitValue, l.Currency = d.money(price), currency
		l.ValueBasis = map[bool]string{true: "retail_gross", false: "retail_net"}[item.Get("price_incl_tax").Given()]
	}
	return l
}

func adobeShipment(m *message, v, at *jsonread.Value) {
	d := m.adobe(v, "fulfilment", "shipped")
	id := cmp.Or(d.text(v.Get("entity_id")), d.text(v.Get("increment_id")))
	if id == "" {
		m.problem(v, "is a shipment without increment_id and entity_id.")
		return
	}
	d.when(v.Get("created_at"), at)
	d.adobeOrder(d.text(v.Get("order_increment_id")), d.text(v.Get("order_id")))
	d.key("fulfillment", d.text(v.Get("increment_id")))
	for _, t := range v.Get("tracks").List() {
		d.key("shipment", d.text(t.First("track_number", "number")))
	}
	for _, item := range v.Get("items").List() {
		q, ok := d.quantity(item.Get("qty"), item)
		if !ok {
			continue
		}
		l := d.adobeLine(item, q.Neg(), "")
		l.UnitValue, l.ValueBasis = "", ""
		if adobeIntangible(item) {
			l.Stock = "none"
		}
		d.line(l)
	}
	d.identify("shipment", id)
	d.done()
}

// adobeRefund: which items go back on stock is said by each item's back_to_stock,
// or by the list return_to_stock_items.
func adobeRefund(m *message, v, at *jsonread.Value) {
	d := m.adobe(v, "online_return", "refunded")
	id := cmp.Or(d.text(v.Get("entity_id")), d.text(v.Get("increment_id")))
	if id == "" {
		m.problem(v, "is a credit memo without increment_id and entity_id.")
		return
	}
	d.when(v.Get("created_at"), at)
	order := d.text(v.Get("order_id"))
	d.key("order", order)
	d.ref("returns", "order", order)
	d.key("refund", d.text(v.Get("increment_id")))
	d.key(inventory.KeyRMA, d.Source+"#creditmemo/"+id)
	back := map[string]bool{}
	listed := v.Get("extension_attributes", "return_to_stock_items")
	for _, item := range listed.List() {
		back[d.text(item)] = true
	}
	currency := v.Get("order_currency_code").String()
	for _, item := range v.Get("items").List() {
		q, ok := d.quantity(item.Get("qty"), item)
		if !ok {
			continue
		}
		l := d.adobeLine(item, q, currency)
		flag := item.Get("back_to_stock")
		restocked := flag.String() == "true" || flag.String() == "1" || back[d.text(item.Get("order_item_id"))]
		l.Activity = map[bool]string{true: "return", false: "no_restock"}[restocked]
		if !restocked || adobeIntangible(item) {
			l.Stock = "none"
		}
		if !flag.Given() && !listed.Given() {
			d.note(format.NotStandard, item, "says not whether it went back on stock (back_to_stock, return_to_stock_items): read as not.")
		}
		d.line(l)
	}
	if len(d.Lines) == 0 {
		d.line(inventory.Line{Activity: "refund", Stock: "value_only", UnitValue: d.money(v.Get("grand_total")), Currency: currency, ValueBasis: "retail_gross"})
	}
	d.identify("creditmemo", id)
	d.done()
}

// adobeSource: how many a source has, as an absolute count.
func adobeSource(m *message, v, at *jsonread.Value) {
	d := m.adobe(v, "snapshot", "reported")
	d.dated = true
	d.System = cmp.Or(m.source.System, "ecommerce")
	d.Location, d.LocationScheme = d.text(v.Get("source_code")), "adobe_source"
	d.when(v.Get("updated_at"), at)
	sku := d.text(v.Get("sku"))
	d.keep("adobe.in_stock", v.Get("status"))
	if q, ok := d.quantity(v.Get("quantity"), v); ok {
		d.line(inventory.Line{Item: sku, ItemScheme: "sku", Quantity: q, UOM: "EA", Measure: "absolute", Bucket: "on_hand", AsOf: d.TimeAsSent})
	}
	d.identify("source_item", d.Location, sku, d.TimeAsSent)
	d.done()
}

// adobeStock: the single stock of shops without sources.
func adobeStock(m *message, v, at *jsonread.Value) {
	d := m.adobe(v, "snapshot", "reported")
	d.dated = true
	d.System = cmp.Or(m.source.System, "ecommerce")
	if d.Location == "" && m.source.Location == "" {
		d.place("adobe_stock", v.Get("stock_id"))
	}
	d.when(v.Get("updated_at"), at)
	item, scheme := d.text(v.Get("sku")), "sku"
	if item == "" {
		item, scheme = d.text(v.Get("product_id")), "adobe_product"
	}
	if item == "" {
		d.fail(v, "is a stock item of nothing: it has neither sku nor product_id.")
	}
	d.keep("adobe.in_stock", v.Get("is_in_stock"))
	if q, ok := d.quantity(v.Get("qty"), v); ok {
		d.line(inventory.Line{Item: item, ItemScheme: scheme, Quantity: q, UOM: "EA", Measure: "absolute", Bucket: "on_hand", AsOf: d.TimeAsSent})
	}
	d.identify("stock_item", cmp.Or(d.text(v.Get("item_id")), item), d.TimeAsSent)
	d.done()
}
