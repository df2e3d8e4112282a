package mapping

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Path names values within one record of a document, in the same words for
// JSON, XML and rows:
//
//	sku                 the member, element or column of that name
//	item/sku            below another one
//	@unit, item/@unit   an attribute
//	line[2]/sku         the second of several, counted from 1
//	*/sku               whatever is called what
//	../date             of what the record stands in
//	/header/date        from the document's beginning
//	.                   the record itself
//	'Store No.'/x       names with blanks or slashes in quotes
type Path struct {
	text  string
	root  bool
	steps []step
}

type stepKind byte

const (
	child stepKind = iota
	attribute
	anyName // of any name
	parent
)

type step struct {
	kind  stepKind
	name  string
	index int // 0: all of them
}

// String returns the path as it was written.
func (p Path) String() string { return p.text }

// longest bounds a path: what is longer was not written by a person.
const longest = 1024

// ParsePath reads a path. Its error says what is wrong and at which character.
func ParsePath(text string) (Path, error) {
	p := Path{text: text}
	rest := text
	wrong := func(format string, args ...any) (Path, error) {
		return Path{}, fmt.Errorf("path %q, character %d: %s", text, len(text)-len(rest)+1, fmt.Sprintf(format, args...))
	}
	if len(text) > longest {
		return Path{}, fmt.Errorf("a path has at most %d characters", longest)
	}
	if strings.TrimSpace(text) == "" {
		return Path{}, errors.New("a path is empty")
	}
	if rest == "." {
		return p, nil
	}
	if strings.HasPrefix(rest, "/") {
		p.root, rest = true, rest[1:]
	}
	for {
		var s step
		switch {
		case rest == "..", strings.HasPrefix(rest, "../"):
			s.kind, rest = parent, rest[2:]
		case strings.HasPrefix(rest, "*"):
			s.kind, rest = anyName, rest[1:]
		default:
			if strings.HasPrefix(rest, "@") {
				s.kind, rest = attribute, rest[1:]
			}
			name, n, err := pathName(rest)
			if err != nil {
				return wrong("%s", err.Error())
			}
			s.name, rest = name, rest[n:]
		}
		if strings.HasPrefix(rest, "[") {
			if s.kind == parent || s.kind == attribute {
				return wrong("only what may be there several times has a number")
			}
			digits, after, ok := strings.Cut(rest[1:], "]")
			n, err := strconv.Atoi(digits)
			if !ok || err != nil || n < 1 {
				return wrong("a number from 1 on in brackets, like [1], counts which of several is meant")
			}
			s.index, rest = n, after
		}
		p.steps = append(p.steps, s)
		if rest == "" {
			return p, nil
		}
		if s.kind == attribute || rest[0] != '/' || rest == "/" {
			return wrong("%q is not expected here", rest)
		}
		rest = rest[1:]
	}
}

// pathName reads a name, plain or in quotes, and returns how many bytes it has
// in the path. In quotes ” is one quote.
func pathName(text string) (name string, n int, err error) {
	if !strings.HasPrefix(text, "'") {
		n = strings.IndexAny(text, "/[]'@*")
		if n < 0 {
			n = len(text)
		}
		if n == 0 {
			return "", 0, errors.New("a name is missing")
		}
		if text[:n] == "." || text[:n] == ".." {
			return "", 0, errors.New("\".\" stands alone, and \"..\" before a slash or at the end; a name of dots is put in quotes")
		}
		return text[:n], n, nil
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		if text[i] != '\'' {
			b.WriteByte(text[i])
			continue
		}
		if i+1 < len(text) && text[i+1] == '\'' {
			b.WriteByte('\'')
			i++
			continue
		}
		if b.Len() == 0 {
			return "", 0, errors.New("a name is missing between the quotes")
		}
		return b.String(), i + 1, nil
	}
	return "", 0, errors.New("a quote is not closed")
}

// find returns what the path leads to from n, in the order of the document.
func (p Path) find(n *node) []*node {
	if p.root {
		for n.parent != nil {
			n = n.parent
		}
	}
	at := []*node{n}
	for _, s := range p.steps {
		var next []*node
		for _, n := range at {
			next = s.from(n, next)
		}
		at = next
	}
	return at
}

func (s step) from(n *node, found []*node) []*node {
	switch s.kind {
	case parent:
		if n.parent != nil {
			found = append(found, n.parent)
		}
		return found
	case attribute:
		for _, a := range n.attributes {
			if a.name == s.name {
				found = append(found, a)
			}
		}
		return found
	default:
	}
	count := 0
	for _, c := range n.children {
		if s.kind == child && c.name != s.name {
			continue
		}
		if count++; s.index == 0 || s.index == count {
			found = append(found, c)
		}
	}
	return found
}
