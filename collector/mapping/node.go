package mapping

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/stocktrace/stocktrace/collector/format/jsonread"
)

// node is a value of a record, in the one shape that JSON, XML and rows share:
// it has a name, and a text or children. Elements of a JSON array are children
// of what holds the array, each with the array's name, as XML repeats elements.
type node struct {
	name       string
	text       string
	number     bool // a JSON number
	listed     bool // an element of a JSON array, also where it is the only one
	parent     *node
	attributes []*node
	children   []*node
	place      string // in the document, in its own terms; see where
	line       int    // of a row
	asked      bool
	records    int // of what surrounds records: how many it held so far
}

func (n *node) add(c *node) *node {
	c.parent = n
	n.children = append(n.children, c)
	return c
}

// leaf reports whether the node is a single value.
func (n *node) leaf() bool { return len(n.children) == 0 }

// value is the text of a single value, which counts as read.
func (n *node) value() string {
	n.asked = true
	return n.text
}

// use marks everything in the node as read: an expression may have asked for any
// of it.
func (n *node) use() {
	n.asked = true
	for _, a := range n.attributes {
		a.asked = true
	}
	for _, c := range n.children {
		c.use()
	}
}

// ignored counts the values below n that no field has read, by their names from
// n on.
func (n *node) ignored(path string, counts map[string]int) {
	if n.leaf() && !n.asked && strings.TrimSpace(n.text) != "" {
		counts[path]++
	}
	for _, a := range n.attributes {
		if !a.asked && a.text != "" {
			counts[strings.TrimPrefix(path+"/@"+a.name, "/")]++
		}
	}
	for _, c := range n.children {
		c.ignored(strings.TrimPrefix(path+"/"+c.name, "/"), counts)
	}
}

// where is the node's place in the document. Of rows and their cells it is put in
// words only where it is asked for: there are many of them.
func (n *node) where() string {
	switch {
	case n.place != "":
		return n.place
	case n.line > 0:
		return "line " + strconv.Itoa(n.line)
	case n.parent != nil && n.parent.line > 0:
		return n.parent.where() + " " + n.name
	}
	return ""
}

// plain is the node as expressions see it: a text, or a map; what is there
// several times is a list. With names, only what is called so is there.
func (n *node) plain(names map[string]bool) any {
	if n.leaf() && len(n.attributes) == 0 {
		return n.text
	}
	m := map[string]any{}
	for _, a := range n.attributes {
		if names == nil || names["@"+a.name] {
			m["@"+a.name] = a.text
		}
	}
	if n.text != "" {
		m["."] = n.text
	}
	for _, c := range n.children {
		if names != nil && !names[c.name] {
			continue
		}
		v := c.plain(nil)
		switch before := m[c.name].(type) {
		case nil:
			if c.listed {
				v = []any{v}
			}
			m[c.name] = v
		case []any:
			m[c.name] = append(before, v)
		default:
			m[c.name] = []any{before, v}
		}
	}
	return m
}

// fromJSON adds a JSON value to a node under a name.
func fromJSON(to *node, name string, v *jsonread.Value) *node {
	return to.add(jsonNode(name, v))
}

func jsonNode(name string, v *jsonread.Value) *node {
	n := &node{name: name, place: v.Path()}
	switch v.Kind {
	case jsonread.Object:
		for _, m := range v.Members {
			if m.Value.Kind == jsonread.Array {
				for _, e := range m.Value.Elements {
					n.add(jsonNode(m.Name, e)).listed = true
				}
				continue
			}
			n.add(jsonNode(m.Name, m.Value))
		}
	case jsonread.Array:
		for _, e := range v.Elements {
			n.add(jsonNode(name, e)).listed = true
		}
	case jsonread.Null, jsonread.Missing:
	default:
		n.text, n.number = v.String(), v.Kind == jsonread.Number
	}
	return n
}

// one returns the single value at a path: nil where there is none, an error
// where there are several.
func one(p Path, from *node) (*node, error) {
	// Most paths are one name, and most records have no two of a name.
	if len(p.steps) == 1 && !p.root && p.steps[0].kind == child && p.steps[0].index == 0 {
		var only *node
		for _, c := range from.children {
			if c.name != p.steps[0].name {
				continue
			}
			if only != nil {
				only = nil
				break
			}
			only = c
		}
		if only != nil && only.leaf() {
			return only, nil
		}
	}
	found := p.find(from)
	switch {
	case len(found) == 0:
		return nil, nil
	case len(found) > 1:
		return nil, fmt.Errorf("%s is there %d times: say which one, as in %s[1]", p, len(found), p)
	case !found[0].leaf():
		return nil, fmt.Errorf("%s holds several values, and one was expected: name one below it", p)
	}
	return found[0], nil
}
