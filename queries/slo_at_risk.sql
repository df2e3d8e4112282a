-- What hung on the broken promises of (from, to], by unit of measure and by
-- currency and basis: of each lifecycle the most that one of its findings puts at
-- risk, because findings of one lifecycle are about the same goods. open_sum
-- counts what is not put right yet.
SELECT
    measure, basis, is_money, toString(sum(most)), toString(sum(most_open))
FROM
(
    SELECT
        lifecycle_id,
        risk.1 AS measure,
        risk.2 AS basis,
        risk.3 AS is_money,
        max(risk.4) AS most,
        maxIf(risk.4, state = 'open') AS most_open
    FROM findings FINAL
    ARRAY JOIN arrayConcat(
        arrayMap(u -> (u.1, '', toUInt8(0), abs(u.2)), units),
        arrayMap(a -> (a.1, a.2, toUInt8(1), abs(a.3)), amounts)) AS risk
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
    GROUP BY lifecycle_id, measure, basis, is_money
)
GROUP BY measure, basis, is_money
ORDER BY is_money, measure, basis
