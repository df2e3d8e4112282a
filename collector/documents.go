package collector

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/stocktrace/stocktrace/collector/canonical"
	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/inventory"
)

// DocumentReader reads documents into items: a format, or mappings over all of
// them.
type DocumentReader interface {
	// Read is [format.Format]'s.
	Read(ctx context.Context, document io.Reader, source format.Source, yield func(format.Item) error) error
}

// Documents takes documents in formats of retail's own: what can be read of one
// goes to the log, what cannot to the quarantine, in the order of the document.
type Documents struct{ intake *intake }

// NewDocuments returns an intake for documents. Of the options, Publisher, Clock,
// Registerer and PublishTimeout count.
func NewDocuments(o Options) (*Documents, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	in, err := newIntake(o)
	if err != nil {
		return nil, err
	}
	return &Documents{in}, nil
}

// Taken is what became of a document so far.
type Taken struct {
	// Items are events and problems together, as the reader gave them.
	Items int
	// Events were accepted, Quarantined could not be read. Events that were stored
	// by an earlier call are not among them.
	Events, Quarantined int
	// Refused counts events the sender may not send; they are stored nowhere.
	Refused int
	// Rejected are the first of what could not be read, without their bytes.
	Rejected []inventory.Quarantined
	// Unreadable is set where the document, or the rest of it, could not be read.
	Unreadable *format.Problem
	// Failed are the places of the items in the quarantine, MostFailed at most.
	Failed []string
}

// MostFailed is how many places of failed items are remembered of one document.
const MostFailed = 10_000

// Resume says what of a document has been taken before: its first Skip items, but
// for those at the places in Only. The zero value is a document that is new.
type Resume struct {
	Skip int
	Only map[string]bool
}

func (r Resume) wants(n int, item *format.Item) bool {
	return n > r.Skip || r.Only[item.Path]
}

// Bounds of what of one document is in memory at a time, besides the reader's
// own: the next part is read when this one is on disk.
const (
	partItems = 500
	partBytes = 2 << 20
	// mostListed is how much of what could not be read an answer lists.
	mostListed = 100
)

// Take reads a document and stores it part by part, leaving out what an earlier
// call has taken of the same document. After each part that is on disk stored is
// called with what was taken so far; an error of it ends the call.
//
// An error means that what follows the last call of stored may not be on disk:
// the log or the document could not be reached. Taking the document again with
// that call's Items loses nothing, and what was stored twice is one record. A
// document that cannot be read is no error: it is in the quarantine.
func (d *Documents) Take(ctx context.Context, reader DocumentReader, document io.Reader, from format.Source, resume Resume, stored func(Taken) error) (Taken, error) {
	t := &taking{documents: d, from: from, resume: resume, stored: stored}
	begin := &beginning{reader: document}
	err := reader.Read(ctx, begin, from, func(item format.Item) error { return t.item(ctx, item) })
	var problem *format.Problem
	switch {
	case begin.err != nil:
		return t.taken, fmt.Errorf("read document: %w", begin.err)
	case t.failed != nil:
		return t.taken, t.failed
	case errors.As(err, &problem):
		t.taken.Unreadable = problem
		t.taken.Quarantined++
		now := d.intake.now()
		t.part.Rejected = append(t.part.Rejected, canonical.Rejected{
			Index: t.taken.Items, Quarantined: canonical.RejectDocument(begin.kept, "application/octet-stream", from, problem, now),
		})
	case err != nil:
		return t.taken, fmt.Errorf("%w: %w", errReading, err)
	}
	if err := t.flush(ctx); err != nil {
		return t.taken, err
	}
	if t.taken.Events+t.taken.Quarantined == 0 {
		return t.taken, t.refused // nil unless all of it was
	}
	return t.taken, nil
}

// errReading is a reader's own failure, about nothing it says of the document.
var errReading = errors.New("read document")

// taking is one document being taken.
type taking struct {
	documents *Documents
	from      format.Source
	resume    Resume
	stored    func(Taken) error

	part    canonical.Batch
	bytes   int
	taken   Taken
	refused error // why the first event was that its sender may not send
	failed  error // of storing, told apart from what the reader says
}

func (t *taking) item(ctx context.Context, item format.Item) error {
	t.taken.Items++
	if !t.resume.wants(t.taken.Items, &item) {
		return ctx.Err()
	}
	if item.Problem == nil {
		item.Raw = t.documents.intake.privacy.Event(&item.Event, item.RawType, item.Raw)
	}
	events := len(t.part.Records)
	t.part.AddItem(item, t.from, t.documents.intake.now())
	if len(t.part.Records) > events {
		t.taken.Events++
	} else {
		t.taken.Quarantined++
		if len(t.taken.Failed) < MostFailed {
			t.taken.Failed = append(t.taken.Failed, item.Path)
		}
	}
	t.bytes += len(item.Raw)
	if len(t.part.Records)+len(t.part.Rejected) >= partItems || t.bytes >= partBytes {
		t.failed = t.flush(ctx)
	}
	return t.failed
}

func (t *taking) flush(ctx context.Context) error {
	if len(t.part.Records)+len(t.part.Rejected) > 0 {
		err := t.documents.intake.take(ctx, canonical.TransportDocuments, &t.part)
		if n := len(t.part.Refused); n > 0 {
			t.taken.Refused += n
			t.taken.Events -= n
			t.refused = &outOfScope{t.part.Refused[0]}
		}
		if err != nil && !errors.Is(err, errOutOfScope) {
			return err
		}
		for _, r := range t.part.Rejected[len(t.part.Rejected)-t.part.Outsized:] {
			t.taken.Events--
			t.taken.Quarantined++
			if len(t.taken.Failed) < MostFailed {
				t.taken.Failed = append(t.taken.Failed, strings.TrimPrefix(r.Pointer, t.from.Document+"#"))
			}
		}
		for i := 0; i < len(t.part.Rejected) && len(t.taken.Rejected) < mostListed; i++ {
			q := t.part.Rejected[i].Quarantined
			q.Raw = nil
			t.taken.Rejected = append(t.taken.Rejected, q)
		}
		// The publisher may keep the slices.
		t.part, t.bytes = canonical.Batch{}, 0
	}
	if t.stored == nil {
		return nil
	}
	return t.stored(t.taken)
}

// beginning keeps the beginning of a document for the quarantine, and the error
// of its reader, which is nothing the document says.
type beginning struct {
	reader io.Reader
	kept   []byte
	err    error
}

func (b *beginning) Read(p []byte) (int, error) {
	n, err := b.reader.Read(p)
	b.kept = append(b.kept, p[:min(n, canonical.MaxQuarantined-len(b.kept))]...)
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = err
	}
	return n, err
}
