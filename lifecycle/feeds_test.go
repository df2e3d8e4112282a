package lifecycle

import (
	"testing"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// TestStandstill: a partition nobody processes is said once, and closed when it
// goes on; what a former owner of the facts left open is buried.
func TestStandstill(t *testing.T) {
	w := newWorld(1, 2)
	o := &factOwner{
		Engine: NewEngine(EngineOptions{Log: w, Store: simStore{w}, Board: w, Clock: w, Rules: saleRules(t)}),
		lease:  Lease{Partition: 2, Epoch: 1}, standing: map[int]*standstill{},
	}
	w.progress[0] = Progress{Partition: 0, Through: t0}
	w.progress[1] = Progress{Partition: 1, Through: t0}
	if rows := o.halted(); len(rows) != 2 || !rows[0].Deleted || !rows[1].Deleted {
		t.Fatalf("at take-over: %+v", rows)
	}
	var said []FindingRow
	for turn := range 3 * standstillTurns {
		w.progress[0] = Progress{Partition: 0, Through: t0.Add(time.Duration(turn+1) * time.Second)}
		said = append(said, o.halted()...)
	}
	if len(said) != 1 || said[0].Finding.State != inventory.FindingOpen || said[0].Finding.Kind != inventory.TelemetryGap {
		t.Fatalf("partition 1 stands still: %+v", said)
	}
	w.progress[1] = Progress{Partition: 1, Through: t0.Add(time.Hour)}
	rows := o.halted()
	if len(rows) != 1 || rows[0].Finding.State != inventory.FindingClosed || rows[0].Finding.ID != said[0].Finding.ID {
		t.Fatalf("partition 1 goes on: %+v", rows)
	}
}

// TestSilences: a feed that spoke every minute is missed after five, once, and
// found again; one store's till is not missed at night.
func TestSilences(t *testing.T) {
	hours := inventory.Location{ID: "0123", Zone: time.UTC, Posting: inventory.PostingRealtime}
	for d := range hours.Open {
		hours.Open[d] = []inventory.Span{{From: 8 * 60, To: 20 * 60}}
	}
	rules := NewRules(nil, []inventory.Location{hours})
	evening := time.Date(2026, 11, 23, 19, 30, 0, 0, time.UTC)
	var facts []inventory.Fact
	say := func(system, location string, at time.Time) {
		facts = append(facts, inventory.Fact{
			RecordID: system + at.String(), Position: uint64(len(facts) + 1), ReceivedAt: at,
			Watermark: inventory.Watermark{System: system, Location: location, CompleteThrough: at},
		})
	}
	for m := range 30 {
		say("erp", "", evening.Add(time.Duration(m)*time.Minute))
		say("pos", "0123", evening.Add(time.Duration(m)*time.Minute))
	}
	last := evening.Add(29 * time.Minute)
	at := func(now time.Time) []inventory.Finding {
		found, _ := AboutFeeds(rules, NewEvidence(facts...), now)
		return found
	}
	if found := at(last.Add(4 * time.Minute)); len(found) != 0 {
		t.Errorf("after four minutes: %+v", found)
	}
	found := at(last.Add(6 * time.Minute))
	if len(found) != 1 || found[0].System != "erp" || found[0].State != inventory.FindingOpen || !found[0].OpenedAt.Equal(last.Add(5*time.Minute)) {
		t.Fatalf("after six minutes: %+v", found)
	}
	night := at(last.Add(8 * time.Hour))
	if len(night) != 1 || night[0].System != "erp" {
		t.Errorf("at night: %+v", night)
	}
	say("erp", "", last.Add(9*time.Hour))
	if found := at(last.Add(9*time.Hour + time.Minute)); len(found) != 1 || found[0].State != inventory.FindingClosed || found[0].Resolution != inventory.Recovered {
		t.Errorf("when it speaks again: %+v", found)
	}
	// The till's store opened at eight and nothing came for five minutes.
	tills := 0
	for _, f := range at(time.Date(2026, 11, 24, 8, 10, 0, 0, time.UTC)) {
		if f.System == "pos" && f.Cause == inventory.CauseStoreOffline && f.OpenedAt.Equal(time.Date(2026, 11, 24, 8, 4, 0, 0, time.UTC)) {
			tills++
		}
	}
	if tills != 1 {
		t.Errorf("in the morning the till is said to be silent %d times, want once", tills)
	}
}
