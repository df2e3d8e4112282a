package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/stocktrace/stocktrace/internal/store"
	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/lifecycle"
)

// keepQuarantine brings what could not be read from the log into the tables, and
// holds it to its size there.
func (a *App) keepQuarantine(ctx context.Context) error {
	r, err := a.stream.QuarantineReader(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	most := a.settings.QuarantineSize
	written := most // bytes since the size was last looked at
	var looked time.Time
	for ctx.Err() == nil {
		if written >= most/20 || time.Since(looked) > boundEvery {
			a.boundQuarantine(ctx)
			written, looked = 0, time.Now()
		}
		messages, err := r.Fetch(ctx, 100, time.Second)
		var done uint64
		var items []inventory.Quarantined
		if poison, ok := errors.AsType[*lifecycle.PoisonError](err); ok {
			// Quarantine that cannot be read is quarantined as it is.
			items = []inventory.Quarantined{unreadable(poison, a.clock.Now())}
			done = poison.Position
		} else if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		for _, m := range messages {
			items = append(items, m.Items...)
			done = m.Position
		}
		if len(items) == 0 {
			continue
		}
		if err := a.store.WriteQuarantine(ctx, items); err != nil {
			return fmt.Errorf("store quarantine: %w", err)
		}
		for i := range items {
			written += int64(len(items[i].Raw))
		}
		if err := r.Ack(ctx, done); err != nil {
			return err
		}
	}
	return nil
}

// unreadable is a message of the quarantine's own log that cannot be decoded.
func unreadable(p *lifecycle.PoisonError, now time.Time) inventory.Quarantined {
	return inventory.Quarantined{
		ID:         fmt.Sprintf("poison-%d-%d", p.Partition, p.Position),
		ReceivedAt: now.UTC().Truncate(time.Microsecond), Source: fmt.Sprintf("log of partition %d", p.Partition),
		Transport: "log", ContentType: "application/octet-stream", Reason: "poison",
		Detail: p.Error() + ": it was written by another version, or the disk has changed it.", Raw: p.Raw,
	}
}

// boundEvery is how often the size of the quarantine is looked at where little
// comes in.
const boundEvery = time.Minute

// boundQuarantine gives up the oldest entries where there are more than there may
// be. What cannot be done now is done the next time.
func (a *App) boundQuarantine(ctx context.Context) {
	most := uint64(a.settings.QuarantineSize)
	use, err := a.store.QuarantineUse(ctx)
	if err == nil && use.Bytes > most {
		var gone store.QuarantineDrop
		// A tenth more than needed, so that the next entry does not need it again.
		gone, err = a.store.DropQuarantine(ctx, most/10*9)
		switch {
		case err != nil:
		case gone.Entries == 0:
			a.log.Info("the quarantine was full: what had landed goes", "entries", gone.Landed)
		default:
			a.log.Error("the quarantine was full: its oldest entries go. Have what is mended read again, or raise --quarantine-size",
				"entries", gone.Entries, "bytes", gone.Bytes, "landed", gone.Landed, "received_from", use.Oldest, "through", gone.Through)
		}
	}
	switch {
	case err == nil, ctx.Err() != nil:
	case errors.Is(err, store.ErrDropping):
		a.log.Debug("the quarantine is still above its size", "error", err)
	default:
		a.log.Warn("the quarantine could not be held to its size; trying again", "error", err)
	}
}

// quarantineUse is how much the quarantine holds, and what to tell people about
// it.
type quarantineUse struct {
	store.QuarantineUse
	most uint64        // bytes it may hold
	keep time.Duration // how long; 0: for ever
}

// warning is what a person should know about what the quarantine is about to lose,
// empty where that is nothing: it is four fifths full, or its oldest entries reach
// the last tenth of their time.
func (u *quarantineUse) warning(now time.Time) string {
	const mib = 1 << 20
	switch {
	case u.Waiting == 0:
		return ""
	case u.Bytes >= u.most/5*4:
		return fmt.Sprintf("The quarantine holds %d of %d MiB; above that its oldest entries go, of which %d wait. Mend what is wrong and have them read again, or raise --quarantine-size.",
			u.Bytes/mib, u.most/mib, u.Waiting)
	case u.keep > 0 && now.Sub(u.Oldest) >= u.keep/10*9:
		return fmt.Sprintf("The oldest entries of the quarantine were received on %s and go on %s. Mend what is wrong and have them read again, or raise --retention.",
			u.Oldest.Format(time.DateOnly), u.Oldest.Add(u.keep).Format(time.DateOnly))
	}
	return ""
}
