package inventory

import "time"

// Watermark is a feed saying how far its evidence reaches: everything it knew
// up to CompleteThrough has been sent. Silence of a hop proves nothing before
// its watermark has passed the due time.
type Watermark struct {
	System         string
	SystemInstance string
	Location       string // empty: the feed covers all locations
	// CompleteThrough is an instant by the feed's own account.
	CompleteThrough time.Time
	Extract         string
	Records         int64
}

// Feed names who sends watermarks.
type Feed struct {
	System, Instance, Location string
}

// Feed returns the feed the watermark speaks for.
func (w *Watermark) Feed() Feed { return Feed{w.System, w.SystemInstance, w.Location} }

// String returns system, instance and location joined by slashes, empty parts
// left out.
func (f Feed) String() string {
	s := f.System
	for _, part := range []string{f.Instance, f.Location} {
		if part != "" {
			s += "/" + part
		}
	}
	return s
}

// Fact is a watermark with when it reached us: what a verdict depends on besides
// the lifecycle's own records.
type Fact struct {
	RecordID   string
	Position   uint64 // in the fact log
	ReceivedAt time.Time
	Watermark  Watermark
}
