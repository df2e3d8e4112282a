package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/stocktrace/stocktrace/queries"
)

var (
	quarantineUseQuery        = queries.Get("quarantine_use")
	quarantineEdgeSecondQuery = queries.Get("quarantine_edge_second")
	quarantineEdgeQuery       = queries.Get("quarantine_edge")
	quarantineUpToQuery       = queries.Get("quarantine_upto")
	quarantineDropQuery       = queries.Get("quarantine_drop")
	quarantineDroppingQuery   = queries.Get("quarantine_dropping")
)

// QuarantineUse is how much the quarantine holds.
type QuarantineUse struct {
	Entries, Bytes uint64    // bytes as received, not as compressed
	Waiting        uint64    // entries that have not landed
	Oldest         time.Time // when the oldest of these was received; zero where there is none
}

// QuarantineUse returns how much the quarantine holds.
func (s *Store) QuarantineUse(ctx context.Context) (u QuarantineUse, err error) {
	err = s.QueryRow(ctx, quarantineUseQuery, nil, &u.Entries, &u.Bytes, &u.Waiting, &u.Oldest)
	u.Oldest = instant(u.Oldest)
	if u.Waiting == 0 {
		u.Oldest = time.Time{}
	}
	return u, err
}

// QuarantineDrop is what of the quarantine was given up.
type QuarantineDrop struct {
	Landed         uint64    // entries that had landed
	Entries, Bytes uint64    // of those that had not
	Through        time.Time // when the newest of these was received; zero where none goes
}

// ErrDropping says that entries given up before are still on their way out.
var ErrDropping = errors.New("entries of the quarantine are still being taken out")

// DropQuarantine makes the quarantine hold at most size bytes as received, where it
// holds more: first what has landed goes, all of it, then the oldest entries. They
// go in the background; until they are gone, or while merges are stopped, it answers
// [ErrDropping].
func (s *Store) DropQuarantine(ctx context.Context, size uint64) (d QuarantineDrop, err error) {
	var unfinished uint64
	var reason string
	if err := s.QueryRow(ctx, quarantineDroppingQuery, nil, &unfinished, &reason); err != nil {
		return d, err
	}
	if unfinished > 0 {
		if reason != "" {
			return d, fmt.Errorf("%w: %s", ErrDropping, reason)
		}
		return d, ErrDropping
	}
	if use, err := s.QuarantineUse(ctx); err != nil || use.Bytes <= size {
		return d, err
	}
	at, id, err := s.quarantineEdge(ctx, size)
	if err != nil {
		return d, err
	}
	edge := Params{"at": at, "id": id}
	if err := s.QueryRow(ctx, quarantineUpToQuery, edge, &d.Entries, &d.Bytes, &d.Landed); err != nil {
		return d, err
	}
	if d.Entries > 0 {
		d.Through = instant(at)
	}
	return d, s.Exec(ctx, quarantineDropQuery, edge)
}

// quarantineEdge is the newest waiting entry that has to go for those after it to
// have at most size bytes, before all where none has to.
func (s *Store) quarantineEdge(ctx context.Context, size uint64) (at time.Time, id string, err error) {
	var second time.Time
	var newer uint64
	found := false
	err = s.Each(ctx, quarantineEdgeSecondQuery, Params{"size": size}, func(scan func(...any) error) error {
		found = true
		return scan(&second, &newer)
	})
	if err == nil && found {
		err = s.QueryRow(ctx, quarantineEdgeQuery, Params{"second": second, "size": size - min(size, newer)}, &at, &id)
	}
	return at, id, err
}
