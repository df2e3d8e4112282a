package app

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/stocktrace/stocktrace/internal/store"
	"github.com/stocktrace/stocktrace/internal/store/chdb"
	"github.com/stocktrace/stocktrace/internal/stream"
)

// Folders of the data directory.
const (
	logFolder    = "jetstream"
	tablesFolder = "clickhouse"
)

// openLog opens the log, embedded or external. closeLog ends it; the embedded
// server last, when nobody writes any more.
func openLog(ctx context.Context, s *Settings, o stream.Options) (_ *stream.Log, closeLog func() error, err error) {
	o.Partitions = s.Partitions
	if s.NATSURL != "" {
		o.URL, o.MaxBytes = s.NATSURL, s.LogSize
	} else {
		o.Server, err = stream.StartServer(stream.ServerOptions{
			Dir: filepath.Join(s.DataDir, logFolder), MaxBytes: s.LogSize, Logger: o.Logger,
		})
		if err != nil {
			return nil, nil, fmt.Errorf("open log: %w", err)
		}
	}
	l, err := stream.Open(ctx, o)
	if err != nil {
		if o.Server != nil {
			o.Server.Close()
		}
		return nil, nil, fmt.Errorf("open log: %w", err)
	}
	return l, func() error {
		err := l.Close()
		if o.Server != nil {
			o.Server.Close()
		}
		return err
	}, nil
}

// openTables opens the database, embedded or external.
func openTables(ctx context.Context, s *Settings, o store.Options) (*store.Store, error) {
	o.Retention = s.Retention
	if s.ClickHouseDSN != "" {
		o.DSN = s.ClickHouseDSN
	} else {
		o.Dir, o.Library = filepath.Join(s.DataDir, tablesFolder), s.LibCHDB
	}
	st, err := store.Open(ctx, o)
	switch {
	case errors.Is(err, chdb.ErrNotInstalled), errors.Is(err, chdb.ErrInUse):
		return nil, err // a sentence of its own
	case err != nil:
		return nil, fmt.Errorf("open tables: %w", err)
	}
	return st, nil
}

func (a *App) startLog(ctx context.Context) error {
	l, closeLog, err := openLog(ctx, a.settings, stream.Options{Clock: a.clock, Logger: a.log})
	if err != nil {
		return err
	}
	a.stream = l
	a.onStop("log", func(context.Context) error { return closeLog() })
	return nil
}

func (a *App) startTables(ctx context.Context) error {
	st, err := openTables(ctx, a.settings, store.Options{Logger: a.log})
	if err != nil {
		return err
	}
	a.store = st
	a.onStop("tables", func(context.Context) error { return st.Close() })
	return nil
}
