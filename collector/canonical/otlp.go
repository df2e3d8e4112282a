package canonical

import (
	"errors"
	"maps"
	"math"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/stocktrace/stocktrace/inventory"
)

// Transports of OTLP records, and the types of their raw bytes: a TracesData or
// LogsData message of one span or log record with its resource and scope.
const (
	TransportTraces = "otlp_traces"
	TransportLogs   = "otlp_logs"

	TracesType = "application/x-protobuf;type=traces"
	LogsType   = "application/x-protobuf;type=logs"
)

// prefix begins the name of every attribute of the contract.
const prefix = "inventory."

// keyPrefix begins the rest of the name where the attribute is a key.
const keyPrefix = "key."

// attributeFields are the contract's attributes by what follows the prefix: the
// fields of data, the scalars of its objects, and the event's own identity.
var attributeFields = func() fields[draft] {
	all := maps.Clone(eventFields)
	for name, f := range eventFields {
		for member, scalar := range f.members {
			all[name+"."+member] = field[draft]{scalar: scalar}
		}
	}
	maps.Copy(all, fields[draft]{
		"event_id":       text(func(d *draft) *string { return &d.event.ID }),
		"source":         text(func(d *draft) *string { return &d.event.Source }),
		"type":           text(func(d *draft) *string { return &d.event.Type }),
		"correlation_id": text(func(d *draft) *string { return &d.event.CorrelationID }),
	})
	return all
}()

var (
	spanPlace = &place{
		id: "/attributes/inventory.event_id", source: "/resource/attributes/service.name",
		kind: "/attributes/inventory.type", time: "/endTimeUnixNano", data: "/attributes/inventory.",
		key: "/attributes/inventory.key.", kept: prefix,
	}
	logPlace = func() *place { p := *spanPlace; p.time = "/timeUnixNano"; return &p }()
)

// Speaks reports whether a span or log record with these attributes speaks of
// inventory: whether any of them is the contract's. All others are foreign: an
// endpoint that receives a company's whole telemetry sees mostly those.
func Speaks(attributes pcommon.Map) bool {
	for name := range attributes.All() {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// SpeaksLog reports whether a log record speaks of inventory: by its attributes
// or by its event name.
func SpeaksLog(record plog.LogRecord) bool {
	return strings.HasPrefix(record.EventName(), prefix) || Speaks(record.Attributes())
}

// Inherit gives a record the contract's attributes that its resource or scope
// says for all of theirs, where it does not say them itself.
func Inherit(attributes, from pcommon.Map) {
	for name, v := range from.All() {
		if strings.HasPrefix(name, prefix) {
			if _, said := attributes.Get(name); !said {
				v.CopyTo(attributes.PutEmpty(name))
			}
		}
	}
}

// FromTraces reads the spans that speak of inventory. A span occurs at its end
// and begins at its start. The error says that td cannot be encoded; a span
// that cannot be read is rejected by itself, with its index among all spans.
func FromTraces(td ptrace.Traces, receivedAt time.Time) (Batch, error) {
	var batch Batch
	count := td.SpanCount()
	if count == 0 {
		return batch, nil
	}
	encoded, err := new(ptrace.ProtoMarshaler).MarshalTraces(td)
	if err != nil {
		return batch, err
	}
	raws, err := singles(encoded, count)
	if err != nil {
		return batch, err
	}
	batch.Records = make([]inventory.Record, 0, count)
	dec := otlpDecoder{reader: newReader(), batch: &batch, receivedAt: receivedAt, transport: TransportTraces, rawType: TracesType}
	defer dec.release()
	index := 0
	for _, resource := range td.ResourceSpans().All() {
		dec.source = source(resource.Resource().Attributes())
		for _, scope := range resource.ScopeSpans().All() {
			for _, span := range scope.Spans().All() {
				dec.span(index, span, raws[index])
				index++
			}
		}
	}
	return batch, nil
}

// FromLogs reads the log records that speak of inventory, like [FromTraces]. A
// log record occurs at its time, or where it has none when it was observed.
func FromLogs(ld plog.Logs, receivedAt time.Time) (Batch, error) {
	var batch Batch
	count := ld.LogRecordCount()
	if count == 0 {
		return batch, nil
	}
	encoded, err := new(plog.ProtoMarshaler).MarshalLogs(ld)
	if err != nil {
		return batch, err
	}
	raws, err := singles(encoded, count)
	if err != nil {
		return batch, err
	}
	batch.Records = make([]inventory.Record, 0, count)
	dec := otlpDecoder{reader: newReader(), batch: &batch, receivedAt: receivedAt, transport: TransportLogs, rawType: LogsType}
	defer dec.release()
	index := 0
	for _, resource := range ld.ResourceLogs().All() {
		dec.source = source(resource.Resource().Attributes())
		for _, scope := range resource.ScopeLogs().All() {
			for _, record := range scope.LogRecords().All() {
				dec.log(index, record, raws[index])
				index++
			}
		}
	}
	return batch, nil
}

// RejectOTLP returns the quarantine's entry for a request that is not OTLP.
func RejectOTLP(raw []byte, transport, contentType string, err error, receivedAt time.Time) inventory.Quarantined {
	return quarantined(transport, contentType, "", raw, err, receivedAt)
}

// source names the sender: service name and instance, as a URI reference.
func source(resource pcommon.Map) string {
	name, ok := resource.Get("service.name")
	if !ok || name.AsString() == "" {
		return ""
	}
	s := name.AsString()
	if instance, ok := resource.Get("service.instance.id"); ok && instance.AsString() != "" {
		s += "/" + instance.AsString()
	}
	if !strings.ContainsFunc(s, blank) {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c == '%' || blank(rune(c)) {
			b.WriteByte('%')
			b.WriteString(strings.ToUpper(strconv.FormatUint(uint64(c)|0x100, 16))[1:])
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// blank reports whether r separates words or controls a terminal: what no URI
// reference contains.
func blank(r rune) bool { return r <= ' ' || r == 0x7f }

// otlpDecoder reads the spans or log records of one request into a batch.
type otlpDecoder struct {
	*reader
	batch              *Batch
	receivedAt         time.Time
	transport, rawType string
	source             string
}

// next makes room for the record at hand; drop takes it back.
func (dec *otlpDecoder) next(raw []byte) *inventory.Record {
	// A record is large; it is made in its place.
	n := len(dec.batch.Records)
	dec.batch.Records = dec.batch.Records[:n+1]
	record := &dec.batch.Records[n]
	record.ReceivedAt, record.Transport, record.RawType, record.Raw = dec.receivedAt, dec.transport, dec.rawType, raw
	return record
}

func (dec *otlpDecoder) reject(index int, record *inventory.Record, err error) {
	source := record.Event.Source
	if source == "" {
		source = dec.source
	}
	dec.batch.reject(index, quarantined(dec.transport, dec.rawType, source, record.Raw, err, dec.receivedAt))
	last := len(dec.batch.Records) - 1
	dec.batch.Records[last] = inventory.Record{}
	dec.batch.Records = dec.batch.Records[:last]
}

func (dec *otlpDecoder) span(index int, span ptrace.Span, raw []byte) {
	if !Speaks(span.Attributes()) {
		dec.batch.Foreign++
		return
	}
	record := dec.next(raw)
	e := &record.Event
	e.TraceID, e.SpanID, e.ParentSpanID = hexOf(span.TraceID()), hexOf(span.SpanID()), hexOf(span.ParentSpanID())
	e.Began = instantOf(span.StartTimestamp())
	d := draft{event: e}
	err := dec.attributes(&d, span.Attributes())
	if e.Outcome == "" && span.Status().Code() == ptrace.StatusCodeError {
		// Said by the span in OTLP's own words; ok would claim the opposite.
		e.Outcome = inventory.Failed
	}
	dec.settle(index, record, &d, span.EndTimestamp(), err, spanPlace)
}

func (dec *otlpDecoder) log(index int, log plog.LogRecord, raw []byte) {
	if !SpeaksLog(log) {
		dec.batch.Foreign++
		return
	}
	record := dec.next(raw)
	e := &record.Event
	e.TraceID, e.SpanID = hexOf(log.TraceID()), hexOf(log.SpanID())
	d := draft{event: e}
	err := dec.attributes(&d, log.Attributes())
	if e.Type == "" && strings.HasPrefix(log.EventName(), prefix) {
		e.Type = log.EventName()
	}
	d.unnamed = e.ID == "" && (e.TraceID == "" || e.SpanID == "")
	occurred := log.Timestamp()
	if occurred == 0 {
		occurred = log.ObservedTimestamp()
	}
	dec.settle(index, record, &d, occurred, err, logPlace)
}

// settle completes the record with what OTLP says outside of attributes.
func (dec *otlpDecoder) settle(index int, record *inventory.Record, d *draft, occurred pcommon.Timestamp, err error, where *place) {
	e := d.event
	if err == nil && len(record.Raw) > MaxEvent {
		err = errOversized(len(record.Raw))
	}
	if err == nil && occurred != 0 {
		if e.Time, err = storable(timeOf(occurred)); err != nil {
			err = at(where.time, err)
		}
	}
	if e.Source == "" {
		e.Source = dec.source
	}
	if e.Type == "" {
		e.Type = prefix + e.Workflow + "." + e.Step
	}
	said := e.ID != ""
	if !said && e.TraceID != "" && e.SpanID != "" {
		e.ID = e.TraceID + "-" + e.SpanID
	}
	if err == nil {
		err = d.finish(where)
	}
	if err != nil {
		dec.reject(index, record, err)
		return
	}
	record.Content = e.ContentHash()
	record.ID = e.ID
	if said {
		record.ID = inventory.RecordID(e.Source, e.ID)
	}
}

// attributes reads a record's own attributes into the draft.
func (dec *otlpDecoder) attributes(d *draft, attributes pcommon.Map) error {
	for name, v := range attributes.All() {
		rest, ours := strings.CutPrefix(name, prefix)
		if ours {
			if key, isKey := strings.CutPrefix(rest, keyPrefix); isKey {
				if err := dec.key(d, name, key, v); err != nil {
					return err
				}
				continue
			}
			if f, known := attributeFields[rest]; known {
				if err := dec.field(d, f, name, v); err != nil {
					return err
				}
				continue
			}
		}
		// What cannot be written as text is left to the raw bytes.
		if s, err := valueOf(v); err == nil && s.kind != none {
			keep(&d.event.Attributes, name, s.text)
		}
	}
	return nil
}

func attributePointer(name string) string { return pointer("/attributes", name) }

// field reads one attribute. Structured fields come as JSON text, or as OTLP's
// own lists and maps.
func (dec *otlpDecoder) field(d *draft, f field[draft], name string, v pcommon.Value) error {
	s, err := valueOf(v)
	if err != nil {
		return at(attributePointer(name), err)
	}
	if f.scalar != nil {
		if err := f.set(d, s); err != nil {
			return at(attributePointer(name), err)
		}
		return nil
	}
	if s.absent() {
		return nil
	}
	if s.kind != str && s.kind != structured {
		return at(attributePointer(name), errors.New("must be JSON, but is "+show(s.text)))
	}
	return dec.read(s.text, "/attributes", name, name, &d.event.Attributes, func() error {
		return f.json(dec.reader, d)
	})
}

func (dec *otlpDecoder) key(d *draft, attribute, name string, v pcommon.Value) error {
	if !keyName(name) {
		return at(attributePointer(attribute), errKeyName)
	}
	add := func(v pcommon.Value) error {
		s, err := valueOf(v)
		if err != nil {
			return at(attributePointer(attribute), err)
		}
		text, err := s.asText()
		if err != nil {
			return at(attributePointer(attribute), err)
		}
		addKey(&d.event.Keys, name, text)
		return nil
	}
	if v.Type() != pcommon.ValueTypeSlice {
		return add(v)
	}
	for _, element := range v.Slice().All() {
		if err := add(element); err != nil {
			return err
		}
	}
	return nil
}

// valueOf reads an attribute's value; the text of a list or map is its JSON.
func valueOf(v pcommon.Value) (scalar, error) {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return scalar{str, v.Str()}, nil
	case pcommon.ValueTypeInt:
		return scalar{integer, strconv.FormatInt(v.Int(), 10)}, nil
	case pcommon.ValueTypeDouble:
		// The shortest decimal that is this double is the one the sender wrote.
		return scalar{number, strconv.FormatFloat(v.Double(), 'f', -1, 64)}, nil
	case pcommon.ValueTypeBool:
		return scalar{boolean, strconv.FormatBool(v.Bool())}, nil
	case pcommon.ValueTypeEmpty:
		return scalar{}, nil
	case pcommon.ValueTypeBytes:
		return scalar{structured, v.AsString()}, nil
	default:
		if err := plain(v, 0); err != nil {
			return scalar{}, err
		}
		return scalar{structured, v.AsString()}, nil
	}
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

// hexOf writes a trace or span id; the empty id is no id.
func hexOf(id interface {
	IsEmpty() bool
	String() string
},
) string {
	if id.IsEmpty() {
		return ""
	}
	return id.String()
}

// timeOf is the instant of an OTLP timestamp; one past 2262 becomes a time that
// cannot be stored instead of one long ago.
func timeOf(ts pcommon.Timestamp) time.Time {
	if ts > math.MaxInt64 {
		return latest.Add(time.Second)
	}
	return ts.AsTime()
}

// instantOf is the instant a span began, zero where it does not say.
func instantOf(ts pcommon.Timestamp) time.Time {
	t, err := storable(timeOf(ts))
	if err != nil {
		return time.Time{}
	}
	return t
}
