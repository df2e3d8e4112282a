package mapping

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Live is a set of mappings that follows its files: what is changed there counts
// a moment later, unless it is wrong. It is for use by several goroutines.
type Live struct {
	path    string
	options Options
	log     *slog.Logger
	set     atomic.Pointer[Set]

	mu     sync.Mutex
	print  string // of the files as they were last looked at
	health Health
}

// Health is how the mappings do.
type Health struct {
	// Mappings are the stamps of those in use, Loaded when they were read.
	Mappings []string
	Loaded   time.Time
	// Err is why what is in the files now is not in use, empty where it is; Since
	// is when that began.
	Err   string
	Since time.Time
}

// ErrStamped is wrapped by the error of a change that keeps its version.
var ErrStamped = errors.New("the version has to change with it")

// Open loads the mappings at path, as [Load] does.
func Open(path string, o Options, log *slog.Logger, now time.Time) (*Live, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	l := &Live{path: path, options: o, log: log}
	set, err := Load(path, o)
	if err != nil {
		return nil, err
	}
	l.use(set, now)
	l.print = l.look()
	return l, nil
}

// Current returns the mappings in use.
func (l *Live) Current() *Set { return l.set.Load() }

// Health returns how the mappings do.
func (l *Live) Health() Health {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.health
}

func (l *Live) use(set *Set, now time.Time) {
	var stamps []string
	for _, m := range set.mappings {
		stamps = append(stamps, m.Stamp())
	}
	l.set.Store(set)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.health = Health{Mappings: stamps, Loaded: now}
}

// Watch looks at the files at every tick until ctx ends or ticks does.
func (l *Live) Watch(ctx context.Context, ticks <-chan time.Time) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case now, ok := <-ticks:
			if !ok {
				return nil
			}
			_ = l.Reload(now) // Health says why, and the log does
		}
	}
}

// Reload reads the files again if they have changed. Where they are wrong the
// mappings in use stay in use, and Health says why. It returns that reason.
func (l *Live) Reload(now time.Time) error {
	if l.path == "" {
		return nil
	}
	print := l.look()
	l.mu.Lock()
	same := print == l.print
	l.print = print
	l.mu.Unlock()
	if same {
		return nil
	}
	set, err := Load(l.path, l.options)
	if err == nil && set.print == l.set.Load().print {
		// Written again as it was; what was wrong before is right again.
		l.use(l.set.Load(), now)
		return nil
	}
	if err == nil {
		err = l.set.Load().mayBecome(set)
	}
	if err != nil {
		l.mu.Lock()
		if l.health.Err == "" {
			l.health.Since = now
		}
		l.health.Err = err.Error()
		l.mu.Unlock()
		l.log.Error("mappings were changed and are wrong; those from before stay in use", "since", l.health.Loaded, "error", err)
		return err
	}
	l.use(set, now)
	l.log.Info("mappings were changed and are in use", "mappings", strings.Join(l.Health().Mappings, ", "))
	return nil
}

// look notices any change of the files without reading them.
func (l *Live) look() string {
	var b strings.Builder
	files, err := filesOf(l.path)
	if err != nil {
		return err.Error()
	}
	if set := l.set.Load(); set != nil {
		files = append(files, set.files...)
	}
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			fmt.Fprintf(&b, "%s gone\n", file)
			continue
		}
		fmt.Fprintf(&b, "%s %d %d\n", file, info.Size(), info.ModTime().UnixNano())
	}
	return b.String()
}

// mayBecome demands that a mapping that reads otherwise has another version: one
// version of a mapping says one thing, or events would contradict each other
// about what a value means. Tables may gain values.
func (s *Set) mayBecome(next *Set) error {
	var errs []error
	for _, m := range next.mappings {
		for _, old := range s.mappings {
			if old.Name != m.Name || old.Version != m.Version {
				continue
			}
			if old.text != m.text {
				errs = append(errs, fmt.Errorf("%s: mapping %s was changed and is still version %s: %w", m.file, m.Name, m.Version, ErrStamped))
				continue
			}
			for name, before := range old.tables {
				if value, changed := before.differs(m.tables[name]); changed {
					errs = append(errs, fmt.Errorf("%s: table %s of mapping %s says of %q something else than before and is still version %s: %w", m.file, name, m.Name, value, m.Version, ErrStamped))
				}
			}
		}
	}
	return errors.Join(errs...)
}

// differs returns a value that another table does not have, or has otherwise.
func (t *table) differs(next *table) (value string, changed bool) {
	for from, to := range t.values {
		if next == nil || next.values[from] != to {
			if value == "" || from < value {
				value, changed = from, true
			}
		}
	}
	return value, changed
}
