-- What each system sent in the window, watermarks apart, and how long it took
-- to reach us.
SELECT
    system,
    countIf(type NOT IN ('inventory.feed.watermark', 'inventory.feed.reading')),
    countIf(outcome IN ('failed', 'rejected', 'dead_lettered')),
    quantileIf(0.5)(lag, type NOT IN ('inventory.feed.watermark', 'inventory.feed.reading')),
    quantileIf(0.99)(lag, type NOT IN ('inventory.feed.watermark', 'inventory.feed.reading'))
FROM
(
    SELECT system, type, outcome, greatest(0, dateDiff('millisecond', occurred_at, received_at)) AS lag
    FROM events FINAL
    WHERE received_at >= {since:DateTime64(6, 'UTC')} AND received_at < {until:DateTime64(6, 'UTC')}
        AND type != 'inventory.person.action'
)
GROUP BY system
