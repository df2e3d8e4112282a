package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime/pprof"
	"strconv"
	"syscall"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/clickhouseexporter"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/yamlprovider"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/service/telemetry"
	"go.uber.org/zap"

	"github.com/stocktrace/stocktrace/internal/app/cli"
	"github.com/stocktrace/stocktrace/internal/store/chdb"
)

// ready is what a child prints when it listens.
const ready = "ready"

// profileVariable names the file a profiled child writes.
const profileVariable = "BENCH_CPU_PROFILE"

// child is what this program does in its children.
func child(args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	switch {
	case len(args) > 1 && args[0] == "stocktrace":
		return profiled(args[1:])
	case len(args) == 3 && args[0] == "engine":
		return serveEngine(ctx, args[1], args[2])
	case len(args) == 3 && args[0] == "collector":
		return runCollector(ctx, args[1], args[2])
	case len(args) == 2 && args[0] == "tables":
		return printTables(ctx, args[1])
	case len(args) > 3 && args[0] == "lookup":
		seed, err := strconv.ParseUint(args[2], 10, 64)
		if err != nil {
			return err
		}
		return lookup(ctx, args[1], seed, args[3:])
	}
	return fmt.Errorf("unknown child %q", args)
}

// profiled is stocktrace with a processor profile over its whole life.
func profiled(args []string) (err error) {
	f, err := os.Create(os.Getenv(profileVariable))
	if err != nil {
		return err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return errors.Join(err, f.Close())
	}
	os.Args = append([]string{"stocktrace"}, args...)
	code := cli.Main("bench")
	pprof.StopCPUProfile()
	if err := f.Close(); err != nil {
		return err
	}
	if code != 0 {
		return fmt.Errorf("stocktrace ended with %d", code)
	}
	return nil
}

// serveEngine serves the embedded engine over HTTP, as a server would be.
func serveEngine(ctx context.Context, dir, address string) error {
	e, err := chdb.Open(chdb.Options{Path: dir})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return errors.Join(err, e.Close())
	}
	server := &http.Server{Handler: e} //nolint:gosec // loopback, for a minute
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	fmt.Println(ready)
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return errors.Join(err, e.Close())
	}
	return e.Close()
}

// peerConfiguration is the exporter as its README recommends it: batches within
// the sending queue, in its default table. The bound on the queue makes it slow
// senders down where it would drop by default. Asynchronous inserts, the default,
// save nothing with batches of this size.
const peerConfiguration = `
receivers:
  otlp:
    protocols:
      grpc: {endpoint: %q, max_recv_msg_size_mib: 16}
exporters:
  clickhouse:
    endpoint: %q
    async_insert: false
    timeout: 60s
    sending_queue:
      block_on_overflow: true
      queue_size: 200
      num_consumers: 4
      batch: {min_size: 20000, flush_timeout: 1s}
service:
  pipelines:
    traces: {receivers: [otlp], exporters: [clickhouse]}
`

// runCollector runs upstream's Collector with the contrib ClickHouse exporter.
// It measures nothing of itself, as ours does.
func runCollector(ctx context.Context, address, dsn string) error {
	logger, err := zap.NewProductionConfig().Build(zap.IncreaseLevel(zap.WarnLevel))
	if err != nil {
		return err
	}
	factories := func() (f otelcol.Factories, err error) {
		var errs [2]error
		f.Receivers, errs[0] = otelcol.MakeFactoryMap[receiver.Factory](otlpreceiver.NewFactory())
		f.Exporters, errs[1] = otelcol.MakeFactoryMap[exporter.Factory](clickhouseexporter.NewFactory())
		f.Telemetry = telemetry.NewFactory(func() component.Config { return &struct{}{} },
			telemetry.WithCreateLogger(func(context.Context, telemetry.LoggerSettings, component.Config) (*zap.Logger, component.ShutdownFunc, error) {
				return logger, nil, nil
			}))
		return f, errors.Join(errs[:]...)
	}
	c, err := otelcol.NewCollector(otelcol.CollectorSettings{
		Factories: factories, BuildInfo: component.BuildInfo{Command: "otelcol", Version: "bench"},
		ConfigProviderSettings: otelcol.ConfigProviderSettings{ResolverSettings: confmap.ResolverSettings{
			URIs: []string{"yaml:" + fmt.Sprintf(peerConfiguration, address, dsn)}, DefaultScheme: "yaml",
			ProviderFactories: []confmap.ProviderFactory{yamlprovider.NewFactory()},
		}},
	})
	if err != nil {
		return err
	}
	go func() {
		for range 600 {
			if conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address); err == nil {
				_ = conn.Close()
				fmt.Println(ready)
				return
			}
			pause(ctx)
		}
	}()
	return c.Run(ctx)
}

// printTables merges an instance's tables and prints what they take.
func printTables(ctx context.Context, dir string) error {
	e, err := chdb.Open(chdb.Options{Path: dir})
	if err != nil {
		return err
	}
	defer func() { _ = e.Close() }()
	db, err := clickhouse.Open(&clickhouse.Options{Protocol: clickhouse.HTTP, Addr: []string{"embedded"}, TransportFunc: e.TransportFunc})
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	tables, err := settle(ctx, db, "stocktrace")
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(tables)
}
