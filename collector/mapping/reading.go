package mapping

import (
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
)

// reading says how documents are cut into records and named values.
type reading struct {
	as       string // csv, fixed, json, xml
	encoding string
	charset  encoding.Encoding // nil: UTF-8
	each     Path              // json, xml: to the records

	// Of rows.
	separator byte
	header    bool
	columns   []column
	length    int // of a fixed row, where rows have no ends of lines
	group     []string

	skipText *yaml.Node
	skip     *expression
}

// column is a named part of a row. from and to are characters of a fixed row,
// from 0, to exclusive.
type column struct {
	name     string
	from, to int
}

// charsets by name. IBM 037 and 1047 are the EBCDIC of the Americas and of z/OS
// Unix; latin-1 is read as Windows-1252, as browsers do: it has the euro sign
// where latin-1 has control characters that no document means.
var charsets = map[string]encoding.Encoding{
	"utf-8": nil, "latin-1": charmap.Windows1252, "windows-1252": charmap.Windows1252, "iso-8859-15": charmap.ISO8859_15,
	"windows-1250": charmap.Windows1250, "windows-1251": charmap.Windows1251, "cp437": charmap.CodePage437, "cp850": charmap.CodePage850,
	"ebcdic": charmap.CodePage037, "ebcdic-037": charmap.CodePage037, "ebcdic-1047": charmap.CodePage1047, "ebcdic-1140": charmap.CodePage1140,
}

func (r *reading) ebcdic() bool { return strings.HasPrefix(r.encoding, "ebcdic") }

// Bounds of rows and records.
const (
	mostRow    = 1 << 20
	mostRecord = 16 << 20
	mostColumn = 4096
)

func (p *parser) reading(n *yaml.Node) *reading {
	r := &reading{encoding: "utf-8", separator: ',', header: true}
	at := map[string]*yaml.Node{}
	p.fields(n, "read", []string{"as", "encoding", "each", "separator", "header", "columns", "length", "group", "skip"}, func(name string, v *yaml.Node) {
		at[name] = v
		switch name {
		case "as":
			r.as = p.choice(v, "as", "csv", "fixed", "json", "xml")
		case "encoding":
			names := slices.Sorted(maps.Keys(charsets))
			r.encoding = p.choice(v, "encoding", names...)
			r.charset = charsets[r.encoding]
		case "each":
			r.each = p.path(v)
			for _, s := range r.each.steps {
				if s.kind == attribute || s.kind == parent || s.index > 0 {
					p.wrong(v, "each names what repeats by the names down to it, like orders/order")
					break
				}
			}
		case "separator":
			r.separator = p.separator(v)
		case "header":
			r.header = p.flag(v, "header")
		case "columns":
			r.columns = p.columns(v)
		case "length":
			r.length = p.number(v, "length", 1, mostRow)
		case "group":
			r.group = p.texts(v, "group")
		case "skip":
			r.skipText = v
		}
	})
	p.readingFits(r, n, at)
	return r
}

func (p *parser) separator(n *yaml.Node) byte {
	v := p.text(n, "separator")
	if v == "tab" || v == `\t` {
		v = "\t"
	}
	if len(v) != 1 || strings.ContainsAny(v, "\"\r\n") || v[0] >= 0x80 {
		p.wrong(n, "separator is one sign such as , ; | or tab")
		return ','
	}
	return v[0]
}

// columns reads names of columns: a list of texts; of a fixed row a list of
// {name: item, from: 1, length: 18}, or {name: item, length: 18} behind the one
// before it.
func (p *parser) columns(n *yaml.Node) []column {
	if n.Kind != yaml.SequenceNode || len(n.Content) > mostColumn {
		p.wrong(n, "columns is a list of at most %d", mostColumn)
		return nil
	}
	var all []column
	end := 0
	for _, c := range n.Content {
		if c.Kind == yaml.ScalarNode {
			all = append(all, column{name: c.Value})
			continue
		}
		col := column{from: end}
		length := 0
		p.fields(c, "a column", []string{"name", "from", "length"}, func(name string, v *yaml.Node) {
			switch name {
			case "name":
				col.name = p.text(v, name)
			case "from":
				col.from = p.number(v, "from", 1, mostRow) - 1
			case "length":
				length = p.number(v, "length", 1, mostRow)
			}
		})
		if length == 0 || col.name == "" {
			p.wrong(c, "a column of a fixed row has a name and a length: {name: item, from: 1, length: 18}")
		}
		col.to = col.from + length
		end = col.to
		all = append(all, col)
	}
	seen := map[string]bool{}
	for i, c := range all {
		if seen[c.name] || c.name == "" {
			p.wrong(n.Content[i], "column %q has no name, or is there twice", c.name)
		}
		seen[c.name] = true
	}
	return all
}

func (p *parser) readingFits(r *reading, n *yaml.Node, at map[string]*yaml.Node) {
	only := func(what string, names ...string) {
		for _, name := range names {
			if v := at[name]; v != nil {
				p.wrong(v, "%s is for %s", name, what)
			}
		}
	}
	switch r.as {
	case "":
		if at["as"] == nil {
			p.wrong(n, "read says as: csv, fixed, json or xml")
		}
	case "json", "xml":
		only("rows (csv, fixed)", "separator", "header", "columns", "length", "group", "encoding")
	case "csv":
		only("fixed rows", "length")
		only("json and xml", "each")
		if !r.header && len(r.columns) == 0 {
			p.wrong(n, "without a header, columns names what is in the rows")
		}
		for _, c := range r.columns {
			if c.to > 0 {
				p.wrong(at["columns"], "columns of csv are names; only those of fixed rows have places")
				break
			}
		}
		if r.ebcdic() {
			p.wrong(at["encoding"], "EBCDIC is read in fixed rows only")
		}
	case "fixed":
		only("json and xml", "each")
		only("csv", "separator", "header")
		r.header = false
		if len(r.columns) == 0 {
			p.wrong(n, "fixed rows need columns: [{name: item, from: 1, length: 18}, …]")
		}
		for _, c := range r.columns {
			if c.to == 0 {
				p.wrong(at["columns"], "column %q of a fixed row needs its length", c.name)
			}
			if r.length > 0 && c.to > r.length {
				p.wrong(at["columns"], "column %q ends at %d, behind the row's length of %d", c.name, c.to, r.length)
			}
		}
	}
	for _, name := range r.group {
		if len(r.columns) > 0 && !slices.ContainsFunc(r.columns, func(c column) bool { return c.name == name }) {
			p.wrong(at["group"], "group: there is no column %q", name)
		}
	}
}
