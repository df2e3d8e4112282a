package inventory

import (
	"math/bits"
	"slices"
	"time"
)

// Heard is when within one hour something came of a source: of a system, at a
// location, by a register, as the events say (both may be empty).
//
// Minutes in which something came are kept, not how many events that were: a
// minute heard twice is one, so a repetition, a burst after an outage and a
// batch of a thousand count as what they are, one word.
type Heard struct {
	Hour                       time.Time // whole, UTC, of the time received
	System, Location, Register string
	// Minutes has bit m set where something came in minute m of the hour.
	Minutes uint64
	// SignedOff says that the last that came took the register out of service.
	SignedOff bool
}

// Count is in how many of the hour's minutes something came.
func (h *Heard) Count() int { return bits.OnesCount64(h.Minutes) }

// UsualMinutes is what is expected of an hour, by the same hour of the weeks
// before, which it sorts: the second least, so that one odd week is disregarded,
// and the least of fewer than three. Zero where there is none.
func UsualMinutes[N int | uint8](weeks []N) N {
	if len(weeks) == 0 {
		return 0
	}
	slices.Sort(weeks)
	return weeks[min(len(weeks)/3, 1)]
}

// SignsOff reports whether an event takes its register out of service: nothing
// need come of it until it speaks again.
func (e *Event) SignsOff() bool {
	switch e.Transaction.Kind {
	case "operator_sign_off", "sign_off", "till_closed", "register_closed":
		return true
	}
	return e.Totals != nil && e.Totals.Register != "" // the Z-count of a register
}

// SitedSystems stand at locations, and are heard of each by itself; of the first
// so many TillSystems each register is. Any other system is heard as a whole: the
// location its events name is that of the goods.
var (
	SitedSystems = []string{"pos", "store_app", "wms"}
	TillSystems  = SitedSystems[:2]
)

// SourceOf returns the source that a record lets be heard; ok is false for facts
// and for what people do.
func (r *Record) SourceOf() (system, location, register string, ok bool) {
	e := &r.Event
	if e.Fact() || e.Action != nil {
		return "", "", "", false
	}
	if slices.Contains(SitedSystems, e.System) {
		location = e.Location
	}
	if slices.Contains(TillSystems, e.System) {
		register = e.Register
	}
	return e.System, location, register, true
}
