-- For each location, what became of the promises that were over within each
-- window before as_of. A promise is over when its time has passed and the
-- workflow's own deadline too: before that the engine has not judged.
SELECT
    location, region, sumForEach(good), sumForEach(bad), sumForEach(unknown), sum(pending)
FROM
(
    SELECT
        location,
        region,
        started_at + toIntervalMicrosecond({within_us:Int64}) AS promised,
        greatest(posting_due, promised) AS over_at,
        toUnixTimestamp64Micro(posted_at) != 0 AS posted,
        posted AND posted_at <= promised AS in_time,
        NOT posted AND verdict IN ('unconfirmed', 'open') AS unclear,
        toInt64(over_at > {as_of:DateTime64(6, 'UTC')}) AS pending,
        arrayMap(s -> pending = 0 AND over_at > {as_of:DateTime64(6, 'UTC')} - toIntervalSecond(s), {windows_s:Array(UInt32)}) AS within,
        arrayMap(w -> toInt64(w AND in_time), within) AS good,
        arrayMap(w -> toInt64(w AND NOT in_time AND NOT unclear), within) AS bad,
        arrayMap(w -> toInt64(w AND unclear), within) AS unknown
    FROM lifecycles FINAL
    WHERE deleted = 0
        AND workflow = {workflow:String}
        AND ({posting:String} = '' OR posting = {posting:String})
        AND toUnixTimestamp64Micro(posting_due) != 0
        AND verdict NOT IN ('withdrawn', 'not_expected', 'unclassified')
        AND over_at > {as_of:DateTime64(6, 'UTC')} - toIntervalSecond(arrayMax({windows_s:Array(UInt32)}))
)
GROUP BY location, region
