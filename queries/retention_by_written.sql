-- Rows of this table are kept so long from when they were written: a row's
-- successor, a tombstone too, is always kept longer than the row.
ALTER TABLE {table:Identifier}
MODIFY TTL written_at + toIntervalSecond({seconds:UInt32})
SETTINGS materialize_ttl_after_modify = 0
