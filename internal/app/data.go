package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/stocktrace/stocktrace/internal/store"
)

// OpenData opens the data directory, or the ClickHouse server, of an instance
// that does not run, for one command: the API without a network. closeData ends
// it.
func OpenData(ctx context.Context, o Options) (_ http.Handler, closeData func() error, err error) {
	a, err := New(o)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Stop())
		}
	}()
	// Who can open the directory needs no token.
	s := withLeftRules(a.settings)
	s.AuthToken, s.ViewToken = "", ""
	a.settings = s
	if a.rules, err = loadRules(s); err != nil {
		return nil, nil, err
	}
	if a.clock, err = stoppedClock(s.DataDir); err != nil {
		return nil, nil, err
	}
	if s.ClickHouseDSN == "" {
		lock, err := LockDir(s.DataDir, a.command)
		if err != nil {
			return nil, nil, err
		}
		a.onStop("lock", func(context.Context) error {
			lock.Release()
			return nil
		})
	}
	st, err := openTables(ctx, s, store.Options{Logger: a.log, LeaveRetention: true})
	if err != nil {
		return nil, nil, err
	}
	a.store = st
	a.onStop("tables", func(context.Context) error { return st.Close() })
	if err := a.startObjectives(ctx); err != nil {
		return nil, nil, err
	}
	mux := http.NewServeMux()
	pages, err := a.pagesServer()
	if err != nil {
		return nil, nil, err
	}
	mux.Handle("/", pages)
	a.admin(mux)
	return mux, a.Stop, nil
}

// stillClock is the clock of a directory nobody lives in.
type stillClock time.Time

func (c stillClock) Now() time.Time { return time.Time(c) }

func (stillClock) After(d time.Duration) <-chan time.Time { return time.After(d) }

// stoppedClock returns the clock of a data directory without moving it: the real
// one, or the simulated instant at which it stopped.
func stoppedClock(dir string) (Clock, error) {
	text, err := os.ReadFile(filepath.Join(dir, clockFile))
	if errors.Is(err, os.ErrNotExist) {
		return RealClock{}, nil
	}
	var state clockState
	if err == nil {
		err = json.Unmarshal(text, &state)
	}
	if err != nil {
		return nil, fmt.Errorf("read the simulated clock: %w", err)
	}
	return stillClock(state.Now.UTC()), nil
}
