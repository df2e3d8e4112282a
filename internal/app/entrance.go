package app

import (
	"context"
	"errors"
	"time"

	"github.com/stocktrace/stocktrace/collector"
	"github.com/stocktrace/stocktrace/internal/stream"
	"github.com/stocktrace/stocktrace/inventory"
)

// watch is the log's entrance as the collector knows it; the pulse hears of it
// when the log refuses a message because it is full.
func (p *pulse) watch(to collector.Publisher) collector.Publisher { return entrance{to, p} }

type entrance struct {
	collector.Publisher
	pulse *pulse
}

func (e entrance) Publish(ctx context.Context, records []inventory.Record) error {
	return e.answer(e.Publisher.Publish(ctx, records))
}

func (e entrance) Quarantine(ctx context.Context, entries []inventory.Quarantined) error {
	return e.answer(e.Publisher.Quarantine(ctx, entries))
}

// answer says in the collector's words what the log said in its own: neither
// package knows the other.
func (e entrance) answer(err error) error {
	switch {
	case errors.Is(err, stream.ErrFull):
		e.pulse.mu.Lock()
		e.pulse.refused = time.Now()
		e.pulse.mu.Unlock()
		return &answered{err, collector.ErrFull}
	case errors.Is(err, stream.ErrTooLarge):
		return &answered{err, collector.ErrTooLarge}
	case errors.Is(err, stream.ErrUnavailable):
		return &answered{err, collector.ErrUnavailable}
	}
	return err
}

// answered is an error of the log that is known to the collector, too. It says
// what the log says.
type answered struct {
	error
	means error
}

func (e *answered) Is(target error) bool { return target == e.means }
func (e *answered) Unwrap() error        { return e.error }
