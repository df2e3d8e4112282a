package epcis

import (
	"bufio"
	"io"
	"strings"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/jsonread"
)

const jsonType = "application/ld+json"

// readJSON walks a document to its events. Members may come in any order.
func (r *reader) readJSON(document *bufio.Reader) error {
	head, err := document.Peek(64 << 10)
	if err != nil && err != io.EOF { //nolint:errorlint // bufio returns it as it is
		return err
	}
	c := jsonread.New(document, jsonread.Limits{})
	if c.Kind() == '{' && isDocument(jsonread.Names(head)) {
		if err = r.document(c); err == nil && !r.listed {
			return &format.Problem{Path: "/", Detail: "holds no eventList and no event of EPCIS: nothing was read. Send a document of events, or the answer to an event query."}
		}
	} else if c.Kind() == '[' {
		err = c.Elements(func(int) error { return r.one(c) })
	} else {
		err = r.one(c)
	}
	if err != nil {
		return err
	}
	return c.End()
}

// isDocument reports whether an object with these members has its events in
// lists, rather than being an event or answer itself.
func isDocument(names []string) bool {
	for _, n := range names {
		switch n {
		case "eventTime", "eventID", "action", "captureID", "captureErrorBehaviour":
			return false
		case "epcisBody", "EPCISBody", "epcisHeader", "creationDate", "schemaVersion", "eventList", "queryResults", "resultsBody":
			return true
		}
	}
	return false
}

// document walks what lists of events can stand in.
func (r *reader) document(c *jsonread.Cursor) error {
	return c.Members(func(name string) error {
		switch {
		case name == "@context":
			v, err := c.Value()
			if err != nil {
				return err
			}
			r.prefixes.add(v)
			return nil
		case container(name) && c.Kind() == '{':
			return r.document(c)
		case (name == "eventList" || name == "EventList" || name == "event") && c.Kind() == '[':
			r.listed = true
			return c.Elements(func(int) error { return r.one(c) })
		case name == "event" || name == "eventList" || name == "EventList":
			r.listed = true
			return r.one(c)
		}
		return nil
	})
}

func container(name string) bool {
	switch name {
	case "epcisBody", "EPCISBody", "queryResults", "QueryResults", "resultsBody":
		return true
	}
	return false
}

// one reads what stands where an event may: an event, a capture job, or a whole
// small document in a list.
func (r *reader) one(c *jsonread.Cursor) error {
	v, err := c.Value()
	if err != nil && c.Broken() == nil {
		// Only this value cannot be read.
		problem, _ := err.(*format.Problem) //nolint:errorlint // made by jsonread, never wrapped
		return r.send(format.Item{Path: pathOf(v), Raw: v.Raw(), RawType: jsonType, Problem: problem})
	}
	if err != nil {
		return err
	}
	return r.value(v)
}

func (r *reader) value(v *jsonread.Value) error {
	doubts := v.Doubts()
	if v.Kind != jsonread.Object {
		return r.send(format.Item{Path: pathOf(v), Raw: v.Raw(), RawType: jsonType, Problem: &format.Problem{
			Path: v.Path(), Detail: "is no object, and so no event: send events as objects.",
		}})
	}
	if v.Get("captureID") != nil || v.Get("captureErrorBehaviour") != nil {
		return r.captureJob(v, doubts)
	}
	known := r.prefixes
	if own := v.Get("@context"); own.Given() {
		known = prefixes{}
		for prefix, uri := range r.prefixes {
			known[prefix] = uri
		}
		known.add(own)
	}
	for _, name := range []string{"epcisBody", "EPCISBody"} {
		if body := v.Get(name); body.Given() {
			outer := r.prefixes
			r.prefixes = known
			err := r.within(body)
			r.prefixes = outer
			return err
		}
	}
	kind := v.First("type", "@type", "isA").String()
	if i := strings.LastIndexAny(kind, "/:#"); i >= 0 {
		kind = kind[i+1:]
	}
	if kind == "" && len(v.Members) == 1 && v.Members[0].Value.Kind == jsonread.Object {
		// {"ObjectEvent": {…}}, as a converter of the XML writes it.
		kind = v.Members[0].Name
		n := fromJSON(v.Members[0].Value, known)
		return r.event(kind, n, v.Raw(), jsonType, doubts)
	}
	return r.event(kind, fromJSON(v, known), v.Raw(), jsonType, doubts)
}

// within is document for a body that is held already.
func (r *reader) within(body *jsonread.Value) error {
	for _, m := range body.Members {
		switch {
		case container(m.Name):
			if err := r.within(m.Value); err != nil {
				return err
			}
		case m.Name == "eventList" || m.Name == "EventList" || m.Name == "event":
			for _, e := range m.Value.List() {
				if err := r.value(e); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func pathOf(v *jsonread.Value) string {
	if p := v.Path(); p != "" {
		return p
	}
	return "/"
}
