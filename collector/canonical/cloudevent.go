package canonical

import (
	"bytes"
	"encoding/base64"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/stocktrace/stocktrace/inventory"
)

// Media types of CloudEvents, and the transport their records name.
const (
	CloudEventType      = "application/cloudevents+json"
	CloudEventBatchType = "application/cloudevents-batch+json"

	TransportCloudEvents = "cloudevents"
)

var cloudEventPlace = &place{
	id: "/id", source: "/source", kind: "/type", time: "/time", data: "/data/", key: "/data/keys/",
	kept: "data.",
}

// cloudEventFields are the attributes of a CloudEvent that the contract gives a
// meaning. Every other one is an extension and kept.
var cloudEventFields = fields[draft]{
	"specversion":     text(func(d *draft) *string { return &d.specVersion }),
	"id":              text(func(d *draft) *string { return &d.event.ID }),
	"source":          text(func(d *draft) *string { return &d.event.Source }),
	"type":            text(func(d *draft) *string { return &d.event.Type }),
	"time":            text(func(d *draft) *string { return &d.timeAsSent }),
	"correlationid":   text(func(d *draft) *string { return &d.event.CorrelationID }),
	"traceparent":     text(func(d *draft) *string { return &d.traceParent }),
	"datacontenttype": text(func(d *draft) *string { return &d.contentType }),
	"data":            {json: readData},
	"data_base64":     {json: readBase64},
}

func readData(r *reader, d *draft) error {
	if d.hasData {
		return r.here(contradiction("is given besides data_base64: send one of the two"))
	}
	d.hasData = true
	return readObject(r, d, eventFields)
}

// readBase64 reads data that was sent as bytes: the same JSON document.
func readBase64(r *reader, d *draft) error {
	s, err := r.scalar()
	if err != nil || s.absent() {
		return err
	}
	data, err := base64.StdEncoding.DecodeString(s.text)
	if s.kind != str || err != nil {
		return r.here(errors.New("must be base64"))
	}
	if d.hasData {
		return r.here(contradiction("is given besides data: send one of the two"))
	}
	d.hasData = true
	inner := newReader()
	defer inner.release()
	return inner.read(string(data), "/data", "", "data", &d.event.Attributes, func() error {
		return readObject(inner, d, eventFields)
	})
}

// FromCloudEvent reads one CloudEvent in JSON (structured mode). The record
// keeps raw itself, so the caller must not change it afterwards. The error is
// an *[Error].
func FromCloudEvent(raw []byte, receivedAt time.Time) (inventory.Record, error) {
	r := newReader()
	defer r.release()
	record := inventory.Record{
		ReceivedAt: receivedAt,
		Transport:  TransportCloudEvents,
		Raw:        raw,
		RawType:    CloudEventType,
	}
	err := r.cloudEvent(raw, &record.Event)
	if err == nil {
		record.ID = inventory.RecordID(record.Event.Source, record.Event.ID)
		record.Content = record.Event.ContentHash()
	}
	return record, err
}

func (r *reader) cloudEvent(raw []byte, e *inventory.Event) error {
	if len(raw) > MaxEvent {
		return errOversized(len(raw))
	}
	d := draft{event: e}
	if err := r.read(string(raw), "", "", "", &e.Attributes, func() error {
		if k := r.json.PeekKind(); k != '{' && k != 0 {
			return &Error{Unreadable, "", "is not a CloudEvent: a JSON object was expected"}
		}
		return readObject(r, &d, cloudEventFields)
	}); err != nil {
		return err
	}
	switch d.specVersion {
	case "1.0":
	case "":
		return &Error{Malformed, "/specversion", "is required: write \"1.0\""}
	default:
		return &Error{Malformed, "/specversion", "must be \"1.0\", the version of CloudEvents understood here, but is " + show(d.specVersion)}
	}
	if d.contentType != "" && d.contentType != "application/json" {
		keep(&e.Attributes, "datacontenttype", d.contentType)
	}
	d.readTraceParent()
	return d.finish(cloudEventPlace)
}

// FromCloudEvents reads a batch: a JSON array of CloudEvents. What is valid
// becomes a record, each other element is rejected by itself with its index.
// The error, an *[Error], says that the array itself cannot be read.
func FromCloudEvents(body []byte, receivedAt time.Time) (Batch, error) {
	var batch Batch
	// Only the array is judged here; a repeated name or a bad byte within an
	// element condemns that element, not its neighbours.
	array := jsontext.NewDecoder(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if array.PeekKind() != '[' {
		return batch, &Error{Unreadable, "", "is not a batch: a JSON array of CloudEvents was expected"}
	}
	if _, err := array.ReadToken(); err != nil {
		return batch, syntax("", err)
	}
	var elements [][]byte
	for array.PeekKind() != ']' {
		v, err := array.ReadValue()
		if err != nil {
			return batch, syntax("", err)
		}
		end := array.InputOffset()
		elements = append(elements, body[end-int64(len(v)):end:end])
	}
	if _, err := array.ReadToken(); err != nil {
		return batch, syntax("", err)
	}
	if rest := bytes.TrimSpace(body[array.InputOffset():]); len(rest) > 0 {
		return batch, &Error{Unreadable, "", "has more after the end of the array: send one array"}
	}
	batch.Records = make([]inventory.Record, 0, len(elements))
	for i, raw := range elements {
		record, err := FromCloudEvent(raw, receivedAt)
		if err != nil {
			batch.reject(i, RejectCloudEvent(raw, record.Event.Source, err, receivedAt))
			continue
		}
		batch.Records = append(batch.Records, record)
	}
	return batch, nil
}

// RejectCloudEvent returns the quarantine's entry for one CloudEvent.
func RejectCloudEvent(raw []byte, source string, err error, receivedAt time.Time) inventory.Quarantined {
	return quarantined(TransportCloudEvents, CloudEventType, source, raw, err, receivedAt)
}

// RejectCloudEventBatch returns the entry for a batch that is no array.
func RejectCloudEventBatch(raw []byte, err error, receivedAt time.Time) inventory.Quarantined {
	return quarantined(TransportCloudEvents, CloudEventBatchType, "", raw, err, receivedAt)
}

// RejectBody returns the entry for a body that is not compressed as it claims.
func RejectBody(raw []byte, transport, encoding string, err error, receivedAt time.Time) inventory.Quarantined {
	why := &Error{Unreadable, "", "is not " + encoding + ": " + err.Error()}
	return quarantined(transport, "application/"+encoding, "", raw, why, receivedAt)
}

// IsBinary reports whether a request carries a CloudEvent in binary mode: its
// attributes in ce- headers, its data as body.
func IsBinary(h http.Header) bool {
	for name := range h {
		if strings.HasPrefix(name, "Ce-") {
			return true
		}
	}
	return false
}

// Structured returns the structured form of an event sent in binary mode, with
// every header and the body as sent: the one form that is decoded and kept. A
// body that is not JSON is carried as data_base64, so that the quarantine keeps
// it unchanged too.
func Structured(h http.Header, body []byte) []byte {
	attributes := make(map[string]string, 8)
	for name, values := range h {
		// Header names are case-insensitive, attribute names lower case.
		if attr, ok := strings.CutPrefix(strings.ToLower(name), "ce-"); ok && attr != "" {
			attributes[attr] = headerText(strings.Join(values, ","))
		}
	}
	if t := h.Get("Content-Type"); t != "" {
		attributes["datacontenttype"] = headerText(t)
		if media, params, err := mime.ParseMediaType(t); err == nil && media == "application/json" &&
			(len(params) == 0 || strings.EqualFold(params["charset"], "utf-8")) {
			attributes["datacontenttype"] = media
		}
	}
	delete(attributes, "data")
	delete(attributes, "data_base64")
	names := make([]string, 0, len(attributes))
	for name := range attributes {
		names = append(names, name)
	}
	slices.Sort(names)
	out := make([]byte, 0, len(body)+512)
	out = append(out, '{')
	member := func(name string) {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = appendQuoted(out, name)
		out = append(out, ':')
	}
	for _, name := range names {
		member(name)
		out = appendQuoted(out, attributes[name])
	}
	switch {
	case len(body) == 0:
	case jsontext.Value(body).IsValid(jsontext.AllowDuplicateNames(true)):
		member("data")
		out = append(out, body...)
	default:
		member("data_base64")
		out = append(out, '"')
		out = base64.StdEncoding.AppendEncode(out, body)
		out = append(out, '"')
	}
	return append(out, '}')
}

// headerText undoes the percent-encoding of the HTTP binding where it is valid.
func headerText(s string) string {
	if decoded, err := url.PathUnescape(s); err == nil && utf8.ValidString(decoded) {
		s = decoded
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

func appendQuoted(dst []byte, s string) []byte {
	// The only error is invalid UTF-8, which is excluded.
	dst, _ = jsontext.AppendQuote(dst, s)
	return dst
}
