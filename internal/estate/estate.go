package estate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// Estate is a simulated retailer. It runs once.
type Estate struct {
	opts     Options
	stores   []*store
	depots   []inventory.Location // the warehouses
	mishaps  []Fault              // dealingFaults
	start    time.Time            // where the schedule began, at the very first start
	live     time.Time            // where the history ends and the live part begins
	schedule *schedule
	episodes *episodes
	client   *client
	truth    *truthWriter
	outlet   outlet
	ledger   *ledger
	// resumed is what an earlier run left, nil where there was none.
	resumed *saved

	// Of the goroutine of Run alone:
	agenda  agenda
	batch   [feedCount]parcel // due now, not yet handed to the feed
	planned uint64            // messages so far
	unsent  int               // messages on the agenda
	final   time.Time         // when everything sold so far is final
	silent  map[mark]bool     // silences written to the truth, by feed and beginning
	sent    bool              // the history is

	mu    sync.Mutex
	stats Stats
}

// Stats is how far an estate has come.
type Stats struct {
	// Phase is history, live, draining or done.
	Phase string
	Now   time.Time
	// Sales counts documents rung up, Events their messages, Acked those the
	// instance has acknowledged, Refused those it never will.
	Sales, Events, Acked, Refused int64
	Requests, Retries             int64
	// Behind is how long the oldest event not yet acknowledged has been due.
	Behind time.Duration
	Faults map[Fault]int64
}

// outlet takes what the systems export.
type outlet interface {
	// give hands over a feed's next messages and watermarks. It may wait.
	give(ctx context.Context, f feedID, p parcel) error
	// settle returns when everything given is acknowledged.
	settle(ctx context.Context) error
}

// New lays out the retailer, or takes up the one that opts.State remembers. Run
// gives back what it holds.
func New(opts Options) (*Estate, error) {
	e, err := plan(opts)
	if err != nil {
		return nil, err
	}
	if e.client, err = newClient(&e.opts); err != nil {
		return nil, err
	}
	return e, nil
}

// plan makes a retailer that reports to nobody yet.
func plan(opts Options) (*Estate, error) {
	if opts.Clock == nil {
		opts.Clock = machineClock{}
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.Concurrency < 1 {
		opts.Concurrency = 1
	}
	if opts.BatchSize < 1 {
		opts.BatchSize = 500
	}
	if err := opts.validate(); err != nil {
		return nil, err
	}
	stores, groups, err := buildStores(opts.Seed, opts.Stores, opts.BatchShare, opts.DayShare)
	if err != nil {
		return nil, err
	}
	depots, err := warehouses()
	if err != nil {
		return nil, err
	}
	e := &Estate{
		opts: opts, stores: stores, depots: depots, mishaps: dealingFaults, truth: newTruthWriter(opts.Truth),
		silent: map[mark]bool{}, stats: Stats{Faults: map[Fault]int64{}},
	}
	if err := e.begin(groups); err != nil {
		return nil, err
	}
	return e, nil
}

// begin finds the times of the retailer: of an earlier run, or from now on.
func (e *Estate) begin(groups []tradingGroup) error {
	now := e.opts.Clock.Now().UTC()
	state, err := e.load()
	if err != nil {
		return err
	}
	eras := []era{{Rate: e.opts.Rate}}
	if state == nil {
		e.live = slotOf(now.Add(slotLength)).start()
		h := &e.opts.History
		if h.Sales > 0 {
			if h.To.IsZero() {
				h.To = slotOf(now).start()
			}
			if h.From.IsZero() {
				h.From = h.To.Add(-24 * time.Hour)
			}
			h.From, h.To = h.From.UTC(), h.To.UTC()
			if h.To.After(now) || h.To.Sub(h.From) < time.Minute {
				return fmt.Errorf("estate: the history from %s to %s is not a past of a minute or more", h.From, h.To)
			}
			e.live = slotOf(now).start()
			e.start = slotOf(h.From).start()
		} else {
			e.start = e.live
		}
	} else {
		e.resumed = state
		e.start, e.live, e.opts.History = state.Start, state.Live, state.History
		eras = state.Eras
		if pause := state.Now.Add(e.opts.CatchUp); now.After(pause) && state.HistorySent {
			eras = append(eras, era{From: pause, Rate: 0}, era{From: now, Rate: e.opts.Rate})
		} else if eras[len(eras)-1].Rate != e.opts.Rate {
			eras = append(eras, era{From: now, Rate: e.opts.Rate})
		}
	}
	e.schedule = newSchedule(&e.opts, e.stores, groups, e.start, e.live, eras)
	if e.opts.History.Sales > 0 && e.schedule.historySum == 0 {
		return errors.New("estate: no store is open during the history")
	}
	if state != nil {
		if len(state.Base.Sequences) != len(e.schedule.cursor.Sequences) || len(state.Base.Last) != len(e.stores) {
			return errors.New("estate: the saved state does not fit the stores: it is damaged")
		}
		e.schedule.cursor = state.Base
		if len(state.Base.Rung) != len(state.Base.Sequences) { // saved by an earlier version
			e.schedule.cursor.Rung = make([]int64, len(state.Base.Sequences))
		}
		if e.schedule.cursor.Days == nil {
			e.schedule.cursor.Days = map[dayKey]*dayBook{}
		}
		if e.schedule.cursor.Documents == nil {
			e.schedule.cursor.Documents = map[runKey]int{}
		}
	}
	e.episodes = &episodes{
		seed: e.schedule.identity, faults: e.opts.Faults, live: e.live, gaps: map[int64]mappingGap{},
	}
	if e.opts.Faults[MappingGap] > 0 {
		sample := e.opts.Baskets
		if len(sample) == 0 {
			for n := range uint64(2000) {
				sample = append(sample, e.schedule.goods.basket(digest("sample", n)))
			}
		}
		e.episodes.popular = measurePopularity(sample)
	}
	e.ledger = newLedger(e.schedule.cursor, e.live)
	if state != nil && state.HistorySent {
		e.sent = true
		e.ledger.through = state.SentThrough
	}
	return nil
}

// Stats may be called at any time, from anywhere.
func (e *Estate) Stats() Stats {
	e.mu.Lock()
	s := e.stats
	s.Faults = make(map[Fault]int64, len(e.stats.Faults))
	for f, n := range e.stats.Faults {
		s.Faults[f] = n
	}
	e.mu.Unlock()
	s.Now = e.opts.Clock.Now()
	s.Acked, s.Refused = e.client.ackedEvents.Load(), e.client.refused.Load()
	s.Requests, s.Retries = e.client.requests.Load(), e.client.retries.Load()
	if oldest, ok := e.ledger.oldest(); ok {
		s.Behind = max(s.Now.Sub(oldest), 0)
	}
	return s
}
