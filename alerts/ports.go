package alerts

import (
	"context"
	"errors"
	"time"

	"github.com/stocktrace/stocktrace/lifecycle"
	"github.com/stocktrace/stocktrace/slo"
)

// Source counts open findings. Every method reads what is stored now.
type Source interface {
	// Clusters returns every key with an open finding, without examples. Recent
	// ones are those opened after since.
	Clusters(ctx context.Context, since time.Time) ([]Cluster, error)
	// Examples returns up to limit open findings of each key, oldest first, so that
	// they stay the same while they stay open.
	Examples(ctx context.Context, keys []Key, limit int) (map[Key][]Example, error)
}

// Objectives answers how promises stand; [slo.Evaluator] does.
type Objectives interface {
	Latest(ctx context.Context) ([]slo.Result, error)
}

// Store remembers incidents.
type Store interface {
	// WriteIncident is durable when it returns nil, and may be repeated. A row of
	// a higher version wins whatever the order of arrival.
	WriteIncident(ctx context.Context, i Incident, v lifecycle.Version) error
	// Incidents returns those firing and those closed since, oldest first, each
	// in its newest version.
	Incidents(ctx context.Context, since time.Time) ([]Incident, error)
}

// Receiver is a place people are told at. Methods are called by one goroutine
// at a time. An error with a method RetryAfter() time.Duration says how long to
// leave the place alone.
type Receiver interface {
	// Name is unique and does not change: stored incidents refer to it.
	Name() string
	// Find looks for the message of an incident that an earlier attempt, begun at
	// since by the wall clock, may have posted. Receivers for which a repetition
	// is harmless find nothing.
	Find(ctx context.Context, incidentID string, since time.Time) (ref Ref, found bool, err error)
	// Post sends a new message. When it returns an error the message may be there
	// nevertheless.
	Post(ctx context.Context, m Message) (Ref, error)
	// Update replaces a message in place. ErrGone where it is not there any more.
	Update(ctx context.Context, ref Ref, m Message) error
}

// ErrGone is returned by Update for a message that somebody deleted.
var ErrGone = errors.New("the message is not there any more")
