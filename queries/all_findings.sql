-- The newest row of every finding at every partition.
SELECT
    id, kind, cause, state, severity, lifecycle_id, group_id, group_detail, step, system, location,
    region, owner, runbook, mapping_version, error_code, field, value, first_occurred_at, opened_at,
    closed_at, closed_by, resolution, title, sentence, action,
    arrayMap(u -> u.1, units), arrayMap(u -> toString(u.2), units),
    arrayMap(a -> a.1, amounts), arrayMap(a -> a.2, amounts), arrayMap(a -> toString(a.3), amounts),
    evidence, partition, component, version, deleted,
    resolution_note, acknowledged_by, acknowledged_at, assignee, ticket
FROM findings FINAL
WHERE deleted = 0
