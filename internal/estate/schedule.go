package estate

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"
)

// slotLength is the step in which sales are drawn. Stores open and close on
// whole minutes, so openness does not change inside a slot.
const slotLength = 10 * time.Second

// slot numbers slots since 1970.
type slot int64

func slotOf(t time.Time) slot { return slot(t.UnixMilli() / slotLength.Milliseconds()) }

func (s slot) start() time.Time {
	return time.UnixMilli(int64(s) * slotLength.Milliseconds()).UTC()
}

// sale is one document at one till. Workflow and basket say which kind.
type sale struct {
	number      uint64
	slot        slot
	at          time.Time
	store       *store
	register    int
	sequence    uint32
	basket      *Basket
	sameBasket  bool
	correlation string
}

func (s *sale) receipt() string {
	return fmt.Sprintf("%s-%s-%06d", s.store.ID, s.store.register(s.register), s.sequence)
}

func (s *sale) businessDate() string { return s.at.In(s.store.Zone).Format(time.DateOnly) }

// schedule draws the sales, slot by slot. With a given seed and start it is a
// function of the cursor: a copy of the cursor is all a restart needs.
type schedule struct {
	opts   *Options
	stores []*store
	groups []tradingGroup
	goods  *catalogue
	// identity is the seed of receipts and correlation ids: two runs of one seed
	// begun at different times are different retailers to an instance.
	identity uint64
	eras     []era
	// live is where the live part begins; before it lies the history.
	live        time.Time
	history     History
	historySum  float64 // trade of all slots of the history
	weeklyTrade float64 // mean trade over a week
	cursor      cursor
}

// era is a time with one rate. A pause is an era at rate 0.
type era struct {
	From time.Time `json:"from"`
	Rate float64   `json:"rate"`
}

// cursor is how far the schedule has come.
type cursor struct {
	Slot slot   `json:"slot"`
	Next uint64 `json:"next"` // number of the next document
	// HistoryMade and LiveMade count sales; Trade is the history's so far, Owing
	// the fraction of a live sale not yet made.
	HistoryMade int     `json:"history_made"`
	LiveMade    int     `json:"live_made"`
	Trade       float64 `json:"trade"`
	Owing       float64 `json:"owing"`
	// Sequences is the last receipt number of each register, Last the basket last
	// sold at each store (number + 1, 0 for none).
	Sequences []uint32 `json:"sequences"`
	Last      []uint64 `json:"last"`
	// Rung is when each register rang up its last document, in milliseconds since
	// 1970.
	Rung []int64 `json:"rung"`
	// Documents counts the receipts in each ERP run not yet over.
	Documents map[runKey]int `json:"documents"`
	// Days are the days of stores posted as a whole that the ERP has not taken up.
	Days map[dayKey]*dayBook `json:"days,omitempty"`
}

// clone copies the cursor, save the books of its days: these both have from here
// on, and who enters something copies its book first.
func (c cursor) clone() cursor {
	c.Sequences = slices.Clone(c.Sequences)
	c.Last = slices.Clone(c.Last)
	c.Rung = slices.Clone(c.Rung)
	c.Documents = maps.Clone(c.Documents)
	c.Days = maps.Clone(c.Days)
	for _, b := range c.Days {
		if !b.shared { // what is shared already may be read by others just now
			b.shared = true
		}
	}
	return c
}

// scanAndPay is how long a register is busy with one document: nobody scans and pays
// faster, and the same goods sooner than that are one sale entered twice.
const scanAndPay = 6 * time.Second

// maxSequence is where till numbers begin again.
const maxSequence = 999_999

func newSchedule(opts *Options, stores []*store, groups []tradingGroup, start, live time.Time, eras []era) *schedule {
	s := &schedule{
		opts: opts, stores: stores, groups: groups, live: live, history: opts.History, eras: eras,
		identity: digest("identity", opts.Seed, uint64(start.UnixMilli())),
	}
	if len(opts.Baskets) == 0 {
		s.goods = newCatalogue(opts.Seed)
	}
	s.cursor = cursor{Slot: slotOf(start), Last: make([]uint64, len(stores)), Documents: map[runKey]int{}, Days: map[dayKey]*dayBook{}}
	for _, st := range stores {
		for r := range st.registers {
			first := roll(s.identity, "sequence", uint64(st.index), uint64(r)).IntN(900_000)
			s.cursor.Sequences = append(s.cursor.Sequences, uint32(first))
		}
	}
	s.cursor.Rung = make([]int64, len(s.cursor.Sequences))
	if s.history.Sales > 0 {
		for k := slotOf(s.history.From); k < slotOf(s.history.To); k++ {
			s.historySum += s.trade(k.start())
		}
	}
	const step = 10 * time.Minute
	monday := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	for i := range 7 * 24 * int(time.Hour/step) {
		s.weeklyTrade += s.trade(monday.Add(time.Duration(i) * step))
	}
	s.weeklyTrade /= float64(7 * 24 * int(time.Hour/step))
	return s
}

func (s *schedule) trade(t time.Time) float64 {
	sum := 0.0
	for i := range s.groups {
		sum += s.groups[i].trade(t)
	}
	return sum
}

func (s *schedule) rate(t time.Time) float64 {
	rate := 0.0
	for _, e := range s.eras {
		if t.Before(e.From) {
			break
		}
		rate = e.Rate
	}
	return rate
}

// ended reports whether no sale will follow.
func (s *schedule) ended() bool {
	if s.cursor.Slot.start().Before(s.live) {
		return false
	}
	return s.opts.Rate == 0 || (s.opts.Sales > 0 && s.cursor.LiveMade >= s.opts.Sales)
}

// next draws the documents of the next slot, in order of time.
func (s *schedule) next() []*sale {
	c := &s.cursor
	k := c.Slot
	c.Slot++
	start := k.start()
	for key := range c.Documents {
		if key.over(start) {
			delete(c.Documents, key)
		}
	}

	trade := make([]float64, len(s.groups))
	sum := 0.0
	for i := range s.groups {
		sum += s.groups[i].trade(start)
		trade[i] = sum
	}
	count := 0
	historic := start.Before(s.live)
	switch {
	case !historic:
		if s.ended() || sum == 0 {
			return nil
		}
		c.Owing += s.rate(start) * slotLength.Seconds() * sum / s.weeklyTrade
		count = int(c.Owing)
		c.Owing -= float64(count)
		if s.opts.Sales > 0 {
			count = min(count, s.opts.Sales-c.LiveMade)
		}
	case s.history.Sales > 0 && k >= slotOf(s.history.From) && k < slotOf(s.history.To) && sum > 0:
		c.Trade += sum
		count = int(math.Round(float64(s.history.Sales)*c.Trade/s.historySum)) - c.HistoryMade
	}
	if count <= 0 {
		return nil
	}

	d := roll(s.identity, "slot", uint64(k))
	type moment struct {
		offset time.Duration
		other  bool // not a sale: comes besides the count
	}
	var moments []moment
	for made := 0; made < count; {
		m := moment{offset: d.between(0, slotLength)}
		if n := len(s.opts.Baskets); n > 0 {
			// Whether it is a sale is drawn here, which basket below, from the same
			// number: other documents keep their share.
			m.other = s.opts.Baskets[s.basketNumber(c.Next+uint64(len(moments)))].Workflow != workflowSale
		}
		if !m.other {
			made++
		}
		moments = append(moments, m)
	}
	// The number belongs to the place in the list, the time to the place in the
	// sorted list.
	offsets := make([]time.Duration, len(moments))
	for i, m := range moments {
		offsets[i] = m.offset
	}
	slices.Sort(offsets)

	sales := make([]*sale, len(moments))
	for i, m := range moments {
		g := &s.groups[search(trade, d.Float64())]
		st := g.stores[search(g.reach, d.Float64())]
		sales[i] = s.ring(k, start.Add(offsets[i]), st, m.other)
		if !m.other {
			if historic {
				c.HistoryMade++
			} else {
				c.LiveMade++
			}
		}
	}
	return sales
}

// ring makes one document at a store.
func (s *schedule) ring(k slot, at time.Time, st *store, other bool) *sale {
	c := &s.cursor
	n := c.Next
	c.Next++
	d := roll(s.identity, "sale", n)
	doc := &sale{
		number: n, slot: k, at: at, store: st, register: d.IntN(st.registers),
		correlation: "c-" + hexOf(16, s.identity, "correlation", n),
	}
	free := func(register int) bool {
		return at.UnixMilli()-c.Rung[st.firstRegister+register] >= scanAndPay.Milliseconds()
	}
	for range st.registers {
		if free(doc.register) {
			break
		}
		doc.register = (doc.register + 1) % st.registers
	}
	again := d.chance(s.opts.Faults[SameBasket]) && free(doc.register)
	c.Rung[st.firstRegister+doc.register] = at.UnixMilli()
	ref := s.basketNumber(n)
	if again && !other && c.Last[st.index] > 0 {
		ref = c.Last[st.index] - 1
		doc.sameBasket = true
	}
	doc.basket = s.basket(ref)
	if doc.basket.Workflow == workflowSale {
		c.Last[st.index] = ref + 1
	}
	if doc.basket.Workflow != workflowAdjustment {
		sequence := &c.Sequences[st.firstRegister+doc.register]
		*sequence++
		if *sequence > maxSequence {
			*sequence = 1
		}
		doc.sequence = *sequence
	}
	return doc
}

// basketNumber is which basket document n has: an index into the given baskets,
// or the number of one to be made up.
func (s *schedule) basketNumber(n uint64) uint64 {
	if count := len(s.opts.Baskets); count > 0 {
		return digest("basket", s.identity, n) % uint64(count)
	}
	return n
}

func (s *schedule) basket(number uint64) *Basket {
	if len(s.opts.Baskets) > 0 {
		return s.opts.Baskets[number]
	}
	return s.goods.basket(digest("basket", s.identity, number))
}
