package mapping

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/stocktrace/stocktrace/inventory"
)

// table translates values: a sender's store into ours, its unit into a listed
// one.
type table struct {
	name   string
	values map[string]string
	// unpad finds 0123 under 123 and the other way round.
	unpad bool
	// demanded makes a value that is not there a problem; otherwise it stays as it
	// was sent, and the event is flagged.
	demanded bool
}

func (t *table) key(s string) string {
	s = strings.TrimSpace(s)
	if t.unpad {
		return inventory.Unpad(s)
	}
	return s
}

func (t *table) get(from string) (to string, ok bool) {
	to, ok = t.values[t.key(from)]
	return to, ok
}

// Bounds of a table file: what is larger is a database.
const (
	mostTableBytes = 256 << 20
	mostTableCell  = 1 << 10
)

// readTable reads a table:
//
//	stores:
//	  values: {"7001": "0123"}      # or
//	  file: stores.csv              # beside the mapping; its first line names columns
//	  columns: [plant, store]       # those of the value sent and of ours; default: from, to
//	  unpad: true
//	  unmapped: reject              # default: keep
//
// It returns the files it has read.
func (p *parser) table(name string, n *yaml.Node) (*table, []string) {
	t := &table{name: name, values: map[string]string{}}
	var file, columns *yaml.Node
	given := false
	p.fields(n, "table "+name, []string{"values", "file", "columns", "unpad", "unmapped"}, func(field string, v *yaml.Node) {
		switch field {
		case "values":
			given = true
			p.values(t, v)
		case "file":
			file = v
		case "columns":
			columns = v
		case "unpad":
			t.unpad = p.flag(v, "unpad")
		case "unmapped":
			t.demanded = p.choice(v, "unmapped", "keep", "reject") == "reject"
		}
	})
	switch {
	case file == nil && columns != nil:
		p.wrong(columns, "table %s: columns are those of a file", name)
	case file == nil && !given:
		p.wrong(n, "table %s needs its values, or the file that has them", name)
	case file != nil && given:
		p.wrong(file, "table %s has values and a file: write them in one place", name)
	case file != nil:
		return p.tableFile(t, file, columns)
	}
	if t.unpad {
		p.unpadded(t, n)
	}
	return t, nil
}

func (p *parser) values(t *table, n *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		p.wrong(n, "values of table %s are written as {sent: ours}", t.name)
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		from, to := n.Content[i], n.Content[i+1]
		if from.Kind != yaml.ScalarNode || to.Kind != yaml.ScalarNode {
			p.wrong(from, "values of table %s are plain text on both sides", t.name)
			continue
		}
		p.entry(t, from.Value, to.Value, func(format string, args ...any) { p.wrong(from, format, args...) })
	}
}

func (p *parser) entry(t *table, from, to string, wrong func(string, ...any)) {
	from, to = strings.TrimSpace(from), strings.TrimSpace(to)
	before, twice := t.values[from]
	switch {
	case from == "" || to == "":
		wrong("table %s: %q leads to %q: neither side may be empty", t.name, from, to)
	case twice && before != to:
		wrong("table %s: %q leads to %q and to %q: which of the two counts is undefined", t.name, from, before, to)
	case len(from) > mostTableCell || len(to) > mostTableCell:
		wrong("table %s: a value has at most %d bytes", t.name, mostTableCell)
	default:
		t.values[from] = to
	}
}

// unpadded files the values by their names without leading zeros.
func (p *parser) unpadded(t *table, n *yaml.Node) {
	values := make(map[string]string, len(t.values))
	for from, to := range t.values {
		key := inventory.Unpad(from)
		if before, twice := values[key]; twice && before != to {
			p.wrong(n, "table %s: without leading zeros %q leads to %q and to %q; leave out unpad", t.name, key, min(before, to), max(before, to))
			continue
		}
		values[key] = to
	}
	t.values = values
}

func (p *parser) tableFile(t *table, file, columns *yaml.Node) (*table, []string) {
	if file.Kind != yaml.ScalarNode || file.Value == "" {
		p.wrong(file, "table %s: file is the name of a CSV file beside the mapping", t.name)
		return t, nil
	}
	name := file.Value
	if !filepath.IsAbs(name) {
		name = filepath.Join(filepath.Dir(p.file), name)
	}
	names := []string{"from", "to"}
	if columns != nil {
		names = p.texts(columns, "columns")
		if len(names) != 2 {
			p.wrong(columns, "table %s: columns are two: that of the value sent, and that of ours", t.name)
			return t, []string{name}
		}
	}
	f, err := os.Open(name)
	if err != nil {
		p.wrong(file, "table %s: %s", t.name, err)
		return t, []string{name}
	}
	defer func() { _ = f.Close() }()
	p.rows(t, name, io.LimitReader(f, mostTableBytes+1), names)
	if t.unpad {
		p.unpadded(t, file)
	}
	return t, []string{name}
}

func (p *parser) rows(t *table, name string, from io.Reader, columns []string) {
	r := csv.NewReader(from)
	r.ReuseRecord, r.FieldsPerRecord, r.TrimLeadingSpace = true, 0, true
	at := func(line int, format string, args ...any) {
		p.errs = append(p.errs, fmt.Errorf("%s:%d: %s", name, line, fmt.Sprintf(format, args...)))
	}
	head, err := r.Read()
	if err != nil {
		at(1, "table %s: a CSV file with a first line that names its columns was expected", t.name)
		return
	}
	head[0] = strings.TrimPrefix(head[0], "\ufeff")
	var places [2]int
	for i, column := range columns {
		places[i] = slices.Index(head, column)
		if places[i] < 0 {
			at(1, "table %s: there is no column %q; there are %s. Name the two with columns: [sent, ours]", t.name, column, strings.Join(head, ", "))
			return
		}
	}
	const mostErrors = 20
	for before := len(p.errs); len(p.errs)-before < mostErrors; {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			line := 1
			if e := (*csv.ParseError)(nil); errors.As(err, &e) {
				line, err = e.Line, e.Err
			}
			at(line, "table %s: %s", t.name, err)
			return
		}
		line, _ := r.FieldPos(0)
		if r.InputOffset() > mostTableBytes {
			at(line, "table %s has more than %d MiB", t.name, mostTableBytes>>20)
			return
		}
		// The row's memory is the reader's.
		p.entry(t, strings.Clone(row[places[0]]), strings.Clone(row[places[1]]), func(format string, args ...any) { at(line, format, args...) })
	}
}
