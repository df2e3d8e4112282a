package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/stocktrace/stocktrace/inventory"
)

// The detail column is JSON: what of a lifecycle has no column of its own, to be
// read by this program and by whoever looks at the table. Times are microseconds
// since 1970, absent where there is none; quantities and money are decimal text.
// A lifecycle is written anew with every record that arrives, so the writer is
// made by hand; detail, which reads it, says what the fields are.
type detail struct {
	Canonical string        `json:"canonical"`
	Keys      []namedValue  `json:"keys"`
	Units     []quantity    `json:"units"`
	Values    []amount      `json:"values"`
	Steps     []stepState   `json:"steps"`
	Lines     []lineState   `json:"lines"`
	Related   []relatedKeys `json:"related"`
	RecordIDs []string      `json:"record_ids"`
	Awaits    []await       `json:"awaits"`
}

type namedValue struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type quantity struct {
	UOM      string `json:"uom"`
	Quantity string `json:"quantity"`
}

type amount struct {
	Currency string `json:"currency"`
	Basis    string `json:"basis"`
	Amount   string `json:"amount"`
}

type stepState struct {
	System     string      `json:"system"`
	Step       string      `json:"step"`
	Title      string      `json:"title"`
	Required   bool        `json:"required"`
	Expected   bool        `json:"expected"`
	Outcome    string      `json:"outcome"`
	OccurredAt *int64      `json:"occurred_at"`
	ReceivedAt *int64      `json:"received_at"`
	ExpectedBy *int64      `json:"expected_by"`
	Attempt    int         `json:"attempt"`
	EventIDs   []string    `json:"event_ids"`
	Error      *eventError `json:"error"`
	Owner      string      `json:"owner"`
	Runbook    string      `json:"runbook"`
	Note       string      `json:"note"`
}

type eventError struct {
	Code    string `json:"code"`
	Field   string `json:"field"`
	Value   string `json:"value"`
	Message string `json:"message"`
}

type lineState struct {
	Item       string       `json:"item"`
	ItemAt     []namedValue `json:"item_at"`
	Location   string       `json:"location"`
	Status     string       `json:"status"`
	UOM        string       `json:"uom"`
	Owed       string       `json:"owed"`
	Posted     string       `json:"posted"`
	Comparable bool         `json:"comparable"`
	Postings   int          `json:"postings"`
}

type relatedKeys struct {
	Rel  string       `json:"rel"`
	Keys []namedValue `json:"keys"`
}

type await struct {
	System  string `json:"system"`
	Through *int64 `json:"through"`
}

// micros is t in microseconds since 1970, nil where there is none.
func micros(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	us := t.UnixMicro()
	return &us
}

// fromMicros is the time that micros gives.
func fromMicros(us *int64) time.Time {
	if us == nil {
		return time.Time{}
	}
	return time.UnixMicro(*us).UTC()
}

// decodeDetail reads the detail column into l.
func decodeDetail(data []byte, l *inventory.Lifecycle) error {
	var d detail
	if err := json.Unmarshal(data, &d); err != nil {
		return fmt.Errorf("decode the detail of lifecycle %q: %w", l.ID, err)
	}
	l.Canonical, _ = inventory.ParseScopedKey(d.Canonical)
	l.Keys = toKeys(d.Keys)
	l.RecordIDs = d.RecordIDs
	var errs []error
	exact := func(text string) inventory.Decimal {
		d, err := parseFixed(text)
		errs = append(errs, err)
		return d
	}
	for _, u := range d.Units {
		l.Units = append(l.Units, inventory.Quantity{UOM: u.UOM, Quantity: exact(u.Quantity)})
	}
	for _, v := range d.Values {
		l.Values = append(l.Values, inventory.Amount{Currency: v.Currency, Basis: v.Basis, Amount: exact(v.Amount)})
	}
	for i := range d.Steps {
		s := &d.Steps[i]
		l.Steps = append(l.Steps, inventory.StepState{
			StepRef: inventory.StepRef{System: s.System, Step: s.Step}, Title: s.Title, Required: s.Required,
			Expected: s.Expected, Outcome: inventory.Outcome(s.Outcome), OccurredAt: fromMicros(s.OccurredAt),
			ReceivedAt: fromMicros(s.ReceivedAt), ExpectedBy: fromMicros(s.ExpectedBy), Attempt: s.Attempt,
			EventIDs: s.EventIDs, Error: (*inventory.Error)(s.Error), Owner: s.Owner, Runbook: s.Runbook, Note: s.Note,
		})
	}
	for i := range d.Lines {
		n := &d.Lines[i]
		l.Lines = append(l.Lines, inventory.LineState{
			Item: n.Item, ItemAt: toKeys(n.ItemAt), Location: n.Location, Status: n.Status, UOM: n.UOM,
			Owed: exact(n.Owed), Posted: exact(n.Posted), Comparable: n.Comparable, Postings: n.Postings,
		})
	}
	for _, r := range d.Related {
		l.Related = append(l.Related, inventory.Related{Rel: r.Rel, Keys: toKeys(r.Keys)})
	}
	for _, a := range d.Awaits {
		l.Awaits = append(l.Awaits, inventory.Await{System: a.System, Through: fromMicros(a.Through)})
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("decode the detail of lifecycle %q: %w", l.ID, err)
	}
	return nil
}

func toKeys(values []namedValue) []inventory.Key {
	if values == nil {
		return nil
	}
	keys := make([]inventory.Key, len(values))
	for i, v := range values {
		keys[i] = inventory.Key(v)
	}
	return keys
}

// appendDetail appends the detail column of l.
func appendDetail(b []byte, l *inventory.Lifecycle) []byte {
	w := object{append(b, '{')}
	w.text("canonical", l.Canonical.String())
	w.keys("keys", l.Keys)
	array(&w, "units", l.Units, func(w *object, u *inventory.Quantity) {
		w.text("uom", u.UOM)
		w.text("quantity", u.Quantity.String())
	})
	array(&w, "values", l.Values, func(w *object, v *inventory.Amount) {
		w.text("currency", v.Currency)
		w.text("basis", v.Basis)
		w.text("amount", v.Amount.String())
	})
	array(&w, "steps", l.Steps, func(w *object, s *inventory.StepState) {
		w.text("system", s.System)
		w.text("step", s.Step)
		w.text("title", s.Title)
		w.flag("required", s.Required)
		w.flag("expected", s.Expected)
		w.text("outcome", string(s.Outcome))
		w.time("occurred_at", s.OccurredAt)
		w.time("received_at", s.ReceivedAt)
		w.time("expected_by", s.ExpectedBy)
		w.number("attempt", int64(s.Attempt))
		w.texts("event_ids", s.EventIDs)
		if e := s.Error; e != nil {
			w.name("error")
			w.b = append(w.b, '{')
			w.text("code", e.Code)
			w.text("field", e.Field)
			w.text("value", e.Value)
			w.text("message", e.Message)
			w.b = append(w.b, '}')
		}
		w.text("owner", s.Owner)
		w.text("runbook", s.Runbook)
		w.text("note", s.Note)
	})
	array(&w, "lines", l.Lines, func(w *object, n *inventory.LineState) {
		w.text("item", n.Item)
		w.keys("item_at", n.ItemAt)
		w.text("location", n.Location)
		w.text("status", n.Status)
		w.text("uom", n.UOM)
		w.text("owed", n.Owed.String())
		w.text("posted", n.Posted.String())
		w.flag("comparable", n.Comparable)
		w.number("postings", int64(n.Postings))
	})
	array(&w, "related", l.Related, func(w *object, r *inventory.Related) {
		w.text("rel", r.Rel)
		w.keys("keys", r.Keys)
	})
	w.texts("record_ids", l.RecordIDs)
	array(&w, "awaits", l.Awaits, func(w *object, a *inventory.Await) {
		w.text("system", a.System)
		w.time("through", a.Through)
	})
	return append(w.b, '}')
}

// object is JSON being written. What is empty is left out.
type object struct{ b []byte }

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

func (w *object) number(name string, n int64) {
	if n != 0 {
		w.name(name)
		w.b = strconv.AppendInt(w.b, n, 10)
	}
}

func (w *object) time(name string, t time.Time) {
	if !t.IsZero() {
		w.name(name)
		w.b = strconv.AppendInt(w.b, t.UnixMicro(), 10)
	}
}

func (w *object) flag(name string, set bool) {
	if set {
		w.name(name)
		w.b = append(w.b, "true"...)
	}
}

func (w *object) texts(name string, values []string) {
	if len(values) == 0 {
		return
	}
	w.name(name)
	w.b = append(w.b, '[')
	for i, v := range values {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		w.b = appendQuoted(w.b, v)
	}
	w.b = append(w.b, ']')
}

func (w *object) keys(name string, keys []inventory.Key) {
	array(w, name, keys, func(w *object, k *inventory.Key) {
		w.text("name", k.Name)
		w.text("value", k.Value)
	})
}

func array[T any](w *object, name string, values []T, write func(*object, *T)) {
	if len(values) == 0 {
		return
	}
	w.name(name)
	w.b = append(w.b, '[')
	for i := range values {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		w.b = append(w.b, '{')
		write(w, &values[i])
		w.b = append(w.b, '}')
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
