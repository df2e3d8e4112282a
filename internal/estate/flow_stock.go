package estate

import (
	"slices"
	"strconv"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// What is said of stock without moving it: counts, adjustments, snapshots.

// What may go wrong with counts, adjustments and snapshots.
const (
	// SelfApproved: who counted or adjusted approves it. Unapproved: it goes through
	// though nobody agreed. BeyondTolerance: a clerk approves what only a supervisor
	// may.
	SelfApproved    Fault = "self_approved"
	Unapproved      Fault = "unapproved"
	BeyondTolerance Fault = "beyond_tolerance"
	// OfflineConflict: entered without connection, it takes more than was there.
	OfflineConflict Fault = "offline_conflict"
	// SnapshotOff: a snapshot says something else than the ledger. NegativeStock: it
	// says less than nothing. OldCount: an older count is written over a newer one.
	SnapshotOff   Fault = "snapshot_off"
	NegativeStock Fault = "negative_stock"
	OldCount      Fault = "old_count"
)

// differs reports whether the count found something else than the book says.
func differs(d *dealing) bool { return d.status != "even" }

// variance is what a count found of the n-th item beyond the book: sometimes more,
// mostly less.
func (d *dealing) variance(n int) int64 {
	if !differs(d) {
		return 0
	}
	v := int64(1 + digest("variance/"+d.number, uint64(n))%3)
	if d.minus || digest("sign/"+d.number)%4 > 0 {
		v = -v
	}
	return v
}

var countFlow = flow{
	workflow: "count", share: 4,
	begin: func(d *dealing) bool {
		d.place = d.sale.store.Location
		d.keys = []inventory.Key{{Name: inventory.KeyCount, Value: "C" + d.number}}
		d.pack(4, 40)
		for i := range d.goods {
			d.goods[i].quantity = d.goods[i].quantity.Add(inventory.DecimalOf(60)) // a variance is less than a tenth
		}
		if d.chance(0.5) {
			d.status = "even"
		}
		return true
	},
	legs: []leg{
		{name: "any counted", system: "store_app", owed: true, says: dated(func(d *dealing, e *inventory.Event) {
			e.Operator = "31"
			for i, k := range d.goods {
				counted := k.quantity.Add(inventory.DecimalOf(d.variance(i)))
				e.Lines = append(e.Lines, inventory.Line{
					Line: strconv.Itoa(i + 1), Item: k.item.SKU, ItemScheme: "sku", Quantity: counted, UOM: k.item.UOM, Measure: "absolute",
					Counted: counted.String(), Book: k.quantity.String(), AsOf: e.Time.UTC().Format(time.RFC3339),
				})
			}
		})},
		{
			name: "any approved", system: "store_app", after: "any counted", from: 10 * time.Minute, to: 3 * time.Hour,
			due: 16 * time.Hour, hours: true, owed: true, when: differs,
			says: func(_ *dealing, e *inventory.Event) {
				e.Approval = &inventory.Approval{State: "approved", By: "12", Role: "supervisor"}
			},
		},
		{
			name: "erp posted", after: "any approved", from: 20 * time.Second, to: 10 * time.Minute, due: 30 * time.Minute, batch: 26 * time.Hour,
			since: "any approved", owed: true, when: differs, books: true,
			says: func(d *dealing, e *inventory.Event) {
				e.Lines = d.booked(1, "")
				for i := range e.Lines {
					e.Lines[i].Quantity = inventory.DecimalOf(d.variance(i))
				}
			},
		},
	},
	odd: []oddity{
		{SelfApproved, func(d *dealing) ([]Expected, bool) {
			s := d.done("any approved")
			if s == nil || s.event.Approval == nil {
				return nil, false
			}
			s.event.Approval.By = "31"
			return []Expected{{Kind: inventory.SelfApproved, Step: "any approved", State: inventory.FindingOpen}}, true
		}},
		{BeyondTolerance, func(d *dealing) ([]Expected, bool) {
			s, c := d.done("any approved"), d.done("any counted")
			if s == nil || c == nil || s.event.Approval == nil {
				return nil, false
			}
			s.event.Approval.Role = "clerk"
			// The book of everything counted is lowered until the same variance is too much.
			for i := range c.event.Lines {
				l, v := &c.event.Lines[i], d.variance(i)
				l.Quantity = inventory.DecimalOf(5 + v)
				l.Counted, l.Book = l.Quantity.String(), "5"
			}
			return []Expected{{Kind: inventory.ToleranceExceeded, Step: "any approved", State: inventory.FindingOpen}}, true
		}},
	},
}

var adjustmentFlow = flow{
	workflow: "adjustment", share: 3,
	begin: func(d *dealing) bool {
		d.place = d.sale.store.Location
		d.correlation = "j-" + d.number
		d.pack(2, 8)
		return true
	},
	legs: []leg{
		{name: "any adjusted", system: "store_app", owed: true, says: dated(func(d *dealing, e *inventory.Event) {
			e.Operator = "31"
			e.ReasonCode = []string{"damage", "expired", "markdown", "theft"}[digest("reason/"+d.number)%4]
			e.Lines = d.lines(-1, "")
			// More than a few somebody has to agree to.
			most := slices.ContainsFunc(d.goods, func(k booking) bool { return k.quantity.Cmp(inventory.DecimalOf(20)) > 0 })
			if d.chance(0.5) || most {
				e.Approval = &inventory.Approval{State: "approved", By: "12", Role: "supervisor"}
			}
		})},
		{
			name: "erp posted", after: "any adjusted", from: 20 * time.Second, to: 6 * time.Minute, due: 15 * time.Minute, batch: 26 * time.Hour,
			owed: true, books: true, says: booked(-1, ""),
		},
	},
	odd: []oddity{
		{Unapproved, adjusts(inventory.UnapprovedAdjustment, func(d *dealing, e *inventory.Event) bool {
			e.Approval = &inventory.Approval{State: "requested"}
			return true
		})},
		{SelfApproved, adjusts(inventory.SelfApproved, func(d *dealing, e *inventory.Event) bool {
			if d.odd {
				return false
			}
			e.Approval = &inventory.Approval{State: "approved", By: "31", Role: "supervisor"}
			return true
		})},
		{OfflineConflict, adjusts(inventory.OfflineConflict, func(d *dealing, e *inventory.Event) bool {
			e.EnteredOffline = true
			for i := range e.Lines {
				e.Lines[i].Book = "0" // less than any quantity taken
			}
			return true
		})},
	},
}

// adjusts changes what was adjusted so that a policy is broken.
func adjusts(kind inventory.Kind, change func(d *dealing, e *inventory.Event) bool) func(*dealing) ([]Expected, bool) {
	return func(d *dealing) ([]Expected, bool) {
		s := d.done("any adjusted")
		if s == nil || !change(d, &s.event) {
			return nil, false
		}
		return []Expected{{Kind: kind, Step: "any adjusted", State: inventory.FindingOpen}}, true
	}
}

var snapshotFlow = flow{
	workflow: "snapshot", share: 2,
	begin: func(d *dealing) bool {
		d.place = d.sale.store.Location
		d.correlation = "n-" + d.number
		d.pack(6, 50)
		return true
	},
	legs: []leg{
		{name: "any reported", system: "oms", owed: true, says: dated(func(d *dealing, e *inventory.Event) {
			e.Lines = d.lines(1, "")
			for i := range e.Lines {
				l := &e.Lines[i]
				l.Measure, l.Bucket, l.Book, l.AsOf = "absolute", "on_hand", l.Quantity.String(), e.Time.Add(-time.Minute).UTC().Format(time.RFC3339)
			}
		})},
	},
	odd: []oddity{
		{SnapshotOff, reports(inventory.SnapshotStale, func(_ *dealing, e *inventory.Event) {
			e.Lines[0].Book = e.Lines[0].Quantity.Add(inventory.DecimalOf(3)).String()
		})},
		{NegativeStock, reports(inventory.NegativeOnHand, func(d *dealing, e *inventory.Event) {
			l := &e.Lines[len(e.Lines)-1]
			if l.Book == l.Quantity.String() {
				l.Book = "-2"
			}
			l.Quantity = inventory.DecimalOf(-2)
		})},
		{OldCount, func(d *dealing) ([]Expected, bool) {
			s := d.done("any reported")
			if s == nil || d.drawn[DuplicateSubmitted] || d.odd {
				return nil, false
			}
			old := &saying{leg: s.leg, event: s.event}
			e := &old.event
			e.ID += "/old"
			e.Attempt, e.Time = 2, s.event.Time.Add(d.d.between(2*time.Minute, 20*time.Minute))
			e.Lines = d.lines(1, "")
			for i := range e.Lines {
				l := &e.Lines[i]
				l.Quantity = l.Quantity.Add(inventory.DecimalOf(4))
				l.Measure, l.Bucket, l.Book = "absolute", "on_hand", l.Quantity.String()
				l.AsOf = s.event.Time.Add(-30 * time.Minute).UTC().Format(time.RFC3339)
			}
			d.said = append(d.said, old)
			return []Expected{{Kind: inventory.StaleOverwrite, Step: "any reported", State: inventory.FindingOpen}}, true
		}},
	},
}

// reports changes what a snapshot reports.
func reports(kind inventory.Kind, change func(d *dealing, e *inventory.Event)) func(*dealing) ([]Expected, bool) {
	return func(d *dealing) ([]Expected, bool) {
		s := d.done("any reported")
		if s == nil {
			return nil, false
		}
		change(d, &s.event)
		return []Expected{{Kind: kind, Step: "any reported", State: inventory.FindingOpen}}, true
	}
}
