package mapping

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// parser reads one mapping file and collects all that is wrong in it, each as
// file:line: and a sentence.
type parser struct {
	file string
	errs []error
	// correcting says that expressions are about an event, and not about a record.
	correcting bool
}

func (p *parser) wrong(n *yaml.Node, format string, args ...any) {
	p.errs = append(p.errs, fmt.Errorf("%s:%d: %s", p.file, n.Line, fmt.Sprintf(format, args...)))
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

// document returns the root of the one YAML document in raw.
func (p *parser) document(raw []byte) *yaml.Node {
	fail := func(err error) *yaml.Node {
		line, what := 1, err.Error()
		if m := yamlLine.FindStringSubmatch(strings.SplitN(what, "\n", 2)[0]); m != nil {
			what = m[2]
			if n, err := strconv.Atoi(m[1]); err == nil {
				line = n
			}
		}
		p.errs = append(p.errs, fmt.Errorf("%s:%d: is not YAML: %s", p.file, line, what))
		return nil
	}
	d := yaml.NewDecoder(bytes.NewReader(raw))
	var doc, second yaml.Node
	if err := d.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return fail(errors.New("it is empty"))
		}
		return fail(err)
	}
	switch err := d.Decode(&second); {
	case err == nil:
		p.wrong(&second, "a second document begins here; one file is one mapping")
		return nil
	case !errors.Is(err, io.EOF):
		return fail(err)
	}
	if len(doc.Content) == 0 || doc.Content[0].Kind != yaml.MappingNode {
		return fail(errors.New("a mapping begins with `mapping:` and its name"))
	}
	return doc.Content[0]
}

// fields calls visit with every field of a YAML mapping. One that is not among
// names is an error, unless names is nil; so is one given twice.
func (p *parser) fields(n *yaml.Node, what string, names []string, visit func(name string, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		p.wrong(n, "%s is written as fields, name: value", what)
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if value.Kind == yaml.AliasNode {
			value = value.Alias
		}
		line, twice := seen[key.Value]
		switch {
		case key.Kind != yaml.ScalarNode:
			p.wrong(key, "names of fields are plain text")
		case names != nil && !slices.Contains(names, key.Value):
			p.wrong(key, "%s has no field %q; it has %s", what, key.Value, strings.Join(names, ", "))
		case twice:
			p.wrong(key, "%q is given twice, first in line %d", key.Value, line)
		default:
			seen[key.Value] = key.Line
			visit(key.Value, value)
		}
	}
}

func (p *parser) text(n *yaml.Node, what string) string {
	if n.Kind != yaml.ScalarNode {
		p.wrong(n, "%s is plain text", what)
		return ""
	}
	// An unquoted 0123 is a number to YAML; its text is what was meant.
	return n.Value
}

func (p *parser) texts(n *yaml.Node, what string) []string {
	if n.Kind == yaml.ScalarNode {
		return []string{n.Value}
	}
	if n.Kind != yaml.SequenceNode {
		p.wrong(n, "%s is a text, or a list of them", what)
		return nil
	}
	var all []string
	for _, c := range n.Content {
		all = append(all, p.text(c, what))
	}
	return all
}

func (p *parser) flag(n *yaml.Node, what string) bool {
	return p.choice(n, what, "true", "false") == "true"
}

func (p *parser) choice(n *yaml.Node, what string, choices ...string) string {
	v := p.text(n, what)
	if !slices.Contains(choices, v) && n.Kind == yaml.ScalarNode {
		p.wrong(n, "%s is %s, but it is %q", what, orList(choices), v)
		return ""
	}
	return v
}

func (p *parser) number(n *yaml.Node, what string, least, most int) int {
	v, err := strconv.Atoi(p.text(n, what))
	if err != nil || v < least || v > most {
		p.wrong(n, "%s is a whole number from %d to %d", what, least, most)
		return least
	}
	return v
}

func orList(choices []string) string {
	if len(choices) == 1 {
		return choices[0]
	}
	return strings.Join(choices[:len(choices)-1], ", ") + " or " + choices[len(choices)-1]
}
