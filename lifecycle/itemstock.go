package lifecycle

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

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
	counted, offered := countsOf{item: item, key: key, by: map[string]*entry{}}, offerOf{item: item, key: key, told: map[offerWord]bool{}}
	taken := 0
	return b.told(rules, key, stockRules, now, func(said []entry) ([]claim, string) {
		for ; taken < len(said); taken++ {
			counted.take(&said[taken])
			offered.take(&said[taken])
		}
		begin := item + " at " + said[0].Event.Location
		var held []claim
		if c := counted.claim(begin); c != nil {
			held = append(held, *c)
		}
		if c := offered.claim(begin); c != nil {
			held = append(held, *c)
		}
		switch left, ok := offered.left(); {
		case ok:
			return held, begin + "; " + left.String() + " available."
		case offered.known:
			return held, begin + "; what is available is said in several units, and is not added up."
		default:
			return held, begin + "; " + plural(counted.off, "count") + " off the book."
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

// countsOf is what counts of an item found, taken in one by one. Counts that come
// out even are not in the book, for there are a great many of them, unless they
// are of a later attempt.
type countsOf struct {
	item string
	key  inventory.ScopedKey
	by   map[string]*entry // the latest attempt of each count
	off  int
	row  []countFound
	last time.Time // when the last was heard
	news bool
}

// countFound is how far one count was off.
type countFound struct {
	at   time.Time
	id   string
	sign int
	by   map[string]inventory.Decimal // by unit
}

func (c *countsOf) take(e *entry) {
	if e.Event.Step != "counted" || !succeeded(e.outcome) {
		return
	}
	name := e.keys[0].String()
	if was := c.by[name]; was != nil && !later(e, was) {
		return
	}
	c.by[name] = e
	c.last, c.news = later2(c.last, e.ReceivedAt), true
}

// claim looks for counts that are off the same way again and again.
func (c *countsOf) claim(begin string) *claim {
	if c.news {
		c.news = false
		c.judge()
	}
	if len(c.row) < varianceAgain {
		return nil
	}
	net := map[string]inventory.Decimal{}
	var evidence []string
	system := ""
	for _, x := range c.row {
		for unit, q := range x.by {
			net[unit] = net[unit].Add(q)
		}
		evidence = append(evidence, x.id)
	}
	for _, e := range c.by {
		if e.ID == c.row[0].id {
			system = e.Event.System
		}
	}
	how, other := "short", "over"
	if c.row[0].sign > 0 {
		how, other = other, how
	}
	return &claim{inventory.Finding{
		ID: findingID(inventory.RecurringVariance, how, c.key.String()), Kind: inventory.RecurringVariance, Cause: inventory.CauseUnknown,
		System: system, Step: "counted", FirstOccurredAt: c.row[0].at, Evidence: evidence, Units: quantities(net),
		Sentence: fmt.Sprintf("%s was %s in %d counts, and %s in none between them.", begin, how, len(c.row), other),
	}, c.last.Add(bookSettle)}
}

func (c *countsOf) judge() {
	var found []countFound
	for _, e := range c.by {
		x := countFound{at: e.Event.Time, id: e.ID, by: map[string]inventory.Decimal{}}
		for _, l := range itemLines(&e.Event, c.item) {
			// One count finds an item at several places: together it is off or not.
			if v, ok := variance(l); ok {
				unit := unitClass(l.UOM)
				x.by[unit] = x.by[unit].Add(v.Quantity)
			}
		}
		mixed := false
		for _, q := range x.by {
			mixed = mixed || x.sign*q.Sign() < 0
			if !q.IsZero() {
				x.sign = q.Sign()
			}
		}
		if x.sign != 0 && !mixed {
			found = append(found, x)
		}
	}
	slices.SortFunc(found, func(a, b countFound) int { return cmp.Or(a.at.Compare(b.at), strings.Compare(a.id, b.id)) })
	c.off, c.row = len(found), nil
	for _, x := range found {
		if len(c.row) > 0 && c.row[0].sign != x.sign {
			c.row = nil
		}
		c.row = append(c.row, x)
		for x.at.Sub(c.row[0].at) > varianceWithin {
			c.row = c.row[1:]
		}
	}
}

// offerOf is what is left to sell of an item, taken in word by word: the newest
// count of it, and what was taken and given back since.
type offerOf struct {
	item    string
	key     inventory.ScopedKey
	told    map[offerWord]bool
	known   bool
	unit    string // of the count; "?" where it is in several
	base    inventory.Decimal
	asOf    time.Time
	rest    inventory.Decimal
	changes []offerChange // since the count, by when they happened
	last    time.Time     // when the last word was heard
}

// offerWord tells what is said once from what is said again.
type offerWord struct {
	key  inventory.ScopedKey
	says inventory.Hash
}

type offerChange struct {
	at   time.Time
	id   string
	unit string
	by   inventory.Decimal
}

func (o *offerOf) take(e *entry) {
	o.last = e.ReceivedAt
	if !succeeded(e.outcome) && e.outcome != inventory.Reversed {
		return
	}
	// What two feeds say of one transaction, or one says twice, happened once.
	word := offerWord{e.keys[0], e.business()}
	if o.told[word] {
		return
	}
	o.told[word] = true
	counts := map[time.Time]map[string]inventory.Decimal{}
	for _, l := range itemLines(&e.Event, o.item) {
		if l.Bucket != "available" {
			continue
		}
		if l.Measure == "absolute" {
			at := e.Event.Time
			if t, err := time.Parse(time.RFC3339, l.AsOf); err == nil {
				at = t
			}
			if counts[at] == nil {
				counts[at] = map[string]inventory.Decimal{}
			}
			unit := unitClass(l.UOM)
			counts[at][unit] = counts[at][unit].Add(l.Quantity)
			continue
		}
		q := l.Quantity
		if e.outcome == inventory.Reversed {
			q = q.Neg()
		}
		o.change(offerChange{e.Event.Time, e.ID, unitClass(l.UOM), q})
	}
	if !succeeded(e.outcome) {
		return
	}
	for at, units := range counts {
		o.count(at, units)
	}
}

// change takes in what was taken or given back.
func (o *offerOf) change(c offerChange) {
	if o.known && !c.at.After(o.asOf) {
		return // the count has it
	}
	i, _ := slices.BinarySearchFunc(o.changes, c, func(a, b offerChange) int {
		return cmp.Or(a.at.Compare(b.at), strings.Compare(a.id, b.id))
	})
	o.changes = slices.Insert(o.changes, i, c)
	if c.unit == o.unit {
		o.rest = o.rest.Add(c.by)
	}
}

// count takes in an absolute count; an older one than is known says nothing.
func (o *offerOf) count(at time.Time, units map[string]inventory.Decimal) {
	if o.known && at.Before(o.asOf) {
		return
	}
	o.known, o.asOf, o.unit, o.base = true, at, "?", inventory.Decimal{}
	if len(units) == 1 {
		for unit, q := range units {
			o.unit, o.base = unit, q
		}
	}
	o.changes = slices.DeleteFunc(o.changes, func(c offerChange) bool { return !c.at.After(at) })
	o.rest = o.base
	for _, c := range o.changes {
		if c.unit == o.unit {
			o.rest = o.rest.Add(c.by)
		}
	}
}

// left is what is left; ok is false where nobody has said what there is.
func (o *offerOf) left() (rest inventory.Decimal, ok bool) { return o.rest, o.known && o.unit != "?" }

// claim is that below nothing is left: something was sold that is not there,
// though every event by itself is right (failures F26).
func (o *offerOf) claim(begin string) *claim {
	rest, ok := o.left()
	if !ok || rest.Sign() >= 0 || o.base.Sign() < 0 {
		return nil
	}
	var evidence []string
	since, running := o.asOf, o.base
	for _, c := range o.changes {
		if c.unit != o.unit {
			continue
		}
		if running = running.Add(c.by); running.Sign() < 0 {
			if len(evidence) == 0 {
				since = c.at
			}
			if len(evidence) < collisionEvidence {
				evidence = append(evidence, c.id)
			}
		}
	}
	return &claim{inventory.Finding{
		ID: findingID(inventory.Oversold, "", o.key.String()), Kind: inventory.Oversold, Cause: inventory.CauseDeficit,
		System: "oms", FirstOccurredAt: since, Evidence: evidence,
		Units:    []inventory.Quantity{{UOM: o.unit, Quantity: rest.Abs()}},
		Sentence: fmt.Sprintf("%s is oversold by %s: %s were there, and more was promised.", begin, rest.Abs(), o.base),
	}, o.last.Add(bookSettle)}
}
