package collector

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/stocktrace/stocktrace/collector/access"
	"github.com/stocktrace/stocktrace/collector/canonical"
	"github.com/stocktrace/stocktrace/collector/format"
)

// DocumentFinder returns what reads a document that begins with head: the format
// of that name or, where it is empty, the one that recognises it. The error is a
// *[format.Problem] that says what to do.
type DocumentFinder func(head []byte, source format.Source, name string) (DocumentReader, error)

// documentsHandler answers POST /v1/documents: one document of any format, as the
// body. What it is and who sends it is said in the query or, under the name
// Stocktrace-…, in a header:
//
//	format    poslog, idoc, x12, …; recognised where it is not given
//	source    a declared source; the token's where there is one
//	document  its name, for people: a file name
type documentsHandler struct {
	*front
	documents *Documents
	find      DocumentFinder
	zoneOf    func(string) *time.Location
}

func (h *documentsHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r, ok := h.admit(w, r, canonical.TransportDocuments)
	if !ok {
		return
	}
	said := func(name string) string {
		return cmp.Or(r.URL.Query().Get(name), r.Header.Get("Stocktrace-"+name))
	}
	declared, err := h.sender(access.From(r.Context()), said("source"))
	if err != nil {
		problem{Status: http.StatusForbidden, Title: "Whose document this is not known", Detail: err.Error()}.write(w)
		return
	}
	r = r.WithContext(access.With(r.Context(), declared))
	b, ok := h.read(w, r, canonical.TransportDocuments)
	defer b.release()
	if !ok {
		return
	}
	from := h.from(declared, r.Header)
	from.Document = said("document")
	h.take(w, r, b.bytes, from, cmp.Or(said("format"), declared.Format), nil)
}

// sender is the source a document is from: the one who sends it, or for those
// who may send everything the one they name.
func (h *documentsHandler) sender(who *access.Source, named string) (*access.Source, error) {
	if who.Name != "" {
		if named != "" && named != who.Name {
			return nil, fmt.Errorf("the sender is %q and sends a document of %q: send with that source's own token", who.Name, named)
		}
		return who, nil
	}
	if err := access.CheckName(named); err != nil {
		return nil, fmt.Errorf("say whose document it is, with ?source=NAME: %w", err)
	}
	if declared := h.intake.gate.Named(named); declared != nil {
		return declared, nil
	}
	return access.Undeclared(named), nil
}

// from is a source in the words of formats.
func (h *documentsHandler) from(s *access.Source, header http.Header) format.Source {
	from := format.Source{
		Name: cmp.Or(s.SentAs, s.Name), System: s.System, Instance: s.Instance, Location: s.Location,
		ZoneOf: h.zoneOf, Header: map[string]string{},
	}
	if s.Zone != "" {
		from.Zone, _ = time.LoadLocation(s.Zone) // checked where it was declared
	}
	for name := range header {
		if name != "Authorization" && name != "Cookie" {
			from.Header[name] = header.Get(name)
		}
	}
	return from
}

// take reads a document and answers once all of it is on disk. reader is what
// reads it, or nil to look for one.
func (h *documentsHandler) take(w http.ResponseWriter, r *http.Request, text []byte, from format.Source, name string, reader DocumentReader) {
	now := h.intake.now()
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	unreadable := func(err error) {
		h.reject(w, r, canonical.RejectDocument(text, cmp.Or(media, "application/octet-stream"), from, err, now))
	}
	switch {
	case compressed(text):
		unreadable(&format.Problem{Detail: "The document " + errTwice.Error() + ", or is an archive. Send what is in it, one document a request, with Content-Encoding at most once."})
		return
	case reader != nil:
	case h.find == nil:
		problem{Status: http.StatusNotImplemented, Title: "Documents are not taken here"}.write(w)
		return
	default:
		var err error
		if reader, err = h.find(text[:min(len(text), 4<<10)], from, name); err != nil {
			unreadable(err)
			return
		}
	}
	noted := &noting{DocumentReader: reader}
	// The document was let in as a whole; its parts are not refused for their rate,
	// or a large one would begin anew for ever.
	taken, err := h.documents.Take(access.Admitted(r.Context()), noted, bytes.NewReader(text), from, Resume{}, nil)
	if err != nil {
		if errors.Is(err, errReading) && r.Context().Err() == nil {
			unreadable(err) // reading it again would fail again
		} else {
			h.refuse(w, err)
		}
		return
	}
	if taken.Events == 0 && taken.Unreadable != nil && len(taken.Rejected) == 1 {
		q := taken.Rejected[0]
		problem{Status: http.StatusBadRequest, Title: "The document cannot be read", Detail: q.Detail, Pointer: q.Pointer, Quarantined: q.ID}.write(w)
		return
	}
	answer := struct {
		Format           string        `json:"format,omitempty"`
		Accepted         int           `json:"accepted"`
		QuarantinedCount int           `json:"quarantined_count"`
		Quarantined      []rejectedRef `json:"quarantined"` // the first
		Refused          int           `json:"refused,omitempty"`
		NoteCount        int           `json:"note_count"`
		Notes            []noteRef     `json:"notes"` // the first
	}{nameOf(reader), taken.Events, taken.Quarantined, []rejectedRef{}, taken.Refused, noted.count, noted.first}
	for _, q := range taken.Rejected {
		answer.Quarantined = append(answer.Quarantined, rejectedRef{q.ID, q.Pointer, q.Detail})
	}
	writeJSON(w, http.StatusOK, jsonText, answer)
}

type rejectedRef struct {
	ID     string `json:"id"`
	Path   string `json:"path"`
	Detail string `json:"detail"`
}

type noteRef struct {
	Code   string `json:"code"`
	Path   string `json:"path"`
	Detail string `json:"detail"`
}

// noting remembers the notes of what a reader reads.
type noting struct {
	DocumentReader
	count int
	first []noteRef
}

// Read reads as the reader does.
func (n *noting) Read(ctx context.Context, document io.Reader, source format.Source, yield func(format.Item) error) error {
	n.first = []noteRef{}
	return n.DocumentReader.Read(ctx, document, source, func(item format.Item) error {
		n.count += len(item.Notes)
		for _, note := range item.Notes {
			if len(n.first) < mostListed {
				n.first = append(n.first, noteRef(note))
			}
		}
		return yield(item)
	})
}

func nameOf(reader DocumentReader) string {
	if named, ok := reader.(interface{ Name() string }); ok {
		return named.Name()
	}
	return ""
}
