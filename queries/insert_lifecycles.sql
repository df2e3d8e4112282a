INSERT INTO lifecycles
(
    id, partition, component, version, deleted, position, computed_at, rule_version,
    fact_position, next_at, workflow, state, verdict, sentence, location, region, posting,
    register, business_date, owner, started_at, updated_at, posted_at, posted_by, posting_due,
    identifiers, items, finding_kinds, units,
    steps.name, steps.outcome, steps.lag_ms, steps.limit_ms, outline, detail
)
