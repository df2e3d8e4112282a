package formattest

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/stocktrace/stocktrace/collector/format"
)

var update = flag.Bool("update", false, "rewrite testdata/*/out.json")

// Golden reads every case below testdata with f and compares what comes out with
// the case's out.json; with -update it writes that instead. Every document must
// be detected as one of f's, unless its source has the header "Detect: no", and
// passes [Check].
func Golden(t *testing.T, f format.Format) {
	t.Helper()
	folders := cases(t)
	if len(folders) == 0 {
		t.Fatal("no golden cases: want testdata/<case>/in.*")
	}
	for _, folder := range folders {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			document, source := load(t, folder)
			detect := source.Header["Detect"] != "no"
			if head := document[:min(len(document), 4<<10)]; f.Detect(head, source) != detect {
				t.Errorf("detected as %s: %v", f.Name(), !detect)
			}
			got := Render(Collect(f, bytes.NewReader(document), source))
			golden := filepath.Join(folder, "out.json")
			if *update {
				if err := os.WriteFile(golden, got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatalf("%v (write it with -update)", err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("differs from %s (rewrite with -update):\n%s", golden, diff)
			}
			Check(t, f, document, source)
		})
	}
}

// Seed adds every golden document to a fuzz target of one []byte.
func Seed(f *testing.F) {
	f.Helper()
	f.Add([]byte{})
	for _, folder := range cases(f) {
		document, _ := load(f, folder)
		f.Add(document)
	}
}

// Collect reads a document into a list. The error is that of Read.
func Collect(f format.Format, document io.Reader, source format.Source) ([]format.Item, error) {
	var items []format.Item
	err := f.Read(context.Background(), document, source, func(i format.Item) error {
		items = append(items, i)
		return nil
	})
	return items, err
}

// Render writes what Read gave the way golden files have it.
func Render(items []format.Item, err error) []byte {
	list := make([]any, len(items))
	for i, item := range items {
		var o object
		o.add("path", item.Path)
		if item.Problem == nil {
			o.add("time_as_sent", item.Event.TimeAsSent)
			o = append(o, member{"event", encode(item.Event, true)})
		} else {
			o = append(o, member{"problem", object{{"path", item.Problem.Path}, {"detail", item.Problem.Detail}}})
		}
		if len(item.Notes) > 0 {
			notes := make([]any, len(item.Notes))
			for j, n := range item.Notes {
				notes[j] = object{{"code", n.Code}, {"path", n.Path}, {"detail", n.Detail}}
			}
			o = append(o, member{"notes", notes})
		}
		if len(item.Ignored) > 0 {
			var ignored object
			for _, path := range slices.Sorted(maps.Keys(item.Ignored)) {
				ignored = append(ignored, member{path, item.Ignored[path]})
			}
			o = append(o, member{"ignored", ignored})
		}
		if len(item.Raw) > 0 {
			o.add("raw", fmt.Sprintf("%d bytes of %s", len(item.Raw), item.RawType))
		}
		list[i] = o
	}
	out := object{{"items", list}}
	if err != nil {
		out.add("error", err.Error())
	}
	return indent(out)
}

// Samples is the folder of published documents that lies beside the project, at
// ../shared/samples of its root. They belong to others and are not part of the
// project: without them the test is skipped.
func Samples(tb testing.TB) string {
	tb.Helper()
	dir, err := filepath.Abs(".")
	if err != nil {
		tb.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if filepath.Dir(dir) == dir {
			tb.Fatal("no go.mod above the package")
		}
		dir = filepath.Dir(dir)
	}
	samples := filepath.Join(dir, "..", "shared", "samples")
	if _, err := os.Stat(samples); err != nil {
		tb.Skip("no published samples beside the project: ../shared/samples")
	}
	return samples
}

// Sample is one published document by its path below [Samples].
func Sample(tb testing.TB, path string) []byte {
	tb.Helper()
	document, err := os.ReadFile(filepath.Join(Samples(tb), filepath.FromSlash(path)))
	if err != nil {
		tb.Skipf("no published sample: %v", err)
	}
	return document
}

func cases(tb testing.TB) []string {
	tb.Helper()
	tb.Helper()
	inputs, err := filepath.Glob("testdata/*/in.*")
	if err != nil {
		tb.Fatal(err)
	}
	folders := make([]string, len(inputs))
	for i, input := range inputs {
		folders[i] = filepath.Dir(input)
	}
	if n := len(slices.Compact(slices.Clone(folders))); n != len(folders) {
		tb.Fatal("a golden case with several in.*: one document per folder")
	}
	return folders
}

func load(tb testing.TB, folder string) ([]byte, format.Source) {
	tb.Helper()
	tb.Helper()
	inputs, err := filepath.Glob(filepath.Join(folder, "in.*"))
	if err != nil || len(inputs) != 1 {
		tb.Fatalf("%s: want one in.*, got %v %v", folder, inputs, err)
	}
	document, err := os.ReadFile(inputs[0])
	if err != nil {
		tb.Fatal(err)
	}
	for _, name := range []string{"source.yaml", "source.json"} {
		text, err := os.ReadFile(filepath.Join(folder, name))
		if err == nil {
			return document, readSource(tb, filepath.Join(folder, name), text)
		}
	}
	return document, format.Source{Name: "/" + filepath.Base(folder)}
}

// sender is a Source as a golden case writes it. JSON is YAML too.
type sender struct {
	Name, System, Instance, Location, Zone, Document string

	Zones  map[string]string // IANA zones by location
	Header map[string]string
}

func readSource(tb testing.TB, path string, text []byte) format.Source {
	tb.Helper()
	tb.Helper()
	var s sender
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(&s); err != nil {
		tb.Fatalf("%s: %v", path, err)
	}
	zone := func(name string) *time.Location {
		if name == "" {
			return nil
		}
		z, err := time.LoadLocation(name)
		if err != nil {
			tb.Fatalf("%s: %v", path, err)
		}
		return z
	}
	if s.Name == "" {
		s.Name = "/" + filepath.Base(filepath.Dir(path))
	}
	source := format.Source{
		Name: s.Name, System: s.System, Instance: s.Instance, Location: s.Location, Document: s.Document,
		Zone: zone(s.Zone), Header: map[string]string{},
	}
	for name, v := range s.Header {
		source.Header[http.CanonicalHeaderKey(strings.TrimSpace(name))] = v
	}
	if len(s.Zones) > 0 {
		zones := map[string]*time.Location{}
		for location, name := range s.Zones {
			zones[location] = zone(name)
		}
		source.ZoneOf = func(location string) *time.Location { return zones[location] }
	}
	return source
}
