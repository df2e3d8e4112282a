package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// trading puts into a world what three stores ring from nine to twelve, for so
// many days from t's midnight on. One is offline for half an hour on the last day,
// and sends at its end what it rang meanwhile; another is away for good from then.
func trading(w *world, days int) (offline time.Time) {
	midnight := t0.Truncate(24 * time.Hour)
	offline = midnight.Add(time.Duration(days-1)*24*time.Hour + 10*time.Hour)
	rng := rand.New(rand.NewPCG(4, 4))
	for day := range days {
		for minute := range 180 {
			for store := range 3 {
				if rng.IntN(3) == 0 {
					continue
				}
				at := midnight.Add(time.Duration(day)*24*time.Hour + 9*time.Hour + time.Duration(minute)*time.Minute + 10*time.Second)
				r := inventory.Record{
					ID: fmt.Sprintf("r-%d-%d-%d", day, minute, store), ReceivedAt: at.Add(time.Second),
					Event: inventory.Event{Time: at, System: "pos", Workflow: "pos", Step: "control", Location: storeName(store), Register: "1"},
				}
				switch {
				case store == 1 && during(at, offline, 30*time.Minute):
					r.ReceivedAt = offline.Add(30*time.Minute + time.Second + time.Duration(minute)*time.Millisecond)
				case store == 2 && !at.Before(offline):
					continue
				}
				r.Content = r.Event.ContentHash()
				w.records[r.Identity()] = r
			}
		}
	}
	return offline
}

// TestSilenceIsVerified: what the facts' owner says of who fell silent, taken over
// and killed at any write, is what verify comes to; it names what ended it; and
// what is planted, or kept wrongly, is found.
func TestSilenceIsVerified(t *testing.T) {
	rules := NewRules(nil, nil)
	w := newWorld(5, 1)
	w.now = t0
	offline := trading(w, 30)
	w.now = offline.Add(-2 * time.Hour)
	w.crashes = 0.1
	stored := simStore{w}
	var e *Engine
	var o *factOwner
	for epoch := uint64(0); w.now.Before(offline.Add(100 * time.Minute)); {
		if o == nil {
			epoch++
			w.epochs[1] = epoch
			e = NewEngine(EngineOptions{Log: w, Store: stored, Board: w, Clock: w, Rules: rules, Quarantine: w.quarantine})
			e.factsThrough = w.now
			var err error
			if o, err = e.newFactOwner(t.Context(), Lease{Partition: 1, Epoch: epoch}); err != nil {
				t.Fatal(err)
			}
		}
		w.now = w.now.Add(4 * time.Minute)
		e.factsThrough, w.progress[0] = w.now, Progress{Through: w.now}
		err := o.turn(t.Context())
		if errors.Is(err, errCrash) || w.rng.IntN(12) == 0 {
			o = nil
		} else if err != nil {
			t.Fatal(err)
		}
	}
	said := map[string]inventory.Finding{}
	for _, f := range w.findings {
		if !f.Deleted {
			said[f.Finding.Location] = f.Finding
		}
	}
	back, away := said["0002"], said["0003"]
	if len(said) != 2 || back.State != inventory.FindingClosed || away.State != inventory.FindingOpen {
		t.Fatalf("%+v", said)
	}
	if took := away.OpenedAt.Sub(offline); took < 0 || took > 30*time.Minute {
		t.Errorf("found after %s", took)
	}
	if !strings.HasPrefix(back.ClosedBy, "r-29-") || !strings.Contains(back.Sentence, "it was offline, and kept what it did") {
		t.Errorf("closed by %q: %s", back.ClosedBy, back.Sentence)
	}
	verify := func() []Difference {
		t.Helper()
		w.lifecycles["0/x"] = Row{Lifecycle: inventory.Lifecycle{ID: "x", ComputedAt: e.watermark()}}
		v, err := Verify(context.Background(), rules, stored)
		if err != nil {
			t.Fatal(err)
		}
		var about []Difference
		for _, d := range v.Differences {
			if d.What == "hour" || d.What == "finding" {
				about = append(about, d)
			}
		}
		return about
	}
	if d := verify(); len(d) > 0 {
		t.Fatalf("%d differences, first: %+v", len(d), d[0])
	}
	// The events of the first weeks have gone: what is kept of them stands for them.
	all := w.records
	w.records = map[inventory.Identity]inventory.Record{}
	for id, r := range all {
		if r.ReceivedAt.After(offline.Add(-3 * 24 * time.Hour)) {
			w.records[id] = r
		}
	}
	if d := verify(); len(d) > 0 {
		t.Errorf("after the first weeks are gone: %d differences, first: %+v", len(d), d[0])
	}
	w.records = all
	for i := range w.kept {
		if w.kept[i].System != "" {
			w.kept[len(w.kept)-1-i%7].Minutes ^= 1 << 7
			break
		}
	}
	if d := verify(); len(d) == 0 {
		t.Error("an hour kept wrongly is not found")
	}
	for k, f := range w.findings {
		if f.Finding.Location == "0003" {
			delete(w.findings, k)
		}
	}
	if d := verify(); len(d) < 2 {
		t.Error("a finding that is lost is not found")
	}
}
