package store

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/queries"
)

func newFactAppender(into inserter) *appender[inventory.Fact] {
	type row = inventory.Fact
	return &appender[row]{
		insert: queries.Get("insert_facts"),
		into:   into,
		compare: func(a, b *row) int {
			return cmp.Or(cmp.Compare(a.Position, b.Position), strings.Compare(a.RecordID, b.RecordID))
		},
		columns: []column[row]{
			number("position", func(r *row) uint64 { return r.Position }),
			text("record_id", func(r *row) string { return r.RecordID }),
			instants("received_at", func(r *row) time.Time { return r.ReceivedAt }),
			few("system", func(r *row) string { return r.Watermark.System }),
			few("system_instance", func(r *row) string { return r.Watermark.SystemInstance }),
			few("location", func(r *row) string { return r.Watermark.Location }),
			instants("complete_through", func(r *row) time.Time { return r.Watermark.CompleteThrough }),
			text("extract", func(r *row) string { return r.Watermark.Extract }),
			number("records", func(r *row) int64 { return r.Watermark.Records }),
		},
	}
}

var (
	factsQuery      = queries.Get("facts")
	factsAboutQuery = queries.Get("facts_about")
)

// Facts implements lifecycle.Store.
func (s *Store) Facts(ctx context.Context, since time.Time, yield func(inventory.Fact)) error {
	return s.eachFact(ctx, factsQuery, Params{"since": since}, yield)
}

// FactsAbout implements lifecycle.Store.
func (s *Store) FactsAbout(ctx context.Context, systems, locations []string, yield func(inventory.Fact)) error {
	bare := make([]string, len(locations))
	for i, l := range locations {
		bare[i] = strings.TrimLeft(l, "0")
	}
	return s.eachFact(ctx, factsAboutQuery, Params{"systems": systems, "locations": bare}, yield)
}

func (s *Store) eachFact(ctx context.Context, q queries.Query, params Params, yield func(inventory.Fact)) error {
	return s.Each(ctx, q, params, func(scan func(...any) error) error {
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
