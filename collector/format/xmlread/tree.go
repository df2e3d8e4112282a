package xmlread

import (
	"bytes"
	"fmt"
	"iter"
	"strings"
)

// none is the index of no node.
const none int32 = -1

// tree is one element and what is in it, over the bytes in which it stands. It
// is used again for the next one.
type tree struct {
	raw     []byte
	nodes   []node
	attrs   []attr
	charset *charset
	problem string

	// root is the place of everything read so far; places counts them.
	root   *place
	places int
	around *place
}

// node is an element. Positions count from the beginning of the fragment.
type node struct {
	at                        *place
	parent, first, last, next int32
	start, end                int32
	inner                     [2]int32
	attrs                     [2]int32
	// mixed says that its text is not one piece: it has comments, CDATA or children.
	mixed bool
	read  bool
}

type attr struct {
	name, value [2]int32
	read        bool
}

// place is where elements of one name stand, without numbers: what the document
// says of /POSLog/Transaction/Total. Places are shared by all fragments.
type place struct {
	raw, name, path string
	parent          *place
	children        map[string]*place
	// attributes are the paths of attributes at this place.
	attributes map[string]string
}

// mostPlaces bounds what is remembered between fragments of a document that
// never says the same twice.
const mostPlaces = 1 << 13

func (t *tree) reset(around *place) {
	if t.root == nil {
		t.root = &place{}
	}
	if around == nil {
		around = t.root
	}
	if t.places > mostPlaces {
		for p := around; p != nil; p = p.parent {
			p.children, p.attributes = nil, nil
		}
		t.places = 0
	}
	t.around, t.problem, t.raw = around, "", nil
	t.attrs = t.attrs[:0]
	t.nodes = append(t.nodes[:0], node{parent: none, first: none, last: none, next: none})
}

func (t *tree) add(parent int32) int32 {
	i := int32(len(t.nodes))
	t.nodes = append(t.nodes, node{parent: parent, first: none, last: none, next: none})
	p := &t.nodes[parent]
	p.mixed = true
	if p.last == none {
		p.first = i
	} else {
		t.nodes[p.last].next = i
	}
	p.last = i
	return i
}

// name gives a node its place.
func (t *tree) name(i int32, name []byte) {
	in := t.around
	if p := t.nodes[i].parent; p != none {
		in = t.nodes[p].at
	}
	at, ok := in.children[string(name)]
	if !ok {
		at = &place{raw: string(name), name: local(t.charset.text(name)), parent: in}
		at.path = in.path + "/" + at.name
		if in.children == nil {
			in.children = map[string]*place{}
		}
		in.children[at.raw] = at
		t.places++
	}
	t.nodes[i].at = at
}

func (t *tree) spoil(problem string) {
	if t.problem == "" {
		t.problem = upper(problem) + "."
	}
}

// Node is an element of a fragment. The zero Node is an element that is not
// there: it has no text and no children, so that a way through a tree needs no
// checks.
type Node struct {
	tree *tree
	i    int32
}

func (n Node) node() *node { return &n.tree.nodes[n.i] }

// Exists reports whether the element is there.
func (n Node) Exists() bool { return n.tree != nil }

// Name is the element's name without prefix.
func (n Node) Name() string {
	if n.tree == nil {
		return ""
	}
	return n.node().at.name
}

// Text is the element's own character data without that of its children, blanks
// at both ends taken off, references resolved. The element counts as read.
func (n Node) Text() string {
	if n.tree == nil {
		return ""
	}
	x := n.node()
	x.read = true
	raw := n.tree.raw[x.inner[0]:x.inner[1]]
	if !x.mixed {
		return n.tree.value(trim(raw))
	}
	var b strings.Builder
	for len(raw) > 0 {
		switch {
		case raw[0] != '<':
			end := bytes.IndexByte(raw, '<')
			if end < 0 {
				end = len(raw)
			}
			b.WriteString(n.tree.value(raw[:end]))
			raw = raw[end:]
		case bytes.HasPrefix(raw, []byte("<![CDATA[")):
			end := bytes.Index(raw, []byte("]]>"))
			b.WriteString(n.tree.chars(raw[len("<![CDATA["):end]))
			raw = raw[end+3:]
		case bytes.HasPrefix(raw, []byte("<!--")):
			raw = raw[4+bytes.Index(raw[4:], []byte("-->"))+3:]
		case bytes.HasPrefix(raw, []byte("<?")):
			raw = raw[2+bytes.Index(raw[2:], []byte("?>"))+2:]
		default:
			// A child: its end is known.
			at := x.inner[1] - int32(len(raw))
			for c := x.first; c != none; c = n.tree.nodes[c].next {
				if n.tree.nodes[c].start == at {
					raw = raw[n.tree.nodes[c].end-at:]
					break
				}
			}
		}
	}
	return strings.Trim(b.String(), " \t\r\n")
}

// Attr is the value of the attribute of that name, prefix or not, or "". It
// counts as read.
func (n Node) Attr(name string) string {
	if n.tree == nil {
		return ""
	}
	x := n.node()
	for i := x.attrs[0]; i < x.attrs[1]; i++ {
		a := &n.tree.attrs[i]
		raw := n.tree.raw[a.name[0]:a.name[1]]
		if c := bytes.LastIndexByte(raw, ':'); c >= 0 && !bytes.HasPrefix(raw, []byte("xmlns:")) {
			raw = raw[c+1:]
		}
		if string(raw) == name {
			a.read = true
			return n.tree.value(trim(n.tree.raw[a.value[0]:a.value[1]]))
		}
	}
	return ""
}

// Child is the first child of that name.
func (n Node) Child(name string) Node {
	if n.tree == nil {
		return Node{}
	}
	for c := n.node().first; c != none; c = n.tree.nodes[c].next {
		if n.tree.nodes[c].at.name == name {
			return Node{n.tree, c}
		}
	}
	return Node{}
}

// At follows first children by name: At("Item", "Name").
func (n Node) At(names ...string) Node {
	for _, name := range names {
		n = n.Child(name)
	}
	return n
}

// Children are the children in order; with names, those of one of them.
func (n Node) Children(names ...string) iter.Seq[Node] {
	return func(yield func(Node) bool) {
		if n.tree == nil {
			return
		}
		for c := n.node().first; c != none; c = n.tree.nodes[c].next {
			name := n.tree.nodes[c].at.name
			wanted := len(names) == 0
			for _, want := range names {
				wanted = wanted || want == name
			}
			if wanted && !yield(Node{n.tree, c}) {
				return
			}
		}
	}
}

// Path is where the element stands below the fragment's root, with numbers where
// siblings share the name: /RetailTransaction/LineItem[2]. The root's own is "".
func (n Node) Path() string {
	if n.tree == nil {
		return ""
	}
	return strings.TrimPrefix(n.tree.path(n.i), n.tree.path(0))
}

// Place is where the element stands in the document, from its root on and without
// numbers: /POSLog/Transaction/LineItem.
func (n Node) Place() string {
	if n.tree == nil {
		return ""
	}
	return n.node().at.path
}

// Attributes are the element's attributes in order, by name without prefix, but
// for declarations of namespaces. They do not count as read.
func (n Node) Attributes() iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		if n.tree == nil {
			return
		}
		x := n.node()
		for _, a := range n.tree.attrs[x.attrs[0]:x.attrs[1]] {
			name := n.tree.charset.text(n.tree.raw[a.name[0]:a.name[1]])
			if name == "xmlns" || strings.HasPrefix(name, "xmlns:") {
				continue
			}
			if !yield(local(name), n.tree.value(trim(n.tree.raw[a.value[0]:a.value[1]]))) {
				return
			}
		}
	}
}

func (t *tree) path(i int32) string {
	n := &t.nodes[i]
	if n.parent == none {
		return ""
	}
	number, same := 0, 0
	for c := t.nodes[n.parent].first; c != none; c = t.nodes[c].next {
		if t.nodes[c].at.name == n.at.name {
			if same++; c == i {
				number = same
			}
		}
	}
	path := t.path(n.parent) + "/" + n.at.name
	if same > 1 {
		path += fmt.Sprintf("[%d]", number)
	}
	return path
}

// See counts the element and all that is in it as read.
func (n Node) See() {
	if n.tree == nil {
		return
	}
	x := n.node()
	x.read = true
	for i := x.attrs[0]; i < x.attrs[1]; i++ {
		n.tree.attrs[i].read = true
	}
	for c := x.first; c != none; c = n.tree.nodes[c].next {
		Node{n.tree, c}.See()
	}
}

// Unread counts what the fragment says and nobody has asked for: texts of
// elements without children and values of attributes, by path from the
// document's root without numbers. Declarations of namespaces say nothing. It is
// nil where everything was read.
func (f *Fragment) Unread() map[string]int {
	t := f.Root.tree
	if t == nil {
		return nil
	}
	var unread map[string]int
	count := func(path string) {
		if unread == nil {
			unread = map[string]int{}
		}
		unread[path]++
	}
	for i := range t.nodes {
		n := &t.nodes[i]
		if !n.read && n.first == none && len(trim(t.raw[n.inner[0]:n.inner[1]])) > 0 {
			count(n.at.path)
		}
		for a := n.attrs[0]; a < n.attrs[1]; a++ {
			if attr := &t.attrs[a]; !attr.read {
				if path := n.at.attribute(t, t.raw[attr.name[0]:attr.name[1]]); path != "" {
					count(path)
				}
			}
		}
	}
	return unread
}

// attribute is the path of an attribute here, "" for one that says nothing.
func (p *place) attribute(t *tree, name []byte) string {
	path, ok := p.attributes[string(name)]
	if ok {
		return path
	}
	text := t.charset.text(name)
	if text != "xmlns" && !strings.HasPrefix(text, "xmlns:") && !strings.HasPrefix(text, "xsi:") {
		path = p.path + "/@" + local(text)
	}
	if p.attributes == nil {
		p.attributes = map[string]string{}
	}
	p.attributes[string(name)] = path
	t.places++
	return path
}

// value decodes character data and resolves its references.
func (t *tree) value(raw []byte) string {
	i := bytes.IndexByte(raw, '&')
	if i < 0 {
		return t.chars(raw)
	}
	var b strings.Builder
	for i >= 0 {
		b.WriteString(t.chars(raw[:i]))
		c, n := reference(raw[i:])
		if n == 0 {
			c, n = '&', 1 // the fragment is spoilt anyway
		}
		b.WriteRune(c)
		raw = raw[i+n:]
		i = bytes.IndexByte(raw, '&')
	}
	b.WriteString(t.chars(raw))
	return b.String()
}

// chars decodes text, with ends of lines as XML wants them.
func (t *tree) chars(raw []byte) string {
	s := t.charset.text(raw)
	if strings.IndexByte(s, '\r') >= 0 {
		s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	}
	return s
}

func local(name string) string {
	if i := strings.LastIndexByte(name, ':'); i >= 0 && i+1 < len(name) {
		return name[i+1:]
	}
	return name
}

func trim(raw []byte) []byte {
	for len(raw) > 0 && blank(raw[0]) {
		raw = raw[1:]
	}
	for len(raw) > 0 && blank(raw[len(raw)-1]) {
		raw = raw[:len(raw)-1]
	}
	return raw
}
