package store

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/alerts"
	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/lifecycle"
	"github.com/stocktrace/stocktrace/queries"
)

var (
	incidentClustersQuery   = queries.Get("incident_clusters")
	incidentExamplesQuery   = queries.Get("incident_examples")
	incidentLifecyclesQuery = queries.Get("incident_lifecycles")
	incidentListQuery       = queries.Get("incident_list")
)

var (
	_ alerts.Source = (*Store)(nil)
	_ alerts.Store  = (*Store)(nil)
)

// clusterTop is how many stores and groups of a cluster are named.
const clusterTop = 3

// Clusters implements alerts.Source.
func (s *Store) Clusters(ctx context.Context, since time.Time) ([]alerts.Cluster, error) {
	var clusters []alerts.Cluster
	err := s.Each(ctx, incidentClustersQuery, Params{"since": since}, func(scan func(...any) error) error {
		var (
			c                                       alerts.Cluster
			kind, cause, severity                   string
			open, recent, acknowledged              uint64
			places, uoms, quantities, worth, worths []string
			recentWorth, recentWorths, parts        []string
			placeCounts, partCounts                 []uint64
		)
		if err := scan(&kind, &cause, &c.Key.System, &c.Key.Step, &c.Key.ErrorCode, &severity, &c.Title, &c.Sentence,
			&c.Action, &c.Owner, &c.Runbook, &open, &recent, &c.FirstOpened, &c.LastOpened, &c.Regions,
			&places, &placeCounts, &uoms, &quantities, &worth, &worths, &recentWorth, &recentWorths,
			&parts, &partCounts, &acknowledged, &c.AcknowledgedBy, &c.Assignees); err != nil {
			return err
		}
		c.Key.Kind, c.Key.Cause, c.Severity = inventory.Kind(kind), inventory.Cause(cause), inventory.Severity(severity)
		c.Open, c.Recent, c.Acknowledged = int(open), int(recent), int(acknowledged)
		if len(c.AcknowledgedBy) == 0 {
			c.AcknowledgedBy = nil // as it comes back from what was stored: it did not change
		}
		if len(c.Assignees) == 0 {
			c.Assignees = nil
		}
		c.FirstOpened, c.LastOpened = instant(c.FirstOpened), instant(c.LastOpened)
		c.Locations = len(places)
		for _, p := range largest(places, placeCounts) {
			c.LocationsTop = append(c.LocationsTop, p.name)
		}
		c.Groups = len(parts)
		for _, p := range largest(parts, partCounts) {
			id, what, _ := strings.Cut(p.name, "\t")
			c.GroupsTop = append(c.GroupsTop, alerts.Group{ID: id, What: what, Open: int(p.count)})
		}
		for i := range uoms {
			q, err := parseFixed(quantities[i])
			if err != nil {
				return err
			}
			c.Units = append(c.Units, inventory.Quantity{UOM: uoms[i], Quantity: q})
		}
		var err error
		if c.Values, err = sums(worth, worths); err != nil {
			return err
		}
		if c.RecentValues, err = sums(recentWorth, recentWorths); err != nil {
			return err
		}
		clusters = append(clusters, c)
		return nil
	})
	return clusters, err
}

type counted struct {
	name  string
	count uint64
}

// largest returns the names with the highest counts, a few.
func largest(names []string, counts []uint64) []counted {
	all := make([]counted, len(names))
	for i := range names {
		all[i] = counted{names[i], counts[i]}
	}
	slices.SortFunc(all, func(a, b counted) int {
		return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.name, b.name))
	})
	return all[:min(len(all), clusterTop)]
}

// sums reads amounts whose keys are currency, tab, value basis.
func sums(keys, values []string) ([]inventory.Amount, error) {
	var all []inventory.Amount
	for i := range keys {
		a, err := parseFixed(values[i])
		if err != nil {
			return nil, err
		}
		currency, basis, _ := strings.Cut(keys[i], "\t")
		all = append(all, inventory.Amount{Currency: currency, Basis: basis, Amount: a})
	}
	return all, nil
}

// Examples implements alerts.Source.
func (s *Store) Examples(ctx context.Context, keys []alerts.Key, limit int) (map[alerts.Key][]alerts.Example, error) {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.String()
	}
	examples := map[alerts.Key][]alerts.Example{}
	var ids []string
	err := s.Each(ctx, incidentExamplesQuery, Params{"keys": names, "limit": uint32(limit)}, func(scan func(...any) error) error {
		var k alerts.Key
		var e alerts.Example
		var kind, cause string
		if err := scan(&kind, &cause, &k.System, &k.Step, &k.ErrorCode, &e.LifecycleID, &e.Location, &e.Sentence); err != nil {
			return err
		}
		k.Kind, k.Cause = inventory.Kind(kind), inventory.Cause(cause)
		examples[k] = append(examples[k], e)
		if e.LifecycleID != "" {
			ids = append(ids, e.LifecycleID)
		}
		return nil
	})
	if err != nil || len(ids) == 0 {
		return examples, err
	}
	found := map[string]inventory.Lifecycle{}
	err = s.Each(ctx, incidentLifecyclesQuery, Params{"ids": ids}, func(scan func(...any) error) error {
		var l inventory.Lifecycle
		var outline, raw string
		if err := scan(&l.ID, &l.Workflow, &outline, &raw); err != nil {
			return err
		}
		if err := decodeDetail(outline, []byte(raw), &l); err != nil {
			return err
		}
		found[l.ID] = l
		return nil
	})
	for _, list := range examples {
		for i := range list {
			l := found[list[i].LifecycleID]
			list[i].Workflow, list[i].Receipt = l.Workflow, printedReceipt(l.Keys)
		}
	}
	return examples, err
}

// printedReceipt is the receipt as the customer has it: of what systems made of
// one number, the one with its paddings.
func printedReceipt(keys []inventory.Key) string {
	printed := ""
	for _, k := range keys {
		if k.Name == inventory.KeyReceipt && len(k.Value) > len(printed) {
			printed = k.Value
		}
	}
	return printed
}

// incidentRow is an incident as stored.
type incidentRow struct {
	alerts.Incident
	version lifecycle.Version
	body    []byte
}

func newIncidentAppender(into inserter) *appender[incidentRow] {
	type row = incidentRow
	return &appender[row]{
		insert:  queries.Get("incident_insert"),
		into:    into,
		compare: func(a, b *row) int { return strings.Compare(a.ID, b.ID) },
		columns: []column[row]{
			text("id", func(r *row) string { return r.ID }),
			version("version", func(r *row) lifecycle.Version { return r.version }),
			few("state", func(r *row) string { return string(r.State) }),
			instants("opened_at", func(r *row) time.Time { return r.OpenedAt }),
			instants("updated_at", func(r *row) time.Time { return r.UpdatedAt }),
			instants("closed_at", func(r *row) time.Time { return r.ClosedAt }),
			written("body", func(b []byte, r *row) []byte { return append(b, r.body...) }),
		},
	}
}

// WriteIncident implements alerts.Store.
func (s *Store) WriteIncident(ctx context.Context, i alerts.Incident, v lifecycle.Version) error {
	body, err := json.Marshal(fromIncident(&i))
	if err != nil {
		return fmt.Errorf("encode incident %s: %w", i.ID, err)
	}
	if err := s.incidents.write(ctx, []incidentRow{{i, v, body}}); err != nil {
		return fmt.Errorf("write incident %s: %w", i.ID, err)
	}
	return nil
}

// Incidents implements alerts.Store.
func (s *Store) Incidents(ctx context.Context, since time.Time) ([]alerts.Incident, error) {
	var all []alerts.Incident
	err := s.Each(ctx, incidentListQuery, Params{"since": since}, func(scan func(...any) error) error {
		var id, body string
		if err := scan(&id, &body); err != nil {
			return err
		}
		i, err := decodeIncident(id, []byte(body))
		if err != nil {
			return err
		}
		all = append(all, i)
		return nil
	})
	return all, err
}

// The types below are the JSON of the body column. Times are microseconds since
// 1970, absent where there is none; quantities and money are decimal text.

type incidentBody struct {
	State       string                  `json:"state"`
	Severity    string                  `json:"severity"`
	OpenedAt    *int64                  `json:"opened_at"`
	UpdatedAt   *int64                  `json:"updated_at"`
	ClosedAt    *int64                  `json:"closed_at,omitempty"`
	CalmSince   *int64                  `json:"calm_since,omitempty"`
	Cluster     *clusterBody            `json:"cluster,omitempty"`
	Burn        *burnBody               `json:"burn,omitempty"`
	Peak        int                     `json:"peak,omitempty"`
	ContinuedBy string                  `json:"continued_by,omitempty"`
	Deliveries  map[string]deliveryBody `json:"deliveries,omitempty"`
}

type causeBody struct {
	Kind      string `json:"kind"`
	Cause     string `json:"cause"`
	System    string `json:"system,omitempty"`
	Step      string `json:"step,omitempty"`
	ErrorCode string `json:"error_code,omitempty"`
}

type clusterBody struct {
	causeBody
	Severity     string        `json:"severity"`
	Title        string        `json:"title"`
	Sentence     string        `json:"sentence,omitempty"`
	Action       string        `json:"action,omitempty"`
	Owner        string        `json:"owner,omitempty"`
	Runbook      string        `json:"runbook,omitempty"`
	Open         int           `json:"open"`
	Recent       int           `json:"recent"`
	FirstOpened  *int64        `json:"first_opened,omitempty"`
	LastOpened   *int64        `json:"last_opened,omitempty"`
	Locations    int           `json:"locations,omitempty"`
	LocationsTop []string      `json:"locations_top,omitempty"`
	Regions      []string      `json:"regions,omitempty"`
	Units        []quantity    `json:"units,omitempty"`
	Values       []amount      `json:"values,omitempty"`
	RecentValues []amount      `json:"recent_values,omitempty"`
	Groups       int           `json:"groups,omitempty"`
	GroupsTop    []groupBody   `json:"groups_top,omitempty"`
	Examples     []exampleBody `json:"examples,omitempty"`

	Acknowledged   int      `json:"acknowledged,omitempty"`
	AcknowledgedBy []string `json:"acknowledged_by,omitempty"`
	Assignees      []string `json:"assignees,omitempty"`
}

type groupBody struct {
	ID   string `json:"id"`
	What string `json:"what,omitempty"`
	Open int    `json:"open"`
}

type exampleBody struct {
	LifecycleID string `json:"lifecycle_id,omitempty"`
	Receipt     string `json:"receipt,omitempty"`
	Workflow    string `json:"workflow,omitempty"`
	Location    string `json:"location,omitempty"`
	Sentence    string `json:"sentence,omitempty"`
}

type burnBody struct {
	Objective  string          `json:"objective"`
	Title      string          `json:"title"`
	Owner      string          `json:"owner,omitempty"`
	Runbook    string          `json:"runbook,omitempty"`
	Severity   string          `json:"severity"`
	Policy     string          `json:"policy"`
	Target     float64         `json:"target"`
	WindowS    int64           `json:"window_s"`
	LongS      int64           `json:"long_s"`
	ShortS     int64           `json:"short_s"`
	Rate       float64         `json:"rate"`
	Threshold  float64         `json:"threshold"`
	Bad        int64           `json:"bad"`
	Valid      int64           `json:"valid"`
	Unknown    int64           `json:"unknown,omitempty"`
	BudgetLeft float64         `json:"budget_left"`
	Regions    []string        `json:"regions,omitempty"`
	Stores     int             `json:"stores,omitempty"`
	Causes     []burnCauseBody `json:"causes,omitempty"`
	Firing     bool            `json:"firing"`
}

type burnCauseBody struct {
	causeBody
	Title string `json:"title"`
	Count int64  `json:"count"`
}

type deliveryBody struct {
	Phase       string `json:"phase"`
	Place       string `json:"place,omitempty"`
	ID          string `json:"id,omitempty"`
	IntendedAt  *int64 `json:"intended_at,omitempty"`
	Content     string `json:"content,omitempty"`
	State       string `json:"state,omitempty"`
	DeliveredAt *int64 `json:"delivered_at,omitempty"`
	Attempts    int    `json:"attempts,omitempty"`
	NextAt      *int64 `json:"next_at,omitempty"`
	LastError   string `json:"last_error,omitempty"`
}

func fromCause(k alerts.Key) causeBody {
	return causeBody{string(k.Kind), string(k.Cause), k.System, k.Step, k.ErrorCode}
}

func (c causeBody) key() alerts.Key {
	return alerts.Key{
		Kind: inventory.Kind(c.Kind), Cause: inventory.Cause(c.Cause), System: c.System, Step: c.Step, ErrorCode: c.ErrorCode,
	}
}

func fromIncident(i *alerts.Incident) incidentBody {
	b := incidentBody{
		State: string(i.State), Severity: string(i.Severity), OpenedAt: micros(i.OpenedAt), UpdatedAt: micros(i.UpdatedAt),
		ClosedAt: micros(i.ClosedAt), CalmSince: micros(i.CalmSince), Peak: i.Peak, ContinuedBy: i.ContinuedBy,
	}
	if c := i.Cluster; c != nil {
		b.Cluster = &clusterBody{
			causeBody: fromCause(c.Key), Severity: string(c.Severity), Title: c.Title, Sentence: c.Sentence, Action: c.Action,
			Owner: c.Owner, Runbook: c.Runbook, Open: c.Open, Recent: c.Recent, FirstOpened: micros(c.FirstOpened),
			LastOpened: micros(c.LastOpened), Locations: c.Locations, LocationsTop: c.LocationsTop, Regions: c.Regions,
			Units: fromQuantities(c.Units), Values: fromAmounts(c.Values), RecentValues: fromAmounts(c.RecentValues),
			Groups: c.Groups, Acknowledged: c.Acknowledged, AcknowledgedBy: c.AcknowledgedBy, Assignees: c.Assignees,
		}
		for _, g := range c.GroupsTop {
			b.Cluster.GroupsTop = append(b.Cluster.GroupsTop, groupBody(g))
		}
		for _, e := range c.Examples {
			b.Cluster.Examples = append(b.Cluster.Examples, exampleBody(e))
		}
	}
	if u := i.Burn; u != nil {
		b.Burn = &burnBody{
			Objective: u.Objective, Title: u.Title, Owner: u.Owner, Runbook: u.Runbook, Severity: string(u.Severity),
			Policy: u.Policy, Target: u.Target, WindowS: int64(u.Window / time.Second), LongS: int64(u.Long / time.Second),
			ShortS: int64(u.Short / time.Second), Rate: u.Rate, Threshold: u.Threshold, Bad: u.Bad, Valid: u.Valid,
			Unknown: u.Unknown, BudgetLeft: u.BudgetLeft, Regions: u.Regions, Stores: u.Stores, Firing: u.Firing,
		}
		for _, c := range u.Causes {
			b.Burn.Causes = append(b.Burn.Causes, burnCauseBody{fromCause(c.Key), c.Title, c.Count})
		}
	}
	for name, d := range i.Deliveries {
		if b.Deliveries == nil {
			b.Deliveries = map[string]deliveryBody{}
		}
		b.Deliveries[name] = deliveryBody{
			Phase: string(d.Phase), Place: d.Ref.Place, ID: d.Ref.ID, IntendedAt: micros(d.IntendedAt), Content: d.Content,
			State: string(d.State), DeliveredAt: micros(d.DeliveredAt), Attempts: d.Attempts, NextAt: micros(d.NextAt),
			LastError: d.LastError,
		}
	}
	return b
}

// decodeIncident reads the body column.
func decodeIncident(id string, body []byte) (alerts.Incident, error) {
	var b incidentBody
	if err := json.Unmarshal(body, &b); err != nil {
		return alerts.Incident{}, fmt.Errorf("decode incident %q: %w", id, err)
	}
	i := alerts.Incident{
		ID: id, State: alerts.State(b.State), Severity: inventory.Severity(b.Severity), OpenedAt: fromMicros(b.OpenedAt),
		UpdatedAt: fromMicros(b.UpdatedAt), ClosedAt: fromMicros(b.ClosedAt), CalmSince: fromMicros(b.CalmSince),
		Peak: b.Peak, ContinuedBy: b.ContinuedBy, Deliveries: map[string]alerts.Delivery{},
	}
	if c := b.Cluster; c != nil {
		i.Cluster = &alerts.Cluster{
			Key: c.key(), Severity: inventory.Severity(c.Severity), Title: c.Title, Sentence: c.Sentence, Action: c.Action,
			Owner: c.Owner, Runbook: c.Runbook, Open: c.Open, Recent: c.Recent, FirstOpened: fromMicros(c.FirstOpened),
			LastOpened: fromMicros(c.LastOpened), Locations: c.Locations, LocationsTop: c.LocationsTop, Regions: c.Regions,
			Groups: c.Groups, Acknowledged: c.Acknowledged, AcknowledgedBy: c.AcknowledgedBy, Assignees: c.Assignees,
		}
		var err error
		if i.Cluster.Units, err = toQuantities(c.Units); err == nil {
			if i.Cluster.Values, err = toAmounts(c.Values); err == nil {
				i.Cluster.RecentValues, err = toAmounts(c.RecentValues)
			}
		}
		if err != nil {
			return alerts.Incident{}, fmt.Errorf("decode incident %q: %w", id, err)
		}
		for _, g := range c.GroupsTop {
			i.Cluster.GroupsTop = append(i.Cluster.GroupsTop, alerts.Group(g))
		}
		for _, e := range c.Examples {
			i.Cluster.Examples = append(i.Cluster.Examples, alerts.Example(e))
		}
	}
	if u := b.Burn; u != nil {
		i.Burn = &alerts.Burn{
			Objective: u.Objective, Title: u.Title, Owner: u.Owner, Runbook: u.Runbook, Severity: inventory.Severity(u.Severity),
			Policy: u.Policy, Target: u.Target, Window: time.Duration(u.WindowS) * time.Second,
			Long: time.Duration(u.LongS) * time.Second, Short: time.Duration(u.ShortS) * time.Second, Rate: u.Rate,
			Threshold: u.Threshold, Bad: u.Bad, Valid: u.Valid, Unknown: u.Unknown, BudgetLeft: u.BudgetLeft,
			Regions: u.Regions, Stores: u.Stores, Firing: u.Firing,
		}
		for _, c := range u.Causes {
			i.Burn.Causes = append(i.Burn.Causes, alerts.BurnCause{Key: c.key(), Title: c.Title, Count: c.Count})
		}
	}
	for name, d := range b.Deliveries {
		i.Deliveries[name] = alerts.Delivery{
			Phase: alerts.Phase(d.Phase), Ref: alerts.Ref{Place: d.Place, ID: d.ID}, IntendedAt: fromMicros(d.IntendedAt),
			Content: d.Content, State: alerts.State(d.State), DeliveredAt: fromMicros(d.DeliveredAt), Attempts: d.Attempts,
			NextAt: fromMicros(d.NextAt), LastError: d.LastError,
		}
	}
	return i, nil
}

func fromQuantities(all []inventory.Quantity) []quantity {
	var out []quantity
	for _, q := range all {
		out = append(out, quantity{q.UOM, q.Quantity.String()})
	}
	return out
}

func toQuantities(all []quantity) ([]inventory.Quantity, error) {
	var out []inventory.Quantity
	for _, q := range all {
		d, err := parseFixed(q.Quantity)
		if err != nil {
			return nil, err
		}
		out = append(out, inventory.Quantity{UOM: q.UOM, Quantity: d})
	}
	return out, nil
}

func fromAmounts(all []inventory.Amount) []amount {
	var out []amount
	for _, a := range all {
		out = append(out, amount{a.Currency, a.Basis, a.Amount.String()})
	}
	return out
}

func toAmounts(all []amount) ([]inventory.Amount, error) {
	var out []inventory.Amount
	for _, a := range all {
		d, err := parseFixed(a.Amount)
		if err != nil {
			return nil, err
		}
		out = append(out, inventory.Amount{Currency: a.Currency, Basis: a.Basis, Amount: d})
	}
	return out, nil
}

type quantity struct {
	UOM      string `json:"uom"`
	Quantity string `json:"quantity"`
}

type amount struct {
	Currency string `json:"currency"`
	Basis    string `json:"basis"`
	Amount   string `json:"amount"`
}

// micros is t in microseconds since 1970, nil where there is none.
func micros(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	us := t.UnixMicro()
	return &us
}

// fromMicros is the time that micros gives.
func fromMicros(us *int64) time.Time {
	if us == nil {
		return time.Time{}
	}
	return time.UnixMicro(*us).UTC()
}
