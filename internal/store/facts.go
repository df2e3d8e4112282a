package store

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/ClickHouse/ch-go/proto"

	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/queries"
)

type factRow = inventory.Fact

// factBlock is the columns of insert_facts.sql, in its order.
type factBlock struct {
	position                   proto.ColUInt64
	recordID                   proto.ColStr
	receivedAt                 *instants
	system, instance, location *proto.ColLowCardinality[string]
	completeThrough            *instants
	extract                    proto.ColStr
	records                    proto.ColInt64

	input proto.Input
}

func newFactBlock() *factBlock {
	b := &factBlock{
		receivedAt: newInstants(), system: lowCardinality(), instance: lowCardinality(), location: lowCardinality(),
		completeThrough: newInstants(),
	}
	b.input = proto.Input{
		{Name: "position", Data: &b.position}, {Name: "record_id", Data: &b.recordID},
		{Name: "received_at", Data: b.receivedAt}, {Name: "system", Data: b.system},
		{Name: "system_instance", Data: b.instance}, {Name: "location", Data: b.location},
		{Name: "complete_through", Data: b.completeThrough}, {Name: "extract", Data: &b.extract},
		{Name: "records", Data: &b.records},
	}
	return b
}

func (b *factBlock) columns() proto.Input { return b.input }

func (b *factBlock) add(f *factRow) {
	b.position.Append(f.Position)
	b.recordID.Append(f.RecordID)
	b.receivedAt.AppendRaw(stamp(f.ReceivedAt))
	b.system.Append(f.Watermark.System)
	b.instance.Append(f.Watermark.SystemInstance)
	b.location.Append(f.Watermark.Location)
	b.completeThrough.AppendRaw(stamp(f.Watermark.CompleteThrough))
	b.extract.Append(f.Watermark.Extract)
	b.records.Append(f.Watermark.Records)
}

func newFactAppender(into inserter) *appender[factRow] {
	return &appender[factRow]{
		insert: queries.Get("insert_facts"), into: into, block: newFactBlock(),
		compare: func(a, b *factRow) int {
			return cmp.Or(cmp.Compare(a.Position, b.Position), strings.Compare(a.RecordID, b.RecordID))
		},
	}
}

var factsQuery = queries.Get("facts")

// Facts implements lifecycle.Store.
func (s *Store) Facts(ctx context.Context, since time.Time, yield func(inventory.Fact)) error {
	return s.Each(ctx, factsQuery, Params{"since": since}, func(scan func(...any) error) error {
		var f inventory.Fact
		w := &f.Watermark
		if err := scan(&f.RecordID, &f.Position, &f.ReceivedAt, &w.System, &w.SystemInstance, &w.Location,
			&w.CompleteThrough, &w.Extract, &w.Records); err != nil {
			return err
		}
		f.ReceivedAt, w.CompleteThrough = instant(f.ReceivedAt), instant(w.CompleteThrough)
		yield(f)
		return nil
	})
}
