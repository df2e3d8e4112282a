package flat

import (
	"fmt"
	"strings"

	"github.com/stocktrace/stocktrace/inventory"
)

// apply sets what the record says in d. What cannot be read spoils the event.
func (r *reader) apply(d *draft, described *Record, rec record) {
	where := r.cut.at(rec.number)
	if n := len(rec.body); described.Length > 0 && n != described.Length && strings.TrimRight(rec.text, " ") != "" {
		if n > described.Length && strings.TrimRight(rec.text[min(len(rec.text), described.Length):], " ") != "" {
			d.fail(where, "The record %s has %d bytes and the layout says %d: a column is longer than described, so those behind it have shifted. Correct the sender or the layout.", name(described), n, described.Length)
			return
		}
	}
	for _, a := range described.set {
		set(d, described.Role, a.to, a.target, a.value)
	}
	for i := range described.Columns {
		c := &described.Columns[i]
		said, raw := r.cell(described, i, rec)
		if c.To == "" && len(c.Cases) == 0 && len(c.Values) == 0 && !c.Required {
			if strings.TrimSpace(said) != "" {
				d.ignore(name(described)+"."+c.Name, 1)
			}
			continue
		}
		v, err := r.layout.value(c, c.target.kind, said, raw)
		if err != nil {
			d.fail(where, "%s", err.Error())
			continue
		}
		if c.To == "" && v != "" && ofEvent(c) && r.repeats(d, described.Role, c, v, where) {
			continue
		}
		if err := cases(d, described.Role, c, v); err != nil {
			d.fail(where, "%s", err.Error())
		}
		if v == "" || c.To == "" || r.repeats(d, described.Role, c, v, where) {
			continue
		}
		if c.To == "line.quantity" {
			d.line()
		}
		set(d, described.Role, c.To, c.target, v)
	}
	if r.layout.comma != 0 && r.columns == nil {
		if extra := len(rec.fields) - len(described.Columns) - tagFields(r.layout); extra > 0 && strings.Join(rec.fields[len(rec.fields)-extra:], "") != "" {
			d.ignore(fmt.Sprintf("%s[%d]", name(described), len(rec.fields)-extra+1), extra)
		}
	}
	if n := d.control.number; n >= 0 && n != r.records {
		r.contradict(where, "It says that it is record %d of the file, and it is record %d: records are missing or doubled before it.", n, r.records)
		r.records = n // one gap is said once
	}
	d.control.number = -1
}

func tagFields(l *Layout) int {
	if l.tagged() {
		return 1
	}
	return 0
}

// cell returns what stands in a column.
func (r *reader) cell(described *Record, i int, rec record) (string, []byte) {
	c := &described.Columns[i]
	if r.layout.comma == 0 {
		from := min(c.At-1, len(rec.body))
		raw := rec.body[from:min(from+c.Width, len(rec.body))]
		if c.As == "packed" {
			return "", raw
		}
		text, _ := r.layout.chars.text(raw)
		return text, raw
	}
	at := i + tagFields(r.layout)
	if r.columns != nil {
		var ok bool
		if at, ok = r.columns[strings.ToLower(c.Name)]; !ok {
			return "", nil
		}
	}
	if at >= len(rec.fields) {
		return "", nil
	}
	return rec.fields[at], nil
}

// set sets a field. Fields of lines that are said before any line hold for all
// of them.
func set(d *draft, role Role, to string, t target, v string) {
	ofLine := to == "line" || strings.HasPrefix(to, "line.")
	if ofLine && (role == File || role == Begin || role == Trailer || (len(d.event.Lines) == 0 && role != Item && role != Row)) {
		d.inherit = append(d.inherit, setting{t.set, v})
		return
	}
	t.set(d, v)
}

// cases sets further fields by what a column says.
func cases(d *draft, role Role, c *Column, v string) error {
	if len(c.cases) == 0 {
		return nil
	}
	all, ok := c.cases[v]
	if !ok {
		if all, ok = c.cases["*"]; !ok {
			if v == "" {
				return nil
			}
			return fmt.Errorf("%s is %s, for which the layout has no case: add one, or correct it at its source.", c.Name, show(v)) //nolint:revive,staticcheck // sentences for people
		}
	}
	for _, a := range all {
		set(d, role, a.to, a.target, a.value)
	}
	return nil
}

// ofEvent reports whether the cases of a column say something of the whole event.
func ofEvent(c *Column) bool {
	for _, set := range c.Cases {
		for to := range set {
			if to != "line" && !strings.HasPrefix(to, "line.") {
				return true
			}
		}
	}
	return false
}

// repeats reports whether a row says again what a row before said of the same
// event. Saying something else is an error, unless a field takes several values
// or each line has a time of its own.
func (r *reader) repeats(d *draft, role Role, c *Column, v, where string) bool {
	if role != Row || c.To == "line" || strings.HasPrefix(c.To, "line.") || strings.HasPrefix(c.To, "record.") {
		return false
	}
	before, again := d.said[c.Name]
	if d.said == nil {
		d.said = map[string]string{}
	}
	d.said[c.Name] = v
	// Two receipts in one event would be bound into one lifecycle for ever; orders,
	// batches and files only group.
	key, isKey := strings.CutPrefix(c.To, "keys.")
	switch several := c.To == "covers.member" || strings.HasPrefix(c.To, "ref.") || isKey && !inventory.Identifying(key); {
	case !again:
		return false
	case several:
		return before == v
	case before == v:
		return true
	case c.To == "time" || strings.HasPrefix(c.To, "time."):
		d.said[c.Name] = before
		d.ignore(c.Name, 1)
		return true
	default:
		d.fail(where, "%s is %s here and %s in the row before, of the same event: group the layout by it too, or correct it.", c.Name, show(v), show(before))
		return true
	}
}
