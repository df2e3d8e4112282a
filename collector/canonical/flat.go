package canonical

import (
	"slices"
	"strings"

	"github.com/stocktrace/stocktrace/inventory"
)

// Nearly all lines are flat: objects of known names with texts and whole numbers,
// in ASCII without escapes. Those are read here, at a quarter of what a JSON
// decoder takes that must be ready for anything. Whatever else there is, and
// whatever is wrong, is left to that decoder to read from the start and to judge.

// lineNames are the names of a line's scalars; lineScalars read them.
var lineNames, lineScalars = func() (names []string, scalars []func(*inventory.Line, scalar) error) {
	for name, f := range lineFields {
		if f.scalar != nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		scalars = append(scalars, lineFields[name].scalar)
	}
	return names, scalars
}()

// flat reads flat JSON. Its methods return false where the text is not.
type flat struct {
	rest string
	// order is which fields the last line had, also of the record before, by their
	// places in lineNames: the next one mostly has the same.
	order []int
}

// lines reads all of a document that is a list of flat lines.
func (f *flat) lines(document string) ([]inventory.Line, bool) {
	f.rest = document
	if !f.take('[') || f.take(']') {
		return nil, false
	}
	lines := make([]inventory.Line, 0, min(1+strings.Count(document, "},"), 1024))
	for {
		lines = append(lines, inventory.Line{})
		if !f.line(&lines[len(lines)-1]) {
			return nil, false
		}
		if f.take(',') {
			continue
		}
		return lines, f.take(']') && f.rest == ""
	}
}

func (f *flat) line(l *inventory.Line) bool {
	if !f.take('{') || f.take('}') {
		return false
	}
	seen := uint64(0)
	for n := 0; ; n++ {
		name, ok := f.text()
		if !ok || !f.take(':') {
			return false
		}
		field, known := f.field(n, name)
		if !known || seen&(1<<field) != 0 {
			return false
		}
		seen |= 1 << field
		s, ok := f.scalar()
		if !ok || lineScalars[field](l, s) != nil {
			return false
		}
		if !f.take(',') {
			return f.take('}')
		}
	}
}

// field returns the place of a name in lineNames. It is the nth of its line.
func (f *flat) field(n int, name string) (field int, known bool) {
	if n < len(f.order) && lineNames[f.order[n]] == name {
		return f.order[n], true
	}
	if field, known = slices.BinarySearch(lineNames, name); !known {
		return 0, false
	}
	if n < len(f.order) {
		f.order[n] = field
	} else {
		f.order = append(f.order, field)
	}
	return field, true
}

// scalar takes a text, a whole number or a literal.
func (f *flat) scalar() (scalar, bool) {
	f.blank()
	if f.rest == "" {
		return scalar{}, false
	}
	switch c := f.rest[0]; {
	case c == '"':
		text, ok := f.text()
		return scalar{str, text}, ok
	case c >= '1' && c <= '9':
		end := 1
		for end < len(f.rest) && f.rest[end] >= '0' && f.rest[end] <= '9' {
			end++
		}
		if end == len(f.rest) || strings.IndexByte(",} ", f.rest[end]) < 0 {
			return scalar{}, false // a fraction, an exponent, or nothing at all
		}
		return scalar{integer, f.cut(end)}, true
	case strings.HasPrefix(f.rest, "true"):
		return scalar{boolean, f.cut(4)}, true
	case strings.HasPrefix(f.rest, "false"):
		return scalar{boolean, f.cut(5)}, true
	}
	return scalar{}, false
}

// text takes a text of plain ASCII.
func (f *flat) text() (string, bool) {
	if !f.take('"') {
		return "", false
	}
	for i := range len(f.rest) {
		switch c := f.rest[i]; {
		case c == '"':
			text := f.rest[:i]
			f.rest = f.rest[i+1:]
			return text, true
		case c < ' ' || c == '\\' || c >= 0x80:
			return "", false
		}
	}
	return "", false
}

// take takes one character, and blanks around it outside of a text.
func (f *flat) take(c byte) bool {
	f.blank()
	if f.rest == "" || f.rest[0] != c {
		return false
	}
	f.rest = f.rest[1:]
	if c != '"' {
		f.blank()
	}
	return true
}

func (f *flat) cut(n int) string {
	s := f.rest[:n]
	f.rest = f.rest[n:]
	return s
}

func (f *flat) blank() {
	for f.rest != "" && (f.rest[0] == ' ' || f.rest[0] == '\n' || f.rest[0] == '\t' || f.rest[0] == '\r') {
		f.rest = f.rest[1:]
	}
}
