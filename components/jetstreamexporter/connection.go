package jetstreamexporter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.uber.org/zap"
	"go.uber.org/zap/exp/zapslog"

	"github.com/stocktrace/stocktrace/collector"
	"github.com/stocktrace/stocktrace/collector/privacy"
	"github.com/stocktrace/stocktrace/internal/entrance"
	"github.com/stocktrace/stocktrace/internal/stream"
	"github.com/stocktrace/stocktrace/inventory"
)

// connection is the log of one exporter. Its signals share it: the first to start
// opens it, the last to end closes it. While NATS is away it is tried again, and
// whoever publishes hears that they may try again, too.
type connection struct {
	config  *Config
	logger  *zap.Logger
	privacy *privacy.Rules
	release func() // forgets the connection

	log atomic.Pointer[stream.Log]

	mu      sync.Mutex
	holders int
	started bool
	stop    context.CancelFunc // ends opening it in the background
	stopped chan struct{}
}

// How long opening the log may take where it has to be created on a slow disk (a
// server that is not there is noticed at once), and how long it is until the next
// try.
const (
	openTimeout = 30 * time.Second
	firstRetry  = time.Second
	lastRetry   = 15 * time.Second
)

// holder is the connection as one signal has it.
type holder struct {
	*connection
	once sync.Once
}

var (
	_ collector.Publisher = (*holder)(nil)
	_ component.Component = (*holder)(nil)
)

func (c *connection) hold() *holder {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.holders++
	return &holder{connection: c}
}

// Start opens the log. It fails where that is of no use to try again, such as for
// a partition count that is not the log's.
func (h *holder) Start(ctx context.Context, host component.Host) error {
	c := h.connection
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.started {
		return nil
	}
	c.started = true
	err := c.open(ctx)
	if err == nil || !passing(err) {
		return err
	}
	c.logger.Warn("the log is away; senders are asked to try again until it is there", zap.Error(err))
	// It goes on after the start, until the last signal ends.
	ctx, c.stop = context.WithCancel(context.WithoutCancel(ctx))
	c.stopped = make(chan struct{})
	go func() {
		defer close(c.stopped)
		c.keepOpening(ctx, host)
	}()
	return nil
}

// Shutdown lets go of the log, which the last holder closes. It may be called
// without a start, and twice.
func (h *holder) Shutdown(context.Context) (err error) {
	h.once.Do(func() { err = h.letGo() })
	return err
}

func (c *connection) letGo() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.holders--; c.holders > 0 {
		return nil
	}
	c.release()
	if c.stop != nil {
		c.stop()
		<-c.stopped
	}
	if log := c.log.Swap(nil); log != nil {
		return log.Close()
	}
	return nil
}

func (c *connection) open(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	options, err := c.config.dial(ctx)
	if err != nil {
		return err
	}
	log, err := stream.Open(ctx, stream.Options{
		URL: c.config.Endpoint, Connect: options, Logger: slog.New(zapslog.NewHandler(c.logger.Core())),
		Partitions: c.config.Partitions, MaxBytes: c.config.MaxBytes, Replicas: c.config.Replicas,
	})
	if err == nil {
		c.log.Store(log)
	}
	return err
}

func (c *connection) keepOpening(ctx context.Context, host component.Host) {
	wait := time.NewTimer(firstRetry)
	defer wait.Stop()
	for pause := firstRetry; ; {
		select {
		case <-ctx.Done():
			return
		case <-wait.C:
		}
		err := c.open(ctx)
		switch {
		case err == nil:
			c.logger.Info("the log is there")
			return
		case ctx.Err() != nil:
			return
		case !passing(err):
			// The start would have failed with it.
			componentstatus.ReportStatus(host, componentstatus.NewFatalErrorEvent(err))
			return
		}
		c.logger.Warn("the log is still away", zap.Error(err))
		pause = min(2*pause, lastRetry)
		wait.Reset(pause)
	}
}

// passing reports whether the log may open when it is tried again: NATS is away,
// or not ready yet.
func passing(err error) bool {
	for _, away := range []error{
		nats.ErrNoServers, nats.ErrTimeout, nats.ErrNoResponders, nats.ErrConnectionClosed, nats.ErrDisconnected,
		jetstream.ErrJetStreamNotEnabled, context.DeadlineExceeded,
	} {
		if errors.Is(err, away) {
			return true
		}
	}
	if api, ok := errors.AsType[*jetstream.APIError](err); ok {
		return api.Code == 503
	}
	_, ok := errors.AsType[net.Error](err)
	return ok
}

// dial is how the connection is made, besides what the log itself demands.
func (c *Config) dial(ctx context.Context) (options []nats.Option, err error) {
	// A password that is rotated on the server first must not end the connection for
	// ever; NATS gives up after two refusals otherwise.
	options = append(options, nats.IgnoreAuthErrorAbort())
	if c.CredentialsFile != "" {
		options = append(options, nats.UserCredentials(c.CredentialsFile))
	}
	if c.Username != "" {
		options = append(options, nats.UserInfo(c.Username, string(c.Password)))
	}
	if c.TLS.HasValue() {
		secure, err := c.TLS.Get().LoadTLSConfig(ctx)
		if err != nil {
			return nil, fmt.Errorf("tls: %w", err)
		}
		if secure != nil { // nil where insecure is asked for
			options = append(options, nats.Secure(secure))
		}
	}
	return options, nil
}

// Publish appends records, as soon as the log is open.
func (c *connection) Publish(ctx context.Context, records []inventory.Record) error {
	log, err := c.opened()
	if err != nil {
		return err
	}
	return entrance.To(log).Publish(ctx, records)
}

// Quarantine appends what could not be read, as soon as the log is open.
func (c *connection) Quarantine(ctx context.Context, entries []inventory.Quarantined) error {
	log, err := c.opened()
	if err != nil {
		return err
	}
	return entrance.To(log).Quarantine(ctx, entries)
}

func (c *connection) opened() (*stream.Log, error) {
	if log := c.log.Load(); log != nil {
		return log, nil
	}
	return nil, fmt.Errorf("%w: no connection to NATS yet", collector.ErrUnavailable)
}
