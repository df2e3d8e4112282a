package mapping

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/instant"
	"github.com/stocktrace/stocktrace/collector/format/jsonread"
	"github.com/stocktrace/stocktrace/collector/gs1"
	"github.com/stocktrace/stocktrace/collector/units"
	"github.com/stocktrace/stocktrace/inventory"
)

// rule says where the value of one field comes from, and how it is read. What a
// value passes through is in this order: path or join, number form, cel,
// default, table, and at last what its field needs.
type rule struct {
	target target
	line   int // in the mapping's file

	when  *expression
	paths []Path // several are joined
	with  string
	fixed *string
	cel   *expression

	fallback string
	required bool
	table    *table
	layout   string // of Go's; "unix" and "unix_ms" count since 1970
	gtin     bool
	units    *units.List
	convert  string // the unit that quantities are converted to
}

// scope is what a rule is applied to.
type scope struct {
	mapping *Mapping
	source  format.Source
	packs   units.Packs

	record *node // nil in corrections
	at     *node // the record, or the line in question
	event  *inventory.Event
	line   *inventory.Line // nil outside of lines
	index  int             // of the line
	seen   map[string]any  // the event as expressions see it, made when one asks

	notes    []format.Note
	mappings []inventory.Mapping
	from     map[string]string // where fields came from, for people
	place    string            // where the record stands
}

// name is how the contract calls a field in this scope: lines[0].item.
func (s *scope) name(t target) string {
	if t.line {
		return fmt.Sprintf("lines[%d].%s", s.index, strings.TrimPrefix(t.name, "lines."))
	}
	return t.name
}

// view binds what an expression may ask for.
func (s *scope) view(x *expression, value string) map[string]any {
	if s.record != nil {
		about := map[string]any{"value": value}
		for name, n := range map[string]*node{"record": s.record, "line": s.at} {
			if seen := x.see(name, n); seen != nil {
				about[name] = seen
			}
		}
		return about
	}
	about := map[string]any{"value": value}
	if names, asks := x.names["event"]; asks {
		if s.seen == nil {
			s.seen = eventView(s.event)
		}
		// Lines are many, and seldom asked for. In corrections of lines the event is
		// seen as it was before the first of them.
		if _, there := s.seen["lines"]; !there && (names == nil || names["lines"]) {
			s.seen["lines"] = linesView(s.event)
		}
		about["event"] = s.seen
	}
	if _, asks := x.names["line"]; asks && s.line != nil {
		about["line"] = lineView(s.line)
	}
	return about
}

// apply sets the rule's field. Its error is a *[format.Problem].
func (s *scope) apply(r *rule) error {
	if r.several() {
		return s.addAll(r)
	}
	text, from, err := s.read(r)
	if err == nil && text != "" {
		err = s.store(r, text, from)
	}
	if err == nil {
		return nil
	}
	return &format.Problem{Path: s.placeOf(from), Detail: fmt.Sprintf("%s: %s (%s:%d).", s.name(r.target), strings.TrimSuffix(err.Error(), "."), s.mapping.base, r.line)}
}

// several reports whether the field takes all that its path leads to, as a list
// of documents in one parcel.
func (r *rule) several() bool {
	return r.target.add != nil && len(r.paths) == 1 && r.cel == nil && r.when == nil && r.table == nil && r.fallback == "" && !r.required
}

func (s *scope) addAll(r *rule) error {
	for _, n := range r.paths[0].find(s.at) {
		v := strings.TrimSpace(n.value())
		if v == "" {
			continue
		}
		if n.number && jsonread.Rounded(v) {
			s.note(format.IDRounded, origin{first: n}, v+" is an identifier sent as a number that may have been rounded: kept as written. Have the sender put it in quotes.")
		}
		s.came(r, n.where())
		r.target.add(s.event, s.line, v)
	}
	return nil
}

// read returns the field's value before its field reads it, and where it stands.
// No value is no error, unless it is required.
func (s *scope) read(r *rule) (text string, from origin, err error) {
	if r.when != nil {
		if ok, err := r.when.holds(s.view(r.when, r.target.get(s.event, s.line))); err != nil || !ok {
			return "", from, err
		}
	}
	switch {
	case r.fixed != nil:
		s.came(r, "the mapping")
		return *r.fixed, from, nil
	case len(r.paths) > 0:
		if text, from, err = s.joined(r); err != nil {
			return "", from, err
		}
	case s.record == nil:
		text = r.target.get(s.event, s.line)
	}
	if text != "" && (r.target.use == asDecimal || r.target.use == asMoney || r.target.use == asWhole) && s.record != nil {
		if text, err = s.mapping.numbers.read(text); err != nil {
			return "", from, err
		}
	}
	if r.cel != nil {
		if text, err = r.cel.eval(s.view(r.cel, text)); err != nil {
			return "", from, err
		}
		text = strings.TrimSpace(text)
		s.came(r, r.cel.text)
	}
	if text == "" && r.fallback != "" {
		s.came(r, "the mapping, where the document says nothing")
		text = r.fallback
	}
	if text == "" && r.required {
		return "", from, fmt.Errorf("is required, and nothing is there")
	}
	if text != "" && r.table != nil {
		text, err = s.translate(r, text, from)
	}
	return text, from, err
}

func (s *scope) came(r *rule, from string) {
	if s.from != nil {
		s.from[s.name(r.target)] = from
	}
}

// joined returns what the paths lead to. Where one of several leads to nothing
// there is no value at all: half an identifier is another one's.
func (s *scope) joined(r *rule) (text string, from origin, err error) {
	var parts []string
	for _, p := range r.paths {
		n, err := one(p, s.at)
		if err != nil {
			return "", from, err
		}
		part := ""
		if n != nil {
			part = strings.TrimSpace(n.value())
			from.add(n)
			if n.number && r.target.use == asText && jsonread.Rounded(part) {
				s.note(format.IDRounded, origin{first: n}, part+" is an identifier sent as a number that may have been rounded: kept as written. Have the sender put it in quotes.")
			}
			if n.number && (r.target.use == asDecimal || r.target.use == asMoney) {
				// JSON knows exponents, and no other decimal sign than a point.
				if d, err := jsonread.Decimal(part); err == nil {
					part = s.mapping.numbers.write(d)
				}
			}
		}
		if part == "" {
			return "", from, nil
		}
		if len(r.paths) == 1 {
			text = part
			break
		}
		parts = append(parts, part)
	}
	if parts != nil {
		text = strings.Join(parts, r.with)
	}
	if s.from != nil {
		s.came(r, from.String())
	}
	return text, from, nil
}

// origin is where a value came from; none for what the mapping says itself.
type origin struct {
	first *node
	rest  []*node
}

func (o *origin) add(n *node) {
	if o.first == nil {
		o.first = n
		return
	}
	o.rest = append(o.rest, n)
}

// String names the places. They are put in words only where somebody is told.
func (o origin) String() string {
	if o.first == nil {
		return ""
	}
	text := o.first.where()
	for _, n := range o.rest {
		text += ", " + n.where()
	}
	return text
}

// placeOf is where a value stands, or what it belongs to.
func (s *scope) placeOf(from origin) string {
	switch {
	case from.first != nil:
		return from.String()
	case s.line != nil && s.record != nil:
		return s.at.where()
	default:
		return s.place
	}
}

func (s *scope) note(code string, from origin, detail string) {
	s.notes = append(s.notes, format.Note{Code: code, Path: s.placeOf(from), Detail: detail})
}

func (s *scope) translate(r *rule, text string, from origin) (string, error) {
	to, ok := r.table.get(text)
	switch {
	case ok && to != text:
		s.mappings = append(s.mappings, inventory.Mapping{
			Field: s.name(r.target), From: text, To: to, Rule: r.table.name, Version: s.mapping.Stamp(),
		})
	case !ok && r.table.demanded:
		return "", fmt.Errorf("table %s has no %q: add it, and bring the document again", r.table.name, text)
	case !ok:
		s.note(format.Unmapped, from, fmt.Sprintf("%s: table %s has no %q: kept as sent. Add it to the table.", s.name(r.target), r.table.name, text))
		return text, nil
	}
	return to, nil
}

// store reads the value as its field needs it, and sets the field.
func (s *scope) store(r *rule, text string, from origin) error {
	t := r.target
	switch t.use {
	case asTime:
		return s.storeTime(r, text, from)
	case asDate:
		day, err := r.day(text)
		if err != nil {
			return err
		}
		return t.set(s.event, s.line, day)
	case asDecimal, asMoney:
		if _, err := inventory.ParseDecimal(text); err != nil {
			return err
		}
	case asWhole:
		if n, err := strconv.Atoi(text); err != nil || n < 0 {
			return fmt.Errorf("%q is no whole number", text)
		}
	case asFlag:
		switch strings.ToLower(text) {
		case "true", "1", "y", "yes", "x":
			text = "true"
		case "false", "0", "n", "no", "":
			text = "false"
		default:
			return fmt.Errorf("%q is neither yes nor no: translate it with a table to true and false", text)
		}
	case asUnit:
		list := r.units
		if list == nil {
			list = units.Rec20
		}
		code, notes := list.Read(text, s.placeOf(from))
		s.notes = append(s.notes, notes...)
		text = code
	case asText, asItem:
	}
	if r.gtin {
		text = s.gtin(t, text, from)
	}
	return t.set(s.event, s.line, text)
}

// separators are what people print into numbers.
var separators = strings.NewReplacer(" ", "", "-", "", "\u00a0", "")

// gtin brings a trade item number into its 14 digits.
func (s *scope) gtin(t target, text string, from origin) string {
	digits := separators.Replace(text)
	scheme := func(name string) {
		if t.name == "lines.item" && s.line.ItemScheme == "" {
			s.line.ItemScheme = name
		}
	}
	if plu, ok := gs1.Local(digits); ok {
		scheme("plu")
		return plu
	}
	full, ok := gs1.GTIN14(digits)
	if !ok {
		s.note(format.NotStandard, from, fmt.Sprintf("%s: %q is no GTIN of 8, 12, 13 or 14 digits: kept as sent.", s.name(t), text))
		return text
	}
	if !gs1.Valid(full) {
		s.note(format.CheckDigit, from, fmt.Sprintf("%s: the check digit of %q is wrong: kept as sent.", s.name(t), text))
	}
	scheme("gtin")
	return full
}

func (r *rule) day(text string) (string, error) {
	if r.layout == "" {
		if _, err := time.Parse(time.DateOnly, text); err != nil {
			return "", fmt.Errorf("%q is no day like 2026-11-23: say how it is written, with layout: dd.MM.yyyy", text)
		}
		return text, nil
	}
	day, err := time.Parse(r.layout, text)
	if err != nil {
		return "", fmt.Errorf("%q is no day written as the layout says", text)
	}
	return day.Format(time.DateOnly), nil
}

// storeTime reads the event's time. A wall time is read in the zone of the
// event's location, which is known by then.
func (s *scope) storeTime(r *rule, text string, from origin) error {
	place := s.placeOf(from)
	zone := s.source.ZoneFor(s.event.Location)
	var at time.Time
	switch r.layout {
	case "":
		read, err := instant.Read(text, zone, place)
		if err != nil {
			return err
		}
		at = read.Time
		s.notes = append(s.notes, read.Notes...)
	case "unix", "unix_ms":
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return fmt.Errorf("%q is no number of seconds or milliseconds since 1970", text)
		}
		if at = time.UnixMilli(n); r.layout == "unix" {
			at = time.Unix(n, 0)
		}
	default:
		wall, err := time.Parse(r.layout, text)
		if err != nil {
			return fmt.Errorf("%q is no time written as the layout says", text)
		}
		if strings.Contains(r.layout, "07") {
			at = wall
			break
		}
		var notes []format.Note
		at, notes = format.WallTime(wall, zone, place)
		s.notes = append(s.notes, notes...)
	}
	s.event.Time, s.event.TimeAsSent = at.UTC(), text
	return nil
}

// convertLine brings the line's quantity into the unit a rule asks for.
func (s *scope) convertLine(to string) {
	l := s.line
	if l.UOM == to || l.UOM == "" {
		return
	}
	q, exact, err := s.packs.Convert(l.Item, l.Quantity, l.UOM, to)
	switch {
	case err != nil:
		s.note(format.UnitUnknown, origin{}, fmt.Sprintf("lines[%d]: %s stays %s %s: %s.", s.index, l.Item, l.Quantity, l.UOM, err))
		return
	case !exact:
		s.note(format.NotStandard, origin{}, fmt.Sprintf("lines[%d]: %s %s is no exact number of %s: kept as sent.", s.index, l.Quantity, l.UOM, to))
		return
	}
	if l.Attributes == nil {
		l.Attributes = map[string]string{}
	}
	l.Attributes["quantity.as_sent"] = l.Quantity.String() + " " + l.UOM
	l.Quantity, l.UOM = q, to
}
