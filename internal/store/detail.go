package store

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// detail is the JSON of the detail column: what of a lifecycle has no column of
// its own. Times are microseconds since 1970, absent where there is none;
// quantities and money are decimal text.
type detail struct {
	Canonical string        `json:"canonical"`
	Keys      []namedValue  `json:"keys,omitempty"`
	Units     []quantity    `json:"units,omitempty"`
	Values    []amount      `json:"values,omitempty"`
	Steps     []stepState   `json:"steps,omitempty"`
	Lines     []lineState   `json:"lines,omitempty"`
	Related   []relatedKeys `json:"related,omitempty"`
	RecordIDs []string      `json:"record_ids,omitempty"`
	Awaits    []await       `json:"awaits,omitempty"`
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
	Title      string      `json:"title,omitempty"`
	Required   bool        `json:"required,omitempty"`
	Expected   bool        `json:"expected,omitempty"`
	Outcome    string      `json:"outcome,omitempty"`
	OccurredAt *int64      `json:"occurred_at,omitempty"`
	ReceivedAt *int64      `json:"received_at,omitempty"`
	ExpectedBy *int64      `json:"expected_by,omitempty"`
	Attempt    int         `json:"attempt,omitempty"`
	EventIDs   []string    `json:"event_ids,omitempty"`
	Error      *eventError `json:"error,omitempty"`
	Owner      string      `json:"owner,omitempty"`
	Runbook    string      `json:"runbook,omitempty"`
	Note       string      `json:"note,omitempty"`
}

type eventError struct {
	Code    string `json:"code"`
	Field   string `json:"field,omitempty"`
	Value   string `json:"value,omitempty"`
	Message string `json:"message,omitempty"`
}

type lineState struct {
	Item       string       `json:"item"`
	ItemAt     []namedValue `json:"item_at,omitempty"`
	Location   string       `json:"location,omitempty"`
	Status     string       `json:"status,omitempty"`
	UOM        string       `json:"uom,omitempty"`
	Owed       string       `json:"owed"`
	Posted     string       `json:"posted"`
	Comparable bool         `json:"comparable,omitempty"`
	Postings   int          `json:"postings,omitempty"`
}

type relatedKeys struct {
	Rel  string       `json:"rel"`
	Keys []namedValue `json:"keys,omitempty"`
}

type await struct {
	System  string `json:"system"`
	Through *int64 `json:"through,omitempty"`
}

// encodeDetail returns the detail column of l.
func encodeDetail(l *inventory.Lifecycle) ([]byte, error) {
	d := detail{
		Canonical: l.Canonical.String(),
		Keys:      fromKeys(l.Keys),
		RecordIDs: l.RecordIDs,
	}
	for _, u := range l.Units {
		d.Units = append(d.Units, quantity{u.UOM, u.Quantity.String()})
	}
	for _, v := range l.Values {
		d.Values = append(d.Values, amount{v.Currency, v.Basis, v.Amount.String()})
	}
	for i := range l.Steps {
		s := &l.Steps[i]
		state := stepState{
			System: s.System, Step: s.Step, Title: s.Title, Required: s.Required, Expected: s.Expected,
			Outcome: string(s.Outcome), OccurredAt: micros(s.OccurredAt), ReceivedAt: micros(s.ReceivedAt),
			ExpectedBy: micros(s.ExpectedBy), Attempt: s.Attempt, EventIDs: s.EventIDs,
			Owner: s.Owner, Runbook: s.Runbook, Note: s.Note,
		}
		if s.Error != nil {
			state.Error = (*eventError)(s.Error)
		}
		d.Steps = append(d.Steps, state)
	}
	for i := range l.Lines {
		n := &l.Lines[i]
		d.Lines = append(d.Lines, lineState{
			Item: n.Item, ItemAt: fromKeys(n.ItemAt), Location: n.Location, Status: n.Status, UOM: n.UOM,
			Owed: n.Owed.String(), Posted: n.Posted.String(), Comparable: n.Comparable, Postings: n.Postings,
		})
	}
	for _, r := range l.Related {
		d.Related = append(d.Related, relatedKeys{r.Rel, fromKeys(r.Keys)})
	}
	for _, a := range l.Awaits {
		d.Awaits = append(d.Awaits, await{a.System, micros(a.Through)})
	}
	data, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("encode the detail of lifecycle %q: %w", l.ID, err)
	}
	return data, nil
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
	for _, u := range d.Units {
		q, err := parseFixed(u.Quantity)
		if err != nil {
			return fmt.Errorf("decode the detail of lifecycle %q: %w", l.ID, err)
		}
		l.Units = append(l.Units, inventory.Quantity{UOM: u.UOM, Quantity: q})
	}
	for _, v := range d.Values {
		a, err := parseFixed(v.Amount)
		if err != nil {
			return fmt.Errorf("decode the detail of lifecycle %q: %w", l.ID, err)
		}
		l.Values = append(l.Values, inventory.Amount{Currency: v.Currency, Basis: v.Basis, Amount: a})
	}
	for i := range d.Steps {
		s := &d.Steps[i]
		state := inventory.StepState{
			StepRef: inventory.StepRef{System: s.System, Step: s.Step}, Title: s.Title, Required: s.Required,
			Expected: s.Expected, Outcome: inventory.Outcome(s.Outcome), OccurredAt: fromMicros(s.OccurredAt),
			ReceivedAt: fromMicros(s.ReceivedAt), ExpectedBy: fromMicros(s.ExpectedBy), Attempt: s.Attempt,
			EventIDs: s.EventIDs, Error: (*inventory.Error)(s.Error), Owner: s.Owner, Runbook: s.Runbook, Note: s.Note,
		}
		l.Steps = append(l.Steps, state)
	}
	for i := range d.Lines {
		n := &d.Lines[i]
		owed, errOwed := parseFixed(n.Owed)
		posted, errPosted := parseFixed(n.Posted)
		for _, err := range []error{errOwed, errPosted} {
			if err != nil {
				return fmt.Errorf("decode the detail of lifecycle %q: %w", l.ID, err)
			}
		}
		l.Lines = append(l.Lines, inventory.LineState{
			Item: n.Item, ItemAt: toKeys(n.ItemAt), Location: n.Location, Status: n.Status, UOM: n.UOM,
			Owed: owed, Posted: posted, Comparable: n.Comparable, Postings: n.Postings,
		})
	}
	for _, r := range d.Related {
		l.Related = append(l.Related, inventory.Related{Rel: r.Rel, Keys: toKeys(r.Keys)})
	}
	for _, a := range d.Awaits {
		l.Awaits = append(l.Awaits, inventory.Await{System: a.System, Through: fromMicros(a.Through)})
	}
	return nil
}

func micros(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	us := t.UnixMicro()
	return &us
}

func fromMicros(us *int64) time.Time {
	if us == nil {
		return time.Time{}
	}
	return time.UnixMicro(*us).UTC()
}

func fromKeys(keys []inventory.Key) []namedValue {
	if keys == nil {
		return nil
	}
	out := make([]namedValue, len(keys))
	for i, k := range keys {
		out[i] = namedValue(k)
	}
	return out
}

func toKeys(values []namedValue) []inventory.Key {
	if values == nil {
		return nil
	}
	out := make([]inventory.Key, len(values))
	for i, v := range values {
		out[i] = inventory.Key(v)
	}
	return out
}
