-- Findings by cause: counted, summed, and described by the member opened first.
-- Ordered by time for a list in which they stand among their members, otherwise
-- worst first: what is only information last, then the more members are open.
WITH
    if(group_id = '', id, group_id) AS cause_id,
    arrayMap(a -> concat(a.1, '\t', a.2), amounts) AS worth_in,
    arrayMap(a -> a.3, amounts) AS worth_each,
    sumMap(arrayMap(u -> u.1, units), arrayMap(u -> u.2, units)) AS at_risk,
    sumMap(worth_in, worth_each) AS worth,
    min(opened_at) AS first_opened,
    countIf(state = 'open') AS still_open,
    argMin(severity, (opened_at, id)) AS its_severity
SELECT
    cause_id,
    argMin(kind, (opened_at, id)),
    argMin(cause, (opened_at, id)),
    its_severity,
    argMin(title, (opened_at, id)),
    argMin(sentence, (opened_at, id)),
    argMin(action, (opened_at, id)),
    argMin(system, (opened_at, id)),
    argMin(step, (opened_at, id)),
    argMin(error_code, (opened_at, id)),
    argMin(field, (opened_at, id)),
    argMin(value, (opened_at, id)),
    argMin(mapping_version, (opened_at, id)),
    argMin(owner, (opened_at, id)),
    argMin(runbook, (opened_at, id)),
    argMin(lifecycle_id, (opened_at, id)),
    count(),
    still_open,
    uniqExactIf(location, location != ''),
    anyIf(location, location != ''),
    arraySort(groupUniqArrayIf(toString(region), region != '')),
    at_risk.1, arrayMap(q -> toString(q), at_risk.2),
    worth.1, arrayMap(v -> toString(v), worth.2),
    min(first_occurred_at), first_opened, max(opened_at), max(closed_at),
    countIf(state = 'open' AND acknowledged_by != '')
FROM findings FINAL
WHERE deleted = 0
    AND ({state:String} = 'any' OR resolution != 'disproved')
    AND ({state:String} IN ('', 'any') OR state = {state:String})
    AND (empty({kinds:Array(String)}) OR has({kinds:Array(String)}, toString(kind)))
    AND ({cause:String} = '' OR cause = {cause:String})
    AND ({severity:String} = '' OR severity = {severity:String})
    AND ({owner:String} = '' OR owner = {owner:String})
    AND ({system:String} = '' OR system = {system:String})
    AND ({step:String} = '' OR step = {step:String} OR step = concat(system, ' ', {step:String}))
    AND ({location:String} = '' OR location = {location:String} OR trimLeft(location, '0') = trimLeft({location:String}, '0'))
    AND ({region:String} = '' OR region = {region:String})
    AND ({mapping_version:String} = '' OR mapping_version = {mapping_version:String})
    AND ({group:String} = '' OR if(group_id = '', id, group_id) = {group:String})
    AND ({lifecycle:String} = '' OR lifecycle_id = {lifecycle:String})
    AND ({assignee:String} = '' OR assignee = {assignee:String})
    AND (empty({ids:Array(String)}) OR id IN {ids:Array(String)})
GROUP BY cause_id
HAVING count() >= {least:UInt32}
    AND ({top:UInt8} = 1 OR (first_opened, cause_id) < ({after_at:DateTime64(6, 'UTC')}, {after_id:String}))
ORDER BY
    if({by_time:UInt8} = 1, first_opened, toDateTime64(0, 6, 'UTC')) DESC,
    if({by_time:UInt8} = 1, cause_id, '') DESC,
    its_severity = 'info',
    still_open DESC,
    indexOf(['critical', 'warning', 'info'], toString(its_severity)),
    count() DESC,
    cause_id
LIMIT {limit:UInt32}
