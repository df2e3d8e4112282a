package dropfolder

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// move puts a file that was taken under a free name in done or failed, and its
// marker with it.
func (w *Watcher) move(ctx context.Context, folder int, name string, document *os.File, point checkpoint) error {
	f := w.o.Folders[folder]
	sub := DoneDir
	if point.Quarantined > 0 {
		sub = FailedDir
	}
	path := filepath.Join(f.Dir, name)
	// The name may mean another file by now: that one has not been read.
	now, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	open, err := document.Stat()
	if err != nil {
		return err
	}
	if !os.SameFile(now, open) {
		return nil
	}
	to, err := free(filepath.Join(f.Dir, sub), name)
	if err != nil {
		return err
	}
	if err := os.Rename(path, to); err != nil {
		return fmt.Errorf("it is taken, but cannot be moved to %s: %w", sub, err)
	}
	if f.Markers {
		if err := os.Rename(path+Marker, to+Marker); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	w.mu.Lock()
	w.moved = append(w.moved, moved{folder, to, open.Size(), open.ModTime(), w.o.Now()})
	w.mu.Unlock()
	w.tell(folder, func(h *Health) {
		if sub == DoneDir {
			h.Done++
		} else {
			h.Failed++
		}
	})
	level := slog.LevelInfo
	if sub == FailedDir {
		level = slog.LevelWarn
	}
	w.o.Log.Log(ctx, level, "took a dropped file", "folder", f.Dir, "file", name, "events", point.Events, "quarantined", point.Quarantined, "moved", filepath.Join(sub, filepath.Base(to)))
	return errors.Join(syncDir(f.Dir), syncDir(filepath.Join(f.Dir, sub)))
}

// free returns a name in dir that no file has: name, or name with a number before
// its ending.
func free(dir, name string) (string, error) {
	end := filepath.Ext(name)
	for n := 1; n < 100_000; n++ {
		try := name
		if n > 1 {
			try = fmt.Sprintf("%s.%d%s", strings.TrimSuffix(name, end), n, end)
		}
		path := filepath.Join(dir, try)
		if _, err := os.Lstat(path); errors.Is(err, os.ErrNotExist) {
			return path, nil
		} else if err != nil {
			return "", err
		}
	}
	return "", fmt.Errorf("%s holds too many files called %s: move some away", dir, name)
}

// bringBack moves files back that were written to after they were taken. They are
// other files now, and read from their beginning; what was read of them before is
// known by its ids.
func (w *Watcher) bringBack(folder int) error {
	w.mu.Lock()
	var mine []moved
	w.moved = slices.DeleteFunc(w.moved, func(m moved) bool {
		if m.folder != folder {
			return false
		}
		mine = append(mine, m)
		return true
	})
	w.mu.Unlock()
	var keep []moved
	var errs []error
	for _, m := range mine {
		info, err := os.Stat(m.path)
		switch {
		case err != nil: // taken away by its owner
		case info.Size() == m.size && info.ModTime().Equal(m.changed):
			if w.o.Now().Sub(m.at) < watchMoved {
				keep = append(keep, m)
			}
		default:
			dir := w.o.Folders[folder].Dir
			to, err := free(dir, filepath.Base(m.path))
			if err == nil {
				err = os.Rename(m.path, to)
			}
			if err == nil && w.o.Folders[folder].Markers {
				err = os.Rename(m.path+Marker, to+Marker)
			}
			if err != nil {
				errs, keep = append(errs, err), append(keep, m)
				continue
			}
			w.o.Log.Warn("a file was written to after it was taken; it is read again. Raise the settling time, or have its writer use markers or rename it when it is whole",
				"folder", dir, "file", filepath.Base(m.path))
		}
	}
	w.mu.Lock()
	w.moved = append(w.moved, keep...)
	w.mu.Unlock()
	return errors.Join(errs...)
}
