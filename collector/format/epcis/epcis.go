package epcis

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"slices"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/jsonread"
	"github.com/stocktrace/stocktrace/inventory"
)

// Format reads EPCIS documents. The zero value is ready.
type Format struct{}

// Name is epcis.
func (Format) Name() string { return "epcis" }

// Detect looks for what only EPCIS says: the names of its documents, of its
// namespaces, or of the fields that an event or capture job must have.
func (Format) Detect(head []byte, _ format.Source) bool {
	for _, mark := range []string{
		"EPCISDocument", "EPCISQueryDocument", "urn:epcglobal:epcis", "ref.gs1.org/standards/epcis", "eventTimeZoneOffset",
	} {
		if bytes.Contains(head, []byte(mark)) {
			return true
		}
	}
	names := jsonread.Names(head)
	return slices.Contains(names, "captureID") || slices.Contains(names, "captureErrorBehaviour") ||
		slices.Contains(names, "epcisBody") || (slices.Contains(names, "eventTime") && bytes.Contains(head, []byte("Event\"")))
}

// Read implements [format.Format].
func (Format) Read(ctx context.Context, document io.Reader, source format.Source, yield func(format.Item) error) error {
	r := &reader{ctx: ctx, source: source, yield: yield, prefixes: prefixes{}}
	buffered := bufio.NewReaderSize(document, 64<<10)
	head, err := buffered.Peek(4 << 10)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	text := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n")
	switch {
	case len(text) == 0:
		return &format.Problem{Detail: "is empty: an EPCIS document was expected."}
	case text[0] == '<':
		return r.readXML(buffered)
	default:
		return r.readJSON(buffered)
	}
}

// reader reads one document.
type reader struct {
	ctx      context.Context //nolint:containedctx // it lives as long as the call of Read
	source   format.Source
	yield    func(format.Item) error
	prefixes prefixes
	// listed says that the document has a place for events, be it empty.
	listed bool
}

// event reads one event and yields it.
func (r *reader) event(kind string, n *node, raw []byte, rawType string, doubts []format.Note) error {
	e := &event{node: n, kind: kind, source: r.source}
	e.notes = doubts
	out, notes, problem := e.read(func() (string, error) {
		id, err := hashID(kind, n)
		if err != nil {
			return fragmentID(raw), err
		}
		return id, nil
	})
	item := format.Item{Path: cmp.Or(n.path, "/"), Raw: raw, RawType: rawType, Notes: notes, Problem: problem}
	if problem == nil {
		out.Normalize()
		item.Event, item.Ignored = out, e.ignored()
	}
	return r.send(item)
}

func (r *reader) send(item format.Item) error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	for i := range item.Notes {
		item.Notes[i].Path = cmp.Or(item.Notes[i].Path, "/")
	}
	if item.Problem != nil {
		item.Event = inventory.Event{}
	}
	return r.yield(item)
}

// fragmentID names an event by what it stands in.
func fragmentID(raw []byte) string {
	sum := sha256.Sum256(raw)
	return "sha256:" + hex.EncodeToString(sum[:16])
}
