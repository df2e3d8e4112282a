package store

import (
	"context"
	"time"

	"github.com/stocktrace/stocktrace/queries"
	"github.com/stocktrace/stocktrace/web"
)

var (
	webHabitsQuery  = queries.Get("web_habits")
	webReportsQuery = queries.Get("web_reports")
)

// Habits implements web.Reader.
func (p Pages) Habits(ctx context.Context, limit int) ([]web.Habit, error) {
	var list []web.Habit
	var whole map[uint8]bool // weeks whose hour is kept: its row without a system comes first
	err := p.store.Each(ctx, webHabitsQuery, nil, func(scan func(...any) error) error {
		var h web.Habit
		var seen uint8
		var weeks []uint8
		var minutes []uint64
		if err := scan(&h.System, &h.Location, &h.Register, &h.Hour, &seen, &weeks, &minutes); err != nil {
			return err
		}
		by := make(map[uint8]uint64, len(weeks))
		for i, w := range weeks {
			by[w] = minutes[i]
		}
		if h.System == "" {
			whole = map[uint8]bool{}
			for w := range by {
				whole[w] = true
			}
			return nil
		}
		if len(list) == limit {
			return nil
		}
		h.Hour, h.Seen = instant(h.Hour), int(seen)
		for w := uint8(1); w <= 4; w++ {
			if whole[w] {
				h.Weeks = append(h.Weeks, int(by[w]))
			}
		}
		list = append(list, h)
		return nil
	})
	return list, asked(err)
}

// Reports implements web.Reader.
func (p Pages) Reports(ctx context.Context, since time.Time, systems []string) ([]web.Report, error) {
	var list []web.Report
	err := p.store.Each(ctx, webReportsQuery, Params{"since": since, "systems": systems}, func(scan func(...any) error) error {
		var r web.Report
		if err := scan(&r.System, &r.Location, &r.Extract, &r.Through, &r.ReceivedAt); err != nil {
			return err
		}
		r.Through, r.ReceivedAt = instant(r.Through), instant(r.ReceivedAt)
		list = append(list, r)
		return nil
	})
	return list, asked(err)
}
