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
        WITH
            toUnixTimestamp64Micro(started_at) + {within_us:Int64} AS promised,
            greatest(toUnixTimestamp64Micro(posting_due), promised) AS over_at,
            toUnixTimestamp64Micro(posted_at) AS posted
        SELECT id
        FROM lifecycles FINAL
        WHERE deleted = 0
            AND workflow = {workflow:String}
            AND ({posting:String} = '' OR posting = {posting:String})
            AND toUnixTimestamp64Micro(posting_due) != 0
            AND verdict NOT IN ('withdrawn', 'not_expected', 'unclassified')
            AND over_at > toUnixTimestamp64Micro({from:DateTime64(6, 'UTC')})
            AND over_at <= toUnixTimestamp64Micro({to:DateTime64(6, 'UTC')})
            AND NOT (posted != 0 AND posted <= promised)
            AND NOT (posted = 0 AND verdict IN ('unconfirmed', 'open') AND NOT has(finding_kinds, 'run_missed'))
    )
GROUP BY kind, cause, system, step, error_code
ORDER BY broken DESC, kind, cause, system, step, error_code
LIMIT {limit:UInt32}
