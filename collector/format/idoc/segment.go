package idoc

import (
	"fmt"
	"strings"

	"github.com/stocktrace/stocktrace/collector/format/xmlread"
)

// segment is a segment with its fields and the segments below it.
type segment struct {
	name   string
	path   string
	fields []field
	kids   []*segment
	parent *segment
	// number counts it among its siblings of the same name, from 1.
	number int
}

type field struct {
	name, value string
	read        bool
}

// get returns the first of the fields that says something, blanks taken off.
func (s *segment) get(names ...string) string {
	if s == nil {
		return ""
	}
	for _, name := range names {
		for i := range s.fields {
			if s.fields[i].name == name {
				s.fields[i].read = true
				if s.fields[i].value != "" {
					return s.fields[i].value
				}
			}
		}
	}
	return ""
}

// has reports whether the segment says any of the fields.
func (s *segment) has(names ...string) bool {
	for _, f := range s.fields {
		for _, name := range names {
			if f.name == name && f.value != "" {
				return true
			}
		}
	}
	return false
}

// up is get in the segment, else in those above it.
func (s *segment) up(names ...string) string {
	for ; s != nil; s = s.parent {
		if v := s.get(names...); v != "" {
			return v
		}
	}
	return ""
}

// below are all segments of that name below s, in order.
func (s *segment) below(name string) []*segment {
	var all []*segment
	for _, k := range s.kids {
		if k.name == name {
			all = append(all, k)
		}
		all = append(all, k.below(name)...)
	}
	return all
}

// each calls f for s and everything below it, in order.
func (s *segment) each(f func(*segment)) {
	f(s)
	for _, k := range s.kids {
		k.each(f)
	}
}

// add appends a segment below s.
func (s *segment) add(k *segment) {
	k.parent, k.number = s, 1
	for i := len(s.kids) - 1; i >= 0; i-- {
		if s.kids[i].name == k.name {
			k.number = s.kids[i].number + 1
			break
		}
	}
	s.kids = append(s.kids, k)
}

// fromXML takes a segment out of an XML fragment: elements without children are
// its fields, the others segments below it.
func fromXML(n xmlread.Node, path string) *segment {
	s := &segment{name: base(n.Name()), path: path}
	s.fill(n)
	return s
}

func (s *segment) fill(n xmlread.Node) {
	for c := range n.Children() {
		leaf := c.Attr("SEGMENT") == ""
		if leaf {
			for range c.Children() {
				leaf = false
				break
			}
		}
		if leaf {
			s.fields = append(s.fields, field{name: c.Name(), value: c.Text()})
			continue
		}
		k := &segment{name: base(c.Name())}
		s.add(k)
		k.path = fmt.Sprintf("%s/%s[%d]", s.path, c.Name(), k.number)
		k.fill(c)
	}
}

// base is a segment's type: E2EDL24006, the sixth version of its definition, and
// E1EDL24 are the same.
func base(name string) string {
	definition := strings.HasPrefix(name, "E2") || strings.HasPrefix(name, "Z2")
	if definition {
		name = name[:1] + "1" + name[2:]
	}
	if n := len(name); n > 5 && digits(name[n-3:]) {
		if _, known := definitions[name[:n-3]]; known || definition {
			name = name[:n-3]
		}
	}
	return name
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// ignored counts what nobody has asked for, by segment and field.
func ignored(segments []*segment) map[string]int {
	var all map[string]int
	for _, top := range segments {
		top.each(func(s *segment) {
			for _, f := range s.fields {
				if !f.read && f.value != "" {
					if all == nil {
						all = map[string]int{}
					}
					all[s.name+"/"+f.name]++
				}
			}
		})
	}
	return all
}
