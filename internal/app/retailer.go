package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/stocktrace/stocktrace/internal/estate"
	"github.com/stocktrace/stocktrace/inventory"
)

// estateFile is where a simulated retailer beside an instance remembers how far
// it has come, so that a restart repeats no receipt.
const estateFile = "estate.json"

// retailerOptions are the settings in the simulated retailer's words.
func retailerOptions(s *Settings) (estate.Options, error) {
	o := estate.Defaults()
	sim := &s.Simulation
	o.Seed, o.Stores, o.Rate, o.Faults = sim.Seed, sim.Stores, sim.Rate, sim.Faults
	o.History.Sales, o.Shuffle, o.Sales = sim.History, sim.Shuffle, sim.Sales
	o.Token = s.AuthToken
	if sim.Baskets == "" {
		return o, nil
	}
	f, err := os.Open(sim.Baskets)
	if err != nil {
		return o, fmt.Errorf("open baskets: %w", err)
	}
	defer func() { _ = f.Close() }()
	if o.Baskets, err = estate.ReadBaskets(f); err != nil {
		return o, fmt.Errorf("%s: %w", sim.Baskets, err)
	}
	return o, nil
}

// SimulatedLocations are the stores of the simulated retailer, as an instance
// declares them.
func SimulatedLocations(s *Settings) ([]inventory.Location, error) {
	o, err := retailerOptions(s)
	if err != nil {
		return nil, err
	}
	return estate.Locations(o)
}

// output opens a file that the retailer writes; one that goes on where an
// earlier run stopped adds to it.
func output(name string, resumes bool) (io.WriteCloser, error) {
	if name == "" {
		return nil, nil
	}
	flags := os.O_CREATE | os.O_WRONLY | os.O_TRUNC
	if resumes {
		flags = os.O_CREATE | os.O_WRONLY | os.O_APPEND
	}
	f, err := os.OpenFile(name, flags, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open output: %w", err)
	}
	return f, nil
}

// startRetailer sells through the instance's own ports.
func (a *App) startRetailer(context.Context) error {
	o, err := retailerOptions(a.settings)
	if err != nil {
		return err
	}
	o.Server, o.OTLPGRPC, o.OTLPHTTP = a.url, a.otlpGRPC, "http://"+a.otlpHTTP
	o.Clock, o.State = a.clock, estate.FileState(filepath.Join(a.settings.DataDir, estateFile))
	o.Logger = a.log.With("part", "retailer")
	run, err := retailer(a.settings, o, true)
	if err != nil {
		return err
	}
	a.goRun("retailer", run)
	return nil
}

// retailer returns what runs a retailer until its context ends.
func retailer(s *Settings, o estate.Options, resumes bool) (run func(context.Context) error, err error) {
	truth, err := output(s.Simulation.Truth, resumes)
	if err != nil {
		return nil, err
	}
	acked, err := output(s.Simulation.Acked, resumes)
	if err != nil {
		return nil, errors.Join(err, closeAll(truth))
	}
	if truth != nil {
		o.Truth = truth
	}
	if acked != nil {
		o.Acked = acked
	}
	e, err := estate.New(o)
	if err != nil {
		return nil, errors.Join(err, closeAll(truth, acked))
	}
	return func(ctx context.Context) error {
		err := e.Run(ctx)
		if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			err = nil
		}
		return errors.Join(err, closeAll(truth, acked))
	}, nil
}

func closeAll(files ...io.Closer) error {
	var errs []error
	for _, f := range files {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}

// Simulate runs the simulated retailer against an instance elsewhere, until ctx
// ends or it has sold what it should. progress is called about once a second.
func Simulate(ctx context.Context, s *Settings, log *slog.Logger, progress func(estate.Stats)) error {
	o, err := retailerOptions(s)
	if err != nil {
		return err
	}
	scheme, _, _ := strings.Cut(s.Server, "://")
	o.Server, o.OTLPGRPC, o.OTLPHTTP = s.Server, s.OTLPGRPC, scheme+"://"+s.OTLPHTTP
	if scheme == "https" {
		o.OTLPGRPC = "https://" + s.OTLPGRPC
	}
	o.Progress, o.Logger = progress, log
	run, err := retailer(s, o, false)
	if err != nil {
		return err
	}
	return run(ctx)
}
