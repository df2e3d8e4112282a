package lifecycle

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// A queue whose depth is above nothing, and out of which nothing is taken, is
// stalled. That something was taken out is told by a depth that falls, a counter
// of what was consumed that grows, or an oldest message that is not the same any
// more: whichever of them is read. It is told when a reading says so; a gauge
// that is not read says nothing.
//
// Readings are folded in the order in which they entered the log, so that an
// engine that is started anew, and verify, come to the same.

const (
	// replayPatience is how long a replay queue may stand: what a requested replay
	// may take (contract, Steps). queuePatience is how long any other may.
	replayPatience = 5 * time.Minute
	queuePatience  = 15 * time.Minute
	// replayReadings and queueReadings are how many depths have to say so. A queue
	// into which is also sent may grow for a while though it is consumed; that it
	// never falls by chance grows unlikely with each reading.
	replayReadings = 3
	queueReadings  = 10
	// ageError is how far an oldest message's age may be off without being another's.
	ageError = 5 * time.Second
)

// queueKey names a queue.
type queueKey struct{ system, instance, location, queue string }

func (k queueKey) String() string {
	r := inventory.Reading{System: k.system, SystemInstance: k.instance, Location: k.location, Queue: k.queue}
	return r.QueueName()
}

// deviceKey names what sends heartbeats.
type deviceKey struct{ system, instance, location, register string }

func (k deviceKey) String() string {
	s := inventory.Feed{System: k.system, Instance: k.instance, Location: k.location}.String()
	if k.register != "" {
		s += " register " + k.register
	}
	return s
}

// Readings is what readings of gauges come to. The zero value has heard none.
type Readings struct {
	queues map[queueKey]*queue
	beats  map[deviceKey]*beat
	heard  uint64
	newest time.Time // when the last one was received
}

// queue is one queue as its readings tell.
type queue struct {
	depth            inventory.Decimal
	depthAt          time.Time
	consumed         inventory.Decimal
	consumedAt       time.Time
	oldest, oldestAt time.Time

	since    time.Time // the first reading after which nothing was taken out
	readings int       // depths since, with that one
	stalls   []stall   // the last one may be open
}

// stall is a stretch in which nothing was taken out of a queue.
type stall struct {
	since, opened, ended time.Time // ended is zero while it lasts
	depth                inventory.Decimal
}

// beat is a device as its heartbeats tell.
type beat struct {
	last  time.Time
	gaps  []time.Duration
	ended []Silence
}

// Add takes in a reading; those of a log are given in its order, by record id
// within one position.
func (r *Readings) Add(rules *Rules, m *inventory.Measured) {
	r.heard++
	r.newest = later2(r.newest, m.ReceivedAt)
	if m.Gauge == inventory.Heartbeat {
		k := deviceKey{m.System, m.SystemInstance, m.Location, m.Register}
		if r.beats == nil {
			r.beats = map[deviceKey]*beat{}
		}
		if r.beats[k] == nil {
			r.beats[k] = &beat{}
		}
		r.beats[k].add(placeOf(rules, m.Location), m.ReceivedAt)
		return
	}
	k := queueKey{m.System, m.SystemInstance, m.Location, m.Queue}
	if r.queues == nil {
		r.queues = map[queueKey]*queue{}
	}
	if r.queues[k] == nil {
		r.queues[k] = &queue{}
	}
	r.queues[k].add(m)
}

// placeOf is the location whose opening hours a device keeps.
func placeOf(rules *Rules, location string) inventory.Location {
	if location == "" {
		return inventory.Undeclared("")
	}
	return rules.Location(location)
}

func (b *beat) add(location inventory.Location, at time.Time) {
	if !at.After(b.last) {
		return
	}
	last := b.last
	b.last = at
	if last.IsZero() {
		return
	}
	patience := tolerance(b.gaps)
	if at.Sub(last) > patience {
		if opens := location.AfterOpen(last, patience); at.After(opens) {
			b.ended = append(b.ended, Silence{Last: last, Opened: opens, Ended: at})
			return // a silence is no usual gap
		}
	}
	if len(b.gaps) == silenceWindow {
		b.gaps = b.gaps[:copy(b.gaps, b.gaps[1:])]
	}
	b.gaps = append(b.gaps, at.Sub(last))
}

// role is what a queue's name says it is for.
type role int

const (
	working role = iota
	replaying
	dead // what lies there is told by itself, and may lie
)

func (k queueKey) role() role {
	name := strings.ToLower(k.queue)
	switch {
	case strings.Contains(name, "dead") || strings.Contains(name, "dlq") || strings.Contains(name, "dlx"):
		return dead
	case strings.Contains(name, "replay"):
		return replaying
	}
	return working
}

func (q *queue) add(m *inventory.Measured) {
	moved := false
	switch m.Gauge {
	case inventory.Depth:
		if m.At.Before(q.depthAt) {
			return // overtaken by a later one
		}
		moved = q.depthAt.IsZero() || m.Value.IsZero() || m.Value.Cmp(q.depth) < 0
		q.depth, q.depthAt = m.Value, m.At
		q.readings++
	case inventory.Consumed:
		if m.At.Before(q.consumedAt) {
			return
		}
		// A counter that begins anew tells nothing of what was before.
		moved = !q.consumedAt.IsZero() && m.Value != q.consumed
		q.consumed, q.consumedAt = m.Value, m.At
	case inventory.OldestAge:
		if m.At.Before(q.oldestAt) {
			return
		}
		whole, nano := m.Value.Parts()
		oldest := m.At.Add(-time.Duration(min(whole, int64(200*365*24*3600)))*time.Second - time.Duration(nano))
		moved = !q.oldestAt.IsZero() && oldest.Sub(q.oldest) > ageError
		q.oldest, q.oldestAt = oldest, m.At
	default:
		return
	}
	if moved {
		if s := q.open(); s != nil {
			s.ended = m.ReceivedAt
		}
		q.since, q.readings = m.At, 0
		if m.Gauge == inventory.Depth {
			q.readings = 1
		}
		return
	}
	k := queueKey{queue: m.Queue}
	patience, least := queuePatience, queueReadings
	switch k.role() {
	case dead:
		return
	case replaying:
		patience, least = replayPatience, replayReadings
	case working:
		if !q.consumedAt.IsZero() || !q.oldestAt.IsZero() {
			least = replayReadings // more than its depth tells
		}
	}
	if m.Gauge == inventory.Depth && q.open() == nil && m.Value.Sign() > 0 && q.readings >= least && m.At.Sub(q.since) >= patience {
		q.stalls = append(q.stalls, stall{since: q.since, opened: m.ReceivedAt, depth: m.Value})
	}
}

// open is the stall that lasts, nil where there is none.
func (q *queue) open() *stall {
	if n := len(q.stalls); n > 0 && q.stalls[n-1].ended.IsZero() {
		return &q.stalls[n-1]
	}
	return nil
}

// forget drops what ended before t: it has been written.
func (r *Readings) forget(t time.Time) {
	for _, q := range r.queues {
		q.stalls = slices.DeleteFunc(q.stalls, func(s stall) bool { return !s.ended.IsZero() && s.ended.Before(t) })
	}
	for _, b := range r.beats {
		b.ended = slices.DeleteFunc(b.ended, func(s Silence) bool { return s.Ended.Before(t) })
	}
}

// AboutQueues returns what is to be said of queues and devices up to now: a
// stalled_replay, or stalled, for every queue that stood, and a source_silent for
// every device whose heartbeats stopped; and when the next one opens if nothing
// more is heard. It is a pure function of the readings.
func AboutQueues(rules *Rules, r *Readings, now time.Time) (found []inventory.Finding, next time.Time) {
	for _, k := range slices.SortedFunc(maps.Keys(r.queues), func(a, b queueKey) int { return strings.Compare(a.String(), b.String()) }) {
		q := r.queues[k]
		for i := range q.stalls {
			if s := &q.stalls[i]; !s.opened.After(now) {
				found = append(found, k.finding(rules, s, now))
			}
		}
	}
	for _, k := range slices.SortedFunc(maps.Keys(r.beats), func(a, b deviceKey) int { return strings.Compare(a.String(), b.String()) }) {
		b, location := r.beats[k], placeOf(rules, k.location)
		lasting := Silence{Last: b.last, Opened: location.AfterOpen(b.last, tolerance(b.gaps))}
		for _, s := range append(slices.Clip(b.ended), lasting) {
			switch {
			case !s.Opened.After(now):
				found = append(found, k.finding(rules, &s, now))
			case next.IsZero() || s.Opened.Before(next):
				next = s.Opened
			}
		}
	}
	return found, next
}

func (k queueKey) finding(rules *Rules, s *stall, now time.Time) inventory.Finding {
	kind, what := inventory.Stall, "Queue"
	if k.role() == replaying {
		kind, what = inventory.StalledReplay, "Replay queue"
	}
	f := inventory.Finding{
		ID: findingID(kind, k.String(), stampOf(s.since)), Kind: kind, Cause: inventory.CauseQueueStopped, State: inventory.FindingOpen,
		Severity: kinds[kind].severity, System: k.system, Location: k.location, FirstOccurredAt: s.since, OpenedAt: s.opened,
		Title: what + " does not move", Action: "Look at the queue's consumer: nothing is taken out. What lies in it is not lost.",
	}
	clock := inside(rules, &f, s.since)
	f.Sentence = fmt.Sprintf("%s %s of %s held %s at %s, and nothing had been taken out since %s.",
		what, k.queue, cmp.Or(k.instance, k.system), s.depth, clock(s.opened), clock(s.since))
	if !s.ended.IsZero() && !s.ended.After(now) {
		f.State, f.ClosedAt, f.Resolution = inventory.FindingClosed, s.ended, inventory.Recovered
		f.Sentence += " It moves again since " + clock(s.ended) + "."
	}
	f.GroupKey = inventory.GroupKey{Kind: f.Kind, Cause: f.Cause, System: f.System, Detail: k.String()}
	f.Group = groupID(f.GroupKey)
	return f
}

func (k deviceKey) finding(rules *Rules, s *Silence, now time.Time) inventory.Finding {
	f := inventory.Finding{
		ID: findingID(inventory.SourceSilent, "heartbeat "+k.String(), s.Last.UTC().Format(time.RFC3339Nano)), Kind: inventory.SourceSilent,
		Cause: inventory.CauseSourceOutage, State: inventory.FindingOpen, Severity: kinds[inventory.SourceSilent].severity,
		System: k.system, Location: k.location, FirstOccurredAt: s.Last, OpenedAt: s.Opened,
		Title: kinds[inventory.SourceSilent].title, Action: kinds[inventory.SourceSilent].action,
	}
	switch {
	case k.register != "":
		f.Cause = inventory.CauseRegisterFault
	case k.location != "":
		f.Cause = inventory.CauseStoreOffline
	}
	clock := inside(rules, &f, s.Last)
	f.Sentence = fmt.Sprintf("No heartbeat of %s since %s.", k, clock(s.Last))
	if !s.Ended.IsZero() && !s.Ended.After(now) {
		f.State, f.ClosedAt, f.Resolution = inventory.FindingClosed, s.Ended, inventory.Recovered
		f.Sentence = fmt.Sprintf("No heartbeat of %s from %s to %s.", k, clock(s.Last), clock(s.Ended))
	}
	f.GroupKey = inventory.GroupKey{Kind: f.Kind, Cause: f.Cause, System: f.System, Detail: k.String()}
	f.Group = groupID(f.GroupKey)
	return f
}

// inside gives a finding what its location says, and returns how times are
// written there.
func inside(rules *Rules, f *inventory.Finding, today time.Time) func(time.Time) string {
	zone := time.UTC
	if f.Location != "" {
		l := rules.Location(f.Location)
		f.Region, f.Owner, zone = l.Region, l.Owner, l.Zone
	}
	return clockAt(inventory.Location{Zone: zone}, today)
}

// byEntry orders readings as they entered the log.
func byEntry(a, b inventory.Measured) int {
	return cmp.Or(cmp.Compare(a.Position, b.Position), strings.Compare(a.RecordID, b.RecordID))
}
