package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// wrong returns records our own code fails on, each of a sale of its own.
func wrong(n int) (records []inventory.Record) {
	for i := range n {
		tl := &tale{}
		tl.say("pos completed", time.Duration(i)*time.Minute, said{receipt: fmt.Sprintf("0666-01-%06d", i), lines: basket})
		tl.records[0].Event.Location = "0666"
		records = append(records, tl.records[0])
	}
	return records
}

func isWrong(r inventory.Record) bool { return r.Event.Location == "0666" }

func anyWrong(entries []entry, _ time.Time) bool {
	return slices.ContainsFunc(entries, func(e entry) bool { return isWrong(*e.Record) })
}

// TestWhatOurCodeFailsOnIsSetAside: a message our code fails on is in the
// quarantine after five failures, with a finding, and everything else is as if
// it had never come, crashes or not. A crash counts for nothing.
func TestWhatOurCodeFailsOnIsSetAside(t *testing.T) {
	rules := saleRules(t)
	for seed := range uint64(40) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			w := newWorld(seed, 1+int(seed%4))
			if seed%2 > 0 {
				w.crashes = 0.02
			}
			w.faulty = anyWrong
			good, bad := simTale(w.rng, 20, seed%3 == 0), wrong(3)
			if seed%5 == 0 {
				bad = nil
			}
			all := append(slices.Clone(good), bad...)
			slices.SortStableFunc(all, func(a, b inventory.Record) int { return a.ReceivedAt.Compare(b.ReceivedAt) })
			w.run(t, rules, all, t0.Add(40*time.Minute))

			kept := map[string]bool{}
			for _, q := range w.quarantined {
				kept[string(q.Raw)] = true
			}
			for p, log := range w.logs[:w.partitions] {
				for i, parcel := range log {
					name := string(rawOf(p, uint64(i+1)))
					if has := slices.ContainsFunc(parcel.Records, isWrong); has != kept[name] {
						t.Errorf("message %s: in quarantine %t, want %t", name, kept[name], has)
					}
					n := w.failures[p][uint64(i+1)]
					switch {
					case kept[name] && n < maxFailures:
						t.Errorf("message %s was set aside after %d failures", name, n)
					case !kept[name] && n >= maxFailures:
						t.Errorf("message %s has %d failures and was not set aside", name, n)
					case len(bad) == 0 && n > 0:
						t.Errorf("message %s: a crash was counted", name)
					}
				}
			}
			gaps := 0
			for k, f := range w.findings {
				if f.Finding.Kind == inventory.TelemetryGap && f.Finding.System == "stocktrace" {
					gaps++
					delete(w.findings, k)
				}
			}
			if gaps != len(kept) {
				t.Errorf("%d telemetry gaps for %d messages set aside", gaps, len(kept))
			}
			w.check(t, rules, good)
			if d := verified(t, w, rules); len(d) > 0 {
				t.Errorf("verify finds %d differences, first %+v", len(d), d[0])
			}
		})
	}
}

// TestAFaultOfTimeStopsNobody: what our code fails on without any message, by a
// deadline, is said, and the partition goes on with everything else.
func TestAFaultOfTimeStopsNobody(t *testing.T) {
	rules := saleRules(t)
	w := newWorld(3, 2)
	good, bad := simTale(w.rng, 10, false), wrong(1)
	w.faulty = func(entries []entry, now time.Time) bool {
		return anyWrong(entries, now) && now.After(t0.Add(3*time.Minute))
	}
	w.run(t, rules, append(bad, good...), t0.Add(40*time.Minute))
	w.run(t, rules, nil, t0.Add(21*time.Minute)) // taken over: it is met again at once

	if len(w.quarantined) > 0 {
		t.Errorf("%d messages were set aside", len(w.quarantined))
	}
	said := 0
	for k, f := range w.findings {
		if !f.Deleted && f.Finding.System == "stocktrace" {
			said++
			if !strings.Contains(f.Finding.Sentence, "receipt:666/1/0") {
				t.Errorf("it says %q", f.Finding.Sentence)
			}
			delete(w.findings, k)
		}
	}
	if said != 1 {
		t.Errorf("%d findings say so, want 1", said)
	}
	// Its rows are as they were before.
	for k, r := range w.lifecycles {
		if r.Lifecycle.ID == "receipt:666/1/0" {
			delete(w.lifecycles, k)
		}
	}
	for k, f := range w.findings {
		if f.Finding.LifecycleID == "receipt:666/1/0" {
			delete(w.findings, k)
		}
	}
	w.check(t, rules, good)
}

// TestWhatMayPassIsNotCounted: only what comes again for the same message is.
func TestWhatMayPassIsNotCounted(t *testing.T) {
	for _, tc := range []struct {
		name    string
		turn    func() error
		counted bool
	}{
		{"the store is away", func() error { return fmt.Errorf("write records: %w", errCrash) }, false},
		{"another owner", func() error { return fmt.Errorf("move the cursor: %w", ErrFenced) }, false},
		{"an error that stays", func() error { return fmt.Errorf("publish: %w", ErrPermanent) }, true},
		{"a panic", func() error { panic("index out of range") }, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(1, 1)
			d := &desk{log: w, inHand: []Message{{Position: 4}, {Position: 5}}}
			err := d.attempt(context.Background(), func(context.Context) error { return tc.turn() })
			if err == nil || len(d.inHand) > 0 {
				t.Fatalf("error %v, %d still in hand", err, len(d.inHand))
			}
			if counted := w.failures[0][4] == 1 && w.failures[0][5] == 1; counted != tc.counted || len(w.failures[0]) > 2 {
				t.Errorf("failures are %v", w.failures[0])
			}
		})
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	w := newWorld(1, 1)
	d := &desk{log: w, inHand: []Message{{Position: 4}}}
	if err := d.attempt(ended, func(context.Context) error { panic("shut down") }); err == nil || errors.Is(err, errCrash) || len(w.failures[0]) > 0 {
		t.Errorf("while stopping: error %v, failures %v", err, w.failures[0])
	}
}
