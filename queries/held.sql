-- Which of these records have their raw row. The two lists are wider than the
-- pairs asked for; the caller compares identities.
SELECT record_id, content
FROM events
WHERE entry_key IN {entry_keys:Array(String)} AND record_id IN {record_ids:Array(String)}
