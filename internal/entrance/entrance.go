// Package entrance is the log as the collector knows it: package stream's
// publisher, whose errors say what they mean in the collector's words. Neither of
// the two packages knows the other.
package entrance

import (
	"context"
	"errors"

	"github.com/stocktrace/stocktrace/collector"
	"github.com/stocktrace/stocktrace/internal/stream"
	"github.com/stocktrace/stocktrace/inventory"
)

// To returns the entrance to a log.
func To(log *stream.Log) collector.Publisher { return entrance{log.Publisher()} }

type entrance struct{ log *stream.Publisher }

func (e entrance) Publish(ctx context.Context, records []inventory.Record) error {
	return answer(e.log.Publish(ctx, records))
}

func (e entrance) Quarantine(ctx context.Context, entries []inventory.Quarantined) error {
	return answer(e.log.Quarantine(ctx, entries))
}

func answer(err error) error {
	switch {
	case errors.Is(err, stream.ErrFull):
		return &answered{err, collector.ErrFull}
	case errors.Is(err, stream.ErrTooLarge):
		return &answered{err, collector.ErrTooLarge}
	case errors.Is(err, stream.ErrUnavailable):
		return &answered{err, collector.ErrUnavailable}
	}
	return err
}

// answered is an error of the log that is one of the collector's, too. It says
// what the log says, and after how long to try again.
type answered struct {
	error
	means error
}

func (e *answered) Is(target error) bool { return target == e.means }
func (e *answered) Unwrap() error        { return e.error }
