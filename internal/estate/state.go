package estate

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"
)

// saved is what a restart needs: when the retailer began, where to take up the
// schedule so that everything not yet acknowledged is drawn again, and up to
// where it was acknowledged.
type saved struct {
	Version int               `json:"version"`
	Begun   map[string]string `json:"begun"` // options that may not change
	Start   time.Time         `json:"start"`
	Live    time.Time         `json:"live"`
	History History           `json:"history"`
	Eras    []era             `json:"eras"`
	Base    cursor            `json:"base"`
	// SentThrough: every message due before it has been acknowledged. It says
	// nothing before HistorySent.
	SentThrough time.Time `json:"sent_through"`
	HistorySent bool      `json:"history_sent"`
	Now         time.Time `json:"now"`
}

const stateVersion = 1

// load returns what an earlier run saved, nil where there was none.
func (e *Estate) load() (*saved, error) {
	if e.opts.State == nil {
		return nil, nil
	}
	b, err := e.opts.State.Load()
	if err != nil || len(b) == 0 {
		return nil, err
	}
	var s saved
	if err := json.Unmarshal(b, &s); err != nil {
		return nil, fmt.Errorf("estate: the saved state cannot be read: %w", err)
	}
	if s.Version != stateVersion {
		return nil, fmt.Errorf("estate: the saved state has version %d, this build reads %d", s.Version, stateVersion)
	}
	if len(s.Eras) == 0 {
		return nil, errors.New("estate: the saved state has no rate: it is damaged")
	}
	for name, now := range e.begun() {
		if then := s.Begun[name]; then != now {
			return nil, fmt.Errorf("estate: this retailer was begun with %s %q, not %q: start it so, or keep its state elsewhere", name, then, now)
		}
	}
	return &s, nil
}

// begun lists the options that make what is sent; a restart must have the same.
func (e *Estate) begun() map[string]string {
	o := &e.opts
	baskets := "made up"
	if len(o.Baskets) > 0 {
		numbers := make([]uint64, 0, 2*len(o.Baskets))
		for _, b := range o.Baskets {
			numbers = append(numbers, digest(b.Document), uint64(len(b.Lines)))
		}
		baskets = fmt.Sprintf("%d documents (%x)", len(o.Baskets), digest("baskets", numbers...))
	}
	return map[string]string{
		"seed": strconv.FormatUint(o.Seed, 10), "stores": strconv.Itoa(o.Stores),
		"batch share": strconv.FormatFloat(o.BatchShare, 'g', -1, 64),
		"day share":   strconv.FormatFloat(o.DayShare, 'g', -1, 64),
		"dealings":    strconv.FormatFloat(o.Dealings, 'g', -1, 64),
		"baskets":     baskets, "faults": o.Faults.String(), "deadlines": fmt.Sprint(o.Deadlines),
	}
}

// save writes the state. The truth goes first: it must not lack what a restart
// does not draw again.
func (e *Estate) save() error {
	if err := e.truth.flush(); err != nil {
		return err
	}
	if e.opts.State == nil {
		return nil
	}
	base, through := e.ledger.restart()
	b, err := json.Marshal(saved{
		Version: stateVersion, Begun: e.begun(), Start: e.start, Live: e.live, History: e.opts.History,
		Eras: e.schedule.eras, Base: base, SentThrough: through, HistorySent: e.sent,
		Now: e.opts.Clock.Now().UTC(),
	})
	if err != nil {
		return fmt.Errorf("estate: save state: %w", err)
	}
	return e.opts.State.Save(b)
}

// ledger knows what has been planned and not acknowledged. It may be used from
// several goroutines.
type ledger struct {
	mu sync.Mutex
	// pending counts the messages of each slot not yet acknowledged.
	pending map[slot]int
	// open holds what the feeds have been given, by order of planning.
	open map[uint64]time.Time
	// through is the time up to which everything has been given to the feeds.
	through time.Time
	// snapshots are cursors to begin again at, oldest first.
	snapshots []cursor
}

func newLedger(first cursor, through time.Time) *ledger {
	return &ledger{
		pending: map[slot]int{}, open: map[uint64]time.Time{}, through: through,
		snapshots: []cursor{first.clone()},
	}
}

// mostSnapshots is how many cursors are kept. A history sent in random order needs
// its first one to the end; what a restart finds between that and the newest only
// spares it drawing a part once more.
const mostSnapshots = 64

// snapshot keeps the cursor of a slot about to be drawn. Where that makes too many,
// every second one is given up, save the first.
func (l *ledger) snapshot(c cursor) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.snapshots = append(l.snapshots, c)
	l.prune()
	if len(l.snapshots) > mostSnapshots {
		n := 0
		for i, kept := range l.snapshots {
			if i%2 == 0 {
				l.snapshots[n] = kept
				n++
			}
		}
		clear(l.snapshots[n:])
		l.snapshots = l.snapshots[:n]
	}
}

// prune drops the snapshots that no restart needs and returns the one it would.
func (l *ledger) prune() cursor {
	need := l.snapshots[len(l.snapshots)-1].Slot
	for s := range l.pending {
		need = min(need, s)
	}
	keep := 0
	for i, c := range l.snapshots {
		if c.Slot <= need {
			keep = i
		}
	}
	l.snapshots = slices.Delete(l.snapshots, 0, keep)
	return l.snapshots[0]
}

func (l *ledger) planned(s slot, messages int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if messages > 0 {
		l.pending[s] += messages
	}
}

// handed notes messages given to a feed, which happens in order of sending
// except in the history.
func (l *ledger) handed(messages []*message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range messages {
		l.open[m.seq] = m.send
		l.through = later(l.through, m.send)
	}
}

// done notes messages acknowledged, or refused for good.
func (l *ledger) done(messages []*message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range messages {
		delete(l.open, m.seq)
		if l.pending[m.sale.slot]--; l.pending[m.sale.slot] <= 0 {
			delete(l.pending, m.sale.slot)
		}
	}
}

// oldest returns the due time of the oldest message not acknowledged.
func (l *ledger) oldest() (t time.Time, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, send := range l.open {
		if !ok || send.Before(t) {
			t, ok = send, true
		}
	}
	return t, ok
}

// restart returns where a restart begins: the cursor to draw from, and the time
// before which everything due has been acknowledged.
func (l *ledger) restart() (cursor, time.Time) {
	oldest, waiting := l.oldest()
	l.mu.Lock()
	defer l.mu.Unlock()
	through := l.through
	if waiting && oldest.Before(through) {
		through = oldest
	}
	return l.prune().clone(), through
}
