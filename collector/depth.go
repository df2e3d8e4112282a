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

// The messages of OTLP through which values can nest. Spans and log records have
// them in different fields, so records are walked as either; the fields of
// metrics mean other things, so they are walked apart.
type message int

const (
	leaf message = iota
	request
	resourceItems
	resource
	scopeItems
	scope
	record // Span or LogRecord
	child  // a span's event
	link   // a span's link
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

// within says which fields of a message lead to which.
var within = [...][14]message{
	request:       {1: resourceItems},
	resourceItems: {1: resource, 2: scopeItems},
	resource:      {1: keyValue},
	scopeItems:    {1: scope, 2: record},
	scope:         {3: keyValue},
	record:        {5: value, 6: keyValue, 9: keyValue, 11: child, 13: link},
	child:         {3: keyValue},
	link:          {4: keyValue},
	keyValue:      {2: value},
	value:         {5: values, 6: pairs},
	values:        {1: value},
	pairs:         {1: keyValue},

	metricsRequest: {1: metricItems},
	metricItems:    {1: resource, 2: scopeMetrics},
	scopeMetrics:   {1: scope, 2: oneMetric},
	oneMetric:      {5: points, 7: points, 9: points, 10: points, 11: points, 12: keyValue},
	points:         {1: point},
	// A number's and a summary's attributes are field 7, a histogram's 9, an
	// exponential one's 1; exemplars 5, 8 and 11.
	point:    {1: keyValue, 5: exemplar, 7: keyValue, 8: exemplar, 9: keyValue, 11: exemplar},
	exemplar: {7: keyValue},
}

// checkProtoDepth returns errDepth for an encoded request that nests too deeply.
// What is not protobuf is left to the decoder to judge.
func checkProtoDepth(encoded []byte, transport string) error {
	if transport == canonical.TransportMetrics {
		return walk(metricsRequest, encoded, 0)
	}
	return walk(request, encoded, 0)
}

func walk(m message, encoded []byte, depth int) error {
	if depth > deepest {
		return errDepth
	}
	for len(encoded) > 0 {
		num, kind, n := protowire.ConsumeTag(encoded)
		if n < 0 {
			return nil
		}
		encoded = encoded[n:]
		if kind != protowire.BytesType {
			if n = protowire.ConsumeFieldValue(num, kind, encoded); n < 0 {
				return nil
			}
			encoded = encoded[n:]
			continue
		}
		body, n := protowire.ConsumeBytes(encoded)
		if n < 0 {
			return nil
		}
		encoded = encoded[n:]
		if int(num) >= len(within[m]) || within[m][num] == leaf {
			continue
		}
		inner := within[m][num]
		deeper := depth
		if inner == values || inner == pairs {
			deeper++
		}
		if err := walk(inner, body, deeper); err != nil {
			return err
		}
	}
	return nil
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
