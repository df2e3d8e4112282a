package webhook

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/jsonread"
	"github.com/stocktrace/stocktrace/inventory"
)

// Dynamics 365: on-hand changes of the Inventory Visibility service, one or a list
// of them, and business events of Supply Chain Management.

func detectDynamics(names []string, _ []byte, _ format.Source) bool {
	return has(names, "organizationId", "productId", "quantities") || has(names, "BusinessEventId")
}

func readDynamics(m *message) {
	switch v := m.body; {
	case v.Get("quantities").Given():
		dynamicsChange(m)
	case v.Get("BusinessEventId").Given():
		dynamicsEvent(m)
	default:
		m.problem(v, "is neither an on-hand change nor a business event of Dynamics 365.")
	}
}

// dynamicsChange: what a data source says has changed, by its own measures. What
// a measure means is configured there: inbound and outbound say it themselves,
// and no workflow is declared for the rest.
func dynamicsChange(m *message) {
	v := m.body
	d := m.draft(v, "onhand_change", "reported", cmp.Or(v.Get("dimensionDataSource").String(), "erp"))
	dimensions := v.Get("dimensions")
	d.place("dynamics_warehouse", dimensions.First("locationId", "LocationId"))
	d.place("dynamics_site", dimensions.First("siteId", "SiteId"))
	d.Register = d.text(dimensions.Get("posMachineId"))
	d.dated = true
	d.when(v.First("modifiedDateTimeUTC", "modifiedDateTimeUtc", "eventTime", "dateTime"))
	id, item := d.text(v.Get("id")), strings.TrimSpace(v.Get("productId").String())
	if item == "" {
		d.fail(v, "is a change of nothing: it has no productId.")
	}
	d.key("onhand_change", id)
	d.keep("dynamics.organization", v.Get("organizationId"))
	for _, dimension := range dimensions.Use().Fields() {
		if dimension.Value.Given() {
			d.Attributes["dynamics.dimension/"+dimension.Name] = dimension.Value.JSON()
		}
	}
	for _, from := range v.Get("quantities").Fields() {
		for _, measure := range from.Value.Fields() {
			q, ok := d.quantity(measure.Value.Use(), from.Value)
			if !ok {
				continue
			}
			l := inventory.Line{Item: item, ItemScheme: "dynamics_product", Quantity: q, Activity: from.Name + "." + measure.Name}
			switch strings.ToLower(measure.Name) {
			case "inbound":
			case "outbound":
				l.Quantity = q.Neg()
			default:
				l.Stock = "none"
				d.note(format.NotStandard, measure.Value, fmt.Sprintf("the measure %q does not say whether it adds to stock or takes from it: kept, and not counted.", short(measure.Name)))
			}
			d.line(l)
		}
	}
	if len(d.Lines) == 0 {
		d.fail(v, "says no quantity: nothing can be counted from it.")
	}
	if id == "" {
		d.fail(v, "has no id, by which the service itself tells a repetition from a second change.")
	}
	d.identify("onhand", v.Get("organizationId").String(), id)
	d.done()
}

// dynamicsEvents are business events by a part of their name. Source:
// learn.microsoft.com, "Business events developer documentation", catalog.
var dynamicsEvents = []struct {
	part           string
	workflow, step string
	system         string
	key            string
}{
	{"SalesOrderConfirm", "fulfilment", "ordered", "oms", "SalesOrderNumber"},
	{"SalesOrderPackingSlip", "fulfilment", "shipped", "erp", "SalesOrderNumber"},
	{"SalesPackingSlip", "fulfilment", "shipped", "erp", "SalesOrderNumber"},
	{"ReturnOrder", "online_return", "received", "erp", "ReturnOrderNumber"},
	{"PurchaseOrderReceived", "receipt", "received", "erp", "PurchaseOrderNumber"},
	{"ProductReceipt", "receipt", "posted", "erp", "PurchaseOrderNumber"},
	{"TransferOrderShip", "transfer", "shipped", "erp", "TransferOrderNumber"},
	{"TransferOrderReceive", "transfer", "received", "erp", "TransferOrderNumber"},
	{"InventCount", "count", "counted", "erp", "JournalId"},
	{"InventAdjust", "adjustment", "adjusted", "erp", "JournalId"},
}

var dynamicsDate = regexp.MustCompile(`^/Date\((-?\d+)(?:[+-]\d{4})?\)/$`)

// dynamicsEvent: a business event says that something happened to a document, and
// seldom to which goods.
func dynamicsEvent(m *message) {
	v := m.body
	kind := v.Get("BusinessEventId").String()
	workflow, step, system, number := "business_event", cmp.Or(stepName(strings.TrimSuffix(kind, "BusinessEvent")), "reported"), "erp", ""
	for _, e := range dynamicsEvents {
		if strings.Contains(kind, e.part) {
			workflow, step, system, number = e.workflow, e.step, e.system, e.key
			break
		}
	}
	d := m.draft(v, workflow, step, system)
	d.place("dynamics_warehouse", v.First("WarehouseId", "Warehouse", "InventLocationId", "ShippingWarehouse", "ReceivingWarehouse"))
	d.place("dynamics_site", v.First("SiteId", "Site"))
	if d.Location == "" && m.source.Location == "" {
		d.place("dynamics_entity", v.First("BusinessEventLegalEntity", "LegalEntity"))
	}
	if at := v.Get("EventTimeIso8601"); at.Given() {
		d.when(at)
		v.Get("EventTime").Use()
	} else if sent := dynamicsDate.FindStringSubmatch(v.Get("EventTime").String()); sent != nil {
		milliseconds, _ := strconv.ParseInt(sent[1], 10, 64)
		d.Time, d.TimeAsSent = time.UnixMilli(milliseconds).UTC(), v.Get("EventTime").String()
		if milliseconds < 0 || d.Time.Year() > 2261 {
			d.fail(v.Get("EventTime"), short(sent[0])+" is before 1970 or after 2262: send the time it happened.")
		}
	} else {
		d.when(v.Get("EventTime"))
	}
	if id := d.text(v.Get(number)); number != "" && id != "" {
		switch workflow {
		case "transfer":
			d.key(inventory.KeyTransfer, id)
		case "count":
			d.key(inventory.KeyCount, id)
		case "online_return":
			d.key(inventory.KeyRMA, id)
		default:
			d.key("order", id)
			d.CorrelationID = d.Source + "#" + strings.ToLower(number) + "/" + id
		}
	}
	id := d.text(v.Get("EventId"))
	if id == "" {
		d.fail(v, "is a business event without EventId.")
	}
	d.text(v.Get("ControlNumber"))
	v.Unasked(func(name string, value *jsonread.Value) {
		if value.Kind != jsonread.Object && value.Kind != jsonread.Array {
			d.keep("dynamics."+name, value)
		}
	})
	d.identify("business_event", id)
	d.done()
}
