-- A window of findings, last opened first.
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
    AND ({top:UInt8} = 1 OR (opened_at, id) < ({after_at:DateTime64(6, 'UTC')}, {after_id:String}))
ORDER BY opened_at DESC, id DESC
LIMIT 1 BY id
LIMIT {limit:UInt32}
