package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/queries"
	"github.com/stocktrace/stocktrace/web"
)

var (
	webSearchQuery            = queries.Get("web_search")
	webLifecyclesByIDQuery    = queries.Get("web_lifecycles_by_id")
	webLifecyclesQuery        = queries.Get("web_lifecycles")
	webExportLifecyclesQuery  = queries.Get("web_export_lifecycles")
	webLifecycleFindingsQuery = queries.Get("web_lifecycle_findings")
	webFindingsQuery          = queries.Get("web_findings")
	webGroupsQuery            = queries.Get("web_groups")
	webStoreDaysQuery         = queries.Get("web_store_days")
	webHopsQuery              = queries.Get("web_hops")
	webStuckQuery             = queries.Get("web_stuck")
	webSourcesQuery           = queries.Get("web_sources")
	webSourceDetailsQuery     = queries.Get("web_source_details")
	webQuarantineQuery        = queries.Get("web_quarantine")
	webHeardQuery             = queries.Get("web_heard")
	webReachQuery             = queries.Get("web_reach")
	webRawQuery               = queries.Get("web_raw")
	webFacetsLifecyclesQuery  = queries.Get("web_facets_lifecycles")
	webFacetsFindingsQuery    = queries.Get("web_facets_findings")
)

// searchDepth bounds the lifecycles a search looks at: a bare receipt number is
// used at every till of every store.
const searchDepth = 1000

// Pages answers what pages and API ask. It implements web.Reader.
type Pages struct{ store *Store }

var _ web.Reader = Pages{}

// Pages returns the reader behind pages and API.
func (s *Store) Pages() Pages { return Pages{s} }

// asked says what an error means to who asked: that the database cannot answer
// now, or that the question was wrong, which is our own mistake.
func asked(err error) error {
	if err == nil || errors.Is(err, web.ErrNotFound) {
		return err
	}
	var refused *clickhouse.Exception
	if errors.As(err, &refused) {
		switch refused.Code {
		case 159, // TIMEOUT_EXCEEDED
			202, // TOO_MANY_SIMULTANEOUS_QUERIES
			241, // MEMORY_LIMIT_EXCEEDED
			242: // TABLE_IS_READ_ONLY
			return fmt.Errorf("%w: %w", web.ErrUnavailable, err)
		}
		return err
	}
	var network net.Error
	if errors.Is(err, ErrClosed) || errors.Is(err, clickhouse.ErrAcquireConnTimeout) || errors.As(err, &network) {
		return fmt.Errorf("%w: %w", web.ErrUnavailable, err)
	}
	return err
}

// Search implements web.Reader.
func (p Pages) Search(ctx context.Context, text string, limit int) ([]web.Match, error) {
	found, err := p.candidates(ctx, text)
	if err != nil {
		return nil, asked(err)
	}
	list, err := p.window(ctx, &web.LifecycleQuery{Page: web.Page{Limit: limit}}, ids(found))
	if err != nil {
		return nil, asked(err)
	}
	matches := make([]web.Match, 0, len(list))
	for _, l := range list {
		names := found[l.ID]
		if len(names) == 0 { // it is the id itself
			names = []string{l.Canonical.Name}
		}
		l.Steps, l.Lines = nil, nil
		matches = append(matches, web.Match{Lifecycle: l, Names: names})
	}
	return matches, nil
}

// candidates returns the ids a text may mean, with the names of the keys that
// matched. Some may be gone.
func (p Pages) candidates(ctx context.Context, text string) (map[string][]string, error) {
	found := map[string][]string{text: nil}
	err := p.store.Each(ctx, webSearchQuery, Params{"forms": inventory.SearchQuery(text), "limit": searchDepth},
		func(scan func(...any) error) error {
			var id string
			var names []string
			if err := scan(&id, &names); err != nil {
				return err
			}
			found[id] = names
			return nil
		})
	return found, err
}

func ids(found map[string][]string) []string {
	list := make([]string, 0, len(found))
	for id := range found {
		list = append(list, id)
	}
	return list
}

// byID returns the lifecycles of those ids that are there, without findings, in
// no particular order.
func (p Pages) byID(ctx context.Context, ids []string) ([]inventory.Lifecycle, error) {
	var list []inventory.Lifecycle
	for some := range pieces(ids, func(id *string) int { return len(*id) + 4 }) {
		err := p.store.Each(ctx, webLifecyclesByIDQuery, Params{"ids": some}, func(scan func(...any) error) error {
			row, err := scanLifecycle(scan)
			if err != nil {
				return err
			}
			list = append(list, row.Lifecycle)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// addFindings reads the findings of lifecycles into them.
func (p Pages) addFindings(ctx context.Context, list []inventory.Lifecycle) error {
	at := make(map[string]int, len(list))
	ids := make([]string, len(list))
	for i := range list {
		at[list[i].ID], ids[i] = i, list[i].ID
	}
	for some := range pieces(ids, func(id *string) int { return len(*id) + 4 }) {
		err := p.store.Each(ctx, webLifecycleFindingsQuery, Params{"ids": some}, func(scan func(...any) error) error {
			row, err := scanFinding(scan)
			if err != nil {
				return err
			}
			l := &list[at[row.Finding.LifecycleID]]
			l.Findings = append(l.Findings, row.Finding)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Lifecycle implements web.Reader.
func (p Pages) Lifecycle(ctx context.Context, id string) (inventory.Lifecycle, error) {
	list, err := p.byID(ctx, []string{id})
	if err != nil {
		return inventory.Lifecycle{}, asked(err)
	}
	if len(list) == 0 {
		return inventory.Lifecycle{}, fmt.Errorf("lifecycle %q: %w", id, web.ErrNotFound)
	}
	if err := p.addFindings(ctx, list); err != nil {
		return inventory.Lifecycle{}, asked(err)
	}
	return list[0], nil
}

// Keys implements web.Reader.
func (p Pages) Keys(ctx context.Context, ids []string) (map[string][]inventory.Key, error) {
	list, err := p.byID(ctx, ids)
	if err != nil {
		return nil, asked(err)
	}
	keys := make(map[string][]inventory.Key, len(list))
	for i := range list {
		keys[list[i].ID] = list[i].Keys
	}
	return keys, nil
}

// Records implements web.Reader. All records of a lifecycle entered by one of
// its identifying keys, or, for an orphan, by their own id.
func (p Pages) Records(ctx context.Context, l *inventory.Lifecycle) ([]inventory.Record, error) {
	keys := slices.Clone(l.Identifiers)
	place := make(map[string]int, len(l.RecordIDs))
	for i, id := range l.RecordIDs {
		place[id] = i
		if len(l.Identifiers) == 0 {
			keys = append(keys, inventory.ScopedKey{Name: inventory.KeyRecord, Value: id})
		}
	}
	records, err := p.store.Records(ctx, keys)
	if err != nil {
		return nil, asked(err)
	}
	// A key may be shared with another lifecycle: a number that recurs.
	records = slices.DeleteFunc(records, func(r inventory.Record) bool {
		_, ok := place[r.ID]
		return !ok
	})
	for i := range records {
		records[i].Raw = nil
	}
	slices.SortStableFunc(records, func(a, b inventory.Record) int { return cmp.Compare(place[a.ID], place[b.ID]) })
	return records, nil
}

// Raw implements web.Reader.
func (p Pages) Raw(ctx context.Context, recordID string) ([]inventory.Record, error) {
	var records []inventory.Record
	err := p.store.Each(ctx, webRawQuery, Params{"id": recordID}, func(scan func(...any) error) error {
		r, err := scanRecord(scan)
		records = append(records, r)
		return err
	})
	if err != nil {
		return nil, asked(err)
	}
	if len(records) == 0 {
		return nil, fmt.Errorf("record %q: %w", recordID, web.ErrNotFound)
	}
	return records, nil
}

// Lifecycles implements web.Reader.
func (p Pages) Lifecycles(ctx context.Context, q web.LifecycleQuery) ([]inventory.Lifecycle, error) {
	among, err := p.among(ctx, &q)
	if err != nil {
		return nil, asked(err)
	}
	list, err := p.window(ctx, &q, among)
	if err == nil {
		err = p.addFindings(ctx, list)
	}
	if err != nil {
		return nil, asked(err)
	}
	return list, nil
}

// LifecyclesByID implements web.Reader.
func (p Pages) LifecyclesByID(ctx context.Context, q web.LifecycleQuery, after string) ([]inventory.Lifecycle, error) {
	among, err := p.among(ctx, &q)
	if err != nil {
		return nil, asked(err)
	}
	params := selection(&q, among)
	params["after_id"] = after
	var list []inventory.Lifecycle
	err = p.store.Each(ctx, webExportLifecyclesQuery, params, func(scan func(...any) error) error {
		row, err := scanLifecycle(scan)
		list = append(list, row.Lifecycle)
		return err
	})
	if err == nil {
		err = p.addFindings(ctx, list)
	}
	if err != nil {
		return nil, asked(err)
	}
	return list, nil
}

// among returns the ids a query's key may mean, nil where it names none.
func (p Pages) among(ctx context.Context, q *web.LifecycleQuery) ([]string, error) {
	if q.Key == "" {
		return nil, nil
	}
	found, err := p.candidates(ctx, q.Key)
	return ids(found), err
}

// selection is what a query filters by, and how many it asks for: of those ids,
// or of all where among is nil.
func selection(q *web.LifecycleQuery, among []string) Params {
	date := q.BusinessDate
	if date == web.NoDate {
		date = ""
	}
	return Params{
		"any_id": flag(among == nil), "ids": append([]string{}, among...),
		"workflow": q.Workflow, "state": string(q.State), "verdicts": names(q.Verdicts), "location": q.Location,
		"register": q.Register, "region": q.Region, "any_date": flag(q.BusinessDate == ""), "business_date": date,
		"item": q.Item, "findings": names(q.Findings), "owner": q.Owner,
		"by_received": flag(q.ByReceived), "from": q.From, "no_end": flag(q.To.IsZero()), "to": q.To,
		"limit": q.Page.Limit,
	}
}

// window returns the lifecycles a query selects, without findings, newest start
// first: of those ids, or of all where among is nil.
func (p Pages) window(ctx context.Context, q *web.LifecycleQuery, among []string) ([]inventory.Lifecycle, error) {
	params := selection(q, among)
	params["top"], params["after_at"], params["after_id"] = flag(q.Page.After.IsZero()), q.Page.After.At, q.Page.After.ID
	var order []string
	err := p.store.Each(ctx, webLifecyclesQuery, params, func(scan func(...any) error) error {
		var id string
		err := scan(&id)
		order = append(order, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	list, err := p.byID(ctx, order)
	if err != nil {
		return nil, err
	}
	place := make(map[string]int, len(order))
	for i, id := range order {
		place[id] = i
	}
	slices.SortFunc(list, func(a, b inventory.Lifecycle) int { return cmp.Compare(place[a.ID], place[b.ID]) })
	return list, nil
}

// names turns a list of names into text; none is an empty list.
func names[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = string(v)
	}
	return out
}

// filters are the parameters both finding statements take.
func filters(q *web.FindingQuery) Params {
	return Params{
		"state": string(q.State), "kinds": names(q.Kinds), "cause": q.Cause, "severity": q.Severity, "owner": q.Owner,
		"system": q.System, "step": q.Step, "location": q.Location, "region": q.Region,
		"mapping_version": q.MappingVersion, "group": q.Group, "lifecycle": q.LifecycleID, "assignee": q.Assignee, "ids": q.IDs,
		"top": flag(q.Page.After.IsZero()), "after_at": q.Page.After.At, "after_id": q.Page.After.ID, "limit": q.Page.Limit,
	}
}

// Findings implements web.Reader.
func (p Pages) Findings(ctx context.Context, q web.FindingQuery) ([]web.Finding, error) {
	var list []web.Finding
	err := p.store.Each(ctx, webFindingsQuery, filters(&q), func(scan func(...any) error) error {
		row, err := scanFinding(scan)
		list = append(list, web.Finding{Finding: row.Finding, Count: 1, Component: row.Component})
		return err
	})
	if err != nil || !q.Groups {
		return list, asked(err)
	}
	groups, err := p.groups(ctx, &q, 2, true)
	if err != nil {
		return nil, asked(err)
	}
	for i := range groups {
		list = append(list, groups[i].Finding())
	}
	slices.SortFunc(list, func(a, b web.Finding) int {
		return cmp.Or(b.OpenedAt.Compare(a.OpenedAt), cmp.Compare(b.ID, a.ID))
	})
	return list[:min(q.Page.Limit, len(list))], nil
}

// Groups implements web.Reader.
func (p Pages) Groups(ctx context.Context, q web.FindingQuery) ([]web.Group, error) {
	q.Page.After = web.Cursor{}
	groups, err := p.groups(ctx, &q, 1, false)
	return groups, asked(err)
}

func (p Pages) groups(ctx context.Context, q *web.FindingQuery, least int, byTime bool) ([]web.Group, error) {
	params := filters(q)
	params["least"], params["by_time"] = least, flag(byTime)
	var list []web.Group
	err := p.store.Each(ctx, webGroupsQuery, params, func(scan func(...any) error) error {
		var (
			g                               web.Group
			kind, cause, severity           string
			count, open, locations, acked   uint64
			uoms, quantities, worth, worths []string
		)
		if err := scan(&g.ID, &kind, &cause, &severity, &g.Title, &g.Sentence, &g.Action, &g.System, &g.Step, &g.ErrorCode,
			&g.Field, &g.Value, &g.MappingVersion, &g.Owner, &g.Runbook, &g.LifecycleID, &count, &open, &locations, &g.Location,
			&g.Regions, &uoms, &quantities, &worth, &worths, &g.FirstOccurredAt, &g.FirstOpenedAt, &g.LastOpenedAt,
			&g.LastClosedAt, &acked); err != nil {
			return err
		}
		g.Kind, g.Cause, g.Severity = inventory.Kind(kind), inventory.Cause(cause), inventory.Severity(severity)
		g.Count, g.Open, g.Locations, g.Acknowledged = int(count), int(open), int(locations), int(acked)
		g.FirstOccurredAt, g.FirstOpenedAt = instant(g.FirstOccurredAt), instant(g.FirstOpenedAt)
		g.LastOpenedAt, g.LastClosedAt = instant(g.LastOpenedAt), instant(g.LastClosedAt)
		if g.Count > 1 {
			g.LifecycleID = ""
		}
		if g.Locations != 1 {
			g.Location = ""
		}
		if g.Open > 0 {
			g.LastClosedAt = time.Time{}
		}
		if len(g.Regions) == 0 {
			g.Regions = nil
		}
		var err error
		if g.Units, err = goods(uoms, quantities); err != nil {
			return err
		}
		g.Values, err = sums(worth, worths)
		list = append(list, g)
		return err
	})
	return list, err
}

// goods reads quantities by unit of measure.
func goods(uoms, quantities []string) ([]inventory.Quantity, error) {
	var all []inventory.Quantity
	for i := range uoms {
		q, err := parseFixed(quantities[i])
		if err != nil {
			return nil, err
		}
		all = append(all, inventory.Quantity{UOM: uoms[i], Quantity: q})
	}
	return all, nil
}

// StoreDays implements web.Reader.
func (p Pages) StoreDays(ctx context.Context, q web.StoreDayQuery) ([]web.StoreDay, error) {
	var list []web.StoreDay
	err := p.store.Each(ctx, webStoreDaysQuery, Params{
		"location": q.Location, "region": q.Region, "from": q.From, "to": q.To, "only_wrong": flag(q.Wrong),
		"after_date": q.Page.AfterDate, "after_location": q.Page.AfterLocation, "limit": q.Page.Limit,
	}, func(scan func(...any) error) error {
		var d web.StoreDay
		var n [7]uint64
		var uoms, quantities []string
		var dayVerdict string
		if err := scan(&d.Location, &d.Region, &d.BusinessDate, &n[0], &n[1], &n[2], &n[3], &n[4], &n[5], &n[6],
			&uoms, &quantities, &d.LastSaleAt, &d.Day, &dayVerdict, &d.DaySentence); err != nil {
			return err
		}
		d.Sold, d.Posted, d.Late, d.Open = int(n[0]), int(n[1]), int(n[2]), int(n[3])
		d.Wrong, d.Unknown, d.NotOwed = int(n[4]), int(n[5]), int(n[6])
		d.LastSaleAt, d.DayVerdict = instant(d.LastSaleAt), inventory.Verdict(dayVerdict)
		var err error
		d.Units, err = goods(uoms, quantities)
		list = append(list, d)
		return err
	})
	return list, asked(err)
}

// Hops implements web.Reader.
func (p Pages) Hops(ctx context.Context, workflow string, since, until time.Time) ([]web.Hop, error) {
	hops := map[string]*web.Hop{}
	hop := func(step string) *web.Hop {
		if hops[step] == nil {
			system, name, _ := cutStep(step)
			hops[step] = &web.Hop{System: system, Step: name}
		}
		return hops[step]
	}
	err := p.store.Each(ctx, webHopsQuery, Params{"workflow": workflow, "since": since, "until": until}, func(scan func(...any) error) error {
		var step string
		var passed, waiting uint64
		var p50, p99 float64
		var limit int64
		if err := scan(&step, &passed, &waiting, &p50, &p99, &limit); err != nil {
			return err
		}
		h := hop(step)
		h.Passed, h.Waiting = int(passed), int(waiting)
		h.P50, h.P99, h.Limit = milliseconds(p50), milliseconds(p99), time.Duration(limit)*time.Millisecond
		return nil
	})
	if err != nil {
		return nil, asked(err)
	}
	err = p.store.Each(ctx, webStuckQuery, Params{"workflow": workflow}, func(scan func(...any) error) error {
		var step string
		var stuck uint64
		if err := scan(&step, &stuck); err != nil {
			return err
		}
		hop(step).Stuck = int(stuck)
		return nil
	})
	if err != nil {
		return nil, asked(err)
	}
	list := make([]web.Hop, 0, len(hops))
	for _, h := range hops {
		list = append(list, *h)
	}
	slices.SortFunc(list, func(a, b web.Hop) int {
		return cmp.Or(cmp.Compare(a.System, b.System), cmp.Compare(a.Step, b.Step))
	})
	return list, nil
}

// cutStep takes "erp posted" apart.
func cutStep(step string) (system, name string, ok bool) {
	for i := range len(step) {
		if step[i] == ' ' {
			return step[:i], step[i+1:], true
		}
	}
	return step, "", false
}

// milliseconds is a quantile; of nothing it is not a number.
func milliseconds(ms float64) time.Duration {
	if math.IsNaN(ms) {
		return 0
	}
	return time.Duration(ms * float64(time.Millisecond))
}

// feedMemory is how long a feed that says nothing any more is looked at.
const feedMemory = 30 * 24 * time.Hour

// Sources implements web.Reader.
func (p Pages) Sources(ctx context.Context, since, until time.Time) ([]web.Source, error) {
	var list []web.Source
	at := map[string]int{}
	err := p.store.Each(ctx, webHeardQuery, nil, func(scan func(...any) error) error {
		var src web.Source
		if err := scan(&src.System, &src.LastAt); err != nil {
			return err
		}
		src.LastAt = instant(src.LastAt)
		at[src.System] = len(list)
		list = append(list, src)
		return nil
	})
	if err != nil {
		return nil, asked(err)
	}
	err = p.store.Each(ctx, webSourcesQuery, Params{"since": since, "until": until}, func(scan func(...any) error) error {
		var system string
		var events, failures uint64
		var lag, p99 float64
		if err := scan(&system, &events, &failures, &lag, &p99); err != nil {
			return err
		}
		if i, ok := at[system]; ok {
			list[i].Events, list[i].Failures = int(events), int(failures)
			list[i].Lag, list[i].LagP99 = milliseconds(lag), milliseconds(p99)
		}
		return nil
	})
	if err != nil {
		return nil, asked(err)
	}
	err = p.store.Each(ctx, webReachQuery, Params{"since": until.Add(-feedMemory)}, func(scan func(...any) error) error {
		var system string
		var reach time.Time
		var feeds uint64
		if err := scan(&system, &reach, &feeds); err != nil {
			return err
		}
		if i, ok := at[system]; ok {
			list[i].CompleteThrough, list[i].Feeds = instant(reach), int(feeds)
		}
		return nil
	})
	return list, asked(err)
}

// Quarantine implements web.Reader.
func (p Pages) Quarantine(ctx context.Context, q web.QuarantineQuery) ([]web.Unread, error) {
	filter := QuarantineFilter{State: q.State, Source: q.Source, Reason: q.Reason}
	before := inventory.Quarantined{ReceivedAt: q.Page.After.At, ID: q.Page.After.ID}
	items, err := p.store.Quarantined(ctx, filter, before, q.Page.Limit)
	return items, asked(err)
}

// Facets implements web.Reader.
func (p Pages) Facets(ctx context.Context) (web.Facets, error) {
	var f web.Facets
	if err := p.store.QueryRow(ctx, webFacetsLifecyclesQuery, nil, &f.Workflows, &f.Regions); err != nil {
		return f, asked(err)
	}
	var kinds []string
	if err := p.store.QueryRow(ctx, webFacetsFindingsQuery, nil, &f.Systems, &f.Owners, &f.Causes, &kinds); err != nil {
		return f, asked(err)
	}
	for _, k := range kinds {
		f.Kinds = append(f.Kinds, inventory.Kind(k))
	}
	return f, nil
}
