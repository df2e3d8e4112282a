-- A window of what people did, newest first, with what was taken back since. An
-- action told twice under one id is the first one.
SELECT
    id, received_at, batch, filter, verb, by, via, about, merged_with, lifecycle_id, finding_id,
    assignee, ticket, resolution, note, records, undoes,
    id IN (SELECT undoes FROM actions WHERE verb = 'undo') AS undone
FROM
(
    SELECT * FROM actions
    WHERE (empty({keys:Array(String)}) OR about IN {keys:Array(String)} OR merged_with IN {keys:Array(String)})
        AND ({id:String} = '' OR id = {id:String})
        AND ({finding:String} = '' OR finding_id = {finding:String})
        AND ({by:String} = '' OR by = {by:String})
        AND ({batch:String} = '' OR batch = {batch:String})
        AND (empty({verbs:Array(String)}) OR has({verbs:Array(String)}, toString(verb)))
    ORDER BY received_at, id
    LIMIT 1 BY id
)
WHERE ({top:UInt8} = 1 OR (received_at, id) < ({after_at:DateTime64(6, 'UTC')}, {after_id:String}))
ORDER BY received_at DESC, id DESC
LIMIT {limit:UInt32}
