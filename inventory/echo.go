package inventory

import (
	"slices"
	"strings"
)

// KeyRegisterDay names the book of one register's business day: what its
// receipts say together that none says alone (numbers left out, counts that
// contradict the till's own). Nothing is bound by it.
const KeyRegisterDay = "register_day"

// KeyPostingDay names the book of one store's business day, as it is posted as a
// whole: what its receipts say was sold against what was posted for them.
const KeyPostingDay = "posting_day"

// Book reports whether a key of that name is a book: a home for what many
// lifecycles say, and no lifecycle's key.
func Book(name string) bool { return name == KeyRegisterDay || name == KeyPostingDay }

// Echo is a record's word to a component it does not belong to.
type Echo struct {
	// To is a key of the component that has to hear of the record.
	To ScopedKey
	// Rel is how the record relates to it: a relation of the contract's refs,
	// covers, or empty for a book.
	Rel string
}

// RelCovers is the relation of a posting for many transactions to each of them.
const RelCovers = "covers"

// echoed are the relations that the other side must know of: a sale that was
// voided owes nothing more. The others are only shown.
var echoed = []string{"voids"}

// Echoes returns whom else the record concerns, in a fixed order, each once: a
// pure function of the record, like its entry key.
func (r *Record) Echoes() []Echo {
	e := &r.Event
	var all []Echo
	add := func(to ScopedKey, rel string) {
		if !slices.Contains(all, Echo{to, rel}) {
			all = append(all, Echo{to, rel})
		}
	}
	for _, ref := range e.Refs {
		if !slices.Contains(echoed, ref.Rel) {
			continue
		}
		for _, k := range ref.Keys {
			if to, ok := k.Scope(e.Location, e.Register); ok && !slices.Contains(e.Identifiers(), to) {
				add(to, ref.Rel)
			}
		}
	}
	if c := e.Covers; c != nil && c.MemberKey == KeyReceipt {
		for _, member := range c.Members {
			if to, ok := (Key{KeyReceipt, member}).Scope(c.Location, ""); ok {
				add(to, RelCovers)
			}
		}
	}
	if day, ok := e.registerDay(); ok {
		add(day, "")
	}
	if day, ok := e.PostingDay(); ok {
		add(day, "")
	}
	return all
}

// registerDay is the book an event of a till goes into: one that carries a
// number of the till's sequence, or the till's closing totals.
func (e *Event) registerDay() (ScopedKey, bool) {
	register := e.Register
	closing := e.Totals != nil && e.Totals.Register != ""
	if closing {
		register = e.Totals.Register
	}
	if e.System != "pos" || register == "" || e.BusinessDate == "" || (!closing && e.Transaction.Sequence == "") {
		return ScopedKey{}, false
	}
	return ScopedKey{KeyRegisterDay, strings.Join([]string{Unpad(e.Location), Unpad(register), e.BusinessDate}, "/")}, true
}

// PostingDay is the book of a receipt that moves stock, or of a posting for many;
// ok is false for other events, and where place or date is not given.
func (e *Event) PostingDay() (_ ScopedKey, ok bool) {
	location, date := e.Location, e.BusinessDate
	switch {
	case e.Covers != nil:
		if e.Covers.Location != "" {
			location = e.Covers.Location
		}
		if e.Covers.BusinessDate != "" {
			date = e.Covers.BusinessDate
		}
	case e.System != "pos" || e.Step != "completed" || len(e.Lines) == 0:
		return ScopedKey{}, false
	}
	if location == "" || date == "" {
		return ScopedKey{}, false
	}
	return ScopedKey{KeyPostingDay, Unpad(location) + "/" + date}, true
}
