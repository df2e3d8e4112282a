-- The oldest open findings of each of the given causes, one of a lifecycle.
SELECT kind, cause, system, step, error_code, lifecycle_id, location, sentence
FROM
(
    SELECT id, kind, cause, system, step, error_code, lifecycle_id, location, sentence, opened_at
    FROM findings FINAL
    WHERE deleted = 0 AND state = 'open' AND severity != 'info'
        AND concat(kind, '/', cause, '/', system, '/', step, '/', error_code) IN {keys:Array(String)}
    ORDER BY opened_at, id
    LIMIT 1 BY kind, cause, system, step, error_code, if(lifecycle_id = '', id, lifecycle_id)
)
ORDER BY opened_at, id
LIMIT {limit:UInt32} BY kind, cause, system, step, error_code
