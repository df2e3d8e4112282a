-- For each location, what became of the promises that were over within the
-- longest window before as_of, counted by age: the greatest of steps_us, which
-- ascend from 0, that the time since does not undercut. A promise is over when
-- its time has passed and the workflow's own deadline too: before that the
-- engine has not judged. What waits for a run that was missed is open, and broken all the
-- same: it is known why it is not posted.
WITH
    toUnixTimestamp64Micro(started_at) + {within_us:Int64} AS promised,
    greatest(toUnixTimestamp64Micro(posting_due), promised) AS over_at,
    toUnixTimestamp64Micro({as_of:DateTime64(6, 'UTC')}) - over_at AS since,
    toUnixTimestamp64Micro(posted_at) AS posted
SELECT
    location,
    region,
    multiIf(
        since < 0, 'pending',
        posted != 0 AND posted <= promised, 'good',
        posted = 0 AND verdict IN ('unconfirmed', 'open') AND NOT has(finding_kinds, 'run_missed'), 'unknown',
        'bad') AS became,
    roundDown(since, {steps_us:Array(Int64)}) AS age_us,
    count()
FROM lifecycles FINAL
WHERE deleted = 0
    AND workflow = {workflow:String}
    AND ({posting:String} = '' OR posting = {posting:String})
    AND toUnixTimestamp64Micro(posting_due) != 0
    AND verdict NOT IN ('withdrawn', 'not_expected', 'unclassified')
    AND since < {longest_us:Int64}
GROUP BY location, region, became, age_us
