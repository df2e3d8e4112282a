package lifecycle

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// String names a source for people and in findings.
func (k nodeKey) String() string {
	switch k.level {
	case everything:
		return "every system"
	case wholeSystem:
		return k.system
	case wholeRegion:
		if k.region == "" {
			return k.system + " of the stores without a region"
		}
		return k.system + " of region " + k.region
	default:
		s := k.system + " " + k.location
		if k.register != "" {
			s += " register " + k.register
		}
		return s
	}
}

func (q *quiet) cause() inventory.Cause {
	switch q.of.level {
	case oneRegister:
		return inventory.CauseRegisterFault
	case oneStore:
		return inventory.CauseStoreOffline
	case everything:
		return inventory.CauseTelemetry
	default:
		return inventory.CauseSourceOutage
	}
}

func (q *quiet) id() string {
	return findingID(inventory.SourceSilent, "heard "+q.of.String(), stampOf(time.Unix(q.last*60, 0)))
}

// finding returns a silence as the finding it is at now.
func (q *quiet) finding(rules *Rules, now time.Time) inventory.Finding {
	instant := func(minute int64) time.Time { return time.Unix(minute*60, 0).UTC() }
	f := inventory.Finding{
		ID: q.id(), Kind: inventory.SourceSilent, Cause: q.cause(), State: inventory.FindingOpen,
		Severity: kinds[inventory.SourceSilent].severity, System: q.of.system, Location: q.of.location,
		FirstOccurredAt: instant(q.last), OpenedAt: instant(q.opened),
		Title: kinds[inventory.SourceSilent].title, Action: kinds[inventory.SourceSilent].action,
	}
	if q.of.level == everything {
		f.System = "stocktrace"
		f.Action = "Look at the line between the systems and the collector: while nothing is heard, nothing is called missing by it."
	}
	clock := inside(rules, &f, f.FirstOccurredAt)
	if q.of.level == wholeRegion {
		f.Region = q.of.region
	}
	usually := ""
	switch {
	case q.declared:
		usually = fmt.Sprintf(" %s events an hour are expected of it.", strings.TrimSuffix(fmt.Sprintf("%.1f", q.usual), ".0"))
	case q.usual > 0:
		usually = fmt.Sprintf(" At this hour of the week it is usually heard in %d of 60 minutes.", int(math.Round(q.usual)))
	}
	name := q.of.String()
	name = strings.ToUpper(name[:1]) + name[1:]
	f.Sentence = fmt.Sprintf("Nothing of %s has come since %s.%s", q.of, clock(f.FirstOccurredAt), usually)
	if ended := instant(q.ended); q.ended > 0 && !ended.After(now) {
		f.State, f.ClosedAt, f.Resolution = inventory.FindingClosed, ended, inventory.Recovered
		f.Sentence = fmt.Sprintf("Nothing of %s came from %s to %s.%s", q.of, clock(f.FirstOccurredAt), clock(ended), usually)
		if q.forgotten {
			f.Resolution = inventory.Accepted
			f.Sentence = fmt.Sprintf("%s was last heard at %s and is not expected any more.", name, clock(f.FirstOccurredAt))
		}
	}
	f.GroupKey = q.group.key
	f.Group = groupID(f.GroupKey)
	return f
}

// Resumed is the first record after a silence: when it came and when it says it
// happened.
type Resumed struct {
	RecordID               string
	ReceivedAt, OccurredAt time.Time
}

// resume says what ended a silence: the source spoke again, or sent what it had
// kept: then it was offline, and nothing was dropped.
func (q *quiet) resume(rules *Rules, f *inventory.Finding, r Resumed) {
	f.ClosedBy = r.RecordID
	if r.OccurredAt.Unix()/60 > q.last && r.OccurredAt.Before(r.ReceivedAt.Add(-silenceFloor)) {
		clock := inside(rules, f, f.FirstOccurredAt)
		f.Sentence += fmt.Sprintf(" What came first had happened at %s: it was offline, and kept what it did.", clock(r.OccurredAt))
	}
}

// AboutHearing returns a source_silent for every silence up to now, as rows tell
// of hours that h has not taken in yet. It is a pure function of what was heard.
// Where a feed says by its own watermarks that it is silent, that is said once:
// fed are the findings about feeds.
func AboutHearing(rules *Rules, h *Hearing, rows []inventory.Heard, fed []inventory.Finding, now time.Time) []inventory.Finding {
	var found []inventory.Finding
	for _, q := range heardSilences(h, rows, fed, now) {
		found = append(found, q.finding(rules, now))
	}
	return found
}

func heardSilences(h *Hearing, rows []inventory.Heard, fed []inventory.Finding, now time.Time) []quiet {
	return slices.DeleteFunc(h.silencesAt(rows, now), func(q quiet) bool {
		return slices.ContainsFunc(fed, func(f inventory.Finding) bool {
			return f.Kind == inventory.SourceSilent && f.System == q.of.system && q.of.register == "" &&
				inventory.Unpad(f.Location) == inventory.Unpad(q.of.location) && f.OpenedAt.Unix() <= q.opened*60 &&
				(f.ClosedAt.IsZero() || f.ClosedAt.Unix() > q.opened*60)
		})
	})
}
