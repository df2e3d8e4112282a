package dropfolder

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/stocktrace/stocktrace/collector"
)

// checkpoint is how far a file has been taken. It is kept as a JSON file.
type checkpoint struct {
	// File is where the file was last seen, for people.
	File string `json:"file"`
	// Reader is the fingerprint of what read it.
	Reader      string `json:"reader"`
	Items       int    `json:"items"`
	Events      int    `json:"events"`
	Quarantined int    `json:"quarantined"`
	// Failed are the places of items that are in the quarantine. Where there are
	// more than are remembered, Unknown says so.
	Failed  []string `json:"failed,omitempty"`
	Unknown bool     `json:"failed_unknown,omitempty"`
	// Done is set when the whole file was taken, and only its move may be missing.
	Done bool `json:"done"`
}

// resume is what is left to take of a file by a reader.
func (c *checkpoint) resume(reader string) (collector.Resume, bool) {
	switch {
	case c.Reader == reader:
		return collector.Resume{Skip: c.Items}, !c.Done
	case !c.Done || c.Unknown:
		// Begun by other mappings: from the beginning, so that nothing is missed.
		return collector.Resume{}, true
	default:
		// Brought again under other mappings: what was accepted stays as it is, and
		// what failed is tried again.
		again := collector.Resume{Skip: c.Items, Only: make(map[string]bool, len(c.Failed))}
		for _, place := range c.Failed {
			again.Only[place] = true
		}
		return again, c.Quarantined > 0
	}
}

// identity names a file by what it is: whose it is, its size, the time it was
// written, and the hash of its beginning and end. A name may change, and a device
// number does with every mount.
func identity(f *os.File, source string) (string, os.FileInfo, error) {
	info, err := f.Stat()
	if err != nil {
		return "", nil, err
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%d %d\n", source, info.Size(), info.ModTime().UnixNano())
	const part = 64 << 10
	for _, at := range []int64{0, max(0, info.Size()-part)} {
		if _, err := io.Copy(h, io.NewSectionReader(f, at, part)); err != nil {
			return "", nil, err
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:16]), info, nil
}

// desk keeps the checkpoints of all folders in one directory.
type desk struct{ dir string }

func (d desk) path(id string) string { return filepath.Join(d.dir, id+".json") }

// read returns a file's checkpoint, the zero one where there is none. One that
// cannot be read counts as none: reading a file again loses nothing.
func (d desk) read(id string) (checkpoint, error) {
	var c checkpoint
	raw, err := os.ReadFile(d.path(id))
	if errors.Is(err, os.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return c, err
	}
	if json.Unmarshal(raw, &c) != nil {
		return checkpoint{}, nil
	}
	return c, nil
}

// write puts a checkpoint on disk. When it returns nil it survives a power cut.
func (d desk) write(id string, c checkpoint) error {
	raw, err := json.Marshal(c)
	if err != nil {
		return err
	}
	next := d.path(id) + ".next"
	f, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(raw)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(next, d.path(id)); err != nil {
		return err
	}
	return syncDir(d.dir)
}

// remember is how long checkpoints of files that were moved are kept: as long as
// one of them might be moved back by mistake.
const remember = 90 * 24 * time.Hour

// prune forgets checkpoints that nobody needs any more.
func (d desk) prune(now time.Time) error {
	entries, err := os.ReadDir(d.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || now.Sub(info.ModTime()) < remember {
			continue
		}
		if err := os.Remove(filepath.Join(d.dir, e.Name())); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// syncDir makes a rename in a directory durable.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
