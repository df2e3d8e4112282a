-- What became of the promises that were over in each step of (from, to].
SELECT
    toStartOfInterval(over_at, toIntervalSecond({step_s:UInt32})) AS at,
    countIf(in_time) AS good,
    countIf(NOT in_time AND NOT unclear) AS bad,
    countIf(unclear) AS unknown
FROM
(
    SELECT
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
)
GROUP BY at
ORDER BY at
