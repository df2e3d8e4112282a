-- What could not be read, by reason and sender, the most first.
SELECT reason, source, count(), uniqExact(id), sum(size), min(received_at) AS first_at, max(received_at) AS last_at
FROM quarantine FINAL
GROUP BY reason, source
ORDER BY count() DESC, reason, source
LIMIT {limit:UInt32}
