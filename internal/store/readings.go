package store

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/queries"
)

func newReadingAppender(into inserter) *appender[inventory.Measured] {
	type row = inventory.Measured
	return &appender[row]{
		insert: queries.Get("insert_readings"),
		into:   into,
		compare: func(a, b *row) int {
			return cmp.Or(cmp.Compare(a.Position, b.Position), strings.Compare(a.RecordID, b.RecordID))
		},
		columns: []column[row]{
			number("position", func(r *row) uint64 { return r.Position }),
			text("record_id", func(r *row) string { return r.RecordID }),
			instants("received_at", func(r *row) time.Time { return r.ReceivedAt }),
			instants("at", func(r *row) time.Time { return r.At }),
			few("system", func(r *row) string { return r.System }),
			few("system_instance", func(r *row) string { return r.SystemInstance }),
			few("location", func(r *row) string { return r.Location }),
			few("register", func(r *row) string { return r.Register }),
			few("gauge", func(r *row) string { return string(r.Gauge) }),
			few("queue", func(r *row) string { return r.Queue }),
			decimal("value", func(r *row) inventory.Decimal { return r.Value }),
		},
	}
}

var readingsQuery = queries.Get("readings")

// Readings implements lifecycle.Store.
func (s *Store) Readings(ctx context.Context, since time.Time, yield func(inventory.Measured)) error {
	return s.Each(ctx, readingsQuery, Params{"since": since}, func(scan func(...any) error) error {
		var m inventory.Measured
		var gauge, value string
		if err := scan(&m.RecordID, &m.Position, &m.ReceivedAt, &m.At, &m.System, &m.SystemInstance, &m.Location, &m.Register,
			&gauge, &m.Queue, &value); err != nil {
			return err
		}
		var err error
		if m.Value, err = parseFixed(value); err != nil {
			return err
		}
		m.Gauge, m.ReceivedAt, m.At = inventory.Gauge(gauge), instant(m.ReceivedAt), instant(m.At)
		yield(m)
		return nil
	})
}
