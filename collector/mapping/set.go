package mapping

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/formats"
	"github.com/stocktrace/stocktrace/collector/units"
	"github.com/stocktrace/stocktrace/inventory"
)

// Options of reading by mappings.
type Options struct {
	// Packs are what packs of items hold, for fields that convert.
	Packs []inventory.Pack
	// Program is the version of what reads; another one may read otherwise.
	Program string
	// Trace makes readings say where each field came from.
	Trace bool

	packs units.Packs
}

// Set is the mappings of an instance, in the order of their files' names. It is
// immutable, and its zero value reads by formats alone.
type Set struct {
	mappings []*Mapping
	files    []string
	options  Options
	print    string
}

// Reading is an item with how it was read.
type Reading struct {
	format.Item
	// Format is that of the document; of one a mapping reads, csv, fixed, json or
	// xml.
	Format string
	// Mapping is the stamp of the mapping that read or corrected it, or empty.
	Mapping string
	// From says where fields came from, where the options ask for it.
	From map[string]string
	// Skipped is set on records that a mapping says mean nothing; they are no items.
	Skipped bool
}

// Load reads the mapping file, or every .yaml file of the folder that is no
// .layout.yaml, at path; no path is an empty set. Its error lists everything that is wrong, with file and
// line.
func Load(path string, o Options) (*Set, error) {
	o.packs = units.Declare(o.Packs)
	s := &Set{options: o}
	if path != "" {
		if err := s.load(path); err != nil {
			return nil, err
		}
	}
	s.print = s.fingerprint()
	return s, nil
}

func (s *Set) load(at string) error {
	files, err := filesOf(at)
	if err != nil {
		return fmt.Errorf("read mappings: %w", err)
	}
	var errs []error
	named := map[string]string{}
	for _, file := range files {
		m, err := parseFile(file)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if first, twice := named[m.Name]; twice {
			errs = append(errs, fmt.Errorf("%s:1: mapping %q is declared in %s already", file, m.Name, first))
			continue
		}
		named[m.Name] = file
		s.mappings = append(s.mappings, m)
		s.files = append(s.files, m.files...)
	}
	return errors.Join(errs...)
}

func filesOf(at string) ([]string, error) {
	info, err := os.Stat(at)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{at}, nil
	}
	files, err := filepath.Glob(filepath.Join(at, "*.yaml"))
	files = slices.DeleteFunc(files, func(f string) bool { return strings.HasSuffix(f, ".layout.yaml") })
	slices.Sort(files)
	return files, err
}

// fingerprint changes whenever a document might be read otherwise.
func (s *Set) fingerprint() string {
	h := sha256.New()
	for _, m := range s.mappings {
		fmt.Fprintf(h, "%s\n%d\n%s", m.file, len(m.text), m.text)
		for _, file := range m.files[1:] {
			if raw, err := os.ReadFile(file); err == nil {
				fmt.Fprintf(h, "%s\n%d\n", file, len(raw))
				_, _ = h.Write(raw)
			}
		}
	}
	fmt.Fprintf(h, "%v %s", s.options.Packs, s.options.Program)
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// Fingerprint names what the set reads by: two sets of one fingerprint read a
// document into the same items.
func (s *Set) Fingerprint() string { return s.print }

// Mappings returns the mappings in their order. The slice is the caller's.
func (s *Set) Mappings() []*Mapping { return slices.Clone(s.mappings) }

// Read reads a document into items; see [Set.Follow].
func (s *Set) Read(ctx context.Context, document io.Reader, source format.Source, yield func(format.Item) error) error {
	return s.Follow(ctx, document, source, func(r Reading) error {
		if r.Skipped {
			return nil
		}
		return yield(r.Item)
	})
}

// Follow reads a document by the first mapping that matches it, or else by the
// format that detects it, and calls yield for every item, as [format.Format].Read
// does. It is for use by several goroutines.
func (s *Set) Follow(ctx context.Context, document io.Reader, source format.Source, yield func(Reading) error) error {
	in := bufio.NewReaderSize(document, formats.HeadSize)
	head, err := in.Peek(formats.HeadSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	chosen, err := s.Find(head, source, "")
	if err != nil {
		return err
	}
	return chosen.Follow(ctx, in, source, yield)
}

// Chosen is what reads a document: a format, a mapping, or both.
type Chosen struct {
	set     *Set
	mapping *Mapping      // nil: none matches
	format  format.Format // nil: the mapping reads
}

// Find returns what reads a document that begins with head. name is that of a
// format, or of a mapping that reads; where it is empty, mappings that match and
// formats that detect are asked. The error is a *[format.Problem].
func (s *Set) Find(head []byte, source format.Source, name string) (*Chosen, error) {
	if name == "" {
		m, f, err := s.choose(head, source)
		if err != nil {
			return nil, err
		}
		return &Chosen{s, m, f}, nil
	}
	for _, m := range s.mappings {
		if m.Name == name && (m.reads != nil || m.layouts != nil) {
			return &Chosen{s, m, m.layouts}, nil
		}
	}
	f, ok := formats.Named(name)
	if !ok {
		return nil, &format.Problem{Detail: fmt.Sprintf("The format %q is not known here; known are %s, and mappings that read.", name, strings.Join(formats.Names(), ", "))}
	}
	for _, m := range s.mappings {
		if m.reads == nil && m.layouts == nil && m.match.fits(name, source) {
			return &Chosen{s, m, f}, nil
		}
	}
	return &Chosen{s, nil, f}, nil
}

// Name is that of the format, or of the mapping that reads.
func (c *Chosen) Name() string {
	if c.format == nil || c.mapping != nil && c.mapping.layouts != nil {
		return c.mapping.Name
	}
	return c.format.Name()
}

// Mapping returns the mapping that reads or corrects, or nil.
func (c *Chosen) Mapping() *Mapping { return c.mapping }

// String says it in one line, for people.
func (c *Chosen) String() string {
	switch {
	case c.mapping == nil:
		return "format " + c.format.Name() + ", no mapping"
	case c.format == nil:
		return "mapping " + c.mapping.Stamp() + ", which reads " + c.mapping.reads.as
	case c.mapping.layouts != nil:
		return "mapping " + c.mapping.Stamp() + ", by its layouts"
	default:
		return "format " + c.format.Name() + ", mapping " + c.mapping.Stamp()
	}
}

// Read reads a document into items.
func (c *Chosen) Read(ctx context.Context, document io.Reader, source format.Source, yield func(format.Item) error) error {
	return c.Follow(ctx, document, source, func(r Reading) error {
		if r.Skipped {
			return nil
		}
		return yield(r.Item)
	})
}

// Follow reads a document into readings.
func (c *Chosen) Follow(ctx context.Context, document io.Reader, source format.Source, yield func(Reading) error) error {
	m, o := c.mapping, &c.set.options
	if c.format == nil {
		return m.read(ctx, document, source, o, yield)
	}
	if m != nil {
		source = m.with(source)
	}
	return c.format.Read(ctx, document, source, func(item format.Item) error {
		r := Reading{Item: item, Format: c.format.Name()}
		if m != nil {
			r.Mapping = m.Stamp()
			if item.Problem == nil {
				m.amend(&r, source, o)
			}
		}
		return yield(r)
	})
}

// choose returns the mapping for a document, nil where none matches, and the
// format, where the mapping does not read.
func (s *Set) choose(head []byte, source format.Source) (*Mapping, format.Format, error) {
	detected, failed := formats.Detect(head, source)
	for _, m := range s.mappings {
		name := ""
		if failed == nil {
			name = detected.Name()
		}
		if !m.match.fits(name, source) {
			continue
		}
		if m.reads != nil {
			return m, nil, nil
		}
		if m.layouts != nil {
			if m.layouts.Detect(head, source) {
				return m, m.layouts, nil
			}
			return m, nil, &format.Problem{Detail: fmt.Sprintf("The document is of none of the layouts that mapping %s names.", m.Name)}
		}
		// A mapping that names one format knows better than the document's first
		// bytes.
		if len(m.match.formats) == 1 {
			if f, ok := formats.Named(m.match.formats[0]); ok {
				return m, f, nil
			}
		}
		return m, detected, failed
	}
	return nil, detected, failed
}

// fits reports whether the mapping is for a document. A format that was not
// detected counts as the one a mapping names, if source or document say so too.
func (m match) fits(name string, source format.Source) bool {
	matches := func(patterns []string, s string) bool {
		return len(patterns) == 0 || slices.ContainsFunc(patterns, func(p string) bool {
			ok, _ := path.Match(p, s)
			return ok || p == "*"
		})
	}
	if !matches(m.sources, source.Name) || !matches(m.documents, filepath.Base(source.Document)) {
		return false
	}
	if len(m.formats) == 0 || slices.Contains(m.formats, name) {
		return true
	}
	return name == "" && len(m.sources)+len(m.documents) > 0 && len(m.formats) == 1
}

// amend corrects an event that a format gave, and stamps it. Where a correction
// fails the event becomes a problem: it would be the wrong one.
func (m *Mapping) amend(r *Reading, source format.Source, o *Options) {
	e := &r.Event
	usual := e.Type == "inventory."+e.Workflow+"."+e.Step
	e.Lines = slices.Clone(e.Lines)
	s := &scope{mapping: m, source: source, packs: o.packs, event: e, place: r.Path}
	if o.Trace {
		s.from = map[string]string{}
	}
	for i := range m.correct {
		if err := s.correct(&m.correct[i]); err != nil {
			r.Problem = asProblem(err, r.Path)
			return
		}
	}
	if usual && e.Watermark == nil {
		e.Type = "inventory." + e.Workflow + "." + e.Step
	}
	r.Notes = append(slices.Clip(r.Notes), s.notes...)
	r.From = s.from
	e.Mappings = append(slices.Clip(e.Mappings), s.mappings...)
	if e.Watermark != nil {
		return
	}
	// What the document itself says of a mapping is its own hop's.
	if e.MappingVersion == "" {
		e.MappingVersion = m.Stamp()
	}
}

func (s *scope) correct(c *correction) error {
	s.line, s.seen = nil, nil
	if c.when != nil {
		ok, err := c.when.holds(s.view(c.when, ""))
		if err != nil {
			return &format.Problem{Path: s.place, Detail: fmt.Sprintf("A condition of mapping %s: %s.", s.mapping.Name, err)}
		}
		if !ok {
			return nil
		}
	}
	for _, r := range c.event {
		if err := s.change(r); err != nil {
			return err
		}
	}
	s.seen = nil
	for i := range s.event.Lines {
		s.line, s.index = &s.event.Lines[i], i
		for _, r := range c.line {
			if err := s.change(r); err != nil {
				return err
			}
		}
		for _, r := range c.line {
			if r.convert != "" {
				s.convertLine(r.convert)
			}
		}
	}
	s.line = nil
	return nil
}

// change applies one correction, and keeps what it replaced.
func (s *scope) change(r *rule) error {
	if s.line == nil {
		s.seen = nil // it shows what the corrections before it have made
	}
	before := r.target.get(s.event, s.line)
	translated := len(s.mappings)
	if err := s.apply(r); err != nil {
		return err
	}
	after := r.target.get(s.event, s.line)
	if after == before {
		return nil
	}
	s.came(r, "mapping "+s.mapping.Stamp())
	if len(s.mappings) == translated && before != "" {
		if s.event.Attributes == nil {
			s.event.Attributes = map[string]string{}
		}
		s.event.Attributes["corrected."+s.name(r.target)] = before
	}
	return nil
}

func zoneOf(zones map[string]*time.Location, general func(string) *time.Location) func(string) *time.Location {
	return func(location string) *time.Location {
		if z := zones[inventory.Unpad(location)]; z != nil {
			return z
		}
		if general != nil {
			return general(location)
		}
		return nil
	}
}

// Summary is one line about a mapping, for people.
func (m *Mapping) Summary() string {
	var what []string
	if m.reads != nil {
		what = append(what, "reads "+m.reads.as)
	}
	if m.layouts != nil {
		what = append(what, "reads by layouts of its own")
	}
	if len(m.correct) > 0 {
		what = append(what, fmt.Sprintf("corrects (%d)", len(m.correct)))
	}
	if len(m.tables) > 0 {
		n := 0
		for _, t := range m.tables {
			n += len(t.values)
		}
		what = append(what, fmt.Sprintf("tables: %d, with %d values", len(m.tables), n))
	}
	var of []string
	for _, p := range []struct {
		name string
		all  []string
	}{{"source", m.match.sources}, {"document", m.match.documents}, {"format", m.match.formats}} {
		if len(p.all) > 0 {
			of = append(of, p.name+" "+strings.Join(p.all, " or "))
		}
	}
	return fmt.Sprintf("%s: %s; for %s", m.Stamp(), strings.Join(what, ", "), strings.Join(of, " and "))
}
