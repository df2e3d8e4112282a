package inventory

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"time"
)

// Hash is the first 16 bytes of a SHA-256.
type Hash [16]byte

// String returns the hash as 32 hex digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// Identity names a raw row: the same record id with the same content is the
// same record, however often and over whatever transport it arrives.
type Identity struct {
	RecordID string
	Content  Hash
}

// Record is an event as stocktrace received it.
type Record struct {
	// ID is CloudEvents source + id; for OTLP source + inventory.event_id, else
	// trace and span id; for a log without either, its content hash.
	ID      string
	Content Hash
	Event   Event
	// ReceivedAt is when the collector first took it (UTC, microseconds).
	ReceivedAt time.Time
	// Transport is cloudevents, otlp_traces, otlp_logs or document.
	Transport string
	// Raw is the event as received: a CloudEvent's JSON, or one span or log
	// record with its resource and scope as OTLP protobuf. RawType says which:
	// application/cloudevents+json, application/x-protobuf;type=traces|logs.
	Raw     []byte
	RawType string

	// Partition and Position are where it entered the log. They are set when it
	// is read from there and are part of no identity.
	Partition int
	Position  uint64
}

// RecordID joins source and id. The separator cannot occur in a valid URI
// reference, so two different pairs never join to one id.
func RecordID(source, id string) string { return source + " " + id }

// Identity returns the identity of the record's raw row.
func (r *Record) Identity() Identity { return Identity{r.ID, r.Content} }

// EntryKey is the key by which the record enters: its first identifying key, or
// its own id for an orphan. It is a pure function of the record, so a repeated
// record always enters at the same home, and all records of a lifecycle are
// found by the lifecycle's keys.
func (r *Record) EntryKey() ScopedKey {
	if k, ok := r.Event.correlation(); ok {
		return k
	}
	if keys := r.Event.Identifiers(); len(keys) > 0 {
		return keys[0]
	}
	return ScopedKey{KeyRecord, r.ID}
}

// ContentHash hashes what the event says, in the vocabulary of the contract:
// not the identity, the transport, the trace context or unknown attributes, so
// that one event sent over OTLP and as a CloudEvent has one content.
func (e *Event) ContentHash() Hash {
	w := newHasher()
	w.num(e.Time.UnixMicro())
	e.digest(w, true)
	return w.sum()
}

// Digest hashes what the event says about the business, leaving out when it
// says it happened and which attempt it was. Two completed sales of one receipt
// with equal digests are one sale submitted twice.
func (e *Event) Digest() Hash {
	w := newHasher()
	e.digest(w, false)
	return w.sum()
}

func (e *Event) digest(w *hasher, delivery bool) {
	w.str(e.Workflow, e.Step, e.System, e.SystemInstance, string(e.EffectiveOutcome()))
	if delivery {
		w.num(int64(e.EffectiveAttempt()))
	}
	w.str(e.CorrelationID, e.Location, e.LocationScheme, e.Register, e.BusinessDate,
		e.PostingDate, e.StoreDay, e.Operator, e.Device, e.MappingVersion, e.ReasonCode)
	w.bool(e.EnteredOffline)
	w.keys(e.Keys)
	t := e.Transaction
	w.str(t.Kind, t.Mode, t.Status, t.Sequence, t.SequenceMax, t.FiscalSequence)
	w.num(int64(len(e.Mappings)))
	for _, m := range e.Mappings {
		w.str(m.Field, m.From, m.To, m.Rule, m.Version)
	}
	w.bool(e.Error != nil)
	if e.Error != nil {
		w.str(e.Error.Code, e.Error.Field, e.Error.Value, e.Error.Message)
	}
	w.num(int64(len(e.Refs)))
	for _, r := range e.Refs {
		w.str(r.Rel, r.Line)
		w.keys(r.Keys)
	}
	w.bool(e.Covers != nil)
	if c := e.Covers; c != nil {
		w.str(c.Location, c.BusinessDate, c.Slice, c.MemberKey)
		w.num(int64(len(c.Members)))
		w.str(c.Members...)
		w.num(int64(c.MemberCount))
		w.num(int64(len(c.Units)))
		for _, u := range c.Units {
			w.str(u.UOM)
			w.dec(u.Quantity)
		}
		w.num(int64(c.Part))
		w.num(int64(c.Parts))
	}
	w.bool(e.Totals != nil)
	if t := e.Totals; t != nil {
		w.str(t.Register, t.First, t.Last, t.SalesUnits, t.SalesAmount, t.Currency)
		w.num(int64(t.Transactions))
	}
	w.bool(e.Approval != nil)
	if a := e.Approval; a != nil {
		w.str(a.State, a.By, a.At, a.Role, a.Policy)
	}
	w.bool(e.Watermark != nil)
	if m := e.Watermark; m != nil {
		w.str(m.System, m.SystemInstance, m.Location, m.Extract)
		w.num(m.CompleteThrough.UnixMicro())
		w.num(m.Records)
	}
	w.num(int64(len(e.Lines)))
	for i := range e.Lines {
		l := &e.Lines[i]
		w.str(l.Line, l.Item, l.ItemScheme, l.UOM, l.Measure, l.Bucket, l.Status, l.StatusFrom, l.StatusTo,
			l.LocationFrom, l.LocationTo, l.Activity, l.ParentLine, l.ComponentOf, l.Stock, l.Ownership,
			l.AsOf, l.Counted, l.Book, l.UnitValue, l.UnitCost, l.ValueBasis, l.Currency)
		w.keys(l.ItemIDs)
		w.dec(l.Quantity)
		w.bool(l.Void)
	}
	if g := e.Reading; g != nil { // others have hashed without saying that they are none
		w.str("reading", g.System, g.SystemInstance, g.Location, g.Register, string(g.Gauge), g.Queue)
		w.dec(g.Value)
	}
	if a := e.Action; a != nil { // others have hashed without saying that they are none
		w.str(a.ID, a.Batch, a.Filter, string(a.Verb), a.By, a.Via, a.About.Name, a.About.Value, a.With.Name, a.With.Value,
			a.Lifecycle, a.Finding, a.Assignee, a.Ticket, string(a.Resolution), a.Note, a.Undoes)
		w.num(int64(len(a.Records)))
		w.str(a.Records...)
	}
}

// hasher writes fields with their lengths, so that no two different events
// write the same bytes.
type hasher struct {
	buf []byte
}

// The buffer stays on the stack for all but the largest events.
func newHasher() *hasher { return &hasher{buf: make([]byte, 0, 1024)} }

func (w *hasher) str(values ...string) {
	for _, s := range values {
		if len(s) < 0x80 {
			w.buf = append(w.buf, byte(len(s)))
		} else {
			w.buf = binary.AppendUvarint(w.buf, uint64(len(s)))
		}
		w.buf = append(w.buf, s...)
	}
}

func (w *hasher) num(n int64)   { w.buf = binary.AppendVarint(w.buf, n) }
func (w *hasher) dec(d Decimal) { w.num(d.whole); w.num(d.nano) }

func (w *hasher) bool(b bool) {
	if b {
		w.buf = append(w.buf, 1)
	} else {
		w.buf = append(w.buf, 0)
	}
}

func (w *hasher) keys(keys []Key) {
	w.num(int64(len(keys)))
	for _, k := range keys {
		w.str(k.Name, k.Value)
	}
}

func (w *hasher) sum() (h Hash) {
	sum := sha256.Sum256(w.buf)
	copy(h[:], sum[:])
	return h
}
