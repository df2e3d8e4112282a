package canonical

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/inventory"
)

// TransportDocuments is the transport of records read from documents in formats
// of retail's own (package format), whichever way the documents came.
const TransportDocuments = "document"

// Attributes of events that were read from a document. Notes are kept by their
// code, one line each: note.check_digit. The content hash knows none of them.
const (
	AttributeDocument = "document.name"
	AttributePath     = "document.path"
	notePrefix        = "note."
	// mostNotes bounds what one event carries of them; the last line counts the
	// rest.
	mostNotes = 100
)

// documentPlace names the fields of an event that a format or a mapping made.
var documentPlace = &place{id: "id", source: "source", kind: "type", time: "time", key: "keys.", kept: ""}

// FromItem makes a record of an event of a document, by the same rules as of an
// event that was sent alone: what is required is there, and every field can mean
// what it says. The record takes over what the item holds. The error is an
// *[Error].
func FromItem(item format.Item, from format.Source, receivedAt time.Time) (inventory.Record, error) {
	record := inventory.Record{
		Event: item.Event, ReceivedAt: receivedAt,
		Transport: TransportDocuments, Raw: item.Raw, RawType: item.RawType,
	}
	e := &record.Event
	if len(item.Raw) > MaxEvent {
		return record, errOversized(len(item.Raw))
	}
	if err := finishDocument(e); err != nil {
		var why *Error
		if !errors.As(err, &why) {
			why = &Error{Reason: Malformed, Detail: err.Error()}
		}
		// Fields stand in the event, and what is wrong stands in the document.
		detail := strings.TrimSpace(why.Pointer + " " + why.Detail)
		return record, &Error{Reason: why.Reason, Pointer: placeIn(from, item.Path), Detail: detail}
	}
	annotate(e, item, from)
	record.ID = inventory.RecordID(e.Source, e.ID)
	record.Content = e.ContentHash()
	return record, nil
}

func finishDocument(e *inventory.Event) error {
	if err := validText(reflect.ValueOf(e).Elem(), ""); err != nil {
		return err
	}
	d := draft{event: e}
	if m := e.Watermark; m != nil {
		set := func(to *string, from string) {
			if *to == "" {
				*to = from
			}
		}
		set(&e.System, m.System)
		set(&e.SystemInstance, m.SystemInstance)
		set(&e.Location, m.Location)
		if !m.CompleteThrough.IsZero() {
			d.completeThrough = scalar{str, m.CompleteThrough.UTC().Format(time.RFC3339Nano)}
		}
		d.extract, d.records = scalar{str, m.Extract}, scalar{integer, strconv.FormatInt(m.Records, 10)}
	}
	if !e.Time.IsZero() {
		t, err := storable(e.Time)
		if err != nil {
			return at("time", err)
		}
		e.Time = t
	}
	if err := d.finish(documentPlace); err != nil {
		return err
	}
	return checkFields(e)
}

// checkFields demands of the fields of a finished event what their readers
// demand of a CloudEvent's.
func checkFields(e *inventory.Event) error {
	check := func(name, value string, as func(scalar) (string, error)) error {
		if value == "" {
			return nil
		}
		if _, err := as(scalar{str, value}); err != nil {
			return at(name, err)
		}
		return nil
	}
	choice := func(choices ...string) func(scalar) (string, error) {
		return func(s scalar) (string, error) { return s.asChoice(choices) }
	}
	var errs []error
	errs = append(errs,
		check("outcome", string(e.Outcome), choice(outcomes...)),
		check("business_date", e.BusinessDate, scalar.asDate),
		check("posting_date", e.PostingDate, scalar.asDate),
		bounded("attempt", e.Attempt, mostAttempts),
		keyNames("keys", e.Keys),
	)
	for i, r := range e.Refs {
		errs = append(errs, keyNames(fmt.Sprintf("refs[%d].keys", i), r.Keys))
	}
	if c := e.Covers; c != nil {
		errs = append(errs,
			check("covers.business_date", c.BusinessDate, scalar.asDate),
			bounded("covers.member_count", c.MemberCount, most), bounded("covers.part", c.Part, most), bounded("covers.parts", c.Parts, most))
	}
	if t := e.Totals; t != nil {
		errs = append(errs, bounded("totals.transactions", t.Transactions, most))
	}
	for i := range e.Lines {
		l := &e.Lines[i]
		err := errors.Join(
			check("measure", l.Measure, choice("delta", "absolute")),
			check("stock", l.Stock, choice("moves", "none", "value_only")),
			check("counted", l.Counted, scalar.asAmount),
			check("book", l.Book, scalar.asAmount),
			check("unit_value", l.UnitValue, scalar.asAmount),
			check("unit_cost", l.UnitCost, scalar.asAmount),
			keyNames("item_ids", l.ItemIDs),
		)
		if why := (*Error)(nil); errors.As(err, &why) {
			errs = append(errs, &Error{why.Reason, fmt.Sprintf("lines[%d].%s", i, why.Pointer), why.Detail})
		}
	}
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func bounded(name string, n, most int) error {
	if n >= 0 && n <= most {
		return nil
	}
	return &Error{Malformed, name, fmt.Sprintf("must be a whole number from 0 to %d, but is %d", most, n)}
}

func keyNames(name string, keys []inventory.Key) error {
	for _, k := range keys {
		if !keyName(k.Name) {
			return at(name+"."+strings.ToValidUTF8(k.Name, "\uFFFD"), errKeyName)
		}
	}
	return nil
}

var (
	stringMap    = reflect.TypeFor[map[string]string]()
	errNotUTF8   = errors.New("has bytes that are not UTF-8: declare the document's encoding in a mapping")
	timeType     = reflect.TypeFor[time.Time]()
	decimalType  = reflect.TypeFor[inventory.Decimal]()
	withoutTexts = map[reflect.Type]bool{timeType: true, decimalType: true}
)

// validText finds text that could be stored nowhere.
func validText(v reflect.Value, name string) error {
	switch {
	case withoutTexts[v.Type()]:
		return nil
	case v.Type() == stringMap:
		for it := v.MapRange(); it.Next(); {
			if !utf8.ValidString(it.Key().String()) || !utf8.ValidString(it.Value().String()) {
				return at(name, errNotUTF8)
			}
		}
		return nil
	}
	switch v.Kind() {
	case reflect.String:
		if !utf8.ValidString(v.String()) {
			return at(name, errNotUTF8)
		}
	case reflect.Pointer:
		if !v.IsNil() {
			return validText(v.Elem(), name)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if err := validText(v.Field(i), strings.TrimPrefix(name+"."+strings.ToLower(v.Type().Field(i).Name), ".")); err != nil {
				return err
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			if err := validText(v.Index(i), fmt.Sprintf("%s[%d]", name, i)); err != nil {
				return err
			}
		}
	default: // numbers and flags
	}
	return nil
}

// annotate keeps with the event where it stood and what is doubtful about it.
func annotate(e *inventory.Event, item format.Item, from format.Source) {
	if from.Document != "" {
		keep(&e.Attributes, AttributeDocument, valid(from.Document))
	}
	keep(&e.Attributes, AttributePath, valid(item.Path))
	for i, n := range item.Notes {
		name := notePrefix + n.Code
		line := strings.TrimSpace(n.Path + " " + n.Detail)
		if i >= mostNotes {
			line = fmt.Sprintf("and %d more notes", len(item.Notes)-i)
		}
		if before := e.Attributes[name]; before != "" {
			line = before + "\n" + line
		}
		keep(&e.Attributes, name, valid(line))
		if i >= mostNotes {
			return
		}
	}
}

func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// placeIn names a place within a document as the quarantine keeps it:
// sales.xml#/POSLog/Transaction[3].
func placeIn(from format.Source, path string) string {
	if from.Document == "" {
		return valid(path)
	}
	return valid(from.Document + "#" + path)
}

// RejectItem returns the quarantine's entry for an item that is no event: one
// with a problem, or one that [FromItem] refused with err.
func RejectItem(item format.Item, from format.Source, err error, receivedAt time.Time) inventory.Quarantined {
	var placed *Error
	var problem *format.Problem
	if !errors.As(err, &placed) {
		path, detail := item.Path, err.Error()
		if errors.As(err, &problem) {
			detail = problem.Detail
			if problem.Path != "" {
				path = problem.Path
			}
		}
		err = &Error{Malformed, placeIn(from, path), valid(detail)}
	} else if placed.Pointer == "" {
		err = &Error{placed.Reason, placeIn(from, item.Path), placed.Detail}
	}
	return quarantined(TransportDocuments, item.RawType, valid(from.Name), item.Raw, err, receivedAt)
}

// RejectDocument returns the entry for a document of which nothing, or nothing
// more, could be read. raw is its beginning, or what is left of it.
func RejectDocument(raw []byte, rawType string, from format.Source, err error, receivedAt time.Time) inventory.Quarantined {
	path, detail := "", err.Error()
	if p := (*format.Problem)(nil); errors.As(err, &p) {
		path, detail = p.Path, p.Detail
	}
	return quarantined(TransportDocuments, rawType, valid(from.Name), raw,
		&Error{Unreadable, placeIn(from, path), valid(detail)}, receivedAt)
}

// AddItem puts what became of one item of a document into the batch.
func (b *Batch) AddItem(item format.Item, from format.Source, receivedAt time.Time) {
	index := len(b.Records) + len(b.Rejected)
	if item.Problem != nil {
		b.reject(index, RejectItem(item, from, item.Problem, receivedAt))
		return
	}
	record, err := FromItem(item, from, receivedAt)
	if err != nil {
		b.reject(index, RejectItem(item, from, err, receivedAt))
		return
	}
	b.Records = append(b.Records, record)
}
