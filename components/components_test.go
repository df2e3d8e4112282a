package components_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.yaml.in/yaml/v3"

	"github.com/stocktrace/stocktrace/collector"
	"github.com/stocktrace/stocktrace/components/canonicalprocessor"
	"github.com/stocktrace/stocktrace/components/jetstreamexporter"
)

// made is a component of one signal.
type made struct {
	signal    string
	stability component.StabilityLevel
	create    func(component.TelemetrySettings, component.Config) (component.Component, error)
}

// ours are the components that a distribution may build in, by their folder.
func ours() map[string]struct {
	factory component.Factory
	class   string
	made    []made
} {
	p, x := canonicalprocessor.NewFactory(), jetstreamexporter.NewFactory()
	return map[string]struct {
		factory component.Factory
		class   string
		made    []made
	}{
		"canonicalprocessor": {p, "processor", []made{
			{"traces", p.TracesStability(), func(set component.TelemetrySettings, cfg component.Config) (component.Component, error) {
				return p.CreateTraces(context.Background(), processorSettings(set, p), cfg, consumertest.NewNop())
			}},
			{"logs", p.LogsStability(), func(set component.TelemetrySettings, cfg component.Config) (component.Component, error) {
				return p.CreateLogs(context.Background(), processorSettings(set, p), cfg, consumertest.NewNop())
			}},
			{"metrics", p.MetricsStability(), func(set component.TelemetrySettings, cfg component.Config) (component.Component, error) {
				return p.CreateMetrics(context.Background(), processorSettings(set, p), cfg, consumertest.NewNop())
			}},
		}},
		"jetstreamexporter": {x, "exporter", []made{
			{"traces", x.TracesStability(), func(set component.TelemetrySettings, cfg component.Config) (component.Component, error) {
				return x.CreateTraces(context.Background(), exporterSettings(set, x), cfg)
			}},
			{"logs", x.LogsStability(), func(set component.TelemetrySettings, cfg component.Config) (component.Component, error) {
				return x.CreateLogs(context.Background(), exporterSettings(set, x), cfg)
			}},
			{"metrics", x.MetricsStability(), func(set component.TelemetrySettings, cfg component.Config) (component.Component, error) {
				return x.CreateMetrics(context.Background(), exporterSettings(set, x), cfg)
			}},
		}},
	}
}

func processorSettings(set component.TelemetrySettings, f component.Factory) processor.Settings {
	s := processortest.NewNopSettings(f.Type())
	s.TelemetrySettings = set
	return s
}

func exporterSettings(set component.TelemetrySettings, f component.Factory) exporter.Settings {
	s := exportertest.NewNopSettings(f.Type())
	s.TelemetrySettings = set
	return s
}

// metadata is upstream's metadata.yaml, as far as it says what code can be held to.
type metadata struct {
	Type   string
	Status struct {
		Class     string
		Stability map[string][]string
	}
	Telemetry struct {
		Metrics map[string]struct {
			Enabled           bool
			Description, Unit string
			Sum               struct {
				ValueType string `yaml:"value_type"`
				Monotonic bool
			}
			Attributes []string
		}
	}
	Attributes map[string]any
	Tests      struct{ Config map[string]any }
}

func metadataOf(t *testing.T, folder string) (m metadata) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, "metadata.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// Every folder here is a component that the tests know.
func TestEveryComponentIsTested(t *testing.T) {
	folders, err := filepath.Glob("*/metadata.yaml")
	if err != nil || len(folders) != len(ours()) {
		t.Errorf("%v %v: the tests know %d", folders, err, len(ours()))
	}
}

func TestMetadataSaysWhatTheCodeDoes(t *testing.T) {
	for folder, c := range ours() {
		t.Run(folder, func(t *testing.T) {
			m := metadataOf(t, folder)
			if m.Type != c.factory.Type().String() || m.Status.Class != c.class {
				t.Errorf("metadata.yaml has %s %s, the factory %s %s", m.Status.Class, m.Type, c.class, c.factory.Type())
			}
			readme, err := os.ReadFile(filepath.Join(folder, "README.md"))
			if err != nil {
				t.Fatal(err)
			}
			var signals []string
			for _, s := range c.made {
				said := slices.Contains(m.Status.Stability[strings.ToLower(s.stability.String())], s.signal)
				if does := s.stability != component.StabilityLevelUndefined; said != does {
					t.Errorf("%s: metadata.yaml says %v, the factory %s", s.signal, m.Status.Stability, s.stability)
				} else if does {
					signals = append(signals, s.signal)
				}
			}
			level := strings.ToLower(collector.Stability.String())
			if want := fmt.Sprintf("| Stability     | [%s]: %s |", level, strings.Join(m.Status.Stability[level], ", ")); !strings.Contains(string(readme), want) || len(signals) != len(m.Status.Stability[level]) {
				t.Errorf("README.md has no line %q; the factory makes %v", want, signals)
			}
			for name, metric := range m.Telemetry.Metrics {
				if !strings.Contains(string(readme), "`"+name+"{"+strings.Join(metric.Attributes, ",")+"}`") {
					t.Errorf("README.md does not speak of %s{%s}", name, strings.Join(metric.Attributes, ","))
				}
				for _, a := range metric.Attributes {
					if m.Attributes[a] == nil {
						t.Errorf("%s: metadata.yaml does not say what %s is", name, a)
					}
				}
			}
		})
	}
}

// The configuration in a README is one that a Collector takes.
func TestReadmeConfiguration(t *testing.T) {
	block := regexp.MustCompile("(?s)```yaml\n(.*?)```")
	for folder, c := range ours() {
		t.Run(folder, func(t *testing.T) {
			readme, err := os.ReadFile(filepath.Join(folder, "README.md"))
			if err != nil {
				t.Fatal(err)
			}
			taken := 0
			for _, found := range block.FindAllSubmatch(readme, -1) {
				var sections map[string]map[string]map[string]any
				if err := yaml.Unmarshal(found[1], &sections); err != nil {
					t.Fatal(err)
				}
				for id, given := range sections[c.class+"s"] {
					if id == c.factory.Type().String() {
						taken++
						unmarshal(t, c.factory, given)
					}
				}
			}
			if taken != 1 {
				t.Errorf("the README configures it %d times", taken)
			}
		})
	}
}

func unmarshal(t *testing.T, f component.Factory, given map[string]any) component.Config {
	t.Helper()
	cfg := f.CreateDefaultConfig()
	if err := confmap.NewFromStringMap(given).Unmarshal(cfg); err != nil {
		t.Fatal(err)
	}
	if err := confmap.Validate(cfg); err != nil {
		t.Fatal(err)
	}
	return cfg
}

func TestLifecycle(t *testing.T) {
	for folder, c := range ours() {
		if err := componenttest.CheckConfigStruct(c.factory.CreateDefaultConfig()); err != nil {
			t.Errorf("%s: %v", folder, err)
		}
		cfg := unmarshal(t, c.factory, metadataOf(t, folder).Tests.Config)
		for _, s := range c.made {
			if s.stability == component.StabilityLevelUndefined {
				continue
			}
			t.Run(folder+"/"+s.signal, func(t *testing.T) {
				// With its defaults it is made, and ends without having begun. What is
				// missing is for Validate to say.
				for _, cfg := range []component.Config{c.factory.CreateDefaultConfig(), cfg} {
					made, err := s.create(componenttest.NewNopTelemetrySettings(), cfg)
					if err != nil {
						t.Fatal(err)
					}
					for range 2 {
						if err := made.Shutdown(t.Context()); err != nil {
							t.Error(err)
						}
					}
				}
				// Twice, as a Collector does whose configuration is read again.
				for range 2 {
					made, err := s.create(componenttest.NewNopTelemetrySettings(), cfg)
					if err != nil {
						t.Fatal(err)
					}
					if err := made.Start(t.Context(), componenttest.NewNopHost()); err != nil {
						t.Error(err)
					}
					if err := made.Shutdown(t.Context()); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
}
