package estate

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"
)

// Going on from a saved cursor sells what would have been sold without a stop.
func TestScheduleGoesOnFromItsCursor(t *testing.T) {
	begin := func() *Estate {
		return newEstate(t, func(o *Options) { o.Rate, o.Faults = 5, FaultPresets["heavy"] })
	}
	const before, after = 100, 150
	describe := func(e *Estate) (out []string) {
		for _, s := range e.schedule.next() {
			messages, _ := travel(&e.opts, e.episodes, e.schedule, s)
			for _, m := range messages {
				out = append(out, fmt.Sprint(m.recordID(), m.at.UnixMilli(), m.send.UnixMilli(), m.outcome, m.document, len(m.event().Lines)))
			}
		}
		return out
	}
	whole := begin()
	for range before {
		describe(whole)
	}
	saved, err := json.Marshal(whole.schedule.cursor)
	if err != nil {
		t.Fatal(err)
	}
	again := begin()
	again.schedule.cursor = cursor{}
	if err := json.Unmarshal(saved, &again.schedule.cursor); err != nil {
		t.Fatal(err)
	}
	messages := 0
	for i := range after {
		want, got := describe(whole), describe(again)
		messages += len(want)
		if fmt.Sprint(want) != fmt.Sprint(got) {
			t.Fatalf("slot %d after the stop:\n%v\nwant\n%v", i, got, want)
		}
	}
	if messages < 5000 {
		t.Errorf("only %d messages compared", messages)
	}
}

func TestScheduleFollowsTheStores(t *testing.T) {
	to := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	e := newEstate(t, func(o *Options) {
		o.History = History{Sales: 20_000, From: to.Add(-30 * time.Hour), To: to}
		o.Rate = 0
	})
	next := map[string]uint32{}
	regionsSeen := map[string]int{}
	correlations := map[string]bool{}
	count, last := 0, time.Time{}
	for !e.schedule.ended() {
		for _, s := range e.schedule.next() {
			count++
			if s.at.Before(last) || s.at.Before(to.Add(-30*time.Hour)) || !s.at.Before(to) {
				t.Fatalf("sale %d at %s, after one at %s", s.number, s.at, last)
			}
			last = s.at
			if !s.store.IsOpen(s.at) {
				t.Errorf("store %s sells at %s, when it is closed", s.store.ID, s.at.In(s.store.Zone))
			}
			register := s.store.ID + s.store.register(s.register)
			if want := next[register]; want != 0 && s.sequence != want {
				t.Errorf("%s: receipt %d, want %d", register, s.sequence, want)
			}
			next[register] = s.sequence + 1
			regionsSeen[s.store.Region]++
			correlations[s.correlation] = true
		}
	}
	if count != 20_000 || len(correlations) != count {
		t.Errorf("%d sales with %d correlation ids, want 20000", count, len(correlations))
	}
	if len(regionsSeen) != len(regions) {
		t.Errorf("sales in %d regions only: %v", len(regionsSeen), regionsSeen)
	}
}

func TestLiveRate(t *testing.T) {
	e := newEstate(t, func(o *Options) { o.Rate, o.Faults = 0.05, FaultPresets["none"] })
	count := 0
	for range 7 * 24 * 360 {
		count += len(e.schedule.next())
	}
	if want := 0.05 * 7 * 86400; float64(count) < 0.97*want || float64(count) > 1.03*want {
		t.Errorf("%d sales in a week, want about %.0f", count, want)
	}
}

// Returns and adjustments come besides the sales, in their share of the file.
func TestOtherDocumentsComeBesides(t *testing.T) {
	baskets := uciBaskets(t)
	to := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	e := newEstate(t, func(o *Options) {
		o.Baskets = baskets
		o.History = History{Sales: 10_130, From: to.Add(-24 * time.Hour), To: to}
		o.Rate = 0
	})
	count := map[string]int{}
	for !e.schedule.ended() {
		for _, s := range e.schedule.next() {
			count[s.basket.Workflow]++
		}
	}
	if count[workflowSale] != 10_130 {
		t.Errorf("%d sales, want 10130", count[workflowSale])
	}
	if n := count[workflowReturn]; n < 1300 || n > 1700 {
		t.Errorf("%d returns, want about 1500", n)
	}
	if n := count[workflowAdjustment]; n < 550 || n > 800 {
		t.Errorf("%d stock adjustments, want about 670", n)
	}
}

// A cursor kept for a restart stays what it was, and the kept ones stay few: a
// history in random order needs its first one to the end.
func TestKeptCursorsStayAsTheyWereAndFew(t *testing.T) {
	e := newEstate(t, func(o *Options) { o.Rate, o.DayShare, o.Stores = 1, 1, 20 })
	text := func(c cursor) string {
		b, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	kept := map[slot]string{}
	most := 0
	for range 3 * mostSnapshots * snapshotSlots {
		at := e.schedule.cursor.Slot
		if at%snapshotSlots == 0 {
			kept[at] = text(e.schedule.cursor)
		}
		e.draw()
		most = max(most, len(e.ledger.snapshots))
	}
	if most > mostSnapshots || most < mostSnapshots/2 {
		t.Errorf("%d cursors were kept at one time, want no more than %d", most, mostSnapshots)
	}
	first := e.ledger.snapshots[0].Slot
	for s := range e.ledger.pending {
		if s < first {
			t.Fatalf("slot %d waits, and the first cursor kept is that of %d", s, first)
		}
	}
	compared := 0
	for _, c := range e.ledger.snapshots {
		want, ok := kept[c.Slot]
		if !ok {
			continue // the one it began with
		}
		compared++
		if got := text(c); got != want {
			t.Fatalf("the cursor of slot %d was changed after it was kept", c.Slot)
		}
	}
	if compared < mostSnapshots/2-1 || len(e.schedule.cursor.Days) == 0 {
		t.Errorf("%d cursors compared, %d days: nothing was proven", compared, len(e.schedule.cursor.Days))
	}
}
