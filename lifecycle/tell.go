package lifecycle

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// findingID names a finding by what it is about, not by where it was found: it
// stays the same through merges, restarts and other engines.
func findingID(kind inventory.Kind, what, subject string) string {
	return "f-" + shortHash(string(kind), what, subject)
}

func shortHash(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:10])
}

// tell folds the assessment of each prefix of arrivals into findings with a
// life, and says where the lifecycle stands at now.
func tell(rules *Rules, c *cluster, evidence *Evidence, now time.Time) inventory.Lifecycle {
	if c.hub != nil {
		return heedBook(rules, c.hub.tell(rules, now), c.said)
	}
	entries := c.entries
	l := inventory.Lifecycle{
		ID: LifecycleID(c.canonical), Canonical: c.canonical,
		UpdatedAt: entries[len(entries)-1].ReceivedAt, ComputedAt: now, FactPosition: evidence.Position(),
	}
	w := rules.Workflow(workflowOf(entries))
	if w == nil {
		return unclassified(rules, l, entries)
	}
	for i := range entries {
		e := &entries[i]
		e.step = -1
		if e.Event.Workflow == w.Name {
			e.step = w.Match(e.Event.System, e.Event.Step)
		}
	}

	var lives lives
	var a *assessment
	quiet := true // only successes so far
	// What others say is judged when it is heard, like the lifecycle's own.
	timeline := entries
	if len(c.heard) > 0 {
		timeline = slices.Concat(entries, c.heard)
		slices.SortFunc(timeline, byArrival)
	}
	for i := 0; i < len(timeline); {
		// Records that arrived at one instant are one arrival.
		j := i + 1
		for j < len(timeline) && timeline[j].ReceivedAt.Equal(timeline[i].ReceivedAt) {
			j++
		}
		until := time.Time{}
		if j < len(timeline) {
			until = timeline[j].ReceivedAt
		}
		for _, e := range timeline[i:j] {
			quiet = quiet && e.outcome == inventory.OK && !e.isEcho()
		}
		// After a success nothing opens before settle has passed, save what tells
		// of something that has happened, which the next assessment tells too.
		if quiet && len(lives.all) == 0 && !until.IsZero() && until.Sub(timeline[i].ReceivedAt) <= w.Settle {
			i = j
			continue
		}
		own, heard := apart(timeline[:j])
		if len(own) > 0 { // others may speak of it before it does itself
			a = assess(rules, w, c, own, heard, evidence)
			lives.arrive(a, timeline[i:j], until, now)
		}
		i = j
	}
	l.Workflow, l.RuleVersion, l.Owner = w.Name, w.Version, w.Owner
	describe(&l, rules, a, entries)
	l.Findings = lives.findings(a, &l)
	by := lives.heed(a, &l, c.said)
	for i := range l.Findings {
		if f := &l.Findings[i]; f.State == inventory.FindingOpen && f.Owner != "" {
			l.Owner = f.Owner // whose it is to put right
			break
		}
	}
	if lives.uncertain && now.Before(l.UpdatedAt) && (lives.next.IsZero() || l.UpdatedAt.Before(lives.next)) {
		lives.next = l.UpdatedAt
	}
	conclude(&l, a, by, lives.next, now)
	l.Sentence = sentence(&l, a, by)
	return l
}

// workflowOf is the workflow most of the records name, the least by name where
// several do.
func workflowOf(entries []entry) string {
	counts := map[string]int{}
	best := ""
	for i := range entries {
		w := entries[i].Event.Workflow
		counts[w]++
	}
	for w, n := range counts {
		if n > counts[best] || (n == counts[best] && (best == "" || w < best)) {
			best = w
		}
	}
	return best
}

// life is a finding's condition with when it opened and closed.
type life struct {
	condition
	opened, closed time.Time
	closedBy       *entry
	resolution     inventory.Resolution
	// anew are the arrivals that told more of it while it lasted, or told of it
	// again: what a person had said of it was said without them.
	anew []time.Time
	// provisional: closed because a later step proved this one, which has not
	// been heard of itself.
	provisional bool
}

// lives folds conditions over arrivals.
type lives struct {
	all  []*life
	next time.Time // the earliest opening after now
	// uncertain is set where evidence was awaited before the next arrival: facts
	// received before that arrival may not all be known yet.
	uncertain bool
}

func (s *lives) of(id string) *life {
	for _, l := range s.all {
		if l.id == id {
			return l
		}
	}
	return nil
}

// arrive takes in what holds after an arrival and until the next one (zero: for
// good, as far as now goes).
func (s *lives) arrive(a *assessment, arrived []entry, until, now time.Time) {
	at := arrived[0].ReceivedAt
	for _, from := range []time.Time{a.awaiting, a.unreported} {
		if !until.IsZero() && !from.IsZero() && from.Before(until) {
			s.uncertain = true
		}
	}
	for _, l := range s.all {
		held := holds(a, l.id)
		switch {
		case held:
		case l.closed.IsZero():
			l.closed = at
			l.closedBy, l.resolution = closing(a, l, arrived)
			if s.renamed(a, l) {
				l.resolution = inventory.Disproved
			}
			l.provisional = l.step >= 0 && a.steps[l.step].ok == nil && a.steps[l.step].proven
		case l.instant && l.resolution != inventory.Disproved:
			// It told of something that, as is now heard, was not so.
			l.closed, l.resolution = at, inventory.Disproved
			l.closedBy = &arrived[len(arrived)-1]
		case l.provisional || l.resolution == inventory.Recovered || l.resolution == inventory.ReplayedR:
			// How it ended hangs on when the step happened, and that may be heard
			// after a later step had proved that it did, or a later document first.
			if l.overdue() || l.kind == inventory.StalledReplay || l.kind == inventory.MappingUnknown {
				_, l.resolution = closing(a, l, arrived)
			}
		}
	}
	for i := range a.conditions {
		c := a.conditions[i]
		opens := later2(c.opens, at)
		if c.instant && c.kind != inventory.TelemetryGap {
			opens = c.opens
		}
		if !until.IsZero() && !opens.Before(until) {
			continue // the next arrival came first, and is judged by itself
		}
		if !c.ends.IsZero() && !opens.Before(c.ends) {
			continue // it had ended when this arrived
		}
		if l := s.of(c.id); l != nil {
			switch {
			case !c.ends.IsZero():
			case !l.closed.IsZero() && !l.instant:
				l.closed, l.closedBy, l.resolution = time.Time{}, nil, "" // reopened
				l.anew = append(l.anew, at)
			case l.comesAnew(&c, arrived):
				l.anew = append(l.anew, at)
			}
			if c.instant && l.closed.IsZero() {
				l.closed, l.closedBy, l.resolution = at, &arrived[len(arrived)-1], inventory.Recovered // now it is over
			}
			l.condition = c
			continue
		}
		if opens.After(now) {
			s.wake(opens)
			continue
		}
		if c.kind == inventory.LateStep && s.told(c.step) {
			continue // one fact, one kind: why it came late has been said
		}
		l := &life{condition: c, opened: opens}
		switch {
		case c.ends.IsZero():
		case c.ends.After(now):
			s.wake(c.ends)
		default:
			l.closed, l.resolution = c.ends, inventory.Recovered
		}
		if c.instant {
			l.closed, l.resolution = opens, inventory.Accepted
			if c.kind == inventory.LateStep {
				l.resolution = inventory.Recovered
			}
		}
		s.all = append(s.all, l)
	}
}

// wake has it looked at again at a time.
func (s *lives) wake(at time.Time) {
	s.next = sooner(s.next, at)
}

// renamed reports whether what l tells goes on under another id, because the
// record it is about turned out to be another: nothing has ended.
func (s *lives) renamed(a *assessment, l *life) bool {
	for i := range a.conditions {
		if c := &a.conditions[i]; c.kind == l.kind && c.step == l.step && s.of(c.id) == nil {
			return true
		}
	}
	return false
}

func holds(a *assessment, id string) bool {
	for i := range a.conditions {
		if a.conditions[i].id == id {
			return true
		}
	}
	return false
}

// told reports whether a finding that outranks late_step has been raised about
// the step, and was true.
func (s *lives) told(step int) bool {
	for _, l := range s.all {
		if l.step != step || l.resolution == inventory.Disproved {
			continue
		}
		switch l.kind {
		case inventory.DeadLetter, inventory.RejectedKind, inventory.DiscardedKind, inventory.NotInAssortment, inventory.MappingUnknown,
			inventory.StalledReplay:
			return true
		default: // says nothing of the step's lateness, unless it was overdue
			if l.overdue() {
				return true
			}
		}
	}
	return false
}

// overdue reports whether a finding says that a step had not come when it was
// due, by whatever kind its workflow or the hop's last word has it called.
func (l *life) overdue() bool {
	switch l.kind {
	case inventory.MissingStep, inventory.ReturnNotPosted, inventory.HeldKind, inventory.Stall, inventory.RunMissed:
		return true
	default:
		return false
	}
}

// closing says which of the arrived records ended a finding, and how.
func closing(a *assessment, l *life, arrived []entry) (*entry, inventory.Resolution) {
	by := &arrived[len(arrived)-1]
	for i := range arrived {
		if arrived[i].step == l.step {
			by = &arrived[i]
		}
	}
	var s *standing
	if l.step >= 0 {
		s = &a.steps[l.step]
	}
	if l.overdue() {
		if s.ok != nil && s.late && s.dead == nil {
			return by, inventory.Recovered
		}
		if s.ok == nil && a.withdrawn && by.Event.Time.After(l.opened) {
			return by, inventory.ReversedR // it was owed until it was called off
		}
		// It occurred in time and we heard late; or it was proven, or was something
		// else than missing.
		return by, inventory.Disproved
	}
	if kinds[l.kind].risk == lineError {
		// What had happened before we said it was wrong disproves us; what
		// happened after mended it.
		switch {
		case !by.Event.Time.After(l.opened):
			return by, inventory.Disproved
		case by.outcome == inventory.Reversed:
			return by, inventory.ReversedR
		}
		return by, inventory.Recovered
	}
	switch l.kind {
	case inventory.StalledReplay:
		if s.ok == nil || !s.ok.Event.Time.After(l.since) {
			return by, inventory.Disproved // it had landed in time, as far as is known
		}
		return by, inventory.ReplayedR
	case inventory.DeadLetter:
		if s.ok != nil && (s.replay != nil || s.ok.outcome == inventory.Replayed) {
			return by, inventory.ReplayedR
		}
		return by, inventory.Recovered
	case inventory.MappingUnknown:
		if s.dead == nil && s.rejected == nil && !s.late {
			return by, inventory.Disproved // a retry had succeeded in time
		}
		return by, inventory.Recovered
	case inventory.RejectedKind, inventory.DiscardedKind, inventory.NotInAssortment, inventory.UnapprovedAdjustment, inventory.SelfApproved,
		inventory.ToleranceExceeded, inventory.RetryLoop, inventory.DateShift, inventory.PriceMismatch:
		return by, inventory.Recovered
	default:
		return by, inventory.Disproved
	}
}

// describe fills in everything that is not a judgement.
func describe(l *inventory.Lifecycle, rules *Rules, a *assessment, entries []entry) {
	lead := a.anchor
	if lead == nil {
		lead = earliest(entries)
	}
	e := &lead.Event
	l.Location, l.Region, l.Posting = e.Location, a.location.Region, a.location.Posting
	l.Register, l.BusinessDate, l.StartedAt = e.Register, e.BusinessDate, e.Time
	l.Lines = a.ledger.lines
	if len(l.Lines) == 0 {
		said := []posting{{1, lead}}
		posts := lead.step >= 0 && a.workflow.Steps[lead.step].Posts && succeeded(lead.outcome)
		if posts && e.Covers == nil {
			said = postings(&a.steps[lead.step])
		}
		l.Lines = soldLines(rules, said)
		if a.reversal {
			for i := range l.Lines {
				x := &l.Lines[i]
				x.Owed, x.Posted = inventory.Decimal{}, x.Owed.Neg() // it carries the lines it takes back
			}
		}
		if posts {
			for i := range l.Lines {
				l.Lines[i].Posted = l.Lines[i].Owed // it is the posting
			}
		}
	}
	if a.anchor != nil {
		l.Units, l.Values = totals(e)
	}
	for i := range a.steps {
		s, step := &a.steps[i], &a.workflow.Steps[i]
		state := inventory.StepState{
			StepRef: step.StepRef, Title: step.Title, Required: step.Required, Expected: s.expected, ExpectedBy: s.due,
			Owner: step.Owner, Runbook: step.Runbook,
		}
		for _, h := range s.heard {
			state.EventIDs = append(state.EventIDs, h.ID)
		}
		shown := s.ok
		if shown == nil {
			for _, h := range s.heard {
				if shown == nil || later(h, shown) {
					shown = h
				}
			}
		}
		if shown != nil {
			state.Outcome, state.OccurredAt, state.ReceivedAt = shown.outcome, shown.Event.Time, shown.ReceivedAt
			state.Attempt, state.Error = shown.Event.EffectiveAttempt(), shown.Event.Error
		}
		switch {
		case s.ok != nil && s.ok.isEcho():
			state.Note = "in store-day posting " + cmp.Or(documentOf(&s.ok.Event), s.ok.ID)
		case s.late:
			state.Note = "late by " + span(s.ok.Event.Time.Sub(s.due))
		case s.ok == nil && s.proven && a.told(i) != nil:
			state.Note = "told by " + step.ToldBy.String() + " alone"
		case s.ok == nil && s.proven:
			state.Note = "not seen, but a later step proves it"
		case !s.expected && !step.OnlyStock && a.control:
			state.Note = "not expected of this transaction"
		case !s.expected && step.Posts && a.location.Posting == inventory.PostingStoreDay:
			state.Note = "posted with the store's day"
		case !s.expected && step.OnlyStock && a.anchor != nil && !a.owes:
			state.Note = "not expected: no stock moves"
		}
		if step.Posts {
			if s.expected {
				l.PostingDue = s.due
			}
			if s.ok != nil {
				l.PostedAt, l.PostedBy = s.ok.Event.Time, documentOf(&s.ok.Event)
			}
		}
		l.Steps = append(l.Steps, state)
	}
	collect(l, entries)
	if d := documentOf(e); a.reversal && d != "" && !slices.ContainsFunc(l.Related, func(r inventory.Related) bool { return r.Rel == "reverses" }) {
		// It carries the number of what it takes back.
		l.Related = append(l.Related, inventory.Related{Rel: "reverses", Keys: []inventory.Key{{Name: inventory.KeyERPDocument, Value: d}}})
	}
	l.Related = append(l.Related, relatedBy(a.heard)...)
	if order := orderOf(entries); order != "" {
		l.Related = append(l.Related, inventory.Related{Rel: inventory.KeyOrderStock, Keys: []inventory.Key{{Name: inventory.KeyOrderStock, Value: order}}})
	}
	if day, ok := e.PostingDay(); ok && e.Covers == nil && l.Posting == inventory.PostingStoreDay {
		l.Related = append(l.Related, inventory.Related{Rel: day.Name, Keys: []inventory.Key{inventory.Key(day)}})
	}
}

// collect gathers what all records carry: keys, items, relations, ids.
func collect(l *inventory.Lifecycle, entries []entry) {
	items := map[string]bool{}
	for i := range entries {
		e := &entries[i].Event
		l.Keys = append(l.Keys, e.AllKeys()...)
		for j := range e.Lines {
			items[e.Lines[j].Item] = true
		}
		l.Identifiers = append(l.Identifiers, entries[i].keys...)
		for _, r := range e.Refs {
			related := inventory.Related{Rel: r.Rel, Keys: r.Keys}
			if !slices.ContainsFunc(l.Related, func(x inventory.Related) bool { return x.Rel == r.Rel && slices.Equal(x.Keys, r.Keys) }) {
				l.Related = append(l.Related, related)
			}
		}
		l.RecordIDs = append(l.RecordIDs, entries[i].ID)
	}
	slices.SortFunc(l.Keys, func(a, b inventory.Key) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Value, b.Value))
	})
	l.Keys = slices.Compact(l.Keys)
	slices.SortFunc(l.Identifiers, inventory.CompareKeys)
	l.Identifiers = slices.Compact(l.Identifiers)
	delete(items, "")
	for item := range items {
		l.Items = append(l.Items, item)
	}
	slices.Sort(l.Items)
}

// soldLines is what the register said, before anything was posted.
func soldLines(rules *Rules, said []posting) []inventory.LineState {
	a := &assessment{rules: rules}
	lines, ok := a.compare(&inventory.Balance{}, said, nil, &itemNames{})
	if !ok {
		return nil
	}
	return states(lines)
}

// totals sums what a sale moved, per unit, and what it is worth, per currency
// and basis; signs are dropped, because at risk is an amount.
func totals(e *inventory.Event) ([]inventory.Quantity, []inventory.Amount) {
	units := map[string]inventory.Decimal{}
	values := map[[2]string]inventory.Decimal{}
	for i := range e.Lines {
		l := &e.Lines[i]
		if !counts(l) {
			continue
		}
		u := unitClass(l.UOM)
		units[u] = units[u].Add(l.Quantity)
		if price, err := inventory.ParseDecimal(l.UnitValue); err == nil && l.Currency != "" {
			if v, ok := price.Mul(l.Quantity); ok {
				k := [2]string{l.Currency, l.ValueBasis}
				values[k] = values[k].Add(v)
			}
		}
	}
	return quantities(units), amounts(values)
}

func quantities(m map[string]inventory.Decimal) []inventory.Quantity {
	var all []inventory.Quantity
	for u, q := range m {
		if !q.IsZero() {
			all = append(all, inventory.Quantity{UOM: u, Quantity: q.Abs()})
		}
	}
	slices.SortFunc(all, func(a, b inventory.Quantity) int { return cmp.Compare(a.UOM, b.UOM) })
	return all
}

func amounts(m map[[2]string]inventory.Decimal) []inventory.Amount {
	var all []inventory.Amount
	for k, v := range m {
		if !v.IsZero() {
			all = append(all, inventory.Amount{Currency: k[0], Basis: k[1], Amount: v.Abs()})
		}
	}
	slices.SortFunc(all, func(a, b inventory.Amount) int {
		return cmp.Or(cmp.Compare(a.Currency, b.Currency), cmp.Compare(a.Basis, b.Basis))
	})
	return all
}

// unclassified tells of a transaction whose workflow nobody declared: kept,
// counted, and nothing said of it.
func unclassified(rules *Rules, l inventory.Lifecycle, entries []entry) inventory.Lifecycle {
	lead := earliest(entries)
	e := &lead.Event
	location := rules.Location(e.Location)
	l.Workflow, l.Verdict, l.State = workflowOf(entries), inventory.Unclassified, inventory.StateClosed
	l.Location, l.Region, l.Posting = e.Location, location.Region, location.Posting
	l.Register, l.BusinessDate, l.StartedAt = e.Register, e.BusinessDate, e.Time
	l.Lines = soldLines(rules, []posting{{1, lead}})
	for i := range entries {
		r := &entries[i]
		l.Steps = append(l.Steps, inventory.StepState{
			StepRef: inventory.StepRef{System: r.Event.System, Step: r.Event.Step}, Outcome: r.Event.EffectiveOutcome(),
			OccurredAt: r.Event.Time, ReceivedAt: r.ReceivedAt, Attempt: r.Event.EffectiveAttempt(),
			EventIDs: []string{r.ID}, Error: r.Event.Error,
		})
	}
	collect(&l, entries)
	l.Sentence = "Kept, not judged: no workflow called " + quote(l.Workflow) + " is declared."
	return l
}

// conclude sets verdict, state and when to look again. What a person resolved
// is waited for no more; the verdict is the evidence's all the same.
func conclude(l *inventory.Lifecycle, a *assessment, by byHand, next, now time.Time) {
	grave, blocking := len(gravest), false
	for i := range l.Findings {
		f := &l.Findings[i]
		if f.State != inventory.FindingOpen && !by.findings[f.ID] {
			continue
		}
		blocking = blocking || f.State == inventory.FindingOpen
		v := kinds[f.Kind].verdict
		if v == inventory.Overdue && f.ErrorCode != "" && f.Kind != inventory.HeldKind {
			v = inventory.FailedV // it was tried, and failed
		}
		if i := slices.Index(gravest, v); i >= 0 {
			grave = min(grave, i)
		}
	}
	waiting, pending := false, a.pending
	excused := len(by.steps) > 0
	for i := range a.steps {
		if a.steps[i].expected && !a.steps[i].done() {
			waiting = true
			excused = excused && by.excuses(a, i)
		}
	}
	switch {
	case grave < len(gravest):
		l.Verdict = gravest[grave]
	case !a.awaiting.IsZero() && !a.awaiting.After(now):
		l.Verdict = inventory.Unconfirmed
	case waiting || a.pending:
		l.Verdict = inventory.Open
	case a.withdrawn:
		l.Verdict = inventory.Withdrawn
	case a.control:
		l.Verdict = inventory.NotExpected
	case a.anchor != nil && !a.owes && slices.ContainsFunc(a.workflow.Steps, func(s inventory.Step) bool { return s.OnlyStock }):
		l.Verdict = inventory.NotExpected
	case a.late:
		l.Verdict = inventory.CompleteLate
	default:
		l.Verdict = inventory.Complete
	}
	l.Awaits = a.awaits
	if !a.awaiting.IsZero() && a.awaiting.After(now) && (next.IsZero() || a.awaiting.Before(next)) {
		next = a.awaiting
	}
	horizon := l.StartedAt.Add(a.workflow.Horizon)
	if h := l.UpdatedAt.Add(a.workflow.Horizon); h.After(horizon) {
		horizon = h // a later record reopens it
	}
	l.State = inventory.StateOpen
	if excused {
		waiting, pending = false, false
	}
	if !now.Before(horizon) || (!waiting && !pending && !blocking && next.IsZero() && len(a.awaits) == 0) {
		l.State = inventory.StateClosed
		return
	}
	l.NextAt = sooner(next, horizon)
}
