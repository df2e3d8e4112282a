package canonical

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// The fields of OTLP that make an envelope. Spans and log records have the same:
//
//	TracesData    { 1: ResourceSpans* }
//	ResourceSpans { 1: Resource, 2: ScopeSpans*, 3: schema_url }
//	ScopeSpans    { 1: InstrumentationScope, 2: Span*, 3: schema_url }
const (
	fieldResources = 1
	fieldHead      = 1 // Resource or InstrumentationScope
	fieldItems     = 2 // ScopeSpans or Span
	fieldSchema    = 3
)

// level is one level of the envelope, encoded, every field with its tag.
type level struct {
	head, schema []byte
	items        [][]byte
}

// single is one record with what surrounds it, encoded.
type single struct{ resource, scope *level }

// singles cuts an encoded request into one message per record, each with its
// resource and scope, in order. Encoding the request once and copying bytes is
// several times cheaper than building a message per record, and the result is
// what OTLP's own decoders read.
func singles(encoded []byte, count int) ([][]byte, error) {
	wholes := make([]single, 0, count)
	records := make([][]byte, 0, count)
	size := 0
	err := eachField(encoded, func(num protowire.Number, _, value []byte) error {
		if num != fieldResources {
			return nil
		}
		resource, err := readLevel(value)
		if err != nil {
			return err
		}
		for _, item := range resource.items {
			_, body, err := message(item)
			if err != nil {
				return err
			}
			scope, err := readLevel(body)
			if err != nil {
				return err
			}
			for _, record := range scope.items {
				w := single{resource, scope}
				wholes, records = append(wholes, w), append(records, record)
				size += w.size(len(record))
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(records) != count {
		return nil, fmt.Errorf("encoded %d records, found %d", count, len(records))
	}
	// One allocation holds them all: they live and die together in one request.
	arena := make([]byte, 0, size)
	for i, w := range wholes {
		from := len(arena)
		arena = w.append(arena, records[i])
		records[i] = arena[from:len(arena):len(arena)]
	}
	return records, nil
}

func (w single) inner(record int) (scope, resource int) {
	scope = len(w.scope.head) + record + len(w.scope.schema)
	resource = len(w.resource.head) + 1 + protowire.SizeBytes(scope) + len(w.resource.schema)
	return scope, resource
}

func (w single) size(record int) int {
	_, resource := w.inner(record)
	return 1 + protowire.SizeBytes(resource)
}

func (w single) append(dst, record []byte) []byte {
	scope, resource := w.inner(len(record))
	dst = protowire.AppendTag(dst, fieldResources, protowire.BytesType)
	dst = protowire.AppendVarint(dst, uint64(resource))
	dst = append(dst, w.resource.head...)
	dst = protowire.AppendTag(dst, fieldItems, protowire.BytesType)
	dst = protowire.AppendVarint(dst, uint64(scope))
	dst = append(dst, w.scope.head...)
	dst = append(dst, record...)
	dst = append(dst, w.scope.schema...)
	return append(dst, w.resource.schema...)
}

func readLevel(encoded []byte) (*level, error) {
	l := &level{}
	err := eachField(encoded, func(num protowire.Number, whole, _ []byte) error {
		switch num {
		case fieldHead:
			l.head = whole
		case fieldItems:
			l.items = append(l.items, whole)
		case fieldSchema:
			l.schema = whole
		default: // not of the envelope
		}
		return nil
	})
	return l, err
}

var errEncoding = errors.New("OTLP encoding is not protobuf")

// eachField calls yield with every length-delimited field: with its tag, and
// its value alone.
func eachField(encoded []byte, yield func(num protowire.Number, whole, value []byte) error) error {
	for len(encoded) > 0 {
		num, kind, n := protowire.ConsumeTag(encoded)
		if n < 0 {
			return errEncoding
		}
		m := protowire.ConsumeFieldValue(num, kind, encoded[n:])
		if m < 0 {
			return errEncoding
		}
		if kind == protowire.BytesType {
			value, _ := protowire.ConsumeBytes(encoded[n : n+m])
			if err := yield(num, encoded[:n+m:n+m], value); err != nil {
				return err
			}
		}
		encoded = encoded[n+m:]
	}
	return nil
}

// message returns the value of an encoded field.
func message(whole []byte) (protowire.Number, []byte, error) {
	num, _, n := protowire.ConsumeTag(whole)
	if n < 0 {
		return 0, nil, errEncoding
	}
	value, m := protowire.ConsumeBytes(whole[n:])
	if m < 0 {
		return 0, nil, errEncoding
	}
	return num, value, nil
}
