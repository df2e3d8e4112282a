package estate

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// At a store's service desk: returns, sales taken back, goods collected that were
// ordered, and what goes wrong with what a till says.

// What may go wrong with what a till says.
const (
	// MappedTwoWays: the mapping translates one item into two articles.
	MappedTwoWays Fault = "mapped_two_ways"
	// Renamed: an item goes by another name at the next hop.
	Renamed Fault = "renamed"
	// OneNumberTwoBaskets: the till gives a number to two baskets.
	OneNumberTwoBaskets Fault = "one_number_two_baskets"
	// ClockBehind: the till's clock is days behind its business date.
	ClockBehind Fault = "clock_behind"
	// LeftTwice: goods that were ordered leave stock by the order and by the receipt.
	LeftTwice Fault = "left_twice"
)

// desk is the service desk's register. Its receipts carry no number of a sequence.
const desk = "90"

// atDesk chooses a store whose receipts are posted one by one, and numbers the
// receipt.
func atDesk(d *dealing, prefix string) bool {
	stores := d.schedule.stores
	for i := range stores {
		s := stores[(d.sale.store.index+i)%len(stores)]
		if s.Posting == inventory.PostingStoreDay || s.Region != d.sale.store.Region {
			continue
		}
		if _, off := d.episodes.outage(s, d.sale.at); off {
			return false
		}
		d.sale.store, d.place = s, s.Location
		d.register = desk
		d.correlation = prefix + "-" + d.number
		d.keys = []inventory.Key{{Name: inventory.KeyReceipt, Value: fmt.Sprintf("%s-%s-%06d", s.ID, desk, d.sale.number*10+uint64(len(prefix)))}}
		return true
	}
	return false
}

// rung says a receipt.
func rung(kind string, sign int64) func(*dealing, *inventory.Event) {
	return func(d *dealing, e *inventory.Event) {
		e.Register, e.BusinessDate, e.Operator = d.register, d.businessDate(), "31"
		e.Transaction = inventory.Transaction{Kind: kind, Mode: "live", Status: "completed"}
		if d.sequence > 0 {
			e.Transaction.Sequence, e.Transaction.SequenceMax = strconv.Itoa(d.sequence), strconv.Itoa(maxSequence)
		}
		e.Lines = d.lines(sign, d.status)
		for i := range e.Lines {
			e.Lines[i].UnitValue, e.Lines[i].ValueBasis, e.Lines[i].Currency = d.goods[i].item.Price, "retail_gross", d.sale.store.currency
		}
		e.Refs = d.refs
	}
}

// translated says how the middleware maps the goods.
func translated(d *dealing, e *inventory.Event) {
	e.MappingVersion = d.episodes.mappingVersion(e.Time)
	for i, k := range d.goods {
		e.Mappings = append(e.Mappings, inventory.Mapping{
			Field: fmt.Sprintf("lines[%d].item", i), From: k.item.SKU, To: k.item.Article, Rule: "sku_article", Version: e.MappingVersion,
		})
	}
}

// resaleable reports whether the goods can be sold again, spoilt whether they never
// can, and unclear whether somebody has to look at them.
func resaleable(d *dealing) bool { return d.status == "sellable" }
func spoilt(d *dealing) bool     { return d.status == "damaged" }
func unclear(d *dealing) bool    { return d.status == "inspection" }

// sold are the legs of what is rung at a till and posted one by one.
func sold(kind string, sign int64, missing inventory.Kind, shown func(*dealing) bool) []leg {
	return []leg{
		{name: "pos completed", owed: true, says: rung(kind, sign)},
		{name: "middleware accepted", after: "pos completed", from: time.Second, to: 4 * time.Second, due: time.Minute, owed: true},
		{name: "middleware mapped", after: "middleware accepted", from: 200 * time.Millisecond, to: 5 * time.Second, due: 2 * time.Minute, owed: true, says: translated},
		{
			name: "oms availability_updated", after: "middleware accepted", from: 500 * time.Millisecond, to: 20 * time.Second,
			due: 5 * time.Minute, owed: true, when: shown,
			says: func(d *dealing, e *inventory.Event) {
				e.Lines = d.lines(sign, "")
				for i := range e.Lines {
					e.Lines[i].Bucket = "available"
				}
			},
		},
		{
			name: "erp posted", after: "middleware mapped", from: 5 * time.Second, to: 100 * time.Second, due: 5 * time.Minute, batch: 26 * time.Hour,
			owed: true, missing: missing, books: true,
			says: func(d *dealing, e *inventory.Event) { e.Lines = d.booked(sign, d.status) },
		},
	}
}

var returnFlow = flow{
	workflow: "return", share: 6,
	begin: func(d *dealing) bool {
		if !atDesk(d, "r") {
			return false
		}
		d.pack(2, 3)
		d.status = []string{"sellable", "sellable", "sellable", "sellable", "sellable", "sellable", "damaged", "damaged", "inspection"}[d.d.IntN(9)]
		return true
	},
	legs: append(sold("return", 1, inventory.ReturnNotPosted, resaleable),
		leg{
			name: "any inspected", system: "store_app", after: "pos completed", from: 20 * time.Minute, to: 5 * time.Hour,
			due: 16 * time.Hour, hours: true, owed: true, when: unclear,
		},
		leg{
			name: "erp adjusted", after: "erp posted", from: 5 * time.Minute, to: 40 * time.Minute, due: time.Hour, batch: 26 * time.Hour,
			owed: true, when: spoilt, says: booked(-1, "damaged"),
		},
	),
}

// always is the condition of what happens in every dealing.
func always(*dealing) bool { return true }

var deskSaleFlow = flow{
	workflow: workflowSale, share: 4,
	begin: func(d *dealing) bool {
		if !atDesk(d, "k") {
			return false
		}
		d.pack(4, 5)
		d.status = "sellable"
		return true
	},
	legs: sold("sale", -1, "", always),
	odd: []oddity{
		{MappedTwoWays, func(d *dealing) ([]Expected, bool) {
			s := d.done("middleware mapped")
			if s == nil || len(s.event.Mappings) == 0 {
				return nil, false
			}
			other := s.event.Mappings[0]
			other.Field, other.To = fmt.Sprintf("lines[%d].item", len(d.goods)), other.To+"-2"
			s.event.Mappings = append(s.event.Mappings, other)
			return []Expected{{Kind: inventory.MappingConflict, Step: "middleware mapped", State: inventory.FindingOpen}}, true
		}},
		{Renamed, func(d *dealing) ([]Expected, bool) {
			till, shop := d.done("pos completed"), d.done("oms availability_updated")
			if till == nil || shop == nil {
				return nil, false
			}
			gtin := []inventory.Key{{Name: "gtin", Value: "40" + d.goods[0].item.Article}}
			till.event.Lines[0].ItemIDs, shop.event.Lines[0].ItemIDs = gtin, gtin
			shop.event.Lines[0].Item += "-NEW"
			return []Expected{{Kind: inventory.IdentityDrift}}, true
		}},
		{OneNumberTwoBaskets, func(d *dealing) ([]Expected, bool) {
			s := d.done("pos completed")
			if s == nil || d.odd || d.drawn[DuplicateSubmitted] || d.misbooked != nil {
				return nil, false
			}
			other := &saying{leg: s.leg, event: s.event}
			other.event.ID += "/other"
			other.event.Time = s.event.Time.Add(300 * time.Millisecond)
			other.event.Lines = slices.Clone(s.event.Lines)
			less(&other.event, 2)
			d.said = append(d.said, other)
			// Where the other was heard first, it was that which was compared.
			d.maybe = append(d.maybe, Expected{Kind: inventory.QuantityMismatch, Step: "erp posted", State: inventory.FindingClosed})
			return []Expected{{Kind: inventory.KeyCollision, Step: "pos completed", State: inventory.FindingOpen}}, true
		}},
		{ClockBehind, func(d *dealing) ([]Expected, bool) {
			s := d.done("pos completed")
			if s == nil || len(d.hit) > 0 || d.odd || d.misbooked != nil || d.drawn[DuplicateSubmitted] {
				return nil, false
			}
			d.told = s.event.Time
			s.event.Time = s.event.Time.Add(-72 * time.Hour)
			return []Expected{{Kind: inventory.ClockSkew, Step: "pos completed"}}, true
		}},
	},
}

var voidFlow = flow{
	workflow: "void", share: 2,
	begin: func(d *dealing) bool {
		if !atDesk(d, "vo") {
			return false
		}
		d.pack(2, 3)
		d.status = "sellable"
		return true
	},
	legs: []leg{
		{name: "pos completed", owed: true, says: rung("void", 1)},
		{name: "middleware accepted", after: "pos completed", from: time.Second, to: 4 * time.Second, due: time.Minute, owed: true},
		{
			name: "erp posted", after: "middleware accepted", from: 5 * time.Second, to: 100 * time.Second, due: 5 * time.Minute, batch: 26 * time.Hour,
			owed: true, books: true,
			says: func(d *dealing, e *inventory.Event) { e.Lines = d.booked(1, d.status) },
		},
	},
	// What is taken back was sold some minutes before, and posted since.
	with: func(e *Estate, void *dealing) []*dealing {
		sale := e.dealing(&deskSaleFlow, void.sale, void.number+"S")
		clear(sale.drawn)
		if !atDesk(sale, "k") {
			return nil
		}
		sale.goods, sale.status = void.goods, "sellable"
		void.sale.at = sale.sale.at.Add(void.d.between(4*time.Minute, 20*time.Minute))
		void.refs = []inventory.Ref{{Rel: "voids", Keys: slices.Clone(sale.keys)}}
		return []*dealing{sale}
	},
}

// collectFlow is an order that is picked up at the store: the receipt says so. If
// the order issues its goods besides, they left twice.
var collectFlow = flow{
	workflow: workflowSale, share: 2,
	begin: func(d *dealing) bool {
		if !atDesk(d, "col") {
			return false
		}
		d.pack(2, 3)
		d.status = "sellable"
		return true
	},
	legs: sold("sale", -1, "", always),
	with: func(e *Estate, receipt *dealing) []*dealing {
		f := &reservationFlow
		twice := receipt.drawn[LeftTwice]
		if twice {
			f = &fulfilmentFlow
		}
		for fault := range receipt.drawn {
			receipt.drawn[fault] = false
		}
		order := e.dealing(f, receipt.sale, receipt.number+"O")
		clear(order.drawn)
		order.place, order.goods = receipt.place, receipt.goods
		ordered(order, "o")
		receipt.refs = []inventory.Ref{{Rel: "fulfils", Keys: slices.Clone(order.keys)}}
		if twice {
			receipt.happens(LeftTwice)
			receipt.book("order_stock", order.keys[0].Value, inventory.Conflicted, Expected{Kind: inventory.DoubleIssue, Step: "erp posted", State: inventory.FindingOpen})
		}
		return []*dealing{order}
	},
	odd: []oddity{never(LeftTwice)},
}
