package lifecycle

import (
	"sort"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// Evidence is what feeds said of how far they reach: the facts a verdict
// depends on besides its records. The zero value knows no feed, and then
// nothing waits for one. It is not safe for concurrent change.
type Evidence struct {
	feeds    map[inventory.Feed]*history
	bySystem map[string][]inventory.Feed
	// Position is the newest fact taken in.
	position uint64
}

// history is one feed's watermarks in order of receipt; through is the running
// maximum, so that an extract repeated late takes nothing back.
type history struct {
	received []time.Time
	through  []time.Time
}

// NewEvidence returns evidence of the given facts.
func NewEvidence(facts ...inventory.Fact) *Evidence {
	e := &Evidence{}
	for i := range facts {
		e.Add(facts[i])
	}
	return e
}

// Add takes in a fact. Order and repetition do not matter.
func (e *Evidence) Add(f inventory.Fact) {
	if e.feeds == nil {
		e.feeds = map[inventory.Feed]*history{}
		e.bySystem = map[string][]inventory.Feed{}
	}
	e.position = max(e.position, f.Position)
	feed := f.Watermark.Feed()
	h := e.feeds[feed]
	if h == nil {
		h = &history{}
		e.feeds[feed] = h
		e.bySystem[feed.System] = append(e.bySystem[feed.System], feed)
	}
	at := sort.Search(len(h.received), func(i int) bool { return h.received[i].After(f.ReceivedAt) })
	through := f.Watermark.CompleteThrough
	if at > 0 && h.through[at-1].After(through) {
		through = h.through[at-1]
	}
	h.received = append(h.received, time.Time{})
	h.through = append(h.through, time.Time{})
	copy(h.received[at+1:], h.received[at:])
	copy(h.through[at+1:], h.through[at:])
	h.received[at], h.through[at] = f.ReceivedAt, through
	for i := at + 1; i < len(h.through) && h.through[i].Before(through); i++ {
		h.through[i] = through
	}
}

// Position returns the position of the newest fact taken in.
func (e *Evidence) Position() uint64 {
	if e == nil {
		return 0
	}
	return e.position
}

// Trim forgets what was received before t, keeping each feed's state at t.
func (e *Evidence) Trim(t time.Time) {
	for _, h := range e.feeds {
		n := sort.Search(len(h.received), func(i int) bool { return h.received[i].After(t) })
		if n > 1 {
			h.received = append(h.received[:0], h.received[n-1:]...)
			h.through = append(h.through[:0], h.through[n-1:]...)
		}
	}
}

// reach says when the evidence of a system about a location was complete
// through t: at once (zero time) where no feed was known by then, at a time, or
// not yet as far as is known (ok false).
//
// A feed first heard of after t binds nothing that was due before it spoke.
func (e *Evidence) reach(system, location string, t time.Time) (at time.Time, ok bool) {
	if e == nil {
		return time.Time{}, true
	}
	for _, feed := range e.bySystem[system] {
		if feed.Location != "" && inventory.Unpad(feed.Location) != inventory.Unpad(location) {
			continue
		}
		h := e.feeds[feed]
		if h.received[0].After(t) {
			continue
		}
		i := sort.Search(len(h.through), func(i int) bool { return !h.through[i].Before(t) })
		if i == len(h.through) {
			return time.Time{}, false
		}
		if h.received[i].After(at) {
			at = h.received[i]
		}
	}
	return at, true
}

// silenceFloor is the least silence worth saying, silenceFactor how many of a
// feed's usual gaps make one: a feed that speaks every minute is missed after
// five, one that speaks every five minutes after twenty.
const (
	silenceFloor  = 5 * time.Minute
	silenceFactor = 4
	silenceWindow = 20
)

// Silence is a stretch in which a feed that used to speak did not.
type Silence struct {
	Feed inventory.Feed
	// Last is when it was last heard, Opened when its silence became one, Ended
	// when it spoke again; zero while it lasts.
	Last, Opened, Ended time.Time
	// Through is how far its evidence reached when it fell silent.
	Through time.Time
}

// silences returns every silence of every feed up to now, and when the next one
// would open if nothing more arrives. Store feeds are judged in opening hours.
func (e *Evidence) silences(locate func(string) inventory.Location, now time.Time) (all []Silence, next time.Time) {
	if e == nil {
		return nil, time.Time{}
	}
	for feed, h := range e.feeds {
		location := inventory.Undeclared("")
		if feed.Location != "" {
			location = locate(feed.Location)
		}
		var gaps []time.Duration
		for i, at := range h.received {
			opens := location.AfterOpen(at, tolerance(gaps))
			last := i+1 == len(h.received)
			if last && opens.After(now) {
				if next.IsZero() || opens.Before(next) {
					next = opens
				}
				continue
			}
			if last || h.received[i+1].After(opens) {
				s := Silence{Feed: feed, Last: at, Opened: opens, Through: h.through[i]}
				if !last {
					s.Ended = h.received[i+1]
				}
				all = append(all, s)
			}
			if !last {
				// A silence, or a night, is no usual gap.
				if gap := h.received[i+1].Sub(at); !h.received[i+1].After(opens) {
					gaps = append(gaps, gap)
				}
			}
		}
	}
	sort.Slice(all, func(i, j int) bool {
		if !all[i].Opened.Equal(all[j].Opened) {
			return all[i].Opened.Before(all[j].Opened)
		}
		return all[i].Feed.String() < all[j].Feed.String()
	})
	return all, next
}

// tolerance is how long a feed with these gaps may be silent.
func tolerance(gaps []time.Duration) time.Duration {
	if len(gaps) > silenceWindow {
		gaps = gaps[len(gaps)-silenceWindow:]
	}
	if len(gaps) == 0 {
		return 3 * silenceFloor // one watermark is no rhythm yet
	}
	sorted := append([]time.Duration(nil), gaps...)
	sort.Slice(sorted, func(i, j int) bool { return sorted[i] < sorted[j] })
	return max(silenceFloor, silenceFactor*sorted[len(sorted)/2])
}
