package lifecycle

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// twiceWithin is how close two identical baskets at one register must be to be
// suspected of being one: nobody scans and pays in that time. Identical ones
// minutes apart are usually real (domain rule 13).
const twiceWithin = 5 * time.Second

// twice looks for one basket entered twice within seconds under two numbers, as
// a till does that sends its backlog again (failures F11). It is suspected, and
// never more: a person decides. heard is in order of arrival.
func twice(key inventory.ScopedKey, heard []*mark) []inventory.Finding {
	type word struct {
		basket uint64
		number string
	}
	back := map[string]*mark{} // receipts taken back, by what
	seen := map[word]bool{}
	baskets := map[uint64][]*mark{}
	var order []uint64
	for _, m := range heard {
		for _, v := range m.voids {
			if back[v] == nil {
				back[v] = m
			}
		}
		if m.reversed && back[m.scoped] == nil {
			back[m.scoped] = m
		}
		if m.basket == 0 || m.receipt == "" {
			continue
		}
		// However often and by whatever name one receipt is told, it is one.
		receipt, printed := word{m.basket, m.scoped}, word{m.basket, "#" + m.printed}
		again := seen[receipt] || m.printed != "" && seen[printed]
		seen[receipt], seen[printed] = true, true
		if again {
			continue
		}
		if baskets[m.basket] == nil {
			order = append(order, m.basket)
		}
		baskets[m.basket] = append(baskets[m.basket], m)
	}
	var found []inventory.Finding
	for _, basket := range order {
		sales := baskets[basket]
		slices.SortFunc(sales, func(a, b *mark) int { return cmp.Or(a.occurred.Compare(b.occurred), compareMarks(a, b)) })
		var near []*mark // of those within reach, each heard before all behind it
		for _, b := range sales {
			for len(near) > 0 && b.occurred.Sub(near[0].occurred) > twiceWithin {
				near = near[1:]
			}
			if len(near) > 0 {
				// Any earlier one will do; the first heard is named, because what comes later
				// does not change it.
				if f, ok := suspect(key, near[0], b, back); ok {
					found = append(found, f)
				}
			}
			for len(near) > 0 && compareMarks(near[len(near)-1], b) > 0 {
				near = near[:len(near)-1]
			}
			near = append(near, b)
		}
	}
	return found
}

// suspect is the finding that two receipts are one, ended by what took either of
// them back; ok is false where it was taken back before anybody was told.
func suspect(key inventory.ScopedKey, a, b *mark, back map[string]*mark) (_ inventory.Finding, ok bool) {
	f := inventory.Finding{
		ID: findingID(inventory.SuspectDuplicate, key.String(), b.id), Kind: inventory.SuspectDuplicate,
		Cause: inventory.CauseDuplicateSubmission, State: inventory.FindingOpen, FirstOccurredAt: b.occurred,
		OpenedAt: later2(a.received, b.received), Evidence: []string{a.id, b.id},
		Sentence: fmt.Sprintf("Receipts %s and %s hold the same goods, %s apart.", a.receipt, b.receipt, span(b.occurred.Sub(a.occurred))),
	}
	for _, by := range []*mark{back[a.scoped], back[b.scoped]} {
		switch {
		case by == nil:
		case !by.received.After(f.OpenedAt):
			return f, false
		case f.State == inventory.FindingOpen || by.received.Before(f.ClosedAt):
			f.State, f.ClosedAt, f.ClosedBy, f.Resolution = inventory.FindingClosed, by.received, by.id, inventory.ReversedR
		}
	}
	return f, true
}
