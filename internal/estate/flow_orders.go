package estate

import (
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// Orders: what customers order and is picked, held, sold by a marketplace, sent by
// a supplier, or given back.

// What may go wrong with orders.
const (
	// ConfirmedEarly: the order is confirmed minutes before it is shipped, by the
	// clocks of the two systems.
	ConfirmedEarly Fault = "confirmed_early"
	// OverReleased: more is released than was reserved; ReservationLeft: an order is
	// closed that still holds stock.
	OverReleased    Fault = "over_released"
	ReservationLeft Fault = "reservation_left"
	// ShippedShort: a supplier ships less than was ordered.
	ShippedShort Fault = "shipped_short"
)

// ordered gives a dealing an order's numbers.
func ordered(d *dealing, prefix string) {
	d.correlation = prefix + "-" + d.number
	d.keys = []inventory.Key{{Name: inventory.KeyOrder, Value: "O" + d.number}}
}

var fulfilmentFlow = flow{
	workflow: "fulfilment", share: 4,
	begin: func(d *dealing) bool {
		d.place = d.sale.store.Location
		if d.chance(0.6) {
			d.place = d.depot()
		}
		ordered(d, "o")
		d.pack(3, 3)
		return true
	},
	legs: []leg{
		{name: "oms ordered", owed: true, says: dated(moved(1, ""))},
		{name: "wms accepted", after: "oms ordered", from: 20 * time.Second, to: 6 * time.Minute, due: 10 * time.Minute, owed: true},
		{name: "any picked", system: house, after: "wms accepted", from: 20 * time.Minute, to: 2 * time.Hour, due: 8 * time.Hour, hours: true, owed: true},
		{
			name: "any shipped", system: house, after: "any picked", from: 10 * time.Minute, to: 90 * time.Minute,
			due: 12 * time.Hour, hours: true, owed: true, says: moved(-1, ""),
		},
		{
			name: "oms confirmed", after: "any shipped", from: 10 * time.Second, to: 8 * time.Minute, due: 15 * time.Minute,
			since: "any shipped", owed: true,
		},
		{
			name: "erp posted", after: "any shipped", from: 20 * time.Second, to: 12 * time.Minute, due: 30 * time.Minute,
			since: "any shipped", owed: true, books: true, says: booked(-1, ""),
		},
	},
	odd: []oddity{
		{ConfirmedEarly, func(d *dealing) ([]Expected, bool) {
			told, shipped := d.done("oms confirmed"), d.done("any shipped")
			if told == nil || shipped == nil || d.hit["oms confirmed"] != "" {
				return nil, false
			}
			told.event.Time = shipped.event.Time.Add(-d.d.between(6*time.Minute, 9*time.Minute))
			return []Expected{{Kind: inventory.OutOfOrder, Step: "oms confirmed"}}, true
		}},
	},
}

// held says goods that are held for an order.
func held(sign int64) func(*dealing, *inventory.Event) {
	return func(d *dealing, e *inventory.Event) {
		e.Lines = d.lines(sign, "")
		for i := range e.Lines {
			e.Lines[i].Bucket = "reserved"
		}
	}
}

var reservationFlow = flow{
	workflow: "reservation", share: 3,
	begin: func(d *dealing) bool {
		d.place = d.sale.store.Location
		ordered(d, "h")
		d.pack(3, 4)
		return true
	},
	legs: []leg{
		{name: "oms reserved", owed: true, says: dated(held(-1))},
		{name: "oms fulfilled", after: "oms reserved", from: 20 * time.Minute, to: 20 * time.Hour, says: held(1)},
		{name: "oms closed", after: "oms fulfilled", from: time.Minute, to: 10 * time.Minute, due: 168 * time.Hour, owed: true},
	},
	odd: []oddity{
		{OverReleased, func(d *dealing) ([]Expected, bool) {
			s := d.done("oms fulfilled")
			if s == nil || !d.all("oms closed") {
				return nil, false
			}
			less(&s.event, 1)
			return []Expected{{Kind: inventory.OverRelease, Step: "oms fulfilled", State: inventory.FindingOpen}}, true
		}},
		{ReservationLeft, func(d *dealing) ([]Expected, bool) {
			s := d.done("oms fulfilled")
			if s == nil || !d.all("oms closed") || d.odd {
				return nil, false
			}
			less(&s.event, -1)
			return []Expected{{Kind: inventory.ReservationUnbalanced, Step: "oms fulfilled", State: inventory.FindingOpen}}, true
		}},
	},
}

var marketplaceFlow = flow{
	workflow: "marketplace_order", share: 2,
	begin: func(d *dealing) bool {
		d.place = d.depot()
		ordered(d, "m")
		d.pack(2, 3)
		return true
	},
	legs: []leg{
		{name: "marketplace placed", owed: true, says: dated(moved(1, ""))},
		{name: "oms accepted", after: "marketplace placed", from: 10 * time.Second, to: 5 * time.Minute, due: 10 * time.Minute, owed: true},
		{name: "oms reserved", after: "oms accepted", from: 5 * time.Second, to: 4 * time.Minute, due: 15 * time.Minute, owed: true, says: held(-1)},
		{
			name: "any shipped", system: house, after: "oms reserved", from: time.Hour, to: 8 * time.Hour, due: 20 * time.Hour, hours: true,
			owed: true, says: moved(-1, ""),
		},
		{
			name: "marketplace confirmed", after: "any shipped", from: time.Minute, to: 30 * time.Minute, due: time.Hour,
			since: "any shipped", owed: true,
		},
		{
			name: "erp posted", after: "any shipped", from: 20 * time.Second, to: 12 * time.Minute, due: 30 * time.Minute,
			since: "any shipped", owed: true, books: true, says: booked(-1, ""),
		},
	},
}

var directShipFlow = flow{
	workflow: "direct_ship", share: 1,
	begin: func(d *dealing) bool {
		d.place = d.sale.store.Location
		ordered(d, "s")
		d.pack(2, 3)
		return true
	},
	legs: []leg{
		{name: "oms ordered", owed: true, says: dated(moved(1, ""))},
		{name: "supplier accepted", after: "oms ordered", from: 10 * time.Minute, to: 8 * time.Hour, due: 24 * time.Hour, owed: true},
		{
			name: "supplier shipped", after: "supplier accepted", from: 2 * time.Hour, to: 40 * time.Hour, due: 96 * time.Hour,
			owed: true, says: moved(1, ""),
		},
		{
			name: "erp posted", after: "supplier shipped", from: time.Minute, to: 30 * time.Minute, due: time.Hour,
			since: "supplier shipped", owed: true, books: true, anywhere: true, says: booked(1, ""),
		},
	},
	odd: []oddity{
		{ShippedShort, func(d *dealing) ([]Expected, bool) {
			s := d.done("supplier shipped")
			if s == nil || d.misbooked != nil {
				return nil, false
			}
			less(&s.event, -1)
			for _, b := range d.said {
				if b.leg.name == "erp posted" && len(b.event.Lines) > 0 {
					less(&b.event, -1)
				}
			}
			d.settled = later(d.settled, d.due(s.leg))
			return []Expected{{Kind: inventory.ShortReceipt, Step: "supplier shipped", State: inventory.FindingOpen}}, true
		}},
	},
}

var onlineReturnFlow = flow{
	workflow: "online_return", share: 2,
	begin: func(d *dealing) bool {
		d.place = d.depot()
		ordered(d, "b")
		d.pack(2, 3)
		return true
	},
	legs: []leg{
		{name: "oms refunded", owed: true, says: dated(moved(1, ""))},
		{name: "any received", system: house, after: "oms refunded", from: time.Minute, to: 10 * time.Minute, says: moved(1, "inspection")},
		{
			name: "erp posted", after: "oms refunded", from: 20 * time.Second, to: 12 * time.Minute, due: 30 * time.Minute,
			owed: true, missing: inventory.ReturnNotPosted, short: inventory.ReturnNotPosted,
			books: true, anyStatus: true, says: booked(1, ""),
		},
	},
}
