package canonical

import (
	"errors"
	"math"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/protobuf/encoding/protowire"
)

// attribute is one of OTLP's, as it stands on the wire.
type attribute struct {
	name  string
	value string // an AnyValue, encoded
	whole string // the KeyValue, encoded
}

// attributeOf reads a KeyValue.
func attributeOf(encoded string) (a attribute, err error) {
	a.whole = encoded
	f := protoFields{rest: encoded}
	for f.next() {
		switch f.tag {
		case 1<<3 | asBytes:
			a.name = f.s
		case 2<<3 | asBytes:
			a.value = f.s
		}
	}
	return a, f.err
}

// ours reports whether an attribute is the contract's.
func (a *attribute) ours() bool { return strings.HasPrefix(a.name, prefix) }

// textOf returns what the first attribute of that name says, as text.
func textOf(attributes []attribute, name string) string {
	for i := range attributes {
		if attributes[i].name != name {
			continue
		}
		if s, err := scalarOf(attributes[i].value); err == nil && s.kind != number && s.kind != structured {
			return s.text
		}
		v, err := decoded(attributes[i].value)
		if err != nil {
			return ""
		}
		return v.AsString()
	}
	return ""
}

// inherited are the contract's attributes that a scope and its resource say for
// all of theirs, the nearer first and each name once.
func inherited(scope, resource []attribute) (all []attribute) {
	for _, level := range [][]attribute{scope, resource} {
		for _, a := range level {
			if a.ours() && !says(all, a.name) {
				all = append(all, a)
			}
		}
	}
	return all
}

func says(attributes []attribute, name string) bool {
	for i := range attributes {
		if attributes[i].name == name {
			return true
		}
	}
	return false
}

// scalarOf reads an attribute's value; the text of a list or map is its JSON.
func scalarOf(value string) (s scalar, err error) {
	f := protoFields{rest: value}
	for f.next() {
		switch f.tag {
		case 1<<3 | asBytes:
			s = scalar{str, f.s}
		case 2<<3 | asVarint:
			s = scalar{boolean, strconv.FormatBool(f.n != 0)}
		case 3<<3 | asVarint:
			s = scalar{integer, strconv.FormatInt(int64(f.n), 10)}
		case 4<<3 | asFixed64:
			// The shortest decimal that is this double is the one the sender wrote.
			s = scalar{number, strconv.FormatFloat(math.Float64frombits(f.n), 'f', -1, 64)}
		case 5<<3 | asBytes, 6<<3 | asBytes, 7<<3 | asBytes:
			return structuredOf(value)
		}
	}
	return s, f.err
}

// structuredOf reads a list, a map or bytes as pdata writes them. Structure is
// rare enough: senders of the contract write it as JSON text.
func structuredOf(value string) (scalar, error) {
	v, err := decoded(value)
	if err != nil {
		return scalar{}, err
	}
	if err := plain(v, 0); err != nil {
		return scalar{}, err
	}
	return scalar{structured, v.AsString()}, nil
}

// elementsOf returns the elements of a list, encoded; false of any other value.
func elementsOf(value string) (all []string, isList bool) {
	f := protoFields{rest: value}
	for f.next() {
		if f.tag != 5<<3|asBytes {
			continue
		}
		isList = true
		list := protoFields{rest: f.s}
		for list.next() {
			if list.tag == 1<<3|asBytes {
				all = append(all, list.s)
			}
		}
	}
	return all, isList
}

// decoded returns a value as pdata has it, which decodes nothing smaller than a
// request.
func decoded(value string) (pcommon.Value, error) {
	request := []byte(value)
	for _, field := range []protowire.Number{2, fieldResourceAttributes, fieldHead, fieldResources} {
		request = append(appendLen(nil, field, len(request)), request...)
	}
	td, err := new(ptrace.ProtoUnmarshaler).UnmarshalTraces(request)
	if err != nil {
		return pcommon.Value{}, err
	}
	v, _ := td.ResourceSpans().At(0).Resource().Attributes().Get("")
	return v, nil
}

// encoded is the way back from pdata's map to attributes.
func encoded(m pcommon.Map) ([]attribute, error) {
	td := ptrace.NewTraces()
	m.CopyTo(td.ResourceSpans().AppendEmpty().Resource().Attributes())
	request, err := new(ptrace.ProtoMarshaler).MarshalTraces(td)
	if err != nil {
		return nil, err
	}
	f := protoFields{rest: string(request)}
	f.next()
	resource, err := levelOf(f.s)
	if err != nil {
		return nil, err
	}
	return resource.attributes(fieldResourceAttributes)
}

// plain returns an error where a list or map cannot be written as JSON.
func plain(v pcommon.Value, depth int) error {
	if depth > deepest {
		return errDeep
	}
	switch v.Type() {
	case pcommon.ValueTypeDouble:
		if f := v.Double(); math.IsNaN(f) || math.IsInf(f, 0) {
			return errors.New("contains a number that is none (NaN or infinity)")
		}
	case pcommon.ValueTypeSlice:
		for _, element := range v.Slice().All() {
			if err := plain(element, depth+1); err != nil {
				return err
			}
		}
	case pcommon.ValueTypeMap:
		for _, element := range v.Map().All() {
			if err := plain(element, depth+1); err != nil {
				return err
			}
		}
	default: // every other value can
	}
	return nil
}
