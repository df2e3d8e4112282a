package mapping

import (
	"errors"
	"fmt"
	"io"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/jsonread"
)

// readJSON reads the records of a JSON document one after the other. What
// surrounds them is kept as far as it stands before them.
func (m *Mapping) readJSON(document io.Reader, each func(record) error) error {
	w := &jsonWalk{around: around{mapping: m}, cursor: jsonread.New(document, jsonread.Limits{}), each: each}
	if err := w.value(&node{}, m.reads.each.steps); err != nil {
		return err
	}
	if w.count == 0 {
		return &format.Problem{Detail: fmt.Sprintf("Nothing is at %s, where the mapping's records are (%s).", m.reads.each, m.base)}
	}
	return w.cursor.End()
}

type jsonWalk struct {
	around
	cursor *jsonread.Cursor
	each   func(record) error
}

// around is what is known of what surrounds the records of a document.
type around struct {
	mapping *Mapping
	count   int     // records so far
	late    []*node // what came behind the first of them there
}

// mostAround bounds what of one value around the records is kept.
const mostAround = 64 << 10

func (w *jsonWalk) value(around *node, steps []step) error {
	switch {
	case w.cursor.Kind() == '[':
		return w.cursor.Elements(func(int) error { return w.value(around, steps) })
	case len(steps) == 0:
		return w.record(around)
	case w.cursor.Kind() != '{':
		return w.cursor.Skip()
	}
	before := len(around.children)
	err := w.cursor.Members(func(name string) error {
		if s := steps[0]; s.kind == anyName || s.name == name {
			if len(steps) == 1 {
				return w.value(around, nil) // what is around a record is what holds it
			}
			inner := around.add(&node{name: name, place: w.cursor.Path()})
			err := w.value(inner, steps[1:])
			around.children = around.children[:len(around.children)-1]
			return err
		}
		if w.cursor.Kind() == '[' {
			return nil // skipped: lists around records belong to none of them
		}
		v, err := w.cursor.Value()
		if w.cursor.Broken() != nil {
			return err
		}
		if err != nil || len(v.Raw()) > mostAround {
			return nil
		}
		n := fromJSON(around, name, v)
		if around.records > 0 {
			w.late = append(w.late, n)
		}
		return nil
	})
	if err == nil {
		err = w.unseen(around)
	}
	around.children = around.children[:before]
	return err
}

// counted notes a record within what surrounds it.
func (w *around) counted(in *node) {
	w.count++
	for ; in != nil; in = in.parent {
		in.records++
	}
}

// unseen complains of what fields ask for and what stands behind the records: an
// event that was made without it would be another one.
func (w *around) unseen(around *node) error {
	if len(w.late) == 0 {
		return nil
	}
	late := w.late
	w.late = nil
	inside := &node{parent: around}
	for i := range w.mapping.events {
		for _, rules := range [][]*rule{w.mapping.events[i].event, w.mapping.events[i].line} {
			for _, r := range rules {
				for _, p := range r.paths {
					if !p.root && (len(p.steps) == 0 || p.steps[0].kind != parent) {
						continue
					}
					for _, found := range p.find(inside) {
						for _, l := range late {
							if found == l || found.within(l) {
								return &format.Problem{Path: found.where(), Detail: fmt.Sprintf(
									"%s stands behind the records, where %s needs it before them: events were made without it. Have the sender write it first, or read the document as one record.", p, r.target.name)}
							}
						}
					}
				}
			}
		}
	}
	return nil
}

func (n *node) within(outer *node) bool {
	for ; n != nil; n = n.parent {
		if n == outer {
			return true
		}
	}
	return false
}

func (w *jsonWalk) record(around *node) error {
	v, err := w.cursor.Value()
	if w.cursor.Broken() != nil {
		return err
	}
	w.counted(around)
	r := record{raw: v.Raw(), rawType: "application/json", place: w.cursor.Path()}
	if r.place == "" {
		r.place = "/"
	}
	var p *format.Problem
	switch {
	case errors.As(err, &p):
		r.problem = p
	case err != nil:
		return err
	case v.Kind != jsonread.Object:
		r.problem = &format.Problem{Path: r.place, Detail: "A record is an object, and this is none."}
	default:
		if doubts := v.Doubts(); len(doubts) > 0 {
			r.problem = &format.Problem{Path: doubts[0].Path, Detail: "A name or text here is doubtful: it " + doubts[0].Detail}
			break
		}
		r.node = jsonNode("", v)
		r.node.parent = around
		if r.node.place == "" {
			r.node.place = r.place
		}
		r.skipped, r.problem = w.mapping.reads.skips(r.node)
	}
	return w.each(r)
}
