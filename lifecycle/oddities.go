package lifecycle

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// What is odd about a transaction besides steps that do not come and sums that
// do not come out even: what its workflow says must hold, the order of its
// steps, how often they were tried, its times, and the names it was given.

const (
	// uncertainty is how far two systems' clocks may lie apart without either
	// being called wrong. Source: domain rule 24 (more than 5 minutes ahead).
	uncertainty = 5 * time.Minute
	// maxAttempts is how often one event may be tried at a hop that declares
	// nothing else. A dozen is patience; more is a loop (failures F30).
	maxAttempts = 12
)

// judgeInvariants asks what must hold of the events of a step.
func (a *assessment) judgeInvariants() {
	if a.control || a.reversal {
		return
	}
	for i := range a.workflow.Invariants {
		inv := &a.workflow.Invariants[i]
		on := inv.On
		if len(on) == 0 {
			on = []inventory.StepRef{a.workflow.Anchor}
		}
		for _, ref := range on {
			step := a.workflow.IndexOf(ref)
			s := &a.steps[step]
			if s.ok == nil {
				continue
			}
			// The latest attempt is what stands.
			last := s.ok
			for _, e := range s.heard {
				if succeeded(e.outcome) && later(e, last) {
					last = e
				}
			}
			if yes, told := a.ask(inv.Holds, &last.Event); yes || !told {
				continue
			}
			a.raise(condition{
				id: findingID(inv.Raises, ref.String(), a.subject(last)), kind: inv.Raises, step: step, opens: last.ReceivedAt,
				since: last.Event.Time, cause: inv.Cause, about: []string{last.ID}, say: inv.Say,
			})
		}
	}
}

// judgeOrder looks for steps that happened before what they come after: stock
// that could be sold before it arrived, or clocks that contradict each other.
func (a *assessment) judgeOrder(newest time.Time) {
	for i := range a.steps {
		s, step := &a.steps[i], &a.workflow.Steps[i]
		if s.ok == nil || a.withdrawn || a.control {
			continue
		}
		for _, ref := range step.After {
			j := a.workflow.IndexOf(ref)
			u := &a.steps[j]
			switch {
			case step.Early != "":
				if u.proven && u.ok == nil {
					continue // it happened, and nobody knows when
				}
				if u.ok != nil && !u.ok.Event.Time.After(s.ok.Event.Time.Add(uncertainty)) || a.workflow.Steps[j].When != nil && !u.expected {
					continue
				}
				a.raise(condition{
					id: findingID(step.Early, step.String(), s.ok.name()), kind: step.Early, step: i,
					opens: later2(s.ok.ReceivedAt, newest.Add(a.workflow.Settle)), since: s.ok.Event.Time,
					cause: inventory.CauseIntegrationFault, about: []string{s.ok.ID}, at: s.ok,
				})
			case len(u.restated) > 0: // it was said again when what comes after it had happened
			case u.ok != nil && u.ok.Event.Time.Sub(s.ok.Event.Time) > uncertainty && !ahead(u.ok) && !ahead(s.ok):
				a.raise(condition{
					id: findingID(inventory.OutOfOrder, step.String(), s.ok.name()), kind: inventory.OutOfOrder, step: i,
					opens: later2(s.ok.ReceivedAt, u.ok.ReceivedAt), instant: true, since: s.ok.Event.Time,
					cause: inventory.CauseUnknown, about: []string{s.ok.ID, u.ok.ID},
				})
			}
		}
	}
}

// judgeTries looks for one event that a hop is given again and again.
func (a *assessment) judgeTries() {
	for i := range a.steps {
		s, step := &a.steps[i], &a.workflow.Steps[i]
		most := step.MaxAttempts
		if most == 0 {
			most = maxAttempts
		}
		if s.tries <= most {
			continue
		}
		var first, last *entry // beyond the limit, by arrival
		for _, e := range s.heard {
			if e.Event.EffectiveAttempt() > most {
				if first == nil {
					first = e
				}
				last = e
			}
		}
		a.raise(condition{
			id: findingID(inventory.RetryLoop, step.String(), a.subject(first)), kind: inventory.RetryLoop, step: i,
			opens: first.ReceivedAt, instant: s.ok != nil, since: first.Event.Time, err: last.Event.Error,
			cause: causeOf(last.Event.Error, inventory.CauseIntegrationFault), about: []string{first.ID, last.ID}, tries: s.tries,
		})
	}
}

// ahead reports whether an event says it happened after we had heard of it, by
// more than clocks may differ.
func ahead(e *entry) bool { return e.Event.Time.Sub(e.ReceivedAt) > uncertainty }

// aged reports whether an event says it happened before the business day it
// belongs to began anywhere on earth (UTC+14).
func aged(e *entry) bool {
	day, err := time.Parse(time.DateOnly, e.Event.BusinessDate)
	return err == nil && e.Event.Time.Before(day.Add(-14*time.Hour))
}

// judgeTimes looks for clocks that cannot be right and business dates that
// moved between hops (domain rules 23 and 24). A business date that is not given
// is not derived; a posting date may follow, never precede.
func (a *assessment) judgeTimes(entries []entry) {
	for i := range entries {
		e := &entries[i]
		if !ahead(e) && (a.anchor == nil || e.name() != a.anchor.name() || !aged(e)) {
			continue
		}
		a.raise(condition{
			id: findingID(inventory.ClockSkew, e.Event.System, e.name()), kind: inventory.ClockSkew, step: e.step, opens: e.ReceivedAt,
			instant: true, since: e.ReceivedAt, cause: inventory.CauseRegisterFault, about: []string{e.ID}, at: e,
		})
		break // one clock that is wrong is one finding
	}
	if a.anchor == nil || a.anchor.Event.BusinessDate == "" || a.control {
		return
	}
	date := a.anchor.Event.BusinessDate
	for i := range a.steps {
		ok := a.steps[i].ok
		if ok == nil || ok == a.anchor {
			continue
		}
		e := &ok.Event
		moved := e.BusinessDate != "" && e.BusinessDate != date
		if !moved && (e.PostingDate == "" || e.PostingDate >= date) {
			continue
		}
		a.raise(condition{
			id: findingID(inventory.DateShift, a.workflow.Steps[i].String(), a.anchor.name()), kind: inventory.DateShift, step: i,
			opens: later2(ok.ReceivedAt, a.anchor.ReceivedAt), since: e.Time, cause: inventory.CauseIntegrationFault,
			about: []string{a.anchor.ID, ok.ID}, at: ok,
		})
	}
}

// judgeNames looks for one name that a hop translated in two ways, and for one
// item that goes by two names (failures F04).
func (a *assessment) judgeNames(entries []entry) {
	type name struct{ system, version, field, from string }
	said := map[name]string{}
	type stable struct{ scheme, id, ofScheme string }
	items := map[stable]string{}
	for i := range entries {
		e := &entries[i]
		if !succeeded(e.outcome) {
			continue
		}
		for _, m := range e.Event.Mappings {
			k := name{e.Event.System, m.Version, m.Field[strings.LastIndex(m.Field, ".")+1:], m.From}
			to, again := said[k]
			if !again {
				said[k] = m.To
			} else if to != m.To {
				a.raise(condition{
					id: findingID(inventory.MappingConflict, k.field+" "+m.From, a.subject(e)), kind: inventory.MappingConflict, step: e.step,
					opens: e.ReceivedAt, since: e.Event.Time, cause: inventory.CauseMappingDefect, version: m.Version, about: []string{e.ID},
					err: &inventory.Error{Code: "mapping_conflict", Field: m.Field, Value: m.From, Message: to + " and " + m.To},
				})
			}
		}
		for j := range e.Event.Lines {
			l := &e.Event.Lines[j]
			for _, id := range l.ItemIDs {
				k := stable{id.Name, id.Value, l.ItemScheme}
				item, again := items[k]
				if !again {
					items[k] = itemName(l.Item)
				} else if item != itemName(l.Item) {
					a.raise(condition{
						id: findingID(inventory.IdentityDrift, id.Name+" "+id.Value, a.subject(e)), kind: inventory.IdentityDrift, step: e.step,
						opens: e.ReceivedAt, instant: true, since: e.Event.Time, cause: inventory.CauseMasterData, about: []string{e.ID},
						err: &inventory.Error{Code: "identity_drift", Field: id.Name, Value: id.Value, Message: item + " is now " + itemName(l.Item)},
					})
				}
			}
		}
	}
}

// judgeOverwrites looks for an absolute count that was written over a newer one:
// what counts is when it was written and what it was true of, never when we
// heard of it (failures F29).
func (a *assessment) judgeOverwrites(names *itemNames) {
	for i := range a.steps {
		var written []*entry
		for _, e := range a.steps[i].heard {
			if succeeded(e.outcome) && slices.ContainsFunc(e.Event.Lines, func(l inventory.Line) bool { return l.Measure == "absolute" && l.AsOf != "" }) {
				written = append(written, e)
			}
		}
		if len(written) < 2 {
			continue
		}
		slices.SortStableFunc(written, func(x, y *entry) int {
			if before(x, y) {
				return -1
			}
			return 1
		})
		newest := map[slot]time.Time{}
		var lines []inventory.LineState
		var by *entry
		for _, e := range written {
			for j := range e.Event.Lines {
				l := &e.Event.Lines[j]
				asOf, err := time.Parse(time.RFC3339, l.AsOf)
				if l.Measure != "absolute" || err != nil {
					continue
				}
				k := slot{names.class(l), inventory.Unpad(e.Event.Location), cmp.Or(l.Status, "sellable"), unitClass(l.UOM)}
				if !asOf.Before(newest[k]) {
					newest[k] = asOf
					lines = slices.DeleteFunc(lines, func(s inventory.LineState) bool { return s.Item == l.Item }) // made good
					continue
				}
				by = e
				lines = append(lines, inventory.LineState{Item: l.Item, Location: e.Event.Location, Status: k.status, UOM: k.unit, Posted: l.Quantity})
			}
		}
		if len(lines) > 0 {
			a.raise(condition{
				id: findingID(inventory.StaleOverwrite, a.workflow.Steps[i].String(), by.name()), kind: inventory.StaleOverwrite, step: i,
				opens: by.ReceivedAt, since: by.Event.Time, cause: inventory.CauseIntegrationFault, about: []string{by.ID}, lines: lines,
				say: "A count of an earlier time was written over a newer one",
			})
		}
	}
}

// judgePrices looks for hops that value the same goods differently, in the same
// currency and on the same basis. What was split by a promotion is summed first.
func (a *assessment) judgePrices(names *itemNames) {
	if a.anchor == nil || a.control {
		return
	}
	sold := worth(&a.anchor.Event, names)
	for i := range a.steps {
		ok := a.steps[i].ok
		if ok == nil || ok == a.anchor {
			continue
		}
		all := worth(&ok.Event, names)
		for _, k := range slices.SortedFunc(maps.Keys(all), comparePriced) {
			said := all[k]
			was, both := sold[k]
			// A cent a line is rounding.
			if !both || was.quantity.Abs() != said.quantity.Abs() ||
				was.value.Abs().Sub(said.value.Abs()).Abs().Cmp(inventory.Milli(10*int64(max(was.lines, said.lines)))) <= 0 {
				continue
			}
			a.raise(condition{
				id: findingID(inventory.PriceMismatch, a.workflow.Steps[i].String(), a.anchor.name()), kind: inventory.PriceMismatch, step: i,
				opens: later2(ok.ReceivedAt, a.anchor.ReceivedAt), since: ok.Event.Time, cause: inventory.CauseUnknown,
				about: []string{a.anchor.ID, ok.ID},
				err:   &inventory.Error{Code: "price_mismatch", Field: "unit_value", Value: k.item, Message: was.value.Abs().String() + " and " + said.value.Abs().String() + " " + k.currency},
			})
			break
		}
	}
}

type priced struct{ item, currency, basis string }

func comparePriced(a, b priced) int {
	return cmp.Or(strings.Compare(a.item, b.item), strings.Compare(a.currency, b.currency), strings.Compare(a.basis, b.basis))
}

type valued struct {
	quantity, value inventory.Decimal
	lines           int
}

// worth sums quantity times unit value by item. Items with a line that names no
// value are left out.
func worth(e *inventory.Event, names *itemNames) map[priced]valued {
	all := map[priced]valued{}
	var without []string
	for i := range e.Lines {
		l := &e.Lines[i]
		if !counts(l) {
			continue
		}
		price, err := inventory.ParseDecimal(l.UnitValue)
		if err != nil || l.Currency == "" {
			without = append(without, names.class(l))
			continue
		}
		k := priced{names.class(l), l.Currency, l.ValueBasis}
		if v, ok := price.Abs().Mul(l.Quantity); ok {
			w := all[k]
			all[k] = valued{w.quantity.Add(l.Quantity), w.value.Add(v), w.lines + 1}
		}
	}
	for k := range all {
		if slices.Contains(without, k.item) {
			delete(all, k)
		}
	}
	return all
}
