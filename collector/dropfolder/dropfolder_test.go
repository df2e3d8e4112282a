package dropfolder_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stocktrace/stocktrace/collector"
	"github.com/stocktrace/stocktrace/collector/dropfolder"
	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/internal/stream"
	"github.com/stocktrace/stocktrace/internal/testenv"
	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/lifecycle"
)

// lines reads one event a line; "bad" is a problem, unless the reader is mended.
type lines struct{ version string }

func (l lines) Fingerprint() string { return l.version }

func (l lines) Read(_ context.Context, document io.Reader, from format.Source, yield func(format.Item) error) error {
	s := bufio.NewScanner(document)
	for n := 1; s.Scan(); n++ {
		path := fmt.Sprintf("line %d", n)
		item := format.Item{Path: path, Raw: []byte(s.Text()), RawType: "text/plain"}
		if s.Text() == "bad" && l.version != "mended" {
			item.Problem = &format.Problem{Path: path, Detail: "is bad."}
		} else {
			item.Event = inventory.Event{
				ID: s.Text(), Source: from.Name, Type: "inventory.sale.completed", Time: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC),
				Workflow: "sale", Step: "completed", System: "pos", Location: "0123", MappingVersion: l.version,
			}
		}
		if err := yield(item); err != nil {
			return err
		}
	}
	return s.Err()
}

// world is a folder, a log and a clock.
type world struct {
	t      *testing.T
	dir    string
	now    time.Time
	log    *stream.Log
	taker  dropfolder.Taker
	reader lines
	folder dropfolder.Folder
	state  string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), now: time.Now(), log: testenv.Stream(t, 4), reader: lines{"1"}, state: filepath.Join(t.TempDir(), "state")}
	w.folder = dropfolder.Folder{Dir: w.dir, Source: "/pos/1"}
	w.taker = w.documents(w.log.Publisher())
	return w
}

func (w *world) documents(p collector.Publisher) *collector.Documents {
	w.t.Helper()
	d, err := collector.NewDocuments(collector.Options{Publisher: p})
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

// watcher starts anew, as a process does.
func (w *world) watcher() *dropfolder.Watcher {
	w.t.Helper()
	got, err := dropfolder.New(dropfolder.Options{
		Folders: []dropfolder.Folder{w.folder}, State: w.state, Taker: w.taker,
		Reader: func() dropfolder.Reader { return w.reader },
		Now:    func() time.Time { return w.now }, After: time.After,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return got
}

// look looks twice, with the time files need to settle between.
func (w *world) look(watcher *dropfolder.Watcher) {
	w.t.Helper()
	watcher.Look(w.t.Context(), 0)
	w.now = w.now.Add(10 * time.Minute)
	watcher.Look(w.t.Context(), 0)
}

func (w *world) write(name, text string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// files lists everything in the folder.
func (w *world) files() string {
	w.t.Helper()
	var all []string
	err := filepath.WalkDir(w.dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			name, _ := filepath.Rel(w.dir, path)
			all = append(all, filepath.ToSlash(name))
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// stored reads the whole log: how often each record id is in it. Two contents of
// one id fail the test.
func (w *world) stored() map[string]int {
	w.t.Helper()
	counts, contents := map[string]int{}, map[string]inventory.Hash{}
	for p := range w.log.Partitions() {
		r, err := w.log.Read(w.t.Context(), lifecycle.Lease{Partition: p, Epoch: 1})
		if err != nil {
			w.t.Fatal(err)
		}
		for {
			messages, err := r.Fetch(w.t.Context(), 100, 50*time.Millisecond)
			if err != nil {
				w.t.Fatal(err)
			}
			if len(messages) == 0 {
				break
			}
			for _, m := range messages {
				for _, rec := range m.Parcel.Records {
					counts[rec.ID]++
					if before, ok := contents[rec.ID]; ok && before != rec.Content {
						w.t.Errorf("%s has two contents", rec.ID)
					}
					contents[rec.ID] = rec.Content
				}
			}
		}
		if err := r.Close(); err != nil {
			w.t.Error(err)
		}
	}
	return counts
}

func sales(from, to int) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, "r-%d\n", i)
	}
	return b.String()
}

func TestFilesAreTakenOnceAndMoved(t *testing.T) {
	w := newWorld(t)
	w.write("a.txt", sales(0, 10))
	w.write("b.txt.part", sales(10, 20))
	w.write(".hidden", sales(20, 30))
	watcher := w.watcher()
	watcher.Look(t.Context(), 0)
	if got := w.files(); got != ".hidden a.txt b.txt.part" {
		t.Fatalf("taken before it has settled: %s", got)
	}
	if h := watcher.Health()[0]; h.Waiting != 1 || h.Incomplete != 1 {
		t.Errorf("%+v", h)
	}
	w.look(watcher)
	if got := w.files(); got != ".hidden b.txt.part done/a.txt" {
		t.Fatal(got)
	}
	// The same name again, another file: both stay.
	w.write("a.txt", sales(5, 15))
	w.look(watcher)
	if got := w.files(); got != ".hidden b.txt.part done/a.2.txt done/a.txt" {
		t.Fatal(got)
	}
	// Moved back and renamed: known, and not read again.
	if err := os.Rename(filepath.Join(w.dir, "done/a.txt"), filepath.Join(w.dir, "again.txt")); err != nil {
		t.Fatal(err)
	}
	w.taker = nothing{t}
	w.look(w.watcher())
	if got := w.files(); got != ".hidden b.txt.part done/a.2.txt done/again.txt" {
		t.Fatal(got)
	}
	counts := w.stored()
	if len(counts) != 15 || counts["/pos/1 r-0"] != 1 {
		t.Errorf("%v", counts)
	}
	if h := watcher.Health()[0]; h.Done != 2 || h.Failed != 0 || h.Err != "" || h.Waiting != 0 {
		t.Errorf("%+v", h)
	}
}

// nothing is a taker that must not be asked.
type nothing struct{ t *testing.T }

func (n nothing) Take(context.Context, collector.DocumentReader, io.Reader, format.Source, collector.Resume, func(collector.Taken) error) (collector.Taken, error) {
	n.t.Error("a file is read again")
	return collector.Taken{}, nil
}

func TestMarkers(t *testing.T) {
	w := newWorld(t)
	w.folder.Markers = true
	w.write("a.txt", sales(0, 3))
	watcher := w.watcher()
	w.look(watcher)
	if got := w.files(); got != "a.txt" {
		t.Fatal(got)
	}
	w.write("a.txt.complete", "")
	watcher.Look(t.Context(), 0)
	if got := w.files(); got != "done/a.txt done/a.txt.complete" || len(w.stored()) != 3 {
		t.Fatal(got)
	}
}

// crashing is a process that dies when a part is on disk and its checkpoint is
// not: between publishing and the checkpoint.
type crashing struct {
	dropfolder.Taker
	after int // items
}

var errCrash = errors.New("the process is gone")

func (c crashing) Take(ctx context.Context, r collector.DocumentReader, d io.Reader, from format.Source, resume collector.Resume, stored func(collector.Taken) error) (collector.Taken, error) {
	return c.Taker.Take(ctx, r, d, from, resume, func(t collector.Taken) error {
		if t.Items >= c.after {
			return errCrash
		}
		return stored(t)
	})
}

func TestACrashBetweenPublishingAndCheckpointLosesAndDoublesNothing(t *testing.T) {
	w := newWorld(t)
	w.write("a.txt", sales(0, 2300))
	sound := w.taker
	for _, at := range []int{500, 1000, 1000, 2300} {
		w.taker = crashing{sound, at}
		w.look(w.watcher())
		if got := w.files(); got != "a.txt" {
			t.Fatalf("moved although its last checkpoint is missing: %s", got)
		}
	}
	// Renamed while the process was away.
	if err := os.Rename(filepath.Join(w.dir, "a.txt"), filepath.Join(w.dir, "b.txt")); err != nil {
		t.Fatal(err)
	}
	w.taker = sound
	w.look(w.watcher())
	if got := w.files(); got != "done/b.txt" {
		t.Fatal(got)
	}
	counts := w.stored() // fails where one id has two contents
	if len(counts) != 2300 {
		t.Errorf("%d records, want 2300", len(counts))
	}
	// A part comes again at most once for each crash that fell on it.
	if n := counts["/pos/1 r-1200"]; n > 2 {
		t.Errorf("a record of the part after the checkpoint came %d times", n)
	}
}

// away is a log that cannot be reached.
type away struct{}

func (away) Publish(context.Context, []inventory.Record) error { return collector.ErrUnavailable }

func (away) Quarantine(context.Context, []inventory.Quarantined) error {
	return collector.ErrUnavailable
}

func TestALogThatIsAwayIsWaitedFor(t *testing.T) {
	w := newWorld(t)
	w.write("a.txt", sales(0, 3))
	sound := w.taker
	w.taker = w.documents(away{})
	watcher := w.watcher()
	w.look(watcher)
	if h := watcher.Health()[0]; w.files() != "a.txt" || !strings.Contains(h.Err, "a.txt: publish: the log is unavailable") {
		t.Errorf("%s %+v", w.files(), h)
	}
	w.taker = sound
	w.look(w.watcher())
	if got := w.files(); got != "done/a.txt" || len(w.stored()) != 3 {
		t.Error(got)
	}
}

func TestWhatFailedIsTriedAgainAloneUnderNewMappings(t *testing.T) {
	w := newWorld(t)
	w.write("a.txt", "r-1\nbad\nr-2\n")
	w.look(w.watcher())
	if got := w.files(); got != "failed/a.txt" {
		t.Fatal(got)
	}
	again := func() {
		t.Helper()
		if err := os.Rename(filepath.Join(w.dir, "failed/a.txt"), filepath.Join(w.dir, "a.txt")); err != nil {
			t.Fatal(err)
		}
		w.look(w.watcher())
	}
	again() // nothing has changed: it fails again, without being read
	if got := w.files(); got != "failed/a.txt" {
		t.Fatal(got)
	}
	w.reader.version = "mended"
	again()
	if got := w.files(); got != "done/a.txt" {
		t.Fatal(got)
	}
	// r-1 and r-2 are as they were accepted: under the first version, once.
	if counts := w.stored(); len(counts) != 3 || counts["/pos/1 r-1"] != 1 || counts["/pos/1 bad"] != 1 {
		t.Errorf("%v", counts)
	}
}

func TestAFileThatGrowsAfterItWasTakenIsReadAgain(t *testing.T) {
	w := newWorld(t)
	w.write("a.txt", sales(0, 3))
	watcher := w.watcher()
	w.look(watcher)
	f, err := os.OpenFile(filepath.Join(w.dir, "done/a.txt"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(f, sales(3, 6)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	w.look(watcher)
	if counts := w.stored(); w.files() != "done/a.txt" || len(counts) != 6 {
		t.Errorf("%s %v", w.files(), counts)
	}
}

func TestARunningWatcherEndsWithItsContext(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	watcher := w.watcher()
	go func() { ended <- watcher.Run(ctx) }()
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestMemoryDoesNotGrowWithTheFile(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 64 MiB")
	}
	w := newWorld(t)
	name := filepath.Join(w.dir, "large.txt")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	out := bufio.NewWriter(f)
	const each, count = 4 << 10, 16 << 10
	for i := range count {
		fmt.Fprintf(out, "%0*d\n", each-1, i)
	}
	if err := errors.Join(out.Flush(), f.Close()); err != nil {
		t.Fatal(err)
	}
	peak, records := uint64(0), 0
	w.taker = w.documents(counting{func(n int) {
		if records += n; records%4096 < n {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapAlloc)
		}
	}})
	w.look(w.watcher())
	if records != count || peak > 32<<20 {
		t.Errorf("%d records, %d MiB held", records, peak>>20)
	}
	t.Logf("64 MiB in %d records, at most %d MiB held", records, peak>>20)
}

type counting struct{ each func(int) }

func (c counting) Publish(_ context.Context, r []inventory.Record) error   { c.each(len(r)); return nil }
func (counting) Quarantine(context.Context, []inventory.Quarantined) error { return nil }
