-- What a filter asks for, the newest first, from behind the cursor (a received time
-- and id) on; an empty text asks for nothing. Which ones they are comes first, so
-- that only their bytes are read.
SELECT q.id, q.received_at, q.source, q.transport, q.content_type, q.reason, q.pointer, q.detail, q.raw, l.landed_at, l.reingest
FROM
(
    SELECT * FROM quarantine FINAL
    WHERE (received_at, id) IN
    (
        SELECT received_at, id
        FROM quarantine
        WHERE (received_at, id) < ({before:DateTime64(6, 'UTC')}, {before_id:String})
            AND ({state:String} = 'any' OR ((received_at, id) IN (SELECT received_at, id FROM quarantine_landed)) = ({state:String} = 'landed'))
            AND ({id:String} = '' OR id = {id:String})
            AND ({source:String} = '' OR source = {source:String})
            AND ({unnamed:UInt8} = 0 OR source = '')
            AND ({transport:String} = '' OR transport = {transport:String})
            AND ({reason:String} = '' OR reason = {reason:String})
            AND received_at >= {since:DateTime64(6, 'UTC')}
            AND received_at < {until:DateTime64(6, 'UTC')}
        ORDER BY received_at DESC, id DESC
        LIMIT 1 BY received_at, id
        LIMIT {limit:UInt32}
    )
) AS q
LEFT JOIN
(
    SELECT received_at, id, min(landed_at) AS landed_at, argMin(reingest, quarantine_landed.landed_at) AS reingest
    FROM quarantine_landed
    GROUP BY received_at, id
) AS l ON q.received_at = l.received_at AND q.id = l.id
ORDER BY q.received_at DESC, q.id DESC
