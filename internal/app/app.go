package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Options is what an App is made of.
type Options struct {
	Settings *Settings
	Version  string
	Log      *slog.Logger
}

// App is one instance of stocktrace: the roles its settings name, wired
// together. Its methods are called in the order New, Start, Wait; or New, Start,
// Stop. Stop may be called at any time after New, also twice.
type App struct {
	settings *Settings
	version  string
	log      *slog.Logger

	lock  *Lock // nil where nothing is kept here
	clock Clock
	url   string // where it answers, for programs on this machine

	mu      sync.Mutex
	undo    []undo // what Stop does, last first
	stopped bool

	// fatal receives the error of a part without which the instance is none.
	fatal chan error
}

// undo ends one part. It gets a context that bounds its politeness: when that
// ends, whatever it still waits for is given up.
type undo struct {
	name string
	stop func(context.Context) error
}

// stopPatience bounds how long a clean stop may take; what was acknowledged is
// on disk long before.
const stopPatience = 30 * time.Second

// New returns an instance that has not been started: nothing is opened yet.
func New(o Options) (*App, error) {
	if o.Settings == nil {
		return nil, errors.New("app: Settings are needed")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &App{settings: o.Settings, version: o.Version, log: o.Log, fatal: make(chan error, 1)}, nil
}

// Start opens every part, in the way of the data backwards, and returns when the
// instance answers. After an error nothing is left open.
func (a *App) Start(ctx context.Context) error {
	if err := a.start(ctx); err != nil {
		return errors.Join(err, a.Stop())
	}
	return nil
}

// Wait blocks until ctx ends or a part fails, then stops the instance in good
// order.
func (a *App) Wait(ctx context.Context) error {
	var err error
	select {
	case <-ctx.Done():
		a.log.Info("stopping")
	case err = <-a.fatal:
		a.log.Error("stopping, because a part failed", "error", err)
	}
	return errors.Join(err, a.Stop())
}

// Stop ends every part, the last one started first: the simulated retailer and
// the collector, then pages, engine and tables, the log at the end.
func (a *App) Stop() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stopped = true
	ctx, cancel := context.WithTimeout(context.Background(), stopPatience)
	defer cancel()
	var errs []error
	for len(a.undo) > 0 {
		last := a.undo[len(a.undo)-1]
		a.undo = a.undo[:len(a.undo)-1]
		begun := time.Now()
		if err := last.stop(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stop %s: %w", last.name, err))
		}
		a.log.Debug("stopped", "part", last.name, "took", time.Since(begun).Round(time.Millisecond))
	}
	return errors.Join(errs...)
}

// onStop remembers how to end a part that was just started.
func (a *App) onStop(name string, stop func(context.Context) error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.undo = append(a.undo, undo{name, stop})
}

// goRun runs a part until Stop, which ends its context and waits for it. An
// error that is not the end of its context ends the instance.
func (a *App) goRun(name string, run func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		err := run(ctx)
		if err == nil || ctx.Err() != nil {
			return
		}
		select {
		case a.fatal <- fmt.Errorf("%s: %w", name, err):
		default:
		}
	}()
	a.onStop(name, func(patience context.Context) error {
		cancel()
		select {
		case <-done:
			return nil
		case <-patience.Done():
			return errors.New("it does not end")
		}
	})
}
