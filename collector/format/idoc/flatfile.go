package idoc

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"github.com/stocktrace/stocktrace/collector/format"
)

const (
	controlTag  = "EDI_DC40"
	controlTag3 = "EDI_DC "
	statusTag   = "EDI_DS"
	// mostLine is far more than the 1063 characters a data record has.
	mostLine = 64 << 10
	// mostPiece bounds what one transaction may have.
	mostPiece = 16 << 20
)

// flatReader is the state of reading a flat file.
type flatReader struct {
	*reader
	in      *bufio.Reader
	line    int
	control *segment
	// open is what is being read; last are its newest segments by name, under which
	// others stand.
	open *piece
	last map[string]*segment
}

// flat reads a flat file: a control record and its data records, over and over;
// or status records.
func (r *reader) flat(ctx context.Context, document io.Reader) error {
	f := &flatReader{reader: r, in: bufio.NewReaderSize(document, mostLine)}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		raw, err := f.next()
		if errors.Is(err, io.EOF) {
			return f.emit()
		}
		if err != nil {
			return errors.Join(f.emit(), err)
		}
		if err := f.record(raw); err != nil {
			return err
		}
	}
}

// next returns the next line with its end.
func (f *flatReader) next() ([]byte, error) {
	f.line++
	raw, err := f.in.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, &format.Problem{Path: f.at(), Detail: fmt.Sprintf("The line is longer than %d bytes: IDoc files have a record to a line, of at most 1063 characters.", mostLine)}
	case errors.Is(err, io.EOF) && len(raw) == 0:
		return nil, io.EOF
	case err != nil && !errors.Is(err, io.EOF):
		return nil, &format.Problem{Path: f.at(), Detail: "Reading the file stopped: " + err.Error() + ". Send it again."}
	}
	return bytes.Clone(raw), nil
}

func (f *flatReader) at() string { return fmt.Sprintf("line %d", f.line) }

func (f *flatReader) record(raw []byte) error {
	text := string(bytes.TrimRight(raw, "\r\n"))
	if f.line == 1 {
		text = strings.TrimPrefix(text, "\ufeff")
	}
	var notes []format.Note
	if !utf8.ValidString(text) {
		text, _ = charmap.Windows1252.NewDecoder().String(text)
		notes = append(notes, format.Note{Code: format.NotStandard, Path: f.at(), Detail: "The line is no UTF-8: read as Windows-1252. Have the port write UTF-8."})
	}
	switch {
	case strings.Trim(text, " \t\x1a\x00") == "":
		if f.open != nil {
			f.open.raw = append(f.open.raw, raw...)
		}
		return nil
	case strings.HasPrefix(text, controlTag3):
		if err := f.emit(); err != nil {
			return err
		}
		f.control = nil
		return f.refuse(raw, "It is a control record of a release before 4.0 (EDI_DC), which is not read: have the port write EDI_DC40.")
	case strings.HasPrefix(text, controlTag):
		if err := f.emit(); err != nil {
			return err
		}
		f.control = f.cut("EDI_DC40", text)
		if isSingle(f.control.get("IDOCTYP", "MESTYP")) {
			f.open = nil // each of its transactions begins anew
			return nil
		}
		f.begin(raw)
		f.open.notes = notes
		return nil
	case strings.HasPrefix(text, statusTag):
		if err := f.emit(); err != nil {
			return err
		}
		p := piece{control: &segment{name: "EDI_DC40", path: f.at()}, segments: []*segment{f.status(text)}, raw: raw, rawType: "text/plain", path: f.at(), notes: notes}
		return f.piece(&p)
	case f.control == nil:
		return f.refuse(raw, "The data record stands behind no control record (EDI_DC40), so nobody knows what it belongs to: send the IDoc whole.")
	}
	return f.data(raw, text, notes)
}

// status takes a status record apart. Those of releases before 4.0 (EDI_DS) are
// laid out like the segment that carries them.
func (f *flatReader) status(text string) *segment {
	if strings.HasPrefix(text, "EDI_DS40") {
		return f.cut("EDI_DS40", text)
	}
	return f.cut("E1STATS", text)
}

func (f *flatReader) refuse(raw []byte, why string) error {
	return f.yield(format.Item{Path: f.at(), Raw: raw, RawType: "text/plain", Problem: &format.Problem{Path: f.at(), Detail: why}})
}

// data adds a data record to what is open.
func (f *flatReader) data(raw []byte, text string, notes []format.Note) error {
	envelope := f.cut("EDI_DD40", text)
	name := base(envelope.get("SEGNAM"))
	s := f.cut(name, envelope.get("SDATA"))
	if f.open == nil || (isSingle(f.control.get("IDOCTYP", "MESTYP")) && parents[name] == "" && len(f.open.segments) > 0 && !strings.HasPrefix(name, "E1WXX")) {
		if err := f.emit(); err != nil {
			return err
		}
		f.begin(nil)
	}
	p := f.open
	if len(p.raw)+len(raw) > mostPiece {
		p.segments, p.tooLarge = nil, true
		return nil
	}
	p.raw = append(p.raw, raw...)
	p.notes = append(p.notes, notes...)
	if docnum := envelope.get("DOCNUM"); docnum != "" && f.control.get("DOCNUM") != "" && docnum != f.control.get("DOCNUM") {
		p.notes = append(p.notes, format.Note{Code: format.CountMismatch, Path: f.at(), Detail: fmt.Sprintf("The record is of IDoc %s, and stands in IDoc %s: read as part of the latter. Compare the file with its source.", docnum, f.control.get("DOCNUM"))})
	}
	if p.tooLarge {
		return nil
	}
	if above := f.last[parents[name]]; above != nil {
		above.add(s)
	} else {
		p.segments = append(p.segments, s)
	}
	f.last[name] = s
	return nil
}

func (f *flatReader) begin(raw []byte) {
	f.open = &piece{control: f.control, raw: raw, rawType: "text/plain", path: f.at()}
	f.last = map[string]*segment{}
}

// emit reads what is open.
func (f *flatReader) emit() error {
	p := f.open
	f.open = nil
	if p == nil {
		return nil
	}
	return f.piece(p)
}

// cut takes a record apart by its definition. Columns count characters.
func (f *flatReader) cut(name, text string) *segment {
	s := &segment{name: name, path: f.at()}
	columns := f.format.Segments[name]
	if columns == nil {
		columns = definitions[name]
	}
	if columns == nil {
		s.fields = []field{{name: "SDATA", value: strings.TrimSpace(text)}}
		return s
	}
	rest := text
	for _, c := range columns {
		end := 0
		for n := 0; n < c.Width && end < len(rest); n++ {
			_, size := utf8.DecodeRuneInString(rest[end:])
			end += size
		}
		value := rest[:end]
		if name != "EDI_DD40" || c.Name != "SDATA" {
			value = strings.TrimSpace(value)
		}
		s.fields = append(s.fields, field{name: c.Name, value: value})
		rest = rest[end:]
	}
	if rest = strings.TrimSpace(rest); rest != "" {
		s.fields = append(s.fields, field{name: "further columns", value: rest})
	}
	return s
}
