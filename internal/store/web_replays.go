package store

import (
	"context"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/queries"
	"github.com/stocktrace/stocktrace/web"
)

var (
	webQueuesQuery        = queries.Get("web_queues")
	webQueuesStalledQuery = queries.Get("web_queues_stalled")
	webReplaysQuery       = queries.Get("web_replays")
	webRootsQuery         = queries.Get("web_roots")
	webByComponentQuery   = queries.Get("web_lifecycles_by_component")
)

// Queues implements web.Reader.
func (p Pages) Queues(ctx context.Context, since, until time.Time, limit int) ([]web.Queue, error) {
	stalled := map[string]time.Time{}
	err := p.store.Each(ctx, webQueuesStalledQuery, nil, func(scan func(...any) error) error {
		var name string
		var at time.Time
		if err := scan(&name, &at); err != nil {
			return err
		}
		stalled[name] = instant(at)
		return nil
	})
	if err != nil {
		return nil, asked(err)
	}
	var list []web.Queue
	err = p.store.Each(ctx, webQueuesQuery, Params{"since": since, "until": until, "limit": limit}, func(scan func(...any) error) error {
		var q web.Queue
		var depth, first, most, age string
		var ages uint64
		if err := scan(&q.System, &q.Instance, &q.Location, &q.Queue, &depth, &first, &most, &q.At, &ages, &age, &q.LastAt); err != nil {
			return err
		}
		for _, d := range []struct {
			to   *inventory.Decimal
			from string
		}{{&q.Depth, depth}, {&q.Before, first}, {&q.Most, most}} {
			var err error
			if *d.to, err = parseFixed(d.from); err != nil {
				return err
			}
		}
		if ages > 0 {
			seconds, err := parseFixed(age)
			if err != nil {
				return err
			}
			whole, nano := seconds.Parts()
			q.OldestAge = time.Duration(min(whole, 1<<32))*time.Second + time.Duration(nano)
		}
		q.At, q.LastAt = instant(q.At), instant(q.LastAt)
		r := inventory.Reading{System: q.System, SystemInstance: q.Instance, Location: q.Location, Queue: q.Queue}
		q.StalledSince = stalled[r.QueueName()]
		list = append(list, q)
		return nil
	})
	return list, asked(err)
}

// Replays implements web.Reader.
func (p Pages) Replays(ctx context.Context, since, until time.Time, limit int) ([]web.Replay, error) {
	var list []web.Replay
	var entries []string
	err := p.store.Each(ctx, webReplaysQuery, Params{"since": since, "until": until, "limit": limit}, func(scan func(...any) error) error {
		var r web.Replay
		var entry string
		if err := scan(&r.RecordID, &entry, &r.System, &r.Step, &r.Location, &r.RequestedAt, &r.ReceivedAt, &r.Batch); err != nil {
			return err
		}
		r.RequestedAt, r.ReceivedAt = instant(r.RequestedAt), instant(r.ReceivedAt)
		r.Batch = strings.TrimPrefix(r.Batch, "batch:")
		list, entries = append(list, r), append(entries, entry)
		return nil
	})
	if err != nil || len(list) == 0 {
		return list, asked(err)
	}
	// A component's lifecycles lie under its root, which is the entry key's own
	// where that is the least.
	size := func(s *string) int { return len(*s) + 4 }
	components := entries
	for some := range pieces(entries, size) {
		err := p.store.Each(ctx, webRootsQuery, Params{"keys": some}, func(scan func(...any) error) error {
			var key, root string
			if err := scan(&key, &root); err != nil {
				return err
			}
			components = append(components, root)
			return nil
		})
		if err != nil {
			return nil, asked(err)
		}
	}
	var found []inventory.Lifecycle
	for some := range pieces(components, size) {
		err := p.store.Each(ctx, webByComponentQuery, Params{"components": some}, func(scan func(...any) error) error {
			row, err := scanLifecycle(scan)
			if err == nil {
				found = append(found, row.Lifecycle)
			}
			return err
		})
		if err != nil {
			return nil, asked(err)
		}
	}
	if err := p.addFindings(ctx, found); err != nil {
		return nil, asked(err)
	}
	web.SettleReplays(list, found)
	return list, nil
}
