package collector

import (
	"context"
	"errors"
	"time"

	"github.com/stocktrace/stocktrace/collector/access"
	"github.com/stocktrace/stocktrace/collector/canonical"
	"github.com/stocktrace/stocktrace/inventory"
)

// Publisher is the durable log the collector writes to.
type Publisher interface {
	// Publish appends records. When it returns nil all of them are on disk. When
	// it returns an error some may be: the sender repeats the request, and equal
	// records are one record, so that is harmless. Publish may keep the slice.
	Publish(ctx context.Context, records []inventory.Record) error
	// Quarantine appends what could not be read, under the same terms.
	Quarantine(ctx context.Context, entries []inventory.Quarantined) error
}

// Errors a Publisher may wrap to say why nothing was stored. Any other error is
// answered as [ErrFull] and [ErrUnavailable] are: the sender retries.
var (
	// ErrFull says that the log has reached its size limit.
	ErrFull = errors.New("the log is full")
	// ErrUnavailable says that the log cannot be reached.
	ErrUnavailable = errors.New("the log is unavailable")
	// ErrTooLarge says that one of what was given is larger than a message of the
	// log may be. It never will be smaller: it is kept in the quarantine, as far as
	// that takes it, and what came with it is published without it.
	ErrTooLarge = errors.New("too large for a message of the log")
)

// errOutOfScope is why a sender may not say what it said. It does not pass: who
// repeats the request hears the same.
var errOutOfScope = errors.New("the sender may not say this")

// outOfScope is a request of which nothing may be said by its sender.
type outOfScope struct{ first canonical.Refused }

func (e *outOfScope) Error() string        { return "nothing was stored: the event " + e.first.Detail }
func (e *outOfScope) Is(target error) bool { return target == errOutOfScope }

// defaultRetryAfter is when a sender is asked to come again where the error
// does not say. A log that is full or gone does not recover within a second.
const defaultRetryAfter = 5 * time.Second

// retryAfter is how long a sender should wait before it repeats a request that
// failed with err: what the error says by a RetryAfter method, in whole seconds
// because HTTP has no finer ones, and at least one.
func retryAfter(err error) time.Duration {
	var timed interface{ RetryAfter() time.Duration }
	after := defaultRetryAfter
	if errors.As(err, &timed) {
		after = timed.RetryAfter()
	}
	return max((after + time.Second - 1).Truncate(time.Second), time.Second)
}

// refusal names why a request was refused, for metrics.
func refusal(err error) string {
	var fast *access.TooFast
	switch {
	case errors.As(err, &fast):
		return "rate"
	case errors.Is(err, errOutOfScope):
		return "scope"
	case errors.Is(err, ErrFull):
		return "full"
	case errors.Is(err, ErrUnavailable):
		return "unavailable"
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, context.Canceled):
		return "canceled"
	default:
		return "error"
	}
}
