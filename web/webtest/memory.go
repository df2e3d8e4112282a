// Package webtest is a memory for pages to be tried and tested against: sample
// data as rich as a bad morning, and a [web.Reader] over slices that says what
// each method means in the plainest code. The reader over ClickHouse is held
// against it.
package webtest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/web"
)

// Memory is a [web.Reader] over slices. Fields may be changed between calls
// while Lock is held.
type Memory struct {
	sync.Mutex
	LifecycleList []inventory.Lifecycle // findings of lifecycles are inside
	FeedFindings  []inventory.Finding   // findings about feeds
	RecordList    []inventory.Record
	HopList       []web.Hop // answered as they are
	SourceList    []web.Source
	Quarantined   []inventory.Quarantined
	LandedList    map[string]web.Unread // by id: which of these have landed, when and by what
	RereadList    []web.Reread
	QueueList     []web.Queue
	HabitList     []web.Habit
	ReportList    []web.Report
	ReplayList    []web.Replay
	ActionList    []web.Action
	// Err, where set, is what every method fails with.
	Err error
}

var _ web.Reader = (*Memory)(nil)

func (m *Memory) open() (func(), error) {
	m.Lock()
	if m.Err != nil {
		m.Unlock()
		return nil, m.Err
	}
	return m.Unlock, nil
}

// Search implements [web.Reader].
func (m *Memory) Search(_ context.Context, text string, limit int) ([]web.Match, error) {
	done, err := m.open()
	if err != nil {
		return nil, err
	}
	defer done()
	var found []web.Match
	wanted := inventory.SearchQuery(text)
	for i := range m.LifecycleList {
		l := &m.LifecycleList[i]
		if names := matches(l, text, wanted); len(names) > 0 {
			match := web.Match{Lifecycle: *l, Names: names}
			match.Lifecycle.Steps, match.Lifecycle.Lines, match.Lifecycle.Findings = nil, nil, nil
			found = append(found, match)
		}
	}
	slices.SortFunc(found, func(a, b web.Match) int { return newestFirst(&a.Lifecycle, &b.Lifecycle) })
	return found[:min(limit, len(found))], nil
}

// matches returns the names of the keys of l that text may mean.
func matches(l *inventory.Lifecycle, text string, wanted []string) []string {
	names := map[string]bool{}
	for _, k := range l.Keys {
		for _, s := range inventory.SearchKeys(k.Name, k.Value, l.Location, l.Register) {
			if slices.Contains(wanted, s) {
				names[k.Name] = true
			}
		}
	}
	for _, k := range l.Identifiers {
		if k.String() == text {
			names[k.Name] = true
		}
	}
	if l.ID == text {
		names[l.Canonical.Name] = true
	}
	return slices.Sorted(maps.Keys(names))
}

func newestFirst(a, b *inventory.Lifecycle) int {
	return cmp.Or(b.StartedAt.Compare(a.StartedAt), cmp.Compare(b.ID, a.ID))
}

// Lifecycle implements [web.Reader].
func (m *Memory) Lifecycle(_ context.Context, id string) (inventory.Lifecycle, error) {
	done, err := m.open()
	if err != nil {
		return inventory.Lifecycle{}, err
	}
	defer done()
	for i := range m.LifecycleList {
		if m.LifecycleList[i].ID == id {
			return m.LifecycleList[i], nil
		}
	}
	return inventory.Lifecycle{}, fmt.Errorf("lifecycle %q: %w", id, web.ErrNotFound)
}

// Keys implements [web.Reader].
func (m *Memory) Keys(_ context.Context, ids []string) (map[string][]inventory.Key, error) {
	done, err := m.open()
	if err != nil {
		return nil, err
	}
	defer done()
	keys := map[string][]inventory.Key{}
	for _, l := range m.LifecycleList {
		if slices.Contains(ids, l.ID) {
			keys[l.ID] = l.Keys
		}
	}
	return keys, nil
}

// Records implements [web.Reader].
func (m *Memory) Records(_ context.Context, l *inventory.Lifecycle) ([]inventory.Record, error) {
	done, err := m.open()
	if err != nil {
		return nil, err
	}
	defer done()
	var list []inventory.Record
	for _, id := range l.RecordIDs {
		for _, r := range m.RecordList {
			if r.ID == id {
				r.Raw = nil
				list = append(list, r)
			}
		}
	}
	return list, nil
}

// Raw implements [web.Reader].
func (m *Memory) Raw(_ context.Context, recordID string) ([]inventory.Record, error) {
	done, err := m.open()
	if err != nil {
		return nil, err
	}
	defer done()
	var list []inventory.Record
	for _, r := range m.RecordList {
		if r.ID == recordID {
			list = append(list, r)
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("record %q: %w", recordID, web.ErrNotFound)
	}
	return list, nil
}

// Lifecycles implements [web.Reader].
func (m *Memory) Lifecycles(_ context.Context, q web.LifecycleQuery) ([]inventory.Lifecycle, error) {
	done, err := m.open()
	if err != nil {
		return nil, err
	}
	defer done()
	var list []inventory.Lifecycle
	for i := range m.LifecycleList {
		if l := &m.LifecycleList[i]; selects(q, l) && after(q.Page.After, l.StartedAt, l.ID) {
			list = append(list, *l)
		}
	}
	slices.SortFunc(list, func(a, b inventory.Lifecycle) int { return newestFirst(&a, &b) })
	return list[:min(q.Page.Limit, len(list))], nil
}

// LifecyclesByID implements [web.Reader].
func (m *Memory) LifecyclesByID(_ context.Context, q web.LifecycleQuery, after string) ([]inventory.Lifecycle, error) {
	done, err := m.open()
	if err != nil {
		return nil, err
	}
	defer done()
	var list []inventory.Lifecycle
	for i := range m.LifecycleList {
		if l := &m.LifecycleList[i]; selects(q, l) && l.ID > after {
			list = append(list, *l)
		}
	}
	slices.SortFunc(list, func(a, b inventory.Lifecycle) int { return strings.Compare(a.ID, b.ID) })
	return list[:min(q.Page.Limit, len(list))], nil
}

// after reports whether a row comes after the cursor, newest first.
func after(c web.Cursor, at time.Time, id string) bool {
	if c.IsZero() {
		return true
	}
	at = at.Truncate(time.Microsecond)
	return at.Before(c.At) || at.Equal(c.At) && id < c.ID
}

func selects(q web.LifecycleQuery, l *inventory.Lifecycle) bool {
	is := func(want, have string) bool { return want == "" || want == have }
	time := l.StartedAt
	if q.ByReceived {
		time = l.UpdatedAt
	}
	switch {
	case q.Key != "" && len(matches(l, q.Key, inventory.SearchQuery(q.Key))) == 0,
		!is(q.Workflow, l.Workflow), !is(string(q.State), string(l.State)),
		len(q.Verdicts) > 0 && !slices.Contains(q.Verdicts, l.Verdict),
		q.Location != "" && inventory.Unpad(q.Location) != inventory.Unpad(l.Location),
		q.Register != "" && inventory.Unpad(q.Register) != inventory.Unpad(l.Register),
		!is(q.Region, l.Region), !is(q.Owner, l.Owner),
		q.BusinessDate == web.NoDate && l.BusinessDate != "",
		q.BusinessDate != web.NoDate && !is(q.BusinessDate, l.BusinessDate),
		q.Item != "" && !slices.Contains(l.Items, q.Item),
		!q.From.IsZero() && time.Before(q.From), !q.To.IsZero() && !time.Before(q.To):
		return false
	}
	return len(q.Findings) == 0 || slices.ContainsFunc(l.Findings, func(f inventory.Finding) bool {
		return f.State == inventory.FindingOpen && slices.Contains(q.Findings, f.Kind)
	})
}

// selected returns the findings a query selects, without its page.
func (m *Memory) selected(q web.FindingQuery) []inventory.Finding {
	var list []inventory.Finding
	for _, l := range m.LifecycleList {
		list = append(list, l.Findings...)
	}
	list = append(list, m.FeedFindings...)
	is := func(want, have string) bool { return want == "" || want == have }
	return slices.DeleteFunc(list, func(f inventory.Finding) bool {
		switch q.State {
		case web.OpenFindings, web.ClosedFindings:
			if string(f.State) != string(q.State) || f.Resolution == inventory.Disproved {
				return true
			}
		case web.ListedFindings:
			if f.Resolution == inventory.Disproved {
				return true
			}
		}
		return len(q.Kinds) > 0 && !slices.Contains(q.Kinds, f.Kind) ||
			!is(q.Cause, string(f.Cause)) || !is(q.Severity, string(f.Severity)) || !is(q.Owner, f.Owner) ||
			!is(q.System, f.System) || !is(q.Step, f.Step) && q.Step != strings.TrimPrefix(f.Step, f.System+" ") ||
			q.Location != "" && inventory.Unpad(q.Location) != inventory.Unpad(f.Location) ||
			!is(q.Region, f.Region) || !is(q.MappingVersion, f.MappingVersion) || !is(q.Group, f.Group) ||
			!is(q.LifecycleID, f.LifecycleID) || !is(q.Assignee, f.Assignee) || len(q.IDs) > 0 && !slices.Contains(q.IDs, f.ID)
	})
}

// Findings implements [web.Reader].
func (m *Memory) Findings(_ context.Context, q web.FindingQuery) ([]web.Finding, error) {
	done, err := m.open()
	if err != nil {
		return nil, err
	}
	defer done()
	members := m.selected(q)
	var list []web.Finding
	for _, f := range members {
		found := web.Finding{Finding: f, Count: 1}
		for i := range m.LifecycleList {
			if l := &m.LifecycleList[i]; f.LifecycleID == l.ID {
				found.Component = l.Component
			}
		}
		list = append(list, found)
	}
	if q.Groups {
		for _, g := range groups(members) {
			if g.Count < 2 {
				continue
			}
			list = append(list, g.Finding())
		}
	}
	list = slices.DeleteFunc(list, func(f web.Finding) bool { return !after(q.Page.After, f.OpenedAt, f.ID) })
	slices.SortFunc(list, func(a, b web.Finding) int {
		return cmp.Or(b.OpenedAt.Compare(a.OpenedAt), cmp.Compare(b.ID, a.ID))
	})
	return list[:min(q.Page.Limit, len(list))], nil
}

// Groups implements [web.Reader].
func (m *Memory) Groups(_ context.Context, q web.FindingQuery) ([]web.Group, error) {
	done, err := m.open()
	if err != nil {
		return nil, err
	}
	defer done()
	list := groups(m.selected(q))
	return list[:min(q.Page.Limit, len(list))], nil
}

var severityRank = map[inventory.Severity]int{inventory.Critical: 0, inventory.Warning: 1, inventory.Info: 2}

// groups sums findings by cause. Worst first: what is only information comes
// last, then the cause with more open members leads, then the more severe. What
// a group says is what its first opened member says.
func groups(findings []inventory.Finding) []web.Group {
	findings = slices.Clone(findings)
	slices.SortFunc(findings, func(a, b inventory.Finding) int {
		return cmp.Or(a.OpenedAt.Compare(b.OpenedAt), cmp.Compare(a.ID, b.ID))
	})
	byID := map[string]*web.Group{}
	locations := map[string]map[string]bool{}
	for _, f := range findings {
		id := cmp.Or(f.Group, f.ID)
		g := byID[id]
		if g == nil {
			g = &web.Group{
				ID: id, Kind: f.Kind, Cause: f.Cause, Severity: f.Severity, Title: f.Title, Sentence: f.Sentence, Action: f.Action,
				System: f.System, Step: f.Step, ErrorCode: f.ErrorCode, Field: f.Field, Value: f.Value, MappingVersion: f.MappingVersion,
				Owner: f.Owner, Runbook: f.Runbook, FirstOccurredAt: f.FirstOccurredAt, FirstOpenedAt: f.OpenedAt, LifecycleID: f.LifecycleID,
			}
			byID[id], locations[id] = g, map[string]bool{}
		}
		g.Count++
		if g.Count > 1 {
			g.LifecycleID = ""
		}
		g.LastOpenedAt = f.OpenedAt
		if f.FirstOccurredAt.Before(g.FirstOccurredAt) {
			g.FirstOccurredAt = f.FirstOccurredAt
		}
		if f.State == inventory.FindingOpen {
			g.Open++
			if f.AcknowledgedBy != "" {
				g.Acknowledged++
			}
		} else if f.ClosedAt.After(g.LastClosedAt) {
			g.LastClosedAt = f.ClosedAt
		}
		if f.Location != "" {
			locations[id][f.Location] = true
		}
		if f.Region != "" && !slices.Contains(g.Regions, f.Region) {
			g.Regions = append(g.Regions, f.Region)
		}
		g.Units = addUnits(g.Units, f.Units)
		g.Values = addValues(g.Values, f.Values)
	}
	list := make([]web.Group, 0, len(byID))
	for id, g := range byID {
		g.Locations = len(locations[id])
		if g.Locations == 1 {
			for l := range locations[id] {
				g.Location = l
			}
		}
		if g.Open > 0 {
			g.LastClosedAt = time.Time{}
		}
		slices.Sort(g.Regions)
		list = append(list, *g)
	}
	slices.SortFunc(list, func(a, b web.Group) int {
		return cmp.Or(
			cmp.Compare(severityRank[a.Severity]/2, severityRank[b.Severity]/2),
			cmp.Compare(b.Open, a.Open), cmp.Compare(severityRank[a.Severity], severityRank[b.Severity]),
			cmp.Compare(b.Count, a.Count), cmp.Compare(a.ID, b.ID))
	})
	return list
}

func addUnits(sum, more []inventory.Quantity) []inventory.Quantity {
	for _, u := range more {
		i := slices.IndexFunc(sum, func(s inventory.Quantity) bool { return s.UOM == u.UOM })
		if i < 0 {
			sum = append(sum, u)
		} else {
			sum[i].Quantity = sum[i].Quantity.Add(u.Quantity)
		}
	}
	slices.SortFunc(sum, func(a, b inventory.Quantity) int { return cmp.Compare(a.UOM, b.UOM) })
	return sum
}

func addValues(sum, more []inventory.Amount) []inventory.Amount {
	for _, v := range more {
		i := slices.IndexFunc(sum, func(s inventory.Amount) bool { return s.Currency == v.Currency && s.Basis == v.Basis })
		if i < 0 {
			sum = append(sum, v)
		} else {
			sum[i].Amount = sum[i].Amount.Add(v.Amount)
		}
	}
	slices.SortFunc(sum, func(a, b inventory.Amount) int {
		return cmp.Or(cmp.Compare(a.Currency, b.Currency), cmp.Compare(a.Basis, b.Basis))
	})
	return sum
}

// Actions implements [web.Reader].
func (m *Memory) Actions(_ context.Context, q web.ActionQuery) ([]web.Action, error) {
	done, err := m.open()
	if err != nil {
		return nil, err
	}
	defer done()
	is := func(want, have string) bool { return want == "" || want == have }
	var list []web.Action
	for _, a := range m.ActionList {
		if len(q.About) > 0 && !slices.Contains(q.About, a.About) && !slices.Contains(q.About, a.With) ||
			len(q.Verbs) > 0 && !slices.Contains(q.Verbs, a.Verb) || !is(q.ID, a.ID) || !is(q.Finding, a.Finding) ||
			!is(q.By, a.By) || !is(q.Batch, a.Batch) || !after(q.Page.After, a.At, a.ID) {
			continue
		}
		a.Undone = slices.ContainsFunc(m.ActionList, func(u web.Action) bool { return u.Undoes == a.ID })
		list = append(list, a)
	}
	slices.SortFunc(list, func(a, b web.Action) int { return cmp.Or(b.At.Compare(a.At), cmp.Compare(b.ID, a.ID)) })
	return list[:min(q.Page.Limit, len(list))], nil
}

// Record does at once what people do: it stands for log and engine. Merges and
// splits are only put on the trail.
func (m *Memory) Record(_ context.Context, records []inventory.Record) error {
	done, err := m.open()
	if err != nil {
		return err
	}
	defer done()
	for _, r := range records {
		a := r.Event.Action
		if slices.ContainsFunc(m.ActionList, func(b web.Action) bool { return a.ID == b.ID }) {
			continue
		}
		m.ActionList = append(m.ActionList, web.Action{Action: *a, At: r.ReceivedAt})
		for i := range m.LifecycleList {
			l := &m.LifecycleList[i]
			for j := range l.Findings {
				if f := &l.Findings[j]; f.ID == a.Finding {
					heed(f, &r)
				}
			}
		}
	}
	return nil
}

func heed(f *inventory.Finding, r *inventory.Record) {
	a := r.Event.Action
	f.Ticket = cmp.Or(a.Ticket, f.Ticket)
	switch a.Verb {
	case inventory.Acknowledge:
		f.AcknowledgedBy, f.AcknowledgedAt = a.By, r.ReceivedAt
	case inventory.Assign:
		f.Assignee = a.Assignee
	case inventory.Resolve:
		f.State, f.ClosedAt, f.ClosedBy = inventory.FindingClosed, r.ReceivedAt, r.ID
		f.Resolution, f.ResolutionNote = a.Resolution, a.Note
	case inventory.Reopen:
		f.State, f.ClosedAt, f.ClosedBy, f.Resolution, f.ResolutionNote = inventory.FindingOpen, time.Time{}, "", "", ""
		f.AcknowledgedBy, f.AcknowledgedAt = "", time.Time{}
	default: // about lifecycles
	}
}

// StoreDays implements [web.Reader].
func (m *Memory) StoreDays(_ context.Context, q web.StoreDayQuery) ([]web.StoreDay, error) {
	done, err := m.open()
	if err != nil {
		return nil, err
	}
	defer done()
	whole := map[[2]string]*inventory.Lifecycle{} // days posted as a whole
	for i := range m.LifecycleList {
		if l := &m.LifecycleList[i]; l.Workflow == inventory.KeyPostingDay {
			whole[[2]string{l.BusinessDate, inventory.Unpad(l.Location)}] = l
		}
	}
	days := map[[2]string]*web.StoreDay{}
	for i := range m.LifecycleList {
		l := &m.LifecycleList[i]
		if l.Workflow != "sale" || l.Verdict == inventory.Unclassified ||
			q.Location != "" && inventory.Unpad(q.Location) != inventory.Unpad(l.Location) ||
			q.Region != "" && q.Region != l.Region ||
			q.From != "" && l.BusinessDate < q.From || q.To != "" && l.BusinessDate > q.To {
			continue
		}
		d := days[[2]string{l.BusinessDate, l.Location}]
		if d == nil {
			d = &web.StoreDay{Location: l.Location, Region: l.Region, BusinessDate: l.BusinessDate}
			days[[2]string{l.BusinessDate, l.Location}] = d
		}
		d.Sold++
		stands := l.Verdict
		day := whole[[2]string{l.BusinessDate, inventory.Unpad(l.Location)}]
		if day != nil {
			d.Day, d.DayVerdict, d.DaySentence = day.ID, day.Verdict, day.Sentence
		}
		if l.Posting == inventory.PostingStoreDay && l.PostedAt.IsZero() && (stands == inventory.Complete || stands == inventory.CompleteLate) {
			switch {
			case day == nil || day.Verdict == inventory.Open:
				stands = inventory.Open
			case day.Verdict == inventory.Overdue:
				stands = inventory.Overdue
			case day.Verdict != inventory.Complete:
				stands = inventory.Unconfirmed
			}
		}
		switch stands {
		case inventory.Complete:
			d.Posted++
		case inventory.CompleteLate:
			d.Posted++
			d.Late++
		case inventory.Open:
			d.Open++
		case inventory.Unconfirmed:
			d.Unknown++
		case inventory.Withdrawn, inventory.NotExpected:
			d.NotOwed++
		default:
			d.Wrong++
		}
		d.Units = addUnits(d.Units, l.Units)
		if l.StartedAt.After(d.LastSaleAt) {
			d.LastSaleAt = l.StartedAt
		}
	}
	var list []web.StoreDay
	for _, d := range days {
		if q.Wrong && d.Wrong == 0 && d.DayVerdict != inventory.Conflicted && d.DayVerdict != inventory.Overdue {
			continue
		}
		if p := q.Page; (p.AfterDate != "" || p.AfterLocation != "") &&
			(d.BusinessDate > p.AfterDate || d.BusinessDate == p.AfterDate && d.Location <= p.AfterLocation) {
			continue
		}
		list = append(list, *d)
	}
	slices.SortFunc(list, func(a, b web.StoreDay) int {
		return cmp.Or(cmp.Compare(b.BusinessDate, a.BusinessDate), cmp.Compare(a.Location, b.Location))
	})
	return list[:min(q.Page.Limit, len(list))], nil
}

// Hops implements [web.Reader].
func (m *Memory) Hops(context.Context, string, time.Time, time.Time) ([]web.Hop, error) {
	done, err := m.open()
	if err != nil {
		return nil, err
	}
	defer done()
	return slices.Clone(m.HopList), nil
}

// Sources implements [web.Reader].
func (m *Memory) Sources(context.Context, time.Time, time.Time) ([]web.Source, error) {
	done, err := m.open()
	if err != nil {
		return nil, err
	}
	defer done()
	return slices.Clone(m.SourceList), nil
}

// Facets implements [web.Reader].
func (m *Memory) Facets(context.Context) (web.Facets, error) {
	done, err := m.open()
	if err != nil {
		return web.Facets{}, err
	}
	defer done()
	workflows, regions, systems, owners, causes := set{}, set{}, set{}, set{}, set{}
	kinds := set{}
	for _, l := range m.LifecycleList {
		workflows.add(l.Workflow)
		regions.add(l.Region)
	}
	for _, f := range m.selected(web.FindingQuery{}) {
		systems.add(f.System)
		owners.add(f.Owner)
		causes.add(string(f.Cause))
		kinds.add(string(f.Kind))
	}
	facets := web.Facets{Workflows: workflows.sorted(), Regions: regions.sorted(), Systems: systems.sorted(), Owners: owners.sorted(), Causes: causes.sorted()}
	for _, k := range kinds.sorted() {
		facets.Kinds = append(facets.Kinds, inventory.Kind(k))
	}
	return facets, nil
}

type set map[string]bool

func (s set) add(v string) {
	if v != "" {
		s[v] = true
	}
}

func (s set) sorted() []string { return slices.Sorted(maps.Keys(s)) }
