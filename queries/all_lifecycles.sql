-- The newest row of every lifecycle at every partition.
SELECT
    id, partition, component, version, deleted, position, computed_at, rule_version, fact_position,
    next_at, workflow, state, verdict, sentence, location, region, posting, register, business_date,
    owner, started_at, updated_at, posted_at, posted_by, posting_due, identifiers, items, outline, detail
FROM lifecycles FINAL
WHERE deleted = 0
