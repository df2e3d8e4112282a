-- Every raw record, for whoever recomputes all there is. What the sender sent is
-- left out: it decides nothing.
SELECT record_id, content, body, received_at, transport, '' AS raw, raw_type, partition, position
FROM events FINAL
