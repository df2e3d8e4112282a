package components_test

import (
	"maps"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const (
	ourModule    = "github.com/stocktrace/stocktrace"
	manifestFile = "../deploy/collector/builder.yaml"
)

// manifest is deploy/collector/builder.yaml.
type manifest struct {
	Dist struct {
		Version    string
		OutputPath string `yaml:"output_path"`
	}
	Receivers, Processors, Exporters, Extensions, Providers []builtIn
}

type builtIn struct{ GoMod, Import, Path string }

func (m *manifest) classes() map[string][]builtIn {
	return map[string][]builtIn{"receivers": m.Receivers, "processors": m.Processors, "exporters": m.Exporters, "extensions": m.Extensions}
}

// contrib are the manifest's modules that are not ours to require: the version
// that builds with the Collector of go.mod, and the component's type. Newer ones
// of transform and filelog need modules that could not be had. What they are
// called is checked against what a built distribution says of itself
// (TestDistribution).
var contrib = map[string]struct{ version, kind string }{
	"receiver/filelogreceiver":           {"v0.160.0", "file_log"},
	"processor/transformprocessor":       {"v0.161.0", "transform"},
	"extension/storage/filestorage":      {"v0.162.0", "file_storage"},
	"extension/healthcheckextension":     {"v0.162.0", "health_check"},
	"extension/pprofextension":           {"v0.162.0", "pprof"},
	"extension/bearertokenauthextension": {"v0.162.0", "bearertokenauth"},
	"extension/oidcauthextension":        {"v0.162.0", "oidc"},
}

// core are the types of the Collector's own components, by their package.
var core = map[string]string{"otlpreceiver": "otlp", "memorylimiterprocessor": "memory_limiter"}

func readManifest(t *testing.T) (m manifest) {
	t.Helper()
	text, err := os.ReadFile(manifestFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// required are the versions of go.mod.
func required(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	versions := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^\s+(\S+) (v\S+)`).FindAllStringSubmatch(string(text), -1) {
		versions[m[1]] = m[2]
	}
	return versions
}

// provided checks the manifest against the code and returns the types of its
// components, by class.
func provided(t *testing.T) map[string][]string {
	t.Helper()
	m, versions := readManifest(t), required(t)
	types := map[string][]string{}
	for class, list := range m.classes() {
		for _, c := range list {
			module, version, _ := strings.Cut(c.GoMod, " ")
			name := path.Base(module)
			switch {
			case module == ourModule:
				folder, isOurs := strings.CutPrefix(c.Import, ourModule+"/components/")
				component, known := ours()[folder]
				if !isOurs || !known || component.class+"s" != class || c.Path != "." {
					t.Errorf("%s: %+v is no component of ours", class, c)
					continue
				}
				types[class] = append(types[class], component.factory.Type().String())
			case strings.HasPrefix(module, "github.com/open-telemetry/opentelemetry-collector-contrib/"):
				known := contrib[strings.TrimPrefix(module, "github.com/open-telemetry/opentelemetry-collector-contrib/")]
				if known.version != version {
					t.Errorf("%s is at %s; %q builds with the Collector of go.mod", module, version, known.version)
				}
				types[class] = append(types[class], known.kind)
			default:
				if versions[module] != version || core[name] == "" {
					t.Errorf("%s is at %s; go.mod has %q", module, version, versions[module])
				}
				types[class] = append(types[class], core[name])
			}
		}
	}
	for _, p := range m.Providers {
		if module, version, _ := strings.Cut(p.GoMod, " "); versions[module] != version {
			t.Errorf("%s is at %s; go.mod has %q", module, version, versions[module])
		}
	}
	if want := versions["go.opentelemetry.io/collector/otelcol"]; "v"+m.Dist.Version != want {
		t.Errorf("the distribution is called %s; the Collector of go.mod is %s", m.Dist.Version, want)
	}
	return types
}

func TestManifestAgreesWithGoMod(t *testing.T) {
	types := provided(t)
	for folder, c := range ours() {
		if !slices.Contains(types[c.class+"s"], c.factory.Type().String()) {
			t.Errorf("the manifest leaves out %s", folder)
		}
		if out, err := exec.CommandContext(t.Context(), "go", "list", ourModule+"/components/"+folder).CombinedOutput(); err != nil {
			t.Errorf("%s: %s", folder, out)
		}
	}
	// The builder named in words is that of the Collector.
	text, err := os.ReadFile(manifestFile)
	if err != nil {
		t.Fatal(err)
	}
	if version := required(t)["go.opentelemetry.io/collector/otelcol"]; !strings.Contains(string(text), "cmd/builder@"+version+" ") {
		t.Errorf("builder.yaml does not say to run the builder of %s", version)
	}
}

// collectorConfig is a Collector's configuration, as far as it names components.
type collectorConfig struct {
	Receivers, Processors, Exporters, Extensions map[string]any
	Service                                      struct {
		Extensions []string
		Pipelines  map[string]struct{ Receivers, Processors, Exporters []string }
	}
}

// named returns every component that a configuration names, by class.
func (c *collectorConfig) named() map[string][]string {
	return map[string][]string{
		"receivers":  slices.Sorted(maps.Keys(c.Receivers)),
		"processors": slices.Sorted(maps.Keys(c.Processors)),
		"exporters":  slices.Sorted(maps.Keys(c.Exporters)),
		"extensions": slices.Sorted(maps.Keys(c.Extensions)),
	}
}

func TestCollectorConfigurationIsProvidedFor(t *testing.T) {
	text, err := os.ReadFile("../deploy/collector/collector.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var c collectorConfig
	if err := yaml.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	types, named := provided(t), c.named()
	for class, ids := range named {
		var used []string
		for _, id := range ids {
			kind, _, _ := strings.Cut(id, "/")
			used = append(used, kind)
			if !slices.Contains(types[class], kind) {
				t.Errorf("%s: the manifest builds no %s; it has %v", class, kind, types[class])
			}
		}
		// What is built in is shown in use.
		for _, kind := range types[class] {
			if !slices.Contains(used, kind) {
				t.Errorf("%s: %s is built in and not configured", class, kind)
			}
		}
	}
	for name, p := range c.Service.Pipelines {
		for class, ids := range map[string][]string{"receivers": p.Receivers, "processors": p.Processors, "exporters": p.Exporters} {
			for _, id := range ids {
				if !slices.Contains(named[class], id) {
					t.Errorf("pipeline %s: there is no %s among the %s", name, id, class)
				}
			}
		}
	}
	for _, id := range c.Service.Extensions {
		if !slices.Contains(named["extensions"], id) {
			t.Errorf("there is no extension %s", id)
		}
	}
	// Read without its receiver's retries, a file would be lost while NATS is away.
	files, _ := c.Receivers["file_log"].(map[string]any)
	if retry, _ := files["retry_on_failure"].(map[string]any); retry["enabled"] != true || retry["max_elapsed_time"] != 0 || files["storage"] != "file_storage" {
		t.Errorf("file_log loses what is refused: %v", files)
	}
}
