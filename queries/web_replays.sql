-- Replays that were requested in the window, newest first.
SELECT
    record_id, entry_key, system, step, location, occurred_at, received_at,
    arrayFirst(k -> startsWith(k, 'batch:'), keys)
FROM events FINAL
WHERE outcome = 'replay_requested'
    AND received_at >= {since:DateTime64(6, 'UTC')} AND received_at < {until:DateTime64(6, 'UTC')}
ORDER BY received_at DESC, record_id DESC
LIMIT {limit:UInt32}
