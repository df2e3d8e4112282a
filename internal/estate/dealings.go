package estate

import (
	"slices"
	"strconv"
	"strings"

	"github.com/stocktrace/stocktrace/inventory"
)

// flows are all kinds of business besides selling, in the order in which they are
// drawn. Append only: the order is part of what a seed means.
var flows = []*flow{
	&transferFlow, &receiptFlow, &putawayFlow, &vendorReturnFlow,
	&fulfilmentFlow, &reservationFlow, &marketplaceFlow, &directShipFlow, &onlineReturnFlow,
	&countFlow, &adjustmentFlow, &snapshotFlow,
	&returnFlow, &deskSaleFlow, &voidFlow, &collectFlow, &orderFlow, &movementFlow, &controlFlow,
	&storeDayFlow, &limitedFlow, &recountFlow,
}

// dealings draws what else happens at the store around a sale, and works it out:
// mostly nothing. It is a function of the sale alone.
func (e *Estate) dealings(s *sale) []*dealing {
	d := roll(e.schedule.identity, "dealing", s.number)
	if !d.chance(e.opts.Dealings) {
		return nil
	}
	sum := 0.0
	reach := make([]float64, len(flows))
	for i, f := range flows {
		sum += f.share
		reach[i] = sum
	}
	f := flows[search(reach, d.Float64())]
	number := strings.ToUpper(strconv.FormatUint(digest("number", e.schedule.identity, s.number)%2_821_109_907_456, 36))
	x := e.dealing(f, s, number)
	if !f.begin(x) {
		return nil
	}
	all := []*dealing{x}
	if f.with != nil {
		all = append(all, f.with(e, x)...)
	}
	for _, x := range all {
		x.deal()
	}
	return all
}

// adjust makes the adjustment that a document of the baskets is. One of what moves
// no stock is none.
func (e *Estate) adjust(s *sale) []*dealing {
	x := e.dealing(&adjustmentFlow, s, strings.ToUpper(strconv.FormatUint(digest("adjust", e.schedule.identity, s.number)%2_821_109_907_456, 36)))
	x.place, x.correlation = s.store.Location, s.correlation
	for _, k := range s.basket.owed {
		x.goods = append(x.goods, booking{k.item, k.quantity.Abs()})
	}
	if len(x.goods) == 0 {
		return nil
	}
	x.deal()
	return []*dealing{x}
}

// dealing makes one that has not begun.
func (e *Estate) dealing(f *flow, s *sale, number string) *dealing {
	carrier := *s
	carrier.correlation, carrier.basket, carrier.sequence = "d/"+number, &Basket{Workflow: f.workflow}, 0
	x := &dealing{
		opts: &e.opts, episodes: e.episodes, schedule: e.schedule, live: e.live, flow: f, sale: &carrier, number: number,
		depots: e.depots, d: roll(e.episodes.seed, "deal/"+f.workflow+"/"+number), drawn: map[Fault]bool{}, waived: map[string]bool{},
	}
	for _, fault := range e.mishaps {
		x.drawn[fault] = x.d.chance(e.opts.Faults[fault])
	}
	return x
}

// dealingFaults are what may go wrong with a dealing, in the order in which it is
// drawn.
var dealingFaults = func() []Fault {
	all := slices.Concat(stepFaults, bookFaults, []Fault{DuplicateSubmitted})
	for _, f := range flows {
		for _, odd := range f.odd {
			if !slices.Contains(all, odd.fault) {
				all = append(all, odd.fault)
			}
		}
	}
	return all
}()

// depot is the warehouse of the store's region.
func (d *dealing) depot() inventory.Location {
	for i := range d.depots {
		if d.depots[i].Region == d.sale.store.Region {
			return d.depots[i]
		}
	}
	return d.depots[0]
}

// wrongPlace is another place of the region.
func (d *dealing) wrongPlace() inventory.Location {
	if w := d.depot(); w.ID != d.place.ID {
		return w
	}
	return d.sale.store.Location
}

// pack chooses goods: at most so many items, of each 2 to most.
func (d *dealing) pack(items, most int) {
	for range 1 + d.d.IntN(items) {
		item := d.schedule.item(d.d)
		if !slices.ContainsFunc(d.goods, func(k booking) bool { return k.item == item }) {
			d.goods = append(d.goods, booking{item, inventory.DecimalOf(int64(2 + d.d.IntN(most-1)))})
		}
	}
}

// silence takes legs away as if they had never been, and says nothing of them.
func (d *dealing) silence(names ...string) {
	d.said = slices.DeleteFunc(d.said, func(s *saying) bool { return slices.Contains(names, s.leg.name) })
	for _, name := range names {
		d.waived[name] = true
	}
}

// item draws any item that moves stock and is counted.
func (s *schedule) item(d dice) *Item {
	for {
		var item *Item
		if s.goods != nil {
			item = s.goods.goods[d.IntN(len(s.goods.goods))]
		} else {
			b := s.opts.Baskets[d.IntN(len(s.opts.Baskets))]
			item = b.Lines[d.IntN(len(b.Lines))].Item
		}
		if item.Stock && item.UOM == "EA" {
			return item
		}
	}
}
