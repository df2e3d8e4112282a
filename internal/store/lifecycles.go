package store

import (
	"cmp"
	"context"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/lifecycle"
	"github.com/stocktrace/stocktrace/queries"
)

func newLifecycleAppender(into inserter) *appender[lifecycle.Row] {
	type row = lifecycle.Row
	return &appender[row]{
		insert: queries.Get("insert_lifecycles"),
		into:   into,
		compare: func(a, b *row) int {
			if c := strings.Compare(a.Lifecycle.ID, b.Lifecycle.ID); c != 0 {
				return c
			}
			return cmp.Compare(a.Partition, b.Partition)
		},
		columns: []column[row]{
			text("id", func(r *row) string { return r.Lifecycle.ID }),
			number("partition", func(r *row) uint16 { return small(r.Partition) }),
			written("component", func(b []byte, r *row) []byte { return appendScoped(b, r.Lifecycle.Component) }),
			version("version", func(r *row) lifecycle.Version { return r.Version }),
			number("deleted", func(r *row) uint8 { return flag(r.Deleted) }),
			number("position", func(r *row) uint64 { return r.Position }),
			instants("computed_at", func(r *row) time.Time { return r.Lifecycle.ComputedAt }),
			few("rule_version", func(r *row) string { return r.Lifecycle.RuleVersion }),
			number("fact_position", func(r *row) uint64 { return r.Lifecycle.FactPosition }),
			instants("next_at", func(r *row) time.Time { return r.Lifecycle.NextAt }),
			few("workflow", func(r *row) string { return r.Lifecycle.Workflow }),
			few("state", func(r *row) string { return string(r.Lifecycle.State) }),
			few("verdict", func(r *row) string { return string(r.Lifecycle.Verdict) }),
			text("sentence", func(r *row) string { return r.Lifecycle.Sentence }),
			few("location", func(r *row) string { return r.Lifecycle.Location }),
			few("region", func(r *row) string { return r.Lifecycle.Region }),
			few("posting", func(r *row) string { return string(r.Lifecycle.Posting) }),
			few("register", func(r *row) string { return r.Lifecycle.Register }),
			few("business_date", func(r *row) string { return r.Lifecycle.BusinessDate }),
			few("owner", func(r *row) string { return r.Lifecycle.Owner }),
			instants("started_at", func(r *row) time.Time { return r.Lifecycle.StartedAt }),
			instants("updated_at", func(r *row) time.Time { return r.Lifecycle.UpdatedAt }),
			instants("posted_at", func(r *row) time.Time { return r.Lifecycle.PostedAt }),
			text("posted_by", func(r *row) string { return r.Lifecycle.PostedBy }),
			instants("posting_due", func(r *row) time.Time { return r.Lifecycle.PostingDue }),
			lists("identifiers", func(r *row) []inventory.ScopedKey { return r.Lifecycle.Identifiers },
				written("", func(b []byte, k *inventory.ScopedKey) []byte { return appendScoped(b, *k) })),
			texts("items", func(r *row) []string { return r.Lifecycle.Items }),
			lists("finding_kinds", func(r *row) []inventory.Finding { return openFindings(&r.Lifecycle) },
				few("", func(f *inventory.Finding) string { return string(f.Kind) })),
			tuples("units", func(r *row) []inventory.Quantity { return r.Lifecycle.Units },
				text("uom", func(q *inventory.Quantity) string { return q.UOM }),
				decimal("quantity", func(q *inventory.Quantity) inventory.Decimal { return q.Quantity })),
			lists("steps.name", func(r *row) []inventory.StepState { return r.Lifecycle.Steps },
				few("", func(s *inventory.StepState) string { return s.String() })),
			lists("steps.outcome", func(r *row) []inventory.StepState { return r.Lifecycle.Steps },
				few("", func(s *inventory.StepState) string { return string(s.Outcome) })),
			lists("steps.lag_ms", func(r *row) []int64 { return stepLags(&r.Lifecycle) },
				number("", func(ms *int64) int64 { return *ms })),
			lists("steps.limit_ms", func(r *row) []int64 { return stepLimits(&r.Lifecycle) },
				number("", func(ms *int64) int64 { return *ms })),
			fewWritten("outline", func(b []byte, r *row) []byte { return appendOutline(b, &r.Lifecycle) }),
			written("detail", func(b []byte, r *row) []byte { return appendDetail(b, &r.Lifecycle) }),
		},
	}
}

// openFindings returns the findings that are open.
func openFindings(l *inventory.Lifecycle) []inventory.Finding {
	return slices.DeleteFunc(slices.Clone(l.Findings), func(f inventory.Finding) bool { return f.State != inventory.FindingOpen })
}

// stepLags returns how long after the start each step happened, 0 where nothing
// was heard.
func stepLags(l *inventory.Lifecycle) []int64 {
	lags := make([]int64, len(l.Steps))
	for i := range l.Steps {
		if l.Steps[i].Outcome != "" {
			lags[i] = l.Steps[i].OccurredAt.Sub(l.StartedAt).Milliseconds()
		}
	}
	return lags
}

// stepLimits returns how long after the start each step is due, 0 where it is
// not.
func stepLimits(l *inventory.Lifecycle) []int64 {
	limits := make([]int64, len(l.Steps))
	for i := range l.Steps {
		if due := l.Steps[i].ExpectedBy; !due.IsZero() {
			limits[i] = due.Sub(l.StartedAt).Milliseconds()
		}
	}
	return limits
}

// keyRow is a search key of a lifecycle.
type keyRow struct {
	search, name, lifecycle string
	partition               int
	seenAt                  time.Time
}

func newKeyAppender(into inserter) *appender[keyRow] {
	type row = keyRow
	return &appender[row]{
		insert: queries.Get("insert_lifecycle_keys"),
		into:   into,
		compare: func(a, b *row) int {
			if c := strings.Compare(a.search, b.search); c != 0 {
				return c
			}
			return cmp.Or(strings.Compare(a.name, b.name), strings.Compare(a.lifecycle, b.lifecycle), cmp.Compare(a.partition, b.partition))
		},
		columns: []column[row]{
			text("search", func(r *row) string { return r.search }),
			few("name", func(r *row) string { return r.name }),
			text("lifecycle_id", func(r *row) string { return r.lifecycle }),
			number("partition", func(r *row) uint16 { return small(r.partition) }),
			instants("seen_at", func(r *row) time.Time { return r.seenAt }),
		},
	}
}

// WriteLifecycles implements lifecycle.Store. Search keys are written first: one
// that leads to nothing yet harms nobody, a lifecycle nobody can find does.
func (s *Store) WriteLifecycles(ctx context.Context, rows []lifecycle.Row) error {
	var keys []keyRow
	for i := range rows {
		l := &rows[i].Lifecycle
		for _, k := range rows[i].NewKeys {
			for _, search := range inventory.SearchKeys(k.Name, k.Value, l.Location, l.Register) {
				keys = append(keys, keyRow{search, k.Name, l.ID, rows[i].Partition, l.UpdatedAt})
			}
		}
	}
	if err := s.keys.write(ctx, keys); err != nil {
		return fmt.Errorf("write search keys: %w", err)
	}
	if err := s.lifecycles.write(ctx, rows); err != nil {
		return fmt.Errorf("write lifecycles: %w", err)
	}
	return nil
}

var (
	componentLifecyclesQuery = queries.Get("component_lifecycles")
	componentFindingsQuery   = queries.Get("component_findings")
	openComponentsQuery      = queries.Get("open_components")
)

// Components implements lifecycle.Store.
func (s *Store) Components(ctx context.Context, partition int, roots []inventory.ScopedKey) (map[inventory.ScopedKey]lifecycle.Component, error) {
	components := make(map[inventory.ScopedKey]lifecycle.Component)
	update := func(component string, change func(*lifecycle.Component)) error {
		root, err := scopedKey(component)
		if err != nil {
			return err
		}
		c := components[root]
		c.Root = root
		change(&c)
		components[root] = c
		return nil
	}
	for part := range pieces(roots, keyLength) {
		params := Params{"partition": partition, "components": keyStrings(part)}
		err := s.Each(ctx, componentLifecyclesQuery, params, func(scan func(...any) error) error {
			var l lifecycle.StoredLifecycle
			var component string
			var identifiers []string
			if err := scan(&l.ID, &component, &identifiers, &l.ComputedAt); err != nil {
				return err
			}
			l.ComputedAt = instant(l.ComputedAt)
			var err error
			if l.Identifiers, err = scopedKeys(identifiers); err != nil {
				return err
			}
			return update(component, func(c *lifecycle.Component) { c.Lifecycles = append(c.Lifecycles, l) })
		})
		if err != nil {
			return nil, err
		}
		err = s.Each(ctx, componentFindingsQuery, params, func(scan func(...any) error) error {
			var id, component string
			if err := scan(&id, &component); err != nil {
				return err
			}
			return update(component, func(c *lifecycle.Component) { c.Findings = append(c.Findings, id) })
		})
		if err != nil {
			return nil, err
		}
	}
	return components, nil
}

// OpenComponents implements lifecycle.Store.
func (s *Store) OpenComponents(ctx context.Context, partition int, yield func(root inventory.ScopedKey)) error {
	return s.Each(ctx, openComponentsQuery, Params{"partition": partition}, func(scan func(...any) error) error {
		var component string
		if err := scan(&component); err != nil {
			return err
		}
		k, err := scopedKey(component)
		if err != nil {
			return err
		}
		yield(k)
		return nil
	})
}

var allLifecyclesQuery = queries.Get("all_lifecycles")

// EachLifecycle calls yield with the newest row of every lifecycle that is not
// deleted, in no particular order. Findings and NewKeys are not part of it.
func (s *Store) EachLifecycle(ctx context.Context, yield func(lifecycle.Row) error) error {
	return s.Each(ctx, allLifecyclesQuery, nil, func(scan func(...any) error) error {
		row, err := scanLifecycle(scan)
		if err != nil {
			return err
		}
		return yield(row)
	})
}

// scanLifecycle reads the columns of all_lifecycles.sql.
func scanLifecycle(scan func(...any) error) (lifecycle.Row, error) {
	var (
		row                                                 lifecycle.Row
		partition                                           uint16
		version                                             big.Int
		deleted                                             uint8
		component, state, verdict, posting, outline, detail string
		identifiers                                         []string
	)
	l := &row.Lifecycle
	if err := scan(&l.ID, &partition, &component, &version, &deleted, &row.Position, &l.ComputedAt, &l.RuleVersion,
		&l.FactPosition, &l.NextAt, &l.Workflow, &state, &verdict, &l.Sentence, &l.Location, &l.Region, &posting,
		&l.Register, &l.BusinessDate, &l.Owner, &l.StartedAt, &l.UpdatedAt, &l.PostedAt, &l.PostedBy, &l.PostingDue,
		&identifiers, &l.Items, &outline, &detail); err != nil {
		return lifecycle.Row{}, err
	}
	row.Partition, row.Version, row.Deleted = int(partition), scannedVersion(&version), deleted != 0
	var err error
	if l.Component, err = scopedKey(component); err != nil {
		return lifecycle.Row{}, err
	}
	if l.Identifiers, err = scopedKeys(identifiers); err != nil {
		return lifecycle.Row{}, err
	}
	l.State, l.Verdict, l.Posting = inventory.State(state), inventory.Verdict(verdict), inventory.Posting(posting)
	for _, t := range []*time.Time{&l.ComputedAt, &l.NextAt, &l.StartedAt, &l.UpdatedAt, &l.PostedAt, &l.PostingDue} {
		*t = instant(*t)
	}
	if len(l.Items) == 0 {
		l.Items = nil
	}
	if err := decodeDetail(outline, []byte(detail), l); err != nil {
		return lifecycle.Row{}, err
	}
	return row, nil
}

// scannedVersion takes a stored version apart.
func scannedVersion(v *big.Int) lifecycle.Version {
	epoch := new(big.Int).Rsh(v, 64)
	revision := new(big.Int).Sub(v, new(big.Int).Lsh(epoch, 64))
	return lifecycle.Version{Epoch: epoch.Uint64(), Revision: revision.Uint64()}
}
