package wire

import (
	"slices"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/lifecycle"
)

// Fields are appended in the order of their numbers, and maps in the order of
// their keys, so that equal values have equal bytes.

func appendParcel(b []byte, p *lifecycle.Parcel) []byte {
	for i := range p.Records {
		b = appendRecord(b, parcelRecords, &p.Records[i], false)
	}
	for i := range p.Moves {
		var m int
		b, m = begin(b, parcelMoves)
		b = appendRecord(b, 1, &p.Moves[i].Record, true)
		b = key(b, 2, inventory.Key(p.Moves[i].To))
		if echo := p.Moves[i].Echo; !echo.To.IsZero() {
			b = key(b, 3, inventory.Key(echo.To))
		}
		b = text(b, 4, p.Moves[i].Echo.Rel)
		b = end(b, m)
	}
	for i := range p.Bindings {
		x := &p.Bindings[i]
		var m int
		b, m = begin(b, parcelBindings)
		b = key(b, 1, inventory.Key(x.Key))
		b = key(b, 2, inventory.Key(x.Lesser))
		b = stamp(b, 3, x.Origin)
		b = end(b, m)
	}
	return b
}

func appendRecord(b []byte, field protowire.Number, r *inventory.Record, located bool) []byte {
	b, m := begin(b, field)
	b = text(b, 1, r.ID)
	b = protowire.AppendTag(b, 2, protowire.BytesType)
	b = protowire.AppendBytes(b, r.Content[:])
	b, e := begin(b, 3)
	b = appendEvent(b, &r.Event)
	b = end(b, e)
	b = stamp(b, 4, r.ReceivedAt)
	b = text(b, 5, r.Transport)
	if len(r.Raw) > 0 {
		b = protowire.AppendTag(b, 6, protowire.BytesType)
		b = protowire.AppendBytes(b, r.Raw)
	}
	b = text(b, 7, r.RawType)
	if located {
		b = uvarint(b, 8, uint64(r.Partition))
		b = uvarint(b, 9, r.Position)
	}
	return end(b, m)
}

func appendEvent(b []byte, e *inventory.Event) []byte {
	var m int
	b = text(b, 1, e.ID)
	b = text(b, 2, e.Source)
	b = text(b, 3, e.Type)
	b = stamp(b, 4, e.Time)
	b = text(b, 5, e.TimeAsSent)
	b = stamp(b, 6, e.Began)
	b = text(b, 7, e.CorrelationID)
	b = text(b, 8, e.TraceID)
	b = text(b, 9, e.SpanID)
	b = text(b, 10, e.ParentSpanID)
	b = text(b, 11, e.Workflow)
	b = text(b, 12, e.Step)
	b = text(b, 13, e.System)
	b = text(b, 14, e.SystemInstance)
	b = text(b, 15, string(e.Outcome))
	b = varint(b, 16, int64(e.Attempt))
	b = text(b, 17, e.Location)
	b = text(b, 18, e.LocationScheme)
	b = text(b, 19, e.Register)
	b = text(b, 20, e.BusinessDate)
	b = text(b, 21, e.PostingDate)
	b = text(b, 22, e.StoreDay)
	b = text(b, 23, e.Operator)
	b = text(b, 24, e.Device)
	b = keys(b, 25, e.Keys)
	if e.Transaction != (inventory.Transaction{}) {
		t := &e.Transaction
		b, m = begin(b, 26)
		b = text(b, 1, t.Kind)
		b = text(b, 2, t.Mode)
		b = text(b, 3, t.Status)
		b = text(b, 4, t.Sequence)
		b = text(b, 5, t.SequenceMax)
		b = text(b, 6, t.FiscalSequence)
		b = end(b, m)
	}
	b = text(b, 27, e.MappingVersion)
	for i := range e.Mappings {
		x := &e.Mappings[i]
		b, m = begin(b, 28)
		b = text(b, 1, x.Field)
		b = text(b, 2, x.From)
		b = text(b, 3, x.To)
		b = text(b, 4, x.Rule)
		b = text(b, 5, x.Version)
		b = end(b, m)
	}
	if x := e.Error; x != nil {
		b, m = begin(b, 29)
		b = text(b, 1, x.Code)
		b = text(b, 2, x.Field)
		b = text(b, 3, x.Value)
		b = text(b, 4, x.Message)
		b = end(b, m)
	}
	for i := range e.Refs {
		x := &e.Refs[i]
		b, m = begin(b, 30)
		b = text(b, 1, x.Rel)
		b = keys(b, 2, x.Keys)
		b = text(b, 3, x.Line)
		b = end(b, m)
	}
	if x := e.Covers; x != nil {
		b, m = begin(b, 31)
		b = text(b, 1, x.Location)
		b = text(b, 2, x.BusinessDate)
		b = text(b, 3, x.Slice)
		b = text(b, 4, x.MemberKey)
		for _, member := range x.Members {
			b = protowire.AppendTag(b, 5, protowire.BytesType)
			b = protowire.AppendString(b, member)
		}
		b = varint(b, 6, int64(x.MemberCount))
		for _, u := range x.Units {
			var q int
			b, q = begin(b, 7)
			b = text(b, 1, u.UOM)
			b = decimal(b, 2, u.Quantity)
			b = end(b, q)
		}
		b = varint(b, 8, int64(x.Part))
		b = varint(b, 9, int64(x.Parts))
		b = end(b, m)
	}
	if x := e.Totals; x != nil {
		b, m = begin(b, 32)
		b = text(b, 1, x.Register)
		b = varint(b, 2, int64(x.Transactions))
		b = text(b, 3, x.First)
		b = text(b, 4, x.Last)
		b = text(b, 5, x.SalesUnits)
		b = text(b, 6, x.SalesAmount)
		b = text(b, 7, x.Currency)
		b = end(b, m)
	}
	b = text(b, 33, e.ReasonCode)
	if x := e.Approval; x != nil {
		b, m = begin(b, 34)
		b = text(b, 1, x.State)
		b = text(b, 2, x.By)
		b = text(b, 3, x.At)
		b = text(b, 4, x.Role)
		b = text(b, 5, x.Policy)
		b = end(b, m)
	}
	b = flag(b, 35, e.EnteredOffline)
	for i := range e.Lines {
		b, m = begin(b, 36)
		b = appendLine(b, &e.Lines[i])
		b = end(b, m)
	}
	if x := e.Watermark; x != nil {
		b, m = begin(b, 37)
		b = text(b, 1, x.System)
		b = text(b, 2, x.SystemInstance)
		b = text(b, 3, x.Location)
		b = stamp(b, 4, x.CompleteThrough)
		b = text(b, 5, x.Extract)
		b = varint(b, 6, x.Records)
		b = end(b, m)
	}
	b = attributes(b, 38, e.Attributes)
	if e.Action != nil {
		b, m = begin(b, 39)
		b = end(appendAction(b, e.Action), m)
	}
	if x := e.Reading; x != nil {
		b, m = begin(b, 40)
		b = text(b, 1, x.System)
		b = text(b, 2, x.SystemInstance)
		b = text(b, 3, x.Location)
		b = text(b, 4, x.Register)
		b = text(b, 5, string(x.Gauge))
		b = text(b, 6, x.Queue)
		b = decimal(b, 7, x.Value)
		b = end(b, m)
	}
	return b
}

func appendAction(b []byte, a *inventory.Action) []byte {
	b = text(b, 1, a.ID)
	b = text(b, 2, a.Batch)
	b = text(b, 3, a.Filter)
	b = text(b, 4, string(a.Verb))
	b = text(b, 5, a.By)
	b = text(b, 6, a.Via)
	if !a.About.IsZero() {
		b = key(b, 7, inventory.Key(a.About))
	}
	if !a.With.IsZero() {
		b = key(b, 8, inventory.Key(a.With))
	}
	b = text(b, 9, a.Lifecycle)
	b = text(b, 10, a.Finding)
	b = text(b, 11, a.Assignee)
	b = text(b, 12, a.Ticket)
	b = text(b, 13, string(a.Resolution))
	b = text(b, 14, a.Note)
	for _, r := range a.Records {
		b = protowire.AppendTag(b, 15, protowire.BytesType)
		b = protowire.AppendString(b, r)
	}
	return text(b, 16, a.Undoes)
}

func appendLine(b []byte, l *inventory.Line) []byte {
	b = text(b, 1, l.Line)
	b = text(b, 2, l.Item)
	b = text(b, 3, l.ItemScheme)
	b = keys(b, 4, l.ItemIDs)
	b = decimal(b, 5, l.Quantity)
	b = text(b, 6, l.UOM)
	b = text(b, 7, l.Measure)
	b = text(b, 8, l.Bucket)
	b = text(b, 9, l.Status)
	b = text(b, 10, l.StatusFrom)
	b = text(b, 11, l.StatusTo)
	b = text(b, 12, l.LocationFrom)
	b = text(b, 13, l.LocationTo)
	b = text(b, 14, l.Activity)
	b = text(b, 15, l.ParentLine)
	b = text(b, 16, l.ComponentOf)
	b = flag(b, 17, l.Void)
	b = text(b, 18, l.Stock)
	b = text(b, 19, l.Ownership)
	b = text(b, 20, l.AsOf)
	b = text(b, 21, l.Counted)
	b = text(b, 22, l.Book)
	b = text(b, 23, l.UnitValue)
	b = text(b, 24, l.UnitCost)
	b = text(b, 25, l.ValueBasis)
	b = text(b, 26, l.Currency)
	return attributes(b, 27, l.Attributes)
}

func appendQuarantined(b []byte, q *inventory.Quarantined) []byte {
	b, m := begin(b, 1)
	b = text(b, 1, q.ID)
	b = stamp(b, 2, q.ReceivedAt)
	b = text(b, 3, q.Source)
	b = text(b, 4, q.Transport)
	b = text(b, 5, q.ContentType)
	b = text(b, 6, q.Reason)
	b = text(b, 7, q.Pointer)
	b = text(b, 8, q.Detail)
	if len(q.Raw) > 0 {
		b = protowire.AppendTag(b, 9, protowire.BytesType)
		b = protowire.AppendBytes(b, q.Raw)
	}
	return end(b, m)
}

// begin opens an embedded message: its tag, and one byte kept for its length.
func begin(b []byte, field protowire.Number) (_ []byte, mark int) {
	b = append(protowire.AppendTag(b, field, protowire.BytesType), 0)
	return b, len(b)
}

// end closes the message opened at mark. Most are shorter than 128 bytes and
// their length fits the byte kept for it; a longer one is shifted.
func end(b []byte, mark int) []byte {
	n := len(b) - mark
	if n < 0x80 {
		b[mark-1] = byte(n)
		return b
	}
	extra := protowire.SizeVarint(uint64(n)) - 1
	b = slices.Grow(b, extra)[:len(b)+extra]
	copy(b[mark+extra:], b[mark:])
	protowire.AppendVarint(b[:mark-1], uint64(n))
	return b
}

func text(b []byte, field protowire.Number, s string) []byte {
	switch {
	case s == "":
		return b
	case field < 16 && len(s) < 0x80: // most are: tag and length are a byte each
		b = append(b, byte(field)<<3|byte(protowire.BytesType), byte(len(s)))
		return append(b, s...)
	}
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), s)
}

func varint(b []byte, field protowire.Number, n int64) []byte {
	return uvarint(b, field, protowire.EncodeZigZag(n))
}

func uvarint(b []byte, field protowire.Number, n uint64) []byte {
	if n == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), n)
}

func flag(b []byte, field protowire.Number, v bool) []byte {
	if !v {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), 1)
}

// stamp appends a google.protobuf.Timestamp; the zero time is absent.
func stamp(b []byte, field protowire.Number, t time.Time) []byte {
	if t.IsZero() {
		return b
	}
	b, m := begin(b, field)
	b = uvarint(b, 1, uint64(t.Unix()))
	b = uvarint(b, 2, uint64(t.Nanosecond()))
	return end(b, m)
}

func decimal(b []byte, field protowire.Number, d inventory.Decimal) []byte {
	if d.IsZero() {
		return b
	}
	whole, nano := d.Parts()
	b, m := begin(b, field)
	b = varint(b, 1, whole)
	b = varint(b, 2, nano)
	return end(b, m)
}

func key(b []byte, field protowire.Number, k inventory.Key) []byte {
	b, m := begin(b, field)
	b = text(b, 1, k.Name)
	b = text(b, 2, k.Value)
	return end(b, m)
}

func keys(b []byte, field protowire.Number, keys []inventory.Key) []byte {
	for _, k := range keys {
		b = key(b, field, k)
	}
	return b
}

func attributes(b []byte, field protowire.Number, attrs map[string]string) []byte {
	if len(attrs) == 0 {
		return b
	}
	var few [16]string
	names := few[:0]
	for name := range attrs {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		b = entry(b, field, name, attrs[name])
	}
	return b
}

// entry appends a map entry, which writes its parts even where they are empty,
// as the generated code does.
func entry(b []byte, field protowire.Number, name, value string) []byte {
	b, m := begin(b, field)
	b = protowire.AppendString(protowire.AppendTag(b, 1, protowire.BytesType), name)
	b = protowire.AppendString(protowire.AppendTag(b, 2, protowire.BytesType), value)
	return end(b, m)
}
