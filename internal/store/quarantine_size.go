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
	Oldest         time.Time // when the oldest was received; zero where there is none
}

// QuarantineUse returns how much the quarantine holds.
func (s *Store) QuarantineUse(ctx context.Context) (u QuarantineUse, err error) {
	err = s.QueryRow(ctx, quarantineUseQuery, nil, &u.Entries, &u.Bytes, &u.Oldest)
	u.Oldest = instant(u.Oldest)
	if u.Entries == 0 {
		u.Oldest = time.Time{}
	}
	return u, err
}

// QuarantineDrop is what of the quarantine was given up.
type QuarantineDrop struct {
	Entries, Bytes uint64
	Through        time.Time // when the newest of them was received; zero where none goes
}

// ErrDropping says that entries given up before are still on their way out.
var ErrDropping = errors.New("entries of the quarantine are still being taken out")

// DropQuarantine gives up the oldest entries, so that the others have at most
// size bytes as received. They go in the background; until they are gone, or while
// merges are stopped, it answers [ErrDropping].
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
	var second time.Time
	var newer uint64
	found := false
	err = s.Each(ctx, quarantineEdgeSecondQuery, Params{"size": size}, func(scan func(...any) error) error {
		found = true
		return scan(&second, &newer)
	})
	if err != nil || !found {
		return d, err
	}
	var id string
	rest := size - min(size, newer)
	if err := s.QueryRow(ctx, quarantineEdgeQuery, Params{"second": second, "size": rest}, &d.Through, &id); err != nil {
		return QuarantineDrop{}, err
	}
	edge := Params{"at": d.Through, "id": id}
	if err := s.QueryRow(ctx, quarantineUpToQuery, edge, &d.Entries, &d.Bytes); err != nil {
		return QuarantineDrop{}, err
	}
	d.Through = instant(d.Through)
	return d, s.Exec(ctx, quarantineDropQuery, edge)
}
