package lifecycle

import (
	"slices"
	"sort"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// Evidence is what feeds said of how far they reach: the facts a verdict
// depends on besides its records. The zero value knows no feed, and then
// nothing waits for one. It is not safe for concurrent use: asking for silences
// notes what has been worked out.
type Evidence struct {
	feeds map[inventory.Feed]*history
	about map[about][]*history
	// runs are the reports of runs: of those that rules, where there are any,
	// declare.
	runs  map[runKey]*history
	rules *Rules
	// Position is the newest fact taken in.
	position uint64
	// missed is what reach was asked about and could only have told from what was
	// forgotten.
	missed map[about]struct{}
}

// about is what a feed tells of: a system, at one location (without padding) or,
// where that is empty, at all of them.
type about struct{ system, location string }

// history is one feed's watermarks in order of receipt, in microseconds since
// 1970, as facts are stored; through is the running maximum, so that an extract
// repeated late takes nothing back.
type history struct {
	feed     inventory.Feed
	received []int64
	through  []int64

	// What Trim has left of what it forgot: when the feed was first heard, when
	// last of what is forgotten, how far it reached then, and its latest usual gaps.
	forgot      bool
	first, last int64
	lost        int64
	base        []time.Duration

	// What follows from received[:settled+1], which only grows at its end: the
	// silences that have ended, and the latest usual gaps. The last watermark's
	// own silence opens at opens, worked out when known is set.
	settled int
	ended   []Silence
	gaps    []time.Duration
	opens   time.Time
	known   bool
}

// NewEvidence returns evidence of the given facts, which knows of no runs.
func NewEvidence(facts ...inventory.Fact) *Evidence { return (*Rules)(nil).NewEvidence(facts...) }

// NewEvidence returns evidence of the given facts, for a judgement by rules r.
func (r *Rules) NewEvidence(facts ...inventory.Fact) *Evidence {
	e := &Evidence{rules: r}
	for i := range facts {
		e.Add(facts[i])
	}
	return e
}

// Add takes in a fact. Order and repetition do not matter.
func (e *Evidence) Add(f inventory.Fact) {
	if e.feeds == nil {
		e.feeds = map[inventory.Feed]*history{}
		e.about = map[about][]*history{}
	}
	e.position = max(e.position, f.Position)
	feed := f.Watermark.Feed()
	h := e.feeds[feed]
	if h == nil {
		h = &history{feed: feed}
		e.feeds[feed] = h
		k := aboutOf(feed)
		e.about[k] = append(e.about[k], h)
	}
	h.add(f.ReceivedAt.UnixMicro(), f.Watermark.CompleteThrough.UnixMicro())
	e.addReport(&f)
}

func aboutOf(feed inventory.Feed) about {
	if feed.Location == "" {
		return about{feed.System, ""}
	}
	return about{feed.System, inventory.Unpad(feed.Location)}
}

func (h *history) add(received, through int64) {
	if h.forgot && received <= h.last { // among what is forgotten
		h.first, h.lost = min(h.first, received), max(h.lost, through)
		h.raise(0, h.lost)
		return
	}
	at, heard := slices.BinarySearch(h.received, received)
	switch {
	case at > 0:
		through = max(through, h.through[at-1])
	case h.forgot:
		through = max(through, h.lost)
	}
	if !heard { // what came at one instant is one word, and no gap
		if at < len(h.received) {
			h.unsettle()
		}
		h.received = slices.Insert(h.received, at, received)
		h.through = slices.Insert(h.through, at, through)
		h.known = false
	}
	h.raise(at, through)
}

// raise has everything from index i on reach at least through.
func (h *history) raise(i int, through int64) {
	for ; i < len(h.through) && h.through[i] <= through; i++ {
		if h.through[i] < through {
			h.through[i] = through
			if i < len(h.through)-1 {
				h.unsettle() // a silence that was worked out names how far the feed reached
			}
		}
	}
}

// unsettle has silences worked out anew, after something came out of order.
func (h *history) unsettle() {
	h.settled, h.ended, h.gaps, h.known = 0, nil, slices.Clone(h.base), false
}

// firstHeard is when the feed was first heard, whatever has been forgotten since.
func (h *history) firstHeard() int64 {
	if h.forgot {
		return h.first
	}
	return h.received[0]
}

// Position returns the position of the newest fact taken in.
func (e *Evidence) Position() uint64 {
	if e == nil {
		return 0
	}
	return e.position
}

// Trim forgets what was received before t, keeping each feed's state at t, once
// that is half of what is kept of the feed. What reach is asked about later and
// only the forgotten could tell is missed, and can be given back.
func (e *Evidence) Trim(locate func(string) inventory.Location, t time.Time) {
	for _, h := range e.feeds {
		if n := h.old(t); n > 0 {
			h.unsettle()
			h.settle(h.place(locate), n)
			h.base = slices.Clone(h.gaps)
			h.forget(n)
		}
	}
	for _, h := range e.runs {
		if n := h.old(t); n > 0 {
			h.forget(n)
		}
	}
}

// old is how many of the watermarks came before t, save the last one of them;
// none unless they are half of what is kept.
func (h *history) old(t time.Time) int {
	n := sort.Search(len(h.received), func(i int) bool { return h.received[i] > t.UnixMicro() }) - 1
	if n <= 0 || n < len(h.received)/2 {
		return 0
	}
	return n
}

// forget drops the first n watermarks, and keeps what they come to.
func (h *history) forget(n int) {
	h.first, h.last, h.lost, h.forgot = h.firstHeard(), h.received[n-1], h.through[n-1], true
	h.received = slices.Clone(h.received[n:])
	h.through = slices.Clone(h.through[n:])
	h.unsettle()
}

// Missed returns the systems and locations (without padding; empty: all of them)
// that reach was asked about since it was last called, and could only have told
// from what was forgotten.
func (e *Evidence) Missed() (systems, locations []string) {
	for k := range e.missed {
		systems, locations = append(systems, k.system), append(locations, k.location)
	}
	e.missed = nil
	return systems, locations
}

// Restore gives back what was forgotten about systems at locations, as Missed
// returned them. facts are all there are about them, in any order; others do no
// harm. What no fact tells any more stays forgotten for good.
func (e *Evidence) Restore(systems, locations []string, facts []inventory.Fact) {
	whole := map[*history]*history{}
	for i := range systems {
		for _, h := range e.about[about{systems[i], locations[i]}] {
			if h.forgot {
				whole[h] = &history{feed: h.feed}
			}
		}
		for k, h := range e.runs {
			if h.forgot && k.system == systems[i] && k.location == locations[i] {
				whole[h] = &history{feed: h.feed}
			}
		}
	}
	for i := range facts {
		f := &facts[i]
		of := []*history{e.feeds[f.Watermark.Feed()]}
		if run := e.reported(&f.Watermark); run != nil {
			of = append(of, e.runs[keyOfRun(run, f.Watermark.Location)])
		}
		for _, h := range of {
			// What is not among the forgotten is here already, or not yet taken in.
			if w := whole[h]; w != nil && f.ReceivedAt.UnixMicro() <= h.last && f.Position <= e.position {
				w.add(f.ReceivedAt.UnixMicro(), f.Watermark.CompleteThrough.UnixMicro())
			}
		}
	}
	for h, w := range whole {
		for i := range h.received {
			w.add(h.received[i], h.through[i])
		}
		*h = *w
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
	// Whole microseconds that are not before t.
	through := t.UnixMicro()
	if time.UnixMicro(through).Before(t) {
		through++
	}
	var latest int64
	bound := false
	places := []string{"", inventory.Unpad(location)}
	if places[1] == "" {
		places = places[:1]
	}
	for _, place := range places {
		k := about{system, place}
		for _, h := range e.about[k] {
			if h.firstHeard() > t.UnixMicro() {
				continue
			}
			if h.forgot && through <= h.lost {
				e.miss(k)
				return time.Time{}, false
			}
			i, _ := slices.BinarySearch(h.through, through)
			if i == len(h.through) {
				return time.Time{}, false
			}
			if !bound || h.received[i] > latest {
				latest, bound = h.received[i], true
			}
		}
	}
	if !bound {
		return time.Time{}, true
	}
	return time.UnixMicro(latest).UTC(), true
}

// miss notes what could only be told from what is forgotten.
func (e *Evidence) miss(k about) {
	if e.missed == nil {
		e.missed = map[about]struct{}{}
	}
	e.missed[k] = struct{}{}
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

// silences returns every silence of every feed that has opened by now, and when
// the next one opens if nothing more arrives. Store feeds are judged in opening
// hours. Only what came since it was last asked is worked out.
func (e *Evidence) silences(locate func(string) inventory.Location, now time.Time) (all []Silence, next time.Time) {
	if e == nil {
		return nil, time.Time{}
	}
	tell := func(s Silence) {
		switch {
		case !s.Opened.After(now):
			all = append(all, s)
		case next.IsZero() || s.Opened.Before(next):
			next = s.Opened
		}
	}
	for _, h := range e.feeds {
		h.open(locate)
		for _, s := range h.ended {
			tell(s)
		}
		last := len(h.received) - 1
		tell(Silence{
			Feed: h.feed, Last: time.UnixMicro(h.received[last]).UTC(), Opened: h.opens, Through: time.UnixMicro(h.through[last]).UTC(),
		})
	}
	sort.Slice(all, func(i, j int) bool {
		if !all[i].Opened.Equal(all[j].Opened) {
			return all[i].Opened.Before(all[j].Opened)
		}
		return all[i].Feed.String() < all[j].Feed.String()
	})
	return all, next
}

// place is the location whose opening hours the feed keeps.
func (h *history) place(locate func(string) inventory.Location) inventory.Location {
	if h.feed.Location == "" {
		return inventory.Undeclared("")
	}
	return locate(h.feed.Location)
}

// open works out when the silence after the last watermark becomes one.
func (h *history) open(locate func(string) inventory.Location) {
	if h.known {
		return
	}
	location, last := h.place(locate), len(h.received)-1
	h.settle(location, last)
	h.opens = location.AfterOpen(time.UnixMicro(h.received[last]).UTC(), tolerance(h.gaps))
	h.known = true
}

// settle works out what the watermarks up to the one at last say about silences,
// from where that was done before.
func (h *history) settle(location inventory.Location, last int) {
	for ; h.settled < last; h.settled++ {
		at, then := time.UnixMicro(h.received[h.settled]).UTC(), time.UnixMicro(h.received[h.settled+1]).UTC()
		// Opening hours only lengthen a silence's patience.
		patience := tolerance(h.gaps)
		if then.Sub(at) > patience {
			if opens := location.AfterOpen(at, patience); then.After(opens) {
				h.ended = append(h.ended, Silence{
					Feed: h.feed, Last: at, Opened: opens, Ended: then, Through: time.UnixMicro(h.through[h.settled]).UTC(),
				})
				continue // a silence is no usual gap
			}
		}
		if len(h.gaps) == silenceWindow {
			h.gaps = h.gaps[:copy(h.gaps, h.gaps[1:])]
		}
		h.gaps = append(h.gaps, then.Sub(at))
	}
}

// tolerance is how long a feed with these gaps, its latest, may be silent.
func tolerance(gaps []time.Duration) time.Duration {
	if len(gaps) == 0 {
		return 3 * silenceFloor // one watermark is no rhythm yet
	}
	var sorted [silenceWindow]time.Duration
	n := copy(sorted[:], gaps)
	slices.Sort(sorted[:n])
	return max(silenceFloor, silenceFactor*sorted[n/2])
}
