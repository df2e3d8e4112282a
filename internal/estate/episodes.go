package estate

import (
	"fmt"
	"time"
)

// window is a span of time, To exclusive.
type window struct{ From, To time.Time }

func (w window) holds(t time.Time) bool { return !t.Before(w.From) && t.Before(w.To) }

// episodes are what goes wrong for many sales at once. Each is a function of
// the seed and the time it is asked for.
type episodes struct {
	seed   uint64
	faults Faults
	live   time.Time
	gaps   map[int64]mappingGap
	// popular holds the stock items with the share of baskets they are in.
	popular []popularity
}

type popularity struct {
	item  *Item
	share float64
}

// Lengths of episodes and of the stretches of time that have one at most.
const (
	silenceStretch = 3 * time.Hour
	gapStretch     = 2 * time.Hour
	outageMin      = 25 * time.Minute
	outageMax      = 55 * time.Minute
)

// outage returns the store's outage that t lies in. One that began before the
// live part and reaches into it does not happen: nobody could have watched it
// begin.
func (e *episodes) outage(s *store, t time.Time) (window, bool) {
	rate := e.faults[StoreOffline]
	if rate == 0 {
		return window{}, false
	}
	local := t.In(s.Zone)
	day := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, s.Zone)
	spans := s.Open[day.Weekday()]
	if len(spans) == 0 {
		return window{}, false
	}
	d := roll(e.seed, "outage", uint64(s.index), uint64(day.Unix()))
	if !d.chance(rate) {
		return window{}, false
	}
	open := time.Date(day.Year(), day.Month(), day.Day(), 0, spans[0].From, 0, 0, s.Zone)
	shut := time.Date(day.Year(), day.Month(), day.Day(), 0, spans[0].To, 0, 0, s.Zone)
	length := d.between(outageMin, outageMax)
	// Away from opening and closing, so that it lies in store hours whole.
	from := open.Add(d.between(30*time.Minute, shut.Sub(open)-length-15*time.Minute)).UTC()
	w := window{from, from.Add(length)}
	return w, w.holds(t) && !w.straddles(e.live)
}

// silence returns the window in which the feed sends nothing that t lies in.
// Silence needs somebody to notice it: there is none in the history.
func (e *episodes) silence(f feedID, t time.Time) (window, bool) {
	rate := e.faults[SilentFeed]
	if rate == 0 || (f != feedERP && f != feedOMS) {
		return window{}, false
	}
	n := t.Unix() / int64(silenceStretch.Seconds())
	d := roll(e.seed, "silence", uint64(f), uint64(n))
	if !d.chance(rate) {
		return window{}, false
	}
	from := time.Unix(n*int64(silenceStretch.Seconds()), 0).UTC().Add(d.between(20*time.Minute, 2*time.Hour))
	w := window{from, from.Add(d.between(16*time.Minute, 25*time.Minute))}
	return w, w.holds(t) && !w.From.Before(e.live)
}

func (w window) straddles(t time.Time) bool { return w.From.Before(t) && w.To.After(t) }

// mappingGap is a time in which a mapping version has no article for some items.
type mappingGap struct {
	window
	items map[*Item]bool
}

// gap returns the mapping gap of the stretch of time around t.
func (e *episodes) gap(t time.Time) mappingGap {
	n := t.Unix() / int64(gapStretch.Seconds())
	if g, ok := e.gaps[n]; ok {
		return g
	}
	d := roll(e.seed, "gap", uint64(n))
	from := time.Unix(n*int64(gapStretch.Seconds()), 0).UTC().Add(d.between(10*time.Minute, 80*time.Minute))
	g := mappingGap{window{from, from.Add(d.between(15*time.Minute, 25*time.Minute))}, map[*Item]bool{}}
	if rate := e.faults[MappingGap]; rate > 0 {
		// The rate is of all sales, the gap is open a part of the time only.
		left := rate * float64(gapStretch) / float64(g.To.Sub(g.From))
		order := d.Perm(len(e.popular))
		for _, i := range order {
			if p := e.popular[i]; p.share <= left {
				left -= p.share
				g.items[p.item] = true
			}
		}
	}
	if len(e.gaps) > 64 {
		clear(e.gaps)
	}
	e.gaps[n] = g
	return g
}

// mappingVersion is the middleware's mapping version at t: a new one opens a
// gap, the one after it closes it.
func (e *episodes) mappingVersion(t time.Time) string {
	n := t.Unix() / int64(gapStretch.Seconds())
	version := 2 * (n % 4096)
	if e.faults[MappingGap] > 0 {
		switch g := e.gap(t); {
		case !t.Before(g.To):
			version += 2
		case !t.Before(g.From):
			version++
		}
	}
	return fmt.Sprintf("m-%d", version)
}

// measurePopularity works out in which share of baskets each stock item is.
func measurePopularity(baskets []*Basket) []popularity {
	var items []*Item
	in := map[*Item]int{}
	sales := 0
	for _, b := range baskets {
		if b.Workflow != workflowSale {
			continue
		}
		sales++
		for _, k := range b.owed {
			if in[k.item] == 0 {
				items = append(items, k.item)
			}
			in[k.item]++
		}
	}
	popular := make([]popularity, len(items))
	for i, item := range items {
		popular[i] = popularity{item, float64(in[item]) / float64(sales)}
	}
	return popular
}
