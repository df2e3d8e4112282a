package lifecycle

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// What people do is heard like everything else, as records of the component it
// is about, and judged apart from them: a person's word is no arrival. It neither
// says when something happened nor keeps a deadline waiting; it says whose a
// finding is, that it is over, and which records are one transaction.
//
// What people said is folded in the order in which it was received, ties by
// identity, so that it comes to the same whatever order it is read in. An action
// whose id was heard before is the first one told again.

// peoples separates what people did from what systems said.
func peoples(entries []entry) (rest, said []entry) {
	for i := range entries {
		if entries[i].Event.Action != nil {
			// Rarely any: then nothing is copied.
			rest = append(rest, entries[:i]...)
			seen := map[string]bool{}
			for _, e := range entries[i:] {
				switch a := e.Event.Action; {
				case a == nil:
					rest = append(rest, e)
				case !seen[a.ID]:
					seen[a.ID] = true
					said = append(said, e)
				}
			}
			slices.SortStableFunc(said, byArrival)
			return rest, said
		}
	}
	return entries, nil
}

// arrangement is what people said of which records are one transaction.
type arrangement struct {
	// taken out: record id → the split that took it out last.
	out map[string]string
	// together are sets of record ids that are of one transaction.
	together [][]string
	// bridged: a merge, also one taken back, has bound keys that no record binds.
	bridged bool
}

// arrange folds merges and splits; the later one counts, and what was undone
// does not.
func arrange(said []entry) arrangement {
	undone := map[string]bool{}
	for i := range said {
		if a := said[i].Event.Action; a.Verb == inventory.Undo {
			undone[a.Undoes] = true
		}
	}
	var r arrangement
	for i := range said {
		a := said[i].Event.Action
		r.bridged = r.bridged || a.Verb == inventory.Merge
		if undone[a.ID] {
			continue
		}
		switch a.Verb {
		case inventory.Merge:
			r.together = append(r.together, a.Records)
		case inventory.Split:
			if r.out == nil {
				r.out = map[string]string{}
			}
			// Who was merged with one of these before is not any more.
			var parted [][]string
			for _, set := range r.together {
				var in, rest []string
				for _, id := range set {
					if slices.Contains(a.Records, id) {
						in = append(in, id)
					} else {
						rest = append(rest, id)
					}
				}
				parted = append(parted, in, rest)
			}
			r.together = slices.DeleteFunc(parted, func(set []string) bool { return len(set) < 2 })
			for _, id := range a.Records {
				r.out[id] = a.ID
			}
		default: // says nothing of which records are one transaction
		}
	}
	return r
}

// joins reports whether people said that some of the first are of one transaction
// with some of the others.
func (r *arrangement) joins(entries []entry, these, those []int) bool {
	has := func(members []int, id string) bool {
		return slices.ContainsFunc(members, func(i int) bool { return entries[i].ID == id })
	}
	for _, set := range r.together {
		if slices.ContainsFunc(set, func(id string) bool { return has(these, id) }) &&
			slices.ContainsFunc(set, func(id string) bool { return has(those, id) }) {
			return true
		}
	}
	return false
}

// none reports whether people have said nothing of it, so that the component holds
// together by its records.
func (r *arrangement) none() bool { return len(r.out) == 0 && !r.bridged }

// handling is what people made of one finding.
type handling struct {
	acknowledged, assigned, resolved *inventory.Record
	ticket                           string
}

// handle folds what people did about the finding of that id, which opened at
// that time. New evidence since, at the times given, takes a resolution back: it
// was about what was known then.
func handle(id string, opened time.Time, anew []time.Time, said []entry) handling {
	var h handling
	renewed := func(by time.Time) {
		for len(anew) > 0 && !anew[0].After(by) {
			if h.resolved != nil && anew[0].After(h.resolved.ReceivedAt) {
				h.resolved, h.acknowledged = nil, nil
			}
			anew = anew[1:]
		}
	}
	for i := range said {
		e := &said[i]
		a := e.Event.Action
		if a.Finding != id || e.ReceivedAt.Before(opened) {
			continue
		}
		renewed(e.ReceivedAt)
		switch a.Verb {
		case inventory.Acknowledge:
			if h.acknowledged == nil {
				h.acknowledged = e.Record
			}
		case inventory.Assign:
			h.assigned = e.Record
		case inventory.Resolve:
			if h.resolved == nil {
				h.resolved = e.Record
			}
		case inventory.Reopen:
			h.resolved, h.acknowledged = nil, nil
		default: // about no finding
			continue
		}
		if a.Ticket != "" {
			h.ticket = a.Ticket
		}
	}
	if len(anew) > 0 {
		renewed(anew[len(anew)-1])
	}
	return h
}

// heed writes into a finding, as the evidence has it, what people made of it. It
// reports whether a person's word is all that closes it.
//
// Evidence comes first: what it closed before a person did stays closed by it,
// and what it disproved was never so.
func heed(f *inventory.Finding, anew []time.Time, said []entry, clock func(time.Time) string) (alone bool) {
	if len(said) == 0 {
		return false
	}
	h := handle(f.ID, f.OpenedAt, anew, said)
	if r := h.acknowledged; r != nil {
		f.AcknowledgedBy, f.AcknowledgedAt = r.Event.Action.By, r.ReceivedAt
	}
	if r := h.assigned; r != nil {
		f.Assignee = r.Event.Action.Assignee
	}
	f.Ticket = h.ticket
	r := h.resolved
	open := f.State == inventory.FindingOpen
	if r == nil || !open && (!f.ClosedAt.After(r.ReceivedAt) || f.Resolution == inventory.Disproved) {
		return false
	}
	a := r.Event.Action
	f.State, f.ClosedAt, f.ClosedBy = inventory.FindingClosed, r.ReceivedAt, r.ID
	f.Resolution, f.ResolutionNote = a.Resolution, a.Note
	f.Sentence += fmt.Sprintf(" Resolved by %s at %s: %s.", a.By, clock(r.ReceivedAt), strings.ReplaceAll(string(a.Resolution), "_", " "))
	return open
}

// byHand is what nothing but a person's word has closed: findings, and the steps
// they are about.
type byHand struct {
	findings map[string]bool
	steps    map[int]bool
}

// heed writes what people made of a lifecycle's findings into them.
func (s *lives) heed(a *assessment, l *inventory.Lifecycle, said []entry) (by byHand) {
	if len(said) == 0 {
		return by
	}
	clock := clockAt(a.location, l.StartedAt)
	for i := range l.Findings {
		f := &l.Findings[i]
		life := s.of(f.ID)
		if !heed(f, life.anew, said, clock) {
			continue
		}
		if by.findings == nil {
			by = byHand{map[string]bool{}, map[int]bool{}}
		}
		by.findings[f.ID] = true
		if life.step >= 0 {
			by.steps[life.step] = true
		}
	}
	return by
}

// heedBook writes what people made of a book's findings into them.
func heedBook(rules *Rules, l inventory.Lifecycle, said []entry) inventory.Lifecycle {
	clock := clockAt(rules.Location(l.Location), l.StartedAt)
	for i := range l.Findings {
		heed(&l.Findings[i], nil, said, clock)
	}
	return l
}

// excuses reports whether a person's word has ended the wait for a step: it was
// about that step, or about one that it comes after.
func (by byHand) excuses(a *assessment, i int) bool {
	found := by.steps[i]
	a.eachBefore(i, func(j int) { found = found || by.steps[j] })
	return found
}

// comesAnew reports whether an open finding's condition holds of more than it did:
// something that has just arrived is about it, or its sums have changed.
func (l *life) comesAnew(c *condition, arrived []entry) bool {
	for i := range arrived {
		if slices.Contains(c.about, arrived[i].ID) {
			return true
		}
	}
	return !slices.EqualFunc(l.lines, c.lines, func(a, b inventory.LineState) bool {
		return a.Item == b.Item && a.Location == b.Location && a.Status == b.Status && a.Owed == b.Owed && a.Posted == b.Posted
	})
}
