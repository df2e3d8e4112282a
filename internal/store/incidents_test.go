package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/stocktrace/stocktrace/alerts"
	"github.com/stocktrace/stocktrace/alerts/alertstest"
	"github.com/stocktrace/stocktrace/internal/store/storetest"
	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/lifecycle"
	"github.com/stocktrace/stocktrace/slo"
	"github.com/stocktrace/stocktrace/slo/objectives"
)

func TestIncidentsComeBackAsTheyWere(t *testing.T) {
	s := storetest.Open(t)
	written := drawn(t, func(rt *rapid.T, n int) alerts.Incident {
		var i alerts.Incident
		fill(rt, &i)
		i.ID = fmt.Sprintf("i-%04d", n)
		i.State = alerts.Firing
		i.OpenedAt = midday.Add(time.Duration(n) * time.Second)
		if i.Deliveries == nil {
			i.Deliveries = map[string]alerts.Delivery{}
		}
		if b := i.Burn; b != nil {
			b.Window, b.Long, b.Short = b.Window*time.Second, b.Long*time.Second, b.Short*time.Second
		}
		return i
	})
	errs := make(chan error)
	for _, i := range written {
		go func() { errs <- s.WriteIncident(t.Context(), i, lifecycle.Version{Epoch: 1, Revision: 1}) }()
	}
	var err error
	for range written {
		err = errors.Join(err, <-errs)
	}
	must(t, err)
	read, err := s.Incidents(t.Context(), midday)
	must(t, err)
	if diff := gocmp.Diff(written, read, exact); diff != "" {
		t.Errorf("(-written +read)\n%s", diff)
	}
}

func TestIncidentsOfAFormerLeaderAreFenced(t *testing.T) {
	s := storetest.Open(t)
	write := func(peak int, epoch, revision uint64, state alerts.State) {
		t.Helper()
		i := alerts.Incident{ID: "i-1", State: state, OpenedAt: midday, Peak: peak}
		if state == alerts.Resolved {
			i.ClosedAt = midday.Add(time.Hour)
		}
		must(t, s.WriteIncident(t.Context(), i, lifecycle.Version{Epoch: epoch, Revision: revision}))
	}
	peak := func(since time.Time) int {
		t.Helper()
		all, err := s.Incidents(t.Context(), since)
		must(t, err)
		if len(all) == 0 {
			return -1
		}
		if len(all) > 1 {
			t.Fatalf("%d rows for one incident", len(all))
		}
		return all[0].Peak
	}
	write(1, 1, 900, alerts.Firing)
	write(2, 2, 1, alerts.Firing)
	write(3, 1, 901, alerts.Firing) // paused, and back too late
	if got := peak(midday); got != 2 {
		t.Errorf("the incident is that of write %d, want 2", got)
	}
	write(4, 2, 2, alerts.Resolved)
	write(2, 2, 1, alerts.Firing) // repeated
	if got := peak(midday.Add(time.Hour)); got != 4 {
		t.Errorf("the incident is that of write %d, want 4", got)
	}
	if got := peak(midday.Add(2 * time.Hour)); got != -1 {
		t.Errorf("an incident over an hour before is listed")
	}
}

func TestClustersCountCauses(t *testing.T) {
	s := storetest.Open(t)
	dec := func(text string) inventory.Decimal {
		t.Helper()
		d, err := inventory.ParseDecimal(text)
		must(t, err)
		return d
	}
	var all []inventory.Finding
	for i := range 4000 {
		f := finding(fmt.Sprintf("f-%04d", i), fmt.Sprintf("c-%04d", i), inventory.MissingStep)
		f.OpenedAt = midday.Add(-2*time.Hour + time.Duration(i)*time.Second)
		f.Location = fmt.Sprintf("%04d", i%600)
		f.Region = []string{"north", "south", "east"}[i%3]
		f.Units = []inventory.Quantity{{UOM: "EA", Quantity: dec("2")}, {UOM: "KGM", Quantity: dec("0.125")}}
		f.Values = []inventory.Amount{{Currency: "EUR", Basis: "retail_gross", Amount: dec("0.1")}}
		if i%2 == 1 {
			f.Values[0].Basis = "cost"
		}
		f.Sentence = fmt.Sprintf("Sale %d", i)
		all = append(all, f)
	}
	// The same sale twice in one cause is one; a closed, an informational and a
	// disowned one are none.
	again := all[0]
	again.ID, again.Units, again.Values = "f-again", nil, nil
	closed, info := finding("f-closed", "c-x", inventory.MissingStep), finding("f-info", "c-y", inventory.MissingStep)
	closed.State, closed.ClosedAt = inventory.FindingClosed, midday
	info.Severity = inventory.Info
	all = append(all, again, closed, info)
	for i := range 7 {
		f := finding(fmt.Sprintf("m-%d", i), fmt.Sprintf("c-%04d", i), inventory.MappingUnknown)
		f.Cause, f.ErrorCode, f.Severity = inventory.CauseMappingDefect, "item_unmapped", inventory.Warning
		f.Group, f.GroupKey.Detail = fmt.Sprintf("g-item-%d", i/3), fmt.Sprintf("item_unmapped m-41 it's\t%d", i/3)
		f.Assignee = "integration"
		if i < 3 {
			f.AcknowledgedBy = []string{"mia", "tom", "mia"}[i]
		}
		all = append(all, f)
	}
	for _, location := range []string{"0001", "0002"} {
		f := finding("silent-"+location, "", inventory.SourceSilent)
		f.Cause, f.System, f.Step, f.Location, f.Title = inventory.CauseSourceOutage, "pos", "", location, "POS silent"
		f.Group, f.GroupKey.Detail = "g-"+location, location
		all = append(all, f)
	}
	writeFindings(t, s, 1, all...)
	writeLifecycles(t, s, 1, inventory.Lifecycle{
		ID: "c-0000", Workflow: "sale", Keys: []inventory.Key{
			{Name: "receipt", Value: "1/4/778"}, {Name: "receipt", Value: "0001-04-000778"}, {Name: "trace_id", Value: "4bf92f3577b34da6a3ce929d0e0e4736"},
		},
	})

	clusters, err := s.Clusters(t.Context(), midday.Add(-time.Hour-time.Second))
	must(t, err)
	missing := alerts.Key{Kind: inventory.MissingStep, Cause: inventory.CauseDownstreamDelay, System: "erp", Step: "erp posted"}
	mapping := alerts.Key{Kind: inventory.MappingUnknown, Cause: inventory.CauseMappingDefect, System: "erp", Step: "erp posted", ErrorCode: "item_unmapped"}
	silent := alerts.Key{Kind: inventory.SourceSilent, Cause: inventory.CauseSourceOutage, System: "pos"}
	common := func(c alerts.Cluster) alerts.Cluster {
		c.Sentence, c.Action, c.Owner, c.Runbook = "Sold 11:50; not in ERP.", "Look.", "erp-operations", "https://runbooks.example/erp"
		return c
	}
	minuteAgo := midday.Add(-time.Minute)
	want := []alerts.Cluster{
		common(alerts.Cluster{
			Key: mapping, Severity: inventory.Warning, Title: "Not in ERP", Open: 7, Recent: 7,
			FirstOpened: minuteAgo, LastOpened: minuteAgo, Locations: 1, LocationsTop: []string{"0123"}, Regions: []string{"north"},
			Acknowledged: 3, AcknowledgedBy: []string{"mia", "tom"}, Assignees: []string{"integration"},
			Groups: 3, GroupsTop: []alerts.Group{
				{ID: "g-item-0", What: "item_unmapped m-41 it's\t0", Open: 3},
				{ID: "g-item-1", What: "item_unmapped m-41 it's\t1", Open: 3},
				{ID: "g-item-2", What: "item_unmapped m-41 it's\t2", Open: 1},
			},
		}),
		common(alerts.Cluster{
			Key: missing, Severity: inventory.Critical, Title: "Not in ERP", Open: 4000, Recent: 400,
			FirstOpened: midday.Add(-2 * time.Hour), LastOpened: midday.Add(-2*time.Hour + 3999*time.Second),
			Locations: 600, LocationsTop: []string{"0000", "0001", "0002"}, Regions: []string{"east", "north", "south"},
			Units: []inventory.Quantity{{UOM: "EA", Quantity: dec("8000")}, {UOM: "KGM", Quantity: dec("500")}},
			Values: []inventory.Amount{
				{Currency: "EUR", Basis: "cost", Amount: dec("200")}, {Currency: "EUR", Basis: "retail_gross", Amount: dec("200")},
			},
			RecentValues: []inventory.Amount{
				{Currency: "EUR", Basis: "cost", Amount: dec("20")}, {Currency: "EUR", Basis: "retail_gross", Amount: dec("20")},
			},
			Groups: 1, GroupsTop: []alerts.Group{{ID: "g-missing_step", Open: 4001}},
		}),
		common(alerts.Cluster{
			Key: silent, Severity: inventory.Critical, Title: "POS silent", Open: 2, Recent: 2,
			FirstOpened: minuteAgo, LastOpened: minuteAgo, Locations: 2, LocationsTop: []string{"0001", "0002"}, Regions: []string{"north"},
			Groups: 2, GroupsTop: []alerts.Group{{ID: "g-0001", What: "0001", Open: 1}, {ID: "g-0002", What: "0002", Open: 1}},
		}),
	}
	// Sale 0 is the oldest of the missing ones and tells for them.
	want[1].Sentence = "Sale 0"
	if diff := gocmp.Diff(want, clusters, exact); diff != "" {
		t.Errorf("clusters (-want +got)\n%s", diff)
	}

	examples, err := s.Examples(t.Context(), []alerts.Key{missing, silent}, 3)
	must(t, err)
	wantExamples := map[alerts.Key][]alerts.Example{
		missing: {
			{LifecycleID: "c-0000", Receipt: "0001-04-000778", Workflow: "sale", Location: "0000", Sentence: "Sale 0"},
			{LifecycleID: "c-0001", Location: "0001", Sentence: "Sale 1"},
			{LifecycleID: "c-0002", Location: "0002", Sentence: "Sale 2"},
		},
		silent: {
			{Location: "0001", Sentence: "Sold 11:50; not in ERP."}, {Location: "0002", Sentence: "Sold 11:50; not in ERP."},
		},
	}
	if diff := gocmp.Diff(wantExamples, examples, exact); diff != "" {
		t.Errorf("examples (-want +got)\n%s", diff)
	}
}

// fresh evaluates whenever it is asked: the tests' clocks know nothing of what
// an evaluation costs.
type fresh struct{ o slo.Options }

func (f fresh) Latest(ctx context.Context) ([]slo.Result, error) {
	e, err := slo.NewEvaluator(f.o)
	if err != nil {
		return nil, err
	}
	return e.Latest(ctx)
}

// wall is a receiver that remembers what was last put on it, and cannot be
// searched: a clean stop has to remember what was sent.
type wall struct {
	mu       sync.Mutex
	messages []alerts.Message
}

func (w *wall) Name() string { return "wall" }

func (w *wall) Find(context.Context, string, time.Time) (alerts.Ref, bool, error) {
	return alerts.Ref{}, false, nil
}

func (w *wall) Post(_ context.Context, m alerts.Message) (alerts.Ref, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.messages = append(w.messages, m)
	return alerts.Ref{ID: m.IncidentID}, nil
}

func (w *wall) Update(_ context.Context, ref alerts.Ref, m alerts.Message) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.messages {
		if w.messages[i].IncidentID == ref.ID {
			w.messages[i] = m
		}
	}
	return nil
}

func (w *wall) all() []alerts.Message {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.messages)
}

// From rows to words: an ERP that stops for a quarter of an hour is one message,
// which names the promise that burns, survives a restart, and ends.
func TestFourThousandStalledSalesAreOneMessage(t *testing.T) {
	s := storetest.Open(t)
	workflows, err := lifecycle.BuiltinWorkflows()
	must(t, err)
	shipped, err := objectives.Shipped()
	must(t, err)

	clock := alertstest.NewClock(midday)
	var sales []inventory.Lifecycle
	var findings []inventory.Finding
	two := []inventory.Quantity{{UOM: "EA", Quantity: inventory.DecimalOf(2)}}
	for i := range 14_000 {
		l := inventory.Lifecycle{
			ID: fmt.Sprintf("c-%05d", i), Workflow: "sale", Posting: inventory.PostingRealtime, Verdict: inventory.Complete,
			Location: fmt.Sprintf("%04d", i%600), Region: []string{"north", "south"}[i%2],
			Keys:      []inventory.Key{{Name: "receipt", Value: fmt.Sprintf("%04d-04-%06d", i%600, i)}},
			StartedAt: midday.Add(-20 * time.Minute).Add(-time.Duration(i) * time.Second),
		}
		if i < 4000 {
			l.Verdict, l.StartedAt = inventory.Overdue, midday.Add(-20*time.Minute).Add(time.Duration(i)*200*time.Millisecond)
			f := finding(fmt.Sprintf("f-%05d", i), l.ID, inventory.MissingStep)
			f.Location, f.Region, f.Units, f.OpenedAt = l.Location, l.Region, two, l.StartedAt.Add(5*time.Minute)
			findings = append(findings, f)
		} else {
			l.PostedAt = l.StartedAt.Add(time.Minute)
		}
		l.PostingDue = l.StartedAt.Add(5 * time.Minute)
		sales = append(sales, l)
	}
	writeLifecycles(t, s, 1, sales...)
	writeFindings(t, s, 1, findings...)

	told := &wall{}
	var stop func()
	run := func(epoch uint64) {
		t.Helper()
		m, err := alerts.NewManager(alerts.Options{
			Source: s, Store: s, Receivers: []alerts.Receiver{told}, Rules: alerts.DefaultRules(), PublicURL: "https://tower.example",
			Objectives: fresh{slo.Options{Source: s, Objectives: shipped, Workflows: workflows, Clock: clock, Wall: clock}},
			Clock:      clock, Wall: clock,
		})
		must(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- m.Run(ctx, epoch) }()
		stop = func() {
			cancel()
			must(t, <-done)
		}
	}
	advance := func() { clock.Advance(5 * time.Second) }

	run(1)
	alertstest.Eventually(t, "a message", advance, func() bool { return len(told.all()) > 0 })
	stop()
	m := told.all()[0]
	if len(told.all()) != 1 || m.Title != "Not in ERP: 4,000 sales" || m.State != alerts.Firing || !strings.Contains(m.Burn, "× as fast as allowed") {
		t.Fatalf("told: %+v", told.all())
	}
	for _, want := range []alerts.Fact{
		{Name: "Cause", Value: "downstream delay"},
		{Name: "Stores", Value: "600, most in 0000, 0001, 0002"},
		{Name: "Regions", Value: "north, south"},
		{Name: "Units at risk", Value: "8,000 EA"},
		{Name: "Owner", Value: "erp-operations"},
	} {
		if !slices.Contains(m.Facts, want) {
			t.Errorf("the message does not say %v: %v", want, m.Facts)
		}
	}
	if want := (alerts.ExampleLink{Text: "0000-04-000000", URL: "https://tower.example/trace/c-00000", Note: "Sold 11:50; not in ERP."}); len(m.Examples) != 3 || m.Examples[0] != want {
		t.Errorf("examples: %+v", m.Examples)
	}

	// The ERP posts what it owed; late is not missing.
	for i := range findings {
		findings[i].State, findings[i].Resolution, findings[i].ClosedAt = inventory.FindingClosed, inventory.Recovered, midday
		sales[i].Verdict, sales[i].PostedAt = inventory.CompleteLate, midday
	}
	writeLifecycles(t, s, 2, sales[:4000]...)
	writeFindings(t, s, 2, findings...)
	clock.Advance(30 * time.Minute) // past the short window of what pages
	run(2)
	defer func() { stop() }()
	alertstest.Eventually(t, "its end", advance, func() bool { return told.all()[0].State == alerts.Resolved })
	if n := len(told.all()); n != 1 {
		t.Errorf("%d messages, want one", n)
	}
}
