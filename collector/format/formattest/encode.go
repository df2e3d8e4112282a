package formattest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/stocktrace/stocktrace/inventory"
)

// CloudEvent writes e in the contract's JSON, fields in the order in which
// package inventory declares them and empty ones left out. The time is the
// instant in UTC. Unknown fields are written as the member "attributes", which
// the contract does not know.
func CloudEvent(e inventory.Event) []byte {
	return indent(encode(e, true))
}

func encode(e inventory.Event, attributes bool) object {
	top := object{{"specversion", "1.0"}, {"id", e.ID}, {"source", e.Source}, {"type", e.Type}}
	if !e.Time.IsZero() {
		top.add("time", e.Time.UTC().Format(time.RFC3339Nano))
	}
	top.add("correlationid", e.CorrelationID)
	if e.TraceID != "" {
		top.add("traceparent", "00-"+e.TraceID+"-"+e.SpanID+"-01")
	}
	data := object{}
	if e.Watermark != nil {
		data = fields(reflect.ValueOf(*e.Watermark))
	}
	for _, m := range fields(reflect.ValueOf(e)) {
		// A watermark's feed is named by the event too; it is written once.
		if !slices.ContainsFunc(data, func(w member) bool { return w == m }) {
			data = append(data, m)
		}
	}
	if !attributes {
		data = without(data, "attributes")
	}
	return append(top, member{"data", data})
}

// elsewhere are the fields of an Event that are not members of data.
var elsewhere = []string{
	"ID", "Source", "Type", "Time", "TimeAsSent", "Began", "CorrelationID", "TraceID", "SpanID", "ParentSpanID", "Watermark",
}

// fields writes a struct of package inventory by the contract's rule for names:
// ItemIDs is item_ids.
func fields(v reflect.Value) object {
	var o object
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		if v.Type() == reflect.TypeFor[inventory.Event]() && slices.Contains(elsewhere, name) {
			continue
		}
		// A quantity of zero is said; everything else that is empty is not.
		if f := v.Field(i); !f.IsZero() || name == "Quantity" {
			o.add(snake(name), value(f))
		}
	}
	return o
}

func value(v reflect.Value) any {
	switch x := v.Interface().(type) {
	case inventory.Decimal:
		return x.String()
	case time.Time:
		return x.UTC().Format(time.RFC3339Nano)
	case []inventory.Key:
		return keys(x)
	case map[string]string:
		var o object
		for _, name := range slices.Sorted(maps.Keys(x)) {
			o = append(o, member{name, x[name]})
		}
		return o
	}
	switch v.Kind() {
	case reflect.Pointer:
		return value(v.Elem())
	case reflect.Struct:
		return fields(v)
	case reflect.Slice:
		list := make([]any, v.Len())
		for i := range list {
			list[i] = value(v.Index(i))
		}
		return list
	default:
		return v.Interface()
	}
}

// keys writes identifiers by name; several of one name become a list.
func keys(list []inventory.Key) object {
	var o object
	for _, k := range list {
		i := slices.IndexFunc(o, func(m member) bool { return m.name == k.Name })
		switch {
		case i < 0:
			o = append(o, member{k.Name, k.Value})
		default:
			if one, ok := o[i].value.(string); ok {
				o[i].value = []any{one}
			}
			o[i].value = append(o[i].value.([]any), k.Value)
		}
	}
	return o
}

// snake writes a Go name as the contract does: ItemIDs, UOM, AsOf become
// item_ids, uom, as_of.
func snake(name string) string {
	name = strings.ReplaceAll(name, "IDs", "Ids")
	var b strings.Builder
	runes := []rune(name)
	for i, r := range runes {
		if i > 0 && unicode.IsUpper(r) && unicode.IsLower(runes[i-1]) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// object is a JSON object whose members keep their order.
type object []member

type member struct {
	name  string
	value any
}

func (o *object) add(name string, value any) {
	if value != "" {
		*o = append(*o, member{name, value})
	}
}

func without(o object, name string) object {
	return slices.DeleteFunc(slices.Clone(o), func(m member) bool { return m.name == name })
}

// MarshalJSON implements json.Marshaler.
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := plain(m.name)
		if err != nil {
			return nil, err
		}
		v, err := plain(m.value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(v)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// plain marshals without the escapes that are for HTML: goldens are read by
// people.
func plain(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

func indent(v any) []byte {
	text, err := plain(v)
	if err != nil {
		panic(err) // only strings, numbers, lists and objects go in
	}
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", "  "); err != nil {
		panic(err)
	}
	b.WriteByte('\n')
	return b.Bytes()
}
