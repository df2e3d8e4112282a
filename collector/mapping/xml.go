package mapping

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/xmlread"
)

// readXML reads the records of an XML document one after the other. Their path
// begins with the root element; namespaces do not count. What surrounds them is
// kept as far as it stands before them.
func (m *Mapping) readXML(document io.Reader, each func(record) error) error {
	r, err := xmlread.New(document, xmlread.Limits{})
	if err != nil {
		return err
	}
	w := &xmlWalk{around: around{mapping: m}, open: []*node{{}}}
	for {
		f, err := r.Next(w.choose)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if err := w.take(f, each); err != nil {
			return err
		}
	}
	w.failed = errors.Join(w.failed, w.close(0))
	if p := (*format.Problem)(nil); errors.As(w.failed, &p) {
		return p
	}
	if w.count == 0 {
		return &format.Problem{Detail: fmt.Sprintf("Nothing is at %s, where the mapping's records are (%s).", m.reads.each, m.base)}
	}
	return nil
}

type xmlWalk struct {
	around
	// open are the elements around the position, outermost first, behind the
	// document itself.
	open     []*node
	isRecord bool
	failed   error // of closing elements, told with the next one
}

// choose enters the elements that lead to records, and takes records and what
// surrounds them.
func (w *xmlWalk) choose(tag xmlread.Node) xmlread.Action {
	names := strings.Split(strings.TrimPrefix(tag.Place(), "/"), "/")
	steps := w.mapping.reads.each.steps
	w.failed = errors.Join(w.failed, w.close(len(names)-1))
	w.isRecord = false
	if len(names) > len(steps) {
		return xmlread.Take
	}
	for i, name := range names {
		if steps[i].kind != anyName && steps[i].name != name {
			return xmlread.Take
		}
	}
	if len(names) == len(steps) {
		w.isRecord = true
		return xmlread.Take
	}
	n := w.open[len(w.open)-1].add(&node{name: tag.Name(), place: tag.Place()})
	for name, value := range tag.Attributes() {
		n.attributes = append(n.attributes, &node{name: name, text: value, parent: n, place: n.place + "/@" + name})
	}
	w.open = append(w.open, n)
	return xmlread.Enter
}

// close leaves the elements deeper than depth.
func (w *xmlWalk) close(depth int) error {
	var err error
	for len(w.open) > depth+1 {
		last := w.open[len(w.open)-1]
		err = errors.Join(err, w.unseen(last))
		w.open = w.open[:len(w.open)-1]
		parent := w.open[len(w.open)-1]
		parent.children = parent.children[:len(parent.children)-1]
	}
	return err
}

func (w *xmlWalk) take(f xmlread.Fragment, each func(record) error) error {
	if p := (*format.Problem)(nil); errors.As(w.failed, &p) {
		return p
	}
	around := w.open[len(w.open)-1]
	if !w.isRecord {
		if f.Problem != nil {
			return each(record{raw: f.Raw, rawType: "application/xml", place: f.Path, problem: f.Problem})
		}
		if len(f.Raw) <= mostAround {
			n := around.add(xmlNode(f.Root, f.Path))
			if around.records > 0 {
				w.late = append(w.late, n)
			}
		}
		return nil
	}
	w.counted(around)
	r := record{raw: f.Raw, rawType: "application/xml", place: f.Path, problem: f.Problem}
	if r.problem == nil {
		r.node = xmlNode(f.Root, f.Path)
		r.node.parent = around
		r.skipped, r.problem = w.mapping.reads.skips(r.node)
	}
	return each(r)
}

func xmlNode(from xmlread.Node, root string) *node {
	n := &node{name: from.Name(), text: from.Text(), place: root + from.Path()}
	for name, value := range from.Attributes() {
		n.attributes = append(n.attributes, &node{name: name, text: value, parent: n, place: n.place + "/@" + name})
	}
	for c := range from.Children() {
		n.add(xmlNode(c, root))
	}
	return n
}
