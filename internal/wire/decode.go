package wire

import (
	"fmt"
	"math"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/lifecycle"
)

// Field numbers of Parcel.
const (
	parcelRecords  protowire.Number = 1
	parcelMoves    protowire.Number = 2
	parcelBindings protowire.Number = 3
)

// A decoded event shares one string: its own encoded bytes, of which its texts
// are pieces. That is one allocation where there would be forty, and nearly
// nothing kept that is not used. What outlives events by design, the keys, is
// cloned.

// fields walks the fields of one message. Only next moves it; tag, n and s are
// the field it stands on.
type fields struct {
	rest string
	tag  uint64 // number<<3 | wire type, as on the wire
	n    uint64 // value of a varint field
	s    string // value of a length-delimited field
	err  error
}

// Tags as fields.tag holds them: a field of another wire type than declared is
// an unknown field, as protobuf has it.
const (
	asVarint = uint64(protowire.VarintType)
	asBytes  = uint64(protowire.BytesType)
)

func (f *fields) next() bool {
	if f.rest == "" || f.err != nil {
		return false
	}
	var ok bool
	if f.tag, ok = f.varint(); !ok || f.tag>>3 == 0 || f.tag>>3 > uint64(protowire.MaxValidNumber) {
		return f.fail("a field's tag")
	}
	switch f.tag & 7 {
	case asVarint:
		if f.n, ok = f.varint(); !ok {
			return f.fail("a number")
		}
	case asBytes:
		n, ok := f.varint()
		if !ok || n > uint64(len(f.rest)) {
			return f.fail("a length")
		}
		f.s, f.rest = f.rest[:n], f.rest[n:]
	case uint64(protowire.Fixed64Type):
		return f.skip(8)
	case uint64(protowire.Fixed32Type):
		return f.skip(4)
	default:
		return f.fail("a wire type")
	}
	return true
}

func (f *fields) varint() (n uint64, ok bool) {
	for i := 0; i < len(f.rest) && i < 10; i++ {
		c := f.rest[i]
		n |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			f.rest = f.rest[i+1:]
			return n, i < 9 || c <= 1
		}
	}
	return 0, false
}

// skip passes over a fixed-size value; no field of ours has one.
func (f *fields) skip(n int) bool {
	if len(f.rest) < n {
		return f.fail("a fixed-size number")
	}
	f.rest = f.rest[n:]
	return true
}

func (f *fields) fail(what string) bool {
	f.err = fmt.Errorf("%w: %s cannot be read %d bytes before its end", ErrMalformed, what, len(f.rest))
	return false
}

// ahead counts the fields of the current tag that follow each other from the
// current one on, so that a list is allocated once. It is a hint: bounded, and
// silent about what is malformed.
func (f *fields) ahead() int {
	const most = 1024
	look := fields{rest: f.rest}
	n := 1
	for n < most && look.next() && look.tag == f.tag {
		n++
	}
	return n
}

// grow makes room for the list the current field starts.
func grow[T any](f *fields, list []T) []T {
	if list == nil {
		return make([]T, 0, f.ahead())
	}
	return list
}

func decodeParcel(s string) (p lifecycle.Parcel, err error) {
	f := fields{rest: s}
	for f.next() {
		switch f.tag {
		case 1<<3 | asBytes:
			p.Records = append(grow(&f, p.Records), inventory.Record{})
			if err := decodeRecord(f.s, &p.Records[len(p.Records)-1]); err != nil {
				return lifecycle.Parcel{}, fmt.Errorf("record %d: %w", len(p.Records)-1, err)
			}
		case 2<<3 | asBytes:
			p.Moves = append(grow(&f, p.Moves), lifecycle.Move{})
			if err := decodeMove(f.s, &p.Moves[len(p.Moves)-1]); err != nil {
				return lifecycle.Parcel{}, fmt.Errorf("move %d: %w", len(p.Moves)-1, err)
			}
		case 3<<3 | asBytes:
			p.Bindings = append(grow(&f, p.Bindings), lifecycle.Binding{})
			if err := decodeBinding(f.s, &p.Bindings[len(p.Bindings)-1]); err != nil {
				return lifecycle.Parcel{}, fmt.Errorf("binding %d: %w", len(p.Bindings)-1, err)
			}
		}
	}
	if f.err != nil {
		return lifecycle.Parcel{}, f.err
	}
	return p, nil
}

func decodeMove(s string, m *lifecycle.Move) (err error) {
	f := fields{rest: s}
	for f.next() && err == nil {
		switch f.tag {
		case 1<<3 | asBytes:
			err = decodeRecord(f.s, &m.Record)
		case 2<<3 | asBytes:
			m.To, err = decodeScoped(f.s)
		case 3<<3 | asBytes:
			m.Echo.To, err = decodeScoped(f.s)
		case 4<<3 | asBytes:
			m.Echo.Rel = strings.Clone(f.s)
		}
	}
	return first(f.err, err)
}

func decodeBinding(s string, b *lifecycle.Binding) (err error) {
	f := fields{rest: s}
	for f.next() && err == nil {
		switch f.tag {
		case 1<<3 | asBytes:
			b.Key, err = decodeScoped(f.s)
		case 2<<3 | asBytes:
			b.Lesser, err = decodeScoped(f.s)
		case 3<<3 | asBytes:
			b.Origin, err = decodeTime(f.s)
		}
	}
	return first(f.err, err)
}

func decodeRecord(s string, r *inventory.Record) (err error) {
	f := fields{rest: s}
	for f.next() && err == nil {
		switch f.tag {
		case 1<<3 | asBytes:
			r.ID = strings.Clone(f.s)
		case 2<<3 | asBytes:
			if len(f.s) != len(r.Content) {
				return fmt.Errorf("%w: a content hash of %d bytes", ErrMalformed, len(f.s))
			}
			copy(r.Content[:], f.s)
		case 3<<3 | asBytes:
			err = decodeEvent(strings.Clone(f.s), &r.Event)
		case 4<<3 | asBytes:
			r.ReceivedAt, err = decodeTime(f.s)
		case 5<<3 | asBytes:
			r.Transport = known(f.s)
		case 6<<3 | asBytes:
			r.Raw = []byte(f.s)
		case 7<<3 | asBytes:
			r.RawType = known(f.s)
		case 8<<3 | asVarint:
			if f.n > math.MaxInt32 {
				return fmt.Errorf("%w: partition %d", ErrMalformed, f.n)
			}
			r.Partition = int(f.n)
		case 9<<3 | asVarint:
			r.Position = f.n
		}
	}
	return first(f.err, err)
}

// decodeEvent keeps pieces of s.
func decodeEvent(s string, e *inventory.Event) (err error) {
	f := fields{rest: s}
	for f.next() && err == nil {
		switch f.tag {
		case 1<<3 | asBytes:
			e.ID = f.s
		case 2<<3 | asBytes:
			e.Source = f.s
		case 3<<3 | asBytes:
			e.Type = f.s
		case 4<<3 | asBytes:
			e.Time, err = decodeTime(f.s)
		case 5<<3 | asBytes:
			e.TimeAsSent = f.s
		case 6<<3 | asBytes:
			e.Began, err = decodeTime(f.s)
		case 7<<3 | asBytes:
			e.CorrelationID = strings.Clone(f.s)
		case 8<<3 | asBytes:
			e.TraceID = f.s
		case 9<<3 | asBytes:
			e.SpanID = f.s
		case 10<<3 | asBytes:
			e.ParentSpanID = f.s
		case 11<<3 | asBytes:
			e.Workflow = f.s
		case 12<<3 | asBytes:
			e.Step = f.s
		case 13<<3 | asBytes:
			e.System = f.s
		case 14<<3 | asBytes:
			e.SystemInstance = f.s
		case 15<<3 | asBytes:
			e.Outcome = inventory.Outcome(f.s)
		case 16<<3 | asVarint:
			e.Attempt = int(f.signed())
		case 17<<3 | asBytes:
			e.Location = f.s
		case 18<<3 | asBytes:
			e.LocationScheme = f.s
		case 19<<3 | asBytes:
			e.Register = f.s
		case 20<<3 | asBytes:
			e.BusinessDate = f.s
		case 21<<3 | asBytes:
			e.PostingDate = f.s
		case 22<<3 | asBytes:
			e.StoreDay = f.s
		case 23<<3 | asBytes:
			e.Operator = f.s
		case 24<<3 | asBytes:
			e.Device = f.s
		case 25<<3 | asBytes:
			e.Keys, err = f.key(e.Keys)
		case 26<<3 | asBytes:
			err = decodeTransaction(f.s, &e.Transaction)
		case 27<<3 | asBytes:
			e.MappingVersion = f.s
		case 28<<3 | asBytes:
			e.Mappings = append(grow(&f, e.Mappings), inventory.Mapping{})
			err = decodeMapping(f.s, &e.Mappings[len(e.Mappings)-1])
		case 29<<3 | asBytes:
			e.Error = new(inventory.Error)
			err = decodeError(f.s, e.Error)
		case 30<<3 | asBytes:
			e.Refs = append(grow(&f, e.Refs), inventory.Ref{})
			err = decodeRef(f.s, &e.Refs[len(e.Refs)-1])
		case 31<<3 | asBytes:
			e.Covers = new(inventory.Covers)
			err = decodeCovers(f.s, e.Covers)
		case 32<<3 | asBytes:
			e.Totals = new(inventory.Totals)
			err = decodeTotals(f.s, e.Totals)
		case 33<<3 | asBytes:
			e.ReasonCode = f.s
		case 34<<3 | asBytes:
			e.Approval = new(inventory.Approval)
			err = decodeApproval(f.s, e.Approval)
		case 35<<3 | asVarint:
			e.EnteredOffline = f.n != 0
		case 36<<3 | asBytes:
			e.Lines = append(grow(&f, e.Lines), inventory.Line{})
			err = decodeLine(f.s, &e.Lines[len(e.Lines)-1])
		case 37<<3 | asBytes:
			e.Watermark = new(inventory.Watermark)
			err = decodeWatermark(f.s, e.Watermark)
		case 40<<3 | asBytes:
			e.Reading = new(inventory.Reading)
			err = decodeReading(f.s, e.Reading)
		case 38<<3 | asBytes:
			e.Attributes, err = f.attribute(e.Attributes)
		case 39<<3 | asBytes:
			e.Action = new(inventory.Action)
			err = decodeAction(f.s, e.Action)
		}
	}
	return first(f.err, err)
}

func decodeAction(s string, a *inventory.Action) (err error) {
	f := fields{rest: s}
	for f.next() && err == nil {
		switch f.tag {
		case 1<<3 | asBytes:
			a.ID = f.s
		case 2<<3 | asBytes:
			a.Batch = f.s
		case 3<<3 | asBytes:
			a.Filter = f.s
		case 4<<3 | asBytes:
			a.Verb = inventory.Verb(f.s)
		case 5<<3 | asBytes:
			a.By = f.s
		case 6<<3 | asBytes:
			a.Via = f.s
		case 7<<3 | asBytes:
			a.About, err = decodeScoped(f.s)
		case 8<<3 | asBytes:
			a.With, err = decodeScoped(f.s)
		case 9<<3 | asBytes:
			a.Lifecycle = f.s
		case 10<<3 | asBytes:
			a.Finding = f.s
		case 11<<3 | asBytes:
			a.Assignee = f.s
		case 12<<3 | asBytes:
			a.Ticket = f.s
		case 13<<3 | asBytes:
			a.Resolution = inventory.Resolution(f.s)
		case 14<<3 | asBytes:
			a.Note = f.s
		case 15<<3 | asBytes:
			a.Records = append(grow(&f, a.Records), f.s)
		case 16<<3 | asBytes:
			a.Undoes = f.s
		}
	}
	return first(f.err, err)
}

func decodeTransaction(s string, t *inventory.Transaction) error {
	f := fields{rest: s}
	for f.next() {
		switch f.tag {
		case 1<<3 | asBytes:
			t.Kind = f.s
		case 2<<3 | asBytes:
			t.Mode = f.s
		case 3<<3 | asBytes:
			t.Status = f.s
		case 4<<3 | asBytes:
			t.Sequence = f.s
		case 5<<3 | asBytes:
			t.SequenceMax = f.s
		case 6<<3 | asBytes:
			t.FiscalSequence = f.s
		}
	}
	return f.err
}

func decodeMapping(s string, m *inventory.Mapping) error {
	f := fields{rest: s}
	for f.next() {
		switch f.tag {
		case 1<<3 | asBytes:
			m.Field = f.s
		case 2<<3 | asBytes:
			m.From = f.s
		case 3<<3 | asBytes:
			m.To = f.s
		case 4<<3 | asBytes:
			m.Rule = f.s
		case 5<<3 | asBytes:
			m.Version = f.s
		}
	}
	return f.err
}

func decodeError(s string, e *inventory.Error) error {
	f := fields{rest: s}
	for f.next() {
		switch f.tag {
		case 1<<3 | asBytes:
			e.Code = f.s
		case 2<<3 | asBytes:
			e.Field = f.s
		case 3<<3 | asBytes:
			e.Value = f.s
		case 4<<3 | asBytes:
			e.Message = f.s
		}
	}
	return f.err
}

func decodeRef(s string, r *inventory.Ref) (err error) {
	f := fields{rest: s}
	for f.next() && err == nil {
		switch f.tag {
		case 1<<3 | asBytes:
			r.Rel = f.s
		case 2<<3 | asBytes:
			r.Keys, err = f.key(r.Keys)
		case 3<<3 | asBytes:
			r.Line = f.s
		}
	}
	return first(f.err, err)
}

func decodeCovers(s string, c *inventory.Covers) (err error) {
	f := fields{rest: s}
	for f.next() && err == nil {
		switch f.tag {
		case 1<<3 | asBytes:
			c.Location = f.s
		case 2<<3 | asBytes:
			c.BusinessDate = f.s
		case 3<<3 | asBytes:
			c.Slice = f.s
		case 4<<3 | asBytes:
			c.MemberKey = f.s
		case 5<<3 | asBytes:
			c.Members = append(grow(&f, c.Members), f.s)
		case 6<<3 | asVarint:
			c.MemberCount = int(f.signed())
		case 7<<3 | asBytes:
			c.Units = append(grow(&f, c.Units), inventory.Quantity{})
			err = decodeQuantity(f.s, &c.Units[len(c.Units)-1])
		case 8<<3 | asVarint:
			c.Part = int(f.signed())
		case 9<<3 | asVarint:
			c.Parts = int(f.signed())
		}
	}
	return first(f.err, err)
}

func decodeQuantity(s string, q *inventory.Quantity) (err error) {
	f := fields{rest: s}
	for f.next() && err == nil {
		switch f.tag {
		case 1<<3 | asBytes:
			q.UOM = f.s
		case 2<<3 | asBytes:
			q.Quantity, err = decodeDecimal(f.s)
		}
	}
	return first(f.err, err)
}

func decodeTotals(s string, t *inventory.Totals) error {
	f := fields{rest: s}
	for f.next() {
		switch f.tag {
		case 1<<3 | asBytes:
			t.Register = f.s
		case 2<<3 | asVarint:
			t.Transactions = int(f.signed())
		case 3<<3 | asBytes:
			t.First = f.s
		case 4<<3 | asBytes:
			t.Last = f.s
		case 5<<3 | asBytes:
			t.SalesUnits = f.s
		case 6<<3 | asBytes:
			t.SalesAmount = f.s
		case 7<<3 | asBytes:
			t.Currency = f.s
		}
	}
	return f.err
}

func decodeApproval(s string, a *inventory.Approval) error {
	f := fields{rest: s}
	for f.next() {
		switch f.tag {
		case 1<<3 | asBytes:
			a.State = f.s
		case 2<<3 | asBytes:
			a.By = f.s
		case 3<<3 | asBytes:
			a.At = f.s
		case 4<<3 | asBytes:
			a.Role = f.s
		case 5<<3 | asBytes:
			a.Policy = f.s
		}
	}
	return f.err
}

func decodeLine(s string, l *inventory.Line) (err error) {
	f := fields{rest: s}
	for f.next() && err == nil {
		switch f.tag {
		case 1<<3 | asBytes:
			l.Line = f.s
		case 2<<3 | asBytes:
			l.Item = f.s
		case 3<<3 | asBytes:
			l.ItemScheme = f.s
		case 4<<3 | asBytes:
			l.ItemIDs, err = f.key(l.ItemIDs)
		case 5<<3 | asBytes:
			l.Quantity, err = decodeDecimal(f.s)
		case 6<<3 | asBytes:
			l.UOM = f.s
		case 7<<3 | asBytes:
			l.Measure = f.s
		case 8<<3 | asBytes:
			l.Bucket = f.s
		case 9<<3 | asBytes:
			l.Status = f.s
		case 10<<3 | asBytes:
			l.StatusFrom = f.s
		case 11<<3 | asBytes:
			l.StatusTo = f.s
		case 12<<3 | asBytes:
			l.LocationFrom = f.s
		case 13<<3 | asBytes:
			l.LocationTo = f.s
		case 14<<3 | asBytes:
			l.Activity = f.s
		case 15<<3 | asBytes:
			l.ParentLine = f.s
		case 16<<3 | asBytes:
			l.ComponentOf = f.s
		case 17<<3 | asVarint:
			l.Void = f.n != 0
		case 18<<3 | asBytes:
			l.Stock = f.s
		case 19<<3 | asBytes:
			l.Ownership = f.s
		case 20<<3 | asBytes:
			l.AsOf = f.s
		case 21<<3 | asBytes:
			l.Counted = f.s
		case 22<<3 | asBytes:
			l.Book = f.s
		case 23<<3 | asBytes:
			l.UnitValue = f.s
		case 24<<3 | asBytes:
			l.UnitCost = f.s
		case 25<<3 | asBytes:
			l.ValueBasis = f.s
		case 26<<3 | asBytes:
			l.Currency = f.s
		case 27<<3 | asBytes:
			l.Attributes, err = f.attribute(l.Attributes)
		}
	}
	return first(f.err, err)
}

func decodeWatermark(s string, w *inventory.Watermark) (err error) {
	f := fields{rest: s}
	for f.next() && err == nil {
		switch f.tag {
		case 1<<3 | asBytes:
			w.System = f.s
		case 2<<3 | asBytes:
			w.SystemInstance = f.s
		case 3<<3 | asBytes:
			w.Location = f.s
		case 4<<3 | asBytes:
			w.CompleteThrough, err = decodeTime(f.s)
		case 5<<3 | asBytes:
			w.Extract = f.s
		case 6<<3 | asVarint:
			w.Records = f.signed()
		}
	}
	return first(f.err, err)
}

func decodeReading(s string, r *inventory.Reading) (err error) {
	f := fields{rest: s}
	for f.next() && err == nil {
		switch f.tag {
		case 1<<3 | asBytes:
			r.System = f.s
		case 2<<3 | asBytes:
			r.SystemInstance = f.s
		case 3<<3 | asBytes:
			r.Location = f.s
		case 4<<3 | asBytes:
			r.Register = f.s
		case 5<<3 | asBytes:
			r.Gauge = inventory.Gauge(f.s)
		case 6<<3 | asBytes:
			r.Queue = f.s
		case 7<<3 | asBytes:
			r.Value, err = decodeDecimal(f.s)
		}
	}
	return first(f.err, err)
}

func decodeQuarantine(s string) (items []inventory.Quarantined, err error) {
	f := fields{rest: s}
	for f.next() {
		if f.tag != 1<<3|asBytes {
			continue
		}
		items = append(grow(&f, items), inventory.Quarantined{})
		if err := decodeQuarantined(f.s, &items[len(items)-1]); err != nil {
			return nil, fmt.Errorf("item %d: %w", len(items)-1, err)
		}
	}
	if f.err != nil {
		return nil, f.err
	}
	return items, nil
}

func decodeQuarantined(s string, q *inventory.Quarantined) (err error) {
	f := fields{rest: s}
	for f.next() && err == nil {
		switch f.tag {
		case 1<<3 | asBytes:
			q.ID = strings.Clone(f.s)
		case 2<<3 | asBytes:
			q.ReceivedAt, err = decodeTime(f.s)
		case 3<<3 | asBytes:
			q.Source = strings.Clone(f.s)
		case 4<<3 | asBytes:
			q.Transport = known(f.s)
		case 5<<3 | asBytes:
			q.ContentType = known(f.s)
		case 6<<3 | asBytes:
			q.Reason = strings.Clone(f.s)
		case 7<<3 | asBytes:
			q.Pointer = strings.Clone(f.s)
		case 8<<3 | asBytes:
			q.Detail = strings.Clone(f.s)
		case 9<<3 | asBytes:
			q.Raw = []byte(f.s)
		}
	}
	return first(f.err, err)
}

func (f *fields) signed() int64 { return protowire.DecodeZigZag(f.n) }

// key appends the key in the current field to list. Values are cloned: what
// remembers keys remembers them long after their events.
func (f *fields) key(list []inventory.Key) ([]inventory.Key, error) {
	list = grow(f, list)
	inner := fields{rest: f.s}
	var k inventory.Key
	for inner.next() {
		switch inner.tag {
		case 1<<3 | asBytes:
			k.Name = known(inner.s)
		case 2<<3 | asBytes:
			k.Value = strings.Clone(inner.s)
		}
	}
	return append(list, k), inner.err
}

func decodeScoped(s string) (inventory.ScopedKey, error) {
	f := fields{rest: s}
	var k inventory.ScopedKey
	for f.next() {
		switch f.tag {
		case 1<<3 | asBytes:
			k.Name = known(f.s)
		case 2<<3 | asBytes:
			k.Value = strings.Clone(f.s)
		}
	}
	return k, f.err
}

func (f *fields) attribute(attrs map[string]string) (map[string]string, error) {
	if attrs == nil {
		attrs = make(map[string]string, f.ahead())
	}
	inner := fields{rest: f.s}
	var name, value string
	for inner.next() {
		switch inner.tag {
		case 1<<3 | asBytes:
			name = inner.s
		case 2<<3 | asBytes:
			value = inner.s
		}
	}
	if inner.err == nil {
		attrs[name] = value
	}
	return attrs, inner.err
}

func decodeTime(s string) (time.Time, error) {
	f := fields{rest: s}
	var seconds, nanos uint64
	for f.next() {
		switch f.tag {
		case 1<<3 | asVarint:
			seconds = f.n
		case 2<<3 | asVarint:
			nanos = f.n
		}
	}
	if f.err == nil && nanos > 999_999_999 {
		f.err = fmt.Errorf("%w: a time with %d nanoseconds", ErrMalformed, nanos)
	}
	if f.err != nil {
		return time.Time{}, f.err
	}
	return time.Unix(int64(seconds), int64(nanos)).UTC(), nil
}

func decodeDecimal(s string) (inventory.Decimal, error) {
	f := fields{rest: s}
	var whole, nano int64
	for f.next() {
		switch f.tag {
		case 1<<3 | asVarint:
			whole = f.signed()
		case 2<<3 | asVarint:
			nano = f.signed()
		}
	}
	if f.err != nil {
		return inventory.Decimal{}, f.err
	}
	d := inventory.DecimalFromParts(whole, nano)
	if w, n := d.Parts(); w != whole || n != nano {
		return d, fmt.Errorf("%w: %d and %d billionths are no decimal", ErrMalformed, whole, nano)
	}
	return d, nil
}

// known returns s without keeping the message it is a piece of: the program's
// own copy where it is a word everybody uses, a clone otherwise.
func known(s string) string {
	switch s {
	case inventory.KeyCorrelationID:
		return inventory.KeyCorrelationID
	case inventory.KeyReceipt:
		return inventory.KeyReceipt
	case inventory.KeyDelivery:
		return inventory.KeyDelivery
	case inventory.KeyTransfer:
		return inventory.KeyTransfer
	case inventory.KeyRMA:
		return inventory.KeyRMA
	case inventory.KeyCount:
		return inventory.KeyCount
	case inventory.KeyRecord:
		return inventory.KeyRecord
	case inventory.KeyTraceID:
		return inventory.KeyTraceID
	case inventory.KeyERPDocument:
		return inventory.KeyERPDocument
	case inventory.KeyIDoc:
		return inventory.KeyIDoc
	case "cloudevents":
		return "cloudevents"
	case "otlp_traces":
		return "otlp_traces"
	case "otlp_logs":
		return "otlp_logs"
	case "application/cloudevents+json":
		return "application/cloudevents+json"
	case "application/x-protobuf;type=traces":
		return "application/x-protobuf;type=traces"
	case "application/x-protobuf;type=logs":
		return "application/x-protobuf;type=logs"
	default:
		return strings.Clone(s)
	}
}

// first returns the malformation itself before what came of it.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
