package canonical

import "google.golang.org/protobuf/encoding/protowire"

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

	fieldResourceAttributes = 1
	fieldScopeAttributes    = 3
)

// level is a resource or a scope: what surrounds records. Its fields are whole,
// with their tags.
type level struct {
	head, schema string
	items        int
}

// levelOf reads what a ResourceSpans or ScopeSpans has besides items.
func levelOf(encoded string) (l level, err error) {
	f := protoFields{rest: encoded}
	for before := f.rest; f.next(); before = f.rest {
		whole := before[:len(before)-len(f.rest)]
		switch f.tag {
		case fieldHead<<3 | asBytes:
			l.head = whole
		case fieldItems<<3 | asBytes:
			l.items++
		case fieldSchema<<3 | asBytes:
			l.schema = whole
		}
	}
	return l, f.err
}

// countRecords returns how many records a request holds.
func countRecords(encoded string) (n int, err error) {
	request := protoFields{rest: encoded}
	for request.next() {
		if request.tag != fieldResources<<3|asBytes {
			continue
		}
		resource := protoFields{rest: request.s}
		for resource.next() {
			if resource.tag == fieldItems<<3|asBytes {
				scope, err := levelOf(resource.s)
				if err != nil {
					return 0, err
				}
				n += scope.items
			}
		}
		if resource.err != nil {
			return 0, resource.err
		}
	}
	return n, request.err
}

// attributes reads those of the level's resource or scope, which has them in the
// given field.
func (l *level) attributes(field uint64) (all []attribute, err error) {
	whole := protoFields{rest: l.head}
	whole.next()
	f := protoFields{rest: whole.s}
	for f.next() {
		if f.tag == field<<3|asBytes {
			a, err := attributeOf(f.s)
			if err != nil {
				return nil, err
			}
			all = append(all, a)
		}
	}
	return all, f.err
}

// single is one record with what surrounds it. Copying its bytes is several
// times cheaper than building a message for it, and the result is what OTLP's
// own decoders read.
type single struct {
	resource, scope level
	record          string
}

// inner returns the sizes of its ScopeSpans and ResourceSpans.
func (w *single) inner() (scope, resource int) {
	scope = len(w.scope.head) + 1 + protowire.SizeBytes(len(w.record)) + len(w.scope.schema)
	resource = len(w.resource.head) + 1 + protowire.SizeBytes(scope) + len(w.resource.schema)
	return scope, resource
}

// size is how many bytes append writes.
func (w *single) size() int {
	_, resource := w.inner()
	return 1 + protowire.SizeBytes(resource)
}

// append writes the record as a request of its own.
func (w *single) append(dst []byte) []byte {
	scope, resource := w.inner()
	dst = appendLen(dst, fieldResources, resource)
	dst = append(dst, w.resource.head...)
	dst = appendLen(dst, fieldItems, scope)
	dst = append(dst, w.scope.head...)
	dst = append(appendLen(dst, fieldItems, len(w.record)), w.record...)
	dst = append(dst, w.scope.schema...)
	return append(dst, w.resource.schema...)
}

func appendLen(b []byte, field protowire.Number, size int) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.BytesType), uint64(size))
}
