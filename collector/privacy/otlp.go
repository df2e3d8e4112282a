package privacy

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Traces takes people out of spans, by the names of attributes.
func (r *Rules) Traces(td ptrace.Traces) {
	if r == nil {
		return
	}
	for _, resource := range td.ResourceSpans().All() {
		r.attributesOf(resource.Resource().Attributes())
		for _, scope := range resource.ScopeSpans().All() {
			r.attributesOf(scope.Scope().Attributes())
			for _, span := range scope.Spans().All() {
				r.attributesOf(span.Attributes())
				for _, event := range span.Events().All() {
					r.attributesOf(event.Attributes())
				}
				for _, link := range span.Links().All() {
					r.attributesOf(link.Attributes())
				}
			}
		}
	}
}

// Logs takes people out of log records: by the names of attributes, and out of
// their bodies as [Rules.Fragment] does.
func (r *Rules) Logs(ld plog.Logs) {
	if r == nil {
		return
	}
	for _, resource := range ld.ResourceLogs().All() {
		r.attributesOf(resource.Resource().Attributes())
		for _, scope := range resource.ScopeLogs().All() {
			r.attributesOf(scope.Scope().Attributes())
			for _, record := range scope.LogRecords().All() {
				r.attributesOf(record.Attributes())
				r.body(record.Body())
			}
		}
	}
}

// Metrics takes people out of data points: by the names of attributes.
func (r *Rules) Metrics(md pmetric.Metrics) {
	if r == nil {
		return
	}
	for _, resource := range md.ResourceMetrics().All() {
		r.attributesOf(resource.Resource().Attributes())
		for _, scope := range resource.ScopeMetrics().All() {
			r.attributesOf(scope.Scope().Attributes())
			for _, metric := range scope.Metrics().All() {
				points := pmetric.NewNumberDataPointSlice() // other kinds are no readings and go no further
				switch metric.Type() {
				case pmetric.MetricTypeGauge:
					points = metric.Gauge().DataPoints()
				case pmetric.MetricTypeSum:
					points = metric.Sum().DataPoints()
				default:
				}
				for _, point := range points.All() {
					r.attributesOf(point.Attributes())
					for _, exemplar := range point.Exemplars().All() {
						r.attributesOf(exemplar.FilteredAttributes())
					}
				}
			}
		}
	}
}

func (r *Rules) body(v pcommon.Value) {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		v.SetStr(string(r.Fragment("text/plain", []byte(v.Str()))))
	case pcommon.ValueTypeBytes:
		v.Bytes().FromRaw(r.Unparsed(v.Bytes().AsRaw()))
	default:
		r.attributeValue("", "", v, Keep)
	}
}

func (r *Rules) attributesOf(m pcommon.Map) { r.attributeMap("", m, Keep) }

func (r *Rules) attributeMap(parent string, m pcommon.Map, action Action) {
	field := Keep
	if v, ok := m.Get("field"); ok {
		field = r.action(parent, v.AsString())
	}
	if v, ok := m.Get("inventory.error.field"); ok {
		field = r.action(parent, v.AsString())
	}
	m.RemoveIf(func(name string, v pcommon.Value) bool {
		inner := action
		if a := r.action(parent, name); stronger(a, inner) {
			inner = a
		}
		if member := strings.TrimPrefix(name, "inventory.error."); about[member] && stronger(field, inner) {
			inner = field
		}
		return r.attributeValue(parent, name, v, inner)
	})
}

// attributeValue changes a value and reports whether it goes as a whole.
func (r *Rules) attributeValue(parent, name string, v pcommon.Value, action Action) (drop bool) {
	switch v.Type() {
	case pcommon.ValueTypeMap:
		r.attributeMap(name, v.Map(), action)
	case pcommon.ValueTypeSlice:
		for _, element := range v.Slice().All() {
			if r.attributeValue(parent, name, element, action) {
				element.SetStr("")
			}
		}
	case pcommon.ValueTypeEmpty, pcommon.ValueTypeBool:
	case pcommon.ValueTypeStr:
		if s := v.Str(); action == Keep && (strings.HasPrefix(s, "{") || strings.HasPrefix(s, "[")) {
			if inner, ok := r.nested(name, []byte(s)); ok {
				v.SetStr(string(inner))
			}
			return false
		}
		fallthrough
	default:
		if action == Drop {
			return true
		}
		if action == Hash {
			v.SetStr(r.secret.hash(v.AsString()))
		}
	}
	return false
}

// nested takes people out of JSON that is an attribute's value: inventory.approval
// = {"by": "88"}.
func (r *Rules) nested(name string, text []byte) ([]byte, bool) {
	name = name[strings.LastIndexByte(name, '.')+1:]
	wrapped := append(append([]byte(`{"`+name+`":`), text...), '}')
	out, ok := r.JSON(wrapped)
	if !ok {
		return nil, false
	}
	return out[len(name)+4 : len(out)-1], true
}
