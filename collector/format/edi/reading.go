package edi

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/inventory"
)

// Reading is a message while events are made of it, in the way both syntaxes
// share. The first failure ends it: an event of which a quantity cannot be read
// is not half an event.
type Reading struct {
	*Message
	Source format.Source
	// Loops counts the occurrences of a loop's first segment, for places.
	Loops  map[string]int
	Drafts []*Draft

	failure  string
	used     []bool
	unmapped map[string]bool
}

// Draft is an event being made.
type Draft struct {
	inventory.Event
	// Number is the document's own, Speaker the system that speaks where the source
	// does not say.
	Number, Speaker string
	// Place is where in the message it stands, where that makes several events.
	Place string
	// From and To are the segments it was read from, if it is one of many.
	From, To int
	Partial  bool
}

// NewReading begins to read a message.
func NewReading(m *Message, source format.Source) *Reading {
	return &Reading{Message: m, Source: source, used: make([]bool, len(m.Body)), Loops: map[string]int{}}
}

// Each calls do for every segment with its index.
func (r *Reading) Each(do func(i int, s *Segment)) {
	for i := range r.Body {
		do(i, &r.Body[i])
	}
}

// Use marks a segment as carried by an event.
func (r *Reading) Use(i int) { r.used[i] = true }

// Unmapped notes once that a code of a list is not known, and how it was read.
func (r *Reading) Unmapped(place, list, code, read string) {
	if key := list + ":" + code; !r.unmapped[key] {
		if r.unmapped == nil {
			r.unmapped = map[string]bool{}
		}
		r.unmapped[key] = true
		r.Note(format.Unmapped, place, fmt.Sprintf("The quantity qualifier %q (element %s) is not known here: %s.", code, list, read))
	}
}

// Loop numbers the occurrences of a loop: LIN[3].
func (r *Reading) Loop(tag string) string {
	r.Loops[tag]++
	return fmt.Sprintf("%s[%d]", tag, r.Loops[tag])
}

// In is the place of the current occurrence of a loop.
func (r *Reading) In(tag string) string { return fmt.Sprintf("%s[%d]", tag, r.Loops[tag]) }

// Fail says why the message cannot be read.
func (r *Reading) Fail(place, detail string) {
	if r.failure == "" {
		r.failure = strings.TrimPrefix(place+": "+detail, ": ")
	}
}

// Draft starts an event.
func (r *Reading) Draft(workflow, step, system string) *Draft {
	d := &Draft{Speaker: system}
	d.Workflow, d.Step = workflow, step
	r.Drafts = append(r.Drafts, d)
	return d
}

// Items turns the drafts into items.
func (r *Reading) Items() []format.Item {
	if r.failure == "" && len(r.Drafts) == 0 {
		r.failure = "it says nothing that is an event: no line with a quantity was found"
	}
	if r.failure != "" {
		return []format.Item{r.Unread(r.failure + ". Correct it at the sender and send it again.")}
	}
	ignored := map[string]int{}
	for i := range r.Body {
		if !r.used[i] {
			ignored[r.Type+"/"+r.Body[i].Tag]++
		}
	}
	r.nameless()
	items := make([]format.Item, 0, len(r.Drafts))
	for n, d := range r.Drafts {
		if d.Time.IsZero() {
			r.sent(d)
		}
		if d.Location == "" && r.Source.Location == "" {
			d.Location, d.LocationScheme = r.Interchange.Receiver.ID, "edi"
			if d.Workflow != "receipt" || d.Step == "received" {
				d.Location = r.Interchange.Sender.ID
			}
		}
		if d.Covers != nil && d.Covers.Location == "" {
			d.Covers.Location = cmp.Or(d.Location, r.Source.Location)
		}
		if r.failure == "" && d.Location == "" && r.Source.Location == "" {
			r.failure = "it names no location: declare one for its source"
		}
		if r.failure != "" {
			return []format.Item{r.Unread(r.failure + ". Correct it at the sender and send it again.")}
		}
		r.Finish(&d.Event, r.Source, d.Speaker, d.Number)
		item := format.Item{Event: d.Event, Path: r.Path, Raw: r.Raw, RawType: r.Interchange.Syntax.RawType()}
		if len(r.Drafts) > 1 {
			item.Path += "/" + cmp.Or(d.Place, d.Location)
		}
		if d.Partial && len(r.Raw) > maxShared {
			if item.Raw = r.Span(d.From, d.To); len(item.Raw) > maxShared {
				item.Raw = r.Span(d.From, d.From)
			}
		}
		if n == 0 {
			item.Ignored = ignored
		}
		items = append(items, item)
	}
	return items
}

// nameless notes lines without an item.
func (r *Reading) nameless() {
	lines := 0
	for _, d := range r.Drafts {
		for i := range d.Lines {
			if d.Lines[i].Item == "" {
				lines++
			}
		}
	}
	if lines > 0 {
		r.Note(format.NotStandard, "", fmt.Sprintf("Lines without an item that is known here: %d. They are kept, and compared with nothing.", lines))
	}
}

// maxShared is how long a message may be whose events all keep the whole of it.
// Of a longer one each event keeps the segments it was read from or, where they
// are scattered over it, the first of them: a thousand stores would otherwise
// keep a thousand copies.
const maxShared = 64 << 10

// sent gives an event the time its envelope says, where the set says none.
func (r *Reading) sent(d *Draft) {
	t, ok := r.Sent(r.Source.ZoneFor(cmp.Or(d.Location, r.Source.Location)))
	if !ok {
		r.Fail("", "it says no date that can be read, and neither does its envelope")
		return
	}
	r.happened(d, t)
}

func (r *Reading) happened(d *Draft, t Moment) {
	d.Time, d.TimeAsSent = t.Time, t.AsSent
	for _, n := range t.Notes {
		if !slices.Contains(r.Notes, n) {
			r.Notes = append(r.Notes, n)
		}
	}
}

// Said is a date that a segment says, before it is known whose clock it is by.
// The zero value is none.
type Said struct {
	Place, AsSent string
	From, Day     string // the first day of a period, and the day itself or the last one
	HasClock      bool
	read          func(zone *time.Location, path string) (Moment, error)
}

// IsZero reports whether no date was said.
func (s Said) IsZero() bool { return s.read == nil }

// When takes a date at a place. What is no date is noted and left out.
func (r *Reading) When(place string, read func(zone *time.Location, path string) (Moment, error)) (_ Said, ok bool) {
	t, err := read(time.UTC, place)
	if err != nil {
		r.Note(format.NotStandard, place, err.Error()+". It is left out.")
		return Said{}, false
	}
	return Said{place, t.AsSent, t.From, t.Date, t.HasClock, read}, true
}

// Happened gives the event the first of the dates, with a time of day where one
// of them says it for that day. The clock is that of the event's place, or of
// where goods leave for it.
func (r *Reading) Happened(d *Draft, dates ...Said) {
	var best Said
	for _, s := range dates {
		if !s.IsZero() && (best.IsZero() || !best.HasClock && s.HasClock && s.Day == best.Day) {
			best = s
		}
	}
	if best.IsZero() {
		return
	}
	where := cmp.Or(d.Location, r.Source.Location)
	if d.Step == "shipped" && len(d.Lines) > 0 && d.Lines[0].LocationFrom != "" {
		where = d.Lines[0].LocationFrom
	}
	if t, err := best.read(r.Source.ZoneFor(where), r.Path+"/"+best.Place); err == nil { // it was a date before
		r.happened(d, t)
	}
}

// Place is who or where an N1 or NAD names, in a role such as ST.
type Place struct{ Role, Name, ID, Scheme string }

// Locate sets the event's location to the first of the roles that is named.
func (d *Draft) Locate(parties []Place, roles ...string) {
	if p, ok := Find(parties, roles...); ok {
		d.Location, d.LocationScheme = p.ID, p.Scheme
	}
}

// Find returns the first of the roles that is named.
func Find(parties []Place, roles ...string) (Place, bool) {
	for _, role := range roles {
		for _, p := range parties {
			if p.Role == role && p.ID != "" {
				return p, true
			}
		}
	}
	return Place{}, false
}

// Key adds an identifier once.
func (d *Draft) Key(name, value string) {
	if value == "" || d.has(name, value) {
		return
	}
	d.Keys = append(d.Keys, inventory.Key{Name: name, Value: value})
}

func (d *Draft) has(name, value string) bool {
	for _, k := range d.Keys {
		if k.Name == name && k.Value == value {
			return true
		}
	}
	return false
}

// Say adds an attribute.
func (d *Draft) Say(name, value string) {
	if value == "" {
		return
	}
	if d.Attributes == nil {
		d.Attributes = map[string]string{}
	}
	d.Attributes[name] = value
}

// Quantity reads a number. X12 writes .5 and 5. too, and EDIFACT a comma for the
// point.
func (r *Reading) Quantity(place, text string) inventory.Decimal {
	plain := text
	if r.Interchange.Syntax == EDIFACT {
		plain = strings.Replace(plain, ",", ".", 1)
	}
	plain = strings.TrimSuffix(plain, ".")
	if sign := strings.IndexByte(plain, '.'); sign >= 0 && (sign == 0 || plain[sign-1] == '-' || plain[sign-1] == '+') {
		plain = plain[:sign] + "0" + plain[sign:]
	}
	q, err := inventory.ParseDecimal(plain)
	if err != nil {
		r.Fail(place, fmt.Sprintf("the quantity %q is no number", text))
	}
	return q
}

// Attribute adds an attribute to a line.
func Attribute(l *inventory.Line, name, value string) {
	if value == "" {
		return
	}
	if l.Attributes == nil {
		l.Attributes = map[string]string{}
	}
	l.Attributes[name] = value
}

// Also adds a further name of the line's item once.
func Also(l *inventory.Line, scheme, id string) {
	k := inventory.Key{Name: scheme, Value: id}
	if !slices.Contains(l.ItemIDs, k) && (l.ItemScheme != scheme || l.Item != id) {
		l.ItemIDs = append(l.ItemIDs, k)
	}
}

// Clone is a copy of a line that shares nothing with it.
func Clone(l inventory.Line) inventory.Line {
	l.Attributes = maps.Clone(l.Attributes)
	l.ItemIDs = slices.Clone(l.ItemIDs)
	return l
}
