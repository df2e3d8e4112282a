package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Holder says who uses a data directory.
type Holder struct {
	PID     int       `json:"pid"`
	Command string    `json:"command"`
	Since   time.Time `json:"since"`
	// URL is where the instance answers, empty while it starts and for commands
	// that do not listen.
	URL string `json:"url,omitempty"`
}

// InUseError says that another process uses the data directory.
type InUseError struct {
	Dir    string
	Holder Holder
}

func (e *InUseError) Error() string {
	who := "another process"
	if e.Holder.PID != 0 {
		who = fmt.Sprintf("`stocktrace %s` (pid %d, since %s", e.Holder.Command, e.Holder.PID,
			e.Holder.Since.Local().Format("2006-01-02 15:04:05"))
		if e.Holder.URL != "" {
			who += ", " + e.Holder.URL
		}
		who += ")"
	}
	return fmt.Sprintf("data directory %s is in use by %s; stop it, or choose another one with --data-dir", e.Dir, who)
}

// Lock is the right to use a data directory. The kernel takes it back when the
// process ends, however it ends.
type Lock struct {
	f      *os.File
	holder Holder
}

// LockDir creates the data directory where needed and takes its lock. An
// *InUseError says who holds it already.
func LockDir(dir, command string) (*Lock, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("create data directory: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the data directory's lock: %w", err)
	}
	// A command that looks who holds the lock (HolderOf) holds it itself for a
	// moment; a holder writes its name a moment after it took the lock. Both pass.
	for attempt := 0; ; attempt++ {
		if err = flock(f, syscall.LOCK_EX|syscall.LOCK_NB); err == nil {
			break
		}
		h := readHolder(f)
		if errors.Is(err, syscall.EWOULDBLOCK) && attempt < 25 && !alive(h.PID) {
			time.Sleep(20 * time.Millisecond)
			continue
		}
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, &InUseError{Dir: dir, Holder: h}
		}
		return nil, fmt.Errorf("lock data directory %s: %w", dir, err)
	}
	l := &Lock{f: f, holder: Holder{PID: os.Getpid(), Command: command, Since: time.Now().Truncate(time.Second)}}
	if err := l.write(); err != nil {
		l.Release()
		return nil, err
	}
	return l, nil
}

// Announce writes down where the instance answers, for commands that look for
// it.
func (l *Lock) Announce(url string) error {
	l.holder.URL = url
	return l.write()
}

// Release gives the directory back. It may be called twice.
func (l *Lock) Release() {
	if l.f == nil {
		return
	}
	// The file stays: removing it would let two processes lock two files of the
	// same name. Its content goes, so that nobody reads of a process long gone.
	_ = l.f.Truncate(0)
	_ = l.f.Close()
	l.f = nil
}

// HolderOf returns who uses the data directory; ok is false when nobody does.
func HolderOf(dir string) (_ Holder, ok bool, err error) {
	f, err := os.Open(filepath.Join(dir, "lock"))
	if errors.Is(err, os.ErrNotExist) {
		return Holder{}, false, nil
	}
	if err != nil {
		return Holder{}, false, fmt.Errorf("open the data directory's lock: %w", err)
	}
	defer func() { _ = f.Close() }()
	if err := flock(f, syscall.LOCK_SH|syscall.LOCK_NB); err == nil {
		return Holder{}, false, nil
	} else if !errors.Is(err, syscall.EWOULDBLOCK) {
		return Holder{}, false, fmt.Errorf("lock data directory %s: %w", dir, err)
	}
	return readHolder(f), true, nil
}

// write replaces the file's content in place: the lock hangs on the open file,
// so it cannot be renamed over.
func (l *Lock) write() error {
	text, err := json.Marshal(l.holder)
	if err == nil {
		err = l.f.Truncate(0)
	}
	if err == nil {
		_, err = l.f.WriteAt(append(text, '\n'), 0)
	}
	if err != nil {
		return fmt.Errorf("write the data directory's lock: %w", err)
	}
	return nil
}

// readHolder returns the zero Holder where the file says nothing: its owner may
// be about to write it.
func readHolder(f *os.File) (h Holder) {
	text, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<16))
	if err != nil || json.Unmarshal(text, &h) != nil {
		return Holder{}
	}
	return h
}

// alive reports whether a process of that id exists.
func alive(pid int) bool {
	if pid <= 0 {
		return false
	}
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}

func flock(f *os.File, how int) error {
	for {
		err := syscall.Flock(int(f.Fd()), how)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
