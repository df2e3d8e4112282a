package lifecycle

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// What stock itself tells, across transactions: an order whose goods left twice
// (here), an item promised more often than it is there, an item whose count is
// off again and again (itemstock.go).

// stockRules is the version of what is said here, stored with it.
const stockRules = "stock-3"

// orderStock is the book of what left stock for one order. A click-and-collect
// pickup rings a receipt and closes an order: if both issue stock, the goods left
// twice (domain rule 19; failures F25).
type orderStock struct{ stockBook }

func (b *orderStock) tell(rules *Rules, key inventory.ScopedKey, _ *Evidence, now time.Time) inventory.Lifecycle {
	l := b.told(rules, key, stockRules, now, func(said []entry) ([]claim, string) {
		var names itemNames
		for i := range said {
			names.learn(&said[i].Event)
		}
		tills, own := leftBy(said)
		ordered := orderedIn(rules, &names, key, said)
		type issue struct{ item, unit string }
		shown := map[string]string{}
		net := func(moves []posting) map[issue]inventory.Decimal {
			sums := map[issue]inventory.Decimal{}
			for _, m := range moves {
				for j := range m.entry.Event.Lines {
					l := &m.entry.Event.Lines[j]
					if !counts(l) {
						continue
					}
					unit, q := rules.measure(l)
					k := issue{names.class(l), unit}
					if name, ok := shown[k.item]; !ok || l.Item < name {
						shown[k.item] = l.Item
					}
					sums[k] = sums[k].Add(signed(q, m.sign))
				}
			}
			return sums
		}
		byTill, bySystem := net(tills), map[string]map[issue]inventory.Decimal{}
		for system, moves := range own {
			bySystem[system] = net(moves)
		}
		type twofold struct {
			issue
			system string
			units  inventory.Decimal
		}
		var twice []twofold
		for k, q := range byTill {
			// A stock document and the ledger's own are one issue told by two: the one that
			// took more counts.
			system, most := "", inventory.Decimal{}
			for name, sums := range bySystem {
				if x := sums[k]; x.Sign() < 0 && (x.Cmp(most) < 0 || x == most && name < system) {
					system, most = name, x
				}
			}
			// One part of an order may be picked up and another shipped: twice is more than
			// was ordered. What was ordered has to be known.
			want, known := ordered[k.item+"\x00"+k.unit]
			if q.Sign() < 0 && system != "" && known && q.Add(most).Abs().Cmp(want) > 0 {
				units := q.Abs()
				if most.Abs().Cmp(units) < 0 {
					units = most.Abs()
				}
				twice = append(twice, twofold{k, system, units})
			}
		}
		if len(twice) == 0 {
			return nil, "Order " + key.Value + "; its goods left once at most."
		}
		slices.SortFunc(twice, func(a, b twofold) int {
			return cmp.Or(strings.Compare(shown[a.item], shown[b.item]), strings.Compare(a.unit, b.unit))
		})
		units := map[string]inventory.Decimal{}
		for _, k := range twice {
			units[k.unit] = units[k.unit].Add(k.units)
		}
		var evidence []string
		receipt, by := tills[len(tills)-1].entry, own[twice[0].system]
		newest := receipt.ReceivedAt
		for _, m := range slices.Concat(tills, by) {
			evidence = append(evidence, m.entry.ID)
			newest = later2(newest, m.entry.ReceivedAt)
		}
		document := by[len(by)-1].entry
		name := "the order's own posting"
		if d := documentOf(&document.Event); d != "" {
			name = "document " + d
		}
		sentence := fmt.Sprintf("%s of order %s left stock twice: by receipt %s and by %s.", shown[twice[0].item], key.Value,
			receipt.Event.KeyValue(inventory.KeyReceipt), name)
		last := later2(receipt.Event.Time, document.Event.Time)
		return []claim{{inventory.Finding{
			ID: findingID(inventory.DoubleIssue, "", key.String()), Kind: inventory.DoubleIssue, Cause: inventory.CauseDuplicateSubmission,
			System: "erp", Step: "posted", Location: receipt.Event.Location, FirstOccurredAt: last, Evidence: evidence,
			Units: quantities(units), Sentence: sentence,
		}, newest.Add(bookSettle)}}, sentence
	})
	seen := map[string]bool{}
	for _, e := range b.words.inOrder(byArrival) {
		r := receiptOf(&e.Event)
		if e.Event.System != "pos" || r == "" || seen[r] || !succeeded(e.outcome) || controlTransaction(e.Event.Transaction) {
			continue
		}
		seen[r] = true
		l.Related = append(l.Related, inventory.Related{Rel: inventory.Inverse("fulfils"), Keys: []inventory.Key{{Name: inventory.KeyReceipt, Value: e.Event.KeyValue(inventory.KeyReceipt)}}})
	}
	return l
}

// leftBy is what left stock for an order: by receipts, each as it was first
// rung and first taken back, and by each system of its own, each document and
// its goods once. Both in order of arrival.
func leftBy(said []entry) (tills []posting, own map[string][]posting) {
	type move struct {
		system, name string
		goods        uint64
		sign         int
	}
	first := map[move]int{}
	own = map[string][]posting{}
	for i := range said {
		e := &said[i]
		sign := 1
		switch {
		case e.outcome == inventory.Reversed:
			sign = -1
		case !succeeded(e.outcome):
			continue
		}
		switch {
		case e.Event.System == "pos":
			if controlTransaction(e.Event.Transaction) {
				continue
			}
			k := move{"pos", cmp.Or(receiptOf(&e.Event), e.ID), 0, sign}
			if at, told := first[k]; !told {
				first[k] = len(tills)
				tills = append(tills, posting{sign, e})
			} else if before(e, tills[at].entry) {
				tills[at].entry = e
			}
		case e.Event.Step == "posted":
			k := move{e.Event.System, documentOf(&e.Event), basketOf(&e.Event), sign}
			if _, told := first[k]; !told {
				first[k] = i
				own[k.system] = append(own[k.system], posting{sign, e})
			}
		}
	}
	// A reversal that names no lines is of all that it reverses.
	for _, moves := range append([][]posting{tills}, slices.Collect(maps.Values(own))...) {
		for i := range moves {
			if moves[i].sign > 0 || len(moves[i].entry.Event.Lines) > 0 {
				continue
			}
			back := moves[i].entry
			for j := range moves {
				if x := moves[j].entry; moves[j].sign > 0 && documentOf(&x.Event) == documentOf(&back.Event) && receiptOf(&x.Event) == receiptOf(&back.Event) {
					moves[i].entry = x
					break
				}
			}
		}
	}
	return tills, own
}

// orderOf is the order whose book the entries are in, empty where there is none.
func orderOf(entries []entry) string {
	for i := range entries {
		if order := entries[i].Event.StockOrder(); order != "" {
			return order
		}
	}
	return ""
}

// receiptOf is the scoped receipt of an event, empty where it has none.
func receiptOf(e *inventory.Event) string {
	if to, ok := (inventory.Key{Name: inventory.KeyReceipt, Value: e.KeyValue(inventory.KeyReceipt)}).Scope(e.Location, e.Register); ok {
		return to.String()
	}
	return ""
}

// orderedIn is what was ordered, by item and unit. An order is told in parts by
// one system, and as a whole by another: the one that tells more counts. A part
// that is told again, by its line or by a later attempt, or that says what it
// replaces, stands in place of the earlier one.
func orderedIn(rules *Rules, names *itemNames, key inventory.ScopedKey, said []entry) map[string]inventory.Decimal {
	type source struct{ system, step string }
	told := map[source][]*entry{}
	for i := range said {
		e := &said[i]
		if e.Event.System == "pos" || e.Event.Step == "posted" || !succeeded(e.outcome) {
			continue
		}
		k := source{e.Event.System, e.Event.Step}
		told[k] = append(told[k], e)
	}
	most := map[string]inventory.Decimal{}
	for _, messages := range told {
		slices.SortFunc(messages, func(a, b *entry) int {
			return cmp.Or(cmp.Compare(a.Event.EffectiveAttempt(), b.Event.EffectiveAttempt()), a.Event.Time.Compare(b.Event.Time), byArrival(*a, *b))
		})
		type part struct{ line, item, unit string }
		lines := map[part]inventory.Decimal{}
		attempt := messages[0].Event.EffectiveAttempt()
		for _, e := range messages {
			if replaces(&e.Event, key.Value) || e.Event.EffectiveAttempt() > attempt {
				clear(lines)
			}
			attempt = e.Event.EffectiveAttempt()
			mine := map[part]inventory.Decimal{}
			for j := range e.Event.Lines {
				l := &e.Event.Lines[j]
				if !counts(l) {
					continue
				}
				unit, q := rules.measure(l)
				k := part{l.Line, names.class(l), unit}
				if l.Line == "" {
					k.line = fmt.Sprint("#", basketOf(&e.Event)) // which line it would replace cannot be said
				}
				mine[k] = mine[k].Add(q.Abs())
			}
			maps.Copy(lines, mine)
		}
		sums := map[string]inventory.Decimal{}
		for k, q := range lines {
			name := k.item + "\x00" + k.unit
			sums[name] = sums[name].Add(q)
		}
		for name, q := range sums {
			if x, ok := most[name]; !ok || q.Cmp(x) > 0 {
				most[name] = q
			}
		}
	}
	return most
}

// replaces reports whether an event says that it replaces the order.
func replaces(e *inventory.Event, order string) bool {
	return slices.ContainsFunc(e.Refs, func(r inventory.Ref) bool {
		return r.Rel == "replaces" && slices.ContainsFunc(r.Keys, func(k inventory.Key) bool {
			return k.Name == inventory.KeyOrder && inventory.Unpad(k.Value) == order
		})
	})
}
