package store

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/stocktrace/stocktrace/queries"
)

var (
	createMigrationsQuery = queries.Get("create_migrations")
	migrationsQuery       = queries.Get("migrations")
	insertMigrationQuery  = queries.Get("insert_migration")
)

// NewerSchemaError says that a newer stocktrace has written the database.
type NewerSchemaError struct {
	Has, Knows int // migrations the database has, and this program knows
}

// Error implements error.
func (e *NewerSchemaError) Error() string {
	return fmt.Sprintf("the database has schema %d and this stocktrace knows only %d: "+
		"run the newer stocktrace that wrote it, or restore a backup made before the upgrade", e.Has, e.Knows)
}

// migrate brings the schema up to date, one migration after the other, and
// refuses one that is newer than what this program knows. Migrations lead
// forward only. Their statements can be run again, so a crash between two of
// them, or two processes starting at once, do no harm.
func (s *Store) migrate(ctx context.Context, known []queries.Migration) error {
	if err := s.Exec(ctx, createMigrationsQuery, nil); err != nil {
		return err
	}
	done := make(map[int]bool)
	newest := 0
	err := s.Each(ctx, migrationsQuery, nil, func(scan func(...any) error) error {
		var number uint32
		var name string
		if err := scan(&number, &name); err != nil {
			return err
		}
		done[int(number)] = true
		newest = max(newest, int(number))
		return nil
	})
	if err != nil {
		return err
	}
	if newest > len(known) {
		return &NewerSchemaError{Has: newest, Knows: len(known)}
	}
	for _, m := range known {
		if done[m.Number] {
			continue
		}
		for i, statement := range m.Statements {
			if err := s.conn.Exec(ctx, statement); err != nil {
				return fmt.Errorf("migrate to schema %s, statement %d: %w", m.Name, i+1, err)
			}
		}
		if err := s.Exec(ctx, insertMigrationQuery, Params{"number": m.Number, "name": m.Name}); err != nil {
			return err
		}
		s.log.LogAttrs(ctx, slog.LevelInfo, "schema migrated", slog.String("to", m.Name))
	}
	return nil
}
