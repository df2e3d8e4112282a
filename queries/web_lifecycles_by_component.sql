-- Lifecycles of components. While one moves, two partitions may have it: the one
-- that was computed last knows more.
SELECT
    id, partition, component, version, deleted, position, computed_at, rule_version, fact_position,
    next_at, workflow, state, verdict, sentence, location, region, posting, register, business_date,
    owner, started_at, updated_at, posted_at, posted_by, posting_due, identifiers, items, outline, detail
FROM lifecycles FINAL
WHERE component IN {components:Array(String)} AND deleted = 0
ORDER BY computed_at DESC, partition
LIMIT 1 BY id
