package dropfolder

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/stocktrace/stocktrace/collector"
	"github.com/stocktrace/stocktrace/collector/format"
)

// Reader reads documents, and says by what: mappings that change get another
// fingerprint.
type Reader interface {
	collector.DocumentReader
	Fingerprint() string
}

// Taker puts documents into the log; see [collector.Documents].
type Taker interface {
	Take(ctx context.Context, reader collector.DocumentReader, document io.Reader, from format.Source, resume collector.Resume, stored func(collector.Taken) error) (collector.Taken, error)
}

// Folder is one folder that is watched.
type Folder struct {
	// Dir is the folder. Sub-folders are not looked into.
	Dir string
	// Source, System, Instance, Location and Zone are what is known of whoever
	// writes into it; see [format.Source]. An empty Source is /drop/ and the
	// folder's name.
	Source, System, Instance, Location string
	Zone                               *time.Location
	// Markers makes files wait for one of the same name with .complete behind it.
	Markers bool
}

// Names of the folders that files are moved to, within the watched one, and the
// ending of markers. Files whose names begin with a dot or end as files in work
// do are left alone.
const (
	DoneDir   = "done"
	FailedDir = "failed"
	Marker    = ".complete"
)

var inWork = []string{".tmp", ".part", ".partial", ".filepart", ".crdownload", ".swp", "~"}

// Options of a Watcher. Folders, State, Taker and Reader are required.
type Options struct {
	Folders []Folder
	// State is the directory that checkpoints are kept in; it is made.
	State string
	Taker Taker
	// Reader returns what documents are read by now. One file is read by one.
	Reader func() Reader
	// ZoneOf is the declared zone of a location, nil where there is none.
	ZoneOf func(location string) *time.Location
	// Every is how often folders are looked at; the default is 5 s.
	Every time.Duration
	// Settle is how long a file must not have changed before it is taken; the
	// default is 10 s. A file whose size grows later is read again as another one.
	Settle time.Duration
	// Now and After are the clock; the default is this machine's.
	Now   func() time.Time
	After func(time.Duration) <-chan time.Time
	Log   *slog.Logger
}

// Watcher takes what comes into folders. Its methods may be called by several
// goroutines.
type Watcher struct {
	o    Options
	desk desk

	mu     sync.Mutex
	state  map[string]*seen // by path, of files that wait
	health []Health
	moved  []moved
}

// moved is a file that was taken lately, as it was then.
type moved struct {
	folder  int
	path    string
	size    int64
	changed time.Time
	at      time.Time
}

// watchMoved is how long a file is looked at after it was taken: a writer that
// paused for longer than Settle still holds it open and goes on writing into it.
const watchMoved = time.Hour

// seen is a file as it was at the last look.
type seen struct {
	size    int64
	changed time.Time // by the file system
	since   time.Time // when we first saw it so
	failing time.Time // do not try before
	tries   int
}

// Health is how a folder does.
type Health struct {
	Dir string
	// Waiting counts files that are not taken yet, Incomplete those among them
	// that are being written or miss their marker.
	Waiting, Incomplete int
	// Done and Failed count files since the start.
	Done, Failed int
	// Current is the file being read, and the items taken of it.
	Current string
	Items   int
	// Err is why the last look, or a file, did not succeed; empty where it did.
	Err string
}

// New returns a watcher that does not run yet. It makes the folders' sub-folders
// and the state directory.
func New(o Options) (*Watcher, error) {
	if o.Taker == nil || o.Reader == nil || o.State == "" {
		return nil, errors.New("dropfolder: State, Taker and Reader are required")
	}
	o.Every, o.Settle = cmp.Or(o.Every, 5*time.Second), cmp.Or(o.Settle, 10*time.Second)
	if o.Now == nil {
		o.Now, o.After = time.Now, time.After
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	w := &Watcher{o: o, desk: desk{o.State}, state: map[string]*seen{}, health: make([]Health, len(o.Folders))}
	if err := os.MkdirAll(o.State, 0o700); err != nil {
		return nil, fmt.Errorf("drop folders: %w", err)
	}
	for i := range o.Folders {
		f := &w.o.Folders[i]
		w.health[i].Dir = f.Dir
		if f.Source == "" {
			f.Source = "/drop/" + strings.ReplaceAll(filepath.Base(f.Dir), " ", "-")
		}
		info, err := os.Stat(f.Dir)
		if err != nil {
			return nil, fmt.Errorf("drop folder: %w; make it, or correct its name", err)
		}
		if !info.IsDir() {
			return nil, fmt.Errorf("drop folder %s is no folder", f.Dir)
		}
		for _, sub := range []string{DoneDir, FailedDir} {
			if err := os.MkdirAll(filepath.Join(f.Dir, sub), 0o750); err != nil {
				return nil, fmt.Errorf("drop folder: %w; files are moved to %s and %s below it", err, DoneDir, FailedDir)
			}
		}
	}
	return w, w.desk.prune(o.Now())
}

// Run looks at the folders until ctx ends. It fails only where checkpoints cannot
// be kept at all; what is wrong with a folder or file is logged, shown by Health,
// and tried again.
func (w *Watcher) Run(ctx context.Context) error {
	var wait sync.WaitGroup
	// One goroutine a folder: a large file must not hold up the others.
	for i := range w.o.Folders {
		wait.Go(func() {
			for ctx.Err() == nil {
				w.Look(ctx, i)
				select {
				case <-ctx.Done():
				case <-w.o.After(w.o.Every):
				}
			}
		})
	}
	wait.Wait()
	return nil
}

// Health returns how each folder does.
func (w *Watcher) Health() []Health {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.health)
}

func (w *Watcher) tell(i int, f func(*Health)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f(&w.health[i])
}

// Look takes the files of a folder that are ready, the oldest first, and returns.
func (w *Watcher) Look(ctx context.Context, folder int) {
	dir := w.o.Folders[folder].Dir
	err := w.bringBack(folder)
	ready, waiting, readErr := w.ready(folder)
	err = errors.Join(err, readErr)
	w.tell(folder, func(h *Health) {
		h.Waiting, h.Incomplete, h.Err = len(ready)+waiting, waiting, ""
		if err != nil {
			h.Err = err.Error()
		}
	})
	if err != nil {
		w.o.Log.Warn("drop folder cannot be read; trying again", "folder", dir, "error", err)
		return
	}
	for _, name := range ready {
		if ctx.Err() != nil {
			return
		}
		err := w.file(ctx, folder, name)
		w.mu.Lock()
		s := w.state[filepath.Join(dir, name)]
		h := &w.health[folder]
		h.Current, h.Items = "", 0
		if err == nil {
			delete(w.state, filepath.Join(dir, name))
			h.Waiting--
		} else if s != nil && ctx.Err() == nil {
			s.tries++
			s.failing = w.o.Now().Add(min(w.o.Every<<min(s.tries, 6), 5*time.Minute))
			h.Err = fmt.Sprintf("%s: %s", name, err)
		}
		w.mu.Unlock()
		if err != nil && ctx.Err() == nil {
			w.o.Log.Warn("a dropped file could not be taken; trying again", "folder", dir, "file", name, "error", err)
		}
	}
}

// ready returns the names of the files to take, in the order in which they were
// written, and how many wait.
func (w *Watcher) ready(folder int) (names []string, waiting int, err error) {
	f := w.o.Folders[folder]
	entries, err := os.ReadDir(f.Dir)
	if err != nil {
		return nil, 0, err
	}
	now := w.o.Now()
	marked, there := map[string]bool{}, map[string]bool{}
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), Marker); ok {
			marked[name] = true
		}
	}
	type file struct {
		name    string
		changed time.Time
	}
	var files []file
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") || strings.HasSuffix(name, Marker) || !e.Type().IsRegular() ||
			slices.ContainsFunc(inWork, func(end string) bool { return strings.HasSuffix(strings.ToLower(name), end) }) {
			continue
		}
		info, err := e.Info()
		if err != nil {
			continue // gone since
		}
		path := filepath.Join(f.Dir, name)
		there[path] = true
		s := w.state[path]
		if s == nil || s.size != info.Size() || !s.changed.Equal(info.ModTime()) {
			s = &seen{size: info.Size(), changed: info.ModTime(), since: now}
			w.state[path] = s
		}
		complete := marked[name]
		if !f.Markers {
			complete = now.Sub(s.since) >= w.o.Settle
		}
		switch {
		case !complete:
			waiting++
		case now.Before(s.failing):
		default:
			files = append(files, file{name, info.ModTime()})
		}
	}
	for path := range w.state {
		if filepath.Dir(path) == filepath.Clean(f.Dir) && !there[path] {
			delete(w.state, path)
		}
	}
	slices.SortFunc(files, func(a, b file) int {
		return cmp.Or(a.changed.Compare(b.changed), strings.Compare(a.name, b.name))
	})
	for _, f := range files {
		names = append(names, f.name)
	}
	return names, waiting, nil
}

// file takes one file, from its checkpoint on, and moves it.
func (w *Watcher) file(ctx context.Context, folder int, name string) error {
	f := w.o.Folders[folder]
	path := filepath.Join(f.Dir, name)
	document, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil // taken away by its owner
	}
	if err != nil {
		return err
	}
	defer func() { _ = document.Close() }()
	id, before, err := identity(document, f.Source)
	if err != nil {
		return err
	}
	reader := w.o.Reader()
	point, err := w.desk.read(id)
	if err != nil {
		return err
	}
	if resume, needed := point.resume(reader.Fingerprint()); needed {
		if point, err = w.take(ctx, folder, name, document, id, resume, reader); err != nil {
			return err
		}
		after, err := document.Stat()
		if err != nil {
			return err
		}
		if after.Size() != before.Size() || !after.ModTime().Equal(before.ModTime()) {
			return errors.New("it was written to while it was read: waiting for it to rest, then reading it again")
		}
		point.Done = true
		if err := w.desk.write(id, point); err != nil {
			return fmt.Errorf("keep checkpoint: %w", err)
		}
	}
	return w.move(ctx, folder, name, document, point)
}

func (w *Watcher) take(ctx context.Context, folder int, name string, document *os.File, id string, resume collector.Resume, reader Reader) (checkpoint, error) {
	f := w.o.Folders[folder]
	from := format.Source{
		Name: f.Source, System: f.System, Instance: f.Instance, Location: f.Location,
		Zone: f.Zone, ZoneOf: w.o.ZoneOf, Document: name,
	}
	point, err := w.desk.read(id)
	if err != nil {
		return point, err
	}
	// What an earlier part of the same reading came to counts on.
	before := checkpoint{}
	if resume.Skip > 0 && resume.Only == nil {
		before = point
	}
	events := point.Events
	if resume.Skip == 0 {
		events = 0
	}
	point = checkpoint{File: filepath.Join(f.Dir, name), Reader: reader.Fingerprint()}
	save := func(t collector.Taken) error {
		point.Items, point.Events = max(t.Items, resume.Skip), events+t.Events
		point.Quarantined = before.Quarantined + t.Quarantined
		point.Failed = append(slices.Clip(before.Failed), t.Failed...)
		if len(point.Failed) > collector.MostFailed {
			point.Failed = point.Failed[:collector.MostFailed]
		}
		point.Unknown = len(point.Failed) >= collector.MostFailed
		w.tell(folder, func(h *Health) { h.Current, h.Items = name, t.Items })
		if err := w.desk.write(id, point); err != nil {
			return fmt.Errorf("keep checkpoint: %w", err)
		}
		return nil
	}
	if resume.Only != nil {
		// Until all of it is taken again, the old checkpoint stands: what still fails
		// is known only at the end.
		keep := save
		save = func(t collector.Taken) error { return nil }
		taken, err := w.o.Taker.Take(ctx, reader, document, from, resume, save)
		if err != nil {
			return point, err
		}
		return point, keep(taken)
	}
	_, err = w.o.Taker.Take(ctx, reader, document, from, resume, save)
	return point, err
}
