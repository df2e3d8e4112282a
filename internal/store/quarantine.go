package store

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ClickHouse/ch-go/proto"

	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/queries"
)

type quarantineRow = inventory.Quarantined

// quarantineBlock is the columns of insert_quarantine.sql, in its order.
type quarantineBlock struct {
	id                             proto.ColStr
	receivedAt                     *instants
	source                         proto.ColStr
	transport, contentType, reason *proto.ColLowCardinality[string]
	pointer, detail, raw           proto.ColStr

	input proto.Input
}

func newQuarantineBlock() *quarantineBlock {
	b := &quarantineBlock{
		receivedAt: newInstants(), transport: lowCardinality(), contentType: lowCardinality(), reason: lowCardinality(),
	}
	b.input = proto.Input{
		{Name: "id", Data: &b.id}, {Name: "received_at", Data: b.receivedAt}, {Name: "source", Data: &b.source},
		{Name: "transport", Data: b.transport}, {Name: "content_type", Data: b.contentType},
		{Name: "reason", Data: b.reason}, {Name: "pointer", Data: &b.pointer}, {Name: "detail", Data: &b.detail},
		{Name: "raw", Data: &b.raw},
	}
	return b
}

func (b *quarantineBlock) columns() proto.Input { return b.input }

func (b *quarantineBlock) add(q *quarantineRow) {
	b.id.Append(q.ID)
	b.receivedAt.AppendRaw(stamp(q.ReceivedAt))
	b.source.Append(q.Source)
	b.transport.Append(q.Transport)
	b.contentType.Append(q.ContentType)
	b.reason.Append(q.Reason)
	b.pointer.Append(q.Pointer)
	b.detail.Append(q.Detail)
	b.raw.AppendBytes(q.Raw)
}

func newQuarantineAppender(into inserter) *appender[quarantineRow] {
	return &appender[quarantineRow]{
		insert: queries.Get("insert_quarantine"), into: into, block: newQuarantineBlock(),
		compare: func(a, b *quarantineRow) int {
			return cmp.Or(a.ReceivedAt.Compare(b.ReceivedAt), strings.Compare(a.ID, b.ID))
		},
	}
}

// WriteQuarantine stores what could not be read. It is durable when it returns
// nil and may be repeated.
func (s *Store) WriteQuarantine(ctx context.Context, items []inventory.Quarantined) error {
	if err := s.quarantine.write(ctx, items); err != nil {
		return fmt.Errorf("write quarantine: %w", err)
	}
	return nil
}

var (
	quarantineListQuery  = queries.Get("quarantine_list")
	quarantineCountQuery = queries.Get("quarantine_count")
)

// Quarantined returns up to limit items, the newest first, that come after the
// item before; the zero item means from the newest. Following pages are stable
// while new items arrive.
func (s *Store) Quarantined(ctx context.Context, before inventory.Quarantined, limit int) ([]inventory.Quarantined, error) {
	at := before.ReceivedAt
	if at.IsZero() {
		at = time.UnixMicro(lastInstant)
	}
	var items []inventory.Quarantined
	params := Params{"before": at, "before_id": before.ID, "limit": limit}
	err := s.Each(ctx, quarantineListQuery, params, func(scan func(...any) error) error {
		var q inventory.Quarantined
		if err := scan(&q.ID, &q.ReceivedAt, &q.Source, &q.Transport, &q.ContentType, &q.Reason, &q.Pointer, &q.Detail, &q.Raw); err != nil {
			return err
		}
		q.ReceivedAt = instant(q.ReceivedAt)
		items = append(items, q)
		return nil
	})
	return items, err
}

// QuarantineCount returns how many items the quarantine holds.
func (s *Store) QuarantineCount(ctx context.Context) (n uint64, err error) {
	err = s.QueryRow(ctx, quarantineCountQuery, nil, &n)
	return n, err
}
