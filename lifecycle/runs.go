package lifecycle

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// A run that names its feed is reported: by a watermark with the run's name as
// its extract, complete through its start less its cutoff. One that is not
// reported when its grace is over is a run_missed, told once of the run itself
// (a finding about a feed), and of everything that waits for it in the same
// group: open, not missing (domain rule 22). Records in the report play no part:
// a run with nothing to post has run.
//
// As with every feed, what was never heard binds nothing: before its first
// report a run is one that nobody tells of.

// watchedRun is a run that is reported, and whose it is.
type watchedRun struct {
	*inventory.Run
	owner, runbook string
}

// watchedRuns returns the runs that are reported, by the system that does. A run
// that several workflows declare is what the first of them by name says.
func watchedRuns(workflows map[string]*inventory.Workflow) map[string][]watchedRun {
	all := map[string][]watchedRun{}
	for _, name := range slices.Sorted(maps.Keys(workflows)) {
		w := workflows[name]
		for i := range w.Runs {
			r := &w.Runs[i]
			if r.Feed == "" || slices.ContainsFunc(all[r.Feed], func(x watchedRun) bool { return x.Name == r.Name }) {
				continue
			}
			run := watchedRun{r, w.Owner, ""}
			for j := range w.Steps {
				if s := &w.Steps[j]; s.Run == r.Name {
					run.owner, run.runbook = s.Owner, s.Runbook
					break
				}
			}
			all[r.Feed] = append(all[r.Feed], run)
		}
	}
	return all
}

// runKey is a run as a feed reports it: at one location (without padding), or,
// where that is empty, at all of them.
type runKey struct{ system, run, location string }

func keyOfRun(r *inventory.Run, location string) runKey {
	return runKey{r.Feed, r.Name, inventory.Unpad(location)}
}

// reported is the run that a watermark reports, nil where it reports none.
func (e *Evidence) reported(w *inventory.Watermark) *inventory.Run {
	if e.rules == nil || w.Extract == "" {
		return nil
	}
	for _, r := range e.rules.runs[w.System] {
		if r.Named(w.Extract) {
			return r.Run
		}
	}
	return nil
}

func (e *Evidence) addReport(f *inventory.Fact) {
	run := e.reported(&f.Watermark)
	if run == nil {
		return
	}
	k := keyOfRun(run, f.Watermark.Location)
	h := e.runs[k]
	if h == nil {
		if e.runs == nil {
			e.runs = map[runKey]*history{}
		}
		h = &history{feed: f.Watermark.Feed()}
		e.runs[k] = h
	}
	h.add(f.ReceivedAt.UnixMicro(), f.Watermark.CompleteThrough.UnixMicro())
}

// ran says when a run was reported to have taken in what there was at through,
// at a location: told is false where nobody tells of the run by then, ok while it
// has not been reported.
func (e *Evidence) ran(system, run, location string, through time.Time) (at time.Time, told, ok bool) {
	if e == nil {
		return time.Time{}, false, false
	}
	location = inventory.Unpad(location)
	places := []string{"", location}
	if location == "" {
		places = places[:1]
	}
	for _, place := range places {
		h := e.runs[runKey{system, run, place}]
		if h == nil || h.firstHeard() > through.UnixMicro() {
			continue
		}
		told = true
		if h.forgot && through.UnixMicro() <= h.lost {
			e.miss(about{system, place})
			return time.Time{}, true, false
		}
		if i, _ := slices.BinarySearch(h.through, through.UnixMicro()); i < len(h.through) {
			if t := time.UnixMicro(h.received[i]).UTC(); !ok || t.Before(at) {
				at, ok = t, true
			}
		}
	}
	return at, told, ok
}

// has reports whether what a lifecycle awaits has come.
func (e *Evidence) has(a await) bool {
	if a.Run != "" {
		_, _, ok := e.ran(a.System, a.Run, a.location, a.Through)
		return ok
	}
	_, ok := e.reach(a.System, a.location, a.Through)
	return ok
}

// judgeRun looks at the run that a step waits for. Where the run is reported,
// ran says whether it was, and opens from when the step may be missed in what it
// did; while it was not, what waits for it is open, and told with the run.
func (a *assessment) judgeRun(i int, newest time.Time, evidence *Evidence) (opens time.Time, reported, ran bool) {
	s, step := &a.steps[i], &a.workflow.Steps[i]
	if s.run == nil || s.run.Feed == "" {
		return time.Time{}, false, false
	}
	through := s.start.Add(-s.run.Cutoff)
	at, told, ran := evidence.ran(s.run.Feed, s.run.Name, a.location.ID, through)
	if !told {
		return time.Time{}, false, false
	}
	missed := later2(s.start.Add(s.run.Grace), newest.Add(a.workflow.Settle))
	if !ran {
		a.awaits = append(a.awaits, inventory.Await{System: s.run.Feed, Run: s.run.Name, Through: through})
		a.unreported = sooner(a.unreported, missed)
	}
	if !ran || at.After(missed) {
		lead := a.since(step)
		a.raise(condition{
			id: findingID(inventory.RunMissed, s.run.Name+" "+stampOf(s.start), a.subject(lead)), kind: inventory.RunMissed, step: i,
			opens: missed, ends: at, since: s.start, cause: inventory.CauseRunMissed, about: []string{lead.ID}, run: s.run,
		})
	}
	opens = later2(s.due.Add(step.Evidence), newest.Add(a.workflow.Settle))
	return later2(opens, at.Add(step.Evidence+a.workflow.Settle)), true, ran
}

func stampOf(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// runGroup is what is common to a run that was missed and to all that waits for
// it.
func runGroup(run *inventory.Run, start time.Time) inventory.GroupKey {
	return inventory.GroupKey{
		Kind: inventory.RunMissed, Cause: inventory.CauseRunMissed, System: run.Feed, Detail: run.Name + " " + stampOf(start),
	}
}

// missedRun is a start of a run that was not reported when its grace was over.
type missedRun struct {
	watchedRun
	location string // empty: all of them
	zone     *time.Location
	start    time.Time
	opened   time.Time
	ended    time.Time // when it was reported, or a later one; zero until then
	last     time.Time // when the run was last reported before that
}

// missedRuns returns every start of every run that was not reported in time, as
// far as is remembered, and when the next one is missed if nothing more arrives.
func (e *Evidence) missedRuns(now time.Time) (all []missedRun, next time.Time) {
	if e == nil {
		return nil, time.Time{}
	}
	for _, system := range slices.Sorted(maps.Keys(e.rulesRuns())) {
		for _, run := range e.rules.runs[system] {
			for _, place := range e.placesOf(run.Run) {
				found, opens := e.missedAt(run, place, now)
				all = append(all, found...)
				next = sooner(next, opens)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b missedRun) int { return a.opened.Compare(b.opened) })
	return all, next
}

func (e *Evidence) rulesRuns() map[string][]watchedRun {
	if e.rules == nil {
		return nil
	}
	return e.rules.runs
}

// runPlace is where a run is looked for: at one location, or at all in a zone.
type runPlace struct {
	location string
	zone     *time.Location
}

// placesOf returns where a run is reported. Where stores report it each for
// themselves it is theirs; a run by each store's clock that one report tells for
// all of them has a start in every zone there is.
func (e *Evidence) placesOf(run *inventory.Run) []runPlace {
	var places []runPlace
	for k, h := range e.runs {
		if k.system == run.Feed && k.run == run.Name && k.location != "" {
			places = append(places, runPlace{h.feed.Location, e.rules.Location(k.location).Zone})
		}
	}
	if len(places) > 0 {
		slices.SortFunc(places, func(a, b runPlace) int { return strings.Compare(a.location, b.location) })
		return places
	}
	if e.runs[keyOfRun(run, "")] == nil {
		return nil
	}
	if run.Zone != nil || len(e.rules.locations) == 0 {
		return []runPlace{{"", run.Zone}}
	}
	zones := map[string]*time.Location{}
	for _, l := range e.rules.locations {
		zones[l.Zone.String()] = l.Zone
	}
	for _, name := range slices.Sorted(maps.Keys(zones)) {
		places = append(places, runPlace{"", zones[name]})
	}
	return places
}

// missedAt returns the starts of a run at a place that were not reported in time.
func (e *Evidence) missedAt(run watchedRun, place runPlace, now time.Time) (all []missedRun, next time.Time) {
	h := e.runs[keyOfRun(run.Run, place.location)]
	from := time.UnixMicro(h.firstHeard()).UTC()
	if h.forgot {
		from = later2(from, time.UnixMicro(h.lost).UTC()) // what was forgotten has been told
	}
	location := inventory.Undeclared("")
	if place.location != "" {
		location = e.rules.Location(place.location)
	}
	before := from
	for start := run.Next(from, place.zone); !start.IsZero(); start = run.Next(start.Add(-run.Cutoff), place.zone) {
		opens := start.Add(run.Grace)
		closed := location.AfterOpen(before, time.Microsecond).After(start)
		before = start
		if closed {
			if opens.After(now) {
				return all, opens // look again then
			}
			continue // nothing was done since the last one
		}
		at, _, ok := e.ran(run.Feed, run.Name, place.location, start.Add(-run.Cutoff))
		if ok && !at.After(opens) {
			continue
		}
		if opens.After(now) {
			return all, opens
		}
		m := missedRun{watchedRun: run, location: place.location, zone: place.zone, start: start, opened: opens, ended: at}
		if i, _ := slices.BinarySearch(h.received, opens.UnixMicro()); i > 0 {
			m.last = time.UnixMicro(h.received[i-1]).UTC()
		} else if h.forgot {
			m.last = time.UnixMicro(h.last).UTC()
		}
		all = append(all, m)
	}
	return all, next
}

func (m *missedRun) id() string {
	return findingID(inventory.RunMissed, m.Feed+" "+m.Name+" "+m.location, stampOf(m.start))
}

// finding returns a missed run as the finding it is at now.
func (m *missedRun) finding(rules *Rules, now time.Time) inventory.Finding {
	k := kinds[inventory.RunMissed]
	f := inventory.Finding{
		ID: m.id(), Kind: inventory.RunMissed, Cause: inventory.CauseRunMissed, State: inventory.FindingOpen, Severity: k.severity,
		System: m.Feed, Location: m.location, Owner: m.owner, Runbook: m.runbook,
		FirstOccurredAt: m.start, OpenedAt: m.opened, Title: k.title, Action: k.action,
	}
	zone := m.zone
	if m.Zone != nil {
		zone = m.Zone
	}
	clock := clockAt(inventory.Location{Zone: zone}, m.opened)
	if m.location != "" {
		f.Region = rules.Location(m.location).Region
	}
	f.Sentence = fmt.Sprintf("The run %s of %s is not reported; it should have been done by %s.", m.Name, clock(m.start), clock(m.opened))
	if !m.last.IsZero() {
		f.Sentence = fmt.Sprintf("%s It was last reported at %s.", f.Sentence, clock(m.last))
	}
	if !m.ended.IsZero() && !m.ended.After(now) {
		f.State, f.ClosedAt, f.Resolution = inventory.FindingClosed, m.ended, inventory.Recovered
		f.Sentence = fmt.Sprintf("The run %s of %s was reported at %s; it should have been done by %s.", m.Name, clock(m.start), clock(m.ended), clock(m.opened))
	}
	f.GroupKey = runGroup(m.Run, m.start)
	f.Group = groupID(f.GroupKey)
	return f
}
