package estate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var begin = time.Date(2026, 11, 25, 14, 0, 3, 0, time.UTC) // a Wednesday

// small is a retailer whose day passes in a second of test time.
func small(change func(*Options)) Options {
	o := Defaults()
	o.Dealings = 0
	o.Clock = &jumpClock{now: begin}
	o.Stores, o.BatchShare, o.DayShare = 24, 0, 0
	o.Faults = maps.Clone(FaultPresets["heavy"])
	o.History = History{Sales: 300, From: begin.Add(-6 * time.Hour)}
	o.Rate, o.Sales = 0.2, 600
	o.BatchSize = 50
	change(&o)
	return o
}

// planned lists the ids of everything such a retailer sends.
func planned(t *testing.T, o Options) []string {
	t.Helper()
	o.Clock, o.State, o.Truth, o.Acked = &jumpClock{now: begin}, nil, nil, nil
	e, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for !e.schedule.ended() {
		for _, m := range e.draw() {
			ids = append(ids, m.recordID())
		}
	}
	if err := e.client.close(); err != nil {
		t.Error(err)
	}
	slices.Sort(ids)
	return ids
}

func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	if slices.Equal(got, want) {
		return
	}
	count := map[string]int{}
	for _, id := range want {
		count[id]++
	}
	for _, id := range got {
		count[id]--
	}
	shown := 0
	for _, id := range slices.Sorted(maps.Keys(count)) {
		if n := count[id]; n != 0 && shown < 5 {
			t.Errorf("%s: %s is there %+d times too often", what, id, -n)
			shown++
		}
	}
	t.Errorf("%s: %d, want %d", what, len(got), len(want))
}

func TestRun(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Options)
		mood   func(n int) fate
	}{
		{"in order", func(*Options) {}, nil},
		{"shuffled", func(o *Options) { o.Shuffle = true }, nil},
		{"an instance with bad days", func(*Options) {}, func(n int) fate {
			return []fate{taken, taken, busy, lostReply, taken, slowDown, taken, taken, busy, taken, lostReply, taken, taken}[n%13]
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newReceiver(t)
			r.mood = c.mood
			var truth, acked bytes.Buffer
			o := small(c.change)
			o.BatchSize, o.Concurrency = 20, 1 // keeps the feeds in step
			r.options(&o)
			o.Truth, o.Acked = &truth, &acked
			e, err := New(o)
			if err != nil {
				t.Fatal(err)
			}
			e.client.patience = time.Millisecond
			if err := e.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			r.check()
			want := planned(t, o)
			same(t, "events kept", r.ids(), want)

			// Everything acknowledged is noted, once; watermarks too.
			var noted []string
			for text := range strings.Lines(acked.String()) {
				var l ackedLine
				if err := json.Unmarshal([]byte(text), &l); err != nil {
					t.Fatal(err)
				}
				if !strings.HasPrefix(l.RecordID, "/feeds/") {
					noted = append(noted, l.RecordID)
				}
			}
			slices.Sort(noted)
			same(t, "acknowledged", noted, want)

			told, err := ReadTruth(&truth)
			if err != nil {
				t.Fatal(err)
			}
			sales, required := 0, 0
			for _, s := range told.Sales {
				if s.FinalAt.After(told.End) {
					t.Errorf("%s is final at %s, after the end %s", s.CorrelationID, s.FinalAt, told.End)
				}
				if s.Workflow == workflowSale {
					sales++
				}
			}
			for _, s := range told.Silences {
				if s.Required {
					required++
				}
			}
			if sales != 900 || required == 0 {
				t.Errorf("the truth knows %d sales and %d silences that must be found", sales, required)
			}
			s := e.Stats()
			if s.Phase != "done" || s.Sales != 900 || s.Events != int64(len(want)) || s.Acked != s.Events || s.Refused != 0 || s.Behind != 0 ||
				(s.Retries > 0) != (c.mood != nil) || s.Faults[PostedTwice] == 0 {
				t.Errorf("%+v", s)
			}
			// Each feed has said that it lives, and at the end that it is complete.
			for _, feed := range []string{"middleware/", "oms/", "erp/", "pos/0001"} {
				if r.marks[feed] < 10 || !r.through[feed].Equal(told.End) {
					t.Errorf("%s: %d watermarks, complete through %s, want %s", feed, r.marks[feed], r.through[feed], told.End)
				}
			}
			// A history in order arrives in order, as far as feeds keep step.
			var newest time.Time
			behind := 0
			for _, id := range r.arrived {
				at := r.kept[id].at
				newest = later(newest, at)
				if newest.Sub(at) > 2*time.Hour {
					behind++
				}
			}
			if (behind > 100) != o.Shuffle {
				t.Errorf("%d events arrive more than two hours after younger ones", behind)
			}
		})
	}
}

// A retailer stopped again and again sends what one never stopped sends, and
// never the same id with another content.
func TestRunAgain(t *testing.T) {
	r := newReceiver(t)
	state := FileState(filepath.Join(t.TempDir(), "estate.json"))
	clock := &jumpClock{now: begin}
	var truth bytes.Buffer
	o := small(func(o *Options) { o.History.Sales, o.Sales = 200, 500 })
	r.options(&o)
	o.Clock, o.State, o.Truth = clock, state, &truth
	runs := 0
	for ; ; runs++ {
		if runs > 60 {
			t.Fatal("it never ends")
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		// Stopped in the history first, then ever later in the live part.
		left := 20 * runs
		r.mu.Lock()
		r.mood = nil
		if runs < 3 {
			stopAt := r.requests + 3*(runs+1)
			r.mood = func(n int) fate {
				if n >= stopAt {
					cancel(errStopped)
					return lostReply
				}
				return taken
			}
		}
		r.mu.Unlock()
		clock.mu.Lock()
		clock.onWait = func(time.Time) {
			if left--; left < 0 {
				cancel(errStopped)
			}
		}
		clock.mu.Unlock()
		e, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		e.client.patience = time.Millisecond
		err = e.Run(ctx)
		cancel(nil)
		if err == nil {
			break
		}
		if !errors.Is(err, errStopped) && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	if runs < 5 {
		t.Errorf("stopped %d times only", runs)
	}
	r.check()
	same(t, "events kept", r.ids(), planned(t, o))
	told, err := ReadTruth(&truth)
	if err != nil {
		t.Fatal(err)
	}
	if len(told.Sales) != 700 || told.End.IsZero() {
		t.Errorf("the truth knows %d sales, end %s", len(told.Sales), told.End)
	}
	// Most of what was acknowledged is not sent again.
	if r.repeated > len(r.arrived)/2 {
		t.Errorf("%d of %d events were sent again", r.repeated, len(r.arrived))
	}
}

// What was not sold while the estate was away is not sold later, beyond a bound.
func TestPause(t *testing.T) {
	r := newReceiver(t)
	state := FileState(filepath.Join(t.TempDir(), "estate.json"))
	clock := &jumpClock{now: begin}
	var truth bytes.Buffer
	o := small(func(o *Options) { o.History = History{}; o.Sales, o.CatchUp, o.Faults = 0, 10*time.Minute, Faults{} })
	r.options(&o)
	o.Clock, o.State, o.Truth = clock, state, &truth
	run := func(until time.Time) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		clock.mu.Lock()
		clock.onWait = func(now time.Time) {
			if now.After(until) {
				cancel()
			}
		}
		clock.mu.Unlock()
		e, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	run(begin.Add(time.Hour))
	clock.mu.Lock()
	stopped := clock.now
	clock.now = clock.now.Add(3 * time.Hour)
	resumed := clock.now
	clock.mu.Unlock()
	run(resumed.Add(time.Hour))
	r.check()
	told, err := ReadTruth(&truth)
	if err != nil {
		t.Fatal(err)
	}
	before, caught, paused, after := 0, 0, 0, 0
	for _, s := range told.Sales {
		switch at := s.StartedAt; {
		case at.Before(stopped):
			before++
		case at.Before(stopped.Add(10 * time.Minute)):
			caught++
		case at.Before(resumed.Add(-slotLength)):
			paused++
		default:
			after++
		}
	}
	if before == 0 || caught == 0 || paused > 3 || after == 0 {
		t.Errorf("%d sales before, %d caught up, %d in the pause, %d after", before, caught, paused, after)
	}
	if len(told.Silences) != 1 || told.Silences[0].System != "" || told.Silences[0].Required {
		t.Errorf("silences %+v", told.Silences)
	}
}

func TestRefusals(t *testing.T) {
	t.Run("an event", func(t *testing.T) {
		r := newReceiver(t)
		var once sync.Once
		var unwanted string
		r.refuse = func(id string) (why string) {
			if strings.Contains(id, "sale.completed") {
				once.Do(func() { unwanted = id })
			}
			if id == unwanted {
				return "not this one"
			}
			return ""
		}
		o := small(func(o *Options) { o.Rate, o.Faults = 0, Faults{} })
		r.options(&o)
		e, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "1 events were refused") {
			t.Errorf("got %v", err)
		}
		if s := e.Stats(); s.Refused != 1 || s.Acked != s.Events-1 {
			t.Errorf("%+v", s)
		}
	})
	t.Run("too much at once", func(t *testing.T) {
		r := newReceiver(t)
		r.mood = func(n int) fate {
			if n%7 == 0 {
				return tooLarge // HTTP only; gRPC takes it
			}
			return taken
		}
		o := small(func(o *Options) { o.Rate, o.Faults = 0, Faults{} })
		r.options(&o)
		e, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		// A single event may be refused for good when its turn comes.
		if err := e.Run(t.Context()); err != nil && !strings.Contains(err.Error(), "413") {
			t.Error(err)
		}
		if s := e.Stats(); s.Refused > 5 || s.Acked+s.Refused < s.Events {
			t.Errorf("%+v", s)
		}
	})
	t.Run("everything", func(t *testing.T) {
		r := newReceiver(t)
		r.mood = func(int) fate { return denied }
		o := small(func(*Options) {})
		r.options(&o)
		e, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Run(t.Context()); !errors.Is(err, errDenied) {
			t.Errorf("got %v", err)
		}
	})
}

func TestToken(t *testing.T) {
	// The receiver does not look at tokens; what matters is that both protocols
	// send one. The client's own requests are looked at.
	r := newReceiver(t)
	o := small(func(o *Options) { o.Token = "secret" })
	r.options(&o)
	c, err := newClient(&o)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.say(t.Context(), []mark{{feed: feedERP, through: begin, said: begin}}); err != nil {
		t.Fatal(err)
	}
	if err := c.close(); err != nil {
		t.Error(err)
	}
	if got := r.lastToken(); got != "Bearer secret" {
		t.Errorf("authorization %q", got)
	}
}

func TestRetryAfter(t *testing.T) {
	for header, want := range map[string]time.Duration{
		"": 0, "3": 3 * time.Second, "-1": 0, "soon": 0, "100000": retryAfterMost, "Mon, 02 Jan 2006 15:04:05 GMT": 0,
	} {
		if got := retryAfter(header); got != want {
			t.Errorf("%q: %s, want %s", header, got, want)
		}
	}
	// It is honoured, though the client would have come sooner.
	c := &client{patience: time.Millisecond}
	tries := 0
	started := time.Now()
	_, err := c.retry(t.Context(), func(context.Context) (answer, error) {
		if tries++; tries < 3 {
			return answer{}, &retryableError{err: errStopped, after: 60 * time.Millisecond}
		}
		return answer{}, nil
	})
	if took := time.Since(started); err != nil || tries != 3 || took < 120*time.Millisecond {
		t.Errorf("%d tries in %s, %v", tries, took, err)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for _, c := range []struct {
		change func(*Options)
		says   string
	}{
		{func(o *Options) { o.Server = "" }, "addresses are all needed"},
		{func(o *Options) { o.Server = "localhost:8080" }, `server: "localhost:8080" is not an address like`},
		{func(o *Options) { o.OTLPHTTP = "x" }, `OTLP HTTP: "x" is not an address like`},
		{func(o *Options) { o.Stores = 3 }, "3 stores are too few"},
		{func(o *Options) { o.Rate = -1 }, "the rate is -1"},
		{func(o *Options) { o.Rate, o.History.Sales = 0, 0 }, "nothing to do"},
		{func(o *Options) { o.Heartbeat = time.Second }, "the heartbeat is 1s"},
		{func(o *Options) { o.Faults = Faults{"x": 1} }, `nothing is called "x"`},
		{func(o *Options) { o.History.To = begin.Add(time.Hour) }, "is not a past"},
		{func(o *Options) { o.Baskets = []*Basket{newBasket("C1", workflowReturn, nil)} }, "none of the 1 baskets is a sale"},
	} {
		o := small(c.change)
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("got %v, want %q", err, c.says)
		}
	}
}

// A data directory keeps its retailer: another one would reuse its receipts.
func TestStateBelongsToItsOptions(t *testing.T) {
	state := FileState(filepath.Join(t.TempDir(), "estate.json"))
	first := small(func(o *Options) { o.State = state })
	e, err := New(first)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.save(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		change func(*Options)
		says   string
	}{
		{func(o *Options) { o.Seed = 2 }, `begun with seed "1", not "2"`},
		{func(o *Options) { o.Stores = 30 }, `begun with stores "24", not "30"`},
		{func(o *Options) { o.Faults = Faults{Retried: 0.5} }, `not "none,retried=0.5"`},
		{func(o *Options) { o.Rate = 3 }, ""},
	} {
		o := first
		c.change(&o)
		_, err := New(o)
		if (err == nil) != (c.says == "") || (err != nil && !strings.Contains(err.Error(), c.says)) {
			t.Errorf("got %v, want %q", err, c.says)
		}
	}
	for _, damaged := range []string{"{", `{"version":7}`, `{"version":1}`} {
		if err := state.Save([]byte(damaged)); err != nil {
			t.Fatal(err)
		}
		if _, err := New(first); err == nil || !strings.HasPrefix(err.Error(), "estate: ") {
			t.Errorf("%s: %v", damaged, err)
		}
	}
}
