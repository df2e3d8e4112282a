package app

import (
	"context"
	"errors"
	"time"

	"github.com/stocktrace/stocktrace/collector"
	"github.com/stocktrace/stocktrace/internal/entrance"
	"github.com/stocktrace/stocktrace/inventory"
)

// entrance is the log as the collector knows it; the pulse hears of it when the
// log refuses a message because it is full.
func (a *App) entrance() collector.Publisher { return watched{entrance.To(a.stream), a.pulse} }

type watched struct {
	collector.Publisher
	pulse *pulse
}

func (w watched) Publish(ctx context.Context, records []inventory.Record) error {
	return w.note(w.Publisher.Publish(ctx, records))
}

func (w watched) Quarantine(ctx context.Context, entries []inventory.Quarantined) error {
	return w.note(w.Publisher.Quarantine(ctx, entries))
}

func (w watched) note(err error) error {
	if errors.Is(err, collector.ErrFull) {
		w.pulse.mu.Lock()
		w.pulse.refused = time.Now()
		w.pulse.mu.Unlock()
	}
	return err
}
