package mapping

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/stocktrace/stocktrace/collector/format"
)

// rowReader cuts a document into rows. It is not encoding/csv, because the bytes
// of every row are kept exactly as they stand, in whatever encoding, and because
// one row that is wrong must not end the document.
type rowReader struct {
	reading *reading
	in      *bufio.Reader
	line    int // of the next row, from 1
	columns []column
}

// row is one row: its cells in columns, or what is wrong with it.
type row struct {
	raw     []byte // with its end of line
	line    int
	cells   []string
	problem *format.Problem
}

func (r *row) place() string { return fmt.Sprintf("line %d", r.line) }

// errLong says that a row does not end.
var errLong = errors.New("a row that does not end")

// next returns the next row that is not empty; io.EOF at the end. Other errors
// end the document.
func (r *rowReader) next() (*row, error) {
	for {
		got := &row{line: r.line}
		raw, cells, err := r.cut()
		if errors.Is(err, errLong) {
			return nil, &format.Problem{Path: got.place(), Detail: fmt.Sprintf("A row has more than %d bytes: a quote is not closed, or this is no text in rows. Nothing after it was read.", mostRow)}
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if len(raw) == 0 {
			return nil, io.EOF
		}
		r.line += max(1, bytes.Count(raw, []byte("\n")))
		if r.reading.length > 0 || r.reading.ebcdic() {
			r.line = got.line + 1
		}
		if r.blank(raw) {
			continue
		}
		got.raw = raw
		got.cells, got.problem = r.decode(raw, cells, got.place())
		return got, nil
	}
}

func (r *rowReader) blank(raw []byte) bool {
	if r.reading.ebcdic() {
		return len(bytes.Trim(raw, "\x40\x15\x25\x0d\x00")) == 0
	}
	return len(bytes.TrimSpace(raw)) == 0
}

// cut reads the bytes of one row with its end of line. Of csv it also returns
// where cells begin and end.
func (r *rowReader) cut() (raw []byte, cells [][2]int, err error) {
	if n := r.reading.length; n > 0 {
		raw = make([]byte, n)
		got, err := io.ReadFull(r.in, raw)
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = nil
		}
		return raw[:got], nil, err
	}
	csv := r.reading.as == "csv"
	start, quoted, begun := 0, false, false // begun: the cell has something in it
	for {
		b, err := r.in.ReadByte()
		if err != nil {
			if csv && len(raw) > 0 {
				cells = append(cells, [2]int{start, len(raw)})
			}
			return raw, cells, err
		}
		if len(raw) >= mostRow {
			return nil, nil, errLong
		}
		raw = append(raw, b)
		switch {
		case csv && quoted:
			if b != '"' {
				continue
			}
			if after, _ := r.in.Peek(1); len(after) == 1 && after[0] == '"' {
				_, _ = r.in.ReadByte()
				raw = append(raw, '"')
				continue
			}
			quoted = false
		case csv && b == '"' && !begun:
			quoted, begun = true, true
		case csv && b == r.reading.separator:
			cells = append(cells, [2]int{start, len(raw) - 1})
			start, begun = len(raw), false
		case r.ends(b):
			if csv {
				cells = append(cells, [2]int{start, len(bytes.TrimRight(raw, "\r\n"))})
			}
			return raw, cells, nil
		case b != ' ':
			begun = true
		}
	}
}

func (r *rowReader) ends(b byte) bool {
	if r.reading.ebcdic() {
		return b == 0x15 || b == 0x25 // NEL and LF
	}
	return b == '\n'
}

// text decodes bytes of the document.
func (r *rowReader) text(raw []byte) (string, error) {
	if r.reading.charset == nil {
		if !utf8.Valid(raw) {
			return "", errors.New("has bytes that are not UTF-8: say how the document is written, with read: {encoding: latin-1}")
		}
		return string(raw), nil
	}
	if !r.reading.ebcdic() && ascii(raw) {
		return string(raw), nil // all others begin as ASCII does
	}
	text, err := r.reading.charset.NewDecoder().Bytes(raw)
	if err != nil || bytes.ContainsRune(text, utf8.RuneError) {
		return "", fmt.Errorf("has bytes that mean nothing in %s: is that its encoding?", r.reading.encoding)
	}
	return string(text), nil
}

func ascii(raw []byte) bool {
	for _, b := range raw {
		if b >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func (r *rowReader) decode(raw []byte, at [][2]int, place string) ([]string, *format.Problem) {
	wrong := func(text string, args ...any) *format.Problem {
		return &format.Problem{Path: place, Detail: "The row " + fmt.Sprintf(text, args...) + "."}
	}
	if r.reading.as == "fixed" {
		text, err := r.text(raw)
		if err != nil {
			return nil, wrong("%s", err)
		}
		text = strings.TrimRight(text, "\r\n\u0085")
		if n := utf8.RuneCountInString(text); r.reading.length > 0 && n < r.reading.length {
			return nil, wrong("has %d characters, and %d were expected: the document is cut off, or its rows have another length", n, r.reading.length)
		}
		return r.slices(text), nil
	}
	cells := make([]string, len(at))
	for i, c := range at {
		text, err := r.text(raw[c[0]:c[1]])
		if err != nil {
			return nil, wrong("%s", err)
		}
		if cells[i], err = unquote(text); err != nil {
			return nil, wrong("has in cell %d %s", i+1, err)
		}
	}
	if r.columns != nil && len(cells) != len(r.columns) {
		return nil, wrong("has %d cells, and %d columns were expected: a separator is missing, or too many", len(cells), len(r.columns))
	}
	return cells, nil
}

// unquote returns what a cell says. Quotes within a cell that does not begin with
// one are what they are: 5" pipe.
func unquote(cell string) (string, error) {
	trimmed := strings.TrimSpace(cell)
	if !strings.HasPrefix(trimmed, `"`) {
		return trimmed, nil
	}
	if len(trimmed) < 2 || !strings.HasSuffix(trimmed, `"`) {
		return "", errors.New("text behind a closing quote, or a quote that is not closed")
	}
	inner := trimmed[1 : len(trimmed)-1]
	if strings.Contains(strings.ReplaceAll(inner, `""`, ""), `"`) {
		return "", errors.New("text behind a closing quote")
	}
	return strings.ReplaceAll(inner, `""`, `"`), nil
}

// slices cuts a fixed row by characters. Systems leave out blanks at the end, so
// columns behind it are empty.
func (r *rowReader) slices(text string) []string {
	runes := []rune(text)
	cells := make([]string, len(r.columns))
	for i, c := range r.columns {
		from, to := min(c.from, len(runes)), min(c.to, len(runes))
		cells[i] = strings.TrimSpace(string(runes[from:to]))
	}
	return cells
}

// header reads the names of the columns.
func (r *rowReader) header() error {
	r.columns = r.reading.columns
	if !r.reading.header {
		return nil
	}
	r.columns = nil
	first, err := r.next()
	if errors.Is(err, io.EOF) {
		return &format.Problem{Detail: "The document is empty; a first line that names its columns was expected."}
	}
	if err != nil {
		return err
	}
	if first.problem != nil {
		return first.problem
	}
	seen := map[string]bool{}
	for i, name := range first.cells {
		if name == "" {
			name = fmt.Sprintf("column %d", i+1)
		}
		if seen[name] {
			return &format.Problem{Path: first.place(), Detail: fmt.Sprintf("Two columns are called %q: which is meant is undefined. Rename one, or give names with header: false and columns.", name)}
		}
		seen[name] = true
		r.columns = append(r.columns, column{name: name})
	}
	if len(r.columns) > mostColumn {
		return &format.Problem{Path: first.place(), Detail: fmt.Sprintf("The document has more than %d columns.", mostColumn)}
	}
	for _, want := range r.reading.columns {
		if !seen[want.name] {
			return &format.Problem{Path: first.place(), Detail: fmt.Sprintf("There is no column %q, which the mapping names; there are %s.", want.name, strings.Join(first.cells, ", "))}
		}
	}
	for _, want := range r.reading.group {
		if !seen[want] {
			return &format.Problem{Path: first.place(), Detail: fmt.Sprintf("There is no column %q to group by; there are %s.", want, strings.Join(first.cells, ", "))}
		}
	}
	return nil
}

// node makes a record of a row.
func (r *rowReader) node(got *row) *node {
	// One allocation holds a row: there are many of them.
	cells := make([]node, len(r.columns))
	n := &node{line: got.line, children: make([]*node, len(cells))}
	for i, c := range r.columns {
		cells[i] = node{name: c.name, text: got.cells[i], parent: n}
		n.children[i] = &cells[i]
	}
	return n
}

// readRows reads csv and fixed documents.
func (m *Mapping) readRows(document io.Reader, each func(record) error) error {
	r := &rowReader{reading: m.reads, in: bufio.NewReaderSize(document, 64<<10), line: 1}
	if mark, _ := r.in.Peek(3); m.reads.charset == nil && string(mark) == "\xef\xbb\xbf" {
		_, _ = r.in.Discard(3)
	} else if len(mark) > 1 && (string(mark[:2]) == "\xff\xfe" || string(mark[:2]) == "\xfe\xff") {
		return &format.Problem{Detail: "The document is written in UTF-16. Have it written in UTF-8, or in an encoding the mapping can name."}
	}
	if err := r.header(); err != nil {
		return err
	}
	kind := "text/csv"
	if m.reads.as == "fixed" {
		kind = "text/plain"
	}
	g := &grouping{by: m.reads.group, rawType: kind + ";charset=" + m.reads.encoding, each: each, rows: r, seen: map[[16]byte]bool{}}
	for {
		got, err := r.next()
		if errors.Is(err, io.EOF) {
			return g.end()
		}
		if err != nil {
			// What came before stands.
			if flushed := g.end(); flushed != nil {
				return flushed
			}
			return err
		}
		if err := g.add(got); err != nil {
			return err
		}
	}
}

// grouping puts rows that follow each other and say the same in the columns it
// groups by into one record.
type grouping struct {
	by      []string
	rawType string
	each    func(record) error
	rows    *rowReader
	open    *record
	key     string
	last    int    // the open record's last line
	between []byte // rows that were skipped behind it
	// broken is a row that could not be read: it may have been one of the record
	// before it, or of the one behind it.
	broken *format.Problem
	seen   map[[16]byte]bool
}

// mostSeen bounds how many groups of a document are remembered, to notice one
// that comes again.
const mostSeen = 1 << 18

func (g *grouping) add(got *row) error {
	r := record{raw: got.raw, rawType: g.rawType, place: got.place(), problem: got.problem}
	if got.problem == nil {
		r.node = g.rows.node(got)
		r.skipped, got.problem = g.rows.reading.skips(r.node)
		r.problem = got.problem
	}
	if r.skipped && g.open != nil {
		g.between = append(g.between, got.raw...)
	}
	if len(g.by) == 0 || r.skipped {
		return g.each(r)
	}
	if got.problem != nil {
		g.broken = got.problem
		if g.open != nil {
			g.open.problem = beside(got)
		}
		return g.each(r)
	}
	n := r.node
	key := g.keyOf(n)
	if g.open == nil || key != g.key {
		if err := g.end(); err != nil {
			return err
		}
		g.open = &record{node: n, rows: []*node{n}, raw: got.raw, rawType: g.rawType, place: got.place()}
		if g.broken != nil {
			g.open.problem = &format.Problem{Path: got.place(), Detail: fmt.Sprintf(
				"The rows from here on follow one that cannot be read (%s) and may have been of the same event. Correct that row and bring the document again.", g.broken.Path)}
		}
		g.key, g.last, g.broken = key, got.line, nil
		sum := sha256.Sum256([]byte(key))
		id := [16]byte(sum[:16])
		if g.seen[id] {
			g.open.problem = &format.Problem{Path: got.place(), Detail: fmt.Sprintf(
				"Rows of %s are here again, apart from earlier ones: one event would be two of the same id. Sort the document by %s.", show(g.by, n), strings.Join(g.by, ", "))}
		} else if len(g.seen) < mostSeen {
			g.seen[id] = true
		}
		return nil
	}
	g.open.rows = append(g.open.rows, n)
	g.last = got.line
	if len(g.open.raw)+len(g.between)+len(got.raw) > mostRecord {
		g.open.problem = &format.Problem{Path: g.open.place, Detail: fmt.Sprintf("The rows of one event have more than %d MiB.", mostRecord>>20)}
		return nil
	}
	// A fragment is one piece of the document, with what was skipped in between.
	g.open.raw = append(append(g.open.raw, g.between...), got.raw...)
	g.between = nil
	return nil
}

func beside(got *row) *format.Problem {
	return &format.Problem{Path: got.place(), Detail: "A row among those of this event, or right behind them, cannot be read: the event would miss a line. Correct that row and bring the document again."}
}

func (g *grouping) keyOf(n *node) string {
	var b strings.Builder
	for _, name := range g.by {
		for _, c := range n.children {
			if c.name == name {
				fmt.Fprintf(&b, "%d:%s", len(c.text), c.text)
			}
		}
	}
	return b.String()
}

func show(by []string, n *node) string {
	var parts []string
	for _, name := range by {
		for _, c := range n.children {
			if c.name == name {
				parts = append(parts, fmt.Sprintf("%s %q", name, c.text))
			}
		}
	}
	return strings.Join(parts, ", ")
}

// end gives the open record away.
func (g *grouping) end() error {
	r := g.open
	if r == nil {
		return nil
	}
	g.open, g.between = nil, nil
	if g.last > r.rows[0].line {
		r.place = fmt.Sprintf("lines %d–%d", r.rows[0].line, g.last)
	}
	return g.each(*r)
}
