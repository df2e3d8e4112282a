package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"syscall"
	"time"

	"github.com/stocktrace/stocktrace/collector"
	"github.com/stocktrace/stocktrace/collector/access"
	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/webhook"
	"github.com/stocktrace/stocktrace/collector/privacy"
)

func (a *App) collectorOptions() collector.Options {
	s := a.settings
	return collector.Options{
		Publisher: a.entrance(), Clock: a.clock, Logger: a.log.With("part", "collector"), Registerer: a.metrics,
		GRPC: s.OTLPGRPC, HTTP: s.OTLPHTTP, Gate: a.door,
		Privacy: a.private, Vendors: vendors(), PublicURL: s.PublicURL, Documents: a.findDocument, ZoneOf: a.rules.zones(),
		TLS:        collector.TLS{Cert: s.TLSCert, Key: s.TLSKey, ClientCA: s.ClientCA},
		ConfigFile: s.CollectorConfig, Version: a.version,
	}
}

// vendor is one whose webhooks are taken.
type vendor struct {
	format.Format
	verify func(secret, url string, header map[string]string, body []byte) error
}

// Verify checks a signature as the vendor signs.
func (v vendor) Verify(secret, url string, header map[string]string, body []byte) error {
	return v.verify(secret, url, header, body)
}

func vendors() map[string]collector.Vendor {
	all := make(map[string]collector.Vendor, len(webhook.Vendors))
	for name, v := range webhook.Vendors {
		all[name] = vendor{v.Format, v.Verify}
	}
	return all
}

// TokensFile is where the sources' tokens are kept.
func (s *Settings) TokensFile() string {
	return cmp.Or(s.Tokens, filepath.Join(s.DataDir, "tokens"))
}

// openDoor reads who may send.
func openDoor(s *Settings, log *slog.Logger) (*access.Gate, error) {
	gate, err := access.Open(access.Options{AuthToken: s.AuthToken, Sources: s.Sources, Tokens: s.TokensFile(), Logger: log})
	if err == nil && s.Simulate && s.AuthToken == "" && gate.Guarded() {
		err = errors.New("--simulate: senders need a token here, and the simulated retailer has none: set --auth-token too")
	}
	return gate, err
}

// loadPrivacy reads who is taken out; nil where nobody is.
func loadPrivacy(s *Settings) (*privacy.Rules, error) {
	if s.Privacy == "" {
		return nil, nil
	}
	r, err := privacy.Load(s.Privacy, s.PrivacyKey)
	if err != nil {
		return nil, fmt.Errorf("--privacy: %w", err)
	}
	return r, nil
}

// startDoor opens the door and keeps watching who may come in.
func (a *App) startDoor(context.Context) error {
	gate, err := openDoor(a.settings, a.log.With("part", "door"))
	if err != nil {
		return err
	}
	a.door = gate
	if a.private, err = loadPrivacy(a.settings); err != nil {
		return err
	}
	a.goRun("door", gate.Watch)
	return nil
}

// zones returns the declared zone of each location.
func (r *rules) zones() func(string) *time.Location {
	zones := make(map[string]*time.Location, len(r.locations))
	for i := range r.locations {
		zones[r.locations[i].ID] = r.locations[i].Zone
	}
	return func(location string) *time.Location { return zones[location] }
}

// eventsHandler takes everything under /v1/.
func (a *App) eventsHandler() (http.Handler, error) {
	return collector.Handler(a.collectorOptions())
}

// startCollector opens the OTLP ports, when everything behind them runs.
func (a *App) startCollector(ctx context.Context) error {
	c, err := collector.New(a.collectorOptions())
	if err != nil {
		return err
	}
	if err := c.Start(ctx); err != nil {
		if errors.Is(err, syscall.EADDRINUSE) {
			// Taken since it was found free: say it in the same words.
			if taken := checkFree(ctx, a.settings.listeners()[1:]); taken != nil {
				return taken
			}
		}
		return err
	}
	a.otlpGRPC, a.otlpHTTP = c.GRPC(), c.HTTP()
	a.goRun("collector's end", func(ctx context.Context) error {
		select {
		case <-ctx.Done():
			return nil
		case <-c.Done():
			return errors.New("the collector ended by itself")
		}
	})
	a.onStop("collector", c.Stop)
	return nil
}
