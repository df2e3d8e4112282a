package lifecycle

import (
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

// newBook returns an empty book of the key's kind.
func newBook(key inventory.ScopedKey) book {
	if key.Name == inventory.KeyPostingDay {
		return &postingDay{}
	}
	return &registerDay{}
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
