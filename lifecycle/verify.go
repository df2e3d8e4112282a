package lifecycle

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// Stored is everything there is, as [Verify] reads it: raw records, facts, and
// the newest live row of every lifecycle and finding.
type Stored interface {
	EachRecord(ctx context.Context, yield func(inventory.Record) error) error
	EachLifecycle(ctx context.Context, yield func(Row) error) error
	EachFinding(ctx context.Context, yield func(FindingRow) error) error
	Facts(ctx context.Context, since time.Time, yield func(inventory.Fact)) error
	Readings(ctx context.Context, since time.Time, yield func(inventory.Measured)) error
	KeptHeard(ctx context.Context, since time.Time, yield func(inventory.Heard)) error
}

// Difference is one place where what is stored is not what a recomputation
// gives.
type Difference struct {
	// What is lifecycle, finding or expectation; ID names it.
	What, ID string
	// Detail says in a sentence how they differ.
	Detail string
}

// Verification is the result of a [Verify].
type Verification struct {
	Records, Lifecycles, Findings int
	Differences                   []Difference
}

// unfiredAfter is how far a row's next look may lie behind the newest one before
// it counts as forgotten: a turn of its partition, and the store's insert.
const unfiredAfter = time.Minute

// Verify recomputes every lifecycle and finding from raw records and compares
// them with what is stored. Records are grouped by their keys globally, without
// partitions or stored bindings. Each row is recomputed at the now, and with the
// facts, it says it was computed with.
//
// What arrives meanwhile is in the records and not yet in the rows: on a running
// instance, take what several verifications agree on ([VerifyLive]).
func Verify(ctx context.Context, rules *Rules, stored Stored) (Verification, error) {
	var v Verification
	rows := map[string]Row{}
	var newest time.Time
	err := stored.EachLifecycle(ctx, func(r Row) error {
		v.Lifecycles++
		if other, twice := rows[r.Lifecycle.ID]; twice {
			v.differ("lifecycle", r.Lifecycle.ID, fmt.Sprintf("lives in partition %d and in partition %d", other.Partition, r.Partition))
		}
		rows[r.Lifecycle.ID] = r
		newest = later2(newest, r.Lifecycle.ComputedAt)
		return nil
	})
	if err != nil {
		return v, fmt.Errorf("read lifecycles: %w", err)
	}
	findings := map[string]FindingRow{}
	err = stored.EachFinding(ctx, func(r FindingRow) error {
		v.Findings++
		if _, twice := findings[r.Finding.ID]; twice {
			v.differ("finding", r.Finding.ID, "lives twice")
		}
		findings[r.Finding.ID] = r
		return nil
	})
	if err != nil {
		return v, fmt.Errorf("read findings: %w", err)
	}
	var facts []inventory.Fact
	err = stored.Facts(ctx, time.Unix(0, 0), func(f inventory.Fact) { facts = append(facts, f) })
	if err != nil {
		return v, fmt.Errorf("read facts: %w", err)
	}
	var readings []inventory.Measured
	err = stored.Readings(ctx, time.Unix(0, 0), func(m inventory.Measured) { readings = append(readings, m) })
	if err != nil {
		return v, fmt.Errorf("read readings: %w", err)
	}
	var kept []inventory.Heard
	if err := stored.KeptHeard(ctx, time.Unix(0, 0), func(h inventory.Heard) { kept = append(kept, h) }); err != nil {
		return v, fmt.Errorf("read what was heard: %w", err)
	}
	var records []inventory.Record
	var heard HeardRecords
	seen := map[inventory.Identity]bool{}
	err = stored.EachRecord(ctx, func(r inventory.Record) error {
		v.Records++
		if seen[r.Identity()] {
			v.differ("record", r.ID, "is stored twice")
		}
		seen[r.Identity()] = true
		heard.Add(&r)
		if !r.Event.Fact() {
			r.Raw = nil
			records = append(records, r)
		}
		return nil
	})
	if err != nil {
		return v, fmt.Errorf("read records: %w", err)
	}
	v.compare(rules, records, facts, rows, findings, newest)
	v.compareFeeds(rules, facts, readings, v.hearing(rules, kept, &heard), findings, newest)
	slices.SortFunc(v.Differences, func(a, b Difference) int {
		return cmp.Or(strings.Compare(a.What, b.What), strings.Compare(a.ID, b.ID), strings.Compare(a.Detail, b.Detail))
	})
	return v, nil
}

func (v *Verification) differ(what, id, detail string) {
	v.Differences = append(v.Differences, Difference{what, id, detail})
}

// compare recomputes every component at each now its rows name.
func (v *Verification) compare(rules *Rules, records []inventory.Record, facts []inventory.Fact, rows map[string]Row,
	findings map[string]FindingRow, newest time.Time,
) {
	type task struct {
		tell func(evidence *Evidence, now time.Time) []inventory.Lifecycle
		row  Row
	}
	var tasks []task
	expected := map[string]bool{}
	expect := func(key inventory.ScopedKey, records int, tell func(*Evidence, time.Time) []inventory.Lifecycle) {
		id := LifecycleID(key)
		expected[id] = true
		if row, ok := rows[id]; ok {
			tasks = append(tasks, task{tell, row})
		} else {
			v.differ("lifecycle", id, fmt.Sprintf("is not stored; its %d records are", records))
		}
	}
	entries, books := withEchoes(rules, distinct(records))
	for _, entries := range components(entries) {
		tell := func(evidence *Evidence, now time.Time) []inventory.Lifecycle {
			return stitchComponent(rules, slices.Clone(entries), evidence, now)
		}
		for _, c := range divide(entries) {
			expect(c.canonical, len(c.entries), tell)
		}
	}
	_, said := peoples(entries)
	for key, b := range books {
		expect(key, b.size(), func(evidence *Evidence, now time.Time) []inventory.Lifecycle {
			return []inventory.Lifecycle{heedBook(rules, b.tell(rules, key, evidence, now), said)}
		})
	}
	for id, row := range rows {
		if !expected[id] {
			v.differ("lifecycle", id, "is stored and no record belongs to it")
		} else if l := row.Lifecycle; !l.NextAt.IsZero() && l.NextAt.Add(unfiredAfter).Before(newest) {
			v.differ("expectation", id, "was due "+l.NextAt.UTC().Format(time.RFC3339)+" and has not been looked at")
		}
	}
	// Facts are taken in as the rows' positions ask for them.
	slices.SortFunc(tasks, func(a, b task) int { return cmp.Compare(a.row.Lifecycle.FactPosition, b.row.Lifecycle.FactPosition) })
	slices.SortFunc(facts, func(a, b inventory.Fact) int { return cmp.Compare(a.Position, b.Position) })
	evidence := rules.NewEvidence()
	for _, t := range tasks {
		have := t.row.Lifecycle
		for len(facts) > 0 && facts[0].Position <= have.FactPosition {
			evidence.Add(facts[0])
			facts = facts[1:]
		}
		for _, want := range t.tell(evidence, have.ComputedAt) {
			if want.ID == have.ID {
				v.compareOne(want, have, findings)
			}
		}
	}
	for id, f := range findings {
		if f.Finding.LifecycleID != "" {
			v.differ("finding", id, fmt.Sprintf("%s is stored for %s and is not so", f.Finding.Kind, f.Finding.LifecycleID))
		}
	}
}

func (v *Verification) compareOne(want, have inventory.Lifecycle, findings map[string]FindingRow) {
	told := want.Findings
	want.Findings, have.Findings = nil, nil
	// What rows were computed with is compared by computing with it.
	want.ComputedAt, want.FactPosition = have.ComputedAt, have.FactPosition
	if field := unequal(want, have); field != "" {
		v.differ("lifecycle", want.ID, field)
	}
	for _, f := range told {
		row, ok := findings[f.ID]
		if !ok {
			v.differ("finding", f.ID, fmt.Sprintf("%s of %s is not stored", f.Kind, want.ID))
			continue
		}
		delete(findings, f.ID)
		if field := unequal(f, row.Finding); field != "" {
			v.differ("finding", f.ID, fmt.Sprintf("%s of %s: %s", f.Kind, want.ID, field))
		}
	}
}

// ofFeeds are the kinds of findings about feeds, runs, queues and devices that
// follow from what is stored.
var ofFeeds = []inventory.Kind{inventory.SourceSilent, inventory.RunMissed, inventory.StalledReplay, inventory.Stall}

// compareFeeds recomputes what is said of feeds.
func (v *Verification) compareFeeds(rules *Rules, facts []inventory.Fact, readings []inventory.Measured, heard func([]inventory.Finding, time.Time) []inventory.Finding,
	findings map[string]FindingRow, newest time.Time,
) {
	want := map[string]inventory.Finding{}
	all, _ := AboutFeeds(rules, rules.NewEvidence(facts...), newest)
	slices.SortFunc(readings, byEntry)
	var r Readings
	for i := range readings {
		r.Add(rules, &readings[i])
	}
	queues, _ := AboutQueues(rules, &r, newest)
	all = append(all, heard(all, newest.Truncate(time.Minute))...)
	for _, f := range append(all, queues...) {
		want[f.ID] = f
	}
	for id, row := range findings {
		f := row.Finding
		if f.LifecycleID != "" || !slices.Contains(ofFeeds, f.Kind) {
			continue // told by compare, or about our own pipeline: not recomputable
		}
		w, ok := want[id]
		switch {
		case !ok && f.OpenedAt.After(newest):
		case !ok:
			v.differ("finding", id, fmt.Sprintf("%s of %s is stored and is not so", f.Kind, f.GroupKey.Detail))
		case !w.OpenedAt.Truncate(time.Microsecond).Equal(f.OpenedAt) || w.Kind != f.Kind || w.System != f.System || w.Location != f.Location:
			v.differ("finding", id, fmt.Sprintf("%s of %s opened %s, stored as %s", f.Kind, f.GroupKey.Detail, w.OpenedAt, f.OpenedAt))
		}
		delete(want, id)
	}
	for id, f := range want {
		if f.OpenedAt.Add(unfiredAfter + listenBehind).Before(newest) {
			v.differ("finding", id, fmt.Sprintf("%s of %s is not stored", f.Kind, f.GroupKey.Detail))
		}
	}
}

// unequal names the first field in which two values differ, with both; empty
// where they are equal as far as a row can tell (microseconds, no difference
// between none and empty).
func unequal(want, have any) string {
	a, b := reflect.ValueOf(want), reflect.ValueOf(have)
	for i := range a.NumField() {
		x, y := plain(a.Field(i).Interface()), plain(b.Field(i).Interface())
		if x != y {
			return fmt.Sprintf("%s should be %s, is %s", a.Type().Field(i).Name, brief300(x), brief300(y))
		}
	}
	return ""
}

func brief300(s string) string {
	if len(s) > 300 {
		return s[:300] + "…"
	}
	return s
}

// plain writes a field as JSON with times cut to microseconds.
func plain(field any) string {
	if t, ok := field.(time.Time); ok {
		return cutTime(t)
	}
	if steps, ok := field.([]inventory.StepState); ok {
		cut := slices.Clone(steps)
		for i := range cut {
			s := &cut[i]
			for _, t := range []*time.Time{&s.OccurredAt, &s.ReceivedAt, &s.ExpectedBy} {
				*t = t.UTC().Truncate(time.Microsecond)
			}
			if len(s.EventIDs) == 0 {
				s.EventIDs = nil
			}
		}
		field = cut
	}
	if awaits, ok := field.([]inventory.Await); ok {
		cut := slices.Clone(awaits)
		for i := range cut {
			cut[i].Through = cut[i].Through.UTC().Truncate(time.Microsecond)
		}
		field = cut
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(field); err != nil {
		return err.Error()
	}
	s := strings.TrimSpace(b.String())
	if s == "[]" || s == "null" {
		return "nothing"
	}
	return strings.ReplaceAll(s, ":[]", ":null")
}

func cutTime(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Truncate(time.Microsecond).Format(time.RFC3339Nano)
}

// VerifyLive verifies an instance that may be running: it repeats Verify until
// there is no difference, at most rounds times with pause between, and reports
// only what every round found.
func VerifyLive(ctx context.Context, rules *Rules, stored Stored, rounds int, pause time.Duration) (Verification, error) {
	var last Verification
	for i := range max(1, rounds) {
		v, err := Verify(ctx, rules, stored)
		if err != nil {
			return v, err
		}
		if i > 0 {
			v.Differences = slices.DeleteFunc(v.Differences, func(d Difference) bool {
				return !slices.ContainsFunc(last.Differences, func(e Difference) bool { return e.What == d.What && e.ID == d.ID })
			})
		}
		last = v
		if len(v.Differences) == 0 || i+1 == rounds {
			return v, nil
		}
		select {
		case <-ctx.Done():
			return v, ctx.Err()
		case <-time.After(pause):
		}
	}
	return last, nil
}
