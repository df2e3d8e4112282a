package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stocktrace/stocktrace/internal/app"
	"github.com/stocktrace/stocktrace/internal/store/chdb"
)

// instance is a whole stocktrace of a test: everything real, on free ports.
type instance struct {
	t   *testing.T
	app *app.App
	url string
	dir string
}

// needEngine skips where the embedded ClickHouse is not installed.
func needEngine(t *testing.T) {
	t.Helper()
	if _, err := chdb.FindLibrary(""); err != nil {
		t.Skipf("no embedded ClickHouse: %v", err)
	}
}

// settings returns those of an instance on free ports.
func settings(t *testing.T, dir string, flags map[string]string) *app.Settings {
	t.Helper()
	all := map[string]string{"data-dir": dir, "listen": "127.0.0.1:0", "otlp-grpc": "127.0.0.1:0", "otlp-http": "127.0.0.1:0"}
	for name, v := range flags {
		all[name] = v
	}
	s, _, err := app.Load(app.Sources{Flags: all})
	if err == nil {
		err = s.Validate()
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func start(t *testing.T, dir string, flags map[string]string) *instance {
	t.Helper()
	needEngine(t)
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	a, err := app.New(app.Options{Settings: settings(t, dir, flags), Version: "test", Log: log})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Stop(); err != nil {
			t.Error(err)
		}
	})
	return &instance{t: t, app: a, url: a.URL(), dir: dir}
}

func (i *instance) stop() {
	i.t.Helper()
	if err := i.app.Stop(); err != nil {
		i.t.Fatal(err)
	}
}

// post sends a CloudEvent and demands that it is on disk.
func (i *instance) post(id, system, step, receipt string, at time.Time) {
	i.t.Helper()
	event := fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"/test/%s","type":"inventory.sale.%s","time":%q,
		"data":{"workflow":"sale","step":%q,"system":%q,"location":"0123","register":"04","keys":{"receipt":%q},
		"lines":[{"line":"1","item":"4006381333931","quantity":"-2","uom":"EA"}]}}`,
		id, system, step, at.Format(time.RFC3339Nano), step, system, receipt)
	status, body := i.do(http.MethodPost, "/v1/events", "application/cloudevents+json", event)
	if status != http.StatusOK {
		i.t.Fatalf("POST /v1/events: %d %s", status, body)
	}
}

func (i *instance) do(method, path, contentType, body string) (status int, answer string) {
	i.t.Helper()
	req, err := http.NewRequestWithContext(i.t.Context(), method, i.url+path, strings.NewReader(body))
	if err != nil {
		i.t.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		i.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		i.t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

type lifecycles struct {
	Items []struct {
		CorrelationID string            `json:"correlation_id"`
		Verdict       string            `json:"verdict"`
		Sentence      string            `json:"sentence"`
		Keys          map[string]string `json:"keys"`
		Steps         []struct {
			System  string `json:"system"`
			Step    string `json:"step"`
			Outcome string `json:"outcome"`
		} `json:"steps"`
	} `json:"items"`
}

// find asks for a key until the answer satisfies ok.
func (i *instance) find(key string, ok func(lifecycles) bool) lifecycles {
	i.t.Helper()
	ctx, cancel := context.WithTimeout(i.t.Context(), 30*time.Second)
	defer cancel()
	for {
		var l lifecycles
		status, body := i.do(http.MethodGet, "/api/v1/lifecycles?key="+key, "", "")
		if status != http.StatusOK {
			i.t.Fatalf("ask for %s: %d %s", key, status, body)
		}
		if err := json.Unmarshal([]byte(body), &l); err != nil {
			i.t.Fatal(err)
		}
		if ok(l) {
			return l
		}
		select {
		case <-ctx.Done():
			i.t.Fatalf("%s stays at %+v", key, l)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// passed counts the steps that succeeded.
func passed(l lifecycles) int {
	n := 0
	for _, item := range l.Items {
		for _, s := range item.Steps {
			if s.Outcome == "ok" {
				n++
			}
		}
	}
	return n
}

func (i *instance) verify() app.VerifyReport {
	i.t.Helper()
	status, body := i.do(http.MethodPost, "/api/v1/verify", "", "")
	var r app.VerifyReport
	if err := json.Unmarshal([]byte(body), &r); status != http.StatusOK || err != nil {
		i.t.Fatalf("verify: %d %s", status, body)
	}
	return r
}

// TestWholeInstance sells once, sees the verdict, stops, starts, and sees it
// again.
func TestWholeInstance(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	i := start(t, dir, nil)
	sold := time.Now().UTC().Truncate(time.Second)
	i.post("1", "pos", "completed", "0123-04-000778", sold)
	l := i.find("0123-04-000778", func(l lifecycles) bool { return passed(l) == 1 })
	if len(l.Items) != 1 || l.Items[0].Verdict != "open" || l.Items[0].Sentence == "" {
		t.Errorf("after the sale: %+v", l)
	}
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/", "/api/openapi.json"} {
		if status, body := i.do(http.MethodGet, path, "", ""); status != http.StatusOK {
			t.Errorf("GET %s: %d %s", path, status, body)
		}
	}
	if _, body := i.do(http.MethodGet, "/metrics", "", ""); !strings.Contains(body, `stocktrace_collector_accepted_total{transport="cloudevents"} 1`) ||
		!strings.Contains(body, "stocktrace_log_up 1") {
		t.Errorf("metrics lack what happened:\n%s", body)
	}
	if status, body := i.do(http.MethodPost, "/v1/events", "application/cloudevents+json", `{"specversion":"1.0","id":"x"}`); status != http.StatusBadRequest {
		t.Errorf("a malformed event: %d %s", status, body)
	}
	i.waitQuarantined(1)

	// Who starts a second one on the directory is told who has it.
	other, err := app.New(app.Options{Settings: settings(t, dir, nil)})
	if err != nil {
		t.Fatal(err)
	}
	err = other.Start(t.Context())
	if inUse, ok := errors.AsType[*app.InUseError](err); !ok || inUse.Holder.PID != os.Getpid() || inUse.Holder.URL != i.url {
		t.Errorf("a second instance: %v", err)
	}

	i.stop()
	i = start(t, dir, nil)
	l = i.find("778", func(l lifecycles) bool { return passed(l) == 1 })
	i.post("2", "middleware", "accepted", "0123-04-000778", sold.Add(time.Second))
	i.post("3", "middleware", "mapped", "0123-04-000778", sold.Add(2*time.Second))
	i.post("4", "oms", "availability_updated", "0123-04-000778", sold.Add(2*time.Second))
	i.post("5", "erp", "posted", "123-4-778", sold.Add(3*time.Second))
	l = i.find("778", func(l lifecycles) bool { return passed(l) == 5 })
	if len(l.Items) != 1 || l.Items[0].Verdict != "complete" {
		t.Errorf("after the posting: %+v", l)
	}
	i.waitQuarantined(1)
	if r := i.verify(); r.Count != 0 || r.Records != 5 || r.Lifecycles != 1 {
		t.Errorf("verify: %+v", r)
	}
}

func (i *instance) waitQuarantined(n int) {
	i.t.Helper()
	ctx, cancel := context.WithTimeout(i.t.Context(), 30*time.Second)
	defer cancel()
	for {
		var q struct {
			Items []struct{ Detail string } `json:"items"`
		}
		_, body := i.do(http.MethodGet, "/api/v1/quarantine", "", "")
		if err := json.Unmarshal([]byte(body), &q); err != nil {
			i.t.Fatalf("%v: %s", err, body)
		}
		if len(q.Items) == n {
			return
		}
		select {
		case <-ctx.Done():
			i.t.Fatalf("%d in quarantine, want %d", len(q.Items), n)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// TestBackupDrill backs a running instance up, loses it, and goes on from the
// backup.
func TestBackupDrill(t *testing.T) {
	i := start(t, filepath.Join(t.TempDir(), "data"), nil)
	sold := time.Now().UTC().Truncate(time.Second)
	for n := range 50 {
		i.post(fmt.Sprint("pos-", n), "pos", "completed", fmt.Sprintf("0123-04-%06d", n), sold)
	}
	backup := filepath.Join(t.TempDir(), "backup")
	status, body := i.do(http.MethodPost, "/api/v1/backup", "application/json", fmt.Sprintf(`{"dir":%q}`, backup))
	if status != http.StatusOK {
		t.Fatalf("backup: %d %s", status, body)
	}
	var report app.BackupReport
	if err := json.Unmarshal([]byte(body), &report); err != nil {
		t.Fatal(err)
	}
	if report.Events+report.Messages < 50 {
		t.Errorf("%+v is less than the 50 events acknowledged before", report)
	}
	// The engine goes on after it.
	i.post("after", "pos", "completed", "0123-04-000900", sold)
	i.find("900", func(l lifecycles) bool { return passed(l) == 1 })
	if status, body := i.do(http.MethodPost, "/api/v1/backup", "application/json", fmt.Sprintf(`{"dir":%q}`, backup)); status == http.StatusOK || !strings.Contains(body, "exists already") {
		t.Errorf("a backup over a backup: %d %s", status, body)
	}
	i.stop()

	restored := filepath.Join(t.TempDir(), "restored")
	r, err := app.Restore(t.Context(), app.Options{Settings: settings(t, restored, nil)}, backup)
	if err != nil {
		t.Fatal(err)
	}
	if r != report {
		t.Errorf("restored %+v of %+v", r, report)
	}
	i = start(t, restored, nil)
	for n := range 50 {
		i.find(fmt.Sprintf("0123-04-%06d", n), func(l lifecycles) bool { return passed(l) == 1 })
	}
	i.post("new", "pos", "completed", "0123-04-000901", sold)
	i.find("901", func(l lifecycles) bool { return passed(l) == 1 })
	if v := i.verify(); v.Count != 0 || v.Records != 51 || v.Lifecycles != 51 {
		t.Errorf("verify after the restore: %+v", v)
	}
	i.stop()

	// A directory with something in it is left alone.
	if _, err := app.Restore(t.Context(), app.Options{Settings: settings(t, restored, nil)}, backup); err == nil || !strings.Contains(err.Error(), "is not empty") {
		t.Errorf("a restore over data: %v", err)
	}
	if _, err := app.Restore(t.Context(), app.Options{Settings: settings(t, filepath.Join(t.TempDir(), "x"), nil)}, t.TempDir()); err == nil || !strings.Contains(err.Error(), "no finished backup") {
		t.Errorf("a restore of nothing: %v", err)
	}
}

// TestTokenGuardsEverything asks without, with a wrong and with the right token.
func TestTokenGuardsEverything(t *testing.T) {
	i := start(t, filepath.Join(t.TempDir(), "data"), map[string]string{"auth-token": "s3cret"})
	for _, path := range []string{"GET /metrics", "GET /api/v1/status", "POST /v1/events", "POST /api/v1/verify", "POST /api/v1/backup", "GET /"} {
		method, target, _ := strings.Cut(path, " ")
		for _, token := range []string{"", "wrong"} {
			req, err := http.NewRequestWithContext(t.Context(), method, i.url+target, strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			if token != "" {
				req.Header.Set("Authorization", "Bearer "+token)
			}
			client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
			res, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			login := res.StatusCode == http.StatusFound && strings.HasPrefix(res.Header.Get("Location"), "/login")
			if res.StatusCode != http.StatusUnauthorized && !login {
				t.Errorf("%s with token %q: %d", path, token, res.StatusCode)
			}
		}
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		if status, _ := i.do(http.MethodGet, path, "", ""); status != http.StatusOK {
			t.Errorf("%s asks for a token: %d", path, status)
		}
	}
}

// TestStartThatFails leaves nothing open: the directory can be used at once.
func TestStartThatFails(t *testing.T) {
	needEngine(t)
	dir := filepath.Join(t.TempDir(), "data")
	file := filepath.Join(t.TempDir(), "stores.yaml")
	if err := os.WriteFile(file, []byte("locations:\n  - name: nameless\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		flags map[string]string
		want  string
	}{
		"locations": {map[string]string{"locations": file}, file + ":2: a location needs an id"},
		"library":   {map[string]string{"libchdb": filepath.Join(dir, "none.so")}, "none.so"},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := app.New(app.Options{Settings: settings(t, dir, tt.flags)})
			if err != nil {
				t.Fatal(err)
			}
			if err := a.Start(t.Context()); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	start(t, dir, nil)
}

// TestPartThatFails ends the instance with the part's error.
func TestPartThatFails(t *testing.T) {
	var log bytes.Buffer
	a, err := app.New(app.Options{Settings: settings(t, t.TempDir(), nil), Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	app.GoRun(a, "first", func(ctx context.Context) error {
		<-ctx.Done()
		order = append(order, "first")
		return nil
	})
	app.GoRun(a, "second", func(context.Context) error { return errors.New("broken") })
	app.GoRun(a, "third", func(ctx context.Context) error {
		<-ctx.Done()
		order = append(order, "third")
		return ctx.Err()
	})
	if err := a.Wait(t.Context()); err == nil || err.Error() != "second: broken" {
		t.Errorf("got %v", err)
	}
	if got := strings.Join(order, " "); got != "third first" {
		t.Errorf("stopped %q, want the last one started first", got)
	}
	if err := a.Stop(); err != nil {
		t.Errorf("second stop: %v", err)
	}
}
