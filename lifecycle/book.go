package lifecycle

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// book is what many lifecycles say together, at the home of its key. It keeps of
// each record what its telling takes, by arrival, each once.
type book interface {
	// hear takes a record in; order and repetition do not matter.
	hear(r *inventory.Record)
	// tell says where the book stands at now, as a lifecycle of its own.
	tell(rules *Rules, key inventory.ScopedKey, evidence *Evidence, now time.Time) inventory.Lifecycle
	// size is how many records it holds.
	size() int
}

// arrivals keeps what a book remembers of its records, each once. It is put in
// order when it is told, so that hearing one costs the same however many there
// are.
type arrivals[W any] struct {
	said   []W
	seen   map[inventory.Identity]struct{}
	sorted int // how many are in order
}

// hear keeps w, unless its record was heard before.
func (a *arrivals[W]) hear(id inventory.Identity, w W) {
	if _, again := a.seen[id]; again {
		return
	}
	if a.seen == nil {
		a.seen = map[inventory.Identity]struct{}{}
	}
	a.seen[id] = struct{}{}
	a.said = append(a.said, w)
}

func (a *arrivals[W]) size() int { return len(a.said) }

// inOrder returns all that was said, by arrival.
func (a *arrivals[W]) inOrder(compare func(a, b W) int) []W {
	if a.sorted < len(a.said) {
		slices.SortFunc(a.said, compare)
		a.sorted = len(a.said)
	}
	return a.said
}

// newBook returns an empty book of the key's kind.
func newBook(key inventory.ScopedKey) book {
	switch key.Name {
	case inventory.KeyPostingDay:
		return &postingDay{}
	case inventory.KeyOrderStock:
		return &orderStock{}
	case inventory.KeyItemStock:
		return &itemStock{}
	default:
		return &registerDay{}
	}
}

// opens reports whether a record's word to a book is taken in: a store's day is
// balanced only where it is declared to be posted as a whole.
func (r *Rules) opens(record *inventory.Record, echo inventory.Echo) bool {
	if echo.To.Name != inventory.KeyPostingDay {
		return true
	}
	location := record.Event.Location
	if c := record.Event.Covers; c != nil && c.Location != "" {
		location = c.Location
	}
	return r.Location(location).Posting == inventory.PostingStoreDay
}

// echoes returns whom else the record concerns under these rules.
func (r *Rules) echoes(record *inventory.Record) []inventory.Echo {
	all := record.Echoes()
	kept := all[:0]
	for _, e := range all {
		if !inventory.Book(e.To.Name) || r.opens(record, e) {
			kept = append(kept, e)
		}
	}
	return kept
}

// bookAfter is how long after its last word a book is closed where nothing is
// open in it, bookHorizon where something is, and bookSettle how long after it
// something is said: what undoes it may be on its way.
const (
	bookAfter   = 36 * time.Hour
	bookHorizon = 30 * 24 * time.Hour
	bookSettle  = 30 * time.Second
)

// claim is what holds of a book after an arrival: the finding it would be, and
// from when. It says nothing yet of when it opened.
type claim struct {
	inventory.Finding
	opens time.Time
}

// claims folds what holds after each arrival into findings with a life, as lives
// does for a lifecycle.
type claims struct {
	now, next time.Time
	found     []*inventory.Finding
}

// arrive takes in what holds after an arrival at a time and until the next one
// (zero: for good, as far as now goes). by is the arrival's last record, ended
// how it ends a finding that no longer holds.
func (f *claims) arrive(at, until time.Time, by string, held []claim, ended func(*inventory.Finding) inventory.Resolution) {
	for _, x := range f.found {
		if x.State == inventory.FindingOpen && !slices.ContainsFunc(held, func(c claim) bool { return c.ID == x.ID }) {
			x.State, x.ClosedAt, x.ClosedBy, x.Resolution = inventory.FindingClosed, at, by, ended(x)
		}
	}
	for _, c := range held {
		opens := later2(c.opens, at)
		if !until.IsZero() && !opens.Before(until) {
			continue // the next arrival came first, and is judged by itself
		}
		i := slices.IndexFunc(f.found, func(x *inventory.Finding) bool { return x.ID == c.ID })
		if i < 0 {
			if opens.After(f.now) {
				f.wake(opens)
				continue
			}
			f.found = append(f.found, &inventory.Finding{OpenedAt: opens})
			i = len(f.found) - 1
		}
		c.OpenedAt, c.State = f.found[i].OpenedAt, inventory.FindingOpen
		*f.found[i] = c.Finding
	}
}

// wake asks to be told again at a time, if it is still to come.
func (f *claims) wake(at time.Time) {
	if at.After(f.now) && (f.next.IsZero() || at.Before(f.next)) {
		f.next = at
	}
}

// into writes the findings into the book's lifecycle, with what all of them have
// in common, and returns the sentence of the first that is open and grave; quiet
// where none is.
func (f *claims) into(l *inventory.Lifecycle, detail string) (grave string) {
	for _, x := range f.found {
		k := kinds[x.Kind]
		x.LifecycleID, x.Location, x.Region, x.Owner = l.ID, l.Location, l.Region, l.Owner
		x.Severity, x.Title, x.Action = k.severity, k.title, k.action
		x.GroupKey = inventory.GroupKey{Kind: x.Kind, Cause: x.Cause, System: x.System, Step: x.Step, Detail: detail}
		x.Group = groupID(x.GroupKey)
		l.Findings = append(l.Findings, *x)
	}
	slices.SortFunc(l.Findings, func(a, b inventory.Finding) int {
		return cmp.Or(a.OpenedAt.Compare(b.OpenedAt), strings.Compare(a.ID, b.ID))
	})
	for i := range l.Findings {
		if x := &l.Findings[i]; x.State == inventory.FindingOpen {
			if v := kinds[x.Kind].verdict; v != "" && grave == "" {
				l.Verdict, grave = v, x.Sentence
			}
		}
	}
	return grave
}

// newBookLifecycle is a book's lifecycle before anything is said in it.
func newBookLifecycle(rules *Rules, key inventory.ScopedKey, place, version string, now time.Time) inventory.Lifecycle {
	location := rules.Location(place)
	return inventory.Lifecycle{
		ID: LifecycleID(key), Canonical: key, Component: key, Workflow: key.Name, RuleVersion: version,
		Location: place, Region: location.Region, Posting: location.Posting, Owner: location.Owner, ComputedAt: now,
		Identifiers: []inventory.ScopedKey{key}, Keys: []inventory.Key{inventory.Key(key)},
		State: inventory.StateOpen, Verdict: inventory.Open,
	}
}

// stockBook is a book of few records, kept with their lines.
type stockBook struct{ words arrivals[entry] }

func (b *stockBook) hear(r *inventory.Record) {
	e := newEntry(r)
	b.words.hear(e.Identity(), e)
}

func (b *stockBook) size() int { return b.words.size() }

// told tells a book by what judge claims of each prefix of its arrivals, shorter
// ones first.
func (b *stockBook) told(rules *Rules, key inventory.ScopedKey, version string, now time.Time,
	judge func(said []entry) (held []claim, sentence string),
) inventory.Lifecycle {
	said := b.words.inOrder(byArrival)
	l := newBookLifecycle(rules, key, said[0].Event.Location, version, now)
	f := claims{now: now}
	sentence := ""
	for i := 0; i < len(said); {
		j := i + 1
		for j < len(said) && said[j].ReceivedAt.Equal(said[i].ReceivedAt) {
			j++
		}
		until := time.Time{}
		if j < len(said) {
			until = said[j].ReceivedAt
		}
		var held []claim
		held, sentence = judge(said[:j])
		last := &said[j-1]
		f.arrive(last.ReceivedAt, until, last.ID, held, func(x *inventory.Finding) inventory.Resolution {
			switch {
			case !last.Event.Time.After(x.OpenedAt):
				return inventory.Disproved // it had happened when it was told, and we heard late
			case last.outcome == inventory.Reversed:
				return inventory.ReversedR
			default:
				return inventory.Recovered
			}
		})
		i = j
	}
	for i := range said {
		e := &said[i]
		l.RecordIDs = append(l.RecordIDs, e.ID)
		if l.StartedAt.IsZero() || e.Event.Time.Before(l.StartedAt) {
			l.StartedAt = e.Event.Time
		}
		l.UpdatedAt = later2(l.UpdatedAt, e.ReceivedAt)
	}
	grave := f.into(&l, l.ID)
	l.Sentence = cmp.Or(grave, sentence)
	if grave == "" {
		l.Verdict = inventory.Complete
	}
	open := slices.ContainsFunc(l.Findings, func(x inventory.Finding) bool { return x.State == inventory.FindingOpen })
	end := l.UpdatedAt.Add(bookAfter)
	if open {
		end = l.UpdatedAt.Add(bookHorizon)
	}
	f.wake(end)
	if !now.Before(end) {
		l.State = inventory.StateClosed
		return l
	}
	l.NextAt = f.next
	return l
}
