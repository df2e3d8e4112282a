package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/stocktrace/stocktrace/collector/access"
	"github.com/stocktrace/stocktrace/collector/mapping"
	"github.com/stocktrace/stocktrace/collector/privacy"
	"github.com/stocktrace/stocktrace/internal/store"
	"github.com/stocktrace/stocktrace/internal/stream"
	"github.com/stocktrace/stocktrace/slo"
	"github.com/stocktrace/stocktrace/web"
)

// Options is what an App is made of.
type Options struct {
	Settings *Settings
	Version  string
	Log      *slog.Logger
	// Command is what uses the data directory, told to whoever wants it too; empty
	// means run.
	Command string
	// SlackAPI is another address of Slack's API, for tests.
	SlackAPI string
}

// App is one instance of stocktrace: the roles its settings name, wired
// together. Its methods are called in the order New, Start, Wait; or New, Start,
// Stop. Stop may be called at any time after New, also twice.
type App struct {
	settings *Settings
	version  string
	log      *slog.Logger
	command  string
	slackAPI string

	// What start opens, in its order. Parts a role does not need stay nil.
	lock  *Lock // nil where nothing is kept here
	clock Clock
	rules *rules
	door  *access.Gate
	// reingesting is held by whoever has the quarantine read again.
	reingesting chan struct{}
	private     *privacy.Rules
	metrics     *prometheus.Registry
	stream      *stream.Log
	store       *store.Store
	objectives  *slo.Evaluator
	pulse       *pulse
	mappings    *mapping.Live // of the collector role
	engine      *restable
	pages       *web.Server
	news        news

	// Where it answers, once started.
	url, otlpGRPC, otlpHTTP string

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
	if o.Command == "" {
		o.Command = "run"
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &App{
		settings: o.Settings, version: o.Version, log: o.Log, command: o.Command, slackAPI: o.SlackAPI,
		metrics: newRegistry(), fatal: make(chan error, 1), reingesting: make(chan struct{}, 1),
	}, nil
}

// Start opens every part, in the way of the data backwards, and returns when the
// instance answers. After an error nothing is left open.
func (a *App) Start(ctx context.Context) error {
	if err := a.start(ctx); err != nil {
		return errors.Join(err, a.Stop())
	}
	return nil
}

// URL is where the instance answers once started, for programs on this machine.
func (a *App) URL() string { return a.url }

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

// errStuck is returned for a part that was asked to end and does not.
var errStuck = errors.New("it does not end")

// goRun runs a part until Stop, which ends its context and waits for it. An
// error that is not the end of its context ends the instance.
func (a *App) goRun(name string, run func(context.Context) error) *restable {
	r := &restable{run: run, failed: func(err error) {
		select {
		case a.fatal <- fmt.Errorf("%s: %w", name, err):
		default: // another one came first
		}
	}}
	r.start()
	a.onStop(name, r.stop)
	return r
}
