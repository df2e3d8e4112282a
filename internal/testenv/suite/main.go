// Command suite runs the tests in suites, one after the other, and says of each
// how many tests it has and how long they took. Packages' closing lines are
// those of go test; of a failed test everything is shown, of a skipped one why.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"time"
)

// suites in the order they run, quickest first: a mistake shows early. A package
// belongs to the first suite that names it or a folder above it; what nobody
// names is in the last one.
var suites = []struct {
	name    string
	folders []string
}{
	{"language and rules", []string{"inventory", "lifecycle", "slo", "alerts"}},
	{"events in", []string{"collector"}},
	{"log", []string{"internal/wire", "internal/stream"}},
	{"tables", []string{"internal/store", "queries"}},
	{"retailer", []string{"internal/estate"}},
	{"pages", []string{"web"}},
	{"instance", []string{"internal/app", "internal/testenv", "cmd"}},
	{"end to end", nil},
}

func main() {
	race := flag.Bool("race", false, "with the race detector")
	only := flag.String("only", "", "run this suite alone")
	timeout := flag.Duration("timeout", 30*time.Minute, "how long a package may take")
	flag.Parse()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	ok, err := run(ctx, *only, *timeout, *race)
	if err != nil {
		fmt.Fprintln(os.Stderr, "suite:", err)
	}
	if err != nil || !ok {
		os.Exit(1) //nolint:gocritic // nothing is deferred but the signal handler
	}
}

func run(ctx context.Context, only string, timeout time.Duration, race bool) (ok bool, err error) {
	packages, err := listPackages(ctx)
	if err != nil {
		return false, err
	}
	begun, ok := time.Now(), true
	var all tally
	var lines []string
	for i, s := range suites {
		if (only != "" && only != s.name) || len(packages[i]) == 0 {
			continue
		}
		fmt.Printf("\n=== %s\n", s.name)
		args := []string{"test", "-json", "-timeout", timeout.String()}
		if race {
			args = append(args, "-race")
		}
		t, err := goTest(ctx, append(args, packages[i]...))
		if err != nil {
			return false, err
		}
		line := fmt.Sprintf("%-20s%s", s.name, t)
		lines = append(lines, line)
		ok = ok && !t.bad
		all.add(t)
	}
	if len(lines) == 0 {
		return false, fmt.Errorf("no suite is named %q", only)
	}
	all.took = time.Since(begun)
	fmt.Printf("\n%s\n%-20s%s\n", strings.Join(lines, "\n"), "all", all)
	return ok, nil
}

// listPackages returns the packages with tests by suite.
func listPackages(ctx context.Context) ([][]string, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-f",
		"{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}\t{{.Module.Path}}{{end}}", "./...")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("list packages: %w", err)
	}
	packages := make([][]string, len(suites))
	for line := range strings.Lines(string(out)) {
		path, module, found := strings.Cut(strings.TrimSpace(line), "\t")
		if !found {
			continue
		}
		folder := strings.TrimPrefix(path, module+"/")
		at := slices.IndexFunc(suites, func(s struct {
			name    string
			folders []string
		},
		) bool {
			return slices.ContainsFunc(s.folders, func(f string) bool {
				return folder == f || strings.HasPrefix(folder, f+"/")
			})
		})
		if at < 0 {
			at = len(suites) - 1
		}
		packages[at] = append(packages[at], path)
	}
	return packages, nil
}

// tally counts tests; one with subtests is counted by them.
type tally struct {
	passed, failed, skipped int
	bad                     bool
	took                    time.Duration
}

func (t *tally) add(u tally) {
	t.passed, t.failed, t.skipped = t.passed+u.passed, t.failed+u.failed, t.skipped+u.skipped
	t.bad = t.bad || u.bad
}

func (t tally) String() string {
	s := fmt.Sprintf("%5d passed", t.passed)
	if t.skipped > 0 {
		s += fmt.Sprintf(", %d skipped", t.skipped)
	}
	if t.failed > 0 {
		s += fmt.Sprintf(", %d FAILED", t.failed)
	} else if t.bad {
		s += ", FAILED"
	}
	return s + fmt.Sprintf(", %.0f s", t.took.Seconds())
}

// event is a line of go test -json.
type event struct {
	Action     string
	Package    string
	ImportPath string
	Test       string
	Output     string
}

func goTest(ctx context.Context, args []string) (tally, error) {
	begun := time.Now()
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return tally{}, fmt.Errorf("run go test: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return tally{}, fmt.Errorf("run go test: %w", err)
	}
	t, err := follow(out, os.Stdout)
	t.took = time.Since(begun)
	if werr := cmd.Wait(); werr != nil {
		t.bad = true
		if _, exited := errors.AsType[*exec.ExitError](werr); !exited {
			err = errors.Join(err, werr)
		}
	}
	return t, errors.Join(err, ctx.Err())
}

// follow reads go test's events, writes what a person wants to see and counts.
func follow(r io.Reader, w io.Writer) (tally, error) {
	var t tally
	output := map[string][]string{} // by package and test, until it is known whether it matters
	parents := map[string]bool{}
	d := json.NewDecoder(bufio.NewReader(r))
	for {
		var e event
		if err := d.Decode(&e); errors.Is(err, io.EOF) {
			return t, nil
		} else if err != nil {
			return t, fmt.Errorf("read go test's output: %w", err)
		}
		key := e.Package + "\x00" + e.Test
		switch e.Action {
		case "build-output":
			fmt.Fprint(w, e.Output)
		case "run":
			if i := strings.LastIndexByte(e.Test, '/'); i > 0 {
				parents[e.Package+"\x00"+e.Test[:i]] = true
			}
		case "output":
			output[key] = append(output[key], e.Output)
		case "pass", "fail", "skip":
			if e.Test == "" {
				if e.Action == "fail" {
					unfinished(w, output, e.Package)
				}
				closing(w, e.Action, output[key])
				t.bad = t.bad || e.Action == "fail"
				delete(output, key)
				continue
			}
			if e.Action != "pass" {
				for _, line := range output[key] {
					if !strings.HasPrefix(line, "=== ") {
						fmt.Fprint(w, line)
					}
				}
			}
			delete(output, key)
			if parents[key] {
				continue
			}
			switch e.Action {
			case "pass":
				t.passed++
			case "skip":
				t.skipped++
			default:
				t.failed++
			}
		}
	}
}

// unfinished writes the end of what the tests printed that were running when
// their package ended: one of them took too long, or brought the process down.
// The traces of all goroutines are at the end of such an output, and are long.
func unfinished(w io.Writer, output map[string][]string, pkg string) {
	const most = 200
	for _, key := range slices.Sorted(maps.Keys(output)) {
		name, test, _ := strings.Cut(key, "\x00")
		if name != pkg || test == "" {
			continue
		}
		lines := output[key]
		fmt.Fprintf(w, "--- UNFINISHED: %s\n", test)
		if len(lines) > 2*most {
			lines = slices.Concat(lines[:most], []string{fmt.Sprintf("... %d lines ...\n", len(lines)-2*most)}, lines[len(lines)-most:])
		}
		for _, line := range lines {
			fmt.Fprint(w, line)
		}
		delete(output, key)
	}
}

// closing writes a package's last lines: all of a failed one, because it may
// have died outside any test.
func closing(w io.Writer, action string, lines []string) {
	for _, line := range lines {
		if action == "fail" || strings.HasPrefix(line, "ok ") || strings.HasPrefix(line, "? ") || strings.HasPrefix(line, "FAIL") {
			fmt.Fprint(w, line)
		}
	}
}
