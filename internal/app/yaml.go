package app

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// parseYAML reads one YAML document and returns its root node, nil for an empty
// file. Errors begin with file:line.
func parseYAML(file string, raw []byte) (*yaml.Node, error) {
	var doc yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(raw))
	if err := d.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		return nil, yamlError(file, err)
	}
	var second yaml.Node
	if err := d.Decode(&second); err == nil {
		return nil, at(file, &second, "a second document begins here; only one is read")
	} else if !errors.Is(err, io.EOF) {
		return nil, yamlError(file, err)
	}
	if len(doc.Content) == 0 || (doc.Content[0].Kind == yaml.ScalarNode && doc.Content[0].Tag == "!!null") {
		return nil, nil
	}
	return doc.Content[0], nil
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

// yamlError turns the parser's "yaml: line 3: …" into "file:3: …".
func yamlError(file string, err error) error {
	m := yamlLine.FindStringSubmatch(strings.SplitN(err.Error(), "\n", 2)[0])
	switch {
	case m == nil:
		return fmt.Errorf("%s: %w", file, err)
	case m[1] == "":
		return fmt.Errorf("%s: is not YAML: %s", file, m[2])
	default:
		line, _ := strconv.Atoi(m[1])
		return &lineError{file, line, "is not YAML: " + m[2]}
	}
}

// lineError is a sentence about one line of a file.
type lineError struct {
	file     string
	line     int
	sentence string
}

func (e *lineError) Error() string { return fmt.Sprintf("%s:%d: %s", e.file, e.line, e.sentence) }

// at returns an error about a node: file:line, then the sentence.
func at(file string, n *yaml.Node, format string, args ...any) error {
	return &lineError{file, n.Line, fmt.Sprintf(format, args...)}
}

// sortByLine puts what is wrong in a file in the order of its lines, and leaves
// everything else behind it as it was.
func sortByLine(errs []error) {
	line := func(err error) int {
		if e, ok := errors.AsType[*lineError](err); ok {
			return e.line
		}
		return math.MaxInt
	}
	slices.SortStableFunc(errs, func(a, b error) int { return cmp.Compare(line(a), line(b)) })
}

// eachField calls visit with every field of a mapping and joins the errors. A
// field that is not among names is an error that names the nearest one; so is
// one given twice.
func eachField(file string, mapping *yaml.Node, what string, names []string, visit func(name string, value *yaml.Node) error) error {
	var errs []error
	seen := map[string]int{}
	known := map[string]bool{}
	for _, n := range names {
		known[n] = true
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		key, value := mapping.Content[i], mapping.Content[i+1]
		if value.Kind == yaml.AliasNode {
			value = value.Alias
		}
		switch line, twice := seen[key.Value]; {
		case key.Kind != yaml.ScalarNode:
			errs = append(errs, at(file, key, "the name of a %s is plain text", what))
		case !known[key.Value]:
			errs = append(errs, at(file, key, "unknown %s %q%s", what, key.Value, didYouMean(key.Value, names)))
		case twice:
			errs = append(errs, at(file, key, "%s %q is given twice, first in line %d", what, key.Value, line))
		default:
			seen[key.Value] = key.Line
			if err := visit(key.Value, value); err != nil {
				errs = append(errs, errList(err)...)
			}
		}
	}
	return errors.Join(errs...)
}

// didYouMean says which name was probably meant; where none is near it lists
// them, if they are few.
func didYouMean(name string, names []string) string {
	near, slip := Nearest(name, names)
	switch {
	case slip:
		return fmt.Sprintf("; did you mean %q?", near)
	case len(names) <= 10:
		return "; known are " + strings.Join(names, ", ")
	default:
		return fmt.Sprintf("; the nearest is %q, `stocktrace run --help` lists them all", near)
	}
}

// Nearest returns the name closest to what was typed, and whether it is close
// enough to be a slip. Case and - _ . count as equal.
func Nearest(typed string, names []string) (near string, slip bool) {
	fold := strings.NewReplacer("_", "-", ".", "-")
	typed = fold.Replace(strings.ToLower(typed))
	least := math.MaxInt
	for _, name := range names {
		folded := fold.Replace(strings.ToLower(name))
		d := distance(typed, folded)
		// A name cut short, its last word alone, or a name written out.
		if len(typed) >= 4 && (strings.HasPrefix(folded, typed) || strings.HasSuffix(folded, "-"+typed)) ||
			len(folded) >= 3 && strings.HasPrefix(typed, folded) {
			d = min(d, 1)
		}
		if d < least {
			near, least = name, d
		}
	}
	return near, least <= max(2, len(typed)/3)
}

// distance counts the single-letter slips between a and b: a letter too many,
// too few, wrong, or two swapped.
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
