package flat

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// ParseLayouts reads layouts from YAML: one to a document. The error names what
// is wrong as file:line: sentence, one line each.
func ParseLayouts(file string, text []byte) ([]Layout, error) {
	var all []Layout
	var wrong []error
	strict, places := yaml.NewDecoder(bytes.NewReader(text)), yaml.NewDecoder(bytes.NewReader(text))
	strict.KnownFields(true)
	for {
		var l Layout
		var node yaml.Node
		err := strict.Decode(&l)
		if errors.Is(err, io.EOF) {
			break
		}
		nodeErr := places.Decode(&node)
		if err != nil {
			wrong = append(wrong, sentences(file, err)...)
			if nodeErr != nil {
				break // no YAML: nothing behind it can be read
			}
			continue
		}
		l.resolve(func(place, sentence string, args ...any) {
			wrong = append(wrong, fmt.Errorf("%s:%d: %s", file, lineOf(&node, place), fmt.Sprintf(sentence, args...)))
		})
		if slices.ContainsFunc(all, func(other Layout) bool { return other.Name == l.Name }) {
			wrong = append(wrong, fmt.Errorf("%s:%d: The layout %q is described twice.", file, lineOf(&node, "layout"), l.Name)) //nolint:revive,staticcheck // sentences for people
		}
		all = append(all, l)
	}
	if len(all) == 0 && len(wrong) == 0 {
		wrong = append(wrong, fmt.Errorf("%s:1: No layout is described here.", file)) //nolint:revive,staticcheck // sentences for people
	}
	return all, errors.Join(wrong...)
}

// Resolve checks a layout that was made in code and makes it ready for use.
func (l *Layout) Resolve() error {
	var wrong []error
	l.resolve(func(place, sentence string, args ...any) {
		wrong = append(wrong, fmt.Errorf("%s %s: %s", l.Name, place, fmt.Sprintf(sentence, args...)))
	})
	return errors.Join(wrong...)
}

var yamlLine = regexp.MustCompile(`line (\d+): (.*)`)

// sentences turns what the YAML library says into file:line: sentence.
func sentences(file string, err error) []error {
	var list []error
	for _, m := range yamlLine.FindAllStringSubmatch(err.Error(), -1) {
		what := m[2]
		if name, ok := strings.CutPrefix(what, "field "); ok {
			name, _, _ = strings.Cut(name, " ")
			what = fmt.Sprintf("%q is no key of a layout here.", name)
		} else {
			what = "It cannot be read: " + what + "."
		}
		list = append(list, fmt.Errorf("%s:%s: %s", file, m[1], what))
	}
	if list == nil {
		list = append(list, fmt.Errorf("%s:1: It cannot be read: %s.", file, strings.TrimPrefix(err.Error(), "yaml: "))) //nolint:revive,staticcheck // sentences for people
	}
	return list
}

// lineOf finds the line of a place such as records.2.columns.0.to.
func lineOf(node *yaml.Node, place string) int {
	if node.Kind == yaml.DocumentNode && len(node.Content) > 0 {
		node = node.Content[0]
	}
	line := node.Line
	for _, part := range strings.Split(place, ".") {
		switch node.Kind {
		case yaml.SequenceNode:
			i, err := strconv.Atoi(part)
			if err != nil || i >= len(node.Content) {
				return line
			}
			node = node.Content[i]
		case yaml.MappingNode:
			next := -1
			for i := 0; i+1 < len(node.Content); i += 2 {
				if node.Content[i].Value == part {
					next = i
				}
			}
			if next < 0 {
				return line
			}
			line, node = node.Content[next].Line, node.Content[next+1]
			continue
		default:
			return line
		}
		line = node.Line
	}
	return max(line, 1)
}

func (l *Layout) resolveRecords(fail func(place string, sentence string, args ...any)) {
	if len(l.Records) == 0 {
		fail("records", "A layout needs records.")
	}
	l.set = assignments(l.Set, "set", fail)
	seen := map[string]bool{}
	for i := range l.Records {
		r, place := &l.Records[i], fmt.Sprintf("records.%d", i)
		if r.Role == "" && len(l.Records) == 1 {
			r.Role = Row
		}
		if !slices.Contains(roles, r.Role) {
			fail(place+".role", "%q is no role of a record: use one of %s.", r.Role, list(roles))
		}
		if l.tagged() && (r.Tag == "" || seen[r.Tag]) {
			fail(place+".tag", "Record %d needs a tag of its own, by which it is told from the others.", i+1)
		}
		seen[r.Tag] = true
		if l.comma == 0 && l.tagged() && len(r.Tag) > l.Tag {
			fail(place+".tag", "The tag %q is longer than the %d bytes in which tags stand: say how many with \"tag: N\".", r.Tag, l.Tag)
		}
		if l.Header && (len(l.Records) != 1 || l.comma == 0) {
			fail("header", "A header row goes with one type of delimited records.")
		}
		r.set = assignments(r.Set, place+".set", fail)
		at := 1
		if l.tagged() {
			at += l.Tag
		}
		for j := range r.Columns {
			c, place := &r.Columns[j], fmt.Sprintf("%s.columns.%d", place, j)
			l.resolveColumn(c, place, fail)
			if l.comma != 0 {
				continue
			}
			if c.At == 0 {
				c.At = at
			}
			if c.Width < 1 || c.At < 1 || c.At+c.Width-1 > mostRecord {
				fail(place+".width", "The column %q of a fixed-width record needs a width.", c.Name)
			}
			at = c.At + c.Width
		}
	}
	for i, name := range l.Group {
		if !slices.ContainsFunc(l.Records, func(r Record) bool {
			return r.Role == Row && slices.ContainsFunc(r.Columns, func(c Column) bool { return c.Name == name })
		}) {
			fail(fmt.Sprintf("group.%d", i), "No column of a row is called %q.", name)
		}
	}
	if !l.hasRole(Row) && !l.hasRole(Begin) && len(l.Records) > 0 {
		fail("records", `No record makes an event: give one the role "row" or "event".`)
	}
}

// letters are what a format of a day or time may not have besides its tokens.
var letters = regexp.MustCompile(`[A-SU-Za-z]`)

func (l *Layout) resolveColumn(c *Column, place string, fail func(place string, sentence string, args ...any)) {
	if c.Name == "" {
		fail(place, "Every column needs a name.")
	}
	if c.To != "" {
		var ok bool
		if c.target, ok = targetOf(c.To); !ok {
			fail(place+".to", "%q is no field: see the README for their names.", c.To)
		}
	}
	if c.Implied < 0 || c.Implied > 9 {
		fail(place+".implied", "A number has at most 9 decimals.")
	}
	if !slices.Contains([]string{"", "text", "zoned", "packed"}, c.As) {
		fail(place+".as", "%q is no way to write a number: use text, zoned or packed.", c.As)
	}
	if c.As == "packed" && l.comma != 0 {
		fail(place+".as", "Packed numbers stand in fixed-width records only.")
	}
	c.formats = nil
	for i, f := range c.Formats {
		layout := dates.Replace(f)
		if layout == f || letters.MatchString(strings.ReplaceAll(layout, "Z07:00", "")) {
			fail(fmt.Sprintf("%s.formats.%d", place, i), "%q is no format of a day or time: use YYYY MM DD HH mm ss.", f)
		}
		c.formats = append(c.formats, layout)
	}
	if len(c.Cases) > 0 {
		c.cases = map[string][]assignment{}
	}
	for value, set := range c.Cases {
		c.cases[value] = assignments(set, place+".cases."+value, fail)
	}
}

// assignments are those of a set, in a fixed order.
func assignments(set map[string]string, place string, fail func(place string, sentence string, args ...any)) []assignment {
	var all []assignment
	for _, name := range slices.Sorted(maps.Keys(set)) {
		t, ok := targetOf(name)
		if !ok {
			fail(place+"."+name, "%q is no field: see the README for their names.", name)
			continue
		}
		all = append(all, assignment{name, t, set[name]})
	}
	return all
}

func list[T ~string](all []T) string {
	names := make([]string, len(all))
	for i, s := range all {
		names[i] = string(s)
	}
	return strings.Join(names, ", ")
}
