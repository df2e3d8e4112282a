package lifecycle

import (
	"cmp"
	"slices"
	"strings"

	"github.com/stocktrace/stocktrace/inventory"
)

// A record belongs to one component, by its identifying keys, and may concern
// others: a post-void concerns the sale it takes back, a store-day posting each
// receipt it covers, every receipt its register's day. To those it is an echo: it
// is delivered to their home and judged with them, and binds nothing, is counted
// nowhere, and is no record of theirs.

// newEcho returns what a component remembers of a record that concerns it: who
// says it, when, and what it relates to.
func newEcho(r *inventory.Record, echo inventory.Echo) entry {
	return entry{
		Record: told(r, echo), keys: []inventory.ScopedKey{echo.To}, outcome: r.Event.EffectiveOutcome(), step: -1, echo: echo,
	}
}

// told is what of a record is said to whom it concerns: a posting covers
// thousands, and each is told of itself alone. Told again it is the same.
func told(r *inventory.Record, echo inventory.Echo) *inventory.Record {
	from := r.Event
	switch {
	case echo.To.Name == inventory.KeyItemStock:
		_, item, _ := strings.Cut(echo.To.Value, "/")
		from.Lines = nil
		for _, l := range itemLines(&r.Event, item) {
			from.Lines = append(from.Lines, *l)
		}
		from.Covers = nil
	case !inventory.Book(echo.To.Name):
		from = inventory.Event{
			ID: from.ID, Source: from.Source, Type: from.Type, Time: from.Time, Workflow: from.Workflow, Step: from.Step, System: from.System,
			Outcome: from.Outcome, Attempt: from.Attempt, Location: from.Location, Register: from.Register, BusinessDate: from.BusinessDate,
			Operator: from.Operator, Keys: from.Keys, CorrelationID: from.CorrelationID, Transaction: from.Transaction, Totals: from.Totals,
			EnteredOffline: from.EnteredOffline, Error: from.Error, Refs: from.Refs,
		}
	}
	return &inventory.Record{
		ID: r.ID, Content: r.Content, Event: from, ReceivedAt: r.ReceivedAt, Transport: r.Transport,
		Partition: r.Partition, Position: r.Position,
	}
}

// isEcho reports whether the entry is another lifecycle's record.
func (e *entry) isEcho() bool { return !e.echo.To.IsZero() }

// apart separates a lifecycle's own entries from what it only hears.
func apart(entries []entry) (own, heard []entry) {
	for i := range entries {
		if entries[i].isEcho() {
			// Rarely any: then nothing is copied.
			own = append(own, entries[:i]...)
			for _, e := range entries[i:] {
				if e.isEcho() {
					heard = append(heard, e)
				} else {
					own = append(own, e)
				}
			}
			return own, heard
		}
	}
	return entries, nil
}

// hear takes in what others say of the transaction: that it was taken back, or
// that a posting for many covers it.
func (a *assessment) hear(heard []entry) {
	posts := -1
	for i := range a.workflow.Steps {
		if a.workflow.Steps[i].Posts {
			posts = i
		}
	}
	undone := map[string]bool{} // voids that were taken back themselves
	for i := range heard {
		if e := &heard[i]; e.echo.Rel == "voids" && e.outcome == inventory.Reversed {
			undone[receiptOf(&e.Event)] = true
		}
	}
	for i := range heard {
		e := &heard[i]
		switch {
		case e.echo.Rel == "voids" && e.outcome == inventory.OK:
			if r := receiptOf(&e.Event); r != "" && undone[r] || controlTransaction(e.Event.Transaction) {
				continue // in training nothing is taken back
			}
			if i := a.workflow.IndexOf(a.workflow.Anchor); i >= 0 && (a.steps[i].voided == nil || before(e, a.steps[i].voided)) {
				a.steps[i].voided = e
			}
		case e.echo.Rel == inventory.RelCovers && posts >= 0:
			a.steps[posts].covered = append(a.steps[posts].covered, e)
		}
	}
	if posts < 0 {
		return
	}
	s := &a.steps[posts]
	s.covered = standingOf(s.covered)
	for _, e := range s.covered {
		if s.ok == nil || before(e, s.ok) {
			s.ok = e
		}
		if s.okHeard.IsZero() || e.ReceivedAt.Before(s.okHeard) {
			s.okHeard = e.ReceivedAt
		}
	}
}

// relatedBy are the transactions that say they relate to this one, as it is seen
// from here, in the order in which they were heard. One that was taken back, or
// only rung in training, does not.
func relatedBy(heard []entry) []inventory.Related {
	type group struct {
		rel    string
		ids    []inventory.ScopedKey
		key    inventory.Key
		undone bool
	}
	var groups []*group
	for i := range heard {
		e := &heard[i]
		rel := inventory.Inverse(e.echo.Rel)
		ids := e.Event.Identifiers()
		if rel == "" || len(ids) == 0 || controlTransaction(e.Event.Transaction) || !succeeded(e.outcome) && e.outcome != inventory.Reversed {
			continue
		}
		// What several of its steps say, under keys they share, is one.
		at := slices.IndexFunc(groups, func(g *group) bool {
			return g.rel == rel && slices.ContainsFunc(ids, func(k inventory.ScopedKey) bool { return slices.Contains(g.ids, k) })
		})
		if at < 0 {
			at = len(groups)
			groups = append(groups, &group{rel: rel})
		}
		g := groups[at]
		g.ids = mergeKeys(g.ids, ids)
		g.undone = g.undone || e.outcome == inventory.Reversed
		// People know it by its number, not by a middleware's id.
		for _, k := range e.Event.AllKeys() {
			if inventory.Identifying(k.Name) && (g.key.Name == "" || g.key.Name == inventory.KeyCorrelationID && k.Name != g.key.Name) {
				g.key = k
			}
		}
	}
	var all []inventory.Related
	for _, g := range groups {
		if !g.undone {
			all = append(all, inventory.Related{Rel: g.rel, Keys: []inventory.Key{g.key}})
		}
	}
	return all
}

// standingOf are the postings for many that cover a transaction and were not
// reversed, in the order they were heard: the first of each document, whichever
// of it and its reversal was heard first. A reversal without number takes back
// what was posted without one before it.
func standingOf(covered []*entry) []*entry {
	back := map[string]*entry{}
	for _, e := range covered {
		d := documentOf(&e.Event)
		if e.outcome == inventory.Reversed && (back[d] == nil || before(back[d], e)) {
			back[d] = e
		}
	}
	told := map[string]bool{}
	var all []*entry
	for _, e := range covered {
		d := documentOf(&e.Event)
		if !succeeded(e.outcome) || told[d] || back[d] != nil && (d != "" || !before(back[d], e)) {
			continue
		}
		told[d] = true
		all = append(all, e)
	}
	return all
}

// judgeCovers looks for a transaction that two postings for many both cover: it
// is posted twice (failures F14). Reversed ones count no more.
func (a *assessment) judgeCovers() {
	for i := range a.steps {
		var about []string
		var last *entry
		for _, e := range a.steps[i].covered {
			about = append(about, e.ID)
			if last == nil || cmp.Or(last.ReceivedAt.Compare(e.ReceivedAt), strings.Compare(last.ID, e.ID)) < 0 {
				last = e
			}
		}
		if len(about) < 2 || a.anchor == nil {
			continue
		}
		slices.Sort(about)
		a.raise(condition{
			id:   findingID(inventory.DuplicatePosting, a.workflow.Steps[i].String(), a.leadSubject()),
			kind: inventory.DuplicatePosting, step: i, opens: last.ReceivedAt.Add(a.workflow.Settle), since: last.Event.Time,
			cause: inventory.CauseDuplicateSubmission, about: about, say: "Two store-day postings cover it: posted twice",
		})
	}
}

// hear takes in a record that concerns the component.
func (c *component) hear(r *inventory.Record, echo inventory.Echo) {
	if inventory.Book(echo.To.Name) {
		if c.book == nil {
			c.book = newBook(echo.To)
		}
		c.book.hear(told(r, echo))
		return
	}
	c.add(newEcho(r, echo))
}
