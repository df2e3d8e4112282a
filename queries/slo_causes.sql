-- What the findings on broken promises of (from, to] say, most frequent first.
-- What was disproved, or only informs, is no cause.
SELECT
    kind, cause, system, step, error_code, any(title), any(owner), uniqExact(lifecycle_id) AS broken
FROM findings FINAL
WHERE deleted = 0
    AND severity != 'info'
    AND resolution != 'disproved'
    AND lifecycle_id IN
    (
        SELECT id
        FROM
        (
            SELECT
                id,
                started_at + toIntervalMicrosecond({within_us:Int64}) AS promised,
                greatest(posting_due, promised) AS over_at,
                toUnixTimestamp64Micro(posted_at) != 0 AS posted,
                posted AND posted_at <= promised AS in_time,
                NOT posted AND verdict IN ('unconfirmed', 'open') AS unclear
            FROM lifecycles FINAL
            WHERE deleted = 0
                AND workflow = {workflow:String}
                AND ({posting:String} = '' OR posting = {posting:String})
                AND toUnixTimestamp64Micro(posting_due) != 0
                AND verdict NOT IN ('withdrawn', 'not_expected', 'unclassified')
                AND over_at > {from:DateTime64(6, 'UTC')}
                AND over_at <= {to:DateTime64(6, 'UTC')}
                AND NOT in_time AND NOT unclear
        )
    )
GROUP BY kind, cause, system, step, error_code
ORDER BY broken DESC, kind, cause, system, step, error_code
LIMIT {limit:UInt32}
