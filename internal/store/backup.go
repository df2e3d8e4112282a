package store

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/stocktrace/stocktrace/queries"
)

// ErrServerBackup says that a server is backed up by its own means.
var ErrServerBackup = errors.New("the database is a ClickHouse server, which is backed up and restored with its own BACKUP and RESTORE commands")

// ErrNotEmpty is returned by Restore for a database that holds something.
var ErrNotEmpty = errors.New("the database is not empty: restore into a new data directory")

var (
	dropDatabaseQuery = queries.Get("drop_database")
	usedTablesQuery   = queries.Get("used_tables")
)

// Backup writes the whole database to path, which must not exist: a file where
// the name ends in .tar, .tar.gz or .tar.zst, a directory otherwise. Reading and
// writing go on meanwhile. Each table is kept as of one moment, not all as of the
// same one: whoever wants lifecycles that equal their records to the last flush
// lets the engine rest for as long as it takes.
func (s *Store) Backup(ctx context.Context, path string) error {
	if s.engine == nil {
		return ErrServerBackup
	}
	return s.engine.Backup(ctx, s.database, path)
}

// Restore brings back what Backup wrote to path, into a database that holds
// nothing yet, and brings its schema up to date. Nothing else may use the store
// meanwhile. A backup made by a newer stocktrace is refused, as Open refuses such
// a database.
func (s *Store) Restore(ctx context.Context, path string) error {
	if s.engine == nil {
		return ErrServerBackup
	}
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	err := s.Each(ctx, usedTablesQuery, nil, func(scan func(...any) error) error {
		var table string
		var rows uint64
		if err := scan(&table, &rows); err != nil {
			return err
		}
		return fmt.Errorf("%w (%s has %d rows)", ErrNotEmpty, table, rows)
	})
	if err != nil {
		return err
	}
	if err := s.Exec(ctx, dropDatabaseQuery, Params{"database": s.database}); err != nil {
		return err
	}
	if err := s.engine.Restore(ctx, s.database, path); err != nil {
		// Leave it as it was found, empty and usable.
		errs := []error{err, s.createDatabase(ctx)}
		if errs[1] == nil {
			errs = append(errs, s.migrate(ctx, queries.Migrations()))
		}
		return errors.Join(errs...)
	}
	return s.migrate(ctx, queries.Migrations())
}
