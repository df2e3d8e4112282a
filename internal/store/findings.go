package store

import (
	"cmp"
	"context"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/lifecycle"
	"github.com/stocktrace/stocktrace/queries"
)

func newFindingAppender(into inserter) *appender[lifecycle.FindingRow] {
	type row = lifecycle.FindingRow
	return &appender[row]{
		insert: queries.Get("insert_findings"),
		into:   into,
		compare: func(a, b *row) int {
			return cmp.Or(strings.Compare(a.Finding.ID, b.Finding.ID), cmp.Compare(a.Partition, b.Partition))
		},
		columns: []column[row]{
			text("id", func(r *row) string { return r.Finding.ID }),
			number("partition", func(r *row) uint16 { return small(r.Partition) }),
			written("component", func(b []byte, r *row) []byte {
				if r.Component.IsZero() {
					return b
				}
				return appendScoped(b, r.Component)
			}),
			version("version", func(r *row) lifecycle.Version { return r.Version }),
			number("deleted", func(r *row) uint8 { return flag(r.Deleted) }),
			few("kind", func(r *row) string { return string(r.Finding.Kind) }),
			few("cause", func(r *row) string { return string(r.Finding.Cause) }),
			few("state", func(r *row) string { return string(r.Finding.State) }),
			few("severity", func(r *row) string { return string(r.Finding.Severity) }),
			text("lifecycle_id", func(r *row) string { return r.Finding.LifecycleID }),
			text("group_id", func(r *row) string { return r.Finding.Group }),
			text("group_detail", func(r *row) string { return r.Finding.GroupKey.Detail }),
			few("step", func(r *row) string { return r.Finding.Step }),
			few("system", func(r *row) string { return r.Finding.System }),
			few("location", func(r *row) string { return r.Finding.Location }),
			few("region", func(r *row) string { return r.Finding.Region }),
			few("owner", func(r *row) string { return r.Finding.Owner }),
			few("runbook", func(r *row) string { return r.Finding.Runbook }),
			few("mapping_version", func(r *row) string { return r.Finding.MappingVersion }),
			few("error_code", func(r *row) string { return r.Finding.ErrorCode }),
			few("field", func(r *row) string { return r.Finding.Field }),
			text("value", func(r *row) string { return r.Finding.Value }),
			instants("first_occurred_at", func(r *row) time.Time { return r.Finding.FirstOccurredAt }),
			instants("opened_at", func(r *row) time.Time { return r.Finding.OpenedAt }),
			instants("closed_at", func(r *row) time.Time { return r.Finding.ClosedAt }),
			text("closed_by", func(r *row) string { return r.Finding.ClosedBy }),
			few("resolution", func(r *row) string { return string(r.Finding.Resolution) }),
			few("title", func(r *row) string { return r.Finding.Title }),
			text("sentence", func(r *row) string { return r.Finding.Sentence }),
			few("action", func(r *row) string { return r.Finding.Action }),
			tuples("units", func(r *row) []inventory.Quantity { return r.Finding.Units },
				text("uom", func(q *inventory.Quantity) string { return q.UOM }),
				decimal("quantity", func(q *inventory.Quantity) inventory.Decimal { return q.Quantity })),
			tuples("amounts", func(r *row) []inventory.Amount { return r.Finding.Values },
				text("currency", func(a *inventory.Amount) string { return a.Currency }),
				text("basis", func(a *inventory.Amount) string { return a.Basis }),
				decimal("amount", func(a *inventory.Amount) inventory.Decimal { return a.Amount })),
			texts("evidence", func(r *row) []string { return r.Finding.Evidence }),
			text("resolution_note", func(r *row) string { return r.Finding.ResolutionNote }),
			few("acknowledged_by", func(r *row) string { return r.Finding.AcknowledgedBy }),
			instants("acknowledged_at", func(r *row) time.Time { return r.Finding.AcknowledgedAt }),
			few("assignee", func(r *row) string { return r.Finding.Assignee }),
			text("ticket", func(r *row) string { return r.Finding.Ticket }),
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
		&version, &deleted, &f.ResolutionNote, &f.AcknowledgedBy, &f.AcknowledgedAt, &f.Assignee, &f.Ticket); err != nil {
		return lifecycle.FindingRow{}, err
	}
	f.Kind, f.Cause, f.State = inventory.Kind(kind), inventory.Cause(cause), inventory.FindingState(state)
	f.Severity, f.Resolution = inventory.Severity(severity), inventory.Resolution(resolution)
	// The rest of the group's key is the finding's own.
	f.GroupKey.Kind, f.GroupKey.Cause, f.GroupKey.System, f.GroupKey.Step = f.Kind, f.Cause, f.System, f.Step
	f.FirstOccurredAt, f.OpenedAt, f.ClosedAt = instant(f.FirstOccurredAt), instant(f.OpenedAt), instant(f.ClosedAt)
	f.AcknowledgedAt = instant(f.AcknowledgedAt)
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
