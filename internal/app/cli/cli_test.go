package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/stocktrace/stocktrace/internal/app"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, file, got string) {
	t.Helper()
	file = filepath.Join("testdata", file)
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

// run runs a command line on a machine in UTC, at 9:45 on the day of the test
// data; its store is in Paris.
func run(t *testing.T, environ []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	p := Program{
		Args: args, Environ: environ, Stdout: &out, Stderr: &errs, Version: "1.2.3", Zone: time.UTC,
		Now: func() time.Time { return time.Date(2026, 11, 23, 9, 45, 0, 0, time.UTC) },
	}
	code = p.Run(t.Context())
	return code, out.String(), errs.String()
}

// fakeAPI answers the questions of the test data.
func fakeAPI(t *testing.T, token string) string {
	t.Helper()
	serve := func(w http.ResponseWriter, file string) {
		text, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(text)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /api/v1/lifecycles", func(w http.ResponseWriter, r *http.Request) {
		one, err := os.ReadFile("testdata/lifecycle.json")
		if err != nil {
			t.Error(err)
		}
		second := bytes.ReplaceAll(one, []byte("c-7f3a"), []byte("c-80bb"))
		switch r.URL.Query().Get("key") {
		case "0123-04-000778", "c-7f3a":
			_, _ = w.Write([]byte(`{"items":[` + string(one) + `],"next":""}`))
		case "778":
			_, _ = w.Write([]byte(`{"items":[` + string(one) + "," + string(second) + `],"next":""}`))
		default:
			_, _ = w.Write([]byte(`{"items":[],"next":""}`))
		}
	})
	mux.HandleFunc("GET /api/v1/lifecycles/{id}", func(w http.ResponseWriter, _ *http.Request) { serve(w, "lifecycle.json") })
	mux.HandleFunc("GET /api/v1/findings/groups", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("region") == "mars" {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"status":400,"title":"That address cannot be read","detail":"Parameter region: no such place."}`))
			return
		}
		serve(w, "groups.json")
	})
	mux.HandleFunc("GET /api/v1/findings", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("groups") != "without" {
			t.Errorf("members were asked for among groups: %s", r.URL)
		}
		serve(w, "members.json")
	})
	mux.HandleFunc("POST /api/v1/findings/{id}/{verb}", func(w http.ResponseWriter, r *http.Request) {
		var body map[string]any
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || body["by"] != "ada" || r.Header.Get("Stocktrace-Client") != "cli" {
			t.Errorf("%s: %v %v", r.URL, body, err)
		}
		if r.PathValue("verb") == "resolve" && body["resolution"] != "accepted" {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusUnprocessableEntity)
			_, _ = w.Write([]byte(`{"status":422,"detail":"Say how it was resolved: resolution is one of corrected_manually, accepted."}`))
			return
		}
		_, _ = w.Write([]byte(`{"count":1,"applied":true,"findings":[{"id":"f-1","sentence":"Not in ERP: due 10:07, nothing came."}]}`))
	})
	mux.HandleFunc("POST /api/v1/findings/{verb}", func(w http.ResponseWriter, r *http.Request) {
		var body map[string]any
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || r.URL.Query().Get("group") != "g1" || r.URL.Query().Has("state") {
			t.Errorf("%s: %v %v", r.URL, body, err)
		}
		if r.URL.Query().Get("preview") == "1" {
			_, _ = w.Write([]byte(`{"count":39,"skipped":1,"preview":true,"findings":[]}`))
			return
		}
		if body["expect"] != 39.0 {
			t.Errorf("expects %v", body["expect"])
		}
		_, _ = w.Write([]byte(`{"count":39,"skipped":1,"applied":false,"findings":[]}`))
	})
	mux.HandleFunc("GET /api/v1/objectives", func(w http.ResponseWriter, _ *http.Request) { serve(w, "objectives.json") })
	mux.HandleFunc("GET /api/v1/objectives/{name}/report", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("month") != "2026-10" {
			t.Errorf("another month was asked for: %s", r.URL)
		}
		serve(w, "month-"+r.PathValue("name")+".json")
	})
	mux.HandleFunc("GET /api/v1/replays", func(w http.ResponseWriter, r *http.Request) {
		if from := r.URL.Query().Get("from"); from != "" && from != "2026-11-23T00:00:00Z" {
			t.Errorf("another window was asked for: %s", r.URL)
		}
		serve(w, "replays.json")
	})
	mux.HandleFunc("POST /api/v1/verify", func(w http.ResponseWriter, _ *http.Request) {
		if token == "" {
			_, _ = w.Write([]byte(`{"records":10,"lifecycles":3,"findings":1,"count":0,"differences":[]}`))
			return
		}
		_, _ = w.Write([]byte(`{"records":10,"lifecycles":3,"findings":1,"count":7,"differences":[{"what":"lifecycle","id":"c-7f3a","detail":"is stored as complete and computed as overdue"}]}`))
	})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" && token != "" && r.Header.Get("Authorization") != "Bearer "+token {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

func TestAnswers(t *testing.T) {
	server := fakeAPI(t, "")
	tests := []struct {
		name string
		code int
		args []string
	}{
		{"trace", ExitYes, []string{"trace", "0123-04-000778"}},
		{"trace-candidates", ExitYes, []string{"trace", "778"}},
		{"trace-nothing", ExitNo, []string{"trace", "999"}},
		{"findings", ExitYes, []string{"findings"}},
		{"findings-members", ExitYes, []string{"findings", "--group", "g1"}},
		{"replays", ExitYes, []string{"replays"}},
		{"replays-all", ExitYes, []string{"replays", "--all", "--from", "2026-11-23T00:00:00Z"}},
		{"report", ExitYes, []string{"report"}},
		{"report-month", ExitYes, []string{"report", "--month", "2026-10"}},
		{"verify", ExitYes, []string{"verify"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, out, errs := run(t, nil, append(tt.args, "--server", server)...)
			if code != tt.code || errs != "" {
				t.Errorf("exit %d, want %d; stderr %q", code, tt.code, errs)
			}
			golden(t, tt.name+".txt", out)
		})
	}
}

func TestJSONIsHandedOn(t *testing.T) {
	server := fakeAPI(t, "")
	for _, tt := range []struct {
		file string
		args []string
	}{
		{"lifecycle.json", []string{"trace", "c-7f3a"}},
		{"groups.json", []string{"findings"}},
		{"objectives.json", []string{"report"}},
		{"replays.json", []string{"replays"}},
	} {
		code, out, errs := run(t, nil, append(tt.args, "-o", "json", "--server", server)...)
		want, err := os.ReadFile(filepath.Join("testdata", tt.file))
		if err != nil {
			t.Fatal(err)
		}
		if code != ExitYes || errs != "" || out != string(want) {
			t.Errorf("%v: exit %d, stderr %q, output differs from %s: %v", tt.args, code, errs, tt.file, out != string(want))
		}
	}
}

func TestVerifyFindsADifference(t *testing.T) {
	server := fakeAPI(t, "secret")
	code, out, errs := run(t, []string{"STOCKTRACE_AUTH_TOKEN=secret"}, "verify", "--server", server)
	if code != ExitNo || errs != "" {
		t.Errorf("exit %d, want %d; stderr %q", code, ExitNo, errs)
	}
	golden(t, "verify-differs.txt", out)
}

// TestColours draws a trace as a terminal shows it.
func TestColours(t *testing.T) {
	var out bytes.Buffer
	s := &screen{w: &out, colour: true, zone: time.UTC}
	s.table([][]cell{{{text: "●", style: green}, {text: "ok", style: green}, {text: "1", right: true}}, {{text: "✗", style: red}, {text: "failed"}, {text: "10", right: true}}})
	want := "  \x1b[32m●\x1b[0m  \x1b[32mok\x1b[0m       1\n  \x1b[31m✗\x1b[0m  failed  10\n"
	if out.String() != want {
		t.Errorf("got  %q\nwant %q", out.String(), want)
	}
}

// TestMistakes compares what the command line says to slips.
func TestMistakes(t *testing.T) {
	server := fakeAPI(t, "")
	guarded := fakeAPI(t, "secret")
	none := t.TempDir()
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"command", []string{"trce", "1"}, "unknown command \"trce\"; did you mean `stocktrace trace`?"},
		{"no such command", []string{"frobnicate"}, "unknown command \"frobnicate\"; `stocktrace --help` lists them"},
		{"flag", []string{"run", "--lisen", "x"}, "unknown flag --lisen; did you mean --listen?"},
		{"no such flag", []string{"version", "--frobnicate"}, "unknown flag --frobnicate; `stocktrace version --help` lists the flags"},
		{"no key", []string{"trace"}, "which one? Give a receipt, order, document or any other number: stocktrace trace 0123-04-000778"},
		{"argument", []string{"run", "now"}, "run takes flags only; `stocktrace run --help` lists them"},
		{"value", []string{"run", "--speed", "fast", "--partitions", "x"}, "--speed: \"fast\" is not a number\nstocktrace: --partitions: \"x\" is not a whole number between 1 and 256"},
		{"answer", []string{"findings", "--region", "mars", "--server", server}, "Parameter region: no such place."},
		{"token", []string{"findings", "--server", guarded}, "the instance asks who you are: give its --auth-token (or STOCKTRACE_AUTH_TOKEN)"},
		{"nobody", []string{"report", "--server", "http://127.0.0.1:1"}, "no stocktrace answers at http://127.0.0.1:1 (--server): connect: connection refused"},
		{"nothing", []string{"report", "--data-dir", none}, "no stocktrace answers at http://127.0.0.1:8080, and " + none + " holds no data; start one with `stocktrace run`, or name it with --server or --data-dir"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, out, errs := run(t, nil, tt.args...)
			if code != ExitError || out != "" || errs != "stocktrace: "+tt.want+"\n" {
				t.Errorf("exit %d, stdout %q, stderr\n%swant\nstocktrace: %s", code, out, errs, tt.want)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "good.yaml"), filepath.Join(dir, "bad.yaml")
	for file, text := range map[string]string{
		good:                              "locations: stores.yaml\n",
		bad:                               "locations: none.yaml\nlisten: 0.0.0.0:8080\n",
		filepath.Join(dir, "stores.yaml"): "locations:\n  - id: \"0123\"\n",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	code, out, errs := run(t, nil, "check", "--config", good)
	if code != ExitYes || errs != "" || !strings.Contains(out, "✓ 1 location in "+filepath.Join(dir, "stores.yaml")) {
		t.Errorf("exit %d, stdout %q, stderr %q", code, out, errs)
	}
	code, out, errs = run(t, nil, "check", "--config", bad)
	if code != ExitNo || errs != "" || !strings.Contains(out, "✗ "+bad+":2: 0.0.0.0:8080 can be reached from other machines") {
		t.Errorf("exit %d, stdout %q, stderr %q", code, out, errs)
	}
}

// TestHelpTeaches demands of every command what a person needs who has never
// seen it, and keeps the front page.
func TestHelpTeaches(t *testing.T) {
	p := Program{Stdout: io.Discard, Stderr: io.Discard}
	root := p.root()
	for _, c := range root.Commands() {
		if c.Name() == "help" || c.Name() == "completion" {
			continue
		}
		t.Run(c.Name(), func(t *testing.T) {
			if c.Short == "" || c.GroupID == "" || c.Args == nil {
				t.Error("lacks a short text, a group or a check of its arguments")
			}
			if c.Name() != "version" && (c.Long == "" || !strings.Contains(c.Example, "stocktrace "+c.Name())) {
				t.Error("lacks a long text or an example")
			}
			c.Flags().VisitAll(func(f *pflag.Flag) {
				if f.Usage == "" {
					t.Errorf("--%s does not say what it is", f.Name)
				}
				if _, ok := f.Value.(*settingFlag); !ok && app.Lookup(f.Name) != nil {
					t.Errorf("--%s is a setting and no flag of its own", f.Name)
				}
			})
			for _, e := range examples(c) {
				if _, _, err := root.Find(e); err != nil {
					t.Errorf("example %v: %v", e, err)
				}
			}
			code, out, errs := run(t, nil, c.Name(), "--help")
			if code != ExitYes || errs != "" || !strings.HasPrefix(out, "stocktrace "+c.Name()+": "+c.Short) {
				t.Errorf("exit %d, stderr %q, help %q", code, errs, out)
			}
			for line := range strings.Lines(out) {
				if n := len([]rune(line)); n > 121 {
					t.Errorf("line of %d characters: %s", n, line)
				}
			}
		})
	}
	code, out, _ := run(t, nil, "--help")
	if code != ExitYes {
		t.Errorf("exit %d", code)
	}
	golden(t, "help.txt", out)
	if _, bare, _ := run(t, nil); bare != out {
		t.Error("without a command it does not show help")
	}
}

// examples returns the command lines of a command's examples, checking that
// their flags exist.
func examples(c *cobra.Command) [][]string {
	var found [][]string
	for line := range strings.Lines(c.Example) {
		line, _, _ = strings.Cut(strings.TrimSpace(line), "  ")
		if rest, ok := strings.CutPrefix(line, "stocktrace "); ok {
			found = append(found, strings.Fields(rest))
		}
	}
	return found
}

func TestExamplesUseFlagsThatExist(t *testing.T) {
	p := Program{Stdout: io.Discard, Stderr: io.Discard}
	root := p.root()
	for _, c := range root.Commands() {
		for _, e := range examples(c) {
			named, _, err := root.Find(e)
			if err != nil {
				t.Fatal(err)
			}
			for _, word := range e {
				if name, ok := strings.CutPrefix(word, "--"); ok && named.Flags().Lookup(name) == nil {
					t.Errorf("the example %q uses --%s, which %s does not have", strings.Join(e, " "), name, named.Name())
				}
			}
		}
	}
}

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		120 * time.Millisecond: "120 ms", 1200 * time.Millisecond: "1.2 s", 59 * time.Second: "59 s",
		135 * time.Second: "2 min 15 s", 47 * time.Minute: "47 min", 125 * time.Minute: "2 h 05 min", time.Hour: "1 h",
		76 * time.Hour: "3 d 4 h", 72 * time.Hour: "3 d", -90 * time.Second: "−1 min 30 s",
	} {
		if got := duration(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}

// TestInterrupted ends a command that waits for an answer.
func TestInterrupted(t *testing.T) {
	asked := make(chan struct{})
	release := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/healthz" {
			return
		}
		close(asked)
		<-release
	}))
	defer srv.Close()
	defer close(release)
	ctx, cancel := context.WithCancel(t.Context())
	p := Program{Args: []string{"report", "--server", srv.URL}, Stdout: io.Discard, Stderr: io.Discard}
	done := make(chan int)
	go func() { done <- p.Run(ctx) }()
	<-asked
	cancel()
	if code := <-done; code != ExitError {
		t.Errorf("exit %d, want %d", code, ExitError)
	}
}

// TestHandling: what a person does about findings, one or what filters select.
func TestHandling(t *testing.T) {
	server := fakeAPI(t, "")
	for _, tt := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"ack", "f-1"}, ExitYes, "1 finding acknowledged.\nNot in ERP: due 10:07, nothing came.\n"},
		{[]string{"assign", "f-1", "--to", "erp team"}, ExitYes, "1 finding assigned.\nNot in ERP: due 10:07, nothing came.\n"},
		{[]string{"resolve", "f-1", "--as", "accepted"}, ExitYes, "1 finding resolved.\nNot in ERP: due 10:07, nothing came.\n"},
		{[]string{"reopen", "f-1"}, ExitYes, "1 finding opened again.\nNot in ERP: due 10:07, nothing came.\n"},
		{[]string{"resolve", "f-1"}, ExitError, "stocktrace: Say how it was resolved: resolution is one of corrected_manually, accepted.\n"},
		{[]string{"ack", "--group", "g1"}, ExitYes, "These filters select 39 findings; skipped 1 it cannot be done to. Nothing is done yet: add --expect 39.\n"},
		{[]string{"ack", "--group", "g1", "--expect", "39"}, ExitYes, "On record: 39 findings acknowledged; skipped 1 it cannot be done to. The engine has not acted on it yet; stocktrace findings shows when it has.\n"},
		{[]string{"ack"}, ExitError, "stocktrace: which ones? Name a finding, or filters such as --group: stocktrace findings ack --help\n"},
		{[]string{"ack", "f-1", "--group", "g1"}, ExitError, "stocktrace: name a finding or filters, not both\n"},
	} {
		code, out, errs := run(t, nil, append(append([]string{"findings"}, tt.args...), "--by", "ada", "--server", server)...)
		if code != tt.code || out+errs != tt.want {
			t.Errorf("%v: exit %d\n%s%swant %d\n%s", tt.args, code, out, errs, tt.code, tt.want)
		}
	}
}
