package store_test

import (
	"fmt"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/stocktrace/stocktrace/internal/store/storetest"
	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/lifecycle"
	"github.com/stocktrace/stocktrace/web"
)

// TestQueues: of each queue the newest depth by the gauge's clock, and whether a
// finding says that it stands.
func TestQueues(t *testing.T) {
	s := storetest.Open(t)
	var records []inventory.Record
	read := func(queue string, gauge inventory.Gauge, value int64, at time.Duration) {
		n := len(records)
		r := inventory.Record{
			ID: fmt.Sprintf("/mq %d", n), ReceivedAt: noon.Add(time.Duration(n) * time.Second), Position: uint64(n + 1), Partition: 8,
			Event: inventory.Event{
				ID: fmt.Sprint(n), Source: "/mq", Type: inventory.TypeReading, Time: noon.Add(at),
				Reading: &inventory.Reading{System: "middleware", SystemInstance: "mw-2", Gauge: gauge, Queue: queue, Value: inventory.DecimalOf(value)},
			},
		}
		r.Content = r.Event.ContentHash()
		records = append(records, r)
	}
	read("replay", inventory.Depth, 60, 2*time.Minute) // overtook the next two
	read("replay", inventory.Depth, 70, time.Minute)
	read("replay", inventory.Depth, 40, 0)
	read("replay", inventory.OldestAge, 95, 0)
	read("erp", inventory.Depth, 3, 0)
	read("uncounted", inventory.Consumed, 3, 0)
	read("", inventory.Heartbeat, 0, 0)
	must(t, s.WriteRecords(t.Context(), records))
	stands := inventory.Finding{
		ID: "f-1", Kind: inventory.StalledReplay, State: inventory.FindingOpen, FirstOccurredAt: noon.Add(-time.Hour),
		GroupKey: inventory.GroupKey{Detail: records[0].Event.Reading.QueueName()},
	}
	must(t, s.WriteFindings(t.Context(), []lifecycle.FindingRow{{Finding: stands, Partition: 8, Version: lifecycle.Version{Epoch: 1, Revision: 1}}}))
	got, err := s.Pages().Queues(t.Context(), noon, noon.Add(time.Minute), 10)
	must(t, err)
	want := []web.Queue{
		{
			System: "middleware", Instance: "mw-2", Queue: "erp", Depth: inventory.DecimalOf(3), Before: inventory.DecimalOf(3), Most: inventory.DecimalOf(3),
			At: noon, LastAt: noon.Add(4 * time.Second),
		},
		{
			System: "middleware", Instance: "mw-2", Queue: "replay", Depth: inventory.DecimalOf(60), Before: inventory.DecimalOf(40), Most: inventory.DecimalOf(70),
			At: noon.Add(2 * time.Minute), OldestAge: 95 * time.Second, LastAt: noon.Add(3 * time.Second), StalledSince: noon.Add(-time.Hour),
		},
	}
	if d := gocmp.Diff(want, got, gocmp.AllowUnexported(inventory.Decimal{})); d != "" {
		t.Error(d)
	}
	if got, err := s.Pages().Queues(t.Context(), noon.Add(time.Minute), noon.Add(2*time.Minute), 10); err != nil || len(got) != 0 {
		t.Errorf("where nothing was read: %v %v", got, err)
	}
}

// TestReplays: a request is found with its lifecycle, also where that lives under
// a lesser key than the request carries.
func TestReplays(t *testing.T) {
	s := storetest.Open(t)
	request := func(n int) inventory.Record {
		r := sale(n)
		e := &r.Event
		e.ID, e.System, e.Step, e.Outcome = fmt.Sprintf("replay-%d", n), "erp", "posted", inventory.ReplayRequested
		e.Keys = append([]inventory.Key{{Name: "batch", Value: "b-7"}}, e.Keys...)
		r.ID, r.Content = inventory.RecordID(e.Source, e.ID), e.ContentHash()
		return r
	}
	records := []inventory.Record{sale(9), request(1), request(2), request(3)}
	must(t, s.WriteRecords(t.Context(), records))
	bound := inventory.ScopedKey{Name: "correlation_id", Value: "c-1"}
	told := func(id string, root inventory.ScopedKey, request inventory.Record, outcome inventory.Outcome) lifecycle.Row {
		r := row(id, 0, 1, 1)
		r.Lifecycle.Component, r.Lifecycle.RecordIDs = root, []string{request.ID}
		r.Lifecycle.Steps = []inventory.StepState{{
			StepRef: inventory.StepRef{System: "erp", Step: "posted"}, Outcome: outcome, OccurredAt: noon.Add(time.Minute), ReceivedAt: noon.Add(time.Minute),
			EventIDs: []string{request.ID},
		}}
		return r
	}
	must(t, s.WriteLifecycles(t.Context(), []lifecycle.Row{
		told("c-1", bound, records[1], inventory.Replayed), told("receipt:123/4/2", receipt(2), records[2], inventory.ReplayRequested),
	}))
	must(t, s.WriteBindings(t.Context(), []lifecycle.BindingRow{
		{Partition: 1, Key: receipt(1), Root: receipt(1), Version: lifecycle.Version{Epoch: 1}}, {Partition: 3, Key: receipt(1), Root: bound, Version: lifecycle.Version{Epoch: 1}},
	}))
	stands := inventory.Finding{ID: "f-1", Kind: inventory.StalledReplay, State: inventory.FindingOpen, LifecycleID: "receipt:123/4/2"}
	must(t, s.WriteFindings(t.Context(), []lifecycle.FindingRow{{Finding: stands, Partition: 3, Component: receipt(2), Version: lifecycle.Version{Epoch: 1, Revision: 1}}}))
	got, err := s.Pages().Replays(t.Context(), noon, noon.Add(time.Minute), 10)
	must(t, err)
	var have []string
	for _, r := range got {
		have = append(have, fmt.Sprintf("%s %s %s %s", r.RecordID, r.LifecycleID, r.State, r.Batch))
	}
	want := []string{
		records[3].ID + "  waiting b-7", records[2].ID + " receipt:123/4/2 stalled b-7", records[1].ID + " c-1 landed b-7",
	}
	if d := gocmp.Diff(want, have); d != "" {
		t.Error(d)
	}
	if got, err := s.Pages().Replays(t.Context(), noon, noon.Add(time.Minute), 1); err != nil || len(got) != 1 {
		t.Errorf("the newest one: %v %v", got, err)
	}
}
