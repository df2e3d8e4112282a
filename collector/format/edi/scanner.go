package edi

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Bounds on what is held in memory. A segment of a real document has some
// hundred bytes; a message with a hundred thousand lines has ten million.
const (
	MaxSegment  = 64 << 10
	MaxMessage  = 64 << 20
	MaxSegments = 1 << 20 // of a message: short ones cost more than their bytes
)

// scanner cuts a document into interchanges and those into segments.
type scanner struct {
	in     *bufio.Reader
	syntax Syntax
	offset int64
	last   byte // before offset
}

func newScanner(in io.Reader, syntax Syntax) *scanner {
	return &scanner{in: bufio.NewReaderSize(in, 32<<10), syntax: syntax}
}

// damage is what is wrong with the syntax itself, so that only the next
// interchange can be read.
type damage struct {
	detail string
	raw    []byte
}

func (d *damage) Error() string { return d.detail }

func (s *scanner) byte() (byte, error) {
	b, err := s.in.ReadByte()
	if err == nil {
		s.offset++
		s.last = b
	}
	return b, err
}

// padding reports whether b may stand between segments and interchanges: line
// ends and indentation, the zeros and the Ctrl-Z that old systems fill files with.
func padding(b byte) bool {
	return b == ' ' || b == '\t' || b == '\r' || b == '\n' || b == 0 || b == 0x1a
}

func alphanumeric(b byte) bool {
	return b >= '0' && b <= '9' || b >= 'A' && b <= 'Z' || b >= 'a' && b <= 'z'
}

// atStart reports whether an interchange begins here.
func (s *scanner) atStart() bool {
	if alphanumeric(s.last) {
		return false
	}
	head, _ := s.in.Peek(4)
	if len(head) < 4 || alphanumeric(head[3]) && string(head[:2]) != "GS" && string(head[:2]) != "ST" {
		return false
	}
	switch string(head[:3]) {
	case "ISA", "DXS":
		return s.syntax == X12
	case "UNA":
		return s.syntax == EDIFACT
	case "UNB", "UNH":
		return s.syntax == EDIFACT && !padding(head[3])
	}
	if s.syntax == X12 && string(head[:2]) == "GS" && !alphanumeric(head[2]) && !padding(head[2]) {
		mark := []byte{head[2]} // the next Peek moves what head shows
		group, _ := s.in.Peek(120)
		return bytes.Count(group, mark) >= 8
	}
	if s.syntax == X12 && string(head[:2]) == "ST" && !alphanumeric(head[2]) && !padding(head[2]) {
		set, _ := s.in.Peek(7) // ST*856*
		return len(set) == 7 && set[2] == set[6] && digits(set[3:6])
	}
	return false
}

func digits(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// seek goes to the next start of an interchange and returns what stands before
// it, in pieces of at most [MaxSegment]. At the end of the document the error is
// io.EOF, maybe with a last piece.
func (s *scanner) seek() (between []byte, err error) {
	if s.offset == 0 {
		if bom, _ := s.in.Peek(3); string(bom) == "\xef\xbb\xbf" {
			_, _ = s.in.Discard(3)
			s.offset = 3
		}
	}
	for len(between) < MaxSegment {
		if s.atStart() {
			return trimPadding(between), nil
		}
		b, err := s.byte()
		if err != nil {
			return trimPadding(between), err
		}
		if len(between) > 0 || !padding(b) {
			between = append(between, b)
		}
	}
	return between, nil
}

func trimPadding(b []byte) []byte {
	for len(b) > 0 && padding(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

// open reads the delimiters where an interchange starts, and its first segment.
// notes are departures from the standard that were read all the same.
func (s *scanner) open() (head Segment, raw []byte, notes []string, err error) {
	if s.syntax == EDIFACT {
		return s.openEDIFACT()
	}
	start, _ := s.in.Peek(3)
	want := map[string]int{"ISA": 16, "DXS": 5}[string(start)]
	at := 3
	if want == 0 {
		want, at = 8, 2 // GS
		if string(start[:2]) == "ST" {
			want = 2
		}
		notes = append(notes, fmt.Sprintf("The document begins with %s, without an ISA: read by the delimiters of %s.", start[:2], start[:2]))
	}
	for range at {
		b, err := s.byte()
		if err != nil {
			return head, raw, notes, err
		}
		raw = append(raw, b)
	}
	m := &marks{}
	head = Segment{Tag: string(raw), marks: m}
	fields := 0
	var field []byte
	for {
		b, err := s.byte()
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = &damage{fmt.Sprintf("the document ends within the first segment %s, after %d of its %d elements: send it whole", head.Tag, fields, want), raw}
			}
			return head, raw, notes, err
		}
		raw = append(raw, b)
		if m.element == 0 {
			m.element = b
			continue
		}
		if len(raw) > 1024 {
			return head, raw, notes, &damage{fmt.Sprintf("%s has only %d of its %d elements: its delimiters cannot be told, send it whole", head.Tag, fields, want), raw}
		}
		switch {
		case fields == want-1 && head.Tag == "ISA":
			// ISA16 is one character, and the terminator the one behind it.
			m.component = b
			if s.missingISA16(b, m.element) {
				m.component, m.terminator = 0, b
				notes = append(notes, "ISA16, the component separator, is missing: read without components.")
			} else {
				field = append(field, b)
				t, err := s.byte()
				if err != nil {
					return head, raw, notes, &damage{"the document ends behind ISA16: send it whole", raw}
				}
				raw = append(raw, t)
				m.terminator = t
			}
		case fields == want-1 && b != m.element && !alphanumeric(b) && b != ' ' && len(field) > 0:
			m.terminator = b // of GS and DXS: the first other character of their last element
		case b == m.element:
			head.elements = append(head.elements, string(field))
			fields, field = fields+1, field[:0]
			continue
		case (b == '\r' || b == '\n') && head.Tag == "ISA":
			if head.wrapped = true; b == '\n' {
				notes = append(notes, "A line ends within ISA: read without it.")
			}
			continue
		default:
			field = append(field, b)
			continue
		}
		break
	}
	head.elements = append(head.elements, string(field))
	if m.terminator == '\r' {
		// CR LF ends the segments: LF is the mark, CR is left to its left.
		if next, _ := s.in.Peek(1); len(next) == 1 && next[0] == '\n' {
			b, _ := s.byte()
			raw, m.terminator = append(raw, b), '\n'
		}
	}
	if head.Tag == "ISA" {
		// From version 00402 ISA11 is the repetition separator, before it says which
		// standards body's envelope this is (U).
		if r := head.elements[10]; head.Text(12) >= "00402" && len(r) == 1 && !alphanumeric(r[0]) && r != " " {
			m.repetition = r[0]
		}
		if n := len(bytes.TrimRight(raw, "\r\n")); n != 106 && n != 105 && m.component != 0 && !head.wrapped {
			notes = append(notes, fmt.Sprintf("ISA is %d characters long instead of 106: read by its delimiters.", n))
		}
	}
	return head, raw, notes, nil
}

// missingISA16 reports whether b, which stands where ISA16 does, is the
// terminator: the next segment begins right behind it, or ends its line with it.
func (s *scanner) missingISA16(b, element byte) bool {
	next, _ := s.in.Peek(1)
	if len(next) == 1 && (alphanumeric(next[0]) || next[0] == element) {
		return true
	}
	if len(next) == 0 || next[0] != '\r' && next[0] != '\n' {
		return false
	}
	line, _ := s.in.Peek(200)
	line, _, ended := bytes.Cut(bytes.TrimLeft(line, "\r\n"), []byte("\n"))
	return ended && bytes.HasSuffix(bytes.TrimRight(line, "\r"), []byte{b})
}

func (s *scanner) openEDIFACT() (head Segment, raw []byte, notes []string, err error) {
	m := &marks{element: '+', component: ':', terminator: '\'', release: '?'}
	if start, _ := s.in.Peek(9); string(start[:3]) == "UNA" {
		if len(start) < 9 {
			for range start {
				b, _ := s.byte()
				raw = append(raw, b)
			}
			return head, raw, nil, &damage{"the document ends within UNA: send it whole", raw}
		}
		m.component, m.element, m.release, m.repetition, m.terminator = start[3], start[4], start[6], start[7], start[8]
		if m.release == ' ' {
			m.release = 0
		}
		if m.repetition == ' ' {
			m.repetition = 0
		}
		for range 9 {
			b, _ := s.byte()
			raw = append(raw, b)
		}
	} else if sep := start[3]; sep != '+' && string(start[:3]) == "UNB" {
		m.element = sep
		if len(start) == 9 && string(start[4:7]) == "UNO" {
			m.component = start[8]
		}
		notes = append(notes, fmt.Sprintf("UNB is written with %q and %q without a UNA that says so: read so.", m.element, m.component))
	}
	if line, _ := s.in.Peek(512); len(raw) == 0 && bytes.IndexByte(line, m.terminator) < 0 {
		if _, rest, ok := bytes.Cut(line, []byte("\n")); ok && (bytes.HasPrefix(rest, []byte("UN")) || bytes.HasPrefix(rest, []byte("BGM"))) {
			m.terminator = '\n'
			notes = append(notes, "Its segments end with the line, without a UNA that says so: read so.")
		}
	}
	head, body, err := s.segment(m)
	raw = append(raw, body...)
	if err != nil {
		return head, raw, notes, err
	}
	if head.Tag == "UNB" {
		if level := head.Part(1, 1); charsets[level] != nil {
			m.decode = charsets[level].NewDecoder()
		}
		if head.Part(1, 2) == "4" && m.repetition == 0 {
			m.repetition = '*'
		}
	}
	return head, raw, notes, nil
}

// errNext says that another interchange begins where a segment was to be read.
var errNext = errors.New("another interchange begins")

// next reads a segment. raw is everything it takes, indentation before it
// included. The error is io.EOF at the end, [errNext] where an interchange
// begins, or a *damage.
func (s *scanner) next(m *marks) (seg Segment, raw []byte, err error) {
	for {
		b, err := s.in.Peek(1)
		if err != nil {
			return seg, raw, err
		}
		if !padding(b[0]) {
			break
		}
		_, _ = s.byte()
		if raw = append(raw, b[0]); len(raw) > MaxSegment {
			raw = raw[:0] // nobody's padding is worth keeping
		}
	}
	if s.begins() {
		return seg, raw, errNext
	}
	lead := len(raw)
	seg, body, err := s.segment(m)
	raw = append(raw, body...)
	seg.from, seg.to = lead, len(raw)
	return seg, raw, err
}

// begins is atStart for the segments that only begin an interchange; UNH and GS
// stand within one too.
func (s *scanner) begins() bool {
	head, _ := s.in.Peek(3)
	switch string(head) {
	case "ISA", "DXS", "UNA", "UNB":
		s.last = 0
		return s.atStart()
	}
	return false
}

// segment reads up to the terminator, or to the end of the document.
func (s *scanner) segment(m *marks) (Segment, []byte, error) {
	seg := Segment{marks: m}
	var raw []byte
	ended := false
	for !ended {
		b, err := s.byte()
		if errors.Is(err, io.EOF) && len(raw) > 0 {
			break
		}
		if err != nil {
			return seg, raw, err
		}
		if raw = append(raw, b); len(raw) > MaxSegment {
			return seg, raw, &damage{fmt.Sprintf("a segment is longer than %d bytes: its terminator %q is missing", MaxSegment, m.terminator), raw}
		}
		switch {
		case b == m.terminator:
			ended = true
		case b == m.release && m.release != 0:
			if c, err := s.byte(); err == nil {
				raw = append(raw, c)
			}
		}
	}
	text := string(raw)
	if ended {
		text = text[:len(text)-1]
	}
	text = strings.TrimRight(text, "\r\n")
	if strings.ContainsAny(text, "\r\n") {
		// Files are cut into lines of 80 on their way, wherever that falls.
		text, seg.wrapped = strings.NewReplacer("\r", "", "\n", "").Replace(text), true
	}
	seg.elements = seg.split(text, m.element)
	seg.Tag, seg.elements = seg.plain(seg.elements[0]), seg.elements[1:]
	if m.component != 0 {
		// EDIFACT may number the occurrence of a segment in its tag: DTM:1:2.
		if i := seg.index(seg.Tag, m.component); i > 0 {
			seg.Tag = seg.Tag[:i]
		}
	}
	return seg, raw, nil
}

func (s *Segment) split(text string, mark byte) []string {
	var all []string
	for {
		i := s.index(text, mark)
		if i < 0 {
			return append(all, text)
		}
		all, text = append(all, text[:i]), text[i+1:]
	}
}
