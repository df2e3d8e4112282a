package estate

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// Some ERPs post a store's day as a whole: a run in the night sums what came
// through from each store, by item, and names no receipts.

const (
	workflowPostingDay   = "posting_day"
	workflowPostingBatch = "posting_batch"
	// dayRunAfter is when the run takes a day up, after its end by the store's clock,
	// and dayRunSpread over what time stores have their turn.
	dayRunAfter  = 3 * time.Hour
	dayRunSpread = 2 * time.Hour
	// dayDue is when a day is late, after its end.
	dayDue = 28 * time.Hour
)

// books are what an instance tells of many documents together.
var books = []string{"register_day", "order_stock", "item_stock"}

// dayKey is one store's business date.
type dayKey struct {
	Store int
	Date  string
}

// MarshalText writes the key as "17/2026-11-23".
func (k dayKey) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%d/%s", k.Store, k.Date), nil }

// UnmarshalText reads what MarshalText writes.
func (k *dayKey) UnmarshalText(b []byte) error {
	if _, err := fmt.Sscanf(string(b), "%d/%s", &k.Store, &k.Date); err != nil {
		return fmt.Errorf("%q names no store's day: %w", b, err)
	}
	return nil
}

// dayBook is what a store sold on a date, and what of it came through to the ERP.
type dayBook struct {
	Sold map[Item]inventory.Decimal
	Came map[Item]inventory.Decimal
	// shared: more than one cursor has it, so that nobody may change it.
	shared bool
}

// dayLine is a line of a book in the saved state.
type dayLine struct {
	Item Item   `json:"item"`
	Sold string `json:"sold"`
	Came string `json:"came"`
}

// MarshalJSON writes the book as a list.
func (b *dayBook) MarshalJSON() ([]byte, error) {
	lines := make([]dayLine, 0, len(b.Sold))
	for _, item := range b.items() {
		lines = append(lines, dayLine{item, b.Sold[item].String(), b.Came[item].String()})
	}
	return json.Marshal(lines)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (b *dayBook) UnmarshalJSON(text []byte) error {
	var lines []dayLine
	if err := json.Unmarshal(text, &lines); err != nil {
		return err
	}
	b.Sold, b.Came = map[Item]inventory.Decimal{}, map[Item]inventory.Decimal{}
	for _, l := range lines {
		sold, err := inventory.ParseDecimal(l.Sold)
		if err != nil {
			return err
		}
		came, err := inventory.ParseDecimal(l.Came)
		if err != nil {
			return err
		}
		b.Sold[l.Item], b.Came[l.Item] = sold, came
	}
	return nil
}

func (b *dayBook) clone() *dayBook {
	return &dayBook{Sold: maps.Clone(b.Sold), Came: maps.Clone(b.Came)}
}

// items are the book's, in a fixed order.
func (b *dayBook) items() []Item {
	return slices.SortedFunc(maps.Keys(b.Sold), func(a, b Item) int { return cmp.Compare(a.SKU, b.SKU) })
}

// end is when the day ends at its store.
func (k dayKey) end(st *store) time.Time {
	date, err := time.Parse(time.DateOnly, k.Date)
	if err != nil {
		return time.Time{} // a key is made from a time, and never wrong
	}
	return time.Date(date.Year(), date.Month(), date.Day()+1, 0, 0, 0, 0, st.Zone).UTC()
}

// runAt is when the ERP posts the day.
func (s *schedule) runAt(k dayKey) time.Time {
	st := s.stores[k.Store]
	end := k.end(st)
	return end.Add(dayRunAfter + roll(s.identity, "day run", uint64(k.Store), uint64(end.Unix())).between(0, dayRunSpread))
}

// enter puts a document into its store's day, also one that owes nothing: the day
// has been traded. passed is when it came through the mapping, zero where it did
// not.
func (s *schedule) enter(doc *sale, passed time.Time) {
	key := dayKey{doc.store.index, doc.businessDate()}
	b := s.cursor.Days[key]
	switch {
	case b == nil:
		b = &dayBook{Sold: map[Item]inventory.Decimal{}, Came: map[Item]inventory.Decimal{}}
		s.cursor.Days[key] = b
	case b.shared:
		b = b.clone()
		s.cursor.Days[key] = b
	}
	in := !passed.IsZero() && passed.Before(s.runAt(key))
	for _, k := range doc.basket.owed {
		b.Sold[*k.item] = b.Sold[*k.item].Add(k.quantity)
		if in {
			b.Came[*k.item] = b.Came[*k.item].Add(k.quantity)
		}
	}
}

// post returns the postings of the days that the ERP takes up before the slot
// ends, with the truth about them, and forgets them. With all, also those whose
// time has not come: of these only the truth is wanted.
func (s *schedule) post(k slot, all bool) (messages []*message, truths []DayTruth) {
	until := (k + 1).start()
	keys := slices.SortedFunc(maps.Keys(s.cursor.Days), func(a, b dayKey) int {
		return cmp.Or(cmp.Compare(a.Date, b.Date), cmp.Compare(a.Store, b.Store))
	})
	for _, key := range keys {
		at := s.runAt(key)
		ready := at.Before(until)
		if !ready && !all {
			continue
		}
		st, b := s.stores[key.Store], s.cursor.Days[key]
		delete(s.cursor.Days, key)
		truth := DayTruth{
			Location: st.ID, BusinessDate: key.Date, Verdict: inventory.Complete, FinalAt: key.end(st).Add(dayDue + time.Minute),
		}
		var lines []booking
		short, owes := false, false
		for _, item := range b.items() {
			sold, came := b.Sold[item], b.Came[item]
			short = short || sold != came
			owes = owes || !sold.IsZero()
			if !came.IsZero() {
				lines = append(lines, booking{&item, came})
			}
		}
		step := posted.String()
		switch {
		case !ready:
			truth.Verdict = inventory.Open
		case !owes:
			truth.Verdict = inventory.NotExpected
			if len(lines) > 0 {
				truth.Verdict = inventory.Complete
			}
		case len(lines) == 0:
			truth.Verdict = inventory.Overdue
			truth.Findings = []Expected{{Kind: inventory.MissingStep, Step: step, State: inventory.FindingOpen}}
		case short:
			truth.Verdict = inventory.Conflicted
			truth.Findings = []Expected{{Kind: inventory.AggregationGap, Step: step, State: inventory.FindingOpen}}
		}
		truths = append(truths, truth)
		if !ready || len(lines) == 0 {
			continue
		}
		messages = append(messages, s.dayPosting(key, st, at, lines))
	}
	return messages, truths
}

// dayPosting is what the ERP says of a day it has posted.
func (s *schedule) dayPosting(key dayKey, st *store, at time.Time, lines []booking) *message {
	number := digest("day", s.identity, uint64(key.Store), uint64(key.end(st).Unix()))
	m := &message{
		sale: &sale{
			number: number, slot: slotOf(at), at: at, store: st, basket: &Basket{Workflow: workflowPostingBatch, owed: lines},
			correlation: "d-" + hexOf(16, s.identity, "day", uint64(key.Store), uint64(key.end(st).Unix())),
		},
		feed: feedERP, via: st.erp.via, ref: posted, at: at, send: ceil(at, erpRun).Add(erpLag), outcome: inventory.OK, attempt: 1,
		document: fmt.Sprintf("48%08d%02d", number%100_000_000, st.erp.index), lines: lines, day: key.Date,
	}
	m.id = m.document + "/" + st.ID + "/" + key.Date
	return m
}

// DayTruth is the truth about a store's day that is posted as a whole.
type DayTruth struct {
	Location     string            `json:"location"`
	BusinessDate string            `json:"business_date"`
	Verdict      inventory.Verdict `json:"verdict"`
	Findings     []Expected        `json:"findings,omitempty"`
	FinalAt      time.Time         `json:"final_at"`
}

// id is how the day's lifecycle is called outside.
func (d *DayTruth) id() string {
	return workflowPostingDay + ":" + inventory.Unpad(d.Location) + "/" + d.BusinessDate
}
