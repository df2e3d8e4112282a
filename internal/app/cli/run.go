package cli

import (
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/stocktrace/stocktrace/internal/app"
)

func (p *Program) run() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "run [flags]",
		GroupID: "run",
		Short:   "run the tower: everything in one process, or one role of it",
		Long: `Takes events in over OTLP and CloudEvents, stitches them into lifecycles, watches
their deadlines and serves the pages. Everything is kept in --data-dir; nothing else
needs to be installed or running. An OK to a sender means that the event is on disk.

The first interrupt (Ctrl-C) stops it in good order, the second one at once; nothing
acknowledged is lost either way.`,
		Example: `
  stocktrace run --simulate              try it, with a simulated retailer of 600 stores
  stocktrace run --simulate --speed 60   the same, a simulated hour a minute
  stocktrace run --locations stores.yaml --slack-token xoxb-… --slack-channel C012AB3CD
  stocktrace run --role engine --nats-url nats://n1:4222 --clickhouse-dsn clickhouse://db:9000/stocktrace`,
		Args: exactly(0, "run takes flags only; `stocktrace run --help` lists them"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := p.load(cmd)
			if err != nil {
				return err
			}
			if err := s.Validate(); err != nil {
				return err
			}
			a, err := app.New(app.Options{Settings: s, Version: p.Version, Log: p.logger(s)})
			if err != nil {
				return err
			}
			if err := a.Start(cmd.Context()); err != nil {
				return err
			}
			for _, line := range a.Welcome() {
				fmt.Fprintln(p.Stdout, line)
			}
			return a.Wait(cmd.Context())
		},
	}
	addSettings(cmd, app.GroupInstance, app.GroupListen, app.GroupRetailer, app.GroupAlerts, app.GroupSimulate, app.GroupOutside)
	return cmd
}

func (p *Program) logger(s *app.Settings) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(s.LogLevel)) // one of four, checked when it was set
	o := &slog.HandlerOptions{Level: level}
	if s.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(p.Stderr, o))
	}
	return slog.New(slog.NewTextHandler(p.Stderr, o))
}

func (p *Program) simulate() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "simulate [flags]",
		GroupID: "run",
		Short:   "sell in a simulated retailer, through the public ports of any instance",
		Long: `Runs stores, registers, middleware, OMS and ERP that send what such systems send:
CloudEvents to --server, OTLP to --otlp-grpc and --otlp-http. Things go wrong at the
rates of --faults; --truth writes down what really happened to every sale, so that the
tower's verdicts can be compared with it. The same --seed sells the same, and a run
that is repeated sends the same events again, which changes nothing.`,
		Example: `
  stocktrace simulate --rate 20                         20 sales a second, until stopped
  stocktrace simulate --history 20000 --shuffle --sales 1 --truth truth.ndjson
  stocktrace simulate --server https://tower.example.com --auth-token … --otlp-grpc tower.example.com:4317 --otlp-http tower.example.com:4318
  stocktrace simulate --baskets uci-online-retail-2010-12.csv.gz`,
		Args: exactly(0, "simulate takes flags only; `stocktrace simulate --help` lists them"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := p.load(cmd)
			if err != nil {
				return err
			}
			return app.Simulate(cmd.Context(), app.Options{Settings: s, Version: p.Version, Log: p.logger(s)},
				func(line string) { fmt.Fprintln(p.Stdout, line) })
		},
	}
	for _, name := range []string{"stores", "rate", "seed", "faults", "baskets", "truth", "acked", "history", "shuffle", "sales", "locations"} {
		addSetting(cmd, name)
	}
	for _, name := range []string{"server", "otlp-grpc", "otlp-http", "auth-token"} {
		addSetting(cmd, name)
	}
	addSetting(cmd, "log-level")
	addSetting(cmd, "log-format")
	addSettings(cmd)
	return cmd
}
