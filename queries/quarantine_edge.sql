-- The newest entry of a second that has to go for those after it to be within a
-- size.
SELECT received_at, id
FROM
(
    SELECT received_at, id, sum(size) OVER (ORDER BY received_at DESC, id DESC) AS with_newer
    FROM quarantine
    WHERE received_at >= {second:DateTime64(6, 'UTC')} AND received_at < {second:DateTime64(6, 'UTC')} + INTERVAL 1 SECOND
        AND (received_at, id) NOT IN (SELECT received_at, id FROM quarantine_landed)
)
WHERE with_newer > {size:UInt64}
ORDER BY received_at DESC, id DESC
LIMIT 1
