-- A window of who had the quarantine read again, newest first.
SELECT id, received_at, by, via, filter, entries, landed, events, ended_at, error
FROM reingests FINAL
WHERE ({top:UInt8} = 1 OR (received_at, id) < ({after_at:DateTime64(6, 'UTC')}, {after_id:String}))
ORDER BY received_at DESC, id DESC
LIMIT {limit:UInt32}
