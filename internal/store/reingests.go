package store

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/queries"
	"github.com/stocktrace/stocktrace/web"
)

// landedRow is an entry of the quarantine that has landed.
type landedRow struct {
	*inventory.Quarantined
	at       time.Time
	reingest string
}

func newLandedAppender(into inserter) *appender[landedRow] {
	type row = landedRow
	return &appender[row]{
		insert:  queries.Get("insert_quarantine_landed"),
		into:    into,
		compare: func(a, b *row) int { return cmp.Or(a.ReceivedAt.Compare(b.ReceivedAt), strings.Compare(a.ID, b.ID)) },
		columns: []column[row]{
			instants("received_at", func(r *row) time.Time { return r.ReceivedAt }),
			text("id", func(r *row) string { return r.ID }),
			instants("landed_at", func(r *row) time.Time { return r.at }),
			text("reingest", func(r *row) string { return r.reingest }),
		},
	}
}

// WriteLanded notes that entries of the quarantine landed by a reingest: they are
// no longer among those that wait. It is durable when it returns nil and may be
// repeated.
func (s *Store) WriteLanded(ctx context.Context, reingest string, at time.Time, entries []inventory.Quarantined) error {
	rows := make([]landedRow, len(entries))
	for i := range entries {
		rows[i] = landedRow{&entries[i], at, reingest}
	}
	if err := s.landed.write(ctx, rows); err != nil {
		return fmt.Errorf("write what landed: %w", err)
	}
	return nil
}

func newReingestAppender(into inserter) *appender[web.Reread] {
	type row = web.Reread
	return &appender[row]{
		insert:  queries.Get("insert_reingests"),
		into:    into,
		compare: func(a, b *row) int { return cmp.Or(a.At.Compare(b.At), strings.Compare(a.ID, b.ID)) },
		columns: []column[row]{
			text("id", func(r *row) string { return r.ID }),
			instants("received_at", func(r *row) time.Time { return r.At }),
			few("by", func(r *row) string { return r.By }),
			few("via", func(r *row) string { return r.Via }),
			text("filter", func(r *row) string { return r.Filter }),
			number("entries", func(r *row) uint64 { return uint64(r.Entries) }),
			number("landed", func(r *row) uint64 { return uint64(r.Landed) }),
			number("events", func(r *row) uint64 { return uint64(r.Events) }),
			number("ended", func(r *row) uint8 { return flag(!r.EndedAt.IsZero()) }),
			instants("ended_at", func(r *row) time.Time { return r.EndedAt }),
			text("error", func(r *row) string { return r.Error }),
		},
	}
}

// WriteReingest notes who had the quarantine read again, when it begins and once
// more when it has ended. It is durable when it returns nil.
func (s *Store) WriteReingest(ctx context.Context, r web.Reread) error {
	if err := s.reingests.write(ctx, []web.Reread{r}); err != nil {
		return fmt.Errorf("write the reingest: %w", err)
	}
	return nil
}

var webReingestsQuery = queries.Get("web_reingests")

// Reingests implements web.Reader.
func (p Pages) Reingests(ctx context.Context, page web.Page) ([]web.Reread, error) {
	var list []web.Reread
	params := Params{"top": flag(page.After.IsZero()), "after_at": page.After.At, "after_id": page.After.ID, "limit": page.Limit}
	err := p.store.Each(ctx, webReingestsQuery, params, func(scan func(...any) error) error {
		var r web.Reread
		var entries, landed, events uint64
		if err := scan(&r.ID, &r.At, &r.By, &r.Via, &r.Filter, &entries, &landed, &events, &r.EndedAt, &r.Error); err != nil {
			return err
		}
		r.Entries, r.Landed, r.Events = int(entries), int(landed), int(events)
		r.At, r.EndedAt = instant(r.At), instant(r.EndedAt)
		list = append(list, r)
		return nil
	})
	return list, asked(err)
}
