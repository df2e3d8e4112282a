-- The next lifecycles by id, whole: an export reads each row of the table once,
-- in the order it is stored in. The filters are those of web_lifecycles. While a
-- lifecycle moves, two partitions may have it: the one that was computed last
-- knows more.
SELECT
    id, partition, component, version, deleted, position, computed_at, rule_version, fact_position,
    next_at, workflow, state, verdict, sentence, location, region, posting, register, business_date,
    owner, started_at, updated_at, posted_at, posted_by, posting_due, identifiers, items, outline, detail
FROM lifecycles FINAL
WHERE deleted = 0
    AND ({any_id:UInt8} = 1 OR id IN {ids:Array(String)})
    AND ({workflow:String} = workflow
        OR {workflow:String} = '' AND (workflow NOT IN ('register_day', 'posting_day', 'order_stock', 'item_stock', 'shared_key') OR {any_id:UInt8} = 0 OR notEmpty({findings:Array(String)})))
    AND ({state:String} = '' OR state = {state:String})
    AND (empty({verdicts:Array(String)}) OR has({verdicts:Array(String)}, toString(verdict)))
    AND ({location:String} = '' OR location = {location:String} OR trimLeft(location, '0') = trimLeft({location:String}, '0'))
    AND ({register:String} = '' OR register = {register:String} OR trimLeft(register, '0') = trimLeft({register:String}, '0'))
    AND ({region:String} = '' OR region = {region:String})
    AND ({any_date:UInt8} = 1 OR business_date = {business_date:String})
    AND ({item:String} = '' OR has(items, {item:String}))
    AND (empty({findings:Array(String)}) OR hasAny(arrayMap(k -> toString(k), finding_kinds), {findings:Array(String)}))
    AND ({owner:String} = '' OR owner = {owner:String})
    AND if({by_received:UInt8} = 1, updated_at, started_at) >= {from:DateTime64(6, 'UTC')}
    AND ({no_end:UInt8} = 1 OR if({by_received:UInt8} = 1, updated_at, started_at) < {to:DateTime64(6, 'UTC')})
    AND id > {after_id:String}
ORDER BY id, computed_at DESC, partition
LIMIT 1 BY id
LIMIT {limit:UInt32}
