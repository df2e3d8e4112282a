package lifecycle

import (
	"slices"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// condition is something that is wrong with what is known after one arrival, if
// nothing more arrives until opens.
type condition struct {
	id      string
	kind    inventory.Kind
	step    int // index into the workflow's steps, -1 for none
	opens   time.Time
	instant bool      // tells of something that has ended already: closes as it opens
	ends    time.Time // when it ends by itself, whatever arrives; zero where it does not
	since   time.Time
	err     *inventory.Error
	version string // mapping version
	cause   inventory.Cause
	about   []string // record ids
	lines   []inventory.LineState
	key     inventory.ScopedKey
	say     string // an invariant's sentence
	tries   int
	did     string // what the owing side of a balance is called: sold, shipped
	at      *entry // whose times it is about
	run     *inventory.Run
}

// standing is how a step stands after some arrivals.
type standing struct {
	expected bool
	due      time.Time      // zero without deadline or anchor
	run      *inventory.Run // that a deadline on the clock schedule waits for
	start    time.Time      // of that run
	heard    []*entry       // in order of arrival
	restated []*entry       // what the success stands in place of, the last attempt first
	ok       *entry         // the earliest success, by its own clock
	okHeard  time.Time      // when a success was first heard of
	dead     *entry
	rejected *entry
	failed   *entry   // the latest failure, by attempt and time
	replay   *entry   // the latest replay request
	waiting  *entry   // the latest word that it is held, pending or tried again
	reversed *entry   // the first reversal, by its own clock
	voided   *entry   // the first post-void by another receipt
	covered  []*entry // postings for many that cover it, by arrival
	tries    int      // the highest attempt heard of
	proven   bool     // not seen, but a later hop succeeded
	provenAt time.Time
	late     bool
}

// done reports whether the step is behind us, seen or proven.
func (s *standing) done() bool { return s.ok != nil || s.proven }

// assessment is what holds after some arrivals.
type assessment struct {
	rules     *Rules
	workflow  *inventory.Workflow
	steps     []standing
	anchor    *entry
	earliest  *entry // of its own
	location  inventory.Location
	owes      bool    // its lines move stock, net
	control   bool    // training, cancelled, suspended: owes nothing at all
	withdrawn bool    // reversed where it began, before anything was booked
	heard     []entry // what other transactions say of it
	reversal  bool    // nothing but a reversal of what another transaction did
	ledger    ledger

	conditions []condition
	awaits     []inventory.Await
	// awaiting is the earliest time from which the answer is unconfirmed.
	awaiting time.Time
	// unreported is the earliest time from which a run was taken not to have
	// happened, for want of its report.
	unreported time.Time
	pending    bool // an expected step may still come in time
	late       bool
}

// succeeded reports whether an outcome completes its step.
func succeeded(o inventory.Outcome) bool {
	return o == inventory.OK || o == inventory.Replayed || o == inventory.Partial
}

// unmapped reports whether an error code says a mapping is missing.
func unmapped(e *inventory.Error) bool {
	if e == nil {
		return false
	}
	switch e.Code {
	case "item_unmapped", "location_unmapped", "uom_unmapped", "status_unmapped":
		return true
	}
	return false
}

// assess says what holds of a lifecycle's entries, in order of arrival, judged
// by these alone. newest is when the last of them arrived.
func assess(rules *Rules, w *inventory.Workflow, c *cluster, entries, heard []entry, evidence *Evidence) *assessment {
	a := &assessment{rules: rules, workflow: w, steps: make([]standing, len(w.Steps)), earliest: earliest(entries), heard: heard}
	newest := entries[len(entries)-1].ReceivedAt
	for i := range entries {
		if e := &entries[i]; e.step >= 0 {
			a.steps[e.step].hear(e)
		}
	}
	a.hear(heard)
	if i := w.IndexOf(w.Anchor); i >= 0 {
		if ref := w.Anchor; ref.System != "pos" {
			a.steps[i].restate()
		}
		a.anchor = a.steps[i].ok
		a.withdrawn = (a.steps[i].reversed != nil || a.steps[i].voided != nil) && !a.booked() && !w.Steps[i].Posts
	}
	a.reversal = !slices.ContainsFunc(entries, func(e entry) bool { return e.outcome != inventory.Reversed })
	a.withdrawn = a.withdrawn || a.reversal || a.calledOff()
	a.location = rules.Location(locationOf(a.anchor, entries))
	if a.anchor != nil {
		a.control = controlTransaction(a.anchor.Event.Transaction)
		a.owes = owesStock(&a.anchor.Event)
	}
	a.expect()
	a.prove()
	a.judge(newest, evidence)
	a.judgeDuplicates(entries)
	a.judgeCollisions(c, entries)
	a.judgeCovers()
	a.judgeBalances(entries, newest, evidence)
	a.judgeInvariants()
	a.judgeOrder(newest)
	a.judgeTries()
	a.judgeTimes(entries)
	a.judgeNames(entries)
	return a
}

// calledOff reports whether the transaction was called off before its goods left.
func (a *assessment) calledOff() bool {
	off := false
	for i := range a.steps {
		step := &a.workflow.Steps[i]
		switch {
		case step.Withdraws:
			off = off || a.steps[i].ok != nil
		case step.Posts:
			if a.steps[i].ok != nil {
				return false
			}
			for _, ref := range step.After {
				if ref != a.workflow.Anchor && a.steps[a.workflow.IndexOf(ref)].ok != nil {
					return false
				}
			}
		}
	}
	return off
}

// booked reports whether a step that some balance is booked by has happened.
func (a *assessment) booked() bool {
	for _, b := range a.workflow.Balances {
		for _, ref := range b.By {
			if i := a.workflow.IndexOf(ref); i >= 0 && a.steps[i].ok != nil {
				return true
			}
		}
	}
	return false
}

// anchorEvent is the anchor's event, nil while it has not been heard.
func (a *assessment) anchorEvent() *inventory.Event {
	if a.anchor == nil {
		return nil
	}
	return &a.anchor.Event
}

// ask asks a condition about the transaction. What cannot be told concludes
// nothing: neither that something is owed, nor that something is wrong.
func (a *assessment) ask(x *inventory.Expression, e *inventory.Event) (yes, told bool) {
	yes, err := x.Holds(inventory.Situation{Event: e, Anchor: a.anchorEvent(), Location: a.location})
	return yes, err == nil
}

// locationOf is the anchor's location, else that of the earliest event.
func locationOf(anchor *entry, entries []entry) string {
	if anchor != nil {
		return anchor.Event.Location
	}
	return earliest(entries).Event.Location
}

func earliest(entries []entry) *entry {
	first := &entries[0]
	for i := range entries {
		if before(&entries[i], first) {
			first = &entries[i]
		}
	}
	return first
}

// before orders entries by when they happened, then by identity.
func before(a, b *entry) bool {
	if c := a.Event.Time.Compare(b.Event.Time); c != 0 {
		return c < 0
	}
	if a.ID != b.ID {
		return a.ID < b.ID
	}
	return string(a.Content[:]) < string(b.Content[:])
}

// later orders attempts: a higher attempt is later, then a later time.
func later(a, b *entry) bool {
	x, y := a.Event.EffectiveAttempt(), b.Event.EffectiveAttempt()
	if x != y {
		return x > y
	}
	return before(b, a)
}

func (s *standing) hear(e *entry) {
	s.heard = append(s.heard, e)
	switch {
	case succeeded(e.outcome):
		if s.ok == nil || before(e, s.ok) {
			s.ok = e
		}
		if s.okHeard.IsZero() {
			s.okHeard = e.ReceivedAt
		}
	case e.outcome == inventory.DeadLettered:
		if s.dead == nil || before(e, s.dead) {
			s.dead = e
		}
	case e.outcome == inventory.Rejected || e.outcome == inventory.Discarded:
		if s.rejected == nil || before(e, s.rejected) {
			s.rejected = e
		}
	case e.outcome == inventory.Failed:
		if s.failed == nil || later(e, s.failed) {
			s.failed = e
		}
	case e.outcome == inventory.ReplayRequested:
		if s.replay == nil || later(e, s.replay) {
			s.replay = e
		}
	case e.outcome == inventory.Held || e.outcome == inventory.Pending || e.outcome == inventory.Retrying:
		if s.waiting == nil || later(e, s.waiting) {
			s.waiting = e
		}
	case e.outcome == inventory.Reversed:
		if s.reversed == nil || before(e, s.reversed) {
			s.reversed = e
		}
	}
	s.tries = max(s.tries, e.Event.EffectiveAttempt())
}

// controlTransaction reports whether a till transaction explains a number and
// owes nothing: training never touches stock, a suspended or cancelled one sold
// nothing (domain rule 6).
func controlTransaction(t inventory.Transaction) bool {
	switch strings.ToLower(t.Mode) {
	case "training":
		return true
	}
	switch strings.ToLower(t.Status) {
	case "suspended", "cancelled", "canceled":
		return true
	}
	return false
}

// owesStock reports whether an event's lines move owned stock, net (domain
// rules 11 and 12). An event that names no lines owes: it says nothing of them.
func owesStock(e *inventory.Event) bool {
	if len(e.Lines) == 0 {
		return true
	}
	net := map[string]inventory.Decimal{}
	for i := range e.Lines {
		if l := &e.Lines[i]; counts(l) {
			k := l.Item + "\x00" + l.Status + "\x00" + unitClass(l.UOM)
			net[k] = net[k].Add(l.Quantity)
		}
	}
	for _, q := range net {
		if !q.IsZero() {
			return true
		}
	}
	return false
}

// expect decides which steps the lifecycle owes and by when.
func (a *assessment) expect() {
	for i := range a.steps {
		s, step := &a.steps[i], &a.workflow.Steps[i]
		s.expected = step.Required && !a.control && (!a.withdrawn || s.ok != nil)
		if step.OnlyStock && a.anchor != nil && !a.owes {
			s.expected = false
		}
		if step.OnlyVariance {
			s.expected = s.expected && (a.anchor != nil && a.found() || a.anchor == nil && s.ok == nil && len(s.heard) > 0)
		}
		if s.expected && step.When != nil {
			// A step that was tried in vain is owed, if nothing tells otherwise.
			yes, told := a.ask(step.When, a.anchorEvent())
			s.expected = yes && told || !told && s.ok == nil && len(s.heard) > 0
		}
		from, ok := a.countsFrom(step)
		if !ok {
			continue
		}
		d, ok := step.DeadlineFor(a.location.Posting)
		if !ok {
			continue
		}
		switch step.Clock {
		case inventory.StoreHours:
			s.due = a.location.AfterOpen(from, d)
		case inventory.Schedule:
			s.run = a.workflow.RunOf(step.Run)
			if s.start = s.run.Next(from, a.location.Zone); s.start.IsZero() {
				continue // it never starts
			}
			s.due = s.start.Add(d)
			if s.run.Feed != "" {
				s.due = later2(s.due, s.start.Add(s.run.Grace))
			}
		default:
			s.due = from.Add(d)
		}
		s.late = s.expected && s.ok != nil && s.ok.Event.Time.After(s.due)
	}
}

// countsFrom is the instant a step's deadline counts from: when the step it
// names happened, else the anchor. A clock that runs ahead of ours, or before the
// day the anchor belongs to, cannot be believed, so that deadlines then run from
// receipt (domain rule 24).
func (a *assessment) countsFrom(step *inventory.Step) (time.Time, bool) {
	switch e := a.since(step); {
	case e == nil:
		return time.Time{}, false
	case ahead(e) || a.anchor != nil && e.name() == a.anchor.name() && aged(e):
		return e.ReceivedAt, true
	default:
		return e.Event.Time, true
	}
}

// since is the event a step's deadline counts from, nil while it is not heard. For
// the anchor itself that is the first that was heard of it: a posting that failed,
// and has nothing before it, has to come right in time too. So it is for every step
// that counts from one which need not be told, or which it would tell itself, while
// that was not heard.
func (a *assessment) since(step *inventory.Step) *entry {
	from := a.workflow.Anchor
	if !step.Since.IsZero() {
		from = step.Since
	}
	i := a.workflow.IndexOf(from)
	if step.StepRef != a.workflow.Anchor {
		lead := a.told(i)
		if from == a.workflow.Anchor && a.anchor != nil {
			lead = a.anchor
		}
		if lead != nil || a.workflow.Steps[i].Required && a.workflow.Steps[i].ToldBy != step.StepRef {
			return lead
		}
	}
	for _, e := range a.steps[a.workflow.IndexOf(step.StepRef)].heard {
		if !e.isEcho() {
			return e
		}
	}
	return nil
}

// told is the success by which step i is known: its own, else that of the step
// which tells of it where nobody else does.
func (a *assessment) told(i int) *entry {
	if ok := a.steps[i].ok; ok != nil {
		return ok
	}
	if by := a.workflow.IndexOf(a.workflow.Steps[i].ToldBy); by >= 0 {
		return a.steps[by].ok
	}
	return nil
}

// prove marks steps nobody reported whose successors succeeded: the goods went
// that way, only the word of it is missing.
func (a *assessment) prove() {
	for i := range a.steps {
		s := &a.steps[i]
		if s.ok == nil || a.workflow.Steps[i].Early != "" {
			continue // what can happen too early proves nothing
		}
		a.eachBefore(i, func(j int) {
			u := &a.steps[j]
			if u.ok == nil {
				if !u.proven || s.okHeard.Before(u.provenAt) {
					u.provenAt = s.okHeard
				}
				u.proven = true
			}
		})
	}
}

// eachBefore calls yield with every step that step i comes after, transitively.
// Workflows are validated to have no cycle.
func (a *assessment) eachBefore(i int, yield func(j int)) {
	for _, ref := range a.workflow.Steps[i].After {
		if j := a.workflow.IndexOf(ref); j >= 0 {
			yield(j)
			a.eachBefore(j, yield)
		}
	}
}

// subject names what a finding about a step is about: the sale itself, or, where
// the register was not heard, the record that tells.
func (a *assessment) subject(e *entry) string {
	if a.anchor != nil {
		return a.anchor.name()
	}
	return e.name()
}

// judge looks at every expected step on its own and at what explains it.
func (a *assessment) judge(newest time.Time, evidence *Evidence) {
	for i := range a.steps {
		s, step := &a.steps[i], &a.workflow.Steps[i]
		if !s.expected {
			continue
		}
		if s.replay != nil {
			a.judgeReplay(i, newest, evidence)
		}
		if s.ok != nil {
			if s.late {
				a.late = true
				if !a.explained(i, func(u *standing) bool { return u.late || !u.done() }) {
					a.raise(condition{
						id: findingID(inventory.LateStep, step.String(), a.subject(s.ok)), kind: inventory.LateStep, step: i,
						opens: s.okHeard, instant: true, since: s.due, cause: a.lateCause(), about: []string{s.ok.ID},
					})
				}
			}
			continue
		}
		if s.proven {
			a.judgeGap(i, newest, evidence)
			continue
		}
		if e := s.refusal(); e != nil {
			kind, cause := refused(e)
			a.raise(condition{
				id: findingID(kind, step.String(), e.name()), kind: kind, step: i, opens: e.ReceivedAt, since: e.Event.Time,
				err: e.Event.Error, cause: causeOf(e.Event.Error, cause), about: []string{e.ID},
			})
			continue
		}
		if first, last := s.unmappedBy(); last != nil {
			// A retry may still come until the step is due; a dead letter will not
			// be retried by itself.
			opens := last.ReceivedAt
			if last.outcome == inventory.Failed {
				opens = later2(s.due, first.ReceivedAt)
				a.pending = true
			}
			a.raise(condition{
				id: findingID(inventory.MappingUnknown, step.String(), first.name()), kind: inventory.MappingUnknown, step: i,
				opens: opens, since: first.Event.Time, err: last.Event.Error, version: last.Event.MappingVersion,
				cause: inventory.CauseMappingDefect, about: []string{last.ID},
			})
			continue
		}
		if s.due.IsZero() {
			a.pending = a.pending || a.anchor == nil
			continue
		}
		if a.explained(i, func(u *standing) bool { return !u.done() }) {
			continue
		}
		a.pending = true
		opens, reported, ran := a.judgeRun(i, newest, evidence)
		if reported && !ran {
			continue
		}
		if !reported {
			var ok bool
			if opens, ok = a.from(i, s.due, newest, evidence); !ok {
				continue
			}
		}
		lead := a.since(step)
		c := condition{
			id: findingID(step.Raises, step.String(), a.subject(lead)), kind: step.Raises, step: i,
			opens: opens, since: s.due, cause: inventory.CauseUnknown, about: []string{lead.ID},
		}
		switch e := s.stuck(); {
		case e == nil:
		case e.outcome == inventory.Held:
			c.kind, c.cause = inventory.HeldKind, inventory.CauseAuditHold
		case e.outcome == inventory.Failed && !locked(e.Event.Error):
			c.cause = inventory.CauseIntegrationFault
		default:
			c.kind = inventory.Stall
		}
		if e := s.stuck(); e != nil {
			c.id = findingID(c.kind, step.String(), a.subject(lead))
			c.err, c.cause = e.Event.Error, causeOf(e.Event.Error, c.cause)
			c.about = append(c.about, e.ID)
			if c.kind != step.Raises {
				c.since = e.Event.Time
			}
		}
		a.raise(c)
	}
}

// refusal is the word that a hop will not do the step by itself any more, the
// gravest first; nil where there is none, or where it is for want of a mapping,
// which is a finding of its own.
func (s *standing) refusal() *entry {
	for _, e := range []*entry{s.dead, s.rejected} {
		if e != nil && !unmapped(e.Event.Error) {
			return e
		}
	}
	if s.failed != nil && unlisted(s.failed.Event.Error) {
		return s.failed
	}
	return nil
}

// refused is what a refusal is called, and what causes it unless the error says
// better.
func refused(e *entry) (inventory.Kind, inventory.Cause) {
	switch {
	case unlisted(e.Event.Error):
		return inventory.NotInAssortment, inventory.CauseMasterData
	case e.outcome == inventory.DeadLettered:
		return inventory.DeadLetter, inventory.CauseIntegrationFault
	case e.outcome == inventory.Discarded:
		return inventory.DiscardedKind, inventory.CauseManualDiscard
	default:
		return inventory.RejectedKind, inventory.CauseSenderValidation
	}
}

// stuck is the last word of a hop that has not done its step: a failure, or that
// it waits; nil where nothing was heard.
func (s *standing) stuck() *entry {
	switch {
	case s.waiting == nil:
		return s.failed
	case s.failed == nil || later(s.waiting, s.failed):
		return s.waiting
	}
	return s.failed
}

// lateCause is what the sale itself says about why it came late.
func (a *assessment) lateCause() inventory.Cause {
	if a.anchor != nil && a.anchor.Event.EnteredOffline {
		return inventory.CauseStoreOffline
	}
	return inventory.CauseDownstreamDelay
}

// leadSubject is what a gap is about: the anchor, else the lifecycle's earliest
// success. An echo is said to several, and is nobody's subject.
func (a *assessment) leadSubject() string {
	if a.anchor != nil {
		return a.anchor.name()
	}
	var first *entry
	for i := range a.steps {
		if ok := a.steps[i].ok; ok != nil && !ok.isEcho() && (first == nil || before(ok, first)) {
			first = ok
		}
	}
	if first == nil {
		first = a.earliest
	}
	return first.name()
}

func (a *assessment) successorIDs(i int) []string {
	var ids []string
	for j := range a.steps {
		if a.steps[j].ok == nil {
			continue
		}
		a.eachBefore(j, func(k int) {
			if k == i && (len(ids) == 0 || ids[len(ids)-1] != a.steps[j].ok.ID) {
				ids = append(ids, a.steps[j].ok.ID)
			}
		})
	}
	return ids
}

// unmappedBy returns the first and the latest failure for want of a mapping, if
// that is how the step stands: however often it is tried, it is one defect.
func (s *standing) unmappedBy() (first, last *entry) {
	for _, e := range []*entry{s.dead, s.rejected, s.failed} {
		if e != nil && unmapped(e.Event.Error) {
			last = e
			break
		}
	}
	if last == nil {
		return nil, nil
	}
	for _, e := range s.heard {
		if unmapped(e.Event.Error) && !succeeded(e.outcome) {
			return e, last
		}
	}
	return last, last
}

// explained reports whether any expected step before i is in a state that
// accounts for i's. One of which nothing was heard, and which i itself would tell,
// accounts for nothing.
func (a *assessment) explained(i int, accounts func(*standing) bool) bool {
	found := false
	a.eachBefore(i, func(j int) {
		if len(a.steps[j].heard) == 0 && len(a.steps[i].heard) > 0 && a.workflow.Steps[j].ToldBy == a.workflow.Steps[i].StepRef {
			return
		}
		if u := &a.steps[j]; u.expected && accounts(u) {
			found = true
		}
	})
	return found
}

// from says when silence about something due then becomes a finding: the later
// of due time with the hop's declared delivery lag, settle after the newest
// arrival, and the hop's evidence reaching that far. ok is false while that
// evidence is awaited; the answer is unconfirmed meanwhile.
func (a *assessment) from(step int, due, newest time.Time, evidence *Evidence) (opens time.Time, ok bool) {
	s := &a.workflow.Steps[step]
	settle := a.workflow.Settle
	if a.anchor != nil && a.anchor.Event.EnteredOffline {
		// A store's late burst: long overdue when it is heard, and on its way.
		settle = max(settle, a.workflow.Backlog)
	}
	opens = later2(due.Add(s.Evidence), newest.Add(settle))
	reached, ok := evidence.reach(s.System, a.location.ID, due)
	if !ok {
		a.awaiting = sooner(a.awaiting, opens)
		a.awaits = append(a.awaits, inventory.Await{System: s.System, Through: due})
		return time.Time{}, false
	}
	return later2(opens, reached), true
}

// judgeGap looks at a step nobody reported though a later one succeeded: we lost
// sight, not the sale. A feed that is merely behind may still tell.
func (a *assessment) judgeGap(i int, newest time.Time, evidence *Evidence) {
	s, step := &a.steps[i], &a.workflow.Steps[i]
	if a.told(i) != nil {
		return // nobody need tell of it twice
	}
	for _, b := range a.workflow.Balances {
		if b.Unexpected != "" && slices.Contains(b.Owed, step.StepRef) {
			return // what nobody said was sent is a finding of its own
		}
	}
	due := s.due
	if due.IsZero() {
		due = s.provenAt
	}
	reached, ok := evidence.reach(step.System, a.location.ID, due)
	if !ok {
		a.awaits = append(a.awaits, inventory.Await{System: step.System, Through: due})
		return
	}
	a.raise(condition{
		id: findingID(inventory.TelemetryGap, step.String(), a.leadSubject()), kind: inventory.TelemetryGap, step: i,
		opens: later2(reached, later2(due.Add(step.Evidence), newest.Add(a.workflow.Settle))), instant: true, since: due,
		cause: inventory.CauseTelemetry, about: a.successorIDs(i),
	})
}

// judgeReplay looks at a requested replay that has not landed.
func (a *assessment) judgeReplay(i int, newest time.Time, evidence *Evidence) {
	s := &a.steps[i]
	if s.done() {
		return
	}
	a.pending = true
	opens, ok := a.from(i, s.replay.Event.Time.Add(a.workflow.ReplayDeadline), newest, evidence)
	if !ok {
		return
	}
	a.raise(condition{
		id:   findingID(inventory.StalledReplay, a.workflow.Steps[i].String(), s.replay.name()),
		kind: inventory.StalledReplay, step: i, opens: opens,
		since: s.replay.Event.Time.Add(a.workflow.ReplayDeadline), cause: inventory.CauseQueueStopped,
		about: []string{s.replay.ID}, err: deadError(s),
	})
}

func deadError(s *standing) *inventory.Error {
	if s.dead != nil {
		return s.dead.Event.Error
	}
	return nil
}

// judgeDuplicates looks for one sale submitted twice: the anchor said again
// under a new id with equal content over the same transport (over another it
// corroborates), or a hop saying it recognised one.
func (a *assessment) judgeDuplicates(entries []entry) {
	var first *entry
	var ids []string
	if i := a.workflow.IndexOf(a.workflow.Anchor); i >= 0 && len(a.steps[i].heard) > 1 {
		type delivery struct {
			digest    inventory.Hash
			transport string
		}
		seen := map[delivery]string{}
		for _, e := range a.steps[i].heard {
			if e.outcome != inventory.OK {
				continue
			}
			d := delivery{e.business(), e.Transport}
			switch id, again := seen[d]; {
			case !again:
				seen[d] = e.ID
			case id != e.ID:
				ids = append(ids, e.ID)
				if first == nil {
					first = e
				}
			}
		}
	}
	for i := range entries {
		if e := &entries[i]; e.outcome == inventory.Suppressed {
			ids = append(ids, e.ID)
			if first == nil || e.ReceivedAt.Before(first.ReceivedAt) {
				first = e
			}
		}
	}
	if first == nil {
		return
	}
	a.raise(condition{
		id:   findingID(inventory.DuplicateDelivery, "", a.subject(first)),
		kind: inventory.DuplicateDelivery, step: first.step, opens: first.ReceivedAt, instant: true,
		since: first.Event.Time, cause: inventory.CauseDuplicateSubmission, about: ids,
	})
}

// judgeCollisions looks for one identifier meaning two things: a record id with
// two contents, a receipt with two baskets, a key two lifecycles claim.
func (a *assessment) judgeCollisions(c *cluster, entries []entry) {
	type said struct{ first *entry }
	byID := make(map[string]said, len(entries))
	for i := range entries {
		e := &entries[i]
		s, again := byID[e.ID]
		if !again {
			byID[e.ID] = said{e}
			continue
		}
		f := s.first
		if f.Event.Step != e.Event.Step || f.Event.BusinessDate != e.Event.BusinessDate {
			continue // two events that were given one id
		}
		a.raise(condition{
			id: findingID(inventory.KeyCollision, "record "+c.canonical.String(), e.ID), kind: inventory.KeyCollision, step: e.step,
			opens: e.ReceivedAt, since: e.Event.Time, cause: inventory.CauseIntegrationFault, about: []string{e.ID},
			key: inventory.ScopedKey{Name: inventory.KeyRecord, Value: e.ID},
		})
	}
	if a.anchor != nil && a.workflow.Anchor.System == "pos" { // what no till says may be said in parts
		i := a.workflow.IndexOf(a.workflow.Anchor)
		for _, e := range a.steps[i].heard {
			if e.outcome == inventory.OK && e.ID != a.anchor.ID && e.business() != a.anchor.business() &&
				e.Event.EffectiveAttempt() == a.anchor.Event.EffectiveAttempt() && !sameBasket(&e.Event, &a.anchor.Event) {
				a.raise(condition{
					id: findingID(inventory.KeyCollision, "basket", a.anchor.name()), kind: inventory.KeyCollision, step: i,
					opens: e.ReceivedAt, since: e.Event.Time, cause: inventory.CauseIntegrationFault,
					about: []string{a.anchor.ID, e.ID}, key: c.canonical,
				})
				break
			}
		}
	}
	for _, s := range c.shared {
		a.raise(condition{
			id: findingID(inventory.KeyCollision, s.key.String(), c.canonical.String()), kind: inventory.KeyCollision, step: -1,
			opens: s.since, since: s.since, cause: inventory.CauseIntegrationFault, about: s.with, key: s.key,
		})
	}
}

// sameBasket reports whether two tellings of a sale name the same lines; one
// that names none contradicts nothing.
func sameBasket(a, b *inventory.Event) bool {
	if len(a.Lines) == 0 || len(b.Lines) == 0 {
		return true
	}
	sum := func(e *inventory.Event) map[string]inventory.Decimal {
		m := map[string]inventory.Decimal{}
		for i := range e.Lines {
			l := &e.Lines[i]
			if counts(l) {
				m[l.Item] = m[l.Item].Add(l.Quantity)
			}
		}
		return m
	}
	x, y := sum(a), sum(b)
	if len(x) != len(y) {
		return false
	}
	for item, q := range x {
		if y[item] != q {
			return false
		}
	}
	return true
}

func (a *assessment) raise(c condition) { a.conditions = append(a.conditions, c) }

// sooner returns the earlier of two times, of which zero is never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// later2 returns the later of two times.
func later2(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
