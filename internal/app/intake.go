package app

import (
	"context"
	"errors"
	"net/http"
	"syscall"

	"github.com/stocktrace/stocktrace/collector"
)

func (a *App) collectorOptions() collector.Options {
	s := a.settings
	return collector.Options{
		Publisher: a.pulse.watch(a.stream.Publisher()), Clock: a.clock, Logger: a.log.With("part", "collector"), Registerer: a.metrics,
		GRPC: s.OTLPGRPC, HTTP: s.OTLPHTTP, AuthToken: s.AuthToken, ConfigFile: s.CollectorConfig, Version: a.version,
	}
}

// eventsHandler takes CloudEvents at POST /v1/events.
func (a *App) eventsHandler() (http.Handler, error) {
	return collector.EventsHandler(a.collectorOptions())
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
