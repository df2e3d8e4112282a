-- What could not be read and has not landed since, by reason and sender, the most
-- first.
SELECT reason, source, count(), uniqExact(id), sum(size), min(received_at) AS first_at, max(received_at) AS last_at
FROM quarantine FINAL
WHERE (received_at, id) NOT IN (SELECT received_at, id FROM quarantine_landed)
GROUP BY reason, source
ORDER BY count() DESC, reason, source
LIMIT {limit:UInt32}
