package lifecycle

import (
	"context"
	"slices"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

func (w *world) Heard(_ context.Context, from, until time.Time, yield func(inventory.Heard)) error {
	var h HeardRecords
	for _, r := range w.records {
		if !r.ReceivedAt.Before(from) && r.ReceivedAt.Before(until) {
			h.Add(&r)
		}
	}
	for _, x := range h.Between(from, until) {
		yield(x)
	}
	return nil
}

func (w *world) KeepHeard(_ context.Context, rows []inventory.Heard) error {
	return w.op(func() {
		for _, r := range rows {
			w.kept = slices.DeleteFunc(w.kept, func(k inventory.Heard) bool { return CompareHeard(k, r) == 0 })
			w.kept = append(w.kept, r)
		}
		slices.SortFunc(w.kept, CompareHeard)
	})
}

func (w *world) KeptHeard(_ context.Context, since time.Time, yield func(inventory.Heard)) error {
	for _, k := range w.kept {
		if !k.Hour.Before(since) {
			yield(k)
		}
	}
	return nil
}

func (w *world) FirstReceived(context.Context) (first time.Time, err error) {
	for _, r := range w.records {
		first = sooner(first, r.ReceivedAt)
	}
	return first, nil
}

func (w *world) ResumedBy(_ context.Context, system, location, register string, at time.Time) (r Resumed, ok bool, err error) {
	for _, x := range w.records {
		s, l, reg, counted := x.SourceOf()
		if counted && (system == "" || s == system) && (location == "" || l == location) && (register == "" || reg == register) &&
			!x.ReceivedAt.Before(at) && x.ReceivedAt.Before(at.Add(time.Minute)) && (!ok || x.ReceivedAt.Before(r.ReceivedAt)) {
			r, ok = Resumed{x.ID, x.ReceivedAt, x.Event.Time}, true
		}
	}
	return r, ok, nil
}
