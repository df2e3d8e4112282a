package lifecycle

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// What stock itself tells, across transactions: an order whose goods left twice,
// an item promised more often than it is there, an item whose count is off again
// and again.

// stockRules is the version of what is said here, stored with it.
const stockRules = "stock-1"

// orderStock is the book of what left stock for one order. A click-and-collect
// pickup rings a receipt and closes an order: if both issue stock, the goods left
// twice (domain rule 19; failures F25).
type orderStock struct{ stockBook }

func (b *orderStock) tell(rules *Rules, key inventory.ScopedKey, _ *Evidence, now time.Time) inventory.Lifecycle {
	return b.told(rules, key, stockRules, now, func(said []entry) ([]claim, string) {
		type issue struct {
			item, unit string
			till       bool
		}
		var names itemNames
		for i := range said {
			names.learn(&said[i].Event)
		}
		net, ordered := map[issue]inventory.Decimal{}, map[string]inventory.Decimal{}
		seen := map[string]bool{}
		shown := map[string]string{}
		var receipt, document, place string
		var evidence []string
		var newest time.Time
		for i := range said {
			e := &said[i]
			till := e.Event.System == "pos"
			orders := !till && e.Event.Step != "posted"
			name := fmt.Sprint(till, documentOf(&e.Event), e.Event.KeyValue(inventory.KeyReceipt), e.outcome == inventory.Reversed, e.business())
			if seen[name] || !succeeded(e.outcome) && e.outcome != inventory.Reversed {
				continue
			}
			seen[name] = true
			switch {
			case orders:
			case till:
				receipt = e.Event.KeyValue(inventory.KeyReceipt)
			default:
				document = documentOf(&e.Event)
			}
			place = e.Event.Location
			evidence = append(evidence, e.ID)
			newest = e.ReceivedAt
			for j := range e.Event.Lines {
				l := &e.Event.Lines[j]
				if !counts(l) {
					continue
				}
				unit, q := rules.measure(l)
				k := issue{names.class(l), unit, till}
				if orders {
					ordered[k.item+"\x00"+unit] = ordered[k.item+"\x00"+unit].Add(q.Abs())
					continue
				}
				shown[k.item] = l.Item
				if e.outcome == inventory.Reversed {
					q = q.Neg()
				}
				net[k] = net[k].Add(q)
			}
		}
		order := key.Value
		var twice []issue
		for k, q := range net {
			own := net[issue{k.item, k.unit, false}]
			if !k.till || q.Sign() >= 0 || own.Sign() >= 0 {
				continue
			}
			// One part of an order may be picked up and another shipped: twice is more than
			// was ordered. What was ordered has to be known.
			if want, known := ordered[k.item+"\x00"+k.unit]; known && q.Add(own).Abs().Cmp(want) > 0 {
				twice = append(twice, k)
			}
		}
		if len(twice) == 0 {
			return nil, "Order " + order + "; its goods left once at most."
		}
		slices.SortFunc(twice, func(a, b issue) int { return strings.Compare(a.item+"\x00"+a.unit, b.item+"\x00"+b.unit) })
		units := map[string]inventory.Decimal{}
		for _, k := range twice {
			a, b := net[k].Abs(), net[issue{k.item, k.unit, false}].Abs()
			if b.Cmp(a) < 0 {
				a = b
			}
			units[k.unit] = units[k.unit].Add(a)
		}
		by := "the order's own posting"
		if document != "" {
			by = "document " + document
		}
		sentence := fmt.Sprintf("%s of order %s left stock twice: by receipt %s and by %s.", shown[twice[0].item], order, receipt, by)
		return []claim{{inventory.Finding{
			ID: findingID(inventory.DoubleIssue, "", key.String()), Kind: inventory.DoubleIssue, Cause: inventory.CauseDuplicateSubmission,
			System: "erp", Step: "posted", Location: place, FirstOccurredAt: said[len(said)-1].Event.Time, Evidence: evidence,
			Units: quantities(units), Sentence: sentence,
		}, newest.Add(bookSettle)}}, sentence
	})
}

const (
	// varianceAgain is how many counts of an item have to be off the same way, and
	// varianceWithin in what time, before it is told as recurring (domain rule 20).
	varianceAgain  = 3
	varianceWithin = 90 * 24 * time.Hour
)

// itemStock is the book of one item at one location: what counts found, and what
// is said to be available.
type itemStock struct{ stockBook }

func (b *itemStock) tell(rules *Rules, key inventory.ScopedKey, _ *Evidence, now time.Time) inventory.Lifecycle {
	_, item, _ := strings.Cut(key.Value, "/")
	return b.told(rules, key, stockRules, now, func(said []entry) ([]claim, string) {
		begin := item + " at " + said[0].Event.Location
		var held []claim
		c, off := variances(said, item, begin, key)
		if c != nil {
			held = append(held, *c)
		}
		a, left := available(said, item, begin, key)
		if a != nil {
			held = append(held, *a)
		}
		switch {
		case left != "":
			return held, begin + "; " + left + " available."
		default:
			return held, begin + "; " + plural(off, "count") + " off the book."
		}
	})
}

// itemLines are an event's lines about an item.
func itemLines(e *inventory.Event, item string) (lines []*inventory.Line) {
	for i := range e.Lines {
		if l := &e.Lines[i]; itemName(l.Item) == item {
			lines = append(lines, l)
		}
	}
	return lines
}

// variances looks for counts that are off the same way again and again. Counts
// that come out even are not in the book: there are a great many of them.
func variances(said []entry, item, begin string, key inventory.ScopedKey) (_ *claim, off int) {
	type found struct {
		at  time.Time
		id  string
		is  inventory.Decimal
		uom string
	}
	var counts []found
	seen := map[string]bool{}
	for i := range said {
		e := &said[i]
		if e.Event.Step != "counted" || !succeeded(e.outcome) || seen[e.Event.CorrelationID] && e.Event.CorrelationID != "" {
			continue
		}
		for _, l := range itemLines(&e.Event, item) {
			if v, ok := variance(l); ok {
				seen[e.Event.CorrelationID] = true
				counts = append(counts, found{e.Event.Time, e.ID, v.Quantity, unitClass(l.UOM)})
			}
		}
	}
	slices.SortFunc(counts, func(a, b found) int {
		if c := a.at.Compare(b.at); c != 0 {
			return c
		}
		return strings.Compare(a.id, b.id)
	})
	var row []found
	for _, c := range counts {
		if !c.is.IsZero() {
			off++
		}
		if c.is.IsZero() {
			continue
		}
		if len(row) > 0 && row[0].is.Sign() != c.is.Sign() {
			row = row[:0]
		}
		row = append(row, c)
		for len(row) > 0 && c.at.Sub(row[0].at) > varianceWithin {
			row = row[1:]
		}
	}
	if len(row) < varianceAgain {
		return nil, off
	}
	net := map[string]inventory.Decimal{}
	var evidence []string
	for _, c := range row {
		net[c.uom] = net[c.uom].Add(c.is)
		evidence = append(evidence, c.id)
	}
	how := "short"
	if row[0].is.Sign() > 0 {
		how = "over"
	}
	last := said[len(said)-1].ReceivedAt
	return &claim{inventory.Finding{
		ID: findingID(inventory.RecurringVariance, how, key.String()), Kind: inventory.RecurringVariance, Cause: inventory.CauseUnknown,
		System: said[0].Event.System, Step: "counted", FirstOccurredAt: row[0].at, Evidence: evidence, Units: quantities(net),
		Sentence: fmt.Sprintf("%s is %s for the %s time in a row.", begin, how, ordinal(len(row))),
	}, last.Add(bookSettle)}, off
}

// available is what is left to sell of an item: the newest count of it, and what
// was taken and given back since. Below nothing, something was sold that is not
// there, though every event by itself is right (failures F26).
func available(said []entry, item, begin string, key inventory.ScopedKey) (_ *claim, left string) {
	var base *inventory.Line
	var asOf time.Time
	when := func(e *entry, l *inventory.Line) time.Time {
		if at, err := time.Parse(time.RFC3339, l.AsOf); err == nil {
			return at
		}
		return e.Event.Time
	}
	for i := range said {
		for _, l := range itemLines(&said[i].Event, item) {
			if l.Bucket != "available" || l.Measure != "absolute" || !succeeded(said[i].outcome) {
				continue
			}
			if at := when(&said[i], l); base == nil || !at.Before(asOf) {
				base, asOf = l, at
			}
		}
	}
	if base == nil {
		return nil, "" // of what there is nobody has said anything
	}
	type change struct {
		at time.Time
		id string
		by inventory.Decimal
	}
	var changes []change
	for i := range said {
		e := &said[i]
		if !succeeded(e.outcome) && e.outcome != inventory.Reversed || e.Event.EffectiveAttempt() > 1 && e.outcome == inventory.Reversed {
			continue
		}
		for _, l := range itemLines(&e.Event, item) {
			if l.Bucket != "available" || l.Measure == "absolute" || !e.Event.Time.After(asOf) || unitClass(l.UOM) != unitClass(base.UOM) {
				continue
			}
			q := l.Quantity
			if e.outcome == inventory.Reversed {
				q = q.Neg()
			}
			changes = append(changes, change{e.Event.Time, e.ID, q})
		}
	}
	slices.SortFunc(changes, func(a, b change) int {
		if c := a.at.Compare(b.at); c != 0 {
			return c
		}
		return strings.Compare(a.id, b.id)
	})
	rest := base.Quantity
	for _, c := range changes {
		rest = rest.Add(c.by)
	}
	left = rest.String()
	if rest.Sign() >= 0 || base.Quantity.Sign() < 0 {
		return nil, left
	}
	var evidence []string
	since := asOf
	running := base.Quantity
	for _, c := range changes {
		running = running.Add(c.by)
		if running.Sign() < 0 {
			if len(evidence) == 0 {
				since = c.at
			}
			evidence = append(evidence, c.id)
		}
	}
	last := said[len(said)-1].ReceivedAt
	return &claim{inventory.Finding{
		ID: findingID(inventory.Oversold, "", key.String()), Kind: inventory.Oversold, Cause: inventory.CauseDeficit,
		System: "oms", FirstOccurredAt: since, Evidence: evidence,
		Units:    []inventory.Quantity{{UOM: unitClass(base.UOM), Quantity: rest.Abs()}},
		Sentence: fmt.Sprintf("%s is oversold by %s: %s were there, and more was promised.", begin, rest.Abs(), base.Quantity),
	}, last.Add(bookSettle)}, left
}

// ordinal writes 3 as 3rd.
func ordinal(n int) string {
	suffix := "th"
	if n%100 < 11 || n%100 > 13 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return fmt.Sprint(n) + suffix
}
