// Package objectives reads OpenSLO v1 files into [slo.Objective]. It reads
// strictly: what it does not know or cannot evaluate is an error that names
// file, line and what to do, never something skipped.
//
// Read is the part of OpenSLO that a promise over lifecycles needs: kind SLO,
// one inline ratioMetric of good and total, one rolling timeWindow, Occurrences,
// one objective, inline burn-rate policies. docs/slo.md has the list.
package objectives

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/stocktrace/stocktrace/slo"
)

//go:embed *.yaml
var shipped embed.FS

// Shipped returns the objectives that come with the binary.
func Shipped() ([]slo.Objective, error) {
	files, err := fs.Glob(shipped, "*.yaml")
	if err != nil {
		return nil, err
	}
	var all []slo.Objective
	for _, file := range files {
		raw, err := shipped.ReadFile(file)
		if err != nil {
			return nil, err
		}
		objectives, err := Parse(file, raw)
		if err != nil {
			return nil, err
		}
		all = append(all, objectives...)
	}
	return all, nil
}

// Load reads one file, or every .yaml and .yml file directly in a directory.
func Load(path string) ([]slo.Objective, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("objectives: %w", err)
	}
	files := []string{path}
	if info.IsDir() {
		files = nil
		entries, err := os.ReadDir(path)
		if err != nil {
			return nil, fmt.Errorf("objectives: %w", err)
		}
		for _, e := range entries {
			if ext := filepath.Ext(e.Name()); !e.IsDir() && (ext == ".yaml" || ext == ".yml") {
				files = append(files, filepath.Join(path, e.Name()))
			}
		}
	}
	var all []slo.Objective
	var errs []error
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			errs = append(errs, fmt.Errorf("objectives: %w", err))
			continue
		}
		objectives, err := Parse(file, raw)
		errs = append(errs, err)
		all = append(all, objectives...)
	}
	return all, errors.Join(errs...)
}

// Parse reads the documents of one file. file names it in errors, each of which
// begins with file:line.
func Parse(file string, raw []byte) ([]slo.Objective, error) {
	d := yaml.NewDecoder(bytes.NewReader(raw))
	d.KnownFields(true)
	var all []slo.Objective
	var errs []error
	for {
		var doc document
		err := d.Decode(&doc)
		if errors.Is(err, io.EOF) {
			break
		}
		var typeErr *yaml.TypeError
		if err != nil {
			errs = append(errs, yamlErrors(file, err)...)
			if !errors.As(err, &typeErr) {
				break // not YAML from here on
			}
			continue
		}
		r := reader{file: file}
		o := r.objective(&doc)
		if len(r.errs) > 0 {
			errs = append(errs, r.errs...)
			continue
		}
		all = append(all, o)
	}
	if len(all) == 0 && len(errs) == 0 {
		errs = append(errs, fmt.Errorf("%s:1: holds no objective", file))
	}
	return all, errors.Join(errs...)
}

var (
	yamlLine     = regexp.MustCompile(`^(?:yaml: )?line (\d+): (.*)$`)
	unknownField = regexp.MustCompile(`^field (\S+) not found in type objectives\.(\w+)$`)
)

// yamlErrors turns the decoder's "line 3: …" into "file:3: …", and its talk of
// Go types into words.
func yamlErrors(file string, err error) []error {
	lines := []string{err.Error()}
	var typeErr *yaml.TypeError
	if errors.As(err, &typeErr) {
		lines = typeErr.Errors
	}
	var errs []error
	for _, line := range lines {
		m := yamlLine.FindStringSubmatch(line)
		if m == nil {
			errs = append(errs, fmt.Errorf("%s: %s", file, strings.TrimPrefix(line, "yaml: ")))
			continue
		}
		what := m[2]
		if f := unknownField.FindStringSubmatch(what); f != nil {
			what = fmt.Sprintf("unknown field %q; OpenSLO v1 has %s here", f[1], strings.Join(fieldsOf(f[2]), ", "))
		}
		errs = append(errs, fmt.Errorf("%s:%s: %s", file, m[1], what))
	}
	return errs
}

func fieldsOf(typeName string) []string {
	fields := slices.Clone(known[typeName])
	slices.Sort(fields)
	return fields
}
