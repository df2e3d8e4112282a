package collector

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"sync"
	"text/template"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/envprovider"
	"go.opentelemetry.io/collector/confmap/provider/fileprovider"
	"go.opentelemetry.io/collector/confmap/provider/yamlprovider"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/memorylimiterprocessor"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Collector is an OpenTelemetry Collector within this process: OTLP in, the
// durable log out.
type Collector struct {
	options Options
	intake  *intake

	mu      sync.Mutex
	running *otelcol.Collector
	ended   chan struct{} // closed when Run has returned
	result  error         // of Run, valid once ended is closed
}

// New returns a collector that is not started yet.
func New(o Options) (*Collector, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	in, err := newIntake(o)
	if err != nil {
		return nil, err
	}
	return &Collector{options: o, intake: in}, nil
}

// Start starts the Collector and returns when its ports accept data. An error
// says which port is taken or what of the configuration is wrong; ctx bounds
// the start only.
func (c *Collector) Start(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running != nil {
		return errors.New("collector: already started")
	}
	for _, address := range []*string{&c.options.GRPC, &c.options.HTTP} {
		picked, err := pick(ctx, *address)
		if err != nil {
			return fmt.Errorf("start collector: %w", err)
		}
		*address = picked
	}
	uri := "file:" + c.options.ConfigFile
	if c.options.ConfigFile == "" {
		generated, err := c.configuration()
		if err != nil {
			return fmt.Errorf("start collector: %w", err)
		}
		uri = "yaml:" + generated
	}
	core := zap.WrapCore(func(zapcore.Core) zapcore.Core { return newLogCore(c.options.Logger) })
	col, err := otelcol.NewCollector(otelcol.CollectorSettings{
		Factories:               c.Factories,
		BuildInfo:               component.BuildInfo{Command: "stocktrace", Description: "stocktrace collector", Version: c.options.Version},
		DisableGracefulShutdown: true, // the application owns the signals
		SkipSettingGRPCLogger:   true, // and the process its global loggers
		LoggingOptions:          []zap.Option{core},
		ConfigProviderSettings: otelcol.ConfigProviderSettings{ResolverSettings: confmap.ResolverSettings{
			URIs:          []string{uri},
			DefaultScheme: "env",
			ProviderFactories: []confmap.ProviderFactory{
				envprovider.NewFactory(), fileprovider.NewFactory(), yamlprovider.NewFactory(),
			},
		}},
	})
	if err != nil {
		return fmt.Errorf("start collector: %w", err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		// Its context ends with Stop, not with the start's.
		c.result = col.Run(context.WithoutCancel(ctx))
	}()

	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for col.GetState() != otelcol.StateRunning {
		select {
		case <-ended:
			if c.result == nil {
				return errors.New("start collector: it ended by itself")
			}
			return fmt.Errorf("start collector: %w", c.result)
		case <-ctx.Done():
			col.Shutdown()
			<-ended
			return fmt.Errorf("start collector: %w", ctx.Err())
		case <-tick.C:
		}
	}
	c.running, c.ended = col, ended
	return nil
}

// Stop stops receiving, lets every request that was received get its answer,
// and returns when all of that is done, or ctx ends. It may be called at any
// time, also twice.
func (c *Collector) Stop(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running == nil {
		return nil
	}
	go c.running.Shutdown()
	select {
	case <-c.ended:
		c.running = nil
		if c.result != nil {
			return fmt.Errorf("stop collector: %w", c.result)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop collector: %w", ctx.Err())
	}
}

// Done is closed when the Collector has ended, by Stop or by itself. It is nil
// before Start.
func (c *Collector) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ended
}

// GRPC is the address OTLP over gRPC listens on, once started.
func (c *Collector) GRPC() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.options.GRPC
}

// HTTP is the address OTLP over HTTP listens on, once started.
func (c *Collector) HTTP() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.options.HTTP
}

// Factories returns the components this Collector is built of: upstream's otlp
// receiver and memory limiter, and stocktrace's own. A distribution with more
// components adds to them.
func (c *Collector) Factories() (otelcol.Factories, error) {
	var f otelcol.Factories
	var errs [4]error
	f.Receivers, errs[0] = otelcol.MakeFactoryMap[receiver.Factory](otlpreceiver.NewFactory())
	f.Processors, errs[1] = otelcol.MakeFactoryMap[processor.Factory](memorylimiterprocessor.NewFactory(), newProcessorFactory(noConfig, func(processor.Settings) (*metrics, error) { return c.intake.metrics, nil }))
	f.Exporters, errs[2] = otelcol.MakeFactoryMap[exporter.Factory](NewExporterFactory(noConfig, func(exporter.Settings, component.Config) (Options, error) { return c.options, nil }))
	f.Extensions, errs[3] = otelcol.MakeFactoryMap[extension.Factory](newExtensionFactory(c.intake, c.options.TLS.ClientCA != "", c.options.seals(), c.intake.handler(c.options)))
	f.Telemetry = newTelemetryFactory(c.options.Logger)
	return f, errors.Join(errs[:]...)
}

//go:embed collector.yaml.tmpl
var configurationText string

var configurationTemplate = template.Must(template.New("collector.yaml").Parse(configurationText))

// configuration returns the Collector's configuration for the options.
func (c *Collector) configuration() (string, error) {
	const mib = 1 << 20
	var b bytes.Buffer
	err := configurationTemplate.Execute(&b, struct {
		Options
		MaxRequestMiB, SpikePercentage int64
	}{
		Options:         c.options,
		MaxRequestMiB:   (c.options.MaxRequestBytes + mib - 1) / mib,
		SpikePercentage: max(1, int64(c.options.MemoryLimitPercentage)/5),
	})
	return b.String(), err
}

// pick replaces port 0 by a free one. Another process may take it before the
// Collector does; then the start fails as with any port that is taken.
func pick(ctx context.Context, address string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil || port != "0" {
		return address, err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		return "", err
	}
	picked := l.Addr().String()
	return picked, l.Close()
}
