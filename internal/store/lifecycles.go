package store

import (
	"cmp"
	"context"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/ClickHouse/ch-go/proto"

	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/lifecycle"
	"github.com/stocktrace/stocktrace/queries"
)

// lifecycleRow is a row with its detail column.
type lifecycleRow struct {
	*lifecycle.Row
	detail []byte
}

// lifecycleBlock is the columns of insert_lifecycles.sql, in its order.
type lifecycleBlock struct {
	id                                    proto.ColStr
	partition                             proto.ColUInt16
	component                             proto.ColStr
	version                               proto.ColUInt128
	deleted                               proto.ColUInt8
	position                              proto.ColUInt64
	computedAt                            *instants
	ruleVersion                           *proto.ColLowCardinality[string]
	factPosition                          proto.ColUInt64
	nextAt                                *instants
	workflow, state, verdict              *proto.ColLowCardinality[string]
	sentence                              proto.ColStr
	location, region, posting, register   *proto.ColLowCardinality[string]
	businessDate, owner                   *proto.ColLowCardinality[string]
	startedAt, updatedAt, postedAt, dueAt *instants
	postedBy                              proto.ColStr
	identifiers, items                    *proto.ColArr[string]
	findingKinds                          *proto.ColArr[string]
	units                                 *quantities
	stepName, stepOutcome                 *proto.ColArr[string]
	stepLag, stepLimit                    *proto.ColArr[int64]
	detail                                proto.ColStr

	input proto.Input
}

func newLifecycleBlock() *lifecycleBlock {
	b := &lifecycleBlock{
		computedAt: newInstants(), ruleVersion: lowCardinality(), nextAt: newInstants(),
		workflow: lowCardinality(), state: lowCardinality(), verdict: lowCardinality(),
		location: lowCardinality(), region: lowCardinality(), posting: lowCardinality(), register: lowCardinality(),
		businessDate: lowCardinality(), owner: lowCardinality(),
		startedAt: newInstants(), updatedAt: newInstants(), postedAt: newInstants(), dueAt: newInstants(),
		identifiers: new(proto.ColStr).Array(), items: new(proto.ColStr).Array(),
		findingKinds: lowCardinality().Array(), units: newQuantities(),
		stepName: lowCardinality().Array(), stepOutcome: lowCardinality().Array(),
		stepLag: new(proto.ColInt64).Array(), stepLimit: new(proto.ColInt64).Array(),
	}
	b.input = proto.Input{
		{Name: "id", Data: &b.id}, {Name: "partition", Data: &b.partition}, {Name: "component", Data: &b.component},
		{Name: "version", Data: &b.version}, {Name: "deleted", Data: &b.deleted}, {Name: "position", Data: &b.position},
		{Name: "computed_at", Data: b.computedAt}, {Name: "rule_version", Data: b.ruleVersion},
		{Name: "fact_position", Data: &b.factPosition}, {Name: "next_at", Data: b.nextAt},
		{Name: "workflow", Data: b.workflow}, {Name: "state", Data: b.state}, {Name: "verdict", Data: b.verdict},
		{Name: "sentence", Data: &b.sentence}, {Name: "location", Data: b.location}, {Name: "region", Data: b.region},
		{Name: "posting", Data: b.posting}, {Name: "register", Data: b.register},
		{Name: "business_date", Data: b.businessDate}, {Name: "owner", Data: b.owner},
		{Name: "started_at", Data: b.startedAt}, {Name: "updated_at", Data: b.updatedAt},
		{Name: "posted_at", Data: b.postedAt}, {Name: "posted_by", Data: &b.postedBy},
		{Name: "posting_due", Data: b.dueAt}, {Name: "identifiers", Data: b.identifiers}, {Name: "items", Data: b.items},
		{Name: "finding_kinds", Data: b.findingKinds}, {Name: "units", Data: b.units},
		{Name: "steps.name", Data: b.stepName}, {Name: "steps.outcome", Data: b.stepOutcome},
		{Name: "steps.lag_ms", Data: b.stepLag}, {Name: "steps.limit_ms", Data: b.stepLimit},
		{Name: "detail", Data: &b.detail},
	}
	return b
}

func (b *lifecycleBlock) columns() proto.Input { return b.input }

func (b *lifecycleBlock) add(row *lifecycleRow) {
	l := &row.Lifecycle
	b.id.Append(l.ID)
	b.partition.Append(uint16(row.Partition))
	b.component.Append(l.Component.String())
	b.version.Append(rowVersion(row.Version))
	b.deleted.Append(flag(row.Deleted))
	b.position.Append(row.Position)
	b.computedAt.AppendRaw(stamp(l.ComputedAt))
	b.ruleVersion.Append(l.RuleVersion)
	b.factPosition.Append(l.FactPosition)
	b.nextAt.AppendRaw(stamp(l.NextAt))
	b.workflow.Append(l.Workflow)
	b.state.Append(string(l.State))
	b.verdict.Append(string(l.Verdict))
	b.sentence.Append(l.Sentence)
	b.location.Append(l.Location)
	b.region.Append(l.Region)
	b.posting.Append(string(l.Posting))
	b.register.Append(l.Register)
	b.businessDate.Append(l.BusinessDate)
	b.owner.Append(l.Owner)
	b.startedAt.AppendRaw(stamp(l.StartedAt))
	b.updatedAt.AppendRaw(stamp(l.UpdatedAt))
	b.postedAt.AppendRaw(stamp(l.PostedAt))
	b.postedBy.Append(l.PostedBy)
	b.dueAt.AppendRaw(stamp(l.PostingDue))
	for _, k := range l.Identifiers {
		b.identifiers.Data.Append(k.String())
	}
	b.identifiers.Offsets.Append(uint64(b.identifiers.Data.Rows()))
	b.items.Append(l.Items)
	for i := range l.Findings {
		if f := &l.Findings[i]; f.State == inventory.FindingOpen {
			b.findingKinds.Data.Append(string(f.Kind))
		}
	}
	b.findingKinds.Offsets.Append(uint64(b.findingKinds.Data.Rows()))
	for _, u := range l.Units {
		b.units.uom.Append(u.UOM)
		b.units.quantity.Append(fixed(u.Quantity))
	}
	b.units.end()
	for i := range l.Steps {
		s := &l.Steps[i]
		b.stepName.Data.Append(s.String())
		b.stepOutcome.Data.Append(string(s.Outcome))
		var lag, limit int64
		if s.Outcome != "" {
			lag = s.OccurredAt.Sub(l.StartedAt).Milliseconds()
		}
		if !s.ExpectedBy.IsZero() {
			limit = s.ExpectedBy.Sub(l.StartedAt).Milliseconds()
		}
		b.stepLag.Data.Append(lag)
		b.stepLimit.Data.Append(limit)
	}
	b.stepName.Offsets.Append(uint64(b.stepName.Data.Rows()))
	b.stepOutcome.Offsets.Append(uint64(b.stepOutcome.Data.Rows()))
	b.stepLag.Offsets.Append(uint64(b.stepLag.Data.Rows()))
	b.stepLimit.Offsets.Append(uint64(b.stepLimit.Data.Rows()))
	b.detail.AppendBytes(row.detail)
}

// quantities is an Array(Tuple(uom String, quantity Decimal(38, 9))) column.
type quantities struct {
	tuples
	uom      proto.ColStr
	quantity proto.ColDecimal128
}

func newQuantities() *quantities {
	q := new(quantities)
	q.tuples = tuples{
		kind:     "Array(Tuple(uom String, quantity Decimal(38, 9)))",
		elements: []proto.ColInput{&q.uom, &q.quantity},
	}
	return q
}

func flag(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}

func newLifecycleAppender(into inserter) *appender[lifecycleRow] {
	return &appender[lifecycleRow]{
		insert: queries.Get("insert_lifecycles"), into: into, block: newLifecycleBlock(),
		compare: func(a, b *lifecycleRow) int {
			return cmp.Or(strings.Compare(a.Lifecycle.ID, b.Lifecycle.ID), cmp.Compare(a.Partition, b.Partition))
		},
	}
}

// keyRow is a search key of a lifecycle.
type keyRow struct {
	search, name, lifecycle string
	partition               int
	seenAt                  time.Time
}

// keyBlock is the columns of insert_lifecycle_keys.sql, in its order.
type keyBlock struct {
	search    proto.ColStr
	name      *proto.ColLowCardinality[string]
	lifecycle proto.ColStr
	partition proto.ColUInt16
	seenAt    *instants

	input proto.Input
}

func newKeyBlock() *keyBlock {
	b := &keyBlock{name: lowCardinality(), seenAt: newInstants()}
	b.input = proto.Input{
		{Name: "search", Data: &b.search}, {Name: "name", Data: b.name}, {Name: "lifecycle_id", Data: &b.lifecycle},
		{Name: "partition", Data: &b.partition}, {Name: "seen_at", Data: b.seenAt},
	}
	return b
}

func (b *keyBlock) columns() proto.Input { return b.input }

func (b *keyBlock) add(r *keyRow) {
	b.search.Append(r.search)
	b.name.Append(r.name)
	b.lifecycle.Append(r.lifecycle)
	b.partition.Append(uint16(r.partition))
	b.seenAt.AppendRaw(stamp(r.seenAt))
}

func newKeyAppender(into inserter) *appender[keyRow] {
	return &appender[keyRow]{
		insert: queries.Get("insert_lifecycle_keys"), into: into, block: newKeyBlock(),
		compare: func(a, b *keyRow) int {
			return cmp.Or(strings.Compare(a.search, b.search), strings.Compare(a.name, b.name),
				strings.Compare(a.lifecycle, b.lifecycle), cmp.Compare(a.partition, b.partition))
		},
	}
}

// WriteLifecycles implements lifecycle.Store. Search keys are written first: one
// that leads to nothing yet harms nobody, a lifecycle nobody can find does.
func (s *Store) WriteLifecycles(ctx context.Context, rows []lifecycle.Row) error {
	encoded := make([]lifecycleRow, len(rows))
	var keys []keyRow
	for i := range rows {
		l := &rows[i].Lifecycle
		detail, err := encodeDetail(l)
		if err != nil {
			return err
		}
		encoded[i] = lifecycleRow{Row: &rows[i], detail: detail}
		for _, k := range rows[i].NewKeys {
			for _, search := range inventory.SearchKeys(k.Name, k.Value, l.Location, l.Register) {
				keys = append(keys, keyRow{search, k.Name, l.ID, rows[i].Partition, l.UpdatedAt})
			}
		}
	}
	if err := s.keys.write(ctx, keys); err != nil {
		return fmt.Errorf("write search keys: %w", err)
	}
	if err := s.lifecycles.write(ctx, encoded); err != nil {
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
			if err := scan(&l.ID, &component, &identifiers); err != nil {
				return err
			}
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
		row                                        lifecycle.Row
		partition                                  uint16
		version                                    big.Int
		deleted                                    uint8
		component, state, verdict, posting, detail string
		identifiers                                []string
	)
	l := &row.Lifecycle
	if err := scan(&l.ID, &partition, &component, &version, &deleted, &row.Position, &l.ComputedAt, &l.RuleVersion,
		&l.FactPosition, &l.NextAt, &l.Workflow, &state, &verdict, &l.Sentence, &l.Location, &l.Region, &posting,
		&l.Register, &l.BusinessDate, &l.Owner, &l.StartedAt, &l.UpdatedAt, &l.PostedAt, &l.PostedBy, &l.PostingDue,
		&identifiers, &l.Items, &detail); err != nil {
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
	if err := decodeDetail([]byte(detail), l); err != nil {
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
