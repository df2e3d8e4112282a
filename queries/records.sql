-- Raw records that entered by these keys, without what the sender sent: it
-- decides nothing.
SELECT record_id, content, body, received_at, transport, '' AS raw, raw_type, partition, position
FROM events FINAL
WHERE entry_key IN {entry_keys:Array(String)}
ORDER BY received_at, partition, position, record_id, content
