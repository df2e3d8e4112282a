package store_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/stocktrace/stocktrace/internal/store"
	"github.com/stocktrace/stocktrace/internal/store/storetest"
	"github.com/stocktrace/stocktrace/internal/testenv"
	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/lifecycle"
	"github.com/stocktrace/stocktrace/web"
)

var exact = gocmp.AllowUnexported(inventory.Decimal{})

// noon is when everything in these tests happens.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 123456000, time.UTC)

// sale is a record of a sale of receipt 0123-04-n as the till says it.
func sale(n int) inventory.Record {
	e := inventory.Event{
		ID: fmt.Sprintf("0123-04-%06d/1", n), Source: "/pos/store/0123", Type: "inventory.sale.completed",
		Time: noon, TimeAsSent: "2026-11-23T13:00:00.123456+01:00", Workflow: "sale", Step: "completed", System: "pos",
		Location: "0123", Register: "04", BusinessDate: "2026-11-23",
		Keys:  []inventory.Key{{Name: "receipt", Value: fmt.Sprintf("0123-04-%06d", n)}},
		Lines: []inventory.Line{{Line: "1", Item: "4006381333931", Quantity: inventory.DecimalOf(-2), UOM: "EA"}},
	}
	r := inventory.Record{
		ID: inventory.RecordID(e.Source, e.ID), Content: e.ContentHash(), Event: e,
		ReceivedAt: noon.Add(time.Duration(n) * time.Millisecond), Transport: "cloudevents",
		Raw: []byte(`{"id":"` + e.ID + `"}`), RawType: "application/cloudevents+json",
		Position: uint64(n + 1),
	}
	r.Partition = r.EntryKey().Partition(8)
	return r
}

func receipt(n int) inventory.ScopedKey {
	return inventory.ScopedKey{Name: "receipt", Value: fmt.Sprintf("123/4/%d", n)}
}

func sales(n int) []inventory.Record {
	records := make([]inventory.Record, n)
	for i := range records {
		records[i] = sale(i)
	}
	return records
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// unmerged keeps the engine from merging versions behind the test's back. What
// it returns merges them all.
func unmerged(tb testing.TB, s *store.Store) (merge func()) {
	tb.Helper()
	tables := []string{"events", "echoes", "actions", "bindings", "lifecycles", "findings", "facts", "readings", "quarantine"}
	for _, table := range tables {
		must(tb, s.Conn().Exec(tb.Context(), "SYSTEM STOP MERGES "+table))
	}
	return func() {
		tb.Helper()
		for _, table := range tables {
			must(tb, s.Conn().Exec(tb.Context(), "SYSTEM START MERGES "+table))
			must(tb, s.Conn().Exec(tb.Context(), "OPTIMIZE TABLE "+table+" FINAL"))
		}
	}
}

// count answers a SELECT of one number.
func count(tb testing.TB, s *store.Store, sql string) (n uint64) {
	tb.Helper()
	must(tb, s.Conn().QueryRow(tb.Context(), sql).Scan(&n))
	return n
}

// drawn returns what draw gives in each of rapid's checks: one write for all of
// them, instead of one each, keeps the test short.
func drawn[T any](t *testing.T, draw func(rt *rapid.T, i int) T) (all []T) {
	t.Helper()
	rapid.Check(t, func(rt *rapid.T) { all = append(all, draw(rt, len(all))) })
	return all
}

func TestRecordsComeBackAsTheyWere(t *testing.T) {
	s := storetest.Open(t)
	written := drawn(t, func(rt *rapid.T, i int) inventory.Record {
		var r inventory.Record
		fill(rt, &r)
		r.Event.Normalize()
		r.ID = fmt.Sprintf("%s %d", r.ID, i)
		r.ReceivedAt = noon.Add(time.Duration(i) * time.Minute)
		r.Content = r.Event.ContentHash()
		return r
	})
	must(t, s.WriteRecords(t.Context(), written))
	var keys []inventory.ScopedKey
	for i := range written {
		keys = append(keys, written[i].EntryKey())
	}
	read, err := s.Records(t.Context(), keys)
	must(t, err)
	if d := gocmp.Diff(withoutRaw(written), read, exact); d != "" {
		t.Fatalf("(-written +read)\n%s", d)
	}
	for i := range read {
		if got := read[i].Event.ContentHash(); got != read[i].Content {
			t.Fatalf("record %d has content %s and says %s", i, read[i].Content, got)
		}
	}
	// Whoever recomputes everything gets the same.
	var all []inventory.Record
	must(t, s.EachRecord(t.Context(), func(r inventory.Record) error {
		all = append(all, r)
		return nil
	}))
	slices.SortFunc(all, func(a, b inventory.Record) int { return a.ReceivedAt.Compare(b.ReceivedAt) })
	if d := gocmp.Diff(withoutRaw(written), all, exact); d != "" {
		t.Fatalf("(-written +all)\n%s", d)
	}
	// What the sender sent is kept beside it, byte by byte.
	rows, err := s.Conn().Query(t.Context(), "SELECT raw FROM events ORDER BY received_at")
	must(t, err)
	for i := 0; rows.Next(); i++ {
		var raw []byte
		must(t, rows.Scan(&raw))
		if !bytes.Equal(raw, written[i].Raw) {
			t.Errorf("record %d: %q was sent and %q is kept", i, written[i].Raw, raw)
		}
	}
	must(t, errors.Join(rows.Close(), rows.Err()))
}

// withoutRaw is what reading gives: it leaves out what the sender sent.
func withoutRaw(records []inventory.Record) []inventory.Record {
	records = slices.Clone(records)
	for i := range records {
		records[i].Raw = nil
	}
	return records
}

func TestRecordWrittenAgainIsOne(t *testing.T) {
	s := storetest.Open(t)
	merge := unmerged(t, s)
	records := sales(300)
	for range 3 {
		must(t, s.WriteRecords(t.Context(), records))
	}
	// The same again, in other company, at a later position, and received later.
	again := sales(200)[100:]
	for i := range again {
		again[i].Position += 1000
		again[i].ReceivedAt = again[i].ReceivedAt.AddDate(0, 1, 0)
	}
	must(t, s.WriteRecords(t.Context(), append(again, again[:10]...)))
	for range 2 {
		var keys []inventory.ScopedKey
		for i := range 300 {
			keys = append(keys, receipt(i))
		}
		read, err := s.Records(t.Context(), keys)
		must(t, err)
		if d := gocmp.Diff(withoutRaw(records), read, exact); d != "" {
			t.Fatalf("the first to enter the log was not kept (-want +got)\n%s", d)
		}
		if n := count(t, s, "SELECT count() FROM events FINAL"); n != 300 {
			t.Fatalf("%d records, want 300", n)
		}
		merge()
	}
}

func TestSameIDWithOtherContentIsKept(t *testing.T) {
	s := storetest.Open(t)
	a, b := sale(1), sale(1)
	b.Event.Lines[0].Quantity = inventory.DecimalOf(-3)
	b.Content = b.Event.ContentHash()
	b.Position++
	must(t, s.WriteRecords(t.Context(), []inventory.Record{b, a}))
	read, err := s.Records(t.Context(), []inventory.ScopedKey{receipt(1)})
	must(t, err)
	if d := gocmp.Diff(withoutRaw([]inventory.Record{a, b}), read, exact); d != "" {
		t.Fatal(d)
	}
}

func TestEchoesAreFoundByWhomTheyConcern(t *testing.T) {
	s := storetest.Open(t)
	unmerged(t, s)
	// A posting covers receipts 1 and 2; a post-void of receipt 2 takes it back.
	posting := inventory.Record{
		ID: "/erp posting", ReceivedAt: noon.Add(time.Hour), Transport: "cloudevents", Partition: 3, Position: 9,
		Event: inventory.Event{
			ID: "posting", Source: "/erp", Type: "inventory.posting_batch.posted", Time: noon, Workflow: "posting_batch", Step: "posted",
			System: "erp", Keys: []inventory.Key{{Name: inventory.KeyIDoc, Value: "000000004711"}},
			Covers: &inventory.Covers{
				Location: "0123", BusinessDate: "2026-11-23", MemberKey: inventory.KeyReceipt,
				Members: []string{"0123-04-000001", "0123-04-000002"},
			},
		},
	}
	posting.Content = posting.Event.ContentHash()
	void := sale(3)
	void.Event.Workflow, void.Event.Step = "void", "completed"
	void.Event.Refs = []inventory.Ref{{Rel: "voids", Keys: []inventory.Key{{Name: "receipt", Value: "0123-04-000002"}}}}
	void.Content = void.Event.ContentHash()
	other := sale(1)
	for range 2 { // written again they are the same
		must(t, s.WriteRecords(t.Context(), []inventory.Record{posting, other, void}))
	}
	for _, c := range []struct {
		name  string
		asked []inventory.ScopedKey
		want  []inventory.Record
	}{
		{"covered", []inventory.ScopedKey{receipt(1)}, []inventory.Record{posting}},
		{"covered and voided", []inventory.ScopedKey{receipt(2)}, []inventory.Record{void, posting}},
		{"all", []inventory.ScopedKey{receipt(1), receipt(2), receipt(4)}, []inventory.Record{void, posting}},
		{"nobody spoke of it", []inventory.ScopedKey{receipt(3)}, nil},
		{"nothing asked", nil, nil},
	} {
		read, err := s.Echoes(t.Context(), c.asked)
		must(t, err)
		slices.SortFunc(read, func(a, b inventory.Record) int { return a.ReceivedAt.Compare(b.ReceivedAt) })
		if d := gocmp.Diff(withoutRaw(c.want), read, exact, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("%s (-want +got)\n%s", c.name, d)
		}
	}
}

func TestHeld(t *testing.T) {
	s := storetest.Open(t)
	records := sales(6000) // more than one statement's parameters hold
	must(t, s.WriteRecords(t.Context(), records[:4000]))
	altered := sale(5)
	altered.Content[3]++
	held, err := s.Held(t.Context(), append(slices.Clone(records), altered))
	must(t, err)
	if len(held) != 4000 {
		t.Errorf("%d held, want 4000", len(held))
	}
	for i := range records {
		if held[records[i].Identity()] != (i < 4000) {
			t.Fatalf("record %d held: %t", i, i >= 4000)
		}
	}
	if held[altered.Identity()] {
		t.Error("another content under the same id is held")
	}
	if held, err = s.Held(t.Context(), nil); err != nil || len(held) != 0 {
		t.Errorf("Held of nothing: %v, %v", held, err)
	}
}

func watermark(n int, at time.Time) inventory.Record {
	r := inventory.Record{
		ID: fmt.Sprintf("/erp %d", n), ReceivedAt: at, Transport: "cloudevents", Position: uint64(100 - n), Partition: 8,
		Event: inventory.Event{
			ID: fmt.Sprint(n), Source: "/erp", Type: inventory.TypeWatermark, Time: at,
			Watermark: &inventory.Watermark{
				System: "erp", SystemInstance: "p01", Location: "0123", CompleteThrough: at.Add(-time.Minute), Extract: "x", Records: 7,
			},
		},
	}
	r.Content = r.Event.ContentHash()
	return r
}

func TestFactsInOrderOfTheirLog(t *testing.T) {
	s := storetest.Open(t)
	unmerged(t, s)
	var records []inventory.Record
	for n := range 5 {
		records = append(records, watermark(n, noon.Add(time.Duration(n)*time.Second)))
	}
	must(t, s.WriteRecords(t.Context(), append(slices.Clone(records), sale(1))))
	must(t, s.WriteRecords(t.Context(), records[1:])) // some come again, in other company
	for _, c := range []struct {
		since time.Time
		want  []uint64 // positions
	}{
		{time.Time{}, []uint64{96, 97, 98, 99, 100}},
		{noon.Add(3 * time.Second), []uint64{96, 97}},
		{noon.Add(3*time.Second + time.Microsecond), []uint64{96}},
	} {
		var got []uint64
		must(t, s.Facts(t.Context(), c.since, func(f inventory.Fact) {
			got = append(got, f.Position)
			r := records[100-f.Position]
			want := inventory.Fact{RecordID: r.ID, Position: r.Position, ReceivedAt: r.ReceivedAt, Watermark: *r.Event.Watermark}
			if d := gocmp.Diff(want, f); d != "" {
				t.Error(d)
			}
		}))
		if !slices.Equal(got, c.want) {
			t.Errorf("since %s: positions %d, want %d", c.since, got, c.want)
		}
	}
}

// TestReadingsInOrderOfTheirLog: each reading once, however often it is written,
// as it was taken.
func TestReadingsInOrderOfTheirLog(t *testing.T) {
	s := storetest.Open(t)
	unmerged(t, s)
	var records []inventory.Record
	for n := range 5 {
		value, err := inventory.ParseDecimal(fmt.Sprintf("%d.5", n))
		must(t, err)
		at := noon.Add(time.Duration(n) * time.Second)
		r := inventory.Record{
			ID: fmt.Sprintf("/mq %d", n), ReceivedAt: at, Transport: "otlp_metrics", Position: uint64(100 - n), Partition: 8,
			Event: inventory.Event{
				ID: fmt.Sprint(n), Source: "/mq", Type: inventory.TypeReading, Time: at.Add(-time.Second),
				Reading: &inventory.Reading{
					System: "middleware", SystemInstance: "p01", Location: "0123", Register: "04", Gauge: inventory.Depth, Queue: "replay", Value: value,
				},
			},
		}
		r.Content = r.Event.ContentHash()
		records = append(records, r)
	}
	must(t, s.WriteRecords(t.Context(), records))
	must(t, s.WriteRecords(t.Context(), records[2:]))
	var got []inventory.Measured
	must(t, s.Readings(t.Context(), noon.Add(time.Second), func(m inventory.Measured) { got = append(got, m) }))
	var want []inventory.Measured
	for n := 4; n > 0; n-- {
		m, _ := records[n].Measured()
		want = append(want, m)
	}
	if d := gocmp.Diff(want, got, gocmp.AllowUnexported(inventory.Decimal{})); d != "" {
		t.Error(d)
	}
}

// A crash between the writes of a call is mended by the repetition: what the
// repetition is decided by is written last.
func TestOrderOfWrites(t *testing.T) {
	s := storetest.Open(t)
	must(t, s.Conn().Exec(t.Context(), "RENAME TABLE facts TO f, lifecycle_keys TO k"))
	w := watermark(1, noon)
	if err := s.WriteRecords(t.Context(), []inventory.Record{w}); err == nil {
		t.Error("a fact was lost without an error")
	}
	held, err := s.Held(t.Context(), []inventory.Record{w})
	must(t, err)
	if len(held) != 0 {
		t.Error("a record is held whose fact is not: it would never be written")
	}
	r := row("a", 1, 1, 1)
	r.NewKeys = []inventory.Key{{Name: "receipt", Value: "1"}}
	if err := s.WriteLifecycles(t.Context(), []lifecycle.Row{r}); err == nil {
		t.Error("a search key was lost without an error")
	}
	if len(live(t, s)) != 0 {
		t.Error("a lifecycle was written that nobody can find")
	}
	must(t, s.Conn().Exec(t.Context(), "RENAME TABLE f TO facts, k TO lifecycle_keys"))
}

// Tills say strange things about the time. A column takes what it can hold; the
// event keeps what was said.
func TestTimesAtTheEdge(t *testing.T) {
	s := storetest.Open(t)
	var records []inventory.Record
	want := []string{
		"1970-01-01 00:00:00.000000", "1970-01-01 00:00:00.000001", "1900-01-01 00:00:00.000000", "2299-12-31 23:59:59.000000",
		"1969-12-31 23:59:59.999999",
	}
	for i, at := range []time.Time{
		{},
		time.Unix(0, 0).UTC(), time.Date(1, 2, 3, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC),
		time.UnixMicro(-1).UTC(),
	} {
		r := sale(i)
		r.Event.Time = at
		r.Content = r.Event.ContentHash()
		records = append(records, r)
	}
	must(t, s.WriteRecords(t.Context(), records))
	for i := range records {
		read, err := s.Records(t.Context(), []inventory.ScopedKey{receipt(i)})
		must(t, err)
		if len(read) != 1 || !read[0].Event.Time.Equal(records[i].Event.Time) {
			t.Errorf("%s came back as %v", records[i].Event.Time, read)
		}
		var got string
		must(t, s.Conn().QueryRow(t.Context(), "SELECT toString(occurred_at) FROM events WHERE record_id = ?", records[i].ID).Scan(&got))
		if got != want[i] {
			t.Errorf("%s is stored as %s, want %s", records[i].Event.Time, got, want[i])
		}
	}
}

// Keys into a block's dictionary grow wider with it.
func TestManyDifferentValues(t *testing.T) {
	s := storetest.Open(t)
	for round, n := range []int{255, 256, 257, 300, 70_000} {
		records := make([]inventory.Record, n)
		for i := range records {
			r := watermark(0, noon)
			r.Position = uint64(i)
			r.Event.Watermark.Location = fmt.Sprintf("%d-%d", round, i)
			r.Event.Watermark.Extract = r.Event.Watermark.Location
			r.ID = r.Event.Watermark.Location
			records[i] = r
		}
		must(t, s.WriteRecords(t.Context(), records))
	}
	n := 0
	must(t, s.Facts(t.Context(), time.Time{}, func(f inventory.Fact) {
		n++
		if f.Watermark.Location != f.Watermark.Extract {
			t.Fatalf("%s came back as %s", f.Watermark.Extract, f.Watermark.Location)
		}
	}))
	if want := 255 + 256 + 257 + 300 + 70_000; n != want {
		t.Errorf("%d facts, want %d", n, want)
	}
}

func TestNewestBindingByEpochThenRevision(t *testing.T) {
	s := storetest.Open(t)
	merge := unmerged(t, s)
	row := func(key, root int, epoch, revision uint64) lifecycle.BindingRow {
		return lifecycle.BindingRow{
			Partition: 3, Key: receipt(key), Root: receipt(root),
			Version: lifecycle.Version{Epoch: epoch, Revision: revision},
		}
	}
	const huge = 1<<64 - 1
	// Written in an order that is not theirs: a paused former owner comes late.
	for _, r := range []lifecycle.BindingRow{
		row(1, 9, 2, 1), row(1, 10, 1, huge), row(1, 8, 2, 2), row(1, 11, 2, 0),
		row(2, 5, huge, 1), row(2, 6, huge-1, huge),
		row(3, 3, 1, 1),
	} {
		must(t, s.WriteBindings(t.Context(), []lifecycle.BindingRow{r}))
	}
	other := row(1, 77, 9, 9)
	other.Partition = 4
	must(t, s.WriteBindings(t.Context(), []lifecycle.BindingRow{other}))
	for range 2 {
		var keys []inventory.ScopedKey
		for i := range 20_000 { // in several statements
			keys = append(keys, receipt(i))
		}
		got, err := s.Roots(t.Context(), 3, keys)
		must(t, err)
		want := map[inventory.ScopedKey]inventory.ScopedKey{receipt(1): receipt(8), receipt(2): receipt(5), receipt(3): receipt(3)}
		if d := gocmp.Diff(want, got); d != "" {
			t.Error(d)
		}
		merge()
	}
}

func TestKeysOfOddCharacters(t *testing.T) {
	s := storetest.Open(t)
	keys := drawn(t, func(rt *rapid.T, _ int) inventory.ScopedKey {
		return inventory.ScopedKey{Name: "correlation_id", Value: "x" + drawText.Draw(rt, "key")}
	})
	var bindings []lifecycle.BindingRow
	want := map[inventory.ScopedKey]inventory.ScopedKey{}
	for _, k := range keys {
		bindings = append(bindings, lifecycle.BindingRow{Partition: 1, Key: k, Root: k})
		want[k] = k
	}
	must(t, s.WriteBindings(t.Context(), bindings))
	got, err := s.Roots(t.Context(), 1, keys)
	must(t, err)
	if d := gocmp.Diff(want, got); d != "" {
		t.Fatal(d)
	}
}

func TestKnownHashes(t *testing.T) {
	s := storetest.Open(t)
	records := sales(500)
	var bindings []lifecycle.BindingRow
	want := map[uint64]bool{}
	for i := range records {
		k := receipt(i)
		bindings = append(bindings, lifecycle.BindingRow{Partition: k.Partition(8), Key: k, Root: k})
		if k.Partition(8) == 2 {
			want[lifecycle.KeyHash(k)] = true
			want[lifecycle.IdentityHash(records[i].Identity())] = true
		}
	}
	must(t, s.WriteRecords(t.Context(), records))
	must(t, s.WriteBindings(t.Context(), bindings))
	got := map[uint64]bool{}
	must(t, s.Known(t.Context(), 2, func(h uint64) { got[h] = true }))
	if d := gocmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// live returns the rows that count, by id.
func live(tb testing.TB, s *store.Store) (rows []lifecycle.Row) {
	tb.Helper()
	must(tb, s.EachLifecycle(tb.Context(), func(r lifecycle.Row) error {
		rows = append(rows, r)
		return nil
	}))
	slices.SortFunc(rows, func(a, b lifecycle.Row) int {
		return cmp.Or(strings.Compare(a.Lifecycle.ID, b.Lifecycle.ID), cmp.Compare(a.Partition, b.Partition))
	})
	return rows
}

func TestLifecyclesComeBackAsTheyWere(t *testing.T) {
	s := storetest.Open(t)
	written := drawn(t, func(rt *rapid.T, i int) lifecycle.Row {
		var row lifecycle.Row
		fill(rt, &row)
		row.Lifecycle.ID = fmt.Sprintf("%04d %s", i, row.Lifecycle.ID)
		row.Deleted = false
		return row
	})
	must(t, s.WriteLifecycles(t.Context(), written))
	for i := range written {
		// These have tables of their own.
		written[i].Lifecycle.Findings, written[i].NewKeys = nil, nil
	}
	if d := gocmp.Diff(written, live(t, s), exact); d != "" {
		t.Fatalf("(-written +read)\n%s", d)
	}
}

func TestFindingsComeBackAsTheyWere(t *testing.T) {
	s := storetest.Open(t)
	written := drawn(t, func(rt *rapid.T, i int) lifecycle.FindingRow {
		var row lifecycle.FindingRow
		fill(rt, &row)
		f := &row.Finding
		f.ID = fmt.Sprintf("%04d %s", i, f.ID)
		f.GroupKey = inventory.GroupKey{Kind: f.Kind, Cause: f.Cause, System: f.System, Step: f.Step, Detail: f.GroupKey.Detail}
		if rapid.Bool().Draw(rt, "about a feed") {
			f.LifecycleID, row.Component = "", inventory.ScopedKey{}
		}
		row.Deleted = false
		return row
	})
	must(t, s.WriteFindings(t.Context(), written))
	var read []lifecycle.FindingRow
	must(t, s.EachFinding(t.Context(), func(r lifecycle.FindingRow) error {
		read = append(read, r)
		return nil
	}))
	slices.SortFunc(read, func(a, b lifecycle.FindingRow) int { return strings.Compare(a.Finding.ID, b.Finding.ID) })
	if d := gocmp.Diff(written, read, exact); d != "" {
		t.Fatalf("(-written +read)\n%s", d)
	}
}

// row is a lifecycle of one receipt at partition 3.
func row(id string, root int, epoch, revision uint64) lifecycle.Row {
	return lifecycle.Row{
		Lifecycle: inventory.Lifecycle{
			ID: id, Canonical: receipt(root), Component: receipt(root), State: inventory.StateOpen,
			Location: "0123", Register: "04", UpdatedAt: noon, StartedAt: noon, ComputedAt: noon.Add(time.Hour),
			Identifiers: []inventory.ScopedKey{receipt(root)},
		},
		Partition: 3,
		Version:   lifecycle.Version{Epoch: epoch, Revision: revision},
	}
}

func TestOlderEpochNeverOverwrites(t *testing.T) {
	verdict := func(r lifecycle.Row, v inventory.Verdict) lifecycle.Row {
		r.Lifecycle.Verdict = v
		return r
	}
	tombstone := func(r lifecycle.Row) lifecycle.Row {
		r.Deleted = true
		return r
	}
	elsewhere := verdict(row("a", 1, 1, 1), inventory.Stalled)
	elsewhere.Partition = 5
	rows := []lifecycle.Row{
		verdict(row("a", 1, 2, 1), inventory.Complete),
		verdict(row("a", 1, 1, 50), inventory.Overdue), // a paused former owner
		elsewhere, // versions of two partitions do not compare
		tombstone(row("b", 2, 2, 7)),
		verdict(row("b", 2, 2, 6), inventory.Open),
		verdict(row("b", 2, 1, 99), inventory.Open),
		tombstone(row("c", 3, 1, 1)),
		verdict(row("c", 3, 1, 2), inventory.Open), // it came back
	}
	var findings []lifecycle.FindingRow
	for _, r := range rows {
		findings = append(findings, lifecycle.FindingRow{
			Finding:   inventory.Finding{ID: r.Lifecycle.ID, LifecycleID: r.Lifecycle.ID, Sentence: string(r.Lifecycle.Verdict)},
			Partition: r.Partition, Component: r.Lifecycle.Component, Version: r.Version, Deleted: r.Deleted,
		})
	}
	for _, size := range []int{1, len(rows)} { // rows in one insert
		t.Run(fmt.Sprintf("%d in an insert", size), func(t *testing.T) {
			s := storetest.Open(t)
			merge := unmerged(t, s)
			for part := range slices.Chunk(rows, size) {
				must(t, s.WriteLifecycles(t.Context(), part))
			}
			for part := range slices.Chunk(findings, size) {
				must(t, s.WriteFindings(t.Context(), part))
			}
			want := []string{"a complete", "a stalled", "c open"}
			for range 2 {
				var got, told []string
				for _, r := range live(t, s) {
					got = append(got, r.Lifecycle.ID+" "+string(r.Lifecycle.Verdict))
				}
				must(t, s.EachFinding(t.Context(), func(r lifecycle.FindingRow) error {
					told = append(told, r.Finding.ID+" "+r.Finding.Sentence)
					return nil
				}))
				slices.Sort(got)
				slices.Sort(told)
				if !slices.Equal(got, want) || !slices.Equal(told, want) {
					t.Errorf("lifecycles %q and findings %q, want %q", got, told, want)
				}
				merge()
			}
		})
	}
}

func TestComponentsByTheirNewestRow(t *testing.T) {
	s := storetest.Open(t)
	unmerged(t, s)
	finding := func(id string, root int, revision uint64) lifecycle.FindingRow {
		return lifecycle.FindingRow{
			Finding: inventory.Finding{ID: id}, Partition: 3, Component: receipt(root),
			Version: lifecycle.Version{Epoch: 1, Revision: revision},
		}
	}
	// Enough others that the rows in question lie in granules of their own.
	var crowd []lifecycle.Row
	for i := range 5000 {
		crowd = append(crowd, row(fmt.Sprintf("crowd %04d", i), 1000+i, 1, 1))
	}
	must(t, s.WriteLifecycles(t.Context(), crowd))
	gone := row("gone", 1, 1, 2)
	gone.Deleted = true
	other := row("other", 1, 1, 1)
	other.Partition = 4
	moved := finding("moved", 2, 2)
	for _, r := range []lifecycle.Row{
		row("kept", 1, 1, 1), row("twin", 1, 1, 1), row("gone", 1, 1, 1), row("crowd 2500", 1, 1, 2), other,
		gone,
		row("twin", 2, 1, 2), // is of another component by now
	} {
		must(t, s.WriteLifecycles(t.Context(), []lifecycle.Row{r}))
	}
	for _, f := range []lifecycle.FindingRow{finding("stays", 1, 1), finding("moved", 1, 1), moved} {
		must(t, s.WriteFindings(t.Context(), []lifecycle.FindingRow{f}))
	}
	stored := func(id string, root int) lifecycle.StoredLifecycle {
		return lifecycle.StoredLifecycle{ID: id, Identifiers: []inventory.ScopedKey{receipt(root)}, ComputedAt: row(id, root, 1, 1).Lifecycle.ComputedAt}
	}
	one := lifecycle.Component{
		Root:       receipt(1),
		Lifecycles: []lifecycle.StoredLifecycle{stored("crowd 2500", 1), stored("kept", 1)},
		Findings:   []string{"stays"},
	}
	two := lifecycle.Component{Root: receipt(2), Lifecycles: []lifecycle.StoredLifecycle{stored("twin", 2)}, Findings: []string{"moved"}}
	for _, c := range []struct {
		roots []inventory.ScopedKey
		want  map[inventory.ScopedKey]lifecycle.Component
	}{
		{[]inventory.ScopedKey{receipt(1)}, map[inventory.ScopedKey]lifecycle.Component{receipt(1): one}},
		{[]inventory.ScopedKey{receipt(1), receipt(2), receipt(3)}, map[inventory.ScopedKey]lifecycle.Component{receipt(1): one, receipt(2): two}},
		{[]inventory.ScopedKey{receipt(3500)}, map[inventory.ScopedKey]lifecycle.Component{}},
		{nil, map[inventory.ScopedKey]lifecycle.Component{}},
	} {
		got, err := s.Components(t.Context(), 3, c.roots)
		must(t, err)
		if d := gocmp.Diff(c.want, got); d != "" {
			t.Errorf("%v: %s", c.roots, d)
		}
	}
}

func TestOpenComponents(t *testing.T) {
	s := storetest.Open(t)
	unmerged(t, s)
	closed := row("b", 2, 1, 2)
	closed.Lifecycle.State = inventory.StateClosed
	gone := row("c", 3, 1, 2)
	gone.Deleted = true
	elsewhere := row("d", 4, 1, 1)
	elsewhere.Partition = 7
	for _, r := range []lifecycle.Row{
		row("a", 1, 1, 1), row("a2", 1, 1, 1), row("b", 2, 1, 1), row("c", 3, 1, 1), closed, gone, elsewhere, row("e", 5, 1, 1),
	} {
		must(t, s.WriteLifecycles(t.Context(), []lifecycle.Row{r}))
	}
	var got []inventory.ScopedKey
	must(t, s.OpenComponents(t.Context(), 3, func(k inventory.ScopedKey) { got = append(got, k) }))
	slices.SortFunc(got, inventory.CompareKeys)
	if want := []inventory.ScopedKey{receipt(1), receipt(5)}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestSearchKeys(t *testing.T) {
	s := storetest.Open(t)
	r := row("c-1", 778, 1, 1)
	r.NewKeys = []inventory.Key{{Name: "receipt", Value: "0123-04-000778"}, {Name: "erp_document", Value: "0004900012345"}}
	must(t, s.WriteLifecycles(t.Context(), []lifecycle.Row{r}))
	r.Version.Revision, r.NewKeys = 2, []inventory.Key{{Name: "trace_id", Value: "4BF9"}}
	must(t, s.WriteLifecycles(t.Context(), []lifecycle.Row{r}))
	for _, typed := range []string{"0123-04-000778", "123/4/778", "778", "0123 778", "4900012345", "4bf9"} {
		rows, err := s.Conn().Query(t.Context(), "SELECT DISTINCT lifecycle_id FROM lifecycle_keys WHERE search IN ?", inventory.SearchQuery(typed))
		must(t, err)
		var found []string
		for rows.Next() {
			var id string
			must(t, rows.Scan(&id))
			found = append(found, id)
		}
		must(t, errors.Join(rows.Close(), rows.Err()))
		if !slices.Equal(found, []string{"c-1"}) {
			t.Errorf("%q finds %q", typed, found)
		}
	}
}

func TestStepsAndUnitsHaveColumns(t *testing.T) {
	s := storetest.Open(t)
	r := row("a", 1, 1, 1)
	r.Lifecycle.Units = []inventory.Quantity{{UOM: "EA", Quantity: inventory.DecimalOf(-2)}, {UOM: "KGM", Quantity: inventory.Milli(-1250)}}
	r.Lifecycle.Steps = []inventory.StepState{
		{StepRef: inventory.StepRef{System: "pos", Step: "completed"}, Outcome: inventory.OK, OccurredAt: noon},
		{StepRef: inventory.StepRef{System: "middleware", Step: "accepted"}, Outcome: inventory.OK, OccurredAt: noon.Add(1500 * time.Millisecond), ExpectedBy: noon.Add(time.Minute)},
		{StepRef: inventory.StepRef{System: "erp", Step: "posted"}, ExpectedBy: noon.Add(5 * time.Minute)},
	}
	r.Lifecycle.Findings = []inventory.Finding{
		{Kind: inventory.MissingStep, State: inventory.FindingOpen}, {Kind: inventory.LateStep, State: inventory.FindingClosed},
	}
	must(t, s.WriteLifecycles(t.Context(), []lifecycle.Row{r}))
	var got string
	must(t, s.Conn().QueryRow(t.Context(), `SELECT toString((steps.name, steps.outcome, steps.lag_ms, steps.limit_ms, units, finding_kinds))
		FROM lifecycles`).Scan(&got))
	want := "(['pos completed','middleware accepted','erp posted'],['ok','ok',''],[0,1500,0],[0,60000,300000]," +
		"[('EA',-2),('KGM',-1.25)],['missing_step'])"
	if got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

func TestQuarantine(t *testing.T) {
	s := storetest.Open(t)
	unmerged(t, s)
	var items []inventory.Quarantined
	for i := range 25 {
		items = append(items, inventory.Quarantined{
			ID: fmt.Sprintf("%02d", i), ReceivedAt: noon.Add(time.Duration(i/2) * time.Second), Source: "/pos", Transport: "cloudevents",
			ContentType: "application/json", Reason: "malformed", Pointer: "/data/workflow", Detail: "data.workflow is missing",
			Raw: []byte{0, 1, 2, 0xff, byte(i)},
		})
	}
	must(t, s.WriteQuarantine(t.Context(), items))
	must(t, s.WriteQuarantine(t.Context(), items[5:])) // some come again, in other company
	slices.Reverse(items)
	var got []inventory.Quarantined
	var before inventory.Quarantined
	for {
		page, err := s.Quarantined(t.Context(), store.QuarantineFilter{}, before, 10)
		must(t, err)
		if len(page) == 0 {
			break
		}
		for _, u := range page {
			got = append(got, u.Quarantined)
		}
		before = got[len(got)-1]
	}
	if d := gocmp.Diff(items, got); d != "" {
		t.Error(d)
	}
	if n, err := s.QuarantineCount(t.Context()); err != nil || n != 25 {
		t.Errorf("%d items (%v), want 25", n, err)
	}
}

// The oldest go where the quarantine holds more than it may, and no more of them
// than needed.
func TestQuarantineIsBounded(t *testing.T) {
	s := storetest.Open(t)
	var items []inventory.Quarantined // the oldest first, two at a time
	for i := range 25 {
		items = append(items, inventory.Quarantined{
			ID: fmt.Sprintf("%02d", i), ReceivedAt: noon.Add(time.Duration(i/2) * 300 * time.Millisecond), Reason: "malformed", Raw: []byte("12345"),
		})
	}
	if u, err := s.QuarantineUse(t.Context()); err != nil || u != (store.QuarantineUse{}) {
		t.Errorf("empty, it holds %+v (%v)", u, err)
	}
	must(t, s.WriteQuarantine(t.Context(), items[:11]))
	must(t, s.WriteQuarantine(t.Context(), items[11:]))
	if u, err := s.QuarantineUse(t.Context()); err != nil || u != (store.QuarantineUse{Entries: 25, Bytes: 125, Waiting: 25, Oldest: noon}) {
		t.Errorf("it holds %+v (%v)", u, err)
	}
	has := uint64(25)
	for _, c := range []struct{ size, left uint64 }{{200, 25}, {125, 25}, {124, 24}, {100, 20}, {52, 10}, {0, 0}, {0, 0}} {
		d, err := s.DropQuarantine(t.Context(), c.size)
		want := store.QuarantineDrop{Entries: has - c.left, Bytes: 5 * (has - c.left)}
		if has > c.left {
			want.Through = items[25-c.left-1].ReceivedAt
		}
		if err != nil || d != want {
			t.Fatalf("at most %d bytes: %+v (%v), want %+v", c.size, d, err, want)
		}
		has = c.left
		rest := dropped(t, s)
		slices.Reverse(rest)
		if d := gocmp.Diff(items[25-c.left:], rest, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("at most %d bytes: %s", c.size, d)
		}
	}
	// What cannot be taken out yet is said, and not asked for again.
	must(t, s.WriteQuarantine(t.Context(), items))
	merge := unmerged(t, s)
	if _, err := s.DropQuarantine(t.Context(), 52); err != nil {
		t.Error(err)
	}
	if _, err := s.DropQuarantine(t.Context(), 52); !errors.Is(err, store.ErrDropping) {
		t.Errorf("asked again: %v", err)
	}
	merge()
	if n := len(dropped(t, s)); n != 10 {
		t.Errorf("%d left, want 10", n)
	}
}

// dropped is what the quarantine holds once what was given up is gone.
func dropped(t *testing.T, s *store.Store) []inventory.Quarantined {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; {
		n := count(t, s, "SELECT count() FROM system.mutations WHERE database = currentDatabase() AND table = 'quarantine' AND is_done = 0")
		if n == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("what was given up is still there")
		}
		<-time.After(10 * time.Millisecond)
	}
	return entries(t, s, store.QuarantineFilter{State: web.Any})
}

func entries(t *testing.T, s *store.Store, f store.QuarantineFilter) (list []inventory.Quarantined) {
	t.Helper()
	all, err := s.Quarantined(t.Context(), f, inventory.Quarantined{}, 100)
	must(t, err)
	for _, u := range all {
		list = append(list, u.Quarantined)
	}
	return list
}

// What has landed waits no longer, is found when asked for, and goes first where
// the quarantine holds too much.
func TestLandedEntriesWaitNoLonger(t *testing.T) {
	s := storetest.Open(t)
	var items []inventory.Quarantined // the newest first
	for i := range 6 {
		items = append(items, inventory.Quarantined{
			ID: fmt.Sprint(i % 4), ReceivedAt: noon.Add(-time.Duration(i) * time.Second), Source: "/pos", Reason: "malformed", Raw: []byte("12345"),
		})
	}
	must(t, s.WriteQuarantine(t.Context(), items))
	must(t, s.WriteQuarantine(t.Context(), items[2:3])) // again, after a crash
	landed := []inventory.Quarantined{items[0], items[2]}
	for range 2 { // told twice it landed once
		must(t, s.WriteLanded(t.Context(), "r-1", noon.Add(time.Hour), landed))
	}
	waiting := []inventory.Quarantined{items[1], items[3], items[4], items[5]}
	for _, c := range []struct {
		filter store.QuarantineFilter
		want   []inventory.Quarantined
	}{
		{store.QuarantineFilter{}, waiting},
		{store.QuarantineFilter{State: web.Waiting}, waiting},
		{store.QuarantineFilter{State: web.Landed}, landed},
		{store.QuarantineFilter{State: web.Any}, items},
		{store.QuarantineFilter{ID: "0"}, items[4:5]}, // sent again, and not read again
		{store.QuarantineFilter{Source: "/pos", Reason: "malformed", From: items[4].ReceivedAt, To: items[1].ReceivedAt}, items[3:5]},
		{store.QuarantineFilter{Source: "/oms"}, nil},
		{store.QuarantineFilter{Unnamed: true}, nil},
	} {
		if d := gocmp.Diff(c.want, entries(t, s, c.filter), cmpopts.EquateEmpty()); d != "" {
			t.Errorf("%+v: %s", c.filter, d)
		}
	}
	all, err := s.Quarantined(t.Context(), store.QuarantineFilter{State: web.Landed}, inventory.Quarantined{}, 1)
	must(t, err)
	if len(all) != 1 || all[0].Reingest != "r-1" || !all[0].LandedAt.Equal(noon.Add(time.Hour)) {
		t.Errorf("landed: %+v", all)
	}
	// Of the four that wait two have one id.
	if n, err := s.QuarantineMatching(t.Context(), store.QuarantineFilter{}); err != nil || n != 3 {
		t.Errorf("%d different ones wait (%v), want 3", n, err)
	}
	counts, err := s.Pages().QuarantineCounts(t.Context(), 10)
	if must(t, err); len(counts) != 1 || counts[0].Count != 4 || counts[0].Different != 3 || counts[0].Bytes != 20 {
		t.Errorf("counts: %+v", counts)
	}
	if u, err := s.QuarantineUse(t.Context()); err != nil || u.Waiting != 4 || !u.Oldest.Equal(items[5].ReceivedAt) {
		t.Errorf("it holds %+v (%v)", u, err)
	}
	d, err := s.DropQuarantine(t.Context(), 15)
	if err != nil || d.Landed < 2 || d.Entries != 1 || !d.Through.Equal(items[5].ReceivedAt) {
		t.Errorf("at most three: %+v (%v)", d, err)
	}
	if d := gocmp.Diff(waiting[:3], dropped(t, s)); d != "" {
		t.Error(d)
	}
}

// Who had the quarantine read again is one row, from before it begins until after
// it has ended.
func TestReingestsAreKept(t *testing.T) {
	s := storetest.Open(t)
	first := web.Reread{ID: "r-1", At: noon, By: "ada", Via: "cli", Filter: "source=tills", Entries: 3}
	second := web.Reread{ID: "r-2", At: noon.Add(time.Second), By: "bob", Via: "page", Entries: 1, Landed: 1, Events: 2, EndedAt: noon.Add(time.Minute)}
	ended := first
	ended.Landed, ended.Events, ended.EndedAt, ended.Error = 2, 7, noon.Add(time.Hour), "the log is away"
	must(t, s.WriteReingest(t.Context(), first))
	must(t, s.WriteReingest(t.Context(), second))
	for _, want := range [][]web.Reread{{second, first}, {second, ended}} {
		got, err := s.Pages().Reingests(t.Context(), web.Page{Limit: 10})
		must(t, err)
		if d := gocmp.Diff(want, got); d != "" {
			t.Error(d)
		}
		must(t, s.WriteReingest(t.Context(), ended))
	}
	next, err := s.Pages().Reingests(t.Context(), web.Page{Limit: 10, After: web.Cursor{At: second.At, ID: second.ID}})
	if must(t, err); len(next) != 1 || next[0].ID != "r-1" {
		t.Errorf("the next page: %+v", next)
	}
}

func TestWritersShareInserts(t *testing.T) {
	s := storetest.Open(t)
	var writers sync.WaitGroup
	errs := make(chan error, 200)
	for i := range 200 {
		writers.Go(func() { errs <- s.WriteRecords(t.Context(), []inventory.Record{sale(i)}) })
	}
	writers.Wait()
	close(errs)
	for err := range errs {
		must(t, err)
	}
	if n := count(t, s, "SELECT count() FROM events"); n != 200 {
		t.Errorf("%d rows, want 200", n)
	}
	if n := count(t, s, "SELECT uniqExact(_part) FROM events"); n >= 100 {
		t.Errorf("200 writers made %d parts", n)
	}
}

func TestWriteOfACancelledCaller(t *testing.T) {
	s := storetest.Open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.WriteRecords(ctx, sales(1)); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want it cancelled", err)
	}
	must(t, s.WriteRecords(t.Context(), sales(2)))
	if n := count(t, s, "SELECT count() FROM events FINAL"); n != 2 {
		t.Errorf("%d records, want 2", n)
	}
}

func TestClosedStore(t *testing.T) {
	engine, database := testenv.Embedded(t)
	before := goleak.IgnoreCurrent()
	s, err := store.Open(t.Context(), store.Options{Engine: engine, Database: database})
	must(t, err)
	must(t, s.WriteRecords(t.Context(), sales(1)))
	// A write on its way when the store is closed is done, or its caller is told.
	written := make(chan error, 1)
	go func() { written <- s.WriteRecords(t.Context(), sales(2)) }()
	must(t, s.Close())
	must(t, s.Close())
	if err := <-written; err != nil && !errors.Is(err, store.ErrClosed) {
		t.Error(err)
	}
	goleak.VerifyNone(t, before)
	if err := s.WriteRecords(t.Context(), sales(1)); !errors.Is(err, store.ErrClosed) {
		t.Errorf("%v, want %v", err, store.ErrClosed)
	}
}

func TestUsageAndDisks(t *testing.T) {
	s := storetest.Open(t)
	must(t, s.WriteRecords(t.Context(), sales(1000)))
	tables, err := s.Usage(t.Context())
	must(t, err)
	i := slices.IndexFunc(tables, func(u store.TableUsage) bool { return u.Table == "events" })
	if i < 0 || tables[i].Rows != 1000 || tables[i].BytesPerRow() <= 0 || tables[i].BytesPerRow() > 1000 {
		t.Errorf("%+v", tables)
	}
	disks, err := s.Disks(t.Context())
	must(t, err)
	if len(disks) == 0 || disks[0].Total == 0 || disks[0].Used() < 0 || disks[0].Used() > 1 {
		t.Errorf("%+v", disks)
	}
	for free, warned := range map[uint64]bool{0: true, 19: true, 20: true, 21: false, 100: false} {
		if got := (store.DiskUsage{Path: "/data", Free: free, Total: 100}).Warning(); (got != "") != warned {
			t.Errorf("%d %% free: %q", free, got)
		}
	}
}
