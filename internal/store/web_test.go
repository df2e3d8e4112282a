package store_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/stocktrace/stocktrace/internal/store"
	"github.com/stocktrace/stocktrace/internal/store/storetest"
	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/lifecycle"
	"github.com/stocktrace/stocktrace/web"
	"github.com/stocktrace/stocktrace/web/webtest"
)

// writeSample stores what a memory holds, as the engine would: twice, older
// versions first, with tombstones of what has moved away.
func writeSample(t *testing.T, s *store.Store, m *webtest.Memory) {
	t.Helper()
	ctx := t.Context()
	version := func(n uint64) lifecycle.Version { return lifecycle.Version{Epoch: 3, Revision: n} }
	records := slices.Clone(m.RecordList)
	for i := range records {
		records[i].Position = uint64(i + 1)
	}
	for i, a := range m.ActionList {
		r := inventory.ActionRecord(a.Action, a.At)
		r.Position = uint64(i + 1)
		records = append(records, r)
	}
	must(t, s.WriteRecords(ctx, records))
	var rows []lifecycle.Row
	var findings []lifecycle.FindingRow
	for i, l := range m.LifecycleList {
		partition := i % 8
		old := l
		old.Verdict, old.State, old.Findings, old.Sentence = inventory.Open, inventory.StateOpen, nil, "older"
		moved := old
		rows = append(rows,
			lifecycle.Row{Lifecycle: old, Partition: partition, Version: version(1), NewKeys: l.Keys},
			lifecycle.Row{Lifecycle: l, Partition: partition, Version: version(2)},
			lifecycle.Row{Lifecycle: moved, Partition: (partition + 1) % 8, Version: version(1)},
			lifecycle.Row{Lifecycle: moved, Partition: (partition + 1) % 8, Version: version(2), Deleted: true},
		)
		for _, f := range l.Findings {
			was := f
			was.State, was.Title = inventory.FindingOpen, "older"
			gone := f
			gone.ID += "-gone"
			findings = append(findings,
				lifecycle.FindingRow{Finding: was, Partition: partition, Component: l.Component, Version: version(1)},
				lifecycle.FindingRow{Finding: f, Partition: partition, Component: l.Component, Version: version(2)},
				lifecycle.FindingRow{Finding: gone, Partition: partition, Component: l.Component, Version: version(1)},
				lifecycle.FindingRow{Finding: gone, Partition: partition, Component: l.Component, Version: version(2), Deleted: true},
			)
		}
	}
	for _, f := range m.FeedFindings {
		findings = append(findings, lifecycle.FindingRow{Finding: f, Partition: 8, Version: version(1)})
	}
	must(t, s.WriteLifecycles(ctx, rows))
	must(t, s.WriteFindings(ctx, findings))
	must(t, s.WriteQuarantine(ctx, m.Quarantined))
}

// alike compares answers: empty and none are the same, and what is not stored
// (the parts of a group's key that are its own fields) is left out.
var alike = gocmp.Options{
	exact, cmpopts.EquateEmpty(),
	cmpopts.IgnoreFields(inventory.Finding{}, "GroupKey"),
	cmpopts.SortSlices(func(a, b inventory.Finding) bool { return a.ID < b.ID }),
}

// TestPagesAgreeWithMemory asks the tables and the plain memory the same
// questions, drawn at random, and demands the same answers.
func TestPagesAgreeWithMemory(t *testing.T) {
	s := storetest.Open(t)
	m := webtest.Sample()
	writeSample(t, s, m)
	pages := s.Pages()
	ctx := t.Context()

	// agree runs one question against both.
	agree := func(rt *rapid.T, what string, ask func(web.Reader) (any, error)) {
		want, errWant := ask(m)
		got, errGot := ask(pages)
		if errGot != nil || errWant != nil {
			rt.Fatalf("%s: %v; in memory %v", what, errGot, errWant)
		}
		if d := gocmp.Diff(want, got, alike); d != "" {
			rt.Fatalf("%s (-memory +tables)\n%s", what, d)
		}
	}
	maybe := func(rt *rapid.T, label string, values ...string) string {
		if rapid.IntRange(0, 3).Draw(rt, label+"?") > 0 {
			return ""
		}
		return rapid.SampledFrom(values).Draw(rt, label)
	}
	instantOf := func(rt *rapid.T, label string) time.Time {
		if rapid.Bool().Draw(rt, label+"?") {
			return time.Time{}
		}
		return webtest.Now.Add(-time.Duration(rapid.IntRange(0, 180).Draw(rt, label)) * time.Minute)
	}
	places := []string{"0123", "123", "0207", "0502", "9999"}
	rapid.Check(t, func(rt *rapid.T) {
		switch rapid.IntRange(0, 4).Draw(rt, "question") {
		case 4:
			q := web.ActionQuery{
				ID: maybe(rt, "id", "act-2", "act-9"), By: maybe(rt, "by", "ada", "nobody"), Batch: maybe(rt, "batch", "b-1"),
				Page: web.Page{Limit: rapid.IntRange(1, 5).Draw(rt, "limit")},
			}
			if a := rapid.SampledFrom(m.ActionList).Draw(rt, "like"); rapid.Bool().Draw(rt, "about") {
				q.About = []inventory.ScopedKey{a.About, a.With}
			} else if rapid.Bool().Draw(rt, "finding") {
				q.Finding = a.Finding
			}
			if v := maybe(rt, "verb", "acknowledge", "merge"); v != "" {
				q.Verbs = []inventory.Verb{inventory.Verb(v), inventory.Assign}
			}
			if rapid.Bool().Draw(rt, "after") {
				a := rapid.SampledFrom(m.ActionList).Draw(rt, "after this")
				q.Page.After = web.Cursor{At: a.At, ID: a.ID}
			}
			agree(rt, fmt.Sprintf("%+v", q), func(r web.Reader) (any, error) { return r.Actions(ctx, q) })
		case 0:
			q := web.LifecycleQuery{
				Key:      maybe(rt, "key", webtest.OverdueReceipt, "778", "123/4/778", "4900012301", "nothing"),
				Workflow: maybe(rt, "workflow", "sale", "return"), State: inventory.State(maybe(rt, "state", "open", "closed")),
				Location: maybe(rt, "location", places...), Register: maybe(rt, "register", "04", "4", "01"),
				Region: maybe(rt, "region", "Nord", "Polska"), BusinessDate: maybe(rt, "date", "2026-11-23", "2026-11-22", web.NoDate),
				Item: maybe(rt, "item", "4006381333931", "4011200296908"), Owner: maybe(rt, "owner", "store-systems"),
				From: instantOf(rt, "from"), To: instantOf(rt, "to"), ByReceived: rapid.Bool().Draw(rt, "received"),
				Page: web.Page{Limit: rapid.IntRange(1, 200).Draw(rt, "limit")},
			}
			if v := maybe(rt, "verdict", "conflicted", "complete", "failed"); v != "" {
				q.Verdicts = []inventory.Verdict{inventory.Verdict(v), inventory.Overdue}
			}
			if k := maybe(rt, "finding", "missing_step", "late_step"); k != "" {
				q.Findings = []inventory.Kind{inventory.Kind(k)}
			}
			agree(rt, fmt.Sprintf("%+v", q), func(r web.Reader) (any, error) { return r.Lifecycles(ctx, q) })
			agree(rt, fmt.Sprintf("by id %+v", q), func(r web.Reader) (any, error) { return r.LifecyclesByID(ctx, q, q.Page.After.ID) })
		case 1:
			q := web.FindingQuery{
				Cause: maybe(rt, "cause", "mapping_defect", "unknown"), Severity: maybe(rt, "severity", "critical", "warning"),
				State: web.FindingStates(maybe(rt, "state", "open", "closed", "any")), Owner: maybe(rt, "owner", "integration"),
				System: maybe(rt, "system", "erp", "middleware"), Step: maybe(rt, "step", "posted", "erp posted"),
				Location: maybe(rt, "location", places...), Region: maybe(rt, "region", "Nord", "Polska"),
				MappingVersion: maybe(rt, "mapping", "m-41"), Group: maybe(rt, "group", "g-mapping-4006381333931", "f-silent-erp-0502"),
				Groups: rapid.Bool().Draw(rt, "groups"), Page: web.Page{Limit: rapid.IntRange(1, 200).Draw(rt, "limit")},
			}
			if k := maybe(rt, "kind", "missing_step", "mapping_unknown"); k != "" {
				q.Kinds = []inventory.Kind{inventory.Kind(k), inventory.DeadLetter}
			}
			if rapid.Bool().Draw(rt, "by cause") {
				agree(rt, fmt.Sprintf("groups %+v", q), func(r web.Reader) (any, error) { return r.Groups(ctx, q) })
			} else {
				agree(rt, fmt.Sprintf("%+v", q), func(r web.Reader) (any, error) { return r.Findings(ctx, q) })
			}
		case 2:
			q := web.StoreDayQuery{
				Location: maybe(rt, "location", places...), Region: maybe(rt, "region", "Nord", "Polska"),
				From: maybe(rt, "from", "2026-11-23", "2026-11-24"), To: maybe(rt, "to", "2026-11-23", "2026-11-01"),
				Wrong: rapid.Bool().Draw(rt, "wrong"), Page: web.StoreDayPage{Limit: rapid.IntRange(1, 30).Draw(rt, "limit")},
			}
			if rapid.Bool().Draw(rt, "on") {
				q.Page.AfterDate, q.Page.AfterLocation = "2026-11-23", "0207"
			}
			agree(rt, fmt.Sprintf("%+v", q), func(r web.Reader) (any, error) { return r.StoreDays(ctx, q) })
		case 3:
			text := rapid.SampledFrom([]string{
				webtest.OverdueReceipt, "123-4-778", "778", "0207-02-000341", "receipt:402/3/901", "4900012305", "4900012399",
				"store 0601 receipt 77", "nothing of the kind", "receipt:207/2/341",
			}).Draw(rt, "text")
			agree(rt, "search "+text, func(r web.Reader) (any, error) {
				found, err := r.Search(ctx, text, 20)
				for i := range found {
					found[i].Lifecycle.Findings = nil
				}
				return found, err
			})
		}
	})

	// Every lifecycle opens, with everything that was said about it.
	for i := range m.LifecycleList {
		if i%20 != 0 {
			continue
		}
		id := m.LifecycleList[i].ID
		want, _ := m.Lifecycle(ctx, id)
		got, err := pages.Lifecycle(ctx, id)
		must(t, err)
		if d := gocmp.Diff(want, got, alike, cmpopts.IgnoreFields(inventory.Lifecycle{}, "Component", "Canonical")); d != "" {
			t.Fatalf("lifecycle %s (-memory +tables)\n%s", id, d)
		}
		records, err := pages.Records(ctx, &got)
		must(t, err)
		var ids []string
		for _, r := range records {
			ids = append(ids, r.ID)
			if r.Raw != nil {
				t.Errorf("record %s comes with its raw bytes, which a timeline does not need", r.ID)
			}
		}
		if d := gocmp.Diff(want.RecordIDs, ids); d != "" {
			t.Errorf("records of %s (-want +got)\n%s", id, d)
		}
		raw, err := pages.Raw(ctx, ids[0])
		must(t, err)
		wantRaw, _ := m.Raw(ctx, ids[0])
		if len(raw) != 1 || string(raw[0].Raw) != string(wantRaw[0].Raw) || raw[0].RawType != wantRaw[0].RawType {
			t.Errorf("raw bytes of %s are not what was received", ids[0])
		}
	}
	some := []string{m.LifecycleList[3].ID, "nobody", m.LifecycleList[9].ID}
	wantKeys, _ := m.Keys(ctx, some)
	keys, err := pages.Keys(ctx, some)
	must(t, err)
	if d := gocmp.Diff(wantKeys, keys); d != "" {
		t.Errorf("keys (-memory +tables)\n%s", d)
	}
	facets, err := pages.Facets(ctx)
	must(t, err)
	wantFacets, _ := m.Facets(ctx)
	if d := gocmp.Diff(wantFacets, facets, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("facets (-memory +tables)\n%s", d)
	}
	q, err := pages.Quarantine(ctx, web.QuarantineQuery{Page: web.Page{Limit: 10}})
	must(t, err)
	if len(q) != 1 || q[0].Pointer != m.Quarantined[0].Pointer {
		t.Errorf("quarantine: %+v", q)
	}
	for _, err := range []error{
		second(pages.Lifecycle(ctx, "nobody")), second(pages.Raw(ctx, "nothing")),
	} {
		if !errors.Is(err, web.ErrNotFound) {
			t.Errorf("got %v, want ErrNotFound", err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// TestCursorsNeitherRepeatNorSkip walks lists in small windows while rows keep
// arriving, and demands every row that was there at the beginning exactly once.
func TestCursorsNeitherRepeatNorSkip(t *testing.T) {
	s := storetest.Open(t)
	m := webtest.Sample()
	writeSample(t, s, m)
	pages := s.Pages()
	ctx := t.Context()
	seen := map[string]int{}
	var after web.Cursor
	for n := 0; ; n++ {
		list, err := pages.Lifecycles(ctx, web.LifecycleQuery{Page: web.Page{Limit: 37, After: after}})
		must(t, err)
		if len(list) == 0 {
			break
		}
		for _, l := range list {
			seen[l.ID]++
		}
		last := list[len(list)-1]
		after = web.Cursor{At: last.StartedAt, ID: last.ID}
		fresh := last
		fresh.ID, fresh.StartedAt = fmt.Sprintf("new-%d", n), webtest.Now.Add(time.Duration(n)*time.Second)
		must(t, s.WriteLifecycles(ctx, []lifecycle.Row{{Lifecycle: fresh, Version: lifecycle.Version{Epoch: 4, Revision: uint64(n)}}}))
	}
	for _, l := range m.LifecycleList {
		if seen[l.ID] != 1 {
			t.Errorf("lifecycle %s was listed %d times", l.ID, seen[l.ID])
		}
	}
}

func TestHopsAndSources(t *testing.T) {
	s := storetest.Open(t)
	m := webtest.Sample()
	writeSample(t, s, m)
	pages := s.Pages()
	ctx := context.Background()
	since := webtest.Now.Add(-time.Hour)

	type tally struct{ passed, waiting, stuck int }
	want := map[string]tally{}
	stuck := map[string]map[string]bool{}
	for _, l := range m.LifecycleList {
		for _, f := range l.Findings {
			if f.State == inventory.FindingOpen && f.Severity != inventory.Info {
				if stuck[f.Step] == nil {
					stuck[f.Step] = map[string]bool{}
				}
				stuck[f.Step][l.ID] = true
			}
		}
		if l.StartedAt.Before(since) {
			continue
		}
		for _, st := range l.Steps {
			v := want[st.String()]
			switch {
			case st.Outcome == inventory.OK:
				v.passed++
			case st.ExpectedBy.After(webtest.Now):
				v.waiting++
			}
			want[st.String()] = v
		}
	}
	for step, ids := range stuck {
		v := want[step]
		v.stuck = len(ids)
		want[step] = v
	}
	hops, err := pages.Hops(ctx, "", since, webtest.Now)
	must(t, err)
	got := map[string]tally{}
	for _, h := range hops {
		got[h.System+" "+h.Step] = tally{h.Passed, h.Waiting, h.Stuck}
		if h.System == "erp" && (h.P50 < 40*time.Second || h.P50 > 160*time.Second || h.P99 < h.P50 || h.Limit != 5*time.Minute) {
			t.Errorf("erp posted takes %v, 1 in 100 longer than %v, of %v", h.P50, h.P99, h.Limit)
		}
	}
	if d := gocmp.Diff(want, got, gocmp.AllowUnexported(tally{})); d != "" {
		t.Errorf("hops (-want +got)\n%s", d)
	}

	events, last := map[string]int{}, map[string]time.Time{}
	for _, r := range m.RecordList {
		if !r.ReceivedAt.Before(since) && r.ReceivedAt.Before(webtest.Now) {
			events[r.Event.System]++
		}
		if r.ReceivedAt.After(last[r.Event.System]) {
			last[r.Event.System] = r.ReceivedAt
		}
	}
	sources, err := pages.Sources(ctx, since, webtest.Now)
	must(t, err)
	if !slices.IsSortedFunc(sources, func(a, b web.Source) int { return cmp.Compare(a.System, b.System) }) || len(sources) != 4 {
		t.Errorf("sources: %+v", sources)
	}
	for _, src := range sources {
		if src.Events != events[src.System] || !src.LastAt.Equal(last[src.System]) || src.Lag != 340*time.Millisecond {
			t.Errorf("%s: %d events, last %v, lag %v; want %d, %v, 340ms", src.System, src.Events, src.LastAt, src.Lag, events[src.System], last[src.System])
		}
	}
}

// TestSourceDetails: the tables say of every source's events what the plain
// memory counts from the records.
func TestSourceDetails(t *testing.T) {
	s := storetest.Open(t)
	m := webtest.Sample()
	// One came late, one from a clock that is ahead, one says it is a duplicate,
	// and one carries no key.
	strange := func(i int, change func(*inventory.Record)) {
		r := &m.RecordList[i]
		r.ReceivedAt = webtest.Now.Add(-time.Duration(i+1) * time.Minute)
		r.Event.Time = r.ReceivedAt
		change(r)
	}
	strange(0, func(r *inventory.Record) { r.Event.Time = r.ReceivedAt.Add(-6 * time.Minute) })
	strange(1, func(r *inventory.Record) { r.Event.Time = r.ReceivedAt.Add(7 * time.Second) })
	strange(2, func(r *inventory.Record) { r.Event.Outcome = inventory.Suppressed })
	strange(3, func(r *inventory.Record) { r.Event.Keys, r.Event.CorrelationID, r.Event.TraceID = nil, "", "" })
	again := m.Quarantined[0]
	again.ID, again.ReceivedAt = "q-0", again.ReceivedAt.Add(-time.Minute)
	other := again
	other.ID, other.Reason = "q-2", "unreadable"
	m.Quarantined = append(m.Quarantined, again, other)
	writeSample(t, s, m)
	ctx := t.Context()
	for _, since := range []time.Duration{time.Hour, 24 * time.Hour} {
		want, err := m.SourceDetails(ctx, webtest.Now.Add(-since), webtest.Now)
		must(t, err)
		got, err := s.Pages().SourceDetails(ctx, webtest.Now.Add(-since), webtest.Now)
		must(t, err)
		for i := range want {
			n := want[i].Events
			want[i].Source = web.Source{System: want[i].System, Events: n}
		}
		late, ahead, suppressed := 0, 0, 0
		for i := range got {
			n := got[i].Events
			got[i].Source = web.Source{System: got[i].System, Events: n}
			late, ahead, suppressed = late+got[i].Late, ahead+got[i].Ahead, suppressed+got[i].Suppressed
		}
		if d := gocmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("over %v (-memory +tables)\n%s", since, d)
		}
		if late < 1 || ahead < 1 || suppressed < 1 {
			t.Errorf("over %v: %d late, %d ahead, %d suppressed; each was sent", since, late, ahead, suppressed)
		}
	}
	want, err := m.QuarantineCounts(ctx, 10)
	must(t, err)
	got, err := s.Pages().QuarantineCounts(ctx, 10)
	must(t, err)
	if d := gocmp.Diff(want, got); d != "" || len(got) != 2 || got[0].Count != 2 {
		t.Errorf("quarantine (-memory +tables)\n%s", d)
	}
}
