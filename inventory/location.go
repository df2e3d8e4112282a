package inventory

import (
	"slices"
	"time"
)

// Posting says how a location's sales reach the ERP.
type Posting string

// Postings a location may declare.
const (
	PostingRealtime Posting = "realtime"
	PostingBatch    Posting = "batch"
	// PostingStoreDay: as a whole, by store and business date; no receipt has a
	// posting of its own (domain rule 1).
	PostingStoreDay Posting = "store_day"
)

// Postings are all of them, as they are declared.
var Postings = []Posting{PostingRealtime, PostingBatch, PostingStoreDay}

// Location is a store, plant or hub as declared in the locations file. One that
// is not declared is always open, in UTC, without region, posting in realtime.
type Location struct {
	ID      string
	Name    string
	Region  string
	Zone    *time.Location
	Owner   string
	Posting Posting
	// Open holds the opening spans by weekday in local wall time; none at all
	// means always open.
	Open [7][]Span
	// Closed are the local days on which it does not trade whatever its hours say:
	// a date (2026-12-25), or a day of every year (12-25).
	Closed []string
	// Expect says how much comes of systems here while it trades, in place of what
	// was learned.
	Expect []Expected
}

// Expected is how many events an hour a system, or where Register is given that
// register of it, sends from a location that trades; 0 where nothing is
// expected of it.
type Expected struct {
	System, Register string
	PerHour          float64
}

// ClosedOn reports whether the location does not trade on the local day of t,
// which is in its zone.
func (l *Location) ClosedOn(local time.Time) bool {
	if len(l.Closed) == 0 {
		return false
	}
	date := local.Format(time.DateOnly)
	return slices.Contains(l.Closed, date) || slices.Contains(l.Closed, date[len(date)-len("12-25"):])
}

// Span is an opening span in minutes since local midnight, From inclusive, To
// exclusive; To may exceed 24 h where a store trades past midnight.
type Span struct{ From, To int }

// Pack says that one UOM of an item holds so many of another unit: a case of 12
// pieces. Without one a pack cannot be converted; it is never 1.
type Pack struct {
	Item  string
	UOM   string
	Holds Decimal
	Of    string // the unit it holds; empty means pieces
}

// Undeclared returns what is assumed of a location nobody declared.
func Undeclared(id string) Location {
	return Location{ID: id, Zone: time.UTC, Posting: PostingRealtime}
}

// AlwaysOpen reports whether no opening hours were declared.
func (l *Location) AlwaysOpen() bool {
	for _, spans := range l.Open {
		if len(spans) > 0 {
			return false
		}
	}
	return true
}

// IsOpen reports whether the location trades at t.
func (l *Location) IsOpen(t time.Time) bool {
	if l.AlwaysOpen() && len(l.Closed) == 0 {
		return true
	}
	local := t.In(l.zone())
	if l.AlwaysOpen() {
		return !l.ClosedOn(local)
	}
	minute := local.Hour()*60 + local.Minute()
	if !l.ClosedOn(local) {
		for _, s := range l.Open[local.Weekday()] {
			if minute >= s.From && minute < s.To {
				return true
			}
		}
	}
	// Yesterday's span may reach past midnight.
	yesterday := local.AddDate(0, 0, -1)
	if l.ClosedOn(yesterday) {
		return false
	}
	for _, s := range l.Open[yesterday.Weekday()] {
		if minute+24*60 < s.To {
			return true
		}
	}
	return false
}

func (l *Location) zone() *time.Location {
	if l.Zone == nil {
		return time.UTC
	}
	return l.Zone
}

// AfterOpen returns the instant at which d of opening time has passed since t:
// the store_hours clock, which stands still while the store is closed. Local
// days are walked with the zone's own rules, so days of 23 and 25 hours count
// what they have.
func (l *Location) AfterOpen(t time.Time, d time.Duration) time.Time {
	if l.AlwaysOpen() && len(l.Closed) == 0 || d <= 0 {
		return t.Add(max(d, 0))
	}
	zone := l.zone()
	local := t.In(zone)
	day := time.Date(local.Year(), local.Month(), local.Day()-1, 0, 0, 0, 0, zone)
	// A year without enough opening time means the hours are wrong; the
	// continuous clock is the honest fallback.
	for range 400 {
		for _, s := range l.spansOf(day) {
			from := time.Date(day.Year(), day.Month(), day.Day(), 0, s.From, 0, 0, zone)
			to := time.Date(day.Year(), day.Month(), day.Day(), 0, s.To, 0, 0, zone)
			if from.Before(t) {
				from = t
			}
			if open := to.Sub(from); open > 0 {
				if d <= open {
					return from.Add(d).UTC()
				}
				d -= open
			}
		}
		day = time.Date(day.Year(), day.Month(), day.Day()+1, 0, 0, 0, 0, zone)
	}
	return t.Add(d)
}

// spansOf returns when the location trades on a local day.
func (l *Location) spansOf(day time.Time) []Span {
	switch {
	case l.ClosedOn(day):
		return nil
	case l.AlwaysOpen():
		return []Span{{0, 24 * 60}}
	default:
		return l.Open[day.Weekday()]
	}
}
