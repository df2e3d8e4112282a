package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// results is everything that was measured.
type results struct {
	tower, peer []run
	lookup      []opening
	fresh       freshness
}

// median of what f says of the runs.
func median(runs []run, f func(run) float64) float64 {
	all := make([]float64, len(runs))
	for i, r := range runs {
		all[i] = f(r)
	}
	slices.Sort(all)
	if n := len(all); n%2 == 0 {
		return (all[n/2-1] + all[n/2]) / 2
	}
	return all[len(all)/2]
}

// spread is the least and the greatest of what f says.
func spread(runs []run, f func(run) float64) (least, most float64) {
	least, most = f(runs[0]), f(runs[0])
	for _, r := range runs {
		least, most = min(least, f(r)), max(most, f(r))
	}
	return least, most
}

// bytesPerEvent is what the tables take for one event; all tables where none is
// named.
func bytesPerEvent(names ...string) func(run) float64 {
	return func(r run) float64 {
		var total uint64
		for name, u := range r.tables {
			if len(names) == 0 || slices.Contains(names, name) {
				total += u.Bytes
			}
		}
		return float64(total) / float64(r.events)
	}
}

// report is the results as Markdown.
func (b *bench) report(ctx context.Context) string {
	var t strings.Builder
	line := func(format string, a ...any) { fmt.Fprintf(&t, format+"\n", a...) }
	line("%s, commit %s, %s", time.Now().UTC().Format("2006-01-02 15:04 UTC"), commit(ctx, b.root), machine())
	line("Command: `make bench ARGS=%q`.", strings.Join(os.Args[1:], " "))
	line("")
	r := b.results
	if len(r.tower) > 0 && len(r.peer) > 0 {
		events := r.tower[0].events
		line("%d rounds of %d events each, taking turns; medians, in brackets the least and the most.", len(r.tower), events)
		line("")
		line("| | stocktrace | contrib exporter | ratio |")
		line("|---|---:|---:|---:|")
		row := func(name, format string, ours, theirs func(run) float64, better string) {
			a, p := median(r.tower, ours), median(r.peer, theirs)
			al, am := spread(r.tower, ours)
			pl, pm := spread(r.peer, theirs)
			cell := format + " (" + format + "–" + format + ")"
			line("| %s | "+cell+" | "+cell+" | %.2f, %s |", name, a, al, am, p, pl, pm, a/p, better)
		}
		row("events per processor second", "%.0f", func(r run) float64 { return 1e6 / r.perMillion() },
			func(r run) float64 { return 1e6 / r.perMillion() }, "more is better")
		row("processor seconds per million events", "%.1f", run.perMillion, run.perMillion, "less is better")
		row("events per second until visible", "%.0f", run.perSecond, run.perSecond, "more is better")
		row("events per second until the last OK", "%.0f", func(r run) float64 { return float64(r.events) / r.accepted.Seconds() },
			func(r run) float64 { return float64(r.events) / r.accepted.Seconds() }, "more is better")
		row("peak memory, MiB", "%.0f", func(r run) float64 { return float64(r.peak) / (1 << 20) },
			func(r run) float64 { return float64(r.peak) / (1 << 20) }, "less is better")
		row("bytes per event on disk: the events", "%.1f", bytesPerEvent("events"), bytesPerEvent("otel_traces"), "less is better")
		row("bytes per event on disk: every table", "%.1f", bytesPerEvent(), bytesPerEvent(), "less is better")
		line("")
		var parts []string
		for _, name := range []string{"collector", "engine"} {
			parts = append(parts, fmt.Sprintf("%s %.1f", name,
				median(r.peer, func(r run) float64 { return r.parts[name].Seconds() / float64(r.events) * 1e6 })))
		}
		line("Of the exporter's processor seconds per million: %s. Our tables, bytes per event: %s.", strings.Join(parts, ", "), ourTables(r.tower))
		line("")
	}
	if len(r.lookup) > 0 {
		line("Opening one lifecycle through the API (%d of each, at random, after merges have settled), milliseconds:", lookups)
		line("")
		line("| events | by id p50 | p99 | processor | by printed receipt p50 | p99 | processor | filled in |")
		line("|---:|---:|---:|---:|---:|---:|---:|---:|")
		for _, o := range r.lookup {
			line("| %d | %.1f | %.1f | %.1f | %.1f | %.1f | %.1f | %s |", o.Events, ms(o.ByID.P50), ms(o.ByID.P99), ms(o.ByID.Processor),
				ms(o.ByReceipt.P50), ms(o.ByReceipt.P99), ms(o.ByReceipt.Processor), o.Filled.Round(time.Second))
		}
		if a, z := r.lookup[0], r.lookup[len(r.lookup)-1]; len(r.lookup) > 1 {
			growth := func(a, z time.Duration) float64 { return float64(z) / float64(a) }
			line("| growth over %d× | %.2f | %.2f | %.2f | %.2f | %.2f | %.2f | |", z.Events/a.Events,
				growth(a.ByID.P50, z.ByID.P50), growth(a.ByID.P99, z.ByID.P99), growth(a.ByID.Processor, z.ByID.Processor),
				growth(a.ByReceipt.P50, z.ByReceipt.P50), growth(a.ByReceipt.P99, z.ByReceipt.P99), growth(a.ByReceipt.Processor, z.ByReceipt.Processor))
		}
		line("")
	}
	if r.fresh.Samples > 0 {
		line("From OTLP OK to the verdict in the API, at %d events/s, %d sales watched every %s: p50 %.2f s, p99 %.2f s.",
			r.fresh.Rate, r.fresh.Samples, r.fresh.Grain, r.fresh.P50.Seconds(), r.fresh.P99.Seconds())
		line("")
	}
	return t.String()
}

func ourTables(runs []run) string {
	var names []string
	for name, u := range runs[0].tables {
		if u.Bytes > 0 && float64(u.Bytes)/float64(runs[0].events) >= 0.05 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var parts []string
	for _, name := range names {
		parts = append(parts, fmt.Sprintf("%s %.1f", name, median(runs, bytesPerEvent(name))))
	}
	return strings.Join(parts, ", ")
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func commit(ctx context.Context, root string) string {
	out, err := exec.CommandContext(ctx, "git", "-C", root, "describe", "--always", "--dirty").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

func machine() string {
	text := fmt.Sprintf("%d cores", runtime.NumCPU())
	info, err := os.ReadFile("/proc/meminfo")
	if err == nil {
		var kib int
		if _, err := fmt.Sscanf(string(info), "MemTotal: %d kB", &kib); err == nil {
			text += fmt.Sprintf(", %.0f GiB", float64(kib)/(1<<20))
		}
	}
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		text += ", load at the end " + strings.Fields(string(load))[1]
	}
	return text
}

// The part of docs/BENCHMARKS.md that -update writes.
const (
	beginResults = "<!-- results -->"
	endResults   = "<!-- /results -->"
)

// write puts the results into docs/BENCHMARKS.md.
func (b *bench) write(text string) error {
	name := filepath.Join(b.root, "docs", "BENCHMARKS.md")
	document, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(document), beginResults)
	_, after, closed := strings.Cut(rest, endResults)
	if !ok || !closed {
		return errors.New("docs/BENCHMARKS.md has no place for results")
	}
	return os.WriteFile(name, []byte(before+beginResults+"\n"+text+endResults+after), 0o644) //nolint:gosec // a document
}
