package app

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/stocktrace/stocktrace/"

// importTable is the table of docs/ARCHITECTURE.md: which folders of ours a
// folder may import. A folder stands for everything below it. depguard checks
// the same where a person writes; this checks it where tests run, over
// everything a package pulls in.
var importTable = []struct {
	folder string
	may    []string
	// never lists modules that no import may lead to.
	never []string
}{
	{"inventory", nil, []string{"."}},
	{"lifecycle", []string{"inventory"}, []string{"github.com/nats-io", "github.com/ClickHouse", "go.opentelemetry.io"}},
	{"slo", []string{"inventory", "lifecycle"}, []string{"github.com/nats-io", "github.com/ClickHouse"}},
	{"alerts", []string{"inventory", "lifecycle", "slo"}, []string{"github.com/nats-io", "github.com/ClickHouse"}},
	{"collector", []string{"inventory"}, []string{"github.com/nats-io", "github.com/ClickHouse"}},
	{"collector/access", nil, []string{"go.opentelemetry.io"}},
	{"collector/gs1", nil, []string{"go.opentelemetry.io"}},
	{"collector/privacy", []string{"inventory"}, nil},
	{"collector/units", []string{"inventory", "collector/format"}, []string{"go.opentelemetry.io"}},
	{"collector/format", []string{"inventory", "collector/gs1", "collector/units"}, []string{"go.opentelemetry.io"}},
	{"collector/mapping", []string{"inventory", "collector/format", "collector/gs1", "collector/units"}, []string{"go.opentelemetry.io"}},
	{"collector/dropfolder", []string{"collector"}, nil},
	{"components", []string{"inventory", "collector", "internal/entrance", "internal/stream"}, []string{"github.com/ClickHouse"}},
	{"components/canonicalprocessor", []string{"collector"}, []string{"github.com/nats-io", "github.com/ClickHouse"}},
	{"web", []string{"inventory", "lifecycle", "slo", "alerts"}, []string{"github.com/nats-io", "github.com/ClickHouse"}},
	{"queries", nil, nil},
	{"internal/wire", []string{"inventory", "lifecycle"}, []string{"github.com/nats-io", "github.com/ClickHouse"}},
	{"internal/stream", []string{"inventory", "lifecycle", "internal/wire"}, []string{"github.com/ClickHouse"}},
	{"internal/entrance", []string{"inventory", "collector", "internal/stream"}, []string{"github.com/ClickHouse"}},
	{"internal/store", []string{"inventory", "lifecycle", "slo", "alerts", "web", "internal/wire", "queries"}, []string{"github.com/nats-io"}},
	{"internal/estate", []string{"inventory"}, []string{"github.com/nats-io", "github.com/ClickHouse"}},
}

type goPackage struct {
	ImportPath string
	Imports    []string
	Deps       []string
	Standard   bool
}

func TestImportTable(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=ImportPath,Imports,Deps,Standard", module+"...").Output()
	if err != nil {
		t.Skipf("go list does not run here: %v", err)
	}
	standard := map[string]bool{}
	var ours []goPackage
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		standard[p.ImportPath] = p.Standard
		if strings.HasPrefix(p.ImportPath, module) {
			ours = append(ours, p)
		}
	}
	under := func(path, folder string) bool {
		return path == folder || strings.HasPrefix(path, folder+"/")
	}
	seen := map[string]bool{}
	for _, p := range ours {
		folder := strings.TrimPrefix(p.ImportPath, module)
		for _, row := range importTable {
			// Packages that serve tests (storetest, webtest) import what they test
			// with.
			if !under(folder, row.folder) || strings.HasSuffix(folder, "test") {
				continue
			}
			seen[row.folder] = true
			for _, imported := range p.Imports {
				target, own := strings.CutPrefix(imported, module)
				if own && !under(target, row.folder) && !slices.ContainsFunc(row.may, func(f string) bool { return under(target, f) }) {
					t.Errorf("%s imports %s; it may import %s of ours", folder, target, strings.Join(row.may, ", "))
				}
			}
			for _, dep := range p.Deps {
				for _, never := range row.never {
					if (never == "." && !standard[dep] && !strings.HasPrefix(dep, module)) || under(dep, never) {
						t.Errorf("%s leads to %s", folder, dep)
					}
				}
			}
		}
	}
	for _, row := range importTable {
		if !seen[row.folder] {
			t.Errorf("the table speaks of %s, which does not exist", row.folder)
		}
	}
}
