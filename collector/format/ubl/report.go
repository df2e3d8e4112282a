package ubl

import (
	"cmp"
	"strings"

	"github.com/stocktrace/stocktrace/collector/format/xmlread"
	"github.com/stocktrace/stocktrace/inventory"
)

// inventoryReport reads what lies where: an event for each place, its lines
// absolute.
func (d *document) inventoryReport() {
	root := d.root
	reporting, retailer := d.party(root.Child("InventoryReportingParty")), d.party(root.Child("RetailerCustomerParty"))
	guess := "supplier"
	if reporting == retailer {
		guess = "erp"
	}
	d.system(guess)
	header := []place{reporting}
	groups := map[place]*inventory.Event{}
	var order []place
	period := root.Child("InventoryPeriod")
	asOf := d.asOf(period)
	root.Child("DocumentCurrencyCode").Text()
	n := 0
	for line := range root.Children("InventoryReportLine") {
		n++
		at := d.location(line.Child("InventoryLocation"))
		key := place{id: at.id, scheme: at.scheme}
		if key.id == "" {
			key = place{}
		}
		if groups[key] == nil {
			groups[key] = &inventory.Event{}
			order = append(order, key)
		}
		l := inventory.Line{Line: line.Child("ID").Text(), Measure: "absolute", AsOf: asOf}
		d.item(&l, line.Child("Item"))
		l.Quantity, l.UOM, _ = d.quantity(line.Child("Quantity"))
		worth := line.Child("InventoryValueAmount")
		attribute(&l, "InventoryValueAmount", strings.TrimSpace(worth.Text()+" "+worth.Attr("currencyID")))
		attribute(&l, "AvailabilityStatusCode", line.Child("AvailabilityStatusCode").Text())
		groups[key].Lines = append(groups[key].Lines, l)
	}
	if n == 0 {
		d.fail("", "The inventory report has no lines: it says nothing of any stock.")
		return
	}
	for _, key := range order {
		if key.id != "" {
			d.common.Location, d.common.LocationScheme = key.id, key.scheme
		} else {
			d.at(header...)
		}
		if d.common.Time.IsZero() {
			d.happened(d.issued, momentOf(period, "EndDate", "EndTime"))
		}
		if d.problem != nil {
			return
		}
		e := d.event("snapshot", "reported")
		d.key(&e, "report", root.Child("ID").Text())
		e.Lines = groups[key].Lines
		d.events = append(d.events, e)
	}
	d.counted(n)
}

// asOf is the end of the period the report is about, as sent.
func (d *document) asOf(period xmlread.Node) string {
	m := momentOf(period, "EndDate", "EndTime")
	if m.day == "" {
		m = momentOf(period, "StartDate", "StartTime")
	}
	momentOf(period, "StartDate", "StartTime")
	if m.clock != "" {
		return m.day + "T" + m.clock
	}
	return m.day
}

// retailEvent reads what is planned for stores, such as a promotion or an
// opening. Nothing moves: an event for each place, its lines without quantity.
func (d *document) retailEvent() {
	root := d.root
	d.system("supplier")
	sender := d.party(root.Child("SenderParty"))
	d.party(root.Child("ReceiverParty"))
	buyer := d.party(root.Child("BuyerCustomerParty"))
	d.party(root.Child("SellerSupplierParty"))
	promotion := root.Child("PromotionalEvent")
	kind := cmp.Or(promotion.Child("PromotionalEventTypeCode").Text(), root.Child("RetailEventName").Text())
	d.common.Attributes = map[string]string{}
	for _, name := range []string{"RetailEventName", "RetailEventStatusCode", "Description"} {
		if text := root.Child(name).Text(); text != "" {
			d.common.Attributes[name] = text
		}
	}
	if kind != "" {
		d.common.Attributes["PromotionalEventTypeCode"] = kind
	}
	if from, to := root.At("Period", "StartDate").Text(), root.At("Period", "EndDate").Text(); from+to != "" {
		d.common.Attributes["Period"] = from + "/" + to
	}
	groups := map[place][]inventory.Line{}
	var order []place
	add := func(at place, l inventory.Line) {
		key := place{id: at.id, scheme: at.scheme}
		if _, ok := groups[key]; !ok {
			order = append(order, key)
		}
		groups[key] = append(groups[key], l)
	}
	for specification := range promotion.Children("PromotionalSpecification") {
		specification.Child("SpecificationID").Text()
		for item := range specification.Children("PromotionalEventLineItem") {
			line := item.Child("EventLineItem")
			l := inventory.Line{Line: line.Child("LineNumberNumeric").Text(), Stock: "none", Activity: "planned"}
			d.item(&l, line.Child("SupplyItem"))
			if from, to := line.At("RetailPlannedImpact", "Period", "StartDate").Text(), line.At("RetailPlannedImpact", "Period", "EndDate").Text(); from+to != "" {
				attribute(&l, "Period", from+"/"+to)
			}
			impact := line.Child("RetailPlannedImpact")
			attribute(&l, "ForecastTypeCode", impact.Child("ForecastTypeCode").Text())
			attribute(&l, "ForecastPurposeCode", impact.Child("ForecastPurposeCode").Text())
			places := 0
			for at := range line.Children("ParticipatingLocationsLocation") {
				places++
				add(d.location(at), l)
			}
			if places == 0 {
				add(place{}, l)
			}
		}
	}
	if len(order) == 0 {
		order = append(order, place{})
	}
	for _, key := range order {
		if key.id != "" {
			d.common.Location, d.common.LocationScheme = key.id, key.scheme
		} else {
			d.at(buyer, sender)
		}
		if d.common.Time.IsZero() {
			d.happened(d.issued)
		}
		if d.problem != nil {
			return
		}
		e := d.event("document", "received")
		d.key(&e, "retail_event", root.Child("ID").Text())
		e.Lines = groups[key]
		d.events = append(d.events, e)
	}
}
