package store

import (
	"context"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/lifecycle"
	"github.com/stocktrace/stocktrace/queries"
)

func newHeardAppender(into inserter) *appender[inventory.Heard] {
	type row = inventory.Heard
	return &appender[row]{
		insert:  queries.Get("insert_heard"),
		into:    into,
		compare: func(a, b *row) int { return lifecycle.CompareHeard(*a, *b) },
		columns: []column[row]{
			instants("hour", func(r *row) time.Time { return r.Hour }),
			few("system", func(r *row) string { return r.System }),
			few("location", func(r *row) string { return r.Location }),
			few("register", func(r *row) string { return r.Register }),
			number("minutes", func(r *row) uint64 { return r.Minutes }),
			number("signed_off", func(r *row) uint8 { return bit(r.SignedOff) }),
		},
	}
}

var (
	heardQuery        = queries.Get("heard")
	heardKeptQuery    = queries.Get("heard_kept")
	heardFirstQuery   = queries.Get("heard_first")
	heardResumedQuery = queries.Get("heard_resumed")
)

// Heard implements lifecycle.Store.
func (s *Store) Heard(ctx context.Context, from, until time.Time, yield func(inventory.Heard)) error {
	return s.eachHeard(ctx, heardQuery, Params{
		"from": from, "until": until, "sited": inventory.SitedSystems, "tills": inventory.TillSystems,
	}, yield)
}

// KeepHeard implements lifecycle.Store.
func (s *Store) KeepHeard(ctx context.Context, rows []inventory.Heard) error {
	return s.heard.write(ctx, rows)
}

// KeptHeard implements lifecycle.Store.
func (s *Store) KeptHeard(ctx context.Context, since time.Time, yield func(inventory.Heard)) error {
	return s.eachHeard(ctx, heardKeptQuery, Params{"since": since}, yield)
}

func (s *Store) eachHeard(ctx context.Context, q queries.Query, params Params, yield func(inventory.Heard)) error {
	return s.Each(ctx, q, params, func(scan func(...any) error) error {
		var h inventory.Heard
		var off uint8
		if err := scan(&h.Hour, &h.System, &h.Location, &h.Register, &h.Minutes, &off); err != nil {
			return err
		}
		h.Hour, h.SignedOff = instant(h.Hour), off != 0
		yield(h)
		return nil
	})
}

// FirstReceived implements lifecycle.Store.
func (s *Store) FirstReceived(ctx context.Context) (first time.Time, err error) {
	err = s.Each(ctx, heardFirstQuery, nil, func(scan func(...any) error) error { return scan(&first) })
	return instant(first), err
}

// ResumedBy implements lifecycle.Store.
func (s *Store) ResumedBy(ctx context.Context, system, location, register string, at time.Time) (r lifecycle.Resumed, ok bool, err error) {
	params := Params{"system": system, "location": location, "register": register, "at": at}
	err = s.Each(ctx, heardResumedQuery, params, func(scan func(...any) error) error {
		ok = true
		return scan(&r.RecordID, &r.ReceivedAt, &r.OccurredAt)
	})
	r.ReceivedAt, r.OccurredAt = instant(r.ReceivedAt), instant(r.OccurredAt)
	return r, ok, err
}

func bit(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}
