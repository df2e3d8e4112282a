-- Open findings by cause, with what they reach. A lifecycle counts once in a
-- cause; a finding about a feed has none and counts by itself. Sums are per unit
-- of measure, and per currency and value basis, which a tab keeps apart.
WITH
    if(lifecycle_id = '', id, lifecycle_id) AS affected,
    opened_at > {since:DateTime64(6, 'UTC')} AS is_recent,
    arrayFilter(l -> l != '', [toString(location)]) AS place,
    arrayMap(a -> concat(a.1, '\t', a.2), amounts) AS worth_in,
    arrayMap(a -> a.3, amounts) AS worth_each,
    sumMap(place, arrayMap(l -> toUInt64(1), place)) AS places,
    sumMap(arrayMap(u -> u.1, units), arrayMap(u -> u.2, units)) AS at_risk,
    sumMap(worth_in, worth_each) AS worth,
    sumMapIf(worth_in, worth_each, is_recent) AS recent_worth,
    sumMap([concat(group_id, '\t', group_detail)], [toUInt64(1)]) AS parts
SELECT
    kind, cause, system, step, error_code,
    if(countIf(severity = 'critical') > 0, 'critical', 'warning'),
    argMin(title, (opened_at, id)),
    argMin(sentence, (opened_at, id)),
    argMin(action, (opened_at, id)),
    argMin(owner, (opened_at, id)),
    argMin(runbook, (opened_at, id)),
    uniqExact(affected),
    uniqExactIf(affected, is_recent),
    min(opened_at),
    max(opened_at),
    arraySort(groupUniqArray(toString(region))),
    places.1, places.2,
    at_risk.1, arrayMap(q -> toString(q), at_risk.2),
    worth.1, arrayMap(v -> toString(v), worth.2),
    recent_worth.1, arrayMap(v -> toString(v), recent_worth.2),
    parts.1, parts.2,
    uniqExactIf(affected, acknowledged_by != ''),
    arraySort(groupUniqArrayIf(toString(acknowledged_by), acknowledged_by != '')),
    arraySort(groupUniqArrayIf(toString(assignee), assignee != ''))
FROM findings FINAL
WHERE deleted = 0 AND state = 'open' AND severity != 'info'
GROUP BY kind, cause, system, step, error_code
ORDER BY kind, cause, system, step, error_code
