-- The newest second in which something that waits has to go for the rest of it to
-- be within a size, and how many bytes were received after it. Seconds first, because entries
-- may be too many to be sorted.
SELECT second, toUInt64(with_newer - bytes)
FROM
(
    SELECT second, bytes, sum(bytes) OVER (ORDER BY second DESC) AS with_newer
    FROM
    (
        SELECT toStartOfSecond(received_at) AS second, sum(size) AS bytes
        FROM quarantine
        WHERE (received_at, id) NOT IN (SELECT received_at, id FROM quarantine_landed)
        GROUP BY second
    )
)
WHERE with_newer > {size:UInt64}
ORDER BY second DESC
LIMIT 1
