package app

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestSettingsErrors reads every testdata/settings/*.yaml with the settings
// file's mistakes and compares the sentences with the .txt beside it.
func TestSettingsErrors(t *testing.T) {
	files, err := filepath.Glob("testdata/settings/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			s, _, err := Load(Sources{File: file})
			if err == nil {
				err = s.Validate()
			}
			if err == nil {
				t.Fatal("no error")
			}
			golden(t, strings.TrimSuffix(file, ".yaml")+".txt", err.Error()+"\n")
		})
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func TestSettingsFromFlagsAndEnvironment(t *testing.T) {
	tests := []struct {
		name    string
		environ []string
		flags   map[string]string
		want    string
	}{
		{"flag value", nil, map[string]string{"speed": "fast"}, `--speed: "fast" is not a number`},
		{"flag range", nil, map[string]string{"partitions": "0"}, `--partitions: "0" is not a whole number between 1 and 256`},
		{"environment value", []string{"STOCKTRACE_RETENTION=soon"}, nil, `STOCKTRACE_RETENTION: "soon" is not a number of days like 90d`},
		{"size", nil, map[string]string{"log-size": "1MiB"}, `--log-size: "1MiB" is not a size of 16MiB or more, like 16GiB`},
		{"size without a unit", nil, map[string]string{"log-size": "1000000000"}, `--log-size: "1000000000" is not a size of 16MiB or more, like 16GiB`},
		{"size too large", nil, map[string]string{"log-size": "2000000000TiB"}, `--log-size: "2000000000TiB" is not a size of 16MiB or more, like 16GiB`},
		{"address", nil, map[string]string{"listen": "8080"}, `--listen: "8080" is not an address like 127.0.0.1:8080`},
		{"port", nil, map[string]string{"listen": "127.0.0.1:80800"}, `--listen: "127.0.0.1:80800" has no port between 0 and 65535`},
		{"url", nil, map[string]string{"public-url": "tower"}, `--public-url: "tower" is not a URL like https://stocktrace.example.com`},
		{"choice", nil, map[string]string{"faults": "some"}, `--faults: "some" is no preset; there are default, heavy, none, or name=rate`},
		{"role", nil, map[string]string{"role": "engine,tower"}, `--role: "tower" is not collector, engine or web`},
		{"switch", []string{"STOCKTRACE_SIMULATE=maybe"}, nil, `STOCKTRACE_SIMULATE: "maybe" is not true or false`},
		{"open to others", nil, map[string]string{"listen": "0.0.0.0:8080"}, "--listen: 0.0.0.0:8080 can be reached from other machines: set --auth-token, or listen on 127.0.0.1"},
		{"open by environment", []string{"STOCKTRACE_OTLP_GRPC=:4317"}, nil, "STOCKTRACE_OTLP_GRPC: :4317 can be reached from other machines: set --auth-token, or listen on 127.0.0.1"},
		{"one role alone", nil, map[string]string{"role": "engine", "nats-url": "nats://n:4222"}, "--role: a process that takes only some roles shares its tables with others: set --clickhouse-dsn"},
		{"half of slack", nil, map[string]string{"slack-channel": "C1"}, "--slack-channel: set --slack-token too"},
		{"speed of reality", nil, map[string]string{"speed": "60"}, "--speed: only a simulated retailer can live faster: set --simulate too"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			s, _, err := Load(Sources{Environ: tt.environ, Flags: tt.flags})
			if err == nil {
				err = s.Validate()
			}
			if err == nil || err.Error() != tt.want {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

func TestSettingsPrecedence(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.WriteFile(DefaultFile, []byte("retention: 30d\nrate: 5\nspeed: 60\nlocations: stores.yaml\nrole: [collector, web]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, warnings, err := Load(Sources{
		Environ: []string{"STOCKTRACE_RATE=7", "STOCKTRACE_SPEED=70", "STOCKTRACE_SPED=1", "STOCKTRACE_PORT=tcp://10.0.0.1:80", "PATH=/bin"},
		Flags:   map[string]string{"speed": "80"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if s.Retention != 30*24*time.Hour || s.Simulation.Rate != 7 || s.Speed != 80 {
		t.Errorf("retention %v, rate %v, speed %v; want 720h from the file, 7 from the environment, 80 from the flag",
			s.Retention, s.Simulation.Rate, s.Speed)
	}
	if !s.Has(RoleCollector) || s.Has(RoleEngine) || !s.Has(RoleWeb) {
		t.Errorf("roles %v, want collector and web", s.Roles)
	}
	if want := filepath.Join(dir, "stores.yaml"); !strings.HasSuffix(s.Locations, want) {
		t.Errorf("locations %q, want %q", s.Locations, want)
	}
	if s.PublicURL != "http://127.0.0.1:8080" {
		t.Errorf("public url %q", s.PublicURL)
	}
	for name, want := range map[string]string{"retention": "stocktrace.yaml:1", "rate": "STOCKTRACE_RATE", "speed": "--speed"} {
		if got, _ := s.Given(name); got != want {
			t.Errorf("%s was given at %q, want %q", name, got, want)
		}
	}
	if _, ok := s.Given("listen"); ok {
		t.Error("listen was left at its default")
	}
	want := []string{"STOCKTRACE_SPED is no setting and was ignored; did you mean STOCKTRACE_SPEED?"}
	if diff := cmp.Diff(want, warnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

func TestSettingsFileElsewhere(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "conf", "st.yaml")
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("data-dir: ../kept\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, _, err := Load(Sources{File: file})
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(dir, "kept"); s.DataDir != want {
		t.Errorf("data directory %q, want %q: a path in a file begins at the file", s.DataDir, want)
	}
	if _, _, err := Load(Sources{File: filepath.Join(dir, "none.yaml")}); err == nil {
		t.Error("a file that was named and does not exist is no error")
	}
}

// TestSettingsAreDocumented demands of every setting what help and the
// operations page rest on.
func TestSettingsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/OPERATIONS.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, s := range All() {
		if seen[s.Name] {
			t.Errorf("%s is declared twice", s.Name)
		}
		seen[s.Name] = true
		if s.Usage == "" || s.Group == "" || (s.Kind != Switch) != (s.Placeholder != "") {
			t.Errorf("%s lacks usage, group or placeholder", s.Name)
		}
		if !strings.Contains(string(page), "`--"+s.Name+"`") {
			t.Errorf("docs/OPERATIONS.md does not say what --%s is", s.Name)
		}
	}
}

func TestLoopback(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1:80": true, "[::1]:80": true, "localhost:80": true, "127.9.9.9:80": true, "[::ffff:127.0.0.1]:80": true,
		":80": false, "0.0.0.0:80": false, "[::]:80": false, "10.0.0.1:80": false, "tower.example.com:80": false,
	} {
		if got := Loopback(address); got != want {
			t.Errorf("Loopback(%q) = %v", address, got)
		}
	}
}

func TestNearest(t *testing.T) {
	names := []string{"data-dir", "listen", "otlp-grpc", "otlp-http", "slack-token"}
	for typed, want := range map[string]string{
		"data_dir": "data-dir", "datadir": "data-dir", "lisetn": "listen", "otlp-grcp": "otlp-grpc", "port": "",
		"grpc": "otlp-grpc", "slack": "slack-token", "Listen": "listen", "colour": "",
	} {
		got, slip := Nearest(typed, names)
		if !slip {
			got = ""
		}
		if got != want {
			t.Errorf("nearest(%q) = %q, want %q", typed, got, want)
		}
	}
}
