package chdb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Backup writes a database into a new file or directory. A path that ends in
// .tar, or in .tar.zst or .tar.gz to have it compressed, makes a file, any other
// a directory; zip is not built into the engine. Statements go on running. Each table is
// backed up as of one moment, but not all tables as of the same one.
//
// It fails without touching anything if path exists.
func (e *Engine) Backup(ctx context.Context, database, path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("back up %s: %w", database, err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		if err == nil {
			err = os.ErrExist
		}
		return fmt.Errorf("back up %s to %s: %w", database, path, err)
	}
	if err := e.run(ctx, "BACKUP DATABASE "+quoteIdentifier(database)+" TO File("+quoteString(path)+")"); err != nil {
		return fmt.Errorf("back up %s to %s: %w", database, path, err)
	}
	return nil
}

// Restore brings back a database from what Backup wrote. The database must not
// exist, or must hold none of the backup's tables with rows in it.
func (e *Engine) Restore(ctx context.Context, database, path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("restore %s: %w", database, err)
	}
	// The engine would report a missing backup as a missing metadata file.
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("restore %s: %w", database, err)
	}
	if err := e.run(ctx, "RESTORE DATABASE "+quoteIdentifier(database)+" FROM File("+quoteString(path)+")"); err != nil {
		return fmt.Errorf("restore %s from %s: %w", database, path, err)
	}
	return nil
}

// run runs one statement that has no result of interest.
func (e *Engine) run(ctx context.Context, sql string) error {
	q := &request{statement: statement{sql: strings.TrimSpace(sql), format: "Null", database: "default"}}
	c, err := e.acquire(ctx, &q.statement)
	if err != nil {
		return err
	}
	res := e.newResult(ctx, q, "")
	go res.run(c, q)
	defer res.Close()
	for {
		select {
		case _, ok := <-res.pieces:
			if !ok {
				return res.err
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
