-- What became of the promises that were over in each step of (from, to].
WITH
    toUnixTimestamp64Micro(started_at) + {within_us:Int64} AS promised,
    greatest(toUnixTimestamp64Micro(posting_due), promised) AS over_at,
    toUnixTimestamp64Micro(posted_at) AS posted,
    posted != 0 AND posted <= promised AS in_time,
    posted = 0 AND verdict IN ('unconfirmed', 'open') AND NOT has(finding_kinds, 'run_missed') AS unclear
SELECT
    intDiv(over_at, {step_us:Int64}) * {step_us:Int64} AS step_at,
    countIf(in_time),
    countIf(NOT in_time AND NOT unclear),
    countIf(unclear)
FROM lifecycles FINAL
WHERE deleted = 0
    AND workflow = {workflow:String}
    AND ({posting:String} = '' OR posting = {posting:String})
    AND toUnixTimestamp64Micro(posting_due) != 0
    AND verdict NOT IN ('withdrawn', 'not_expected', 'unclassified')
    AND over_at > toUnixTimestamp64Micro({from:DateTime64(6, 'UTC')})
    AND over_at <= toUnixTimestamp64Micro({to:DateTime64(6, 'UTC')})
GROUP BY step_at
ORDER BY step_at
