package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/stocktrace/stocktrace/inventory"
)

// detail is the JSON of the detail column: what of a lifecycle has no column of
// its own. A lifecycle is written anew with every record that arrives, so what
// is long is said once and what is empty not at all:
//
//   - what a step says the same of many lifecycles stands in the outline column,
//     which has few different values;
//   - times are microseconds after started_at, absent where there is none;
//   - the canonical key is absent where it is the component, as it mostly is;
//   - a step's events are places in records;
//   - a line's location is absent where it is the lifecycle's, what was posted
//     where it is what was owed;
//   - quantities and money are decimal text.
//
// It is written by appendDetail, by hand.
type detail struct {
	Canonical string        `json:"canonical"`
	Keys      [][2]string   `json:"keys"`    // name, value
	Units     [][2]string   `json:"units"`   // unit of measure, quantity
	Values    [][3]string   `json:"values"`  // currency, basis, amount
	Records   []string      `json:"records"` // ids, in order of receipt
	Foreign   int           `json:"foreign"` // how many of them, at the end, only steps name
	Steps     []stepState   `json:"steps"`
	Lines     []lineState   `json:"lines"`
	Related   []relatedKeys `json:"related"`
	Awaits    []await       `json:"awaits"`
}

type stepState struct {
	Occurred *int64     `json:"at"`
	Received *int64     `json:"got"`
	Due      *int64     `json:"due"`
	Events   []int      `json:"events"`
	Error    *[4]string `json:"error"` // code, field, value, message
	Note     string     `json:"note"`
}

// stepOutline is what the outline column says of each step: what its workflow
// owes and how it went, without when. All sales that went the same way share it.
type stepOutline struct {
	System   string `json:"system"`
	Step     string `json:"step"`
	Title    string `json:"title"`
	Required bool   `json:"required"`
	Expected bool   `json:"expected"`
	Outcome  string `json:"outcome"`
	Attempt  int    `json:"attempt"`
	Owner    string `json:"owner"`
	Runbook  string `json:"runbook"`
}

type lineState struct {
	Item       string      `json:"item"`
	ItemAt     [][2]string `json:"item_at"` // scheme, id
	Location   *string     `json:"location"`
	Status     string      `json:"status"`
	UOM        string      `json:"uom"`
	Owed       string      `json:"owed"`
	Posted     *string     `json:"posted"`
	Comparable bool        `json:"comparable"`
	Postings   int         `json:"postings"`
}

type relatedKeys struct {
	Rel  string      `json:"rel"`
	Keys [][2]string `json:"keys"`
}

type await struct {
	System  string `json:"system"`
	Run     string `json:"run"`
	Through *int64 `json:"through"`
}

// origin is what a lifecycle's times count from, in microseconds since 1970.
func origin(l *inventory.Lifecycle) int64 { return stamp(l.StartedAt) }

// decodeDetail reads the outline and the detail column into l, whose other
// columns have been read.
func decodeDetail(outline string, data []byte, l *inventory.Lifecycle) error {
	var d detail
	errs := []error{json.Unmarshal(data, &d)}
	var plan []stepOutline
	if outline != "" {
		errs = append(errs, json.Unmarshal([]byte(outline), &plan))
	}
	if len(plan) != len(d.Steps) {
		errs = append(errs, fmt.Errorf("there are %d steps in the outline and %d in the detail", len(plan), len(d.Steps)))
		plan = make([]stepOutline, len(d.Steps))
	}
	exact := func(s string) inventory.Decimal {
		n, err := parseFixed(s)
		errs = append(errs, err)
		return n
	}
	at := func(us *int64) time.Time {
		if us == nil {
			return time.Time{}
		}
		return time.UnixMicro(origin(l) + *us).UTC()
	}
	l.Canonical = l.Component
	if d.Canonical != "" {
		l.Canonical, _ = inventory.ParseScopedKey(d.Canonical)
	}
	l.Keys = toKeys(d.Keys)
	for _, u := range d.Units {
		l.Units = append(l.Units, inventory.Quantity{UOM: u[0], Quantity: exact(u[1])})
	}
	for _, v := range d.Values {
		l.Values = append(l.Values, inventory.Amount{Currency: v[0], Basis: v[1], Amount: exact(v[2])})
	}
	if own := len(d.Records) - d.Foreign; own > 0 && own <= len(d.Records) {
		l.RecordIDs = d.Records[:own:own]
	}
	for i := range d.Steps {
		s, p := &d.Steps[i], &plan[i]
		state := inventory.StepState{
			StepRef: inventory.StepRef{System: p.System, Step: p.Step}, Title: p.Title, Required: p.Required,
			Expected: p.Expected, Outcome: inventory.Outcome(p.Outcome), OccurredAt: at(s.Occurred), ReceivedAt: at(s.Received),
			ExpectedBy: at(s.Due), Attempt: p.Attempt, Owner: p.Owner, Runbook: p.Runbook, Note: s.Note,
		}
		for _, place := range s.Events {
			if place < 0 || place >= len(d.Records) {
				errs = append(errs, fmt.Errorf("there is no record %d", place))
				continue
			}
			state.EventIDs = append(state.EventIDs, d.Records[place])
		}
		if e := s.Error; e != nil {
			state.Error = &inventory.Error{Code: e[0], Field: e[1], Value: e[2], Message: e[3]}
		}
		l.Steps = append(l.Steps, state)
	}
	for i := range d.Lines {
		n := &d.Lines[i]
		line := inventory.LineState{
			Item: n.Item, ItemAt: toKeys(n.ItemAt), Location: l.Location, Status: n.Status, UOM: n.UOM,
			Owed: exact(n.Owed), Comparable: n.Comparable, Postings: n.Postings,
		}
		line.Posted = line.Owed
		if n.Location != nil {
			line.Location = *n.Location
		}
		if n.Posted != nil {
			line.Posted = exact(*n.Posted)
		}
		l.Lines = append(l.Lines, line)
	}
	for _, r := range d.Related {
		l.Related = append(l.Related, inventory.Related{Rel: r.Rel, Keys: toKeys(r.Keys)})
	}
	for _, a := range d.Awaits {
		l.Awaits = append(l.Awaits, inventory.Await{System: a.System, Run: a.Run, Through: at(a.Through)})
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("read the detail of lifecycle %q: %w", l.ID, err)
	}
	return nil
}

func toKeys(pairs [][2]string) []inventory.Key {
	var keys []inventory.Key
	for _, p := range pairs {
		keys = append(keys, inventory.Key{Name: p[0], Value: p[1]})
	}
	return keys
}

// appendOutline appends the outline column of l: nothing where it has no steps.
func appendOutline(b []byte, l *inventory.Lifecycle) []byte {
	if len(l.Steps) == 0 {
		return b
	}
	b = append(b, '[')
	for i := range l.Steps {
		s := &l.Steps[i]
		if i > 0 {
			b = append(b, ',')
		}
		w := object{b: append(b, '{')}
		w.text("system", s.System)
		w.text("step", s.Step)
		w.text("title", s.Title)
		w.flag("required", s.Required)
		w.flag("expected", s.Expected)
		w.text("outcome", string(s.Outcome))
		w.number("attempt", s.Attempt)
		w.text("owner", s.Owner)
		w.text("runbook", s.Runbook)
		b = append(w.b, '}')
	}
	return append(b, ']')
}

// appendDetail appends the detail column of l.
func appendDetail(b []byte, l *inventory.Lifecycle) []byte {
	records := l.RecordIDs
	w := object{b: append(b, '{'), origin: origin(l)}
	if l.Canonical != l.Component {
		w.text("canonical", l.Canonical.String())
	}
	w.keys("keys", l.Keys)
	list(&w, "units", '[', l.Units, func(u *inventory.Quantity) { w.values(u.UOM, u.Quantity.String()) })
	list(&w, "values", '[', l.Values, func(v *inventory.Amount) { w.values(v.Currency, v.Basis, v.Amount.String()) })
	list(&w, "steps", '{', l.Steps, func(s *inventory.StepState) {
		w.time("at", s.OccurredAt)
		w.time("got", s.ReceivedAt)
		w.time("due", s.ExpectedBy)
		for i, id := range s.EventIDs {
			place := slices.Index(records, id)
			if place < 0 {
				place = len(records)
				records = append(slices.Clip(records), id)
			}
			if i == 0 {
				w.name("events")
				w.b = append(w.b, '[')
			} else {
				w.b = append(w.b, ',')
			}
			w.b = strconv.AppendInt(w.b, int64(place), 10)
			if i == len(s.EventIDs)-1 {
				w.b = append(w.b, ']')
			}
		}
		if e := s.Error; e != nil {
			w.name("error")
			w.b = append(w.b, '[')
			w.values(e.Code, e.Field, e.Value, e.Message)
			w.b = append(w.b, ']')
		}
		w.text("note", s.Note)
	})
	list(&w, "lines", '{', l.Lines, func(n *inventory.LineState) {
		w.text("item", n.Item)
		w.keys("item_at", n.ItemAt)
		if n.Location != l.Location {
			w.name("location")
			w.b = appendQuoted(w.b, n.Location)
		}
		w.text("status", n.Status)
		w.text("uom", n.UOM)
		w.text("owed", n.Owed.String())
		if n.Posted != n.Owed {
			w.text("posted", n.Posted.String())
		}
		w.flag("comparable", n.Comparable)
		w.number("postings", n.Postings)
	})
	list(&w, "related", '{', l.Related, func(r *inventory.Related) {
		w.text("rel", r.Rel)
		w.keys("keys", r.Keys)
	})
	list(&w, "awaits", '{', l.Awaits, func(a *inventory.Await) {
		w.text("system", a.System)
		w.text("run", a.Run)
		w.time("through", a.Through)
	})
	if len(records) > 0 {
		w.name("records")
		w.b = append(w.b, '[')
		w.values(records...)
		w.b = append(w.b, ']')
		w.number("foreign", len(records)-len(l.RecordIDs))
	}
	return append(w.b, '}')
}

// object is JSON being written. What is empty is left out.
type object struct {
	b      []byte
	origin int64
}

func (w *object) name(name string) {
	if w.b[len(w.b)-1] != '{' {
		w.b = append(w.b, ',')
	}
	w.b = append(w.b, '"')
	w.b = append(w.b, name...)
	w.b = append(w.b, '"', ':')
}

func (w *object) text(name, value string) {
	if value != "" {
		w.name(name)
		w.b = appendQuoted(w.b, value)
	}
}

func (w *object) number(name string, n int) {
	if n != 0 {
		w.name(name)
		w.b = strconv.AppendInt(w.b, int64(n), 10)
	}
}

func (w *object) time(name string, t time.Time) {
	if !t.IsZero() {
		w.name(name)
		w.b = strconv.AppendInt(w.b, t.UnixMicro()-w.origin, 10)
	}
}

func (w *object) flag(name string, set bool) {
	if set {
		w.name(name)
		w.b = append(w.b, "true"...)
	}
}

// values writes what stands in an array.
func (w *object) values(values ...string) {
	for i, v := range values {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		w.b = appendQuoted(w.b, v)
	}
}

func (w *object) keys(name string, keys []inventory.Key) {
	list(w, name, '[', keys, func(k *inventory.Key) { w.values(k.Name, k.Value) })
}

// list writes an array of objects ({) or of arrays ([).
func list[T any](w *object, name string, open byte, values []T, write func(*T)) {
	if len(values) == 0 {
		return
	}
	w.name(name)
	w.b = append(w.b, '[')
	for i := range values {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		w.b = append(w.b, open)
		write(&values[i])
		w.b = append(w.b, open+2) // ] follows [ and } follows { by two in ASCII
	}
	w.b = append(w.b, ']')
}

// appendQuoted appends s as a JSON string.
func appendQuoted(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				b = append(append(b, s[start:i]...), `\ufffd`...)
				start = i + 1
			}
			i += size
			continue
		}
		b = append(b, s[start:i]...)
		if c < ' ' {
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		} else {
			b = append(b, '\\', c)
		}
		i++
		start = i
	}
	return append(append(b, s[start:]...), '"')
}
