package cli

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/stocktrace/stocktrace/internal/app"
	"github.com/stocktrace/stocktrace/internal/estate"
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
  stocktrace run --role engine --nats-url nats://n1:4222 --clickhouse-dsn http://db:8123/stocktrace`,
		Args: exactly(0, "run takes flags only; `stocktrace run --help` lists them"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := p.load(cmd)
			if err != nil {
				return err
			}
			if err := s.Validate(); err != nil {
				return err
			}
			tuneGarbage()
			a, err := app.New(p.options(s))
			if err != nil {
				return err
			}
			if err := a.Start(cmd.Context()); err != nil {
				if cmd.Context().Err() != nil {
					return nil // interrupted before it was ready
				}
				return err
			}
			for _, line := range a.Welcome() {
				fmt.Fprintln(p.Stdout, line)
			}
			if err := a.Wait(cmd.Context()); err != nil {
				return err
			}
			fmt.Fprintln(p.Stdout, "Stopped. Everything received is kept; started again, it goes on from here.")
			return nil
		},
	}
	addSettings(cmd, app.GroupInstance, app.GroupListen, app.GroupRetailer, app.GroupDocuments, app.GroupAlerts, app.GroupSimulate, app.GroupOutside)
	return cmd
}

func (p *Program) options(s *app.Settings) app.Options {
	return app.Options{Settings: s, Version: p.Version, Log: p.logger(s), Command: p.command}
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
that is repeated sends the same events again, which changes nothing.

The instance should know the stores: --write-locations writes the file for its
--locations.`,
		Example: `
  stocktrace simulate --rate 20                  20 sales a second, until stopped
  stocktrace simulate --history 20000 --shuffle --sales 1 --truth truth.ndjson
  stocktrace simulate --baskets uci-online-retail-2010-12.csv.gz
  stocktrace simulate --write-locations stores.yaml`,
		Args: exactly(0, "simulate takes flags only; `stocktrace simulate --help` lists them"),
	}
	cmd.Flags().SortFlags = false
	for _, name := range []string{"stores", "rate", "seed", "faults", "baskets", "truth", "acked", "history", "shuffle", "sales"} {
		addSetting(cmd, name)
	}
	write := cmd.Flags().String("write-locations", "", "write the stores as a locations file, and end")
	cmd.Flags().Lookup("write-locations").Annotations = map[string][]string{groupOf: {app.GroupSimulate}}
	for _, name := range []string{"server", "otlp-grpc", "otlp-http", "auth-token", "log-level", "log-format"} {
		addSetting(cmd, name)
	}
	addSettings(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s, err := p.load(cmd)
		if err != nil {
			return err
		}
		if *write != "" {
			return writeLocations(s, *write)
		}
		progress := p.progress()
		err = app.Simulate(cmd.Context(), s, p.logger(s), progress)
		if cmd.Context().Err() == nil || err != nil {
			return err
		}
		return nil
	}
	return cmd
}

func writeLocations(s *app.Settings, name string) error {
	locations, err := app.SimulatedLocations(s)
	if err != nil {
		return err
	}
	f, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("write locations: %w", err)
	}
	if err := errors.Join(estate.WriteLocations(f, locations), f.Close()); err != nil {
		return fmt.Errorf("write locations: %w", err)
	}
	return nil
}

// phases are the retailer's phases in words. What is sold owes messages later:
// postings in batches, replays, offline stores.
var phases = map[string]string{
	"history": "sending the past", "live": "selling", "draining": "sold; waiting for what is due later", "done": "done",
}

// progress tells how far the retailer is: a line that renews itself in a
// terminal, one every ten seconds elsewhere.
func (p *Program) progress() func(estate.Stats) {
	scr := p.screen()
	var last time.Time
	phase := ""
	return func(s estate.Stats) {
		line := fmt.Sprintf("%s  %s  %d sales, %d events, %d acknowledged", s.Now.In(scr.zone).Format("2006-01-02 15:04:05"),
			phases[s.Phase], s.Sales, s.Events, s.Acked)
		if s.Refused > 0 {
			line += fmt.Sprintf(", %d refused", s.Refused)
		}
		if s.Behind > 5*time.Second {
			line += ", behind by " + duration(s.Behind)
		}
		if scr.colour {
			scr.printf("\r\x1b[K%s", line)
			if s.Phase == "done" {
				scr.printf("\n")
			}
			return
		}
		if s.Phase == phase && time.Since(last) < 10*time.Second {
			return
		}
		phase, last = s.Phase, time.Now()
		scr.printf("%s\n", line)
	}
}
