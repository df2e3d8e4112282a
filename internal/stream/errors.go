package stream

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/stocktrace/stocktrace/internal/wire"
	"github.com/stocktrace/stocktrace/lifecycle"
)

// ErrFull and ErrUnavailable say that a publish may succeed later. What wraps
// them also has, by errors.As, a method RetryAfter() time.Duration.
var (
	// ErrFull: the log has reached its cap. It empties as the engine makes
	// messages durable in the database and they grow old enough.
	ErrFull error = &temporary{"the log is full", 30 * time.Second}
	// ErrUnavailable: JetStream did not say in time that it has the messages.
	// It may have them nevertheless.
	ErrUnavailable error = &temporary{"the log is unavailable", 5 * time.Second}
)

// ErrTooLarge says that one record is larger than a message may be. Sending it
// again cannot help.
var ErrTooLarge = fmt.Errorf("record too large for the log: %w", lifecycle.ErrPermanent)

type temporary struct {
	msg   string
	after time.Duration
}

func (e *temporary) Error() string { return e.msg }

// RetryAfter is how long a sender should wait before it tries again.
func (e *temporary) RetryAfter() time.Duration { return e.after }

// JetStream's error codes, as far as they decide anything here.
const (
	codeAccountResources = 10002
	codeInsufficient     = 10023
	codeMemoryResources  = 10028
	codeStorageResources = 10047
	codeMessageTooLarge  = 10054
	codeWrongRevision    = 10071
	codeStoreFailed      = 10077
)

func apiCode(err error) int {
	var api *jetstream.APIError
	if errors.As(err, &api) {
		return int(api.ErrorCode)
	}
	return 0
}

// classify says what a failed publish means for who asked for it.
func classify(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		return err // the caller itself gave up
	case errors.Is(err, nats.ErrMaxPayload), errors.Is(err, wire.ErrTooLarge):
		return fmt.Errorf("%w: %w", ErrTooLarge, err)
	}
	switch apiCode(err) {
	case codeMessageTooLarge:
		return fmt.Errorf("%w: %w", ErrTooLarge, err)
	case codeAccountResources, codeInsufficient, codeMemoryResources, codeStorageResources:
		return fmt.Errorf("%w: %w", ErrFull, err)
	case codeStoreFailed:
		if strings.Contains(err.Error(), "maximum") {
			return fmt.Errorf("%w: %w", ErrFull, err)
		}
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// conflicted reports whether a compare-and-set failed because the key has been
// written since.
func conflicted(err error) bool {
	return errors.Is(err, jetstream.ErrKeyExists) || apiCode(err) == codeWrongRevision
}
