package epcis

import (
	"bufio"
	"errors"
	"io"
	"regexp"
	"strings"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/xmlread"
)

const xmlType = "application/xml"

// entered are the elements events stand in: of EPCIS, of SOAP around a query's
// answer, and the extension points of 1.x.
var entered = words("EPCISDocument EPCISQueryDocument EPCISBody EventList QueryResults resultsBody extension baseExtension " +
	"Envelope Body StandardBusinessDocument events")

// passed are those beside them that say nothing of goods.
var passed = words("EPCISHeader Header StandardBusinessDocumentHeader queryName subscriptionID VocabularyList")

// readXML walks a document to its events.
func (r *reader) readXML(document *bufio.Reader) error {
	head, err := document.Peek(64 << 10)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	r.prefixes.declared(head)
	x, err := xmlread.New(document, xmlread.Limits{})
	if err != nil {
		return err
	}
	root, list := "", false
	choose := func(tag xmlread.Node) xmlread.Action {
		name := tag.Name()
		if root == "" {
			root = name
		}
		switch {
		case entered[name]:
			list = list || name == "EventList"
			return xmlread.Enter
		case passed[name]:
			return xmlread.Skip
		case strings.HasSuffix(name, "Event") || list:
			return xmlread.Take
		}
		return xmlread.Skip
	}
	for {
		f, err := x.Next(choose)
		if errors.Is(err, io.EOF) {
			if !list && !strings.HasSuffix(root, "Event") {
				// A query, an exception, master data: nothing was lost, but somebody sent it
				// for events.
				return &format.Problem{Path: "/" + root, Detail: "holds no EventList and no event of EPCIS: nothing was read. Send a document of events, or the answer to an event query."}
			}
			return nil
		}
		if err != nil {
			return err
		}
		if err := r.fragment(&f); err != nil {
			return err
		}
	}
}

func (r *reader) fragment(f *xmlread.Fragment) error {
	if f.Problem != nil {
		return r.send(format.Item{Path: f.Path, Raw: f.Raw, RawType: xmlType, Problem: f.Problem})
	}
	known := prefixes{}
	for prefix, uri := range r.prefixes {
		known[prefix] = uri
	}
	known.declared(f.Raw)
	b := builder{fragment: f, known: known, tags: startTags(f.Raw)}
	kind := f.Root.Name()
	return r.event(kind, b.root(), f.Raw, xmlType, nil)
}

var (
	declaration = regexp.MustCompile(`xmlns:([\pL_][\pL\pN_.-]*)\s*=\s*(?:"([^"]*)"|'([^']*)')`)
	ownSpace    = regexp.MustCompile(`\sxmlns\s*=\s*(?:"([^"]*)"|'([^']*)')`)
	attribute   = regexp.MustCompile(`\s((?:[\pL_][\pL\pN_.-]*:)?[\pL_][\pL\pN_.-]*)\s*=\s*(?:"[^"]*"|'[^']*')`)
	startTag    = regexp.MustCompile(`(?s)<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>|<(?:([\pL_][\pL\pN_.-]*):)?([\pL_][\pL\pN_.-]*)((?:[^>"']|"[^"]*"|'[^']*')*)>`)
)

// declared adds the namespaces that a piece of XML declares. A prefix that
// stands for two of them stands for none.
func (c prefixes) declared(text []byte) {
	found := prefixes{}
	for _, m := range declaration.FindAllSubmatch(text, -1) {
		prefix, uri := string(m[1]), string(m[2])+string(m[3])
		if had, ok := found[prefix]; ok && had != uri {
			uri = ""
		}
		found[prefix] = uri
	}
	for prefix, uri := range found {
		if uri == "" {
			delete(c, prefix)
			continue
		}
		c[prefix] = uri
	}
}

// tag is a start tag as it is written: xmlread's names are without prefix.
type tag struct{ prefix, local, rest string }

// startTags are those of a fragment, in order.
func startTags(raw []byte) []tag {
	var tags []tag
	for _, m := range startTag.FindAllSubmatch(raw, -1) {
		if len(m[2]) > 0 {
			tags = append(tags, tag{string(m[1]), string(m[2]), string(m[3])})
		}
	}
	return tags
}

// builder makes the tree of a fragment: elements and start tags in one order.
type builder struct {
	fragment *xmlread.Fragment
	known    prefixes
	tags     []tag
	next     int
}

// root is the event's own node, which has no name as in JSON.
func (b *builder) root() *node {
	n := &node{path: b.fragment.Path}
	b.take(b.fragment.Root, "")
	b.children(n, b.fragment.Root, "")
	return n
}

// take returns the start tag of the next element, or an empty one where the
// fragment is in an encoding in which they were not found.
func (b *builder) take(x xmlread.Node, space string) (t tag, inner string) {
	if b.next < len(b.tags) && b.tags[b.next].local == x.Name() {
		t = b.tags[b.next]
		b.next++
		if m := ownSpace.FindStringSubmatch(t.rest); m != nil {
			space = m[1] + m[2]
		}
	} else {
		b.tags = nil
	}
	return t, space
}

func (b *builder) children(n *node, x xmlread.Node, space string) {
	for c := range x.Children() {
		t, inner := b.take(c, space)
		name := c.Name()
		if t.prefix == "" && own(inner) && (name == "extension" || name == "baseExtension") {
			// What 1.x had to add within, 2.0 has beside.
			b.children(n, c, inner)
			continue
		}
		child := &node{name: name, as: name, path: b.fragment.Path + c.Path(), text: c.Text()}
		switch uri, declared := b.known[t.prefix]; {
		case t.prefix == "" && !own(inner):
			child.name = "{" + inner + "}" + name
		case t.prefix == "":
		case declared && !own(uri):
			child.as = t.prefix + ":" + name
			child.name = "{" + uri + "}" + name
		case !declared:
			child.as = t.prefix + ":" + name
			child.name = child.as
		}
		for _, m := range attribute.FindAllStringSubmatch(t.rest, -1) {
			if as := m[1]; as != "xmlns" && !strings.HasPrefix(as, "xmlns:") {
				_, local, prefixed := strings.Cut(as, ":")
				if !prefixed {
					local = as
				}
				name, _ := b.known.name(as)
				child.children = append(child.children, &node{name: name, as: as, path: child.path + "/@" + as, text: c.Attr(local)})
			}
		}
		b.children(child, c, inner)
		n.children = append(n.children, child)
	}
}

// own reports whether a namespace is that of EPCIS itself, or none.
func own(uri string) bool {
	return uri == "" || strings.HasPrefix(uri, "urn:epcglobal:epcis:xsd:") || strings.HasPrefix(uri, "urn:epcglobal:epcis-query:xsd:")
}
