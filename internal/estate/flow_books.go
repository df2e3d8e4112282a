package estate

import (
	"fmt"
	"strconv"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// What only several dealings tell together: the numbers of a till's day, an item
// that is promised more often than it is there, or is off in every count.

const (
	// NumberMissing is a mobile till that keeps a receipt.
	NumberMissing Fault = "number_missing"
	// TillCountsMore is a till that counts one more at close than it sent.
	TillCountsMore Fault = "till_counts_more"
	// EnteredTwice is one basket entered twice within seconds.
	EnteredTwice Fault = "entered_twice"
	// Oversold is more promised of an item than there is.
	Oversold Fault = "oversold"
	// CountedOffAgain is an item of which three counts in a row find less than the
	// book says.
	CountedOffAgain Fault = "counted_off_again"
)

// tellsLate is how long after the last word a book waits for more.
const tellsLate = 16 * time.Minute

// storeDayFlow is a mobile till that sells some receipts and closes its day.
var storeDayFlow = flow{
	workflow: "store_day", share: 1,
	begin: func(d *dealing) bool {
		if !atDesk(d, "zz") {
			return false
		}
		d.keys, d.drawn[DuplicateSubmitted] = nil, false
		d.register = fmt.Sprintf("M%05d", digest("mobile/"+d.number)%100_000)
		return true
	},
	legs: []leg{{name: "pos closed", owed: true, says: func(d *dealing, e *inventory.Event) {
		e.Register, e.BusinessDate = d.register, d.businessDate()
		e.Totals = d.totals
	}}},
	with: func(e *Estate, z *dealing) []*dealing {
		var receipts []*dealing
		at, first, count := z.sale.at, int(100+digest("first/"+z.number)%9000), 4+z.d.IntN(5)
		twice, missing := z.drawn[EnteredTwice], z.drawn[NumberMissing]
		var found []Expected
		verdict := inventory.Complete
		for n := range count {
			r := e.dealing(&deskSaleFlow, z.sale, z.number+strconv.Itoa(n))
			clear(r.drawn)
			if !atDesk(r, "k") {
				return nil
			}
			r.register, r.sequence, r.status = z.register, first+n, "sellable"
			r.keys[0].Value = fmt.Sprintf("%s-%s-%06d", r.place.ID, r.register, r.sequence)
			if twice && n == 2 {
				r.goods = receipts[len(receipts)-1].goods
				at = at.Add(2 * time.Second)
			} else {
				r.pack(3, 5)
				at = at.Add(z.d.between(20*time.Second, 4*time.Minute))
			}
			r.sale.at = at
			if missing && n == 3 && count > 4 {
				z.happens(NumberMissing)
				verdict = inventory.Conflicted
				found = append(found, Expected{Kind: inventory.SequenceGap, State: inventory.FindingOpen})
				continue
			}
			receipts = append(receipts, r)
		}
		if twice {
			z.happens(EnteredTwice)
			found = append(found, Expected{Kind: inventory.SuspectDuplicate, State: inventory.FindingOpen})
		}
		z.totals = &inventory.Totals{
			Register: z.register, Transactions: count, First: strconv.Itoa(first), Last: strconv.Itoa(first + count - 1),
		}
		if z.drawn[TillCountsMore] {
			z.happens(TillCountsMore)
			z.totals.Transactions++
			z.totals.Last = strconv.Itoa(first + count)
			verdict = inventory.Conflicted
			found = append(found, Expected{Kind: inventory.ControlTotalMismatch, State: inventory.FindingOpen})
		}
		z.sale.at = at.Add(z.d.between(time.Minute, 5*time.Minute))
		z.book("register_day", inventory.Unpad(z.place.ID)+"/"+z.register+"/"+z.businessDate(), verdict, found...)
		return receipts
	},
	odd: []oddity{never(NumberMissing), never(TillCountsMore), never(EnteredTwice)},
}

// never is an oddity that its flow brings about itself.
func never(f Fault) oddity {
	return oddity{f, func(*dealing) ([]Expected, bool) { return nil, false }}
}

// limited is an item of which a store has a few, and no other store any.
func (d *dealing) limited() *Item {
	return &Item{SKU: "L" + d.number, Article: "7" + strconv.FormatUint(digest("limited/"+d.number)%1e9, 10), UOM: "EA", Price: "49.00", Stock: true}
}

// limitedFlow is a snapshot of an item that is promised since.
var limitedFlow = flow{
	workflow: "snapshot", share: 1,
	begin: func(d *dealing) bool {
		d.place = d.sale.store.Location
		d.correlation = "l-" + d.number
		d.goods = []booking{{d.limited(), inventory.DecimalOf(5)}}
		return true
	},
	legs: []leg{{name: "any reported", system: "oms", owed: true, says: dated(func(d *dealing, e *inventory.Event) {
		e.Lines = d.lines(1, "")
		e.Lines[0].Measure, e.Lines[0].Bucket = "absolute", "available"
	})}},
	with: func(e *Estate, stock *dealing) []*dealing {
		var all []*dealing
		promised := 2
		if stock.drawn[Oversold] {
			stock.happens(Oversold)
			promised = 3
			stock.book("item_stock", inventory.Unpad(stock.place.ID)+"/"+stock.goods[0].item.SKU, inventory.Conflicted,
				Expected{Kind: inventory.Oversold, State: inventory.FindingOpen})
		}
		for n := range promised {
			r := e.dealing(&promiseFlow, stock.sale, stock.number+strconv.Itoa(n))
			clear(r.drawn)
			r.place, r.goods = stock.place, []booking{{stock.goods[0].item, inventory.DecimalOf(2)}}
			ordered(r, "h")
			r.sale.at = stock.sale.at.Add(time.Duration(n+1) * 3 * time.Minute)
			all = append(all, r)
		}
		return all
	},
	odd: []oddity{never(Oversold)},
}

// promiseFlow is a reservation that says what it takes from what is available.
var promiseFlow = flow{
	workflow: "reservation",
	legs: []leg{
		{name: "oms reserved", owed: true, says: dated(func(d *dealing, e *inventory.Event) {
			e.Lines = d.lines(-1, "")
			e.Lines[0].Bucket = "available"
		})},
		{name: "oms fulfilled", after: "oms reserved", from: 20 * time.Minute, to: time.Hour, says: held(1)},
		{name: "oms closed", after: "oms fulfilled", from: time.Minute, to: 10 * time.Minute, due: 168 * time.Hour, owed: true},
	},
}

// recountFlow is an item that is counted three times within some days.
var recountFlow = flow{
	workflow: "count", share: 1,
	begin: func(d *dealing) bool {
		d.place = d.sale.store.Location
		d.keys = []inventory.Key{{Name: inventory.KeyCount, Value: "C" + d.number}}
		d.goods = []booking{{d.limited(), inventory.DecimalOf(80)}}
		d.minus = true
		return true
	},
	legs: countFlow.legs,
	with: func(e *Estate, count *dealing) []*dealing {
		var all []*dealing
		if !count.drawn[CountedOffAgain] {
			count.minus, count.status = false, "even"
		}
		for n := range 2 {
			again := e.dealing(count.flow, count.sale, count.number+strconv.Itoa(n))
			clear(again.drawn)
			again.place, again.goods, again.minus, again.status = count.place, count.goods, count.minus, count.status
			again.keys = []inventory.Key{{Name: inventory.KeyCount, Value: "C" + again.number}}
			again.sale.at = count.sale.at.Add(time.Duration(n+1) * 20 * time.Minute)
			all = append(all, again)
		}
		if count.minus {
			count.happens(CountedOffAgain)
			count.book("item_stock", inventory.Unpad(count.place.ID)+"/"+count.goods[0].item.SKU, inventory.Complete,
				Expected{Kind: inventory.RecurringVariance, Step: "store_app counted", State: inventory.FindingOpen})
		}
		return all
	},
	odd: []oddity{never(CountedOffAgain)},
}

// book says what is told of several dealings together.
func (d *dealing) book(workflow, key string, verdict inventory.Verdict, found ...Expected) {
	d.books = append(d.books, SaleTruth{
		CorrelationID: workflow + ":" + key, Location: d.place.ID, Workflow: workflow, Verdict: verdict, Findings: found,
	})
}
