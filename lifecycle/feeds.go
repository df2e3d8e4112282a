package lifecycle

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// ownFacts is the life of the fact partition's owner: it stores watermarks, and
// says which feeds have fallen silent and whether our own pipeline is behind.
func (e *Engine) ownFacts(ctx context.Context, lease Lease) error {
	o, err := e.newFactOwner(ctx, lease)
	if err != nil {
		return err
	}
	defer o.desk.reader.Close()
	for ctx.Err() == nil {
		if err := o.desk.attempt(ctx, o.turn); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) newFactOwner(ctx context.Context, lease Lease) (*factOwner, error) {
	desk, err := openDesk(ctx, e.Log, lease)
	if err != nil {
		return nil, err
	}
	o := &factOwner{
		Engine: e, lease: lease, desk: desk, position: desk.reader.Cursor(), progress: progressTracker{lease: lease},
		written: map[silenceKey]written{}, runs: map[string]bool{}, queues: map[string]bool{}, standing: map[int]*standstill{},
	}
	if err := e.Store.Known(ctx, lease.Partition, o.cold.add); err != nil {
		return nil, errors.Join(fmt.Errorf("load known facts: %w", err), desk.reader.Close())
	}
	// All of them, in order: where a queue stands depends on what was before.
	err = e.Store.Readings(ctx, time.Unix(0, 0), func(m inventory.Measured) { o.readings.Add(o.Rules, &m) })
	if err != nil {
		return nil, errors.Join(fmt.Errorf("load readings: %w", err), desk.reader.Close())
	}
	return o, o.listenAnew(ctx)
}

// turn stores what has come and says what it changes.
func (o *factOwner) turn(ctx context.Context) error {
	messages, err := o.desk.next(ctx)
	if poison := (*PoisonError)(nil); errors.As(err, &poison) {
		o.position = poison.Position
		return o.desk.setAside(ctx, o.Engine, poison)
	}
	if err != nil {
		return fmt.Errorf("fetch: %w", err)
	}
	raw, err := o.unheld(ctx, &o.cold, len(messages), func(yield func(*inventory.Record)) {
		for m := range messages {
			for i := range messages[m].Parcel.Records {
				r := &messages[m].Parcel.Records[i]
				r.Partition, r.Position = messages[m].Partition, messages[m].Position
				yield(r)
			}
			o.position = messages[m].Position
		}
	})
	if err != nil {
		return err
	}
	if err := o.Store.WriteRecords(ctx, raw); err != nil {
		return fmt.Errorf("write facts: %w", err)
	}
	var read []inventory.Measured
	for i := range raw {
		o.cold.add(IdentityHash(raw[i].Identity()))
		if m, ok := raw[i].Measured(); ok {
			read = append(read, m)
		}
	}
	slices.SortFunc(read, byEntry)
	for i := range read {
		o.readings.Add(o.Rules, &read[i])
	}
	if err := o.judge(ctx); err != nil {
		return err
	}
	if len(messages) > 0 {
		if err := o.desk.reader.Ack(ctx, o.position); err != nil {
			return fmt.Errorf("move the cursor: %w", err)
		}
	}
	if err := o.Board.Report(ctx, o.progress.advance(ctx, o.Engine, o.desk.reader, o.position)); err != nil {
		return fmt.Errorf("report progress: %w", err)
	}
	return nil
}

type factOwner struct {
	*Engine
	lease   Lease
	desk    *desk
	cold    coldFilter
	written map[silenceKey]written
	runs    map[string]bool // the runs missed that were written, and whether they are over

	readings     Readings
	readingsSeen uint64
	readingsNext time.Time       // when the next heartbeat is missed
	readingsAt   time.Time       // when they were last judged
	queues       map[string]bool // what was written of them, and whether it is over
	revision     uint64
	position     uint64
	progress     progressTracker

	standing map[int]*standstill // by partition
	listener listener

	seen   uint64    // facts when silences were last worked out
	next   time.Time // when the next silence opens by itself
	judged time.Time
}

// silenceKey names a silence by its feed and when that was last heard, in
// microseconds since 1970.
type silenceKey struct {
	feed inventory.Feed
	last int64
}

// written is what of a silence has been written.
type written struct {
	ended           bool
	opened, through time.Time
}

// standstill is a partition whose progress does not move.
type standstill struct {
	through time.Time
	turns   int // of ours, each fetchWait or longer
	finding *inventory.Finding
	// cleared: what a former owner of the facts may have left open is gone.
	cleared bool
}

// standstillTurns is when a partition that does not come forward is said to
// stand still: after half a minute of our own turns, longer than any take-over.
const standstillTurns = int(30 * time.Second / fetchWait)

// halted notes how far every partition has come and returns a telemetry_gap for
// each that stands still, closed when it goes on. While one stands nothing fires:
// silence would be our own.
func (o *factOwner) halted() (rows []FindingRow) {
	progress := o.Board.Progress()
	for p := range o.Log.Partitions() {
		s := o.standing[p]
		if s == nil {
			s = &standstill{}
			o.standing[p] = s
		}
		s.turns++
		if through := progress[p].Through; !through.Equal(s.through) {
			s.through, s.turns = through, 0
		}
		name, now := fmt.Sprintf("partition %d", p), o.Clock.Now()
		id := findingID(inventory.TelemetryGap, "standstill", name)
		switch {
		case s.turns >= standstillTurns && s.finding == nil:
			f := &inventory.Finding{
				ID: id, Kind: inventory.TelemetryGap, Cause: inventory.CauseTelemetry, State: inventory.FindingOpen,
				Severity: inventory.Critical, System: "stocktrace", FirstOccurredAt: later2(s.through, time.Unix(1, 0)), OpenedAt: now,
				Title:    "Our own pipeline stands still",
				Sentence: "Nobody is processing " + name + " of the log: until somebody does, nothing is called missing.",
				Action:   "Start an engine, or look at the log of the one that owns it.",
			}
			f.GroupKey = inventory.GroupKey{Kind: f.Kind, Cause: f.Cause, System: f.System, Detail: "standstill"}
			f.Group = groupID(f.GroupKey)
			s.finding, s.cleared = f, true
			rows = append(rows, o.row(*f))
		case s.turns == 0 && s.finding != nil:
			f := *s.finding
			f.State, f.ClosedAt, f.Resolution = inventory.FindingClosed, now, inventory.Recovered
			s.finding = nil
			rows = append(rows, o.row(f))
		case s.turns == 0 && !s.cleared:
			s.cleared = true
			row := o.row(inventory.Finding{ID: id})
			row.Deleted = true
			rows = append(rows, row)
		}
	}
	return rows
}

// judge writes the findings about feeds, and about ourselves, that changed.
func (o *factOwner) judge(ctx context.Context) error {
	rows := o.halted()
	now := o.watermark()
	rows = append(rows, o.judgeQueues(now)...)
	silent, err := o.listen(ctx, now)
	if err != nil {
		return err
	}
	rows = append(rows, silent...)
	o.withEvidence(func(ev *Evidence) {
		if now.IsZero() {
			return
		}
		// Working silences out walks every feed: only when something can have
		// changed, and not more often than the facts are worth.
		due := !o.next.IsZero() && !now.Before(o.next)
		if (o.evidenceDirty == o.seen && !due) || now.Sub(o.judged) < time.Second {
			return
		}
		o.seen, o.judged = o.evidenceDirty, now
		var all []Silence
		all, o.next = ev.silences(o.Rules.Location, now)
		for i := range all {
			s := &all[i]
			// What has ended and been written does not change any more.
			k := silenceKey{s.Feed, s.Last.UnixMicro()}
			ended := !s.Ended.IsZero() && !s.Ended.After(now)
			if was, said := o.written[k]; said && was.ended == ended && was.opened.Equal(s.Opened) && was.through.Equal(s.Through) {
				continue
			}
			o.written[k] = written{ended, s.Opened, s.Through}
			rows = append(rows, o.row(silentFeed(o.Rules, s, now)))
		}
		missed, next := ev.missedRuns(now)
		o.next = sooner(o.next, next)
		for i := range missed {
			rows = o.changed(rows, o.runs, missed[i].finding(o.Rules, now))
		}
		if len(o.runs) > 2*len(missed)+1000 {
			maps.DeleteFunc(o.runs, func(id string, over bool) bool {
				return over && !slices.ContainsFunc(missed, func(m missedRun) bool { return m.id() == id })
			})
		}
		if len(o.written) > 2*len(all)+1000 {
			oldest := now.Add(-o.factHistory).UnixMicro()
			maps.DeleteFunc(o.written, func(k silenceKey, w written) bool { return w.ended && k.last < oldest })
		}
	})
	if len(rows) == 0 {
		return nil
	}
	if err := o.Store.WriteFindings(ctx, rows); err != nil {
		return fmt.Errorf("write feed findings: %w", err)
	}
	o.Changed(0, len(rows))
	return nil
}

// row is the next row of a finding.
func (o *factOwner) row(f inventory.Finding) FindingRow {
	o.revision++
	return FindingRow{Finding: f, Partition: o.lease.Partition, Version: Version{Epoch: o.lease.Epoch, Revision: o.revision}}
}

// changed appends the row of a finding, unless said has it as it is: by its id,
// whether it is over.
func (o *factOwner) changed(rows []FindingRow, said map[string]bool, f inventory.Finding) []FindingRow {
	over := f.State == inventory.FindingClosed
	if was, ok := said[f.ID]; ok && was == over {
		return rows
	}
	said[f.ID] = over
	return append(rows, o.row(f))
}

// judgeQueues returns the findings about queues and devices that changed.
func (o *factOwner) judgeQueues(now time.Time) (rows []FindingRow) {
	due := !o.readingsNext.IsZero() && !now.Before(o.readingsNext)
	if now.IsZero() || o.readings.heard == o.readingsSeen && !due || now.Sub(o.readingsAt) < time.Second {
		return nil
	}
	// What opens at a reading may lie behind now: it is looked at again.
	o.readingsAt = now
	var found []inventory.Finding
	found, o.readingsNext = AboutQueues(o.Rules, &o.readings, now)
	if o.readings.newest.After(now) {
		o.readingsNext = now
	}
	o.readingsSeen = o.readings.heard
	live := make(map[string]bool, len(found))
	for i := range found {
		live[found[i].ID] = true
		rows = o.changed(rows, o.queues, found[i])
	}
	o.readings.forget(now.Add(-o.factHistory))
	maps.DeleteFunc(o.queues, func(id string, _ bool) bool { return !live[id] })
	return rows
}

// AboutFeeds returns what is to be said of feeds up to now: a source_silent
// finding for every silence and a run_missed for every run that was not reported
// in time; and when the next one opens if nothing more is heard. It is a pure
// function of the evidence.
func AboutFeeds(rules *Rules, ev *Evidence, now time.Time) (found []inventory.Finding, next time.Time) {
	silent, next := ev.silences(rules.Location, now)
	for i := range silent {
		found = append(found, silentFeed(rules, &silent[i], now))
	}
	missed, opens := ev.missedRuns(now)
	for i := range missed {
		found = append(found, missed[i].finding(rules, now))
	}
	return found, sooner(next, opens)
}

// silentFeed returns a silence as the finding it is at now.
func silentFeed(rules *Rules, s *Silence, now time.Time) inventory.Finding {
	f := inventory.Finding{
		ID: findingID(inventory.SourceSilent, s.Feed.String(), s.Last.UTC().Format(time.RFC3339Nano)), Kind: inventory.SourceSilent,
		Cause: inventory.CauseSourceOutage, State: inventory.FindingOpen, Severity: kinds[inventory.SourceSilent].severity,
		System: s.Feed.System, Location: s.Feed.Location, FirstOccurredAt: s.Last, OpenedAt: s.Opened,
		Title: kinds[inventory.SourceSilent].title, Action: kinds[inventory.SourceSilent].action,
	}
	zone := time.UTC
	if s.Feed.Location != "" {
		l := rules.Location(s.Feed.Location)
		f.Region, f.Owner, zone = l.Region, l.Owner, l.Zone
		f.Cause = inventory.CauseStoreOffline
	}
	clock := clockAt(inventory.Location{Zone: zone}, s.Last)
	f.Sentence = fmt.Sprintf("%s has said nothing since %s; its evidence reaches %s.", s.Feed, clock(s.Last), clock(s.Through))
	if !s.Ended.IsZero() && !s.Ended.After(now) {
		f.State, f.ClosedAt, f.Resolution = inventory.FindingClosed, s.Ended, inventory.Recovered
		f.Sentence = fmt.Sprintf("%s said nothing from %s to %s.", s.Feed, clock(s.Last), clock(s.Ended))
	}
	f.GroupKey = inventory.GroupKey{Kind: f.Kind, Cause: f.Cause, System: f.System, Detail: s.Feed.String()}
	f.Group = groupID(f.GroupKey)
	return f
}

// keepPoison puts a message nothing can be done with into the quarantine, with a
// telemetry_gap that says so.
func (e *Engine) keepPoison(ctx context.Context, p *PoisonError) error {
	now := e.Clock.Now()
	sum := sha256.Sum256(p.Raw)
	item := inventory.Quarantined{
		ID: hex.EncodeToString(sum[:16]), ReceivedAt: now, Source: fmt.Sprintf("partition %d, message %d", p.Partition, p.Position),
		Transport: "log", ContentType: "application/octet-stream", Reason: "poison",
		Detail: fmt.Sprintf("A message of our own log (partition %d, message %d) is set aside: %v.", p.Partition, p.Position, p.Err), Raw: p.Raw,
	}
	if e.Quarantine != nil {
		if err := e.Quarantine(ctx, []inventory.Quarantined{item}); err != nil {
			return fmt.Errorf("quarantine message %d: %w", p.Position, err)
		}
	}
	f := inventory.Finding{
		ID: findingID(inventory.TelemetryGap, "log", item.Source), Kind: inventory.TelemetryGap, Cause: inventory.CauseTelemetry,
		State: inventory.FindingOpen, Severity: inventory.Critical, System: "stocktrace", FirstOccurredAt: now, OpenedAt: now,
		Title: "A message of our own log is set aside", Sentence: item.Detail, Action: "What it carried is in no lifecycle: its bytes are in the quarantine. Report it with the engine's log.",
	}
	f.GroupKey = inventory.GroupKey{Kind: f.Kind, Cause: f.Cause, System: f.System}
	f.Group = groupID(f.GroupKey)
	err := e.Store.WriteFindings(ctx, []FindingRow{{Finding: f, Partition: p.Partition, Version: Version{Revision: 1}}})
	if err != nil {
		return fmt.Errorf("write telemetry gap: %w", err)
	}
	return nil
}
