package app

import (
	"context"
	"fmt"
	"time"

	"github.com/stocktrace/stocktrace/alerts"
	"github.com/stocktrace/stocktrace/alerts/slack"
	"github.com/stocktrace/stocktrace/alerts/webhook"
	"github.com/stocktrace/stocktrace/internal/stream"
	"github.com/stocktrace/stocktrace/lifecycle"
	"github.com/stocktrace/stocktrace/slo"
)

const (
	// keepLog is how old a message must be before it leaves the log, long after
	// it is durable in the tables.
	keepLog   = 24 * time.Hour
	trimEvery = 10 * time.Minute
)

// startEngine owns this process's share of the partitions, and, where it leads,
// the duties that exist once: the quarantine's way into the tables, trimming the
// log, and alerts.
func (a *App) startEngine(context.Context) error {
	leases := a.stream.Leases(stream.LeaseOptions{})
	a.startOwning(leases)
	a.goRun("trim", func(ctx context.Context) error {
		return leases.Lead(ctx, "trim", func(ctx context.Context, _ uint64) error { return a.trim(ctx) })
	})
	if err := a.startAlerts(leases); err != nil {
		return err
	}
	a.onStop("what was received", func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, finishPatience)
		defer cancel()
		if err := a.finish(ctx); err != nil {
			a.log.Info("stopping before everything received has been judged; the next start does it")
		}
		return nil
	})
	return nil
}

// startOwning brings what is in the log into the tables.
func (a *App) startOwning(leases *stream.Leases) {
	engine := lifecycle.NewEngine(lifecycle.EngineOptions{
		Log: a.stream, Store: a.store, Board: a.stream.Board(), Clock: a.clock,
		Rules:      a.rules.engine(),
		Quarantine: a.stream.Publisher().Quarantine,
		Logger:     a.log.With("part", "engine"),
		Changed:    func(int, int) { a.news.ring() },
	})
	a.goRun("facts", engine.Run)
	a.engine = a.goRun("engine", func(ctx context.Context) error { return leases.Run(ctx, engine.Own) })
	a.goRun("quarantine", func(ctx context.Context) error {
		return leases.Lead(ctx, "quarantine", func(ctx context.Context, _ uint64) error { return a.keepQuarantine(ctx) })
	})
}

// finishPatience bounds how long a clean stop waits for the engine to catch up.
const finishPatience = 10 * time.Second

// finish waits until the engine has done with everything in the log, so that a
// directory left in good order agrees with itself. What is not finished when ctx
// ends is done at the next start.
func (a *App) finish(ctx context.Context) error {
	for {
		if pending, err := a.pending(ctx); err == nil && pending == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// pending returns how many messages of the log the engine has not done with.
func (a *App) pending(ctx context.Context) (messages uint64, err error) {
	stats, err := a.stream.Stats(ctx)
	for _, s := range stats {
		messages += s.Pending
	}
	return messages, err
}

func (a *App) startAlerts(leases *stream.Leases) error {
	s := a.settings
	var receivers []alerts.Receiver
	if s.SlackToken != "" {
		r, err := slack.New(slack.Options{Token: s.SlackToken, Channel: s.SlackChannel, APIURL: a.slackAPI})
		if err != nil {
			return err
		}
		receivers = append(receivers, r)
	}
	if s.WebhookURL != "" {
		r, err := webhook.New(webhook.Options{URL: s.WebhookURL, PublicURL: s.PublicURL})
		if err != nil {
			return err
		}
		receivers = append(receivers, r)
	}
	manager, err := alerts.NewManager(alerts.Options{
		Source: a.store, Objectives: a.objectives, Store: a.store, Receivers: receivers, Rules: alerts.DefaultRules(),
		PublicURL: s.PublicURL, Clock: a.clock, Wall: RealClock{}, Log: a.log.With("part", "alerts"),
	})
	if err != nil {
		return fmt.Errorf("alerts: %w", err)
	}
	a.goRun("alerts", func(ctx context.Context) error { return leases.Lead(ctx, "alerts", manager.Run) })
	return nil
}

// startObjectives makes what engine and pages both ask for promises.
func (a *App) startObjectives(context.Context) error {
	e, err := slo.NewEvaluator(slo.Options{
		Source: a.store, Objectives: a.rules.objectives, Workflows: a.rules.workflows, Clock: a.clock,
		Wall: RealClock{},
	})
	if err != nil {
		return err
	}
	a.objectives = e
	return nil
}

// trim takes from the log what is durable in the tables and old enough.
func (a *App) trim(ctx context.Context) error {
	tick := time.NewTicker(trimEvery)
	defer tick.Stop()
	for {
		stats, err := a.stream.Stats(ctx)
		if err == nil {
			durable := map[int]uint64{}
			for _, s := range stats {
				if s.Partition >= 0 {
					// Acknowledged means: its effects are in the tables.
					durable[s.Partition] = s.Acked
				}
			}
			err = a.stream.Trim(ctx, durable, time.Now().Add(-keepLog))
		}
		if err != nil && ctx.Err() == nil {
			return fmt.Errorf("trim the log: %w", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
