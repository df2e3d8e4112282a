package lifecycle

import (
	"context"
	"fmt"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// Who is heard when is asked of the events table, up to the watermark: everything
// received before it is there. An hour that is over is asked once more, when
// nothing can come to it, and kept (see [Store.KeepHeard]): so a start reads a few
// weeks of hours and not of events, and what was learned outlasts the events. An
// hour is written whole or not at all, and anew after a crash.

const (
	// listenBehind is how long before the watermark is judged: what has its time
	// received may need a moment until it is in the log.
	listenBehind = time.Minute
	// settleHour is how long after its end an hour counts as told.
	settleHour = 30 * time.Minute
	// listenBack is what a start takes in: a state follows from the eight weeks
	// before (see habitWeeks) and a silence lasts four at most.
	listenBack = (3*habitWeeks + 2) * weekHours * time.Hour
)

// listener is what the owner of the facts knows of who is heard.
type listener struct {
	hearing *Hearing
	judged  time.Time
	said    map[string]toldSilence // what was written, by the finding's id
}

// toldSilence is what was written of a silence.
type toldSilence struct {
	print string
	ended time.Time // zero while it lasts
}

// listenAnew reads the hours that are kept.
func (o *factOwner) listenAnew(ctx context.Context) error {
	o.listener = listener{hearing: NewHearing(o.Rules), said: map[string]toldSilence{}}
	var rows []inventory.Heard
	until := time.Time{}
	since := o.Clock.Now().Add(-listenBack).Truncate(time.Hour)
	err := o.Store.KeptHeard(ctx, since, func(h inventory.Heard) {
		until = h.Hour.Add(time.Hour)
		if h.System != "" {
			rows = append(rows, h)
		}
	})
	if err != nil {
		return fmt.Errorf("load what was heard: %w", err)
	}
	o.listener.hearing.Take(rows, until)
	return nil
}

// keepHours takes in the hours that are over by now, a day at a time.
func (o *factOwner) keepHours(ctx context.Context, now time.Time) error {
	l := &o.listener
	if l.hearing.Next().IsZero() {
		first, err := o.Store.FirstReceived(ctx)
		if err != nil {
			return fmt.Errorf("look for the first record: %w", err)
		}
		if first.IsZero() {
			return nil
		}
		l.hearing.next = later2(first, now.Add(-listenBack)).Truncate(time.Hour).Unix() / 60
	}
	over := now.Add(-settleHour).Truncate(time.Hour)
	for from := l.hearing.Next(); from.Before(over); from = l.hearing.Next() {
		until := from.Add(24 * time.Hour)
		if until.After(over) {
			until = over
		}
		rows, err := o.heardBetween(ctx, from, until)
		if err != nil {
			return err
		}
		kept := rows
		for hour := from; hour.Before(until); hour = hour.Add(time.Hour) {
			kept = append(kept, inventory.Heard{Hour: hour}) // it is kept, whoever was heard
		}
		if err := o.Store.KeepHeard(ctx, kept); err != nil {
			return fmt.Errorf("keep what was heard: %w", err)
		}
		l.hearing.Take(rows, until)
	}
	return nil
}

func (o *factOwner) heardBetween(ctx context.Context, from, until time.Time) (rows []inventory.Heard, err error) {
	err = o.Store.Heard(ctx, from, until, func(h inventory.Heard) { rows = append(rows, h) })
	if err != nil {
		return nil, fmt.Errorf("ask who was heard: %w", err)
	}
	return rows, nil
}

// listen returns the findings about who fell silent that changed.
func (o *factOwner) listen(ctx context.Context, watermark time.Time) (rows []FindingRow, err error) {
	l := &o.listener
	now := watermark.Add(-listenBehind).Truncate(time.Minute)
	if watermark.IsZero() || !now.After(l.judged) {
		return nil, nil
	}
	if err := o.keepHours(ctx, now); err != nil || l.hearing.Next().IsZero() {
		return nil, err
	}
	heard, err := o.heardBetween(ctx, l.hearing.Next(), now)
	if err != nil {
		return nil, err
	}
	var fed []inventory.Finding
	o.withEvidence(func(ev *Evidence) { fed, _ = AboutFeeds(o.Rules, ev, now) })
	forgotten := now.Add(-o.factHistory)
	l.hearing.forget(forgotten)
	live := map[string]bool{}
	for _, q := range heardSilences(l.hearing, heard, fed, now) {
		f := q.finding(o.Rules, now)
		live[f.ID] = true
		print := findingFingerprint(&f)
		if l.said[f.ID].print == print {
			continue
		}
		if f.State == inventory.FindingClosed && !q.forgotten {
			r, ok, err := o.Store.ResumedBy(ctx, q.of.system, q.of.location, q.of.register, f.ClosedAt)
			if err != nil {
				return nil, fmt.Errorf("ask what ended a silence: %w", err)
			}
			if ok {
				q.resume(o.Rules, &f, r)
			}
		}
		l.said[f.ID] = toldSilence{print, f.ClosedAt}
		rows = append(rows, o.row(f))
	}
	for id, was := range l.said {
		if live[id] {
			continue
		}
		delete(l.said, id)
		if was.ended.IsZero() || was.ended.After(forgotten) {
			// It was told before something came that had been on its way.
			row := o.row(inventory.Finding{ID: id})
			row.Deleted = true
			rows = append(rows, row)
		}
	}
	l.judged = now
	return rows, nil
}
