package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/stocktrace/stocktrace/internal/store"
	"github.com/stocktrace/stocktrace/internal/stream"
)

// What a backup consists of. The manifest is written last: without it a backup
// is not finished.
const (
	backupTables   = "tables"
	backupLog      = "log"
	backupManifest = "manifest.json"
)

// backupFormat is the version of the layout above.
const backupFormat = 1

type manifest struct {
	Format  int       `json:"format"`
	Version string    `json:"stocktrace"`
	Taken   time.Time `json:"taken"`
	BackupReport
}

// BackupRequest asks an instance for a backup.
type BackupRequest struct {
	Dir string `json:"dir"` // absolute, on the instance's machine; must not exist
}

// BackupReport says what is in a backup.
type BackupReport struct {
	Events   uint64 `json:"events"`   // in the tables
	Messages uint64 `json:"messages"` // in the log, not yet processed
}

// errElsewhere says that a backup is not ours to take.
var errElsewhere = errors.New("NATS and ClickHouse run elsewhere: back them up with their own tools, ClickHouse last")

// backup writes everything kept into dir, which must not exist. Senders are
// served meanwhile; the engine rests, so that all tables are of one moment, and
// catches up afterwards.
//
// The order makes it whole: what the retailer thinks is sent, how far the log is
// in the tables, the tables, and then the log from there on. Everything
// acknowledged before is in it, and what is in it twice is recognised, as after
// a crash.
func (a *App) backup(ctx context.Context, dir string) (report BackupReport, err error) {
	if a.settings.NATSURL != "" || a.settings.ClickHouseDSN != "" {
		return report, errElsewhere
	}
	if !filepath.IsAbs(dir) {
		return report, fmt.Errorf("backup: %s is not an absolute path", dir)
	}
	if err := os.Mkdir(dir, 0o750); errors.Is(err, fs.ErrExist) {
		return report, fmt.Errorf("backup: %s exists already; name a directory that does not", dir)
	} else if err != nil {
		return report, fmt.Errorf("backup: %w", err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("backup: %w", errors.Join(err, os.RemoveAll(dir)))
		}
	}()
	if err := copyFile(filepath.Join(a.settings.DataDir, estateFile), filepath.Join(dir, estateFile)); err != nil {
		return report, err
	}
	if err := copyTree(filepath.Join(a.settings.DataDir, rulesFolder), filepath.Join(dir, rulesFolder)); err != nil {
		return report, err
	}
	log, done, err := a.openedLog(ctx)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, done()) }()
	if a.engine != nil {
		if err := a.engine.pause(ctx); err != nil {
			return report, err
		}
		defer a.engine.resume()
	}
	marks, err := log.Marks(ctx)
	if err != nil {
		return report, err
	}
	if err := a.store.Backup(ctx, filepath.Join(dir, backupTables)); err != nil {
		return report, fmt.Errorf("tables: %w", err)
	}
	if report.Events, err = countEvents(ctx, a.store); err != nil {
		return report, err
	}
	if report.Messages, err = exportLog(ctx, log, marks, filepath.Join(dir, backupLog)); err != nil {
		return report, err
	}
	// After the log, so that no record was received after it.
	if err := copyFile(filepath.Join(a.settings.DataDir, clockFile), filepath.Join(dir, clockFile)); err != nil {
		return report, err
	}
	return report, writeFile(filepath.Join(dir, backupManifest),
		manifest{Format: backupFormat, Version: a.version, Taken: time.Now().UTC().Truncate(time.Second), BackupReport: report})
}

// openedLog returns the instance's log, or opens it for a command that has none.
func (a *App) openedLog(ctx context.Context) (_ *stream.Log, done func() error, err error) {
	if a.stream != nil {
		return a.stream, func() error { return nil }, nil
	}
	return openLog(ctx, a.settings, stream.Options{Logger: a.log})
}

func exportLog(ctx context.Context, log *stream.Log, marks stream.Marks, name string) (messages uint64, err error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	messages, err = log.Export(ctx, marks, f)
	if err == nil {
		err = f.Sync()
	}
	return messages, errors.Join(err, f.Close())
}

func countEvents(ctx context.Context, st *store.Store) (uint64, error) {
	tables, err := st.Usage(ctx)
	if err != nil {
		return 0, err
	}
	for _, t := range tables {
		if t.Table == "events" {
			return t.Rows, nil
		}
	}
	return 0, nil
}

// Restore puts a backup into the data directory, which must be empty. What
// fails leaves it empty again.
func Restore(ctx context.Context, o Options, dir string) (report BackupReport, err error) {
	s := o.Settings
	if s.NATSURL != "" || s.ClickHouseDSN != "" {
		return report, errElsewhere
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("restore: %w", err)
		}
	}()
	m, err := readManifest(dir)
	if err != nil {
		return report, err
	}
	lock, err := LockDir(s.DataDir, "restore")
	if err != nil {
		return report, err
	}
	defer lock.Release()
	if err := checkEmpty(s.DataDir); err != nil {
		return report, err
	}
	defer func() {
		if err != nil {
			for _, name := range []string{logFolder, tablesFolder, clockFile, estateFile, rulesFolder} {
				err = errors.Join(err, os.RemoveAll(filepath.Join(s.DataDir, name)))
			}
		}
	}()
	report.Events = m.Events
	if report.Messages, err = importLog(ctx, o, filepath.Join(dir, backupLog)); err != nil {
		return report, err
	}
	st, err := openTables(ctx, s, store.Options{Logger: o.Log, LeaveRetention: true})
	if err != nil {
		return report, err
	}
	if err := errors.Join(st.Restore(ctx, filepath.Join(dir, backupTables)), st.Close()); err != nil {
		return report, fmt.Errorf("tables: %w", err)
	}
	for _, name := range []string{clockFile, estateFile} {
		if err := copyFile(filepath.Join(dir, name), filepath.Join(s.DataDir, name)); err != nil {
			return report, err
		}
	}
	return report, copyTree(filepath.Join(dir, rulesFolder), filepath.Join(s.DataDir, rulesFolder))
}

func readManifest(dir string) (m manifest, err error) {
	text, err := os.ReadFile(filepath.Join(dir, backupManifest))
	if errors.Is(err, fs.ErrNotExist) {
		return m, fmt.Errorf("%s holds no finished backup: it has no %s", dir, backupManifest)
	}
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(text, &m); err != nil || m.Format == 0 {
		return m, fmt.Errorf("%s is no manifest of a backup", filepath.Join(dir, backupManifest))
	}
	if m.Format > backupFormat {
		return m, fmt.Errorf("it was taken by stocktrace %s in a newer form: restore it with that version or a newer one", m.Version)
	}
	return m, nil
}

// checkEmpty refuses a directory that holds anything but the lock.
func checkEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() != "lock" {
			return fmt.Errorf("%s is not empty (it has %s): restore into a new directory, named with --data-dir", dir, e.Name())
		}
	}
	return nil
}

func importLog(ctx context.Context, o Options, name string) (messages uint64, err error) {
	f, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }()
	s := *o.Settings
	if s.Partitions, err = stream.ExportedPartitions(f); err != nil {
		return 0, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return 0, err
	}
	log, closeLog, err := openLog(ctx, &s, stream.Options{Logger: o.Log})
	if err != nil {
		return 0, err
	}
	messages, err = log.Import(ctx, f)
	return messages, errors.Join(err, closeLog())
}

// copyFile copies a small file; one that does not exist is none to copy.
func copyFile(from, to string) error {
	text, err := os.ReadFile(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o600)
}

// copyTree copies a small folder; one that does not exist is none to copy.
func copyTree(from, to string) error {
	if _, err := os.Stat(from); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return os.CopyFS(to, os.DirFS(from))
}
