-- The newest first, from behind the cursor (a received time and id) on.
SELECT id, received_at, source, transport, content_type, reason, pointer, detail, raw
FROM quarantine FINAL
WHERE (received_at, id) < ({before:DateTime64(6, 'UTC')}, {before_id:String})
ORDER BY received_at DESC, id DESC
LIMIT {limit:UInt32}
