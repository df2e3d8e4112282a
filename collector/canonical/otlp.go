package canonical

import (
	"encoding/hex"
	"errors"
	"maps"
	"math"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/protobuf/encoding/protowire"

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

// linesName is the name of the attribute that holds an event's lines.
const linesName = prefix + "lines"

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
	request, err := new(ptrace.ProtoMarshaler).MarshalTraces(td)
	if err != nil {
		return Batch{}, err
	}
	return ReadTraces(string(request), receivedAt)
}

// FromLogs reads the log records that speak of inventory, like [FromTraces]. A
// log record occurs at its time, or where it has none when it was observed.
func FromLogs(ld plog.Logs, receivedAt time.Time) (Batch, error) {
	request, err := new(plog.ProtoMarshaler).MarshalLogs(ld)
	if err != nil {
		return Batch{}, err
	}
	return ReadLogs(string(request), receivedAt)
}

// ReadTraces reads an encoded request, like [FromTraces]. What comes of it refers
// to the request: one string instead of dozens of small ones for each span. The
// error says that it is no OTLP.
func ReadTraces(request string, receivedAt time.Time) (Batch, error) {
	dec := otlpDecoder{receivedAt: receivedAt, transport: TransportTraces, rawType: TracesType}
	return dec.request(request, dec.span)
}

// ReadLogs reads an encoded request, like [FromLogs] and [ReadTraces].
func ReadLogs(request string, receivedAt time.Time) (Batch, error) {
	dec := otlpDecoder{receivedAt: receivedAt, transport: TransportLogs, rawType: LogsType}
	return dec.request(request, dec.log)
}

// RejectOTLP returns the quarantine's entry for a request that is not OTLP.
func RejectOTLP(raw []byte, transport, contentType string, err error, receivedAt time.Time) inventory.Quarantined {
	return quarantined(transport, contentType, "", raw, err, receivedAt)
}

// source names the sender: service name and instance, as a URI reference.
func source(resource []attribute) string {
	s := textOf(resource, "service.name")
	if s == "" {
		return ""
	}
	if instance := textOf(resource, "service.instance.id"); instance != "" {
		s += "/" + instance
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

// otlpDecoder reads the records of one request into a batch.
type otlpDecoder struct {
	*reader
	batch              Batch
	receivedAt         time.Time
	transport, rawType string
	source             string
	inherited          []attribute // what resource and scope say for the record
	own                []attribute // what the record at hand says, inherited or itself
	flat               flat
	meanings           []meaning // of the attributes of the record before, by their places
	arena              []byte    // holds raw records
}

// request reads a request record by record, with what surrounds each and its
// index among all.
func (dec *otlpDecoder) request(encoded string, read func(index int, record *single) error) (Batch, error) {
	count, err := countRecords(encoded)
	if err != nil || count == 0 {
		return Batch{}, err
	}
	dec.reader = newReader()
	defer dec.release()
	dec.batch.Records = make([]inventory.Record, 0, count)
	dec.arena = make([]byte, 0, len(encoded)+len(encoded)/8)
	index := 0
	var record single
	request := protoFields{rest: encoded}
	for request.next() {
		if request.tag != fieldResources<<3|asBytes {
			continue
		}
		if record.resource, err = levelOf(request.s); err != nil {
			return Batch{}, err
		}
		said, err := record.resource.attributes(fieldResourceAttributes)
		if err != nil {
			return Batch{}, err
		}
		dec.source = source(said)
		resource := protoFields{rest: request.s}
		for resource.next() {
			if resource.tag != fieldItems<<3|asBytes {
				continue
			}
			if record.scope, err = levelOf(resource.s); err != nil {
				return Batch{}, err
			}
			near, err := record.scope.attributes(fieldScopeAttributes)
			if err != nil {
				return Batch{}, err
			}
			dec.inherited = inherited(near, said)
			scope := protoFields{rest: resource.s}
			for scope.next() {
				if scope.tag != fieldItems<<3|asBytes {
					continue
				}
				record.record = scope.s
				if err := read(index, &record); err != nil {
					return Batch{}, err
				}
				index++
			}
		}
	}
	return dec.batch, nil
}

// next makes room for the record at hand; reject takes it back.
func (dec *otlpDecoder) next(raw []byte) *inventory.Record {
	// A record is large; it is made in its place.
	n := len(dec.batch.Records)
	dec.batch.Records = dec.batch.Records[:n+1]
	record := &dec.batch.Records[n]
	record.ReceivedAt, record.Transport, record.RawType, record.Raw = dec.receivedAt, dec.transport, dec.rawType, raw
	return record
}

// raw writes a record with what surrounds it. A request's records share arenas:
// they live and die together.
func (dec *otlpDecoder) raw(record *single) []byte {
	if size := record.size(); size > cap(dec.arena)-len(dec.arena) {
		dec.arena = make([]byte, 0, max(size, cap(dec.arena)/2))
	}
	from := len(dec.arena)
	dec.arena = record.append(dec.arena)
	return dec.arena[from:len(dec.arena):len(dec.arena)]
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

// ids are the trace context of a record, as encoded.
type ids struct{ trace, span, parent string }

// hex writes ids into an event; the empty id, or one of zeros, is none.
func (i ids) hex(e *inventory.Event) {
	const most = 32
	var b [2 * most]byte
	n := 0
	write := func(id string) (end int) {
		if strings.Trim(id, "\x00") != "" && len(id) <= most-n/2 {
			n += hex.Encode(b[n:], []byte(id))
		}
		return n
	}
	trace, span, parent := write(i.trace), write(i.span), write(i.parent)
	s := string(b[:n])
	e.TraceID, e.SpanID, e.ParentSpanID = s[:trace], s[trace:span], s[span:parent]
}

func (dec *otlpDecoder) span(index int, encoded *single) error {
	var (
		context       ids
		began, end    uint64
		failed        bool
		speaks        bool
		attributesEnd int
		err           error
	)
	dec.own = dec.own[:0]
	f := protoFields{rest: encoded.record}
	for f.next() {
		switch f.tag {
		case 1<<3 | asBytes:
			context.trace = f.s
		case 2<<3 | asBytes:
			context.span = f.s
		case 4<<3 | asBytes:
			context.parent = f.s
		case 7<<3 | asFixed64:
			began = f.n
		case 8<<3 | asFixed64:
			end = f.n
		case 9<<3 | asBytes:
			speaks, err = dec.says(f.s, speaks)
			attributesEnd = len(encoded.record) - len(f.rest)
		case 15<<3 | asBytes:
			failed, err = failedOf(f.s)
		}
		if err != nil {
			return err
		}
	}
	if f.err != nil {
		return f.err
	}
	if !speaks {
		dec.batch.Foreign++
		return nil
	}
	dec.inherit(encoded, 9, attributesEnd)
	record := dec.next(dec.raw(encoded))
	e := &record.Event
	context.hex(e)
	e.Began = instantOf(pcommon.Timestamp(began))
	d := draft{event: e}
	err = dec.attributes(&d)
	if e.Outcome == "" && failed {
		// Said by the span in OTLP's own words; ok would claim the opposite.
		e.Outcome = inventory.Failed
	}
	dec.settle(index, record, &d, pcommon.Timestamp(end), err, spanPlace)
	return nil
}

// failedOf reports whether a span's status is an error.
func failedOf(status string) (bool, error) {
	failed := false
	f := protoFields{rest: status}
	for f.next() {
		if f.tag == 3<<3|asVarint {
			failed = ptrace.StatusCode(f.n) == ptrace.StatusCodeError
		}
	}
	return failed, f.err
}

func (dec *otlpDecoder) log(index int, encoded *single) error {
	var (
		context            ids
		occurred, observed uint64
		name               string
		speaks             bool
		attributesEnd      = len(encoded.record)
		err                error
	)
	dec.own = dec.own[:0]
	f := protoFields{rest: encoded.record}
	for f.next() {
		switch f.tag {
		case 1<<3 | asFixed64:
			occurred = f.n
		case 6<<3 | asBytes:
			speaks, err = dec.says(f.s, speaks)
			attributesEnd = len(encoded.record) - len(f.rest)
		case 9<<3 | asBytes:
			context.trace = f.s
		case 10<<3 | asBytes:
			context.span = f.s
		case 11<<3 | asFixed64:
			observed = f.n
		case 12<<3 | asBytes:
			name = f.s
		}
		if err != nil {
			return err
		}
	}
	if f.err != nil {
		return f.err
	}
	named := strings.HasPrefix(name, prefix)
	if !speaks && !named {
		dec.batch.Foreign++
		return nil
	}
	dec.inherit(encoded, 6, attributesEnd)
	record := dec.next(dec.raw(encoded))
	e := &record.Event
	context.hex(e)
	d := draft{event: e}
	err = dec.attributes(&d)
	if e.Type == "" && named {
		e.Type = name
	}
	d.unnamed = e.ID == "" && (e.TraceID == "" || e.SpanID == "")
	if occurred == 0 {
		occurred = observed
	}
	dec.settle(index, record, &d, pcommon.Timestamp(occurred), err, logPlace)
	return nil
}

// says notes an attribute of the record at hand, and whether it or one before
// speaks of inventory.
func (dec *otlpDecoder) says(encoded string, speaks bool) (bool, error) {
	a, err := attributeOf(encoded)
	dec.own = append(dec.own, a)
	return speaks || a.ours(), err
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

// inherit gives the record at hand what its scope and resource say for it, unless
// it says so itself: behind its own attributes, which are in the given field and
// end there. So its raw bytes stand for themselves.
func (dec *otlpDecoder) inherit(record *single, field protowire.Number, end int) {
	own := len(dec.own)
	for _, a := range dec.inherited {
		if !says(dec.own[:own], a.name) {
			dec.own = append(dec.own, a)
		}
	}
	if len(dec.own) == own {
		return
	}
	longer := []byte(record.record[:end])
	for _, a := range dec.own[own:] {
		longer = append(appendLen(longer, field, len(a.whole)), a.whole...)
	}
	record.record = string(append(longer, record.record[end:]...))
}

// attributes reads the attributes of the record at hand into the draft.
func (dec *otlpDecoder) attributes(d *draft) error {
	for i := range dec.own {
		if i == len(dec.meanings) {
			dec.meanings = append(dec.meanings, meaning{})
		}
		// Senders say the same in the same order for every record.
		if m := &dec.meanings[i]; m.name != dec.own[i].name {
			*m = meaningOf(dec.own[i].name)
		}
		if err := dec.attribute(d, dec.meanings[i], &dec.own[i]); err != nil {
			return err
		}
	}
	return nil
}

// meaning is what the name of an attribute means: a key, a field of the contract,
// or neither.
type meaning struct {
	name, key string
	isKey     bool
	field     *field[draft]
}

func meaningOf(name string) meaning {
	m := meaning{name: name}
	rest, ours := strings.CutPrefix(name, prefix)
	if !ours {
		return m
	}
	if m.key, m.isKey = strings.CutPrefix(rest, keyPrefix); m.isKey {
		return m
	}
	if f, known := attributeFields[rest]; known {
		m.field = &f
	}
	return m
}

func (dec *otlpDecoder) attribute(d *draft, m meaning, a *attribute) error {
	switch {
	case m.isKey:
		return dec.key(d, a, m.key)
	case m.field != nil:
		return dec.field(d, m.field, a)
	}
	// What cannot be written as text is left to the raw bytes.
	if s, err := scalarOf(a.value); err == nil && s.kind != none {
		keep(&d.event.Attributes, a.name, s.text)
	}
	return nil
}

func attributePointer(name string) string { return pointer("/attributes", name) }

// field reads one attribute. Structured fields come as JSON text, or as OTLP's
// own lists and maps.
func (dec *otlpDecoder) field(d *draft, f *field[draft], a *attribute) error {
	s, err := scalarOf(a.value)
	if err != nil {
		return at(attributePointer(a.name), err)
	}
	if f.scalar != nil {
		if err := f.set(d, s); err != nil {
			return at(attributePointer(a.name), err)
		}
		return nil
	}
	if s.absent() {
		return nil
	}
	if s.kind != str && s.kind != structured {
		return at(attributePointer(a.name), errors.New("must be JSON, but is "+show(s.text)))
	}
	if a.name == linesName && s.kind == str && len(d.event.Lines) == 0 {
		if lines, ok := dec.flat.lines(s.text); ok {
			d.event.Lines = lines
			return nil
		}
	}
	return dec.read(s.text, "/attributes", a.name, a.name, &d.event.Attributes, func() error {
		return f.json(dec.reader, d)
	})
}

func (dec *otlpDecoder) key(d *draft, a *attribute, name string) error {
	if !keyName(name) {
		return at(attributePointer(a.name), errKeyName)
	}
	add := func(value string) error {
		s, err := scalarOf(value)
		if err != nil {
			return at(attributePointer(a.name), err)
		}
		text, err := s.asText()
		if err != nil {
			return at(attributePointer(a.name), err)
		}
		addKey(&d.event.Keys, name, text)
		return nil
	}
	elements, isList := elementsOf(a.value)
	if !isList {
		return add(a.value)
	}
	for _, element := range elements {
		if err := add(element); err != nil {
			return err
		}
	}
	return nil
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
