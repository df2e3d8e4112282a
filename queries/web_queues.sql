-- What the gauges of each queue said in the window.
SELECT
    system, system_instance, location, queue,
    toString(argMaxIf(value, at, gauge = 'depth')),
    toString(argMinIf(value, at, gauge = 'depth')),
    toString(maxIf(value, gauge = 'depth')),
    maxIf(at, gauge = 'depth'),
    countIf(gauge = 'oldest_age'),
    toString(argMaxIf(value, at, gauge = 'oldest_age')),
    max(received_at)
FROM readings FINAL
WHERE received_at >= {since:DateTime64(6, 'UTC')} AND received_at < {until:DateTime64(6, 'UTC')} AND queue != ''
GROUP BY system, system_instance, location, queue
HAVING countIf(gauge = 'depth') > 0
ORDER BY system, system_instance, location, queue
LIMIT {limit:UInt32}
