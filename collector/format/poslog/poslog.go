// Package poslog reads POSLog, the transaction log that tills write in the form
// of ARTS (now OMG Retail), versions 2.1, 2.2, 3 and 6, with the extensions of NCR,
// Wincor, GK and Retalix as far as they say something about stock.
//
//	Transaction ─┬─ RetailTransaction ─┬─ goods sold, returned ─▶ sale, return completed
//	             │                     ├─ a link that voids     ─▶ void completed
//	             │                     └─ suspended, cancelled,
//	             │                        training, no goods    ─▶ pos control
//	             ├─ ControlTransaction, TenderControl…          ─▶ pos control
//	             └─ an end of day                               ─▶ store_day closed
//
// A pos control owes nothing: it explains a number of the register's sequence.
// At the till an issue is negative, a return positive (domain rule 12).
package poslog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"strconv"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/xmlread"
	"github.com/stocktrace/stocktrace/inventory"
)

// Format reads POSLog documents. The zero value is ready.
type Format struct {
	// Limits bound what one document may cost; zero means the defaults of xmlread.
	Limits xmlread.Limits
}

var _ format.Format = Format{}

// Name returns "poslog".
func (Format) Name() string { return "poslog" }

// Detect reports whether the document begins like a POSLog, or like a Transaction
// of one in an envelope of the sender's own.
func (Format) Detect(head []byte, _ format.Source) bool {
	// UTF-16 has a zero in every second byte.
	head = bytes.ReplaceAll(head, []byte{0}, nil)
	if i := bytes.IndexByte(head, '<'); i < 0 || len(bytes.Trim(head[:i], "\ufeff\xff\xfe \t\r\n")) > 0 {
		return false
	}
	return has(head, "POSLog") ||
		has(head, "Transaction") && has(head, "RetailStoreID", "BusinessUnit", "BusinessDayDate") && has(head, "WorkstationID", "SequenceNumber")
}

// has reports whether a tag of one of the names begins in head, with a prefix or
// without.
func has(head []byte, names ...string) bool {
	for _, name := range names {
		for rest := head; ; {
			i := bytes.Index(rest, []byte(name))
			if i < 0 {
				break
			}
			end := i + len(name)
			if i > 0 && (rest[i-1] == '<' || rest[i-1] == ':') && end < len(rest) && bytes.IndexByte([]byte(" >/\t\r\n"), rest[end]) >= 0 {
				return true
			}
			rest = rest[end:]
		}
	}
	return false
}

// Read implements format.Format.
func (f Format) Read(ctx context.Context, document io.Reader, source format.Source, yield func(format.Item) error) error {
	in, err := xmlread.New(document, f.Limits)
	if err != nil {
		return err
	}
	r := reader{source: source, seed: maphash.MakeSeed(), seen: map[uint64]uint64{}, declared: -1}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		fragment, err := in.Next(choose)
		switch {
		case errors.Is(err, io.EOF):
			return r.end(yield)
		case err != nil:
			return err
		case fragment.Problem == nil && fragment.Root.Name() == "TransactionCount":
			if n, err := strconv.Atoi(fragment.Root.Text()); err == nil {
				r.declared, r.declaredAt, r.declaredRaw = n, fragment.Path, fragment.Raw
			}
			continue
		}
		r.count++
		for _, item := range r.items(&fragment, in.Documents()) {
			if err := yield(item); err != nil {
				return err
			}
		}
	}
}

// choose takes transactions, in whatever envelope they come.
func choose(tag xmlread.Node) xmlread.Action {
	switch tag.Name() {
	case "Transaction", "TransactionCount":
		return xmlread.Take
	default:
		return xmlread.Enter
	}
}

// mostSeen bounds how many transactions' ids are remembered: two with one number
// and other content stand next to each other, if anywhere.
const mostSeen = 1 << 16

// reader is what is known while a document is read.
type reader struct {
	source format.Source
	seed   maphash.Seed
	// seen has the content of each id, both as hashes.
	seen map[uint64]uint64
	// count are the transactions met, declared those that the document says it has
	// (-1 where it does not say).
	count, declared int
	declaredAt      string
	declaredRaw     []byte
	// last is the last transaction's event: a document's own is like it.
	last inventory.Event
}

func (r *reader) items(fragment *xmlread.Fragment, documents int) []format.Item {
	item := format.Item{Path: fragment.Path, Raw: fragment.Raw, RawType: "application/xml"}
	if fragment.Problem != nil {
		item.Problem = fragment.Problem
		return []format.Item{item}
	}
	t := transaction{root: fragment.Root, path: fragment.Path, source: r.source}
	t.read()
	if documents > 1 {
		t.note(format.NotStandard, fragment.Path, "The file holds several documents joined into one, which is no XML: each was read.")
	}
	if t.problem != nil {
		item.Problem = t.problem
		return []format.Item{item}
	}
	t.event.ID = r.unique(&t, fragment.Raw)
	item.Event, item.Notes, item.Ignored = t.event, t.notes, fragment.Unread()
	r.last = t.event
	if t.unread == "" {
		return []format.Item{item}
	}
	// The number is explained, but what moved is not known.
	return []format.Item{item, {
		Path: fragment.Path, Raw: fragment.Raw, RawType: "application/xml",
		Problem: &format.Problem{Path: fragment.Path + t.unreadAt, Detail: t.unread},
	}}
}

// unique returns the event's id. A number that comes again with other content is
// a second event; whose number it is, its receipt tells.
func (r *reader) unique(t *transaction, raw []byte) string {
	id := t.id(raw)
	content := maphash.Bytes(r.seed, raw)
	for n, candidate := 1, id; ; n++ {
		key := maphash.String(r.seed, candidate)
		before, known := r.seen[key]
		if !known {
			if len(r.seen) >= mostSeen {
				clear(r.seen)
			}
			r.seen[key] = content
		}
		if !known || before == content {
			if n > 1 {
				t.note(format.NotStandard, t.path, "The document has this transaction's number more than once, with other content: each is kept as an event of its own.")
			}
			return candidate
		}
		candidate = fmt.Sprintf("%s#%d", id, n+1)
	}
}

// end says where the document counts itself otherwise than it is.
func (r *reader) end(yield func(format.Item) error) error {
	if r.declared < 0 || r.declared == r.count || r.last.ID == "" {
		return nil
	}
	detail := fmt.Sprintf("The document says that it has %d transactions, but has %d: ask its sender which is right.", r.declared, r.count)
	e := inventory.Event{
		ID: "document/" + r.last.ID, Source: r.last.Source, Type: "inventory.document.received",
		Workflow: "document", Step: "received", System: r.last.System, SystemInstance: r.last.SystemInstance,
		Location: r.last.Location, LocationScheme: r.last.LocationScheme, Time: r.last.Time, TimeAsSent: r.last.TimeAsSent,
		BusinessDate: r.last.BusinessDate, Outcome: inventory.Partial,
		Error: &inventory.Error{Code: format.CountMismatch, Field: "TransactionCount", Value: strconv.Itoa(r.declared), Message: detail},
	}
	if r.source.Document != "" {
		e.Keys = []inventory.Key{{Name: "file", Value: r.source.Document}}
	}
	return yield(format.Item{
		Event: e, Path: r.declaredAt, Raw: r.declaredRaw, RawType: "application/xml",
		Notes: []format.Note{{Code: format.CountMismatch, Path: r.declaredAt, Detail: detail}},
	})
}
