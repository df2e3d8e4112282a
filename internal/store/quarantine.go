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

func newQuarantineAppender(into inserter) *appender[inventory.Quarantined] {
	type row = inventory.Quarantined
	return &appender[row]{
		insert: queries.Get("insert_quarantine"),
		into:   into,
		compare: func(a, b *row) int {
			return cmp.Or(a.ReceivedAt.Compare(b.ReceivedAt), strings.Compare(a.ID, b.ID))
		},
		columns: []column[row]{
			text("id", func(r *row) string { return r.ID }),
			instants("received_at", func(r *row) time.Time { return r.ReceivedAt }),
			text("source", func(r *row) string { return r.Source }),
			few("transport", func(r *row) string { return r.Transport }),
			few("content_type", func(r *row) string { return r.ContentType }),
			few("reason", func(r *row) string { return r.Reason }),
			text("pointer", func(r *row) string { return r.Pointer }),
			text("detail", func(r *row) string { return r.Detail }),
			written("raw", func(b []byte, r *row) []byte { return append(b, r.Raw...) }),
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
	quarantineListQuery     = queries.Get("quarantine_list")
	quarantineCountQuery    = queries.Get("quarantine_count")
	quarantineMatchingQuery = queries.Get("quarantine_matching")
)

// QuarantineFilter asks for entries; what is empty is not asked for.
type QuarantineFilter struct {
	ID, Source, Transport, Reason string
	Unnamed                       bool      // only of senders that are not known
	From, To                      time.Time // received: from on, before
	// State is web.Waiting where empty.
	State web.UnreadState
}

func (f *QuarantineFilter) params() Params {
	since, until := f.From, f.To
	if since.IsZero() {
		since = time.UnixMicro(0)
	}
	if until.IsZero() {
		until = time.UnixMicro(lastInstant)
	}
	return Params{
		"id": f.ID, "unnamed": flag(f.Unnamed), "source": f.Source, "transport": f.Transport, "reason": f.Reason, "since": since, "until": until,
	}
}

// Quarantined returns up to limit entries that a filter asks for, the newest first,
// that come after the entry before; the zero entry means from the newest. Following
// pages are stable while new entries arrive.
func (s *Store) Quarantined(ctx context.Context, f QuarantineFilter, before inventory.Quarantined, limit int) ([]web.Unread, error) {
	at := before.ReceivedAt
	if at.IsZero() {
		at = time.UnixMicro(lastInstant)
	}
	var items []web.Unread
	params := f.params()
	params["before"], params["before_id"], params["limit"] = at, before.ID, limit
	params["state"] = cmp.Or(string(f.State), string(web.Waiting))
	err := s.Each(ctx, quarantineListQuery, params, func(scan func(...any) error) error {
		var q web.Unread
		if err := scan(&q.ID, &q.ReceivedAt, &q.Source, &q.Transport, &q.ContentType, &q.Reason, &q.Pointer, &q.Detail, &q.Raw, &q.LandedAt, &q.Reingest); err != nil {
			return err
		}
		q.ReceivedAt, q.LandedAt = instant(q.ReceivedAt), instant(q.LandedAt)
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

// QuarantineMatching returns how many entries a filter asks for of those that have
// not landed, each counted once however often it was sent. What our own code failed
// on is none of them.
func (s *Store) QuarantineMatching(ctx context.Context, f QuarantineFilter) (n uint64, err error) {
	err = s.QueryRow(ctx, quarantineMatchingQuery, f.params(), &n)
	return n, err
}
