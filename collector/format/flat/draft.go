package flat

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/instant"
	"github.com/stocktrace/stocktrace/collector/gs1"
	"github.com/stocktrace/stocktrace/inventory"
)

// draft is an event in the making, or what the file says for all of them.
type draft struct {
	event inventory.Event
	// sign and signs turn the quantities of all lines, and of each.
	sign  string
	signs []string
	// rel is how the event relates to the transaction that refKeys name. A receipt is
	// a number of its register, so where that is said it becomes part of the key.
	rel, refLocation, refRegister string
	refKeys                       []inventory.Key
	// moments are times as said, by target, until the zone is known.
	moments map[string]string
	// inherit are fields of lines that were said before any line.
	inherit []setting
	said    map[string]string // by column, of an event made of rows
	control control

	number  int    // of its first record
	at      string // where that is
	raw     []byte
	records int // within it, without its begin and end
	notes   []format.Note
	ignored map[string]int
	wrong   *format.Problem
}

type setting struct {
	set   func(d *draft, v string)
	value string
}

// control is what a file counts of itself; -1 where it says nothing.
type control struct {
	number, ofEvent, lines, ofFile, events int
	extract                                string
}

var unsaid = control{number: -1, ofEvent: -1, lines: -1, ofFile: -1, events: -1}

// from begins an event with what the file has said so far.
func (d *draft) from(r record, at string) *draft {
	n := *d
	n.event.Keys = slices.Clone(d.event.Keys)
	n.event.Attributes = maps.Clone(d.event.Attributes)
	n.refKeys = slices.Clone(d.refKeys)
	if c := d.event.Covers; c != nil {
		covers := *c
		n.event.Covers = &covers
	}
	n.moments = maps.Clone(d.moments)
	n.inherit = slices.Clone(d.inherit)
	n.said, n.ignored = nil, nil
	n.control, n.notes, n.raw, n.records, n.wrong = unsaid, nil, nil, 0, nil
	n.number, n.at = r.number, at
	return &n
}

func (d *draft) line() *inventory.Line {
	if len(d.event.Lines) == 0 {
		d.begin()
	}
	return &d.event.Lines[len(d.event.Lines)-1]
}

// begin begins a line, with what was said for all of them.
func (d *draft) begin() {
	d.event.Lines = append(d.event.Lines, inventory.Line{})
	d.signs = append(d.signs, "")
	for _, s := range d.inherit {
		s.set(d, s.value)
	}
}

func (d *draft) problem() *inventory.Error {
	if d.event.Error == nil {
		d.event.Error = &inventory.Error{}
	}
	return d.event.Error
}

func (d *draft) approval() *inventory.Approval {
	if d.event.Approval == nil {
		d.event.Approval = &inventory.Approval{}
	}
	return d.event.Approval
}

func (d *draft) totals() *inventory.Totals {
	if d.event.Totals == nil {
		d.event.Totals = &inventory.Totals{}
	}
	return d.event.Totals
}

func (d *draft) covers() *inventory.Covers {
	if d.event.Covers == nil {
		d.event.Covers = &inventory.Covers{}
	}
	return d.event.Covers
}

// relate adds the transaction that this one refers to.
func (d *draft) relate() {
	if len(d.refKeys) == 0 {
		return
	}
	if d.rel == "" {
		d.rel = "relates"
	}
	for i, k := range d.refKeys {
		if k.Name != inventory.KeyReceipt || d.refRegister == "" {
			continue
		}
		if d.refKeys[i].Value = d.refRegister + "-" + k.Value; d.refLocation != "" {
			d.refKeys[i].Value = d.refLocation + "-" + d.refKeys[i].Value
		}
	}
	d.event.Refs = append(d.event.Refs, inventory.Ref{Rel: d.rel, Keys: d.refKeys})
}

func (d *draft) ignore(path string, n int) {
	if d.ignored == nil {
		d.ignored = map[string]int{}
	}
	d.ignored[path] += n
}

// moment keeps a time until the zone is known.
func (d *draft) moment(to, v string) {
	if d.moments == nil {
		d.moments = map[string]string{}
	}
	d.moments[to] = v
}

func (d *draft) note(code, path, sentence string, args ...any) {
	d.notes = append(d.notes, format.Note{Code: code, Path: path, Detail: fmt.Sprintf(sentence, args...)})
}

// fail keeps the first reason why it cannot be read.
func (d *draft) fail(path, sentence string, args ...any) {
	if d.wrong == nil {
		d.wrong = &format.Problem{Path: path, Detail: fmt.Sprintf(sentence, args...)}
	}
}

// finish settles what depends on the whole of the event.
func (d *draft) finish(l *Layout, source format.Source) {
	e := &d.event
	if source.System != "" {
		e.System = source.System
	}
	if source.Instance != "" {
		e.SystemInstance = source.Instance
	}
	if e.Location == "" {
		e.Location = source.Location
	}
	e.Source = source.Name
	for name, v := range map[string]string{"workflow": e.Workflow, "step": e.Step, "system": e.System, "location": e.Location} {
		if v == "" {
			d.fail(d.at, "It has no %s: give it a column, set it in the layout, or declare it for the sender.", name)
		}
	}
	if e.Outcome != "" && !slices.Contains(inventory.Outcomes, e.Outcome) {
		d.fail(d.at, "Its outcome %s is none of the contract's: translate it with the column's values.", show(string(e.Outcome)))
	}
	e.Type = "inventory." + e.Workflow + "." + e.Step
	d.relate()
	d.settleTime(l, source)
	for i := range e.Lines {
		d.settleLine(l, i)
	}
	if c := e.Covers; c != nil && len(c.Units) == 0 {
		c.Units = sums(e.Lines)
	}
	slices.SortStableFunc(e.Keys, func(a, b inventory.Key) int { return strings.Compare(a.Name+"\x00"+a.Value, b.Name+"\x00"+b.Value) })
	e.Keys = slices.Compact(e.Keys)
	d.identify(source)
}

// sums adds quantities by unit.
func sums(lines []inventory.Line) []inventory.Quantity {
	var all []inventory.Quantity
	for _, l := range lines {
		i := slices.IndexFunc(all, func(q inventory.Quantity) bool { return q.UOM == l.UOM })
		if i < 0 {
			all, i = append(all, inventory.Quantity{UOM: l.UOM}), len(all)
		}
		all[i].Quantity = all[i].Quantity.Add(l.Quantity)
	}
	return all
}

// identify gives the event an id that is the same whenever the same is said
// again: its keys and the hash of its content. Without a key only its place tells
// it from another that says the same.
func (d *draft) identify(source format.Source) {
	e := &d.event
	e.Normalize()
	var b strings.Builder
	b.WriteString(e.Workflow + "." + e.Step)
	if all := e.AllKeys(); len(all) > 0 {
		for _, k := range all {
			b.WriteString("/" + k.Name + ":" + k.Value)
		}
	} else {
		b.WriteString("/" + source.Document + "/" + d.at)
	}
	e.ID = b.String() + "/" + e.ContentHash().String()[:16]
}

func (d *draft) settleLine(l *Layout, i int) {
	line, at := &d.event.Lines[i], d.at
	if line.Line != "" {
		at += " item " + line.Line
	}
	if line.Counted != "" && line.Quantity.IsZero() {
		line.Quantity, _ = inventory.ParseDecimal(line.Counted)
		if line.Measure == "" {
			line.Measure = "absolute"
		}
	}
	for _, sign := range []string{d.sign, d.signs[i]} {
		switch sign {
		case "", "+":
		case "-":
			line.Quantity = line.Quantity.Neg()
		default:
			d.fail(at, "Its sign is %s: translate it to + or - with the column's values.", show(sign))
		}
	}
	if line.Measure != "" && line.Measure != "delta" && line.Measure != "absolute" {
		d.fail(at, "Its measure is %s: use delta or absolute.", show(line.Measure))
	}
	if line.Stock != "" && !slices.Contains([]string{"moves", "none", "value_only"}, line.Stock) {
		d.fail(at, "Its stock is %s: use moves, none or value_only.", show(line.Stock))
	}
	uom, notes := l.list.Read(line.UOM, at)
	line.UOM = uom
	d.notes = append(d.notes, notes...)
	if _, digits := gs1.CheckDigit(line.Item); digits && line.ItemScheme == "gtin" && !gs1.Valid(line.Item) {
		d.note(format.CheckDigit, at, "The check digit of the GTIN %s is wrong: kept as sent. Correct the item at its source.", line.Item)
	}
}

// settleTime makes an instant of what was said, in the location's zone.
func (d *draft) settleTime(l *Layout, source format.Source) {
	said := d.moments["time"]
	if date, clock := d.moments["time.date"], d.moments["time.clock"]; date != "" {
		said = date
		if clock != "" {
			said += "T" + clock
		}
	} else if clock != "" && !strings.Contains(said, "T") {
		if said == "" {
			d.fail(d.at, "It has a time of day and no date.")
		}
		said += "T" + clock
	}
	if said == "" {
		d.fail(d.at, "It says no time: give it a column for the time, or for the day.")
		return
	}
	zone := source.ZoneFor(d.event.Location)
	if zone == nil {
		zone = l.location
	}
	t, notes, err := at(said, zone, d.at)
	if err != nil {
		d.fail(d.at, "Its time %s", err.Error())
		return
	}
	d.event.Time, d.event.TimeAsSent = t.UTC(), said
	d.notes = append(d.notes, notes...)
}

// at reads a moment as stamp writes it.
func at(said string, zone *time.Location, path string) (time.Time, []format.Note, error) {
	if !strings.Contains(said, "T") {
		wall, err := time.Parse(time.DateOnly, said)
		if err != nil {
			return time.Time{}, nil, fmt.Errorf("is %s, and no day.", show(said)) //nolint:revive,staticcheck // sentences for people
		}
		t, notes := format.WallTime(wall, zone, path)
		return t, append([]format.Note{{Code: format.DateOnly, Path: path, Detail: said + " has no time of day: read as the start of that day."}}, notes...), nil
	}
	t, err := instant.Read(said, zone, path)
	return t.Time, t.Notes, err
}
