-- What each system sent in the window, looked at closely: how many events came
-- more than five minutes after their own time, how many have a clock more than
-- five seconds ahead of ours and by how much at most, how many say they are a
-- duplicate, which keys they carry, and how many came in each 24th of the window.
SELECT
    system,
    count(),
    countIf(received_at > occurred_at + toIntervalMinute(5)),
    countIf(occurred_at > received_at + toIntervalSecond(5)),
    greatest(0, max(dateDiff('microsecond', received_at, occurred_at))),
    countIf(outcome = 'suppressed'),
    tupleElement(sumMap(names, ones) AS by_name, 1),
    tupleElement(by_name, 2),
    tupleElement(sumMap([slot], [toUInt64(1)]) AS by_slot, 1),
    tupleElement(by_slot, 2)
FROM
(
    SELECT
        system, outcome, received_at, occurred_at,
        arrayDistinct(arrayConcat(
            arrayMap(k -> substring(k, 1, position(k, ':') - 1), keys),
            if(correlation_id != '', ['correlation_id'], []),
            if(trace_id != '', ['trace_id'], []))) AS names,
        arrayMap(n -> toUInt64(1), names) AS ones,
        toUInt32(intDiv(dateDiff('microsecond', {since:DateTime64(6, 'UTC')}, received_at) * 24,
            greatest(1, dateDiff('microsecond', {since:DateTime64(6, 'UTC')}, {until:DateTime64(6, 'UTC')})))) AS slot
    FROM events FINAL
    WHERE received_at >= {since:DateTime64(6, 'UTC')} AND received_at < {until:DateTime64(6, 'UTC')}
        AND type NOT IN ('inventory.person.action', 'inventory.feed.watermark', 'inventory.feed.reading')
)
GROUP BY system
