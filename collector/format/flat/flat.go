package flat

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/stocktrace/stocktrace/collector/format"
)

//go:embed layouts/*.yaml
var shipped embed.FS

// Layouts are the layouts that come with the package, by name.
func Layouts() []Layout { return slices.Clone(layouts()) }

var layouts = sync.OnceValue(func() []Layout {
	var all []Layout
	entries, _ := shipped.ReadDir("layouts")
	for _, e := range entries {
		text, _ := shipped.ReadFile("layouts/" + e.Name())
		// A test holds that each of them can be read.
		some, _ := ParseLayouts(e.Name(), text)
		all = append(all, some...)
	}
	return all
})

// Format reads flat files of any of its layouts.
type Format struct {
	// Layouts are tried in order; see [Layouts] and [ParseLayouts]. Layouts made in
	// code need [Layout.Resolve] first.
	Layouts []Layout
}

// Name implements [format.Format].
func (Format) Name() string { return "flat" }

// LayoutHeader is the header of a [format.Source] that names the layout of a
// document, where neither its name nor its beginning tells.
const LayoutHeader = "Layout"

// Detect implements [format.Format].
func (f Format) Detect(head []byte, source format.Source) bool {
	return f.choose(head, source) != nil
}

// choose finds the layout of a document.
func (f Format) choose(head []byte, source format.Source) *Layout {
	for i := range f.Layouts {
		if l := &f.Layouts[i]; l.chars != nil && l.matches(head, source) {
			return l
		}
	}
	return nil
}

func (l *Layout) matches(head []byte, source format.Source) bool {
	if named := source.Header[LayoutHeader]; named != "" {
		return named == l.Name
	}
	if l.File == "" && l.Begins == "" && !l.Header {
		return false // nothing to tell it by
	}
	if l.File != "" {
		if ok, err := path.Match(l.File, path.Base(source.Document)); err != nil || !ok {
			return false
		}
	}
	if l.Begins == "" && !l.Header {
		return true
	}
	text, _ := l.chars.text(head)
	text = strings.TrimPrefix(text, "\ufeff")
	if l.begins == nil || !l.begins.MatchString(text) {
		return false
	}
	if !l.Header {
		return true
	}
	row, _, _ := strings.Cut(strings.TrimLeft(text, "\r\n"), "\n")
	names, _ := splitFields(strings.TrimRight(row, "\r"), l.comma, l.quote)
	for i := range names {
		names[i] = strings.ToLower(strings.TrimSpace(names[i]))
	}
	needed := 0
	for _, c := range l.Records[0].Columns {
		if !c.Required {
			continue
		}
		if needed++; !slices.Contains(names, strings.ToLower(c.Name)) {
			return false
		}
	}
	return needed > 0 // a header of which nothing is needed tells nothing
}

// Read implements [format.Format].
func (f Format) Read(ctx context.Context, document io.Reader, source format.Source, yield func(format.Item) error) error {
	head := make([]byte, 4<<10)
	n, err := io.ReadFull(document, head)
	head = head[:n]
	rest := document
	if err != nil { // shorter than that, or broken
		rest = failed{err}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			rest = failed{io.EOF}
		}
	}
	l := f.choose(head, source)
	if l == nil && len(f.Layouts) == 1 && f.Layouts[0].chars != nil && source.Header[LayoutHeader] == "" {
		l = &f.Layouts[0]
	}
	if l == nil {
		return &format.Problem{Path: "line 1", Detail: fmt.Sprintf("No layout fits this file: name one of %s, or describe the file in a layout of its own.", f.names())}
	}
	r := &reader{layout: l, source: source, yield: yield, cut: newCutter(io.MultiReader(strings.NewReader(string(head)), rest), l)}
	return r.read(ctx)
}

// failed is a reader that has ended.
type failed struct{ err error }

func (f failed) Read([]byte) (int, error) { return 0, f.err }

func (f Format) names() string {
	var names []string
	for _, l := range f.Layouts {
		names = append(names, l.Name)
	}
	return strings.Join(names, ", ")
}
