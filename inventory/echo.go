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

// KeyOrderStock names the book of what left stock for one order, by tills and by
// the order's own systems.
const KeyOrderStock = "order_stock"

// KeyItemStock names the book of one item at one location: counts that were off,
// and what is said to be available. Only what speaks of these goes into it, not
// every sale.
const KeyItemStock = "item_stock"

// Book reports whether a key of that name is a book: a home for what many
// lifecycles say, and no lifecycle's key.
func Book(name string) bool {
	return name == KeyRegisterDay || name == KeyPostingDay || name == KeyOrderStock || name == KeyItemStock
}

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

// inverse are the relations that the other side must know of, by what they are
// seen from there. A sale that was voided owes nothing more; the others are shown.
var inverse = map[string]string{
	"fulfils": "fulfilled_by", "returns": "returned_by", "reverses": "reversed_by", "replaces": "replaced_by", "voids": "voided_by", "counts": "counted_by",
}

// Inverse is what a relation is called from the other side; empty where that hears
// nothing of it.
func Inverse(rel string) string { return inverse[rel] }

// Echoes returns whom else the record concerns, in a fixed order, each once: a
// pure function of the record, like its entry key. It costs as much a member
// however many a posting covers.
func (r *Record) Echoes() []Echo {
	e := &r.Event
	var all []Echo
	add := func(to ScopedKey, rel string) { all = append(all, Echo{to, rel}) }
	for _, ref := range e.Refs {
		if Inverse(ref.Rel) == "" {
			continue
		}
		for _, k := range ref.Keys {
			if to, ok := k.Scope(e.Location, e.Register); ok && !slices.Contains(e.Identifiers(), to) {
				add(to, ref.Rel)
			}
		}
	}
	if c := e.Covers; c != nil && c.MemberKey == KeyReceipt {
		all = slices.Grow(all, len(c.Members)+1)
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
	if order := e.StockOrder(); order != "" {
		add(ScopedKey{KeyOrderStock, order}, "")
	}
	// What the online shop shows after a sale follows rules of its own (domain rule
	// 16); what it has promised and what it says there is are another matter. A
	// count that was repeated is told also where it comes out even: it is the one
	// that counts.
	promises := e.Workflow == "reservation" || e.Workflow == "snapshot"
	for i := range e.Lines {
		if l := &e.Lines[i]; promises && l.Bucket == "available" || e.Step == "counted" && (l.off() || e.EffectiveAttempt() > 1) {
			add(ScopedKey{KeyItemStock, Unpad(e.Location) + "/" + Unpad(l.Item)}, "")
		}
	}
	return once(all)
}

// once drops repetitions, and keeps the order.
func once(all []Echo) []Echo {
	const few = 8 // below it looking is cheaper than remembering
	kept := all[:0]
	if len(all) <= few {
		for _, x := range all {
			if !slices.Contains(kept, x) {
				kept = append(kept, x)
			}
		}
		return kept
	}
	seen := make(map[Echo]struct{}, len(all))
	for _, x := range all {
		if _, again := seen[x]; !again {
			seen[x] = struct{}{}
			kept = append(kept, x)
		}
	}
	return kept
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
	case e.System != "pos" || e.Step != "completed" || len(e.Lines) == 0 && !e.takesBack():
		return ScopedKey{}, false
	}
	if location == "" || date == "" {
		return ScopedKey{}, false
	}
	return ScopedKey{KeyPostingDay, Unpad(location) + "/" + date}, true
}

// takesBack reports whether an event takes another transaction, or itself, back.
func (e *Event) takesBack() bool {
	return e.Outcome == Reversed || slices.ContainsFunc(e.Refs, func(r Ref) bool { return r.Rel == "voids" })
}

// off reports whether a count found something else than the book says.
func (l *Line) off() bool {
	counted, err := ParseDecimal(l.Counted)
	book, err2 := ParseDecimal(l.Book)
	return err == nil && err2 == nil && counted != book
}

// tills are the workflows that begin at a till: a posting of theirs is of its
// receipt, also where it carries an order's number.
var tills = []string{"sale", "return", "void", "posting_batch"}

// orderStep reports whether a step says what was ordered.
func orderStep(step string) bool { return step == "ordered" || step == "placed" }

// StockOrder is the order that an event says what was ordered for, or takes goods
// out of stock for: a till's receipt that fulfils it, or a ledger's posting that
// carries its number. An order to a supplier moves nothing, and what comes in for it
// or goes back is none of what left for a customer's.
func (e *Event) StockOrder() string {
	if e.Workflow == "receipt" || e.Workflow == "vendor_return" {
		return ""
	}
	if !slices.ContainsFunc(e.Lines, Line.MovesStock) && (len(e.Lines) > 0 || e.Outcome != Reversed) {
		return ""
	}
	if e.System == "pos" {
		for _, r := range e.Refs {
			for _, k := range r.Keys {
				if r.Rel == "fulfils" && k.Name == KeyOrder {
					return Unpad(k.Value)
				}
			}
		}
		return ""
	}
	if e.Step != "posted" && !orderStep(e.Step) || e.Covers != nil || e.KeyValue(KeyReceipt) != "" || slices.Contains(tills, e.Workflow) {
		return "" // a till's receipt, posted
	}
	return Unpad(e.KeyValue(KeyOrder))
}
