package estate

import (
	"slices"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// Goods on the move: from warehouse to store, from and back to suppliers, and into
// their place.

// What may go wrong with goods on the move.
const (
	// ShortReceived, OverReceived: less, or more, arrives than was sent.
	ShortReceived Fault = "short_received"
	OverReceived  Fault = "over_received"
	// NeverAnnounced: goods arrive that nobody said were sent.
	NeverAnnounced Fault = "never_announced"
	// EarlyStock: the shop sells what has not arrived.
	EarlyStock Fault = "early_stock"
	// TransitLeft: not all that was under way is cleared from transit.
	TransitLeft Fault = "transit_left"
)

var transferFlow = flow{
	workflow: "transfer", share: 3,
	begin: func(d *dealing) bool {
		d.place, d.other = d.depot(), d.sale.store.Location
		d.keys = []inventory.Key{{Name: inventory.KeyTransfer, Value: "T" + d.number}}
		d.pack(6, 24)
		// Heard of in another order, it arrived before it was sent.
		d.maybe = []Expected{{Kind: inventory.UnexpectedReceipt, Step: "any received", State: inventory.FindingClosed}}
		return true
	},
	legs: []leg{
		{name: "any shipped", system: "wms", owed: true, says: dated(moved(-1, ""))},
		{
			name: "erp issue_posted", after: "any shipped", from: 20 * time.Second, to: 10 * time.Minute, due: 30 * time.Minute,
			owed: true, books: true, anyStatus: true, says: booked(-1, ""),
		},
		{
			name: "any received", system: "store_app", after: "any shipped", from: time.Hour, to: 8 * time.Hour,
			due: 36 * time.Hour, hours: true, owed: true, retold: true, says: there(moved(1, "")),
		},
		{
			name: "erp receipt_posted", after: "any received", from: 20 * time.Second, to: 10 * time.Minute, due: 30 * time.Minute,
			since: "any received", owed: true, books: true, says: there(booked(1, "")),
		},
		{name: "erp transit_cleared", after: "any received", from: time.Minute, to: 12 * time.Minute, says: booked(1, "")},
		{name: "oms availability_updated", after: "any received", from: 5 * time.Second, to: time.Minute, says: there(moved(1, ""))},
	},
	odd: []oddity{
		{ShortReceived, arrives(-1, inventory.ShortReceipt, "erp receipt_posted")},
		{OverReceived, arrives(1, inventory.OverReceipt, "erp receipt_posted")},
		{NeverAnnounced, func(d *dealing) ([]Expected, bool) {
			if len(d.hit) > 0 || len(d.happened) > 0 {
				return nil, false
			}
			d.silence("any shipped", "erp issue_posted")
			return []Expected{{Kind: inventory.UnexpectedReceipt, Step: "any received", State: inventory.FindingOpen}}, true
		}},
		{EarlyStock, early("any received")},
		{TransitLeft, func(d *dealing) ([]Expected, bool) {
			s := d.done("erp transit_cleared")
			if s == nil || d.waived["any shipped"] {
				return nil, false
			}
			less(&s.event, -1)
			return []Expected{{Kind: inventory.TransitNotCleared, Step: "erp transit_cleared", State: inventory.FindingOpen}}, true
		}},
	},
}

var receiptFlow = flow{
	workflow: "receipt", anchor: "any received", share: 3,
	begin: func(d *dealing) bool {
		d.place = d.sale.store.Location
		if d.chance(0.7) {
			d.place = d.depot()
		}
		d.keys = []inventory.Key{{Name: inventory.KeyDelivery, Value: "D" + d.number}}
		d.pack(8, 60)
		return true
	},
	legs: []leg{
		{name: "supplier shipped", says: moved(-1, "")},
		{name: "any received", system: house, after: "supplier shipped", from: 30 * time.Minute, to: 6 * time.Hour, owed: true, says: dated(moved(1, ""))},
		{
			name: "erp posted", after: "any received", from: 20 * time.Second, to: 10 * time.Minute, due: 30 * time.Minute,
			since: "any received", owed: true, books: true, says: booked(1, ""),
		},
		{name: "oms availability_updated", after: "any received", from: 5 * time.Second, to: time.Minute, says: moved(1, "")},
	},
	odd: []oddity{
		{ShortReceived, arrives(-1, inventory.ShortReceipt, "erp posted")},
		{OverReceived, arrives(1, inventory.OverReceipt, "erp posted")},
		{EarlyStock, early("any received")},
	},
}

var putawayFlow = flow{
	workflow: "putaway", share: 2,
	begin: func(d *dealing) bool {
		d.place = d.depot()
		d.keys = []inventory.Key{{Name: inventory.KeyDelivery, Value: "P" + d.number}}
		d.pack(3, 40)
		return true
	},
	legs: []leg{
		{name: "wms stored", owed: true, says: dated(func(d *dealing, e *inventory.Event) {
			e.Lines = d.lines(1, "")
			for i := range e.Lines {
				e.Lines[i].StatusFrom, e.Lines[i].StatusTo = "quality", "sellable"
			}
		})},
		{
			name: "erp posted", after: "wms stored", from: 20 * time.Second, to: 10 * time.Minute, due: 30 * time.Minute,
			owed: true, books: true, says: booked(1, ""),
		},
	},
}

var vendorReturnFlow = flow{
	workflow: "vendor_return", share: 1,
	begin: func(d *dealing) bool {
		d.place = d.sale.store.Location
		if d.chance(0.5) {
			d.place = d.depot()
		}
		d.keys = []inventory.Key{{Name: inventory.KeyDelivery, Value: "R" + d.number}}
		d.pack(3, 12)
		return true
	},
	legs: []leg{
		{name: "any shipped", system: house, says: dated(moved(-1, ""))},
		{
			name: "erp posted", after: "any shipped", from: 20 * time.Second, to: 20 * time.Minute,
			due: time.Hour, batch: 26 * time.Hour, day: 26 * time.Hour, owed: true, books: true, anyStatus: true, says: booked(-1, ""),
		},
		{name: "supplier received", after: "any shipped", from: time.Hour, to: 30 * time.Hour, says: moved(1, "")},
	},
}

// moved says the goods as the house counts them, booked as the ERP does.
func moved(sign int64, status string) func(*dealing, *inventory.Event) {
	return func(d *dealing, e *inventory.Event) { e.Lines = d.lines(sign, status) }
}

func booked(sign int64, status string) func(*dealing, *inventory.Event) {
	return func(d *dealing, e *inventory.Event) { e.Lines = d.booked(sign, status) }
}

// dated adds the business date, there that it happens at the other place.
func dated(says func(*dealing, *inventory.Event)) func(*dealing, *inventory.Event) {
	return func(d *dealing, e *inventory.Event) {
		says(d, e)
		e.BusinessDate = d.businessDate()
	}
}

func there(says func(*dealing, *inventory.Event)) func(*dealing, *inventory.Event) {
	return func(d *dealing, e *inventory.Event) {
		says(d, e)
		e.Location = d.other.ID
	}
}

// less changes the quantity of an event's first line by so many, away from or
// towards nothing.
func less(e *inventory.Event, by int64) {
	q := &e.Lines[0].Quantity
	*q = q.Add(inventory.DecimalOf(by * int64(q.Sign())))
}

// arrives lets another quantity arrive than was sent, which the ledger books as it
// is.
func arrives(by int64, kind inventory.Kind, books string) func(*dealing) ([]Expected, bool) {
	return func(d *dealing) ([]Expected, bool) {
		s := d.done("any received")
		other := ShortReceived
		if by < 0 {
			other = OverReceived
		}
		if s == nil || d.waived["any shipped"] || slices.Contains(d.happened, other) || d.misbooked != nil && d.misbooked.name == books {
			return nil, false
		}
		less(&s.event, by)
		for _, b := range d.said {
			if b.leg.name == books && len(b.event.Lines) > 0 {
				less(&b.event, by)
			}
		}
		d.settled = later(d.settled, d.due(s.leg))
		return []Expected{{Kind: kind, Step: "any received", State: inventory.FindingOpen}}, true
	}
}

// early lets the shop sell goods before they have arrived.
func early(arrival string) func(*dealing) ([]Expected, bool) {
	return func(d *dealing) ([]Expected, bool) {
		stock, goods := d.done("oms availability_updated"), d.done(arrival)
		if stock == nil || goods == nil || d.waived["any shipped"] {
			return nil, false
		}
		stock.event.Time = goods.event.Time.Add(-d.d.between(10*time.Minute, 25*time.Minute))
		return []Expected{{Kind: inventory.PhantomStock, Step: "oms availability_updated", State: inventory.FindingOpen}}, true
	}
}
