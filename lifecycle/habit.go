package lifecycle

import (
	"math"
	"slices"

	"github.com/stocktrace/stocktrace/inventory"
)

// A habit is when a source usually speaks: for every hour of the week, in how
// many of its sixty minutes. It is learned from the weeks before, by the
// location's own clock.
//
// Of several weeks the second least counts, so that one odd week (an outage, a
// holiday nobody declared) is disregarded, and a busy one does not raise what is
// expected. How long a source may pause beyond that chance allows is learned,
// too: the largest pause of each week, in how improbable it was by the habit of
// the weeks before. A till whose cashier has lunch every day at one is not
// missed at one.
type habit struct {
	week    int64             // the local week being learned
	weeks   [habitRing]weekly // what came of it; the week at week%habitRing is being learned
	usual   weekly            // what is expected in this week, in minutes an hour
	worst   [habitRing]float32
	pause   float32 // the worst of the week being learned
	rated   bool    // something was expected in the week being learned
	learned int     // whole weeks since it was first heard
}

// weekly holds a number for every hour of a week, which begins on Monday.
type weekly [weekHours]uint8

const (
	weekHours = 7 * 24
	// habitWeeks is how many weeks a habit rests on. It is also how long a source
	// may say nothing before it is forgotten, so that a state follows from the last
	// eight weeks alone: four to learn, and four before them to tell what pauses
	// are usual.
	habitWeeks = 4
	// learnWeeks is how many whole weeks have to be known before anybody is missed.
	learnWeeks = 2
	habitRing  = habitWeeks + 1
	unknown    = math.MaxUint8
	// improbable is when a pause is too long for chance: one of nine million is, as
	// its negative logarithm, which adds up from minute to minute. Domain rule 10
	// asks for less than one of a thousand; but an estate of 6,000 registers makes
	// ten million pauses a week, and ten thousand of them would be called silent.
	improbable = 16
	// pauseFactor is how many times the usual worst pause makes a silence.
	pauseFactor = 2
)

// surprises is how improbable it is that a minute passes in silence, by in how
// many minutes of the hour something comes; one more than sixty, because nothing
// is certain.
var surprises = func() (s [61]float64) {
	for n := range s {
		s[n] = -math.Log(1 - float64(n)/61)
	}
	return s
}()

func newHabit(week int64) habit {
	h := habit{week: week}
	for w := range h.weeks {
		h.unlearn(w)
		h.worst[w] = -1
	}
	return h
}

func (h *habit) unlearn(w int) {
	for i := range weekHours {
		h.weeks[w][i] = unknown
	}
}

// enter goes on to a week, and works out what is usual in it.
func (h *habit) enter(week, firstWeek int64) {
	for h.week < week {
		at := h.week % habitRing
		h.worst[at] = -1
		if h.rated {
			h.worst[at] = h.pause
		}
		h.pause, h.rated = 0, false
		h.week++
		at = h.week % habitRing
		h.unlearn(int(at))
		h.worst[at] = -1
		h.learned = int(h.week - firstWeek - 1) // the first is not whole
		var counts [habitRing]uint8
		for i := range weekHours {
			n := 0
			for w := range h.weeks {
				if c := h.weeks[w][i]; c != unknown {
					counts[n] = c
					n++
				}
			}
			h.usual[i] = inventory.UsualMinutes(counts[:n])
		}
	}
}

// limit is how improbable a pause has to be to be a silence; ok is false while
// too little is known.
func (h *habit) limit() (limit float64, ok bool) {
	var known [habitRing]float32
	n := 0
	for _, w := range h.worst {
		if w >= 0 {
			known[n] = w
			n++
		}
	}
	if n == 0 || h.learned < learnWeeks {
		return 0, false
	}
	slices.Sort(known[:n])
	return max(improbable, pauseFactor*float64(known[n/2])), true
}
