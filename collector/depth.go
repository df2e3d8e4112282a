package collector

import (
	"errors"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/stocktrace/stocktrace/collector/canonical"
)

// deepest is how deeply the values of a request may nest.
const deepest = 64

// errDepth answers requests made to exhaust the stack: pdata decodes nested
// values recursively and without bound, so 16 MiB of nothing but brackets would
// end the process.
var errDepth = errors.New("has attribute values that nest more than 64 levels deep")

// message is one of OTLP's, as far as its form is known here.
type message int

const (
	none message = iota
	traces
	resourceSpans
	scopeSpans
	span
	event
	link
	spanStatus

	logs
	resourceLogs
	scopeLogs
	logRecord

	// Of all signals.
	resource
	entity
	scope
	keyValue
	value
	values
	pairs

	// Of metrics.
	metricsRequest
	metricItems
	scopeMetrics
	oneMetric
	points
	point
	exemplar
)

// form is what is known of a field; the zero form is that of one not known.
type form struct {
	known  bool
	wire   protowire.Type
	inner  message // what it holds, where that is looked into
	many   bool    // it may stand more than once
	length uint8   // of an id, which may be empty too; 0 of anything else
}

var (
	text     = form{known: true, wire: protowire.BytesType}
	texts    = form{known: true, wire: protowire.BytesType, many: true}
	number   = form{known: true, wire: protowire.VarintType}
	fixed64  = form{known: true, wire: protowire.Fixed64Type}
	fixed32  = form{known: true, wire: protowire.Fixed32Type}
	traceID  = form{known: true, wire: protowire.BytesType, length: 16}
	spanID   = form{known: true, wire: protowire.BytesType, length: 8}
	reserved = form{known: true, wire: -1} // of profiles: pdata reads it, we do not
)

func one(m message) form  { return form{known: true, wire: protowire.BytesType, inner: m} }
func many(m message) form { return form{known: true, wire: protowire.BytesType, inner: m, many: true} }

// forms are those of OTLP's messages by field number. Of metrics only what leads
// to values is here.
var forms = [...][17]form{
	traces:        {1: many(resourceSpans)},
	resourceSpans: {1: one(resource), 2: many(scopeSpans), 3: text},
	scopeSpans:    {1: one(scope), 2: many(span), 3: text},
	span: {
		1: traceID, 2: spanID, 3: text, 4: spanID, 5: text, 6: number, 7: fixed64, 8: fixed64, 9: many(keyValue), 10: number,
		11: many(event), 12: number, 13: many(link), 14: number, 15: one(spanStatus), 16: fixed32,
	},
	event:      {1: fixed64, 2: text, 3: many(keyValue), 4: number},
	link:       {1: traceID, 2: spanID, 3: text, 4: many(keyValue), 5: number, 6: fixed32},
	spanStatus: {2: text, 3: number},

	logs:         {1: many(resourceLogs)},
	resourceLogs: {1: one(resource), 2: many(scopeLogs), 3: text},
	scopeLogs:    {1: one(scope), 2: many(logRecord), 3: text},
	logRecord: {
		1: fixed64, 2: number, 3: text, 5: one(value), 6: many(keyValue), 7: number, 8: fixed32, 9: traceID, 10: spanID, 11: fixed64,
		12: text,
	},

	resource: {1: many(keyValue), 2: number, 3: many(entity)},
	entity:   {1: text, 2: text, 3: texts, 4: texts},
	scope:    {1: text, 2: text, 3: many(keyValue), 4: number},
	keyValue: {1: text, 2: one(value), 3: reserved},
	value:    {1: text, 2: number, 3: number, 4: fixed64, 5: one(values), 6: one(pairs), 7: text, 8: reserved},
	values:   {1: many(value)},
	pairs:    {1: many(keyValue)},

	metricsRequest: {1: many(metricItems)},
	metricItems:    {1: one(resource), 2: many(scopeMetrics)},
	scopeMetrics:   {1: one(scope), 2: many(oneMetric)},
	oneMetric:      {5: one(points), 7: one(points), 9: one(points), 10: one(points), 11: one(points), 12: many(keyValue)},
	points:         {1: many(point)},
	// A number's and a summary's attributes are field 7, a histogram's 9, an
	// exponential one's 1; exemplars 5, 8 and 11.
	point:    {1: many(keyValue), 5: many(exemplar), 7: many(keyValue), 8: many(exemplar), 9: many(keyValue), 11: many(exemplar)},
	exemplar: {7: many(keyValue)},
}

// checkProto looks over an encoded request before anything decodes it. It returns
// errDepth for one that nests too deeply. A request is plain where it is OTLP beyond
// doubt: every field as declared, none twice that stands once. What is not is left
// to pdata to judge; so that it cannot be led past the check, bytes are taken
// apart exactly as pdata does.
func checkProto(encoded []byte, transport string) (plain bool, err error) {
	whole := traces
	switch transport {
	case canonical.TransportLogs:
		whole = logs
	case canonical.TransportMetrics:
		whole = metricsRequest
	}
	c := check{plain: whole != metricsRequest}
	err = c.message(whole, encoded, 0)
	return c.plain, err
}

type check struct{ plain bool }

func (c *check) message(m message, encoded []byte, depth int) error {
	if depth > deepest {
		return errDepth
	}
	var seen uint32 // fields, by number
	declared := &forms[m]
	for pos := 0; pos < len(encoded); {
		tag, next := c.varint(encoded, pos)
		num := int32(tag >> 3) // as pdata cuts it
		if next < 0 || num <= 0 {
			return c.malformed()
		}
		if tag>>3 > uint64(protowire.MaxValidNumber) {
			c.plain = false
		}
		wire := protowire.Type(tag & 7)
		var body []byte
		if body, pos = c.field(encoded, next, wire); pos < 0 {
			return c.malformed()
		}
		if int(num) >= len(declared) || !declared[num].known {
			continue
		}
		f := &declared[num]
		once := uint32(1) << num
		if m == value {
			once = 1 // a value is one of its fields
		}
		if wire != f.wire || !f.many && seen&once != 0 || f.length != 0 && len(body) != 0 && len(body) != int(f.length) {
			c.plain = false
		}
		seen |= once
		if f.inner == none || wire != protowire.BytesType {
			continue
		}
		inner := depth
		if f.inner == values || f.inner == pairs {
			inner++
		}
		if err := c.message(f.inner, body, inner); err != nil {
			return err
		}
	}
	return nil
}

// malformed ends the look at a message: pdata reads no further, either.
func (c *check) malformed() error {
	c.plain = false
	return nil
}

// field passes a field's value and returns where the next field begins, -1 where
// pdata would give up. The body is of length-delimited fields only.
func (c *check) field(encoded []byte, pos int, wire protowire.Type) (body []byte, next int) {
	switch wire {
	case protowire.VarintType:
		_, next = c.varint(encoded, pos)
		return nil, next
	case protowire.BytesType:
		n, from := c.varint(encoded, pos)
		if from < 0 || n > uint64(len(encoded)-from) {
			return nil, -1
		}
		next = from + int(n)
		return encoded[from:next], next
	case protowire.Fixed64Type:
		next = pos + 8
	case protowire.Fixed32Type:
		next = pos + 4
	case protowire.StartGroupType:
		return nil, c.group(encoded, pos)
	default:
		return nil, -1
	}
	if next > len(encoded) {
		next = -1
	}
	return nil, next
}

// group passes what pdata takes for a group: up to its end, or the first field in
// it that is none.
func (c *check) group(encoded []byte, pos int) (next int) {
	c.plain = false
	for depth := 1; depth > 0; {
		tag, from := c.varint(encoded, pos)
		if from < 0 || int32(tag>>3) <= 0 {
			return -1
		}
		switch wire := protowire.Type(tag & 7); wire {
		case protowire.StartGroupType:
			depth++
			pos = from
		case protowire.EndGroupType:
			depth--
			pos = from
		default:
			_, next = c.field(encoded, from, wire)
			return next
		}
	}
	return pos
}

// varint reads a number, and returns where it ends, -1 where it does not. Bits
// past the 64th are lost, as pdata loses them.
func (c *check) varint(encoded []byte, pos int) (n uint64, next int) {
	if pos < len(encoded) && encoded[pos] < 0x80 {
		return uint64(encoded[pos]), pos + 1
	}
	for shift := 0; shift < 64 && pos < len(encoded); shift += 7 {
		b := encoded[pos]
		pos++
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			if shift == 63 && b > 1 {
				c.plain = false
			}
			return n, pos
		}
	}
	return 0, -1
}

// checkJSONDepth does the same for the JSON encoding, in which every level of a
// value is three brackets and a request around them has ten.
func checkJSONDepth(body []byte) error {
	depth, quoted := 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > 10+3*deepest {
				return errDepth
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return nil
}
