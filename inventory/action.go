package inventory

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// TypeAction is the type of an event that is a person's [Action]. The collector
// takes none in: they come from our own pages, API and command line only.
const TypeAction = "inventory.person.action"

// SystemOwn is the system of what stocktrace itself says.
const SystemOwn = "stocktrace"

// sourceAction is the source of people's actions.
const sourceAction = "stocktrace/people"

// Verb is what a person did.
type Verb string

// Verbs. The first four are about a finding, the others about lifecycles.
const (
	// Acknowledge: somebody has seen it and looks after it.
	Acknowledge Verb = "acknowledge"
	// Assign: it is that person's or team's; an empty assignee takes it back.
	Assign Verb = "assign"
	// Resolve: it is over, by a person's word.
	Resolve Verb = "resolve"
	// Reopen takes a person's resolution back, and the acknowledgement with it.
	Reopen Verb = "reopen"
	// Merge: the records are one transaction, whatever their keys say.
	Merge Verb = "merge"
	// Split: the records are a transaction of their own.
	Split Verb = "split"
	// Undo takes a merge or a split back.
	Undo Verb = "undo"
)

// Verbs lists them.
var Verbs = []Verb{Acknowledge, Assign, Resolve, Reopen, Merge, Split, Undo}

// OfFinding reports whether the verb is about a finding.
func (v Verb) OfFinding() bool { return slices.Contains(Verbs[:4], v) }

// Action is a fact: something a person did about a finding or a lifecycle. It
// travels, rests and is judged like a record, so that it survives whatever
// happens to the component it is about, and is never changed or taken away:
// another one takes it back.
type Action struct {
	// ID tells it from every other. Of two under one ID the first received counts:
	// who asks again because of a lost answer has asked once.
	ID string
	// Batch is shared by the actions one request made through a filter; Filter is
	// that filter.
	Batch, Filter string
	Verb          Verb
	By            string // who did it
	Via           string // page, api or cli

	// About is a key of the component it is about, With one of the other component
	// of a merge.
	About, With ScopedKey
	// Lifecycle is the id the lifecycle had then, for people who read the trail.
	Lifecycle string

	// Finding is the finding's id.
	Finding    string
	Assignee   string
	Ticket     string
	Resolution Resolution
	Note       string

	// Records are the records a merge has be one transaction, or a split take out:
	// their ids.
	Records []string
	// Undoes is the ID of the merge or split that an undo takes back.
	Undoes string
}

// Bounds of what a person may write, in bytes.
const (
	maxWord    = 200
	maxNote    = 4000
	maxRecords = 1000
)

// Validate reports what is missing or contradicts, in a sentence for whoever
// wrote it.
func (a *Action) Validate() error {
	switch {
	case !slices.Contains(Verbs, a.Verb):
		return fmt.Errorf("the action %q is not one of %s", a.Verb, joined(Verbs))
	case a.ID == "":
		return errors.New("the action has no id")
	case strings.TrimSpace(a.By) == "":
		return errors.New("say who does it: by is empty")
	case a.About.IsZero():
		return errors.New("the action is about nothing")
	case a.Verb.OfFinding() && a.Finding == "":
		return fmt.Errorf("%s is about a finding, and none is named", a.Verb)
	case a.Verb == Resolve && !slices.Contains(ByHand, a.Resolution):
		return fmt.Errorf("say how it was resolved: resolution is one of %s", joined(ByHand))
	case a.Verb != Resolve && a.Resolution != "":
		return fmt.Errorf("a resolution goes with %s, not with %s", Resolve, a.Verb)
	case a.Verb != Assign && a.Assignee != "":
		return fmt.Errorf("an assignee goes with %s, not with %s", Assign, a.Verb)
	case a.Verb == Merge && (len(a.Records) < 2 || a.With.IsZero()):
		return errors.New("a merge names what it merges with")
	case a.Verb == Split && len(a.Records) == 0:
		return errors.New("a split names the records that belong elsewhere")
	case a.Verb == Undo && a.Undoes == "":
		return errors.New("an undo names the action it takes back")
	case len(a.Records) > maxRecords:
		return fmt.Errorf("at most %d records in one action, not %d", maxRecords, len(a.Records))
	case len(a.Note) > maxNote:
		return fmt.Errorf("a note has at most %d bytes, not %d", maxNote, len(a.Note))
	}
	for _, s := range []string{a.ID, a.By, a.Assignee, a.Ticket} {
		if len(s) > maxWord {
			return fmt.Errorf("%.20q… is longer than %d bytes", s, maxWord)
		}
	}
	return nil
}

func joined[T ~string](all []T) string {
	words := make([]string, len(all))
	for i, w := range all {
		words[i] = string(w)
	}
	return strings.Join(words, ", ")
}

// ActionRecord returns the action as the record it travels as, done and received
// at that instant.
func ActionRecord(a Action, at time.Time) Record {
	at = at.UTC().Truncate(time.Microsecond)
	e := Event{ID: a.ID, Source: sourceAction, Type: TypeAction, Time: at, System: SystemOwn, Step: string(a.Verb), Action: &a}
	return Record{ID: RecordID(e.Source, e.ID), Content: e.ContentHash(), Event: e, ReceivedAt: at, Transport: "people"}
}

// ActionID returns the id of the action a finding was closed by, where a person
// closed it.
func ActionID(recordID string) (id string, ok bool) {
	return strings.CutPrefix(recordID, RecordID(sourceAction, ""))
}
