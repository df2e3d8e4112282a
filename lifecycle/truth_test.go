package lifecycle_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stocktrace/stocktrace/internal/estate"
	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/lifecycle"
)

// TestStitchTellsTheTruth rehearses a retailer with every fault and holds what
// Stitch and AboutFeeds say against its truth: no store, no log, no waiting.
func TestStitchTellsTheTruth(t *testing.T) {
	begin := time.Date(2026, 11, 25, 14, 0, 3, 0, time.UTC)
	for _, c := range []rehearsal{
		{name: "live", change: func(o *estate.Options) { o.Rate, o.Sales = 1, 4000 }},
		{name: "history", change: func(o *estate.Options) {
			o.Rate, o.History = 0, estate.History{Sales: 4000, From: begin.Add(-32 * time.Hour), To: begin.Add(-2 * time.Hour)}
		}, spread: 3 * time.Minute},
		{name: "shuffled", change: func(o *estate.Options) {
			o.Shuffle = true
			o.Rate, o.History = 0, estate.History{Sales: 4000, From: begin.Add(-32 * time.Hour), To: begin.Add(-2 * time.Hour)}
		}, spread: 3 * time.Minute},
		{name: "days long over", change: func(o *estate.Options) {
			o.Rate, o.History = 0, estate.History{Sales: 4000, From: begin.Add(-96 * time.Hour), To: begin.Add(-48 * time.Hour)}
		}, spread: 3 * time.Minute},
	} {
		c.begin = begin
		t.Run(c.name, c.play)
	}
}

// TestStitchTellsTheTruthOfEveryWorkflow: as many other dealings as sales, live,
// and long enough ago that every deadline of theirs has passed. Over 10,000
// transactions, 100,000 in make test-long; every kind of finding is among them, and
// each is told as often as it happened.
func TestStitchTellsTheTruthOfEveryWorkflow(t *testing.T) {
	begin := time.Date(2026, 11, 25, 14, 0, 3, 0, time.UTC)
	past := estate.History{Sales: 1800, From: begin.Add(-11 * 24 * time.Hour), To: begin.Add(-10 * 24 * time.Hour)}
	rounds := 1
	if os.Getenv("STOCKTRACE_TEST_LONG") != "" {
		rounds = 8
	}
	documents, all := 0, map[inventory.Kind]*estate.KindScore{}
	for round := range rounds {
		for _, c := range []rehearsal{
			{name: "live", change: func(o *estate.Options) { o.Rate, o.Sales = 1, 1800 }},
			{name: "history", change: func(o *estate.Options) { o.Rate, o.History = 0, past }, spread: 3 * time.Minute},
			{name: "shuffled", change: func(o *estate.Options) { o.Rate, o.History, o.Shuffle = 0, past, true }, spread: 3 * time.Minute},
		} {
			change := c.change
			c.change = func(o *estate.Options) {
				change(o)
				o.Seed, o.Dealings = uint64(1+3*round+len(c.name)), 1
			}
			c.begin = begin
			c.told = func(r *estate.Report) {
				documents += r.Sales
				for _, k := range r.Kinds {
					sum := all[k.Kind]
					if sum == nil {
						sum = &estate.KindScore{Kind: k.Kind}
						all[k.Kind] = sum
					}
					sum.Expected, sum.Found, sum.Unasked = sum.Expected+k.Expected, sum.Found+k.Found, sum.Unasked+k.Unasked
				}
			}
			t.Run(fmt.Sprint(c.name, " ", round), c.play)
		}
	}
	sum := estate.Report{Sales: documents}
	for _, kind := range inventory.Kinds {
		switch k := all[kind]; {
		case k != nil:
			sum.Kinds = append(sum.Kinds, *k)
		case kind == inventory.UOMMismatch || kind == inventory.RunMissed:
			// The retailer packs nothing in boxes and has declared no runs.
		default:
			t.Errorf("no %s in %d transactions", kind, documents)
		}
	}
	if documents < 10_000*rounds {
		t.Errorf("%d transactions, want %d", documents, 10_000*rounds)
	}
	t.Log(sum.String())
}

// TestStitchTellsTheTruthAtEveryHour: what is over and what is not depends on the
// hour at which one asks, since stores of many zones close and post at their own.
func TestStitchTellsTheTruthAtEveryHour(t *testing.T) {
	step := 6
	if os.Getenv("STOCKTRACE_TEST_LONG") != "" {
		step = 1
	}
	for hour := 1; hour < 24; hour += step {
		begin := time.Date(2026, 11, 25, hour, 35, 3, 0, time.UTC)
		t.Run(begin.Format("15:04"), rehearsal{begin: begin, spread: 3 * time.Minute, change: func(o *estate.Options) {
			o.Seed, o.Shuffle = uint64(hour), hour%2 == 0
			o.Rate, o.History = 0, estate.History{Sales: 3000, From: begin.Add(-33 * time.Hour), To: begin.Add(-3 * time.Hour)}
		}}.play)
	}
}

// rehearsal is a retailer played to its end.
type rehearsal struct {
	name   string
	change func(*estate.Options)
	// spread is how long the arrival of the history takes.
	spread time.Duration
	begin  time.Time
	// told, where set, takes the report.
	told func(*estate.Report)
}

func (c rehearsal) play(t *testing.T) {
	begin := c.begin
	o := estate.Defaults()
	o.Clock = at(begin)
	o.Faults = estate.FaultPresets["heavy"]
	c.change(&o)
	locations, err := estate.Locations(o)
	if err != nil {
		t.Fatal(err)
	}
	workflows, err := lifecycle.BuiltinWorkflows()
	if err != nil {
		t.Fatal(err)
	}
	rules := lifecycle.NewRules(workflows, locations)

	var records []inventory.Record
	truth, err := estate.Rehearse(t.Context(), o, func(d estate.Delivery) {
		records = append(records, inventory.Record{
			ID: d.RecordID, Content: d.Event.ContentHash(), Event: d.Event, Transport: d.Transport,
			ReceivedAt: d.At.Add(300 * time.Millisecond), Position: uint64(len(records) + 1),
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	// told is up to when the feeds say that they have told everything.
	end, told := truth.End, truth.End
	if c.spread > 0 {
		told = begin
		// What is sent later has not arrived.
		records = slices.DeleteFunc(records, func(r inventory.Record) bool {
			return r.Event.Watermark == nil && r.ReceivedAt.After(begin.Add(time.Second))
		})
		// Everything is sent at once and arrives as fast as it is taken, while the
		// feeds go on saying that they live.
		for i := range records {
			records[i].ReceivedAt = begin.Add(c.spread * time.Duration(i/100) / time.Duration(len(records)/100))
		}
		for i, m := range records {
			if m.Event.Watermark != nil && m.ReceivedAt.Equal(begin) {
				for k := time.Minute; k < c.spread; k += time.Minute {
					again := m
					again.ID += "/" + k.String()
					again.ReceivedAt = begin.Add(k)
					records = append(records, again)
				}
			}
			if i > 1000 {
				break
			}
		}
		end = begin.Add(c.spread)
	}
	evidence := lifecycle.NewEvidence()
	var said []inventory.Record
	for _, r := range records {
		if r.Event.Watermark != nil {
			evidence.Add(inventory.Fact{RecordID: r.ID, Position: r.Position, ReceivedAt: r.ReceivedAt, Watermark: *r.Event.Watermark})
		} else {
			said = append(said, r)
		}
	}

	var observed estate.Observed
	observe := func(f inventory.Finding) {
		observed.Findings = append(observed.Findings, estate.ObservedFinding{
			ID: f.ID, Kind: f.Kind, State: f.State, Resolution: f.Resolution, CorrelationID: f.LifecycleID,
			System: f.System, Step: f.Step, Location: f.Location, OpenedAt: &f.OpenedAt, ClosedAt: &f.ClosedAt,
		})
	}
	now := end.Add(20 * time.Minute)
	rand.Shuffle(len(said), func(i, j int) { said[i], said[j] = said[j], said[i] })
	for _, l := range lifecycle.Stitch(rules, said, evidence, now) {
		observed.Lifecycles = append(observed.Lifecycles, estate.ObservedLifecycle{CorrelationID: l.ID, Workflow: l.Workflow, Verdict: l.Verdict})
		for _, f := range l.Findings {
			observe(f)
		}
	}
	silent, _ := lifecycle.AboutFeeds(rules, evidence, now)
	for _, f := range silent {
		observe(f)
	}
	report := estate.Compare(truth, observed, told)
	if c.told != nil {
		c.told(report)
	}
	if !report.Equal() {
		t.Fatal(report)
	}
	t.Log(report)
}

type at time.Time

func (c at) Now() time.Time                       { return time.Time(c) }
func (c at) After(time.Duration) <-chan time.Time { return nil }
