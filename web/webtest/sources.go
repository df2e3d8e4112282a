package webtest

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/web"
)

// SourceDetails implements [web.Reader]: the sources as they are listed, what
// their events are worth counted from the records.
func (m *Memory) SourceDetails(_ context.Context, since, until time.Time) ([]web.SourceDetail, error) {
	done, err := m.open()
	if err != nil {
		return nil, err
	}
	defer done()
	list := make([]web.SourceDetail, len(m.SourceList))
	for i, src := range m.SourceList {
		d := &list[i]
		d.Source, d.Events = src, 0
		for _, r := range m.RecordList {
			if r.Event.System == src.System && !r.Event.Fact() && r.Event.Action == nil &&
				!r.ReceivedAt.Before(since) && r.ReceivedAt.Before(until) {
				weigh(d, &r, since, until)
			}
		}
	}
	return list, nil
}

func weigh(d *web.SourceDetail, r *inventory.Record, since, until time.Time) {
	d.Events++
	delay := r.ReceivedAt.Sub(r.Event.Time)
	if delay > web.LateAfter {
		d.Late++
	}
	if delay < -web.AheadAfter {
		d.Ahead++
	}
	d.Skew = max(d.Skew, -delay)
	if r.Event.Outcome == inventory.Suppressed {
		d.Suppressed++
	}
	names := set{}
	for _, k := range r.Event.Keys {
		names.add(k.Name)
	}
	if r.Event.CorrelationID != "" {
		names.add(inventory.KeyCorrelationID)
	}
	if r.Event.TraceID != "" {
		names.add(inventory.KeyTraceID)
	}
	if d.Keys == nil {
		d.Keys = map[string]int{}
	}
	for name := range names {
		d.Keys[name]++
	}
	d.Trend[int(r.ReceivedAt.Sub(since)*web.TrendSlots/until.Sub(since))]++
}

// Habits implements [web.Reader].
func (m *Memory) Habits(_ context.Context, limit int) ([]web.Habit, error) {
	done, err := m.open()
	if err != nil {
		return nil, err
	}
	defer done()
	return slices.Clone(m.HabitList[:min(limit, len(m.HabitList))]), nil
}

// Reports implements [web.Reader].
func (m *Memory) Reports(_ context.Context, since time.Time, systems []string) (list []web.Report, err error) {
	done, err := m.open()
	if err != nil {
		return nil, err
	}
	defer done()
	for _, r := range m.ReportList {
		if slices.Contains(systems, r.System) && !r.ReceivedAt.Before(since) {
			list = append(list, r)
		}
	}
	return list, nil
}

// Queues implements [web.Reader].
func (m *Memory) Queues(_ context.Context, since, until time.Time, limit int) ([]web.Queue, error) {
	done, err := m.open()
	if err != nil {
		return nil, err
	}
	defer done()
	list := slices.DeleteFunc(slices.Clone(m.QueueList), func(q web.Queue) bool { return q.LastAt.Before(since) || !q.LastAt.Before(until) })
	return list[:min(limit, len(list))], nil
}

// Replays implements [web.Reader].
func (m *Memory) Replays(_ context.Context, since, until time.Time, limit int) ([]web.Replay, error) {
	done, err := m.open()
	if err != nil {
		return nil, err
	}
	defer done()
	list := slices.DeleteFunc(slices.Clone(m.ReplayList), func(r web.Replay) bool { return r.ReceivedAt.Before(since) || !r.ReceivedAt.Before(until) })
	return list[:min(limit, len(list))], nil
}

// QuarantineCounts implements [web.Reader].
func (m *Memory) QuarantineCounts(_ context.Context, limit int) ([]web.QuarantineCount, error) {
	done, err := m.open()
	if err != nil {
		return nil, err
	}
	defer done()
	var list []web.QuarantineCount
	seen := map[[3]string]bool{}
	for _, q := range m.Quarantined {
		if _, landed := m.LandedList[q.ID]; landed {
			continue
		}
		i := slices.IndexFunc(list, func(c web.QuarantineCount) bool { return c.Reason == q.Reason && c.Source == q.Source })
		if i < 0 {
			i = len(list)
			list = append(list, web.QuarantineCount{Reason: q.Reason, Source: q.Source, FirstAt: q.ReceivedAt, LastAt: q.ReceivedAt})
		}
		c := &list[i]
		c.Count++
		c.Bytes += int64(len(q.Raw))
		if name := [3]string{q.Reason, q.Source, q.ID}; !seen[name] {
			seen[name] = true
			c.Different++
		}
		if q.ReceivedAt.Before(c.FirstAt) {
			c.FirstAt = q.ReceivedAt
		}
		if q.ReceivedAt.After(c.LastAt) {
			c.LastAt = q.ReceivedAt
		}
	}
	slices.SortFunc(list, func(a, b web.QuarantineCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Source, b.Source))
	})
	return list[:min(limit, len(list))], nil
}

// Quarantine implements [web.Reader].
func (m *Memory) Quarantine(_ context.Context, q web.QuarantineQuery) ([]web.Unread, error) {
	done, err := m.open()
	if err != nil {
		return nil, err
	}
	defer done()
	var list []web.Unread
	for _, item := range m.Quarantined {
		u, landed := m.LandedList[item.ID]
		u.Quarantined = item
		if landed == (q.State == web.Landed) || q.State == web.Any {
			list = append(list, u)
		}
	}
	list = slices.DeleteFunc(list, func(u web.Unread) bool {
		return q.Source != "" && q.Source != u.Source || q.Reason != "" && q.Reason != u.Reason || !after(q.Page.After, u.ReceivedAt, u.ID)
	})
	slices.SortFunc(list, func(a, b web.Unread) int {
		return cmp.Or(b.ReceivedAt.Compare(a.ReceivedAt), cmp.Compare(b.ID, a.ID))
	})
	return list[:min(q.Page.Limit, len(list))], nil
}

// Reingests implements [web.Reader].
func (m *Memory) Reingests(_ context.Context, page web.Page) ([]web.Reread, error) {
	done, err := m.open()
	if err != nil {
		return nil, err
	}
	defer done()
	list := slices.DeleteFunc(slices.Clone(m.RereadList), func(r web.Reread) bool { return !after(page.After, r.At, r.ID) })
	slices.SortFunc(list, func(a, b web.Reread) int { return cmp.Or(b.At.Compare(a.At), cmp.Compare(b.ID, a.ID)) })
	return list[:min(page.Limit, len(list))], nil
}
