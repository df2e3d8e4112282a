package edi

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
)

// Syntax is one of the two.
type Syntax int

// The syntaxes.
const (
	X12 Syntax = iota + 1
	EDIFACT
)

// marks are the characters an interchange is written with. A zero mark is not
// used.
type marks struct {
	element, component, terminator, release, repetition byte
	// decode reads bytes above 0x7F; nil means UTF-8, or Latin-1 where they are
	// none.
	decode *encoding.Decoder
}

// Segment is one segment: a tag and elements, numbered from 1 as in SE01.
type Segment struct {
	Tag      string
	elements []string // as they stand: components and release characters inside
	marks    *marks
	wrapped  bool // lines ended within it; they are taken out
	// from and to are its place in the bytes of its message.
	from, to int
}

// Len is the number of elements.
func (s *Segment) Len() int { return len(s.elements) }

// Text is an element as a whole without surrounding spaces; "" where the segment
// ends before it.
func (s *Segment) Text(element int) string {
	if element < 1 || element > len(s.elements) {
		return ""
	}
	return s.plain(s.elements[element-1])
}

// Part is a component of an element, both numbered from 1: Part(1, 2) of
// DTM+137:20261123:102 is the date. An element without components is its own
// first.
func (s *Segment) Part(element, component int) string {
	if element < 1 || element > len(s.elements) {
		return ""
	}
	text := s.elements[element-1]
	for ; component > 1; component-- {
		i := s.index(text, s.marks.component)
		if i < 0 {
			return ""
		}
		text = text[i+1:]
	}
	if i := s.index(text, s.marks.component); i >= 0 {
		text = text[:i]
	}
	return s.plain(text)
}

// Repeated are the repetitions of an element. X12 before 00402 and EDIFACT before
// syntax 4 have none; there it is the one element.
func (s *Segment) Repeated(element int) []string {
	if element < 1 || element > len(s.elements) {
		return nil
	}
	text := s.elements[element-1]
	var all []string
	for s.marks.repetition != 0 {
		i := s.index(text, s.marks.repetition)
		if i < 0 {
			break
		}
		all = append(all, s.plain(text[:i]))
		text = text[i+1:]
	}
	return append(all, s.plain(text))
}

// index finds a mark that is not released.
func (s *Segment) index(text string, mark byte) int {
	if mark == 0 {
		return -1
	}
	if s.marks.release == 0 {
		return strings.IndexByte(text, mark)
	}
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case s.marks.release:
			i++
		case mark:
			return i
		}
	}
	return -1
}

// plain takes release characters out and surrounding spaces off, and reads the
// interchange's character set.
func (s *Segment) plain(text string) string {
	if r := s.marks.release; r != 0 && strings.IndexByte(text, r) >= 0 {
		b := make([]byte, 0, len(text))
		for i := 0; i < len(text); i++ {
			if text[i] == r && i+1 < len(text) {
				i++
			}
			b = append(b, text[i])
		}
		text = string(b)
	}
	text = strings.TrimSpace(text)
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return s.marks.text(text)
		}
	}
	return text
}

func (m *marks) text(s string) string {
	if m.decode != nil {
		if t, err := m.decode.String(s); err == nil {
			return strings.ToValidUTF8(t, "\uFFFD")
		}
	}
	if utf8.ValidString(s) {
		return s
	}
	t, _ := charmap.ISO8859_1.NewDecoder().String(s) // every byte is a character there
	return t
}

// charsets are the character sets of ISO 9735 by syntax identifier. UNOA and UNOB
// are ASCII; senders write Latin-1 or UTF-8 in them, and either is read.
var charsets = map[string]*charmap.Charmap{
	"UNOC": charmap.ISO8859_1, "UNOD": charmap.ISO8859_2, "UNOE": charmap.ISO8859_5, "UNOF": charmap.ISO8859_7,
	"UNOG": charmap.ISO8859_3, "UNOH": charmap.ISO8859_4, "UNOI": charmap.ISO8859_6, "UNOJ": charmap.ISO8859_8, "UNOK": charmap.ISO8859_9,
}
