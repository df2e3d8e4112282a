package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stocktrace/stocktrace/internal/store/chdb"
)

// TestMain lets the test binary be the program itself, for tests that need it as
// a process.
func TestMain(m *testing.M) {
	if os.Getenv("TEST_BE_STOCKTRACE") != "" {
		os.Exit(Main("test"))
	}
	os.Exit(m.Run())
}

// process is a running program.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	url  string
	done chan error
}

func command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), "TEST_BE_STOCKTRACE=1", "NO_COLOR=1")
	return cmd
}

// startProcess starts `stocktrace run` and waits until it says where it answers.
func startProcess(t *testing.T, args ...string) *process {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	p := &process{t: t, cmd: command(ctx, append([]string{"run", "--listen", "127.0.0.1:0", "--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0"}, args...)...), done: make(chan error, 1)}
	p.cmd.Stderr = t.Output()
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	address := regexp.MustCompile(`^  pages +(http://\S+)$`)
	for lines.Scan() {
		if m := address.FindStringSubmatch(lines.Text()); m != nil {
			p.url = m[1]
		}
		if strings.HasPrefix(lines.Text(), "Ctrl-C") {
			break
		}
	}
	go func() {
		_, _ = io.Copy(io.Discard, out)
		p.done <- p.cmd.Wait()
	}()
	if p.url == "" {
		t.Fatal("it did not start")
	}
	return p
}

// interrupt presses Ctrl-C and demands a clean end.
func (p *process) interrupt() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGINT); err != nil {
		p.t.Fatal(err)
	}
	if err := <-p.done; err != nil {
		p.t.Fatalf("after Ctrl-C: %v", err)
	}
}

// count returns how many lifecycles of the last hour there are, up to 1000.
func (p *process) count() int {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, p.url+"/api/v1/lifecycles?limit=1000", nil)
	if err != nil {
		p.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	var l list[json.RawMessage]
	if err := json.NewDecoder(res.Body).Decode(&l); err != nil {
		p.t.Fatal(err)
	}
	return len(l.Items)
}

// TestProgramAsAProcess runs the simulated retailer at a minute a second, stops
// it, asks what is kept while it is stopped, and starts it again.
func TestProgramAsAProcess(t *testing.T) {
	if _, err := chdb.FindLibrary(""); err != nil {
		t.Skipf("no embedded ClickHouse: %v", err)
	}
	dir := filepath.Join(t.TempDir(), "data")
	flags := []string{"--simulate", "--speed", "60", "--rate", "1", "--data-dir", dir}
	p := startProcess(t, flags...)
	deadline := time.Now().Add(time.Minute)
	for p.count() < 20 {
		if time.Now().After(deadline) {
			t.Fatalf("after a minute there are %d lifecycles", p.count())
		}
		<-time.After(100 * time.Millisecond)
	}
	// A command finds the instance by the directory it uses.
	out, err := command(t.Context(), "report", "--data-dir", dir).Output()
	if err != nil || !strings.Contains(string(out), "Sales are in the ERP within 5 minutes") {
		t.Errorf("report of a running instance: %v\n%s", err, out)
	}
	// What other rules would change is asked of it too.
	workflows := filepath.Join(t.TempDir(), "sale.yaml")
	rule := func(deadline string) {
		t.Helper()
		text := "workflow: sale\nanchor: pos completed\nsteps:\n  - step: pos completed\n    title: Sold\n    missing: Not sold\n    required: true\n" +
			"  - step: erp posted\n    title: Posted\n    missing: Not posted\n    after: [pos completed]\n    required: true\n    posts: true\n    deadline: " +
			deadline + "\n    clock: continuous\n"
		if err := os.WriteFile(workflows, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rule("1s")
	out, err = command(t.Context(), "preview", "--data-dir", dir, workflows).CombinedOutput()
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != ExitNo || !strings.Contains(string(out), "would be judged otherwise") {
		t.Errorf("preview of other rules: %v\n%s", err, out)
	}
	rule("soon")
	out, err = command(t.Context(), "preview", "--data-dir", dir, workflows).CombinedOutput()
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != ExitError || !strings.Contains(string(out), "sale.yaml:14") {
		t.Errorf("preview of a mistake: %v\n%s", err, out)
	}
	p.interrupt()

	out, err = command(t.Context(), "verify", "--data-dir", dir).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "no difference") {
		t.Errorf("verify of a stopped instance: %v\n%s", err, out)
	}

	p = startProcess(t, flags...)
	before := p.count()
	if before < 20 {
		t.Errorf("started again it has %d lifecycles", before)
	}
	for deadline = time.Now().Add(time.Minute); p.count() < before+20; {
		if time.Now().After(deadline) {
			t.Fatalf("started again it goes on to %d lifecycles only", p.count())
		}
		<-time.After(100 * time.Millisecond)
	}
	// Killed in the middle, what it had received and not judged is judged by who
	// asks.
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := <-p.done; err == nil {
		t.Error("killed, it ended as if it had been asked to")
	}
	out, err = command(t.Context(), "verify", "--data-dir", dir).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "no difference") {
		t.Errorf("verify of a killed instance: %v\n%s", err, out)
	}
}

// TestStoppedWhileStarting ends the program before it is ready.
func TestStoppedWhileStarting(t *testing.T) {
	if _, err := chdb.FindLibrary(""); err != nil {
		t.Skipf("no embedded ClickHouse: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	dir := filepath.Join(t.TempDir(), "data")
	cmd := command(ctx, "run", "--listen", "127.0.0.1:0", "--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0", "--data-dir", dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "lock")); err == nil {
			break
		}
		if ctx.Err() != nil {
			t.Fatal("it did not begin")
		}
		<-time.After(time.Millisecond)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("stopped while starting it says %v", err)
	}
	// Nothing is in the way of the next start.
	startProcess(t, "--data-dir", dir).interrupt()
}
