package mapping

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"go.yaml.in/yaml/v3"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/flat"
	"github.com/stocktrace/stocktrace/collector/format/formats"
	"github.com/stocktrace/stocktrace/inventory"
)

// Mapping is one mapping file that was read without an error.
type Mapping struct {
	// Name and Version are the file's own. Events carry both, see Stamp.
	Name, Version string

	base    string // the file's name, for messages
	file    string
	files   []string // itself and its tables'
	text    string   // as read, to tell a change without a new version
	match   match
	source  defaults
	numbers numbers
	reads   *reading      // nil: a format reads, and the mapping corrects
	layouts format.Format // reads flat files of layouts of one's own; nil without
	events  []eventRules
	correct []correction
	tables  map[string]*table
}

// Stamp is the mapping version that events carry: name@version.
func (m *Mapping) Stamp() string { return m.Name + "@" + m.Version }

// Reads reports whether the mapping reads documents itself.
func (m *Mapping) Reads() bool { return m.reads != nil }

// match says which documents a mapping is for.
type match struct {
	sources, documents, formats []string
}

// defaults stand in for what documents leave out.
type defaults struct {
	system, instance, location string
	zone                       *time.Location
	zones                      map[string]*time.Location
}

// eventRules make one event of a record.
type eventRules struct {
	when  *expression
	event []*rule // in the order in which they are applied
	line  []*rule
	lines Path // to the lines, from the record
}

// correction changes events that a format gave.
type correction struct {
	when  *expression
	event []*rule
	line  []*rule
}

// Parse reads one mapping. Tables in files are looked for beside file. Its error
// lists everything that is wrong, each as file:line: and a sentence.
func Parse(file string, raw []byte) (*Mapping, error) {
	p := &parser{file: file}
	m := p.mapping(raw)
	if len(p.errs) > 0 {
		return nil, all(p.errs)
	}
	return m, nil
}

// all is errors.Join with a bound on what is told.
func all(errs []error) error {
	const most = 50
	var b strings.Builder
	for i, err := range errs {
		if i == most {
			fmt.Fprintf(&b, "\nand %d more", len(errs)-most)
			break
		}
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(err.Error())
	}
	return fileError(b.String())
}

// fileError is all that is wrong in mapping files, a line each.
type fileError string

func (e fileError) Error() string { return string(e) }

func parseFile(file string) (*Mapping, error) {
	const most = 4 << 20
	info, err := os.Stat(file)
	if err == nil && info.Size() > most {
		err = fmt.Errorf("%s: a mapping has at most %d bytes; put large tables into CSV files", file, most)
	}
	if err != nil {
		return nil, err
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return Parse(file, raw)
}

func (p *parser) mapping(raw []byte) *Mapping {
	root := p.document(raw)
	if root == nil {
		return nil
	}
	m := &Mapping{
		base: filepath.Base(p.file), file: p.file, files: []string{p.file}, text: string(raw),
		numbers: numbers{point: "."}, tables: map[string]*table{},
	}
	at := map[string]*yaml.Node{}
	p.fields(root, "a mapping", []string{
		"mapping", "version", "match", "source", "read", "numbers", "tables", "lines", "fields", "events", "correct", "layouts",
	}, func(name string, v *yaml.Node) { at[name] = v })

	m.Name, m.Version = p.word(at["mapping"], root, "mapping", "its name"), p.word(at["version"], root, "version", "a text that grows with every change")
	if n := at["match"]; n != nil {
		p.match(m, n)
	} else {
		p.wrong(root, "a mapping says with match: which documents it is for")
	}
	if n := at["source"]; n != nil {
		p.source(m, n)
	}
	if n := at["numbers"]; n != nil {
		p.numbers(m, n)
	}
	if n := at["tables"]; n != nil {
		p.fields(n, "tables", nil, func(name string, v *yaml.Node) {
			t, files := p.table(name, v)
			m.tables[name], m.files = t, append(m.files, files...)
		})
	}
	if n := at["read"]; n != nil {
		m.reads = p.reading(n)
	}
	if n := at["layouts"]; n != nil {
		p.layouts(m, n)
	}
	p.rules(m, root, at)
	return m
}

// layouts reads a file of layouts for package flat, which reads what has records
// of several types: heads, lines, trailers.
func (p *parser) layouts(m *Mapping, n *yaml.Node) {
	if m.reads != nil {
		p.wrong(n, "layouts and read are two ways to read a document: keep one")
		return
	}
	name := p.text(n, "layouts")
	if !filepath.IsAbs(name) {
		name = filepath.Join(filepath.Dir(p.file), name)
	}
	m.files = append(m.files, name)
	text, err := os.ReadFile(name)
	if err != nil {
		p.wrong(n, "layouts: %s", err)
		return
	}
	all, err := flat.ParseLayouts(name, text)
	if err != nil {
		p.errs = append(p.errs, err)
		return
	}
	m.layouts = flat.Format{Layouts: all}
}

// word reads a name or version: it stands in URLs and queries.
func (p *parser) word(n, root *yaml.Node, field, what string) string {
	if n == nil {
		p.wrong(root, "a mapping needs %s: %s", field, what)
		return ""
	}
	v := p.text(n, field)
	if strings.ContainsAny(v, " \t\n@\"'") || v == "" || len(v) > 64 {
		p.wrong(n, "%s is one word of at most 64 letters, digits and signs, without @", field)
	}
	return v
}

func (p *parser) match(m *Mapping, n *yaml.Node) {
	glob := func(v *yaml.Node, what string) []string {
		all := p.texts(v, what)
		for _, g := range all {
			if _, err := path.Match(g, ""); err != nil || g == "" {
				p.wrong(v, "%s: %q is no pattern; * stands for any letters but a slash, ? for one", what, g)
			}
		}
		return all
	}
	p.fields(n, "match", []string{"source", "document", "format"}, func(name string, v *yaml.Node) {
		switch name {
		case "source":
			m.match.sources = glob(v, "source")
		case "document":
			m.match.documents = glob(v, "document")
		case "format":
			m.match.formats = p.texts(v, "format")
			for _, f := range m.match.formats {
				if _, ok := formats.Named(f); !ok {
					p.wrong(v, "no format is called %q; there are %s", f, strings.Join(formats.Names(), ", "))
				}
			}
		}
	})
	if len(m.match.sources)+len(m.match.documents)+len(m.match.formats) == 0 {
		p.wrong(n, "match names a source, a document or a format; to match everything, write source: \"*\" with document: \"*\"")
	}
}

func (p *parser) source(m *Mapping, n *yaml.Node) {
	zone := func(v *yaml.Node) *time.Location {
		name := p.text(v, "a zone")
		z, err := time.LoadLocation(name)
		if err != nil || name == "" || name == "Local" {
			p.wrong(v, "zone %q is not an IANA time zone like Europe/Paris", name)
			return time.UTC
		}
		return z
	}
	p.fields(n, "source", []string{"system", "instance", "location", "zone", "zones"}, func(name string, v *yaml.Node) {
		switch name {
		case "system":
			m.source.system = p.text(v, name)
		case "instance":
			m.source.instance = p.text(v, name)
		case "location":
			m.source.location = p.text(v, name)
		case "zone":
			m.source.zone = zone(v)
		case "zones":
			m.source.zones = map[string]*time.Location{}
			p.fields(v, "zones", nil, func(location string, v *yaml.Node) { m.source.zones[inventory.Unpad(location)] = zone(v) })
		}
	})
}

func (p *parser) numbers(m *Mapping, n *yaml.Node) {
	p.fields(n, "numbers", []string{"decimal", "group"}, func(name string, v *yaml.Node) {
		switch name {
		case "decimal":
			m.numbers.point = p.choice(v, "decimal", ".", ",")
		case "group":
			m.numbers.group = p.choice(v, "group", ".", ",", " ", "'")
		}
	})
	if m.numbers.point == m.numbers.group {
		p.wrong(n, "decimal and group are two different signs")
	}
	if m.numbers.point == "" {
		m.numbers.point = "."
	}
}

// rules reads fields, events and correct, which need the tables.
func (p *parser) rules(m *Mapping, root *yaml.Node, at map[string]*yaml.Node) {
	switch {
	case m.reads == nil && (at["fields"] != nil || at["events"] != nil || at["lines"] != nil):
		p.wrong(root, "fields, events and lines are read from documents: say how with read:, or correct what a format gives with correct:")
		return
	case m.reads != nil && (at["fields"] == nil) == (at["events"] == nil):
		p.wrong(root, "a mapping that reads has fields: for one event a record, or events: for several kinds of them")
		return
	case m.reads == nil && m.layouts == nil && at["correct"] == nil && m.source.system == "" && m.source.location == "" && m.source.zone == nil && m.source.zones == nil && m.source.instance == "":
		p.wrong(root, "the mapping does nothing: give it read: with fields:, correct:, or source:")
		return
	}
	if m.reads != nil {
		env, err := language(m.tables, false)
		if err != nil {
			p.wrong(root, "%s", err)
			return
		}
		if m.reads.skipText != nil {
			m.reads.skip = p.expression(env, m.reads.skipText, true, false)
		}
		var lines Path
		if n := at["lines"]; n != nil {
			lines = p.path(n)
		}
		if n := at["fields"]; n != nil {
			m.events = append(m.events, p.event(m, env, n, nil, lines))
		}
		if n := at["events"]; n != nil {
			if n.Kind != yaml.SequenceNode {
				p.wrong(n, "events is a list; each begins with `- when:`")
			}
			for _, e := range n.Content {
				var when *expression
				own := lines
				var fields *yaml.Node
				p.fields(e, "an event", []string{"when", "lines", "fields"}, func(name string, v *yaml.Node) {
					switch name {
					case "when":
						when = p.expression(env, v, true, false)
					case "lines":
						own = p.path(v)
					case "fields":
						fields = v
					}
				})
				if fields == nil {
					p.wrong(e, "an event needs its fields")
					continue
				}
				m.events = append(m.events, p.event(m, env, fields, when, own))
			}
		}
	}
	if n := at["correct"]; n != nil {
		p.corrections(m, n)
	}
}

func (p *parser) corrections(m *Mapping, n *yaml.Node) {
	p.correcting = true
	defer func() { p.correcting = false }()
	env, err := language(m.tables, true)
	if err != nil {
		p.wrong(n, "%s", err)
		return
	}
	if n.Kind != yaml.SequenceNode {
		p.wrong(n, "correct is a list; each begins with `- when:` or `- set:`")
		return
	}
	for _, node := range n.Content {
		var c correction
		set := false
		p.fields(node, "a correction", []string{"when", "set"}, func(name string, v *yaml.Node) {
			switch name {
			case "when":
				c.when = p.expression(env, v, true, false)
			case "set":
				set = true
				p.fields(v, "set", nil, func(name string, v *yaml.Node) {
					r := p.rule(m, env, name, v, true)
					if r == nil {
						return
					}
					if r.target.line {
						c.line = append(c.line, r)
					} else {
						c.event = append(c.event, r)
					}
				})
			}
		})
		if !set {
			p.wrong(node, "a correction says with set: which fields it sets")
		}
		m.correct = append(m.correct, c)
	}
}

// needed are the fields without which an event of a mapping says nothing; system
// and location may come from source.
var needed = []string{"id", "workflow", "step", "time", "system", "location"}

func (p *parser) event(m *Mapping, env *cel.Env, n *yaml.Node, when *expression, lines Path) eventRules {
	e := eventRules{when: when, lines: lines}
	given := map[string]bool{"system": m.source.system != "", "location": m.source.location != ""}
	p.fields(n, "fields", nil, func(name string, v *yaml.Node) {
		r := p.rule(m, env, name, v, false)
		if r == nil {
			return
		}
		given[name] = true
		if r.target.line {
			e.line = append(e.line, r)
			return
		}
		e.event = append(e.event, r)
	})
	for _, name := range needed {
		if !given[name] && name != "system" && name != "location" {
			p.wrong(n, "fields need %s%s", name, map[string]string{"id": ": what is the same whenever the event is sent again, such as a document number, or a list of what makes one"}[name])
		}
	}
	if given["lines.quantity"] && !given["lines.measure"] {
		p.wrong(n, "lines.quantity needs lines.measure: {value: delta} for what moved, or {value: absolute} for what is there; the two are never added")
	}
	if len(e.line) > 0 && !given["lines.item"] {
		p.wrong(n, "lines need lines.item")
	}
	if len(lines.steps) > 0 && len(e.line) == 0 {
		p.wrong(n, "lines: says where lines are, and no field is one of a line")
	}
	// The zone of a wall time is that of the location; unit and item come before
	// what converts by them.
	order := func(r *rule) int {
		switch r.target.use {
		case asTime:
			return 2
		default:
			if r.target.name == "location" {
				return 0
			}
			return 1
		}
	}
	slices.SortStableFunc(e.event, func(a, b *rule) int { return order(a) - order(b) })
	return e
}

// path reads a path.
func (p *parser) path(n *yaml.Node) Path {
	got, err := ParsePath(p.text(n, "a path"))
	if err != nil {
		p.wrong(n, "%s", err)
	}
	return got
}

func (p *parser) expression(env *cel.Env, n *yaml.Node, condition, ofLine bool) *expression {
	x, err := compile(env, p.text(n, "an expression"), condition, ofLine, p.correcting)
	if err != nil {
		p.wrong(n, "expression: %s", err)
	}
	return x
}
