package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stocktrace/stocktrace/internal/estate"
)

// binary is the program under test, built once.
var binary string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "stocktrace-e2e-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer func() { _ = os.RemoveAll(dir) }()
		binary = filepath.Join(dir, "stocktrace")
		build := exec.Command("go", "build", "-o", binary, "./cmd/stocktrace")
		build.Dir = root()
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// root is the project's root.
func root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..")
}

// shared is a file of the material beside the project; the test is skipped where
// it is absent.
func shared(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(root(), "..", "shared", name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("%s is not beside the project: skipped", name)
	}
	return path
}

// instance is a stocktrace process and where it listens.
type instance struct {
	t        *testing.T
	args     []string
	http     string
	grpc     string
	otlp     string
	cmd      *exec.Cmd
	out      *tail
	exited   chan struct{}
	exitCode error
}

// tail keeps the end of what a process printed.
type tail struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (w *tail) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.buf.Len() > 1<<20 {
		w.buf.Next(w.buf.Len() / 2)
	}
	return w.buf.Write(p)
}

func (w *tail) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buf.String()
}

// ports returns n free loopback ports. They are taken at one time, so that they
// differ.
func ports(t *testing.T, n int) []int {
	t.Helper()
	var all []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		all = append(all, l.Addr().(*net.TCPAddr).Port)
	}
	return all
}

// newInstance prepares an instance over a data directory; start runs it.
func newInstance(t *testing.T, data string, args ...string) *instance {
	t.Helper()
	p := ports(t, 3)
	addr := func(i int) string { return fmt.Sprintf("127.0.0.1:%d", p[i]) }
	i := &instance{t: t, http: "http://" + addr(0), grpc: addr(1), otlp: "http://" + addr(2)}
	i.args = append([]string{
		"run", "--data-dir", data, "--listen", addr(0), "--otlp-grpc", addr(1), "--otlp-http", addr(2), "--log-level", "warn",
	}, args...)
	t.Cleanup(i.kill)
	return i
}

// start runs the process and returns when it is ready.
func (i *instance) start() {
	i.t.Helper()
	i.launch()
	i.ready()
}

func (i *instance) launch() {
	i.t.Helper()
	i.out = &tail{}
	i.cmd = exec.Command(binary, i.args...)
	i.cmd.Dir = root()
	i.cmd.Stdout, i.cmd.Stderr = i.out, i.out
	if err := i.cmd.Start(); err != nil {
		i.t.Fatal(err)
	}
	exited := make(chan struct{})
	i.exited = exited
	go func(cmd *exec.Cmd) {
		i.exitCode = cmd.Wait()
		close(exited)
	}(i.cmd)
}

func (i *instance) ready() {
	i.t.Helper()
	eventually(i.t, 2*time.Minute, func() error {
		select {
		case <-i.exited:
			i.t.Fatalf("the instance ended: %v\n%s", i.exitCode, i.out)
		default:
		}
		return get(i.http+"/readyz", nil)
	})
}

// kill ends the process with SIGKILL and waits for it.
func (i *instance) kill() {
	if i.cmd == nil || i.cmd.Process == nil {
		return
	}
	_ = i.cmd.Process.Kill() // it may have ended by itself
	<-i.exited
	if i.t.Failed() {
		i.t.Logf("the instance printed:\n%s", lastLines(i.out.String(), 40))
	}
}

// stop ends it as Ctrl-C does, and wants a clean end.
func (i *instance) stop() {
	i.t.Helper()
	if err := i.cmd.Process.Signal(syscall.SIGINT); err != nil {
		i.t.Fatal(err)
	}
	select {
	case <-i.exited:
	case <-time.After(time.Minute):
		i.t.Fatalf("it does not end on an interrupt:\n%s", i.out)
	}
	if i.exitCode != nil {
		i.t.Fatalf("it did not end cleanly: %v\n%s", i.exitCode, i.out)
	}
}

func lastLines(s string, n int) string {
	lines := bytes.Split([]byte(s), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-n):], []byte("\n")))
}

func (i *instance) tower() *estate.Tower { return &estate.Tower{Server: i.http} }

// options are the retailer's, aimed at this instance.
func (i *instance) options() estate.Options {
	o := estate.Defaults()
	o.Server, o.OTLPGRPC, o.OTLPHTTP = i.http, i.grpc, i.otlp
	return o
}

// verify runs the command and returns its exit code with what it said.
func (i *instance) verify() (code int, out string) {
	cmd := exec.Command(binary, "verify", "--server", i.http)
	b, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), string(b)
	}
	if err != nil {
		i.t.Fatal(err)
	}
	return 0, string(b)
}

// judgedThrough waits until the engine has judged all there is, as of an instant.
func (i *instance) judgedThrough(at time.Time) {
	i.t.Helper()
	eventually(i.t, 6*time.Minute, func() error {
		var s struct {
			Through time.Time `json:"judged_through"`
			Backlog uint64    `json:"backlog"`
		}
		if err := get(i.http+"/api/v1/status", &s); err != nil {
			return err
		}
		if s.Backlog > 0 || s.Through.Before(at) {
			return fmt.Errorf("judged through %s, and %d messages wait", s.Through, s.Backlog)
		}
		return nil
	})
}

// mustVerify waits until the instance verifies.
func (i *instance) mustVerify() {
	i.t.Helper()
	code, out := i.verify()
	if code != 0 {
		i.t.Fatalf("verify ended with %d:\n%s", code, out)
	}
}

// runOK runs a command that must succeed and returns what it printed.
func runOK(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command(binary, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("stocktrace %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// eventually repeats try until it returns nil.
func eventually(t *testing.T, within time.Duration, try func() error) {
	t.Helper()
	deadline := time.Now().Add(within)
	for {
		begun := time.Now()
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %v", within, err)
		}
		// As long again as it took: polling must not be the load.
		<-time.After(max(200*time.Millisecond, time.Since(begun)))
	}
}

func get(url string, into any) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, res.Status)
	}
	if into == nil {
		return nil
	}
	return json.NewDecoder(res.Body).Decode(into)
}
