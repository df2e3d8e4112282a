package store_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/stocktrace/stocktrace/internal/store/storetest"
	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/lifecycle"
	"github.com/stocktrace/stocktrace/web"
)

// TestWhoIsHeard: the table says of records what the engine works out of them,
// however often they are written; and what is kept comes back, the latest of it.
func TestWhoIsHeard(t *testing.T) {
	s := storetest.Open(t)
	unmerged(t, s)
	if first, err := s.FirstReceived(t.Context()); err != nil || !first.IsZero() {
		t.Errorf("an empty table begins at %s, %v", first, err)
	}
	var records []inventory.Record
	var want lifecycle.HeardRecords
	for n := range 60 {
		r := sale(n)
		r.ReceivedAt = noon.Add(time.Duration(n*n) * time.Minute)
		r.Event.System = []string{"pos", "middleware", "wms", "pos", "erp"}[n%5]
		r.Event.Register = fmt.Sprintf("%02d", n%3)
		if n%7 == 0 {
			r.Event.Transaction.Kind = "operator_sign_off"
		}
		r.Content = r.Event.ContentHash()
		want.Add(&r)
		records = append(records, r)
	}
	must(t, s.WriteRecords(t.Context(), records))
	must(t, s.WriteRecords(t.Context(), records[20:40]))
	from, until := noon.Truncate(time.Hour).Add(2*time.Hour), noon.Truncate(time.Hour).Add(50*time.Hour)
	var got []inventory.Heard
	must(t, s.Heard(t.Context(), from, until, func(h inventory.Heard) { got = append(got, h) }))
	rows := want.Between(from, until)
	if d := gocmp.Diff(rows, got); d != "" || len(rows) < 20 {
		t.Errorf("%d rows: %s", len(rows), d)
	}
	if first, err := s.FirstReceived(t.Context()); err != nil || !first.Equal(noon) {
		t.Errorf("the first at %s, %v", first, err)
	}
	must(t, s.KeepHeard(t.Context(), append(slices.Clone(rows), inventory.Heard{Hour: from}, inventory.Heard{Hour: from.Add(time.Hour)})))
	rows[3].Minutes |= 1 << 59
	must(t, s.KeepHeard(t.Context(), rows[3:4]))
	got = nil
	must(t, s.KeptHeard(t.Context(), from, func(h inventory.Heard) { got = append(got, h) }))
	rows = append(rows, inventory.Heard{Hour: from}, inventory.Heard{Hour: from.Add(time.Hour)})
	slices.SortFunc(rows, lifecycle.CompareHeard)
	if d := gocmp.Diff(rows, got); d != "" {
		t.Error(d)
	}
	at := records[8].ReceivedAt.Truncate(time.Minute) // of the till 02
	r, ok, err := s.ResumedBy(t.Context(), "pos", "0123", "02", at)
	if err != nil || !ok || r.RecordID != records[8].ID || !r.OccurredAt.Equal(records[8].Event.Time) || !r.ReceivedAt.Equal(records[8].ReceivedAt) {
		t.Errorf("%+v %v %v", r, ok, err)
	}
	if r, ok, err := s.ResumedBy(t.Context(), "pos", "0123", "04", at); err != nil || ok {
		t.Errorf("%+v %v", r, err)
	}
}

// TestHabits: of each source the newest hour, and the same hour of the weeks before
// that are kept.
func TestHabits(t *testing.T) {
	s := storetest.Open(t)
	if got, err := s.Pages().Habits(t.Context(), 10); err != nil || len(got) != 0 {
		t.Errorf("%+v %v", got, err)
	}
	hour := noon.Truncate(time.Hour)
	var rows []inventory.Heard
	for week := range 4 {
		at := hour.Add(-time.Duration(week) * 168 * time.Hour)
		rows = append(rows, inventory.Heard{Hour: at}, inventory.Heard{Hour: at.Add(-time.Hour), System: "pos", Minutes: 1<<60 - 1})
		if week > 0 {
			rows = append(rows, inventory.Heard{Hour: at, System: "pos", Location: "0123", Register: "04", Minutes: 1<<(10+week) - 1})
		}
		if week != 2 {
			rows = append(rows, inventory.Heard{Hour: at, System: "erp", Minutes: 3})
		}
	}
	must(t, s.KeepHeard(t.Context(), rows))
	got, err := s.Pages().Habits(t.Context(), 10)
	want := []web.Habit{
		{System: "erp", Hour: hour, Seen: 2, Weeks: []int{2, 0, 2}},
		{System: "pos", Location: "0123", Register: "04", Hour: hour, Weeks: []int{11, 12, 13}},
	}
	if d := gocmp.Diff(want, got); err != nil || d != "" {
		t.Error(err, d)
	}
	if got, err := s.Pages().Reports(t.Context(), noon, []string{"erp"}); err != nil || len(got) != 0 {
		t.Errorf("%+v %v", got, err)
	}
}
