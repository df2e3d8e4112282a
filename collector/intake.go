package collector

import (
	"context"
	"fmt"
	"time"

	"github.com/stocktrace/stocktrace/collector/canonical"
	"github.com/stocktrace/stocktrace/inventory"
)

// intake makes requests durable. Every way in ends here.
type intake struct {
	publisher Publisher
	clock     Clock
	timeout   time.Duration
	metrics   *metrics
}

// newIntake expects options with their defaults.
func newIntake(o Options) (*intake, error) {
	m, err := register(o.Registerer)
	if err != nil {
		return nil, err
	}
	return &intake{publisher: o.Publisher, clock: o.Clock, timeout: o.PublishTimeout, metrics: m}, nil
}

// now is the received time of a request.
func (in *intake) now() time.Time { return in.clock.Now().UTC().Truncate(time.Microsecond) }

// take stores what became of a request. When it returns nil everything is on
// disk and counted; otherwise the sender has to repeat the whole request.
func (in *intake) take(ctx context.Context, transport string, batch *canonical.Batch) error {
	ctx, cancel := context.WithTimeout(ctx, in.timeout)
	defer cancel()
	if len(batch.Records) > 0 {
		if err := in.publisher.Publish(ctx, batch.Records); err != nil {
			in.refused(transport, err)
			return fmt.Errorf("publish: %w", err)
		}
	}
	if len(batch.Rejected) > 0 {
		if err := in.quarantine(ctx, batch.Quarantined()); err != nil {
			return err
		}
	}
	if n := len(batch.Records); n > 0 {
		size := 0
		for i := range batch.Records {
			size += len(batch.Records[i].Raw)
		}
		in.metrics.accepted.WithLabelValues(transport).Add(float64(n))
		in.metrics.bytes.WithLabelValues(transport).Add(float64(size))
	}
	in.foreign(transport, batch.Foreign)
	return nil
}

// keep stores one entry in the quarantine.
func (in *intake) keep(ctx context.Context, entry inventory.Quarantined) error {
	ctx, cancel := context.WithTimeout(ctx, in.timeout)
	defer cancel()
	return in.quarantine(ctx, []inventory.Quarantined{entry})
}

func (in *intake) quarantine(ctx context.Context, entries []inventory.Quarantined) error {
	if err := in.publisher.Quarantine(ctx, entries); err != nil {
		in.refused(entries[0].Transport, err)
		return fmt.Errorf("quarantine: %w", err)
	}
	for _, e := range entries {
		in.metrics.quarantined.WithLabelValues(e.Transport, e.Reason).Inc()
		in.metrics.bytes.WithLabelValues(e.Transport).Add(float64(len(e.Raw)))
	}
	return nil
}

func (in *intake) foreign(transport string, n int) {
	if n > 0 {
		in.metrics.foreign.WithLabelValues(transport).Add(float64(n))
	}
}

func (in *intake) refused(transport string, err error) {
	in.metrics.refused.WithLabelValues(transport, refusal(err)).Inc()
}
