package app

import (
	"context"
)

// start opens the parts one after the other, the way of the data backwards.
func (a *App) start(ctx context.Context) error {
	steps := []struct {
		needed bool
		start  func(context.Context) error
	}{
		{true, a.startRules},
		{true, a.startDirectory},
		{true, a.startLog},
		{a.settings.tables(), a.startTables},
		{a.settings.tables(), a.startObjectives},
		{true, a.startPulse},
		{a.settings.Has(RoleEngine), a.startEngine},
		{a.settings.Has(RoleCollector), a.startDoor},
		{a.settings.Has(RoleCollector), a.startMappings},
		{true, a.startServer},
		{a.settings.Has(RoleCollector), a.startCollector},
		{a.settings.Has(RoleCollector) && a.settings.DropFolders != "", a.startFolders},
		{a.settings.Simulate, a.startRetailer},
	}
	for _, s := range steps {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !s.needed {
			continue
		}
		if err := s.start(ctx); err != nil {
			return err
		}
	}
	return nil
}

// startRules reads what the retailer declared. A simulated retailer declares
// its own stores, unless a file says otherwise.
func (a *App) startRules(context.Context) error {
	r, err := loadRules(a.settings)
	if err != nil {
		return err
	}
	a.rules = r
	if a.settings.Simulate && a.settings.Locations == "" {
		a.rules.locations, err = SimulatedLocations(a.settings)
	}
	return err
}

// startDirectory takes the data directory and opens its clock.
func (a *App) startDirectory(ctx context.Context) error {
	s := a.settings
	if s.Embedded() {
		lock, err := LockDir(s.DataDir, a.command)
		if err != nil {
			return err
		}
		a.lock = lock
		a.onStop("lock", func(context.Context) error {
			lock.Release()
			return nil
		})
	}
	if err := checkFree(ctx, s.listeners()); err != nil {
		return err
	}
	a.clock = RealClock{}
	if !s.Embedded() {
		return nil
	}
	clock, closeClock, err := OpenClock(s.DataDir, s.Speed)
	if err != nil {
		return err
	}
	a.clock = clock
	a.onStop("clock", func(context.Context) error { return closeClock() })
	return leaveRules(s, a.rules)
}

func (a *App) startPulse(ctx context.Context) error {
	a.pulse = &pulse{
		log: a.stream, tables: a.store, clock: a.clock, logger: a.log.With("part", "pulse"),
		most: uint64(a.settings.QuarantineSize), keep: a.settings.Retention, simulated: a.settings.Simulate,
	}
	a.pulse.feel(ctx)
	a.pulse.register(a.metrics)
	a.goRun("pulse", a.pulse.run)
	return nil
}
