INSERT INTO findings
(
    id, partition, component, version, deleted, kind, cause, state, severity, lifecycle_id,
    group_id, group_detail, step, system, location, region, owner, runbook,
    mapping_version, error_code, field, value, first_occurred_at, opened_at, closed_at,
    closed_by, resolution, title, sentence, action, units, amounts, evidence,
    resolution_note, acknowledged_by, acknowledged_at, assignee, ticket
)
