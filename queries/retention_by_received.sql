-- Rows of this table are kept so long from when they were received. Old parts
-- are not rewritten for it; they lose what is due when they are merged.
ALTER TABLE {table:Identifier}
MODIFY TTL toDateTime(received_at) + toIntervalSecond({seconds:UInt32})
SETTINGS materialize_ttl_after_modify = 0
