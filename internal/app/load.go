package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/v2"
	"go.yaml.in/yaml/v3"
)

// DefaultFile is the settings file read when none is named and it exists in
// the working directory.
const DefaultFile = "stocktrace.yaml"

// Sources are where settings come from. A flag beats a variable, a variable
// beats the file, the file beats the default.
type Sources struct {
	// File is the settings file; empty means DefaultFile, where it exists.
	File string
	// Environ holds the environment as os.Environ returns it.
	Environ []string
	// Flags holds the flags given, by setting name.
	Flags map[string]string
}

// Load reads the settings. Its error lists every value that is wrong, one line
// each, so that one attempt is enough to mend them all. Warnings are sentences
// about what was ignored. Whether an instance can run with the settings is for
// [Settings.Validate].
func Load(src Sources) (_ *Settings, warnings []string, err error) {
	layers := koanf.New("/") // no setting's name has a slash: all keys are flat
	given := map[string]origin{}
	var errs []error
	layer := func(values map[string]any, where map[string]origin) {
		if err := layers.Load(confmap.Provider(values, ""), nil); err != nil {
			errs = append(errs, err)
		}
		for name := range values {
			given[name] = where[name]
		}
	}

	defaults := map[string]any{}
	for i := range settings {
		defaults[settings[i].Name] = settings[i].Default
	}
	layer(defaults, nil)
	clear(given)

	values, where, fileErrs := readFile(src)
	errs = append(errs, fileErrs...)
	layer(values, where)
	values, where, warnings = readEnviron(src.Environ)
	layer(values, where)
	values, where = map[string]any{}, map[string]origin{}
	for name, v := range src.Flags {
		values[name], where[name] = v, origin{flag: name}
	}
	layer(values, where)

	s := &Settings{given: given}
	for i := range settings {
		set := &settings[i]
		v := layers.String(set.Name)
		if set.Kind == Path && v != "" && !filepath.IsAbs(v) {
			v = filepath.Join(filepath.Dir(given[set.Name].file), v)
			if v, err = filepath.Abs(v); err != nil {
				return nil, warnings, fmt.Errorf("find the working directory: %w", err)
			}
		}
		if err := set.set(s, v); err != nil {
			errs = append(errs, given[set.Name].about(set.Name, err))
		}
	}
	sortByLine(errs)
	if err := errors.Join(errs...); err != nil {
		return nil, warnings, err
	}
	if s.PublicURL == "" {
		s.PublicURL = "http://" + s.Listen
	}
	return s, warnings, nil
}

// origin is where a setting was given: one of the three.
type origin struct {
	file     string
	line     int
	variable string
	flag     string
}

func (o origin) String() string {
	switch {
	case o.file != "":
		return fmt.Sprintf("%s:%d", o.file, o.line)
	case o.variable != "":
		return o.variable
	default:
		return "--" + o.flag
	}
}

// about says what is wrong with the setting's value, and where it was given.
func (o origin) about(name string, err error) error {
	switch {
	case o.file != "":
		return &lineError{o.file, o.line, name + ": " + err.Error()}
	case o.variable != "":
		return fmt.Errorf("%s: %w", o.variable, err)
	default:
		return fmt.Errorf("--%s: %w", name, err)
	}
}

// readFile reads the settings file as flat values with the line of each.
func readFile(src Sources) (values map[string]any, where map[string]origin, errs []error) {
	values, where = map[string]any{}, map[string]origin{}
	name := src.File
	if name == "" {
		name = DefaultFile
	}
	raw, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) && src.File == "" {
		return values, where, nil
	}
	if err != nil {
		return values, where, []error{fmt.Errorf("read settings: %w", err)}
	}
	root, err := parseYAML(name, raw)
	if err != nil || root == nil {
		return values, where, errList(err)
	}
	if root.Kind != yaml.MappingNode {
		return values, where, []error{at(name, root, "settings are written as `name: value`, one per line")}
	}
	var names []string
	for i := range settings {
		names = append(names, settings[i].Name)
	}
	err = eachField(name, root, "setting", names, func(key string, value *yaml.Node) error {
		text, err := scalar(value)
		if err != nil {
			return at(name, value, "%s: %v", key, err)
		}
		values[key], where[key] = text, origin{file: name, line: value.Line}
		return nil
	})
	return values, where, errList(err)
}

// scalar returns a value as text; a list of plain values is joined by commas,
// as a flag would have it.
func scalar(n *yaml.Node) (string, error) {
	switch n.Kind {
	case yaml.ScalarNode:
		if n.Tag == "!!null" {
			return "", nil
		}
		return n.Value, nil
	case yaml.SequenceNode:
		parts := make([]string, len(n.Content))
		for i, c := range n.Content {
			if c.Kind != yaml.ScalarNode {
				return "", errors.New("is not a list of plain values")
			}
			parts[i] = c.Value
		}
		return strings.Join(parts, ","), nil
	default:
		return "", errors.New("takes one plain value")
	}
}

// readEnviron takes the variables that are settings. Others that begin with
// STOCKTRACE_ are only warned about: container platforms put variables of their
// own making there (STOCKTRACE_PORT for a service of that name).
func readEnviron(environ []string) (values map[string]any, where map[string]origin, warnings []string) {
	values, where = map[string]any{}, map[string]origin{}
	byVariable := map[string]string{"STOCKTRACE_CONFIG": ""}
	names := make([]string, len(settings))
	for i := range settings {
		byVariable[settings[i].Variable()] = settings[i].Name
		names[i] = settings[i].Name
	}
	for _, entry := range environ {
		variable, value, ok := strings.Cut(entry, "=")
		if !ok || !strings.HasPrefix(variable, "STOCKTRACE_") {
			continue
		}
		name, known := byVariable[variable]
		switch {
		case !known:
			if near, slip := Nearest(strings.TrimPrefix(variable, "STOCKTRACE_"), names); slip {
				warnings = append(warnings, fmt.Sprintf("%s is no setting and was ignored; did you mean %s?",
					variable, Lookup(near).Variable()))
			}
		case name != "":
			values[name], where[name] = value, origin{variable: variable}
		}
	}
	slices.Sort(warnings)
	return values, where, warnings
}

func errList(err error) []error {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}
