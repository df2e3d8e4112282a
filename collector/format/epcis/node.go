package epcis

import (
	"strconv"
	"strings"

	"github.com/stocktrace/stocktrace/collector/format/jsonread"
)

// node is a field of an event, whichever syntax it came in. Lists are as in XML:
// epcList has children epc, and a transaction's type is a child of its value.
type node struct {
	// name is a field's local name, or {namespace}local of an extension whose
	// namespace is known; as is how it was written.
	name, as string
	text     string
	path     string
	children []*node
	asked    bool
}

// get returns the first child of that name, or nil.
func (n *node) get(name string) *node {
	if n == nil {
		return nil
	}
	for _, c := range n.children {
		if c.name == name {
			c.asked = true
			return c
		}
	}
	return nil
}

// all returns the children of that name, nil where there are none.
func (n *node) all(name string) (list []*node) {
	if n == nil {
		return nil
	}
	for _, c := range n.children {
		if c.name == name {
			c.asked = true
			list = append(list, c)
		}
	}
	return list
}

// value is the text of a child, without white space around it.
func (n *node) value(name string) string {
	if c := n.get(name); c != nil {
		return strings.TrimSpace(c.text)
	}
	return ""
}

// at is the path of a child, or where it would be.
func (n *node) at(name string) string {
	if c := n.get(name); c != nil {
		return c.path
	}
	return n.path
}

// use marks the node and everything in it as read.
func (n *node) use() {
	n.asked = true
	for _, c := range n.children {
		c.use()
	}
}

// leaves calls each with every text in the node, by its path from the node:
// names as written, with an index where a name is repeated.
func (n *node) leaves(each func(path, text string)) { n.walk(n.as, each) }

func (n *node) walk(path string, each func(path, text string)) {
	if text := strings.TrimSpace(n.text); text != "" || len(n.children) == 0 {
		each(path, text)
	}
	seen := map[string]int{}
	for _, c := range n.children {
		seen[c.as]++
	}
	index := map[string]int{}
	for _, c := range n.children {
		below := path + "/" + c.as
		if seen[c.as] > 1 {
			index[c.as]++
			below += "[" + strconv.Itoa(index[c.as]) + "]"
		}
		c.walk(below, each)
	}
}

// wrapped are the lists of JSON whose elements XML names. Source: EPCIS 2.0 XML
// schema.
var wrapped = map[string]string{
	"epcList": "epc", "childEPCs": "epc", "inputEPCList": "epc", "outputEPCList": "epc",
	"quantityList": "quantityElement", "childQuantityList": "quantityElement",
	"inputQuantityList": "quantityElement", "outputQuantityList": "quantityElement",
	"bizTransactionList": "bizTransaction", "sourceList": "source", "destinationList": "destination",
	"sensorElementList": "sensorElement", "correctiveEventIDs": "correctiveEventID",
}

// prefixes are those a document declares for its extensions: prefix → URI.
type prefixes map[string]string

// add takes what an @context says: a text, an object of prefixes, or a list of
// both.
func (c prefixes) add(v *jsonread.Value) {
	for _, one := range v.Use().List() {
		for _, m := range one.Members {
			if m.Value.Kind == jsonread.Text && !strings.HasPrefix(m.Name, "@") {
				c[m.Name] = m.Value.String()
			}
		}
	}
}

// name expands prefix:local; known is false where the prefix is not declared.
func (c prefixes) name(as string) (name string, known bool) {
	prefix, local, found := strings.Cut(as, ":")
	if !found {
		return as, true
	}
	if uri, ok := c[prefix]; ok {
		return "{" + uri + "}" + local, true
	}
	if uri, ok := standard[prefix]; ok {
		return "{" + uri + "}" + local, true
	}
	return as, false
}

// standard are the prefixes the EPCIS context itself declares.
var standard = map[string]string{
	"epcis": "https://ref.gs1.org/epcis/", "cbv": "https://ref.gs1.org/cbv/", "gs1": "https://gs1.org/voc/",
	"cbvmda": "urn:epcglobal:cbv:mda:", "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
}

// fromJSON makes the tree of an object's members.
func fromJSON(v *jsonread.Value, known prefixes) *node {
	n := &node{path: v.Path()}
	n.fill(v, known)
	return n
}

func (n *node) fill(v *jsonread.Value, known prefixes) {
	switch v.Kind {
	case jsonread.Object:
		last := map[string]int{}
		for i, m := range v.Members {
			last[m.Name] = i
		}
		for i, m := range v.Members {
			if last[m.Name] == i && m.Name != "@context" {
				n.member(m.Name, m.Value, known)
			}
		}
	case jsonread.Array:
		// An array within an array has no name of its own.
		for _, e := range v.Elements {
			n.fill(e, known)
		}
	default:
		n.text = v.String()
	}
}

func (n *node) member(as string, v *jsonread.Value, known prefixes) {
	if !v.Given() {
		return
	}
	name, _ := known.name(strings.TrimPrefix(as, "@"))
	if element, ok := wrapped[name]; ok {
		list := &node{name: name, as: as, path: v.Path()}
		n.children = append(n.children, list)
		for _, e := range v.List() {
			list.element(element, e, known)
		}
		return
	}
	for _, e := range v.List() {
		c := &node{name: name, as: as, path: e.Path()}
		c.fill(e, known)
		n.children = append(n.children, c)
	}
}

// element adds one of a list. {"type": "po", "bizTransaction": "…"} is the value
// with its type.
func (n *node) element(name string, v *jsonread.Value, known prefixes) {
	c := &node{name: name, as: name, path: v.Path()}
	c.fill(v, known)
	if own := c.get(name); own != nil && len(own.children) == 0 {
		c.text = own.text
		kept := c.children[:0]
		for _, child := range c.children {
			if child != own {
				kept = append(kept, child)
			}
		}
		c.children = kept
	}
	n.children = append(n.children, c)
}
