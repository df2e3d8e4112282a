// Package idoc reads SAP IDocs, as XML and as flat files.
//
//	XML       ─┐  one tree of                        by message type
//	flat file ─┴─▶ segments ──▶ document ──▶ reader ──▶ Items
//	              (E1EDL20…)    + control     pos, movements, deliveries,
//	                              record      orders, statuses
//
// What is in an IDoc is what somebody wants the ERP to do, or what it did; which
// of both, its direction and status say. So an event of the ERP has the outcome
// of the IDoc's status: pending until 53 says posted, failed for 51, retrying
// where 51 only says that something was locked. Nothing counts as posted because
// it was sent.
//
// Facts about segments and fields are SAP's own documentation as published in the
// data dictionary's listings; see the README for what was found where.
package idoc

import (
	"bytes"
	"context"
	"errors"
	"io"
	"regexp"
	"strings"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/xmlread"
)

// Format reads IDocs. The zero value is ready for use.
type Format struct {
	// Segments are the columns of segments in flat files, by name (ZE1STORE): for
	// customers' own, and for those that are not built in. A segment's version
	// (E2EDL24006) only adds columns at its end, so one definition reads them all.
	Segments map[string][]Column
	// Movements are movement types of one's own, such as Z51, or another reading of
	// SAP's.
	Movements map[string]Movement
	// SoldIsPlus says that senders of WPUBON and WPUUMS write what was sold with the
	// sign +. SAP's own sign is that of the stock: what was sold is −.
	SoldIsPlus bool
}

// Name implements [format.Format].
func (Format) Name() string { return "idoc" }

// Detect implements [format.Format].
func (Format) Detect(head []byte, _ format.Source) bool {
	head = bytes.TrimPrefix(head, []byte("\ufeff"))
	for _, tag := range []string{controlTag, controlTag3, statusTag} {
		if bytes.HasPrefix(head, []byte(tag)) {
			return true
		}
	}
	// UTF-16, with a mark or without, has a zero in every second byte.
	head = bytes.TrimLeft(bytes.ReplaceAll(head, []byte{0}, nil), "\xff\xfe \t\r\n")
	return bytes.HasPrefix(head, []byte("<")) && marks.Match(head)
}

// marks are what tells an IDoc in XML: its envelope, or the control record.
var marks = regexp.MustCompile(`<(?:[\w.-]+:)?IDOC[\s>/]|<(?:[\w.-]+:)?EDI_D[CS]40?[\s>/]`)

// Read implements [format.Format].
func (f Format) Read(ctx context.Context, document io.Reader, source format.Source, yield func(format.Item) error) error {
	head := make([]byte, 64)
	n, err := io.ReadFull(document, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return &format.Problem{Path: "/", Detail: "Reading the document stopped: " + err.Error() + ". Send it again."}
	}
	head = head[:n]
	in := io.MultiReader(bytes.NewReader(head), document)
	r := &reader{format: f, source: source, yield: yield}
	if text := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\ufeff")), " \t\r\n"); bytes.HasPrefix(text, []byte("EDI_D")) {
		return r.flat(ctx, in)
	}
	return r.xml(ctx, in)
}

// reader reads one document.
type reader struct {
	format Format
	source format.Source
	yield  func(format.Item) error
}

// piece is an IDoc, or one of the transactions that a large one holds.
type piece struct {
	control  *segment // EDI_DC40; never nil
	segments []*segment
	raw      []byte
	rawType  string
	path     string
	notes    []format.Note
	heads    []*segment // see headed
	tooLarge bool
}

// single are the IDocs whose outermost segments are transactions of their own, by
// the beginning of the basic type. They are read one by one, since a store's day
// may be as large as it likes; all others are read whole.
var single = []string{"WPUBON", "WPUUMS", "WPUWBW", "SYSTAT", "ALEAUD"}

func isSingle(basicType string) bool {
	for _, s := range single {
		if strings.HasPrefix(basicType, s) {
			return true
		}
	}
	return false
}

// xml reads an XML document. Its root is the basic type; in it stand IDOC
// elements, in these EDI_DC40 and the segments.
func (r *reader) xml(ctx context.Context, document io.Reader) error {
	in, err := xmlread.New(document, xmlread.Limits{})
	if err != nil {
		return err
	}
	var control *segment
	entered, apart, found := false, false, false
	choose := func(tag xmlread.Node) xmlread.Action {
		name := tag.Name()
		switch {
		case name == "IDOC" && apart:
			control = nil
			return xmlread.Enter
		case name == "IDOC", tag.Attr("SEGMENT") != "",
			entered && (strings.HasPrefix(name, "E1") || strings.HasPrefix(name, "EDI_D")):
			return xmlread.Take
		}
		// The root, or an envelope around it.
		apart = apart || isSingle(name)
		entered = true
		return xmlread.Enter
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		f, err := in.Next(choose)
		if errors.Is(err, io.EOF) {
			if !found {
				return &format.Problem{Path: "/", Detail: "There is no IDOC element in it: send the IDoc as SAP's XML port writes it."}
			}
			return nil
		}
		if err != nil {
			return err
		}
		found = true
		item := format.Item{Path: f.Path, Raw: f.Raw, RawType: "application/xml", Problem: f.Problem}
		if f.Problem != nil {
			if err := r.yield(item); err != nil {
				return err
			}
			continue
		}
		p := piece{raw: f.Raw, rawType: item.RawType, path: f.Path}
		top := fromXML(f.Root, f.Path)
		switch {
		case f.Root.Name() == "IDOC":
			for _, s := range top.kids {
				if s.name == "EDI_DC40" || s.name == "EDI_DC" {
					p.control = s
				} else {
					p.segments = append(p.segments, s)
				}
			}
		case top.name == "EDI_DC40" || top.name == "EDI_DC":
			control = top
			continue
		default:
			p.control, p.segments = control, []*segment{top}
		}
		if p.control == nil {
			p.control = &segment{name: "EDI_DC40", path: f.Path}
		}
		if err := r.piece(&p); err != nil {
			return err
		}
	}
}
