package mapping

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/inventory"
)

// record is what one or several events are made of.
type record struct {
	node *node
	// rows are the lines of a group of rows; nil where the record is one.
	rows    []*node
	raw     []byte
	rawType string
	place   string
	problem *format.Problem
	skipped bool
}

// read reads a document by the mapping.
func (m *Mapping) read(ctx context.Context, document io.Reader, source format.Source, o *Options, yield func(Reading) error) error {
	ids := identities{}
	each := func(r record) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return m.record(r, source, o, ids, yield)
	}
	switch m.reads.as {
	case "json":
		return m.readJSON(document, each)
	case "xml":
		return m.readXML(document, each)
	default:
		return m.readRows(document, each)
	}
}

// record makes the events of one record.
func (m *Mapping) record(r record, source format.Source, o *Options, ids identities, yield func(Reading) error) error {
	reading := func() Reading {
		return Reading{
			Item:    format.Item{Path: r.place, Raw: r.raw, RawType: r.rawType},
			Format:  m.reads.as,
			Mapping: m.Stamp(),
		}
	}
	fail := func(p *format.Problem) error {
		got := reading()
		got.Problem = p
		return yield(got)
	}
	if r.problem != nil {
		return fail(r.problem)
	}
	if r.skipped {
		got := reading()
		got.Skipped = true
		return yield(got)
	}
	var all []Reading
	for i := range m.events {
		rules := &m.events[i]
		ok, problem := rules.isFor(r)
		if problem != nil {
			return fail(problem)
		}
		if !ok {
			continue
		}
		got := reading()
		event, s, err := m.event(rules, r, source, o)
		if err != nil {
			return fail(asProblem(err, r.place))
		}
		got.Event, got.Notes, got.From = event, s.notes, s.from
		all = append(all, got)
	}
	if len(all) == 0 {
		return fail(&format.Problem{Path: r.place, Detail: fmt.Sprintf("No event of mapping %s is for this record. Add one, or say with skip: that such records mean nothing.", m.Name)})
	}
	for i := range all {
		if before := ids.clash(&all[i].Event, r.place); before != "" {
			return fail(&format.Problem{Path: r.place, Detail: fmt.Sprintf(
				"The id %q is that of another event, of %s: put into id what tells them apart, or group the rows of one event.", all[i].Event.ID, before)})
		}
	}
	ignored := map[string]int{}
	for _, n := range r.all() {
		n.ignored("", ignored)
	}
	all[0].Ignored = ignored
	for _, got := range all {
		if err := yield(got); err != nil {
			return err
		}
	}
	return nil
}

// identities are the ids that a document's events have, with a hash of what they
// say and where they stand. Two events of one id that say different things would
// be told as a collision for ever after; the commonest mapping mistake makes them
// by the thousand.
type identities map[string]identity

type identity struct {
	content inventory.Hash
	place   string
}

// clash returns where another event of this id stands, or "".
func (ids identities) clash(e *inventory.Event, place string) string {
	content := e.ContentHash()
	before, ok := ids[e.ID]
	switch {
	case ok && before.content != content:
		return before.place
	case !ok && len(ids) < mostSeen && len(e.ID) < 256:
		ids[e.ID] = identity{content, place}
	}
	return ""
}

// source says where a field was looked for.
func (rules *eventRules) source(name string) string {
	for _, r := range rules.event {
		if r.target.name != name {
			continue
		}
		var paths []string
		for _, p := range r.paths {
			paths = append(paths, p.text)
		}
		if len(paths) > 0 {
			return "nothing is at " + strings.Join(paths, " or ")
		}
		return "the mapping's rule gives nothing"
	}
	return "neither the mapping nor the source says it"
}

// isFor reports whether the event is one of the record's. Rows of one event have
// to agree.
func (rules *eventRules) isFor(r record) (ok bool, problem *format.Problem) {
	if rules.when == nil {
		return true, nil
	}
	for i, n := range r.all() {
		holds, err := rules.when.holds(map[string]any{"record": rules.when.see("record", n)})
		switch {
		case err != nil:
			return false, &format.Problem{Path: n.where(), Detail: "when: " + err.Error() + "."}
		case i > 0 && holds != ok:
			return false, &format.Problem{Path: n.where(), Detail: fmt.Sprintf("The condition %s is %t for this row, and %t for the first of the same event. Group by what it asks for.", rules.when.text, holds, ok)}
		}
		ok = holds
	}
	return ok, nil
}

// skips reports whether a record means nothing, by the mapping.
func (r *reading) skips(n *node) (bool, *format.Problem) {
	if r.skip == nil {
		return false, nil
	}
	ok, err := r.skip.holds(map[string]any{"record": r.skip.see("record", n)})
	if err != nil {
		return false, &format.Problem{Path: n.where(), Detail: "skip: " + err.Error() + "."}
	}
	return ok, nil
}

// all is the record's node, or its rows.
func (r record) all() []*node {
	if r.rows != nil {
		return r.rows
	}
	return []*node{r.node}
}

func asProblem(err error, place string) *format.Problem {
	if p, ok := err.(*format.Problem); ok { //nolint:errorlint // made by scope.apply, never wrapped
		return p
	}
	return &format.Problem{Path: place, Detail: err.Error()}
}

// event applies the rules to a record.
func (m *Mapping) event(rules *eventRules, r record, source format.Source, o *Options) (inventory.Event, *scope, error) {
	source = m.with(source)
	e := inventory.Event{
		Source: source.Name, System: source.System, SystemInstance: source.Instance, Location: source.Location,
		MappingVersion: m.Stamp(),
	}
	s := &scope{mapping: m, source: source, packs: o.packs, record: r.node, at: r.node, event: &e, place: r.place}
	if o.Trace {
		s.from = map[string]string{"mapping_version": "the mapping"}
	}
	for _, rule := range rules.event {
		if err := s.apply(rule); err != nil {
			return e, s, err
		}
		if err := s.agree(rule, r.rows); err != nil {
			return e, s, err
		}
	}
	for _, name := range needed {
		if t := targets[name]; t.get(&e, nil) == "" {
			return e, s, &format.Problem{Path: r.place, Detail: fmt.Sprintf("The record has no %s: %s.", name, rules.source(name))}
		}
	}
	if e.Type == "" {
		e.Type = "inventory." + e.Workflow + "." + e.Step
	}
	if len(rules.line) == 0 {
		e.Mappings = s.mappings
		return e, s, nil
	}
	nodes := r.all()
	if len(rules.lines.steps) > 0 {
		nodes = nil
		for _, n := range r.all() {
			nodes = append(nodes, rules.lines.find(n)...)
		}
	}
	e.Lines = make([]inventory.Line, len(nodes))
	for i, n := range nodes {
		s.at, s.line, s.index = n, &e.Lines[i], i
		for _, rule := range rules.line {
			if err := s.apply(rule); err != nil {
				return e, s, err
			}
		}
		for _, rule := range rules.line {
			if rule.convert != "" {
				s.convertLine(rule.convert)
			}
		}
	}
	e.Mappings = s.mappings
	return e, s, nil
}

// agree demands that the rows of one event say the same of it: a second value
// would be lost.
func (s *scope) agree(r *rule, rows []*node) error {
	if len(r.paths) == 0 {
		return nil
	}
	for _, p := range r.paths {
		first := ""
		for i, row := range rows {
			n, err := one(p, row)
			if err != nil || n == nil {
				continue // said by the first row, or not at all
			}
			v := strings.TrimSpace(n.value())
			if i == 0 {
				first = v
			} else if v != first {
				return &format.Problem{Path: n.where(), Detail: fmt.Sprintf("%s is %q, and %q in the first row of the same event: one event has one. Group by it, or map it in lines.", p, v, first)}
			}
		}
	}
	return nil
}

// with puts the mapping's defaults where the source says nothing, and before
// what it says in general.
func (m *Mapping) with(s format.Source) format.Source {
	set := func(to *string, v string) {
		if v != "" {
			*to = v
		}
	}
	set(&s.System, m.source.system)
	set(&s.Instance, m.source.instance)
	set(&s.Location, m.source.location)
	if m.source.zone != nil {
		s.Zone = m.source.zone
	}
	if zones, general := m.source.zones, s.ZoneOf; zones != nil {
		s.ZoneOf = zoneOf(zones, general)
	}
	return s
}
