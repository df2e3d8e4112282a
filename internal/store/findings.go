package store

import (
	"cmp"
	"context"
	"fmt"
	"math/big"
	"strings"

	"github.com/ClickHouse/ch-go/proto"

	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/lifecycle"
	"github.com/stocktrace/stocktrace/queries"
)

// findingBlock is the columns of insert_findings.sql, in its order.
type findingBlock struct {
	id                                      proto.ColStr
	partition                               proto.ColUInt16
	component                               proto.ColStr
	version                                 proto.ColUInt128
	deleted                                 proto.ColUInt8
	kind, cause, state, severity            *proto.ColLowCardinality[string]
	lifecycle, group, groupDetail           proto.ColStr
	step, system, location, region, owner   *proto.ColLowCardinality[string]
	runbook, mappingVersion, errCode, field *proto.ColLowCardinality[string]
	value                                   proto.ColStr
	occurredAt, openedAt, closedAt          *instants
	closedBy                                proto.ColStr
	resolution, title                       *proto.ColLowCardinality[string]
	sentence                                proto.ColStr
	action                                  *proto.ColLowCardinality[string]
	units                                   *quantities
	amounts                                 *amounts
	evidence                                *proto.ColArr[string]

	input proto.Input
}

func newFindingBlock() *findingBlock {
	b := &findingBlock{
		kind: lowCardinality(), cause: lowCardinality(), state: lowCardinality(), severity: lowCardinality(),
		step: lowCardinality(), system: lowCardinality(), location: lowCardinality(), region: lowCardinality(),
		owner: lowCardinality(), runbook: lowCardinality(), mappingVersion: lowCardinality(), errCode: lowCardinality(),
		field: lowCardinality(), occurredAt: newInstants(), openedAt: newInstants(), closedAt: newInstants(),
		resolution: lowCardinality(), title: lowCardinality(), action: lowCardinality(),
		units: newQuantities(), amounts: newAmounts(), evidence: new(proto.ColStr).Array(),
	}
	b.input = proto.Input{
		{Name: "id", Data: &b.id}, {Name: "partition", Data: &b.partition},
		{Name: "component", Data: &b.component}, {Name: "version", Data: &b.version},
		{Name: "deleted", Data: &b.deleted}, {Name: "kind", Data: b.kind}, {Name: "cause", Data: b.cause},
		{Name: "state", Data: b.state}, {Name: "severity", Data: b.severity}, {Name: "lifecycle_id", Data: &b.lifecycle},
		{Name: "group_id", Data: &b.group}, {Name: "group_detail", Data: &b.groupDetail}, {Name: "step", Data: b.step},
		{Name: "system", Data: b.system}, {Name: "location", Data: b.location}, {Name: "region", Data: b.region},
		{Name: "owner", Data: b.owner}, {Name: "runbook", Data: b.runbook},
		{Name: "mapping_version", Data: b.mappingVersion}, {Name: "error_code", Data: b.errCode},
		{Name: "field", Data: b.field}, {Name: "value", Data: &b.value},
		{Name: "first_occurred_at", Data: b.occurredAt}, {Name: "opened_at", Data: b.openedAt},
		{Name: "closed_at", Data: b.closedAt}, {Name: "closed_by", Data: &b.closedBy},
		{Name: "resolution", Data: b.resolution}, {Name: "title", Data: b.title}, {Name: "sentence", Data: &b.sentence},
		{Name: "action", Data: b.action}, {Name: "units", Data: b.units}, {Name: "amounts", Data: b.amounts},
		{Name: "evidence", Data: b.evidence},
	}
	return b
}

func (b *findingBlock) columns() proto.Input { return b.input }

func (b *findingBlock) add(row *lifecycle.FindingRow) {
	f := &row.Finding
	b.id.Append(f.ID)
	b.partition.Append(uint16(row.Partition))
	component := ""
	if !row.Component.IsZero() {
		component = row.Component.String()
	}
	b.component.Append(component)
	b.version.Append(rowVersion(row.Version))
	b.deleted.Append(flag(row.Deleted))
	b.kind.Append(string(f.Kind))
	b.cause.Append(string(f.Cause))
	b.state.Append(string(f.State))
	b.severity.Append(string(f.Severity))
	b.lifecycle.Append(f.LifecycleID)
	b.group.Append(f.Group)
	b.groupDetail.Append(f.GroupKey.Detail)
	b.step.Append(f.Step)
	b.system.Append(f.System)
	b.location.Append(f.Location)
	b.region.Append(f.Region)
	b.owner.Append(f.Owner)
	b.runbook.Append(f.Runbook)
	b.mappingVersion.Append(f.MappingVersion)
	b.errCode.Append(f.ErrorCode)
	b.field.Append(f.Field)
	b.value.Append(f.Value)
	b.occurredAt.AppendRaw(stamp(f.FirstOccurredAt))
	b.openedAt.AppendRaw(stamp(f.OpenedAt))
	b.closedAt.AppendRaw(stamp(f.ClosedAt))
	b.closedBy.Append(f.ClosedBy)
	b.resolution.Append(string(f.Resolution))
	b.title.Append(f.Title)
	b.sentence.Append(f.Sentence)
	b.action.Append(f.Action)
	for _, u := range f.Units {
		b.units.uom.Append(u.UOM)
		b.units.quantity.Append(fixed(u.Quantity))
	}
	b.units.end()
	for _, v := range f.Values {
		b.amounts.currency.Append(v.Currency)
		b.amounts.basis.Append(v.Basis)
		b.amounts.amount.Append(fixed(v.Amount))
	}
	b.amounts.end()
	b.evidence.Append(f.Evidence)
}

// amounts is an Array(Tuple(currency String, basis String, amount Decimal(38, 9)))
// column.
type amounts struct {
	tuples
	currency, basis proto.ColStr
	amount          proto.ColDecimal128
}

func newAmounts() *amounts {
	a := new(amounts)
	a.tuples = tuples{
		kind:     "Array(Tuple(currency String, basis String, amount Decimal(38, 9)))",
		elements: []proto.ColInput{&a.currency, &a.basis, &a.amount},
	}
	return a
}

func newFindingAppender(into inserter) *appender[lifecycle.FindingRow] {
	return &appender[lifecycle.FindingRow]{
		insert: queries.Get("insert_findings"), into: into, block: newFindingBlock(),
		compare: func(a, b *lifecycle.FindingRow) int {
			return cmp.Or(strings.Compare(a.Finding.ID, b.Finding.ID), cmp.Compare(a.Partition, b.Partition))
		},
	}
}

// WriteFindings implements lifecycle.Store.
func (s *Store) WriteFindings(ctx context.Context, rows []lifecycle.FindingRow) error {
	if err := s.findings.write(ctx, rows); err != nil {
		return fmt.Errorf("write findings: %w", err)
	}
	return nil
}

var allFindingsQuery = queries.Get("all_findings")

// EachFinding calls yield with the newest row of every finding that is not
// deleted, in no particular order.
func (s *Store) EachFinding(ctx context.Context, yield func(lifecycle.FindingRow) error) error {
	return s.Each(ctx, allFindingsQuery, nil, func(scan func(...any) error) error {
		row, err := scanFinding(scan)
		if err != nil {
			return err
		}
		return yield(row)
	})
}

// scanFinding reads the columns of all_findings.sql.
func scanFinding(scan func(...any) error) (lifecycle.FindingRow, error) {
	var (
		row                                      lifecycle.FindingRow
		kind, cause, state, severity, resolution string
		uoms, quantities                         []string
		currencies, bases, values                []string
		partition                                uint16
		component                                string
		version                                  big.Int
		deleted                                  uint8
	)
	f := &row.Finding
	if err := scan(&f.ID, &kind, &cause, &state, &severity, &f.LifecycleID, &f.Group, &f.GroupKey.Detail, &f.Step, &f.System,
		&f.Location, &f.Region, &f.Owner, &f.Runbook, &f.MappingVersion, &f.ErrorCode, &f.Field, &f.Value,
		&f.FirstOccurredAt, &f.OpenedAt, &f.ClosedAt, &f.ClosedBy, &resolution, &f.Title, &f.Sentence, &f.Action,
		&uoms, &quantities, &currencies, &bases, &values, &f.Evidence, &partition, &component,
		&version, &deleted); err != nil {
		return lifecycle.FindingRow{}, err
	}
	f.Kind, f.Cause, f.State = inventory.Kind(kind), inventory.Cause(cause), inventory.FindingState(state)
	f.Severity, f.Resolution = inventory.Severity(severity), inventory.Resolution(resolution)
	// The rest of the group's key is the finding's own.
	f.GroupKey.Kind, f.GroupKey.Cause, f.GroupKey.System, f.GroupKey.Step = f.Kind, f.Cause, f.System, f.Step
	f.FirstOccurredAt, f.OpenedAt, f.ClosedAt = instant(f.FirstOccurredAt), instant(f.OpenedAt), instant(f.ClosedAt)
	for i := range uoms {
		q, err := parseFixed(quantities[i])
		if err != nil {
			return lifecycle.FindingRow{}, fmt.Errorf("finding %q: %w", f.ID, err)
		}
		f.Units = append(f.Units, inventory.Quantity{UOM: uoms[i], Quantity: q})
	}
	for i := range currencies {
		a, err := parseFixed(values[i])
		if err != nil {
			return lifecycle.FindingRow{}, fmt.Errorf("finding %q: %w", f.ID, err)
		}
		f.Values = append(f.Values, inventory.Amount{Currency: currencies[i], Basis: bases[i], Amount: a})
	}
	if len(f.Evidence) == 0 {
		f.Evidence = nil
	}
	if component != "" {
		var err error
		if row.Component, err = scopedKey(component); err != nil {
			return lifecycle.FindingRow{}, fmt.Errorf("finding %q: %w", f.ID, err)
		}
	}
	row.Partition, row.Version, row.Deleted = int(partition), scannedVersion(&version), deleted != 0
	return row, nil
}
