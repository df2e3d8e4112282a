package idoc

import (
	"fmt"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/instant"
	"github.com/stocktrace/stocktrace/collector/gs1"
	"github.com/stocktrace/stocktrace/collector/units"
	"github.com/stocktrace/stocktrace/inventory"
)

// piece reads a piece by its message type.
func (r *reader) piece(p *piece) error {
	if p.tooLarge {
		return r.refuse(p, p.path, "The transaction is larger than the %d bytes it may have: its beginning is kept. Have the sender split it.", mostPiece)
	}
	kind := p.control.get("MESTYP")
	if kind == "" {
		kind = p.control.get("IDOCTYP")
	}
	if kind == "" && len(p.segments) > 0 {
		kind = p.segments[0].name // a control record of which nothing is left
	}
	switch {
	case strings.HasPrefix(kind, "WPUBON"), kind == "E1WPB01":
		return r.receipts(p)
	case strings.HasPrefix(kind, "WPUUMS"), kind == "E1WPU01":
		return r.summaries(p)
	case strings.HasPrefix(kind, "STATUS"), strings.HasPrefix(kind, "SYSTAT"), kind == "E1STATS", kind == "EDI_DS40":
		return r.statuses(p)
	case strings.HasPrefix(kind, "ALEAUD"), kind == "E1ADHDR":
		return r.audit(p)
	case strings.HasPrefix(kind, "ORD"), kind == "E1EDK01":
		return r.order(p)
	case p.find("E1EDL20") != nil:
		return r.deliveries(p)
	case p.moves():
		return r.movements(p)
	}
	return r.refuse(p, p.path, "The IDoc is of the message type %s, and no segment of it that is known here says what moved: it is kept as it is. Declare the columns of its segments, or send another type.", show(kind))
}

// find is the first outermost segment of that name, or one below it.
func (p *piece) find(name string) *segment {
	for _, s := range p.segments {
		if s.name == name {
			return s
		}
		if all := s.below(name); len(all) > 0 {
			return all[0]
		}
	}
	return nil
}

// all are the segments of that name, wherever they stand.
func (p *piece) all(name string) []*segment {
	var list []*segment
	for _, s := range p.segments {
		if s.name == name {
			list = append(list, s)
		}
		list = append(list, s.below(name)...)
	}
	return list
}

func (r *reader) refuse(p *piece, path, sentence string, args ...any) error {
	return r.yield(format.Item{Path: p.path, Raw: p.raw, RawType: p.rawType, Problem: &format.Problem{Path: path, Detail: fmt.Sprintf(sentence, args...)}})
}

// draft is an event in the making.
type draft struct {
	r     *reader
	p     *piece
	event inventory.Event
	notes []format.Note
	wrong *format.Problem
	// created says that the time is that of the IDoc itself.
	created bool
}

// draft begins an event with what the control record says.
func (r *reader) draft(p *piece, workflow, step, system string) *draft {
	d := &draft{r: r, p: p, notes: append([]format.Note(nil), p.notes...)}
	e := &d.event
	e.Source, e.Workflow, e.Step, e.System = r.source.Name, workflow, step, system
	if r.source.System != "" {
		e.System = r.source.System
	}
	e.SystemInstance = r.source.Instance
	d.key(inventory.KeyIDoc, p.control.get("DOCNUM"))
	d.keep("message", p.control.get("MESTYP"))
	d.keep("reference", p.control.get("ARCKEY"))
	if p.control.get("TEST") != "" {
		// It must not touch stock, money or promises, like a till's training mode.
		e.Transaction.Mode = "training"
		d.keep("test", "X")
	}
	return d
}

func (d *draft) key(name, value string) {
	if value = strings.TrimSpace(value); value == "" || strings.Trim(value, "0") == "" {
		return
	}
	for _, k := range d.event.Keys {
		if k == (inventory.Key{Name: name, Value: value}) {
			return
		}
	}
	d.event.Keys = append(d.event.Keys, inventory.Key{Name: name, Value: value})
}

func (d *draft) keep(name, value string) { keep(&d.event.Attributes, name, value) }

func keep(m *map[string]string, name, value string) {
	if value == "" {
		return
	}
	if *m == nil {
		*m = map[string]string{}
	}
	(*m)[name] = value
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

// at sets the time from a date and a time of day as SAP writes them. It does
// nothing where there is no date (00000000).
func (d *draft) at(date, clock, zone, path string) {
	if !d.event.Time.IsZero() || blank(date) {
		return
	}
	if t, asSent, ok := d.instant(date, clock, zone, path); ok {
		d.event.Time, d.event.TimeAsSent = t.UTC(), asSent
	}
}

// instant reads a date and a time of day. SAP writes 000000 for no time as well
// as for midnight, so a blank one only says that there is none.
func (d *draft) instant(date, clock, zone, path string) (time.Time, string, bool) {
	said := day(date)
	if said == "" {
		d.fail(path, "The date is %s, and no day: SAP writes YYYYMMDD.", show(date))
		return time.Time{}, "", false
	}
	at := d.r.source.ZoneFor(d.event.Location)
	if zone != "" {
		if z, err := time.LoadLocation(zone); err == nil && zone != "Local" {
			at = z
		} else {
			d.note(format.NotStandard, path, "The time zone %s is none of the IANA's: read in the declared zone instead.", show(zone))
		}
	}
	if len(clock) == 6 && digits(clock) {
		said += "T" + clock[:2] + ":" + clock[2:4] + ":" + clock[4:]
		t, err := instant.Read(said, at, path)
		if err != nil {
			d.fail(path, "The time %s", err.Error())
			return time.Time{}, "", false
		}
		for _, n := range t.Notes {
			if zone == "" || n.Code != format.ZoneAssumed {
				d.notes = append(d.notes, n)
			}
		}
		return t.Time, said, true
	}
	wall, err := time.Parse(time.DateOnly, said)
	if err != nil || wall.Year() < 1970 || wall.Year() > 2261 {
		d.fail(path, "The date is %s, and no day this can have happened.", show(date))
		return time.Time{}, "", false
	}
	t, notes := format.WallTime(wall, at, path)
	d.note(format.DateOnly, path, "%s has no time of day: read as the start of that day.", said)
	d.notes = append(d.notes, notes...)
	return t, said, true
}

// day writes a date as SAP has it in the contract's form; "" for none.
func day(date string) string {
	if len(date) != 8 || !digits(date) || blank(date) {
		return ""
	}
	said := date[:4] + "-" + date[4:6] + "-" + date[6:]
	if _, err := time.Parse(time.DateOnly, said); err != nil {
		return ""
	}
	return said
}

// blank reports whether a field says nothing: SAP fills dates and numbers with
// zeros.
func blank(s string) bool { return strings.Trim(s, "0 ") == "" }

// quantity reads a number as SAP writes it: 1.000, 1.000- or -1.000. A sign in a
// field of its own comes as sign.
func (d *draft) quantity(value, path string) inventory.Decimal {
	v := strings.TrimSpace(value)
	if n := len(v); n > 1 && (v[n-1] == '-' || v[n-1] == '+') {
		v = v[n-1:] + strings.TrimSpace(v[:n-1])
	}
	q, err := inventory.ParseDecimal(v)
	if err != nil {
		d.fail(path, "The quantity is %s, and no number as SAP writes it: digits, a point before the decimals, and a sign before or behind.", show(value))
	}
	return q
}

// unit reads a unit: an ISO code, or SAP's own.
func (d *draft) unit(code, path string) string {
	u, notes := units.SAP.Read(code, path)
	d.notes = append(d.notes, notes...)
	return u
}

// article names the item of a line: by its material number, else by its GTIN,
// which is noted otherwise.
func (d *draft) article(l *inventory.Line, material, gtin, path string) {
	if blank(gtin) {
		gtin = ""
	}
	switch {
	case material != "":
		l.Item, l.ItemScheme = material, "erp"
		if gtin != "" {
			l.ItemIDs = append(l.ItemIDs, inventory.Key{Name: "gtin", Value: gtin})
		}
	case gtin != "":
		l.Item, l.ItemScheme = gtin, "gtin"
	}
	if _, ok := gs1.GTIN14(gtin); ok && !gs1.Valid(gtin) {
		d.note(format.CheckDigit, path, "The check digit of the GTIN %s is wrong: kept as sent. Correct the item at its source.", gtin)
	}
}

// emit settles the event and yields it.
func (d *draft) emit(ignored map[string]int) error {
	e := &d.event
	if e.Location == "" {
		e.Location = d.r.source.Location
	}
	if e.Location == "" {
		d.fail(d.p.path, "Neither the IDoc nor the sender's declaration says where it happened: declare the sender's location.")
	}
	if e.Time.IsZero() {
		d.created = true
		c := d.p.control
		d.at(c.get("CREDAT"), c.get("CRETIM"), "", c.path)
	}
	if e.Time.IsZero() {
		d.fail(d.p.path, "It says no time: neither a posting date nor when the IDoc was created (CREDAT).")
	}
	e.Type = "inventory." + e.Workflow + "." + e.Step
	if c := e.Covers; c != nil && len(c.Units) == 0 {
		c.Units = sums(e.Lines)
	}
	e.Normalize()
	e.ID = d.id()
	item := format.Item{Path: d.p.path, Raw: d.p.raw, RawType: d.p.rawType, Problem: d.wrong}
	if d.wrong == nil {
		item.Event, item.Notes, item.Ignored = *e, d.notes, ignored
	}
	return d.r.yield(item)
}

// id is made of what the event says: an IDoc that comes again, in whatever file,
// is the same record; one whose status has changed is another.
func (d *draft) id() string {
	e := &d.event
	number := e.KeyValue(inventory.KeyIDoc)
	if number == "" {
		number = d.r.source.Document + d.p.path // only its place tells it from another
	}
	return number + "/" + e.Workflow + "." + e.Step + "/" + e.ContentHash().String()[:16]
}

// sums adds quantities by unit.
func sums(lines []inventory.Line) []inventory.Quantity {
	var all []inventory.Quantity
next:
	for _, l := range lines {
		for i := range all {
			if all[i].UOM == l.UOM {
				all[i].Quantity = all[i].Quantity.Add(l.Quantity)
				continue next
			}
		}
		all = append(all, inventory.Quantity{UOM: l.UOM, Quantity: l.Quantity})
	}
	return all
}

// show quotes what a sender wrote, shortened.
func show(s string) string {
	if r := []rune(s); len(r) > 40 {
		s = string(r[:40]) + "…"
	}
	return fmt.Sprintf("%q", s)
}
