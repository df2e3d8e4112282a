package estate

import (
	"bytes"
	"context"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// Delivery is an event as a rehearsal hands it over.
type Delivery struct {
	Event inventory.Event
	// RecordID and Transport are what an instance would know it by.
	RecordID  string
	Transport string
	// At is when it is sent; everything in the history at the same time.
	At time.Time
}

// Rehearse plays a retailer to its end without an instance and without waiting:
// every event and watermark goes to deliver, in the order in which it would be
// sent. State, Acked and the addresses of opts are not used; Clock says when it
// begins. It returns the truth.
func Rehearse(ctx context.Context, opts Options, deliver func(Delivery)) (*Truth, error) {
	clock := &rehearsalClock{now: time.Now()}
	if opts.Clock != nil {
		clock.now = opts.Clock.Now()
	}
	var told bytes.Buffer
	opts.Clock, opts.State, opts.Acked, opts.Truth, opts.Progress = clock, nil, nil, &told, nil
	e, err := plan(opts)
	if err != nil {
		return nil, err
	}
	stage := &stage{clock: clock, deliver: deliver, done: e.ledger.done}
	e.outlet = stage
	if err := e.trade(ctx); err != nil {
		return nil, err
	}
	now := clock.Now().UTC().Truncate(time.Millisecond)
	stage.say(e.farewell(now))
	e.leave()
	e.truth.write(line{End: &now})
	if err := e.truth.flush(); err != nil {
		return nil, err
	}
	return ReadTruth(&told)
}

// stage is the outlet of a rehearsal.
type stage struct {
	clock   Clock
	deliver func(Delivery)
	done    func([]*message)
}

func (s *stage) give(_ context.Context, _ feedID, p parcel) error {
	at := s.clock.Now().UTC()
	for _, m := range p.messages {
		e := m.event()
		s.deliver(Delivery{Event: e, RecordID: m.recordID(), Transport: m.via.String(), At: at})
	}
	s.done(p.messages)
	s.say(p.marks)
	return nil
}

func (s *stage) settle(context.Context) error { return nil }

func (s *stage) say(marks []mark) {
	for _, m := range marks {
		e := inventory.Event{
			ID: m.id(), Source: m.source(), Type: inventory.TypeWatermark, Time: m.said,
			System: m.feed.String(), Location: m.location,
			Watermark: &inventory.Watermark{System: m.feed.String(), Location: m.location, CompleteThrough: m.through},
		}
		s.deliver(Delivery{
			Event: e, RecordID: inventory.RecordID(m.source(), m.id()), Transport: cloudEvents.String(), At: s.clock.Now().UTC(),
		})
	}
}

// rehearsalClock passes as soon as anybody waits.
type rehearsalClock struct{ now time.Time }

func (c *rehearsalClock) Now() time.Time { return c.now }

func (c *rehearsalClock) After(d time.Duration) <-chan time.Time {
	c.now = c.now.Add(max(d, 0))
	ch := make(chan time.Time, 1)
	ch <- c.now
	return ch
}
