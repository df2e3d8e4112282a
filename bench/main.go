// Command bench measures stocktrace beside the OpenTelemetry Collector with the
// contrib ClickHouse exporter: the same spans, the same engine, the same
// machine, the same minutes. docs/BENCHMARKS.md says what is measured how.
//
// This process is the loader; what is measured runs in children, which are this
// program again (child.go) and `stocktrace run`.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// bench is one run of this command.
type bench struct {
	root    string // the project's
	dir     string // everything written goes here, and is removed
	self    string // this program
	program string // stocktrace

	seed    uint64
	sales   int
	rounds  int
	lookup  []int // events
	rate    int   // events per second
	watch   time.Duration
	profile string
	update  bool
	only    string
	keep    bool
	results results
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "child" {
		if err := child(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if err := measureAll(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// measureAll reads the flags, measures and reports.
func measureAll() (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var b bench
	events := flag.Int("events", 250_000, "events per round")
	flag.IntVar(&b.rounds, "rounds", 3, "rounds of each, taking turns")
	flag.Uint64Var(&b.seed, "seed", 1, "the same seed sells the same")
	sizes := flag.String("lookup", "100000,1000000", "events at which lifecycles are opened")
	flag.IntVar(&b.rate, "rate", 200, "events per second while verdicts are waited for")
	flag.DurationVar(&b.watch, "watch", 45*time.Second, "how long verdicts are waited for")
	flag.StringVar(&b.profile, "profile", "", "write a processor profile of one round of stocktrace to this file, and end")
	flag.BoolVar(&b.update, "update", false, "write the results into docs/BENCHMARKS.md")
	flag.BoolVar(&b.keep, "keep", false, "keep what was written, and say where")
	flag.StringVar(&b.only, "only", "throughput,lookup,freshness", "what to measure")
	flag.Parse()
	b.sales = *events / eventsPerSale
	for text := range strings.SplitSeq(*sizes, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < eventsPerSale {
			return fmt.Errorf("-lookup: %q is no number of events", text)
		}
		b.lookup = append(b.lookup, n)
	}
	if b.root, err = projectRoot(); err != nil {
		return err
	}
	if b.self, err = os.Executable(); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp("", "stocktrace-bench-"); err != nil {
		return err
	}
	if b.keep {
		fmt.Fprintln(os.Stderr, "everything is kept in", b.dir)
	} else {
		defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	}
	if b.profile != "" {
		if b.profile, err = filepath.Abs(b.profile); err != nil {
			return err
		}
		r, err := b.measureTower(ctx, false)
		if err != nil {
			return err
		}
		fmt.Printf("%d events, %.1f processor seconds per million, profile in %s\n", r.events, r.perMillion(), b.profile)
		fmt.Printf("visible after %.1f s, bytes per event on disk:", r.wall.Seconds())
		for _, name := range slices.Sorted(maps.Keys(r.tables)) {
			fmt.Printf(" %s %.1f", name, bytesPerEvent(name)(r))
		}
		fmt.Printf(", together %.1f\n", bytesPerEvent()(r))
		return nil
	}
	b.program = filepath.Join(b.dir, "stocktrace")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", b.program, "./cmd/stocktrace")
	build.Dir, build.Env = b.root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build stocktrace: %w\n%s", err, out)
	}
	if err := b.measure(ctx); err != nil {
		return err
	}
	text := b.report(ctx)
	fmt.Print(text)
	if b.update {
		return b.write(text)
	}
	return nil
}

func (b *bench) measure(ctx context.Context) (err error) {
	if strings.Contains(b.only, "throughput") {
		for i := range b.rounds {
			contestants := []func() error{
				func() error {
					r, err := b.measureTower(ctx, i == 0)
					b.results.tower = append(b.results.tower, r)
					progress("stocktrace", i, r)
					return err
				},
				func() error {
					r, err := b.measurePeer(ctx)
					b.results.peer = append(b.results.peer, r)
					progress("exporter", i, r)
					return err
				},
			}
			// Who begins alternates, too.
			for j := range contestants {
				if err := contestants[(i+j)%2](); err != nil {
					return fmt.Errorf("round %d: %w", i+1, err)
				}
			}
		}
	}
	if strings.Contains(b.only, "lookup") {
		if b.results.lookup, err = b.measureLookup(ctx); err != nil {
			return err
		}
	}
	if strings.Contains(b.only, "freshness") {
		if b.results.fresh, err = b.measureFreshness(ctx); err != nil {
			return err
		}
	}
	return nil
}

func progress(who string, round int, r run) {
	if r.wall > 0 {
		fmt.Fprintf(os.Stderr, "round %d: %-10s %6.0f events/s  %5.1f processor s per million  %4.1f s accepted, %4.1f s visible  %v\n",
			round+1, who, r.perSecond(), r.perMillion(), r.accepted.Seconds(), r.wall.Seconds(), r.parts)
	}
}

// projectRoot is the folder above this module's.
func projectRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "cmd", "stocktrace", "main.go")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("run this within the project: make bench")
		}
	}
}

// pause waits a moment.
func pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(50 * time.Millisecond):
	}
}

// stderrOf adds what a child printed to its error.
func stderrOf(err error) error {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && len(exit.Stderr) > 0 {
		return fmt.Errorf("%w: %s", err, exit.Stderr)
	}
	return err
}
