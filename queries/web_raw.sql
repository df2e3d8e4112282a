-- Everything received under one record id, first received first.
SELECT record_id, content, body, received_at, transport, raw, raw_type, partition, position
FROM events FINAL
WHERE record_id = {id:String}
ORDER BY received_at, content
