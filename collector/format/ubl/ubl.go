// Package ubl reads documents of the OASIS Universal Business Language 2.1 (and
// 2.0 to 2.4, which say the same of these) that speak of stock.
//
//	DespatchAdvice   what a supplier sent           receipt shipped, or transfer shipped
//	ReceiptAdvice    what arrived and was refused   receipt received, or transfer received
//	InventoryReport  what lies where                snapshot reported
//	RetailEvent      what is planned for a store    document received; nothing moves
//
// Documents are found in any envelope: SBDH, SOAP, or none.
package ubl

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/xmlread"
	"github.com/stocktrace/stocktrace/inventory"
)

// Format reads UBL documents. The zero value is ready.
type Format struct {
	// Limits bound what one document may cost; a zero field means its default, which
	// is 64 MiB for a document.
	Limits xmlread.Limits
}

// largest is a document of a hundred thousand lines.
const largest = 64 << 20

var _ format.Format = Format{}

// readers are the documents read, by the name of their element.
var readers = map[string]func(*document){
	"DespatchAdvice":  (*document).despatchAdvice,
	"ReceiptAdvice":   (*document).receiptAdvice,
	"InventoryReport": (*document).inventoryReport,
	"RetailEvent":     (*document).retailEvent,
}

// Name returns "ubl".
func (Format) Name() string { return "ubl" }

// Detect reports whether one of UBL's documents about stock begins in head.
func (Format) Detect(head []byte, _ format.Source) bool {
	head = bytes.ReplaceAll(head, []byte{0}, nil) // UTF-16 has a zero in every second byte
	if i := bytes.IndexByte(head, '<'); i < 0 || len(bytes.Trim(head[:i], "\ufeff\xff\xfe \t\r\n")) > 0 {
		return false
	}
	for name := range readers {
		if bytes.Contains(head, []byte("urn:oasis:names:specification:ubl:schema:xsd:"+name+"-")) {
			return true
		}
	}
	return false
}

// Read implements format.Format.
func (f Format) Read(ctx context.Context, in io.Reader, source format.Source, yield func(format.Item) error) error {
	f.Limits.Fragment = cmp.Or(f.Limits.Fragment, largest)
	r, err := xmlread.New(in, f.Limits)
	if err != nil {
		return err
	}
	seen := repeats{seed: maphash.MakeSeed(), content: map[string]uint64{}}
	for found := false; ; found = true {
		if err := ctx.Err(); err != nil {
			return err
		}
		fragment, err := r.Next(choose)
		switch {
		case errors.Is(err, io.EOF) && !found:
			return &format.Problem{Path: "/", Detail: "The document has no DespatchAdvice, ReceiptAdvice, InventoryReport or RetailEvent in it, which are what is read of UBL."}
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		for _, item := range items(&fragment, source, seen, r.Documents()) {
			if err := yield(item); err != nil {
				return err
			}
		}
	}
}

func choose(tag xmlread.Node) xmlread.Action {
	if readers[tag.Name()] != nil {
		return xmlread.Take
	}
	return xmlread.Enter
}

// items reads one document into the events it makes, or one problem.
func items(fragment *xmlread.Fragment, source format.Source, seen repeats, documents int) []format.Item {
	problem := func(p *format.Problem) []format.Item {
		return []format.Item{{Path: fragment.Path, Raw: fragment.Raw, RawType: "application/xml", Problem: p}}
	}
	if fragment.Problem != nil {
		return problem(fragment.Problem)
	}
	d := document{root: fragment.Root, path: fragment.Path, source: source}
	if documents > 1 {
		d.note(format.NotStandard, "", "The file holds several documents joined into one, which is no XML: each was read.")
	}
	d.head()
	if d.problem == nil {
		readers[fragment.Root.Name()](&d)
	}
	if d.problem == nil && len(d.events) == 0 {
		d.fail("", "The document has no lines: there is nothing in it to read.")
	}
	if d.problem != nil {
		return problem(d.problem)
	}
	list := make([]format.Item, len(d.events))
	for i := range d.events {
		e := &d.events[i]
		e.Type = "inventory." + e.Workflow + "." + e.Step
		e.ID = d.number() + "/" + e.Workflow + "." + e.Step
		if e.Outcome == inventory.Reversed {
			// Cancelled under the number it was sent under, it is another event.
			e.ID += "/" + string(e.Outcome)
		}
		if i > 0 {
			e.ID += "/" + e.Location
		}
		if id := seen.unique(e.ID, fragment.Raw); id != e.ID {
			e.ID = id
			d.note(format.NotStandard, "", "The file has this document's number more than once, with other content: each is kept as an event of its own.")
		}
		list[i] = format.Item{Event: *e, Path: fragment.Path, Raw: fragment.Raw, RawType: "application/xml"}
	}
	list[0].Notes, list[0].Ignored = d.notes, fragment.Unread()
	return list
}

// repeats knows the documents of a file by number and content.
type repeats struct {
	seed    maphash.Seed
	content map[string]uint64
}

// unique returns the id under which an event of this content stands alone: a
// document that comes again as it was is the same.
func (r repeats) unique(id string, raw []byte) string {
	content := maphash.Bytes(r.seed, raw)
	for n, candidate := 2, id; ; n++ {
		before, known := r.content[candidate]
		if !known {
			r.content[candidate] = content
		}
		if !known || before == content {
			return candidate
		}
		candidate = fmt.Sprintf("%s#%d", id, n)
	}
}
