package jetstreamexporter

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configtls"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"
	"go.yaml.in/yaml/v3"
)

func TestConfig(t *testing.T) {
	all, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]*Config{
		"jetstream": {Endpoint: "nats://nats:4222", Timeout: 15 * time.Second},
		"jetstream/all": {
			Endpoint: "tls://nats-1:4222,tls://nats-2:4222", Username: "collector", Password: "s3cret",
			TLS:        configoptional.Some(configtls.ClientConfig{Config: configtls.Config{CAFile: "/etc/nats/ca.pem"}}),
			Partitions: 16, MaxBytes: 1 << 30, Replicas: 3, Timeout: 3 * time.Second,
			Privacy: Privacy{File: "/etc/stocktrace/privacy.yaml", Key: "0123"},
		},
		"jetstream/credentials": {Endpoint: "nats://nats:4222", CredentialsFile: "/etc/nats/collector.creds", Timeout: 15 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			given, err := all.Sub(name)
			if err != nil {
				t.Fatal(err)
			}
			got, err := read(given)
			if err != nil {
				t.Fatal(err)
			}
			if !got.TLS.HasValue() != !want.TLS.HasValue() || got.TLS.HasValue() && got.TLS.Get().CAFile != want.TLS.Get().CAFile {
				t.Errorf("tls: %+v", got.TLS)
			}
			got.TLS, want.TLS = configoptional.None[configtls.ClientConfig](), configoptional.None[configtls.ClientConfig]()
			if d := cmp.Diff(want, got, cmp.AllowUnexported(configoptional.None[configtls.ClientConfig]())); d != "" {
				t.Error(d)
			}
		})
	}
	if n := len(all.ToStringMap()); n != 3 {
		t.Errorf("testdata has %d configurations", n)
	}
}

func TestMistakes(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "mistakes.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var mistakes []struct {
		Given map[string]any
		Told  string
	}
	if err := yaml.Unmarshal(text, &mistakes); err != nil || len(mistakes) == 0 {
		t.Fatal(mistakes, err)
	}
	for _, m := range mistakes {
		_, err := read(confmap.NewFromStringMap(m.Given))
		if err == nil || !strings.HasSuffix(err.Error(), m.Told) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%v\n got %v\nwant %s", m.Given, err, m.Told)
		}
	}
}

func read(given *confmap.Conf) (*Config, error) {
	cfg := newConfig()
	if err := given.Unmarshal(cfg); err != nil {
		return nil, err
	}
	return cfg.(*Config), confmap.Validate(cfg)
}
