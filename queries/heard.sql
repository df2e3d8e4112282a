-- In which minutes of each hour something was received of each source, from one
-- time until another. Repetitions change nothing, so rows need not be merged.
SELECT
    toDateTime64(toStartOfHour(received_at), 6, 'UTC') AS hour,
    system,
    if(has({sited:Array(String)}, system), location, '') AS place,
    if(has({tills:Array(String)}, system), register, '') AS till,
    groupBitOr(bitShiftLeft(toUInt64(1), toMinute(received_at))),
    tupleElement(max(tuple(received_at, signs_off)), 2)
FROM events
WHERE received_at >= {from:DateTime64(6, 'UTC')} AND received_at < {until:DateTime64(6, 'UTC')}
    AND type NOT IN ('inventory.person.action', 'inventory.feed.watermark', 'inventory.feed.reading')
GROUP BY hour, system, place, till
ORDER BY hour, system, place, till
