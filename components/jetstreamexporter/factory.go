// Package jetstreamexporter is the exporter "jetstream" for a Collector of one's
// own: it writes inventory events to stocktrace's log on NATS JetStream, and says
// OK to the sender only when they are on disk. README.md says how it is used; the
// code is package collector's, which the embedded Collector runs, and package
// stream's, which every stocktrace process writes its log with.
package jetstreamexporter

import (
	"fmt"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"

	"github.com/stocktrace/stocktrace/collector"
	"github.com/stocktrace/stocktrace/collector/privacy"
)

// ScopeName is the scope of the exporter's own metrics.
const ScopeName = "github.com/stocktrace/stocktrace/components/jetstreamexporter"

// NewFactory returns the exporter's factory.
func NewFactory() exporter.Factory {
	f := &factory{connections: map[*Config]*connection{}}
	return collector.NewExporterFactory(newConfig, f.connect)
}

// factory knows the connections of its exporters. A Collector makes an exporter
// of each signal that its pipelines carry, all with one configuration.
type factory struct {
	mu          sync.Mutex
	connections map[*Config]*connection
}

func (f *factory) connect(set exporter.Settings, cfg component.Config) (collector.Options, error) {
	config, ok := cfg.(*Config)
	if !ok {
		return collector.Options{}, fmt.Errorf("the configuration is a %T and not the exporter's own", cfg)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.connections[config]
	if c == nil {
		c = &connection{config: config, logger: set.Logger, release: func() { f.forget(config) }}
		if config.Privacy.File != "" {
			var err error
			if c.privacy, err = privacy.Load(config.Privacy.File, string(config.Privacy.Key)); err != nil {
				return collector.Options{}, fmt.Errorf("privacy: %w", err)
			}
		}
		f.connections[config] = c
	}
	return collector.Options{
		Publisher: c.hold(), Meter: set.MeterProvider.Meter(ScopeName),
		PublishTimeout: config.Timeout, Privacy: c.privacy,
	}, nil
}

func (f *factory) forget(config *Config) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.connections, config)
}
