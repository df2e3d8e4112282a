package estate

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// What may go wrong at a leg of any flow: it does not come, or late, is refused or
// waits for ever, or comes and is not told. And what may go wrong where goods are
// booked: the wrong number, twice, in another place.

// stepFaults meet one leg each, in the order in which they choose it.
var stepFaults = []Fault{
	StepLost, StepLate, DeadLetterReplayed, DeadLetterStalled, StepDeadLettered, StepRejected, StepDiscarded, StepHeld, StepStuck,
	NotListed, TriedForEver, Retried, LostTelemetry,
}

// meets reports whether a fault may happen at a leg: who does not look at what it
// is given refuses nothing.
func (d *dealing) meets(f Fault, l *leg) bool {
	if !l.owed || l.due == 0 || l.after == "" || l.when != nil && !l.when(d) {
		return false
	}
	system := l.ref().System
	switch f {
	case StepLost, StepLate:
		return true
	case LostTelemetry:
		return d.provable(l) && !l.retold
	case StepRejected:
		return system == "erp" || system == "oms" || system == "wms"
	case StepDiscarded, StepHeld, NotListed:
		return system == "erp"
	case TriedForEver, Retried, StepStuck, DeadLetterReplayed, DeadLetterStalled, StepDeadLettered:
		return system == "erp" || system == "middleware" || system == "oms"
	default:
		return false
	}
}

// provable reports whether a later leg that is owed proves that l happened.
func (d *dealing) provable(l *leg) bool {
	legs := d.flow.legs
	for i := range legs {
		later := &legs[i]
		if !later.owed || later.when != nil && !later.when(d) {
			continue
		}
		for after := later.after; after != ""; {
			if after == l.name {
				return true
			}
			k := slices.IndexFunc(legs, func(x leg) bool { return x.name == after })
			after = legs[k].after
		}
	}
	return false
}

// assign chooses the leg that each fault drawn meets; a leg meets one.
func (d *dealing) assign() {
	d.hit = map[string]Fault{}
	for _, f := range stepFaults {
		if !d.drawn[f] {
			continue
		}
		var open []string
		for i := range d.flow.legs {
			if l := &d.flow.legs[i]; d.hit[l.name] == "" && d.meets(f, l) {
				open = append(open, l.name)
			}
		}
		if len(open) > 0 {
			d.hit[open[d.d.IntN(len(open))]] = f
		}
	}
}

// pass takes the dealing through a leg, or to where it ends.
func (d *dealing) pass(l *leg, at time.Time) {
	due := d.due(l)
	if !due.IsZero() {
		at = keepAway(at, due)
	}
	f := d.hit[l.name]
	fails := func(code string) *inventory.Error { return &inventory.Error{Code: code} }
	switch f {
	case StepLost:
		d.happens(f)
		return
	case StepLate:
		if late := due.Add(d.d.between(time.Minute, 30*time.Minute)); !due.IsZero() && late.After(at) {
			d.happens(f)
			at = late
		}
	case StepRejected:
		d.happens(f)
		d.say(l, at, inventory.Rejected, 1, fails("invalid_document"))
		return
	case StepDiscarded:
		d.happens(f)
		d.say(l, at, inventory.Failed, 1, fails("no_account"))
		d.say(l, at.Add(d.d.between(time.Minute, 8*time.Minute)), inventory.Discarded, 1, nil)
		return
	case StepHeld:
		d.happens(f)
		d.say(l, at, inventory.Held, 1, nil)
		return
	case StepStuck:
		d.happens(f)
		d.say(l, at, inventory.Retrying, 1, nil)
		d.say(l, at.Add(20*time.Second), inventory.Retrying, 2, nil)
		return
	case NotListed:
		d.happens(f)
		d.say(l, at, inventory.Failed, 1, fails("not_in_assortment"))
		return
	case StepDeadLettered, DeadLetterStalled, DeadLetterReplayed:
		d.happens(f)
		d.say(l, at, inventory.Failed, 1, fails("payload_rejected"))
		at = at.Add(d.d.between(5*time.Second, 15*time.Second))
		d.say(l, at, inventory.DeadLettered, 2, fails("payload_rejected"))
		if f == StepDeadLettered {
			return
		}
		at = at.Add(d.d.between(20*time.Second, 8*time.Minute))
		d.say(l, at, inventory.ReplayRequested, 2, nil)
		if f == DeadLetterStalled {
			return
		}
		at = at.Add(d.d.between(5*time.Second, time.Minute))
		if !due.IsZero() {
			at = keepAway(at, due)
		}
		d.say(l, at, inventory.OK, 3, nil)
		d.came[l.name] = at
		return
	case TriedForEver, Retried:
		// Patience, or a loop; in time, or it would be late as well.
		tries, wait := 2, d.d.between(8*time.Second, 20*time.Second)
		if f == TriedForEver {
			tries, wait = 15, 3*time.Second
		}
		if end := at.Add(time.Duration(tries-1) * wait); due.IsZero() || end.Before(due.Add(-5*time.Second)) {
			d.happens(f)
			for n := 1; n < tries; n++ {
				d.say(l, at, inventory.Failed, n, fails("service_timeout"))
				at = at.Add(wait)
			}
			d.say(l, at, inventory.OK, tries, nil)
			d.came[l.name] = at
			if f == TriedForEver {
				d.expect(inventory.RetryLoop, l.name, "")
			}
			return
		}
	default: // no mishap of this
	}
	d.say(l, at, inventory.OK, 1, nil)
	d.came[l.name] = at
}

// expect says that something must be found at a leg.
func (d *dealing) expect(kind inventory.Kind, name string, state inventory.FindingState) {
	d.findings = append(d.findings, Expected{Kind: kind, Step: name, State: state})
}

// repeat sends what began it a second time, under a new id.
func (d *dealing) repeat() {
	first := d.done(cmp.Or(d.flow.anchor, d.flow.legs[0].name))
	if !d.drawn[DuplicateSubmitted] || first == nil {
		return
	}
	d.happens(DuplicateSubmitted)
	again := *first
	again.event.ID += "/again"
	d.said = append(d.said, &again)
	d.expect(inventory.DuplicateDelivery, first.leg.name, "")
}

// lose takes a leg's word away, where a later one proves that it happened and it
// said nothing else.
func (d *dealing) lose() {
	for name, f := range d.hit {
		if f != LostTelemetry || d.misbooked != nil || d.odd {
			continue // what was wrong besides shows in what is compared with it
		}
		var words []*saying
		proven := false
		for _, s := range d.said {
			if s.leg.name == name {
				words = append(words, s)
			}
		}
		for i := range d.flow.legs {
			later := &d.flow.legs[i]
			if later.since == name && d.done(later.name) == nil {
				words = nil // nobody could say by when that was due
			}
			proven = proven || later.owed && d.done(later.name) != nil && d.follows(later, name)
		}
		if proven && len(words) == 1 {
			d.happens(f)
			words[0].unheard = true
		}
	}
}

// follows reports whether a leg comes after another, however far.
func (d *dealing) follows(l *leg, name string) bool {
	for after := l.after; after != ""; {
		if after == name {
			return true
		}
		i := slices.IndexFunc(d.flow.legs, func(x leg) bool { return x.name == after })
		after = d.flow.legs[i].after
	}
	return false
}

// bookFaults are what may go wrong with a booking; a dealing meets one.
var bookFaults = []Fault{
	PostedTwice, QuantitySlip, WrongSign, WrongPlace, WrongStatus, OtherDay, OtherValue, PartlyPosted, CancelledAndReposted, SplitPosting,
}

// bookWrong lets a booking go wrong.
func (d *dealing) bookWrong() {
	var legs []*saying
	for _, s := range d.said {
		if s.leg.books && s.event.Outcome == inventory.OK && len(s.event.Lines) > 0 {
			legs = append(legs, s)
		}
	}
	if len(legs) == 0 {
		return
	}
	for _, f := range bookFaults {
		if !d.drawn[f] {
			continue
		}
		if s := legs[d.d.IntN(len(legs))]; d.misbook(f, s) {
			d.happens(f)
			d.misbooked = s.leg
			return
		}
	}
}

// misbook books s wrongly. It reports false where that cannot be.
func (d *dealing) misbook(f Fault, s *saying) bool {
	l, e := s.leg, &s.event
	due := d.due(l)
	// The rest, or a correction, would have come by then.
	wrong := func(kind inventory.Kind) bool {
		d.expect(kind, l.name, inventory.FindingOpen)
		d.settled = later(d.settled, due)
		return true
	}
	another := func(after time.Duration, outcome inventory.Outcome) *saying {
		again := &saying{leg: l, event: *e}
		n := len(d.said)
		again.event.ID += "/" + strconv.Itoa(n)
		again.event.Time, again.event.Outcome = e.Time.Add(after), outcome
		again.event.Lines = slices.Clone(e.Lines)
		again.event.Keys = slices.Clone(e.Keys)
		if outcome == inventory.OK {
			for i := range again.event.Keys {
				if k := &again.event.Keys[i]; k.Name == inventory.KeyERPDocument {
					k.Value = d.document(n)
				}
			}
		}
		d.said = append(d.said, again)
		return again
	}
	one := inventory.DecimalOf(1)
	switch f {
	case PostedTwice:
		another(erpRun+d.d.between(time.Second, 4*time.Minute), inventory.OK)
		d.expect(inventory.DuplicatePosting, l.name, inventory.FindingOpen)
		return true
	case QuantitySlip:
		k := &e.Lines[d.d.IntN(len(e.Lines))]
		was := k.Quantity
		k.Quantity = slip(was)
		if l.short != "" && k.Quantity.Abs().Cmp(was.Abs()) < 0 {
			return wrong(l.short)
		}
		return wrong(inventory.QuantityMismatch)
	case WrongSign:
		for i := range e.Lines {
			e.Lines[i].Quantity = e.Lines[i].Quantity.Neg()
		}
		return wrong(inventory.WrongSign)
	case WrongPlace:
		if d.place.ID != e.Location || l.anywhere {
			return false
		}
		e.Location = d.wrongPlace().ID
		return wrong(inventory.LocationMismatch)
	case WrongStatus:
		if l.anyStatus {
			return false
		}
		for i := range e.Lines {
			if e.Lines[i].Status == "quality" {
				return false
			}
			e.Lines[i].Status = "quality"
		}
		return wrong(inventory.StatusMismatch)
	case OtherDay:
		day, err := time.Parse(time.DateOnly, d.businessDate())
		if err != nil || d.said[0].event.BusinessDate == "" {
			return false
		}
		e.BusinessDate = day.AddDate(0, 0, 1).Format(time.DateOnly)
		d.expect(inventory.DateShift, l.name, inventory.FindingOpen)
		return true
	case OtherValue:
		first := d.said[0].event.Lines
		if len(first) != len(e.Lines) || first[0].UnitValue == "" {
			return false
		}
		for i := range e.Lines {
			e.Lines[i].UnitValue, e.Lines[i].ValueBasis, e.Lines[i].Currency = first[i].UnitValue, first[i].ValueBasis, first[i].Currency
		}
		was, err := inventory.ParseDecimal(first[0].UnitValue)
		if err != nil {
			return false
		}
		e.Lines[0].UnitValue = was.Add(inventory.DecimalOf(1)).String()
		d.expect(inventory.PriceMismatch, l.name, inventory.FindingOpen)
		return true
	case PartlyPosted:
		k := &e.Lines[0]
		if k.Quantity.Abs().Cmp(inventory.DecimalOf(2)) < 0 {
			return false
		}
		e.Outcome = inventory.Partial
		k.Quantity = k.Quantity.Sub(inventory.DecimalOf(int64(k.Quantity.Sign())))
		return wrong(inventory.PartialPost)
	case CancelledAndReposted:
		undone := erpRun + d.d.between(time.Second, 15*time.Second)
		again := undone + erpRun + d.d.between(time.Second, 15*time.Second)
		if due.IsZero() || !e.Time.Add(again).Before(due.Add(-time.Second)) {
			return false
		}
		another(undone, inventory.Reversed)
		another(again, inventory.OK).event.Attempt = 2
		d.maybe = append(d.maybe, Expected{Kind: inventory.DuplicatePosting, Step: l.name, State: inventory.FindingClosed})
		return true
	case SplitPosting:
		k := &e.Lines[0]
		second := erpRun + d.d.between(time.Second, 15*time.Second)
		if k.Quantity.Abs().Cmp(inventory.DecimalOf(2)) < 0 || due.IsZero() || !e.Time.Add(second).Before(due.Add(-time.Second)) {
			return false
		}
		if k.Quantity.Sign() < 0 {
			one = one.Neg()
		}
		rest := another(second, inventory.OK)
		rest.event.Lines = rest.event.Lines[:1]
		rest.event.Lines[0].Quantity = one
		k.Quantity = k.Quantity.Sub(one)
		return true
	default: // no mishap of this
	}
	return false
}

// businessDate is the day the dealing belongs to at its store.
func (d *dealing) businessDate() string { return d.sale.businessDate() }
