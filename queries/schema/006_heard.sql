-- Whether what an event says takes its register out of service.
ALTER TABLE events ADD COLUMN IF NOT EXISTS signs_off UInt8 CODEC(ZSTD(1));

-- In which minutes of each hour something came of each source, of hours that are
-- over: what silence is judged by. A row without a system says that the hour's
-- rows are all there are. They are kept for ever, and outlast the events they were
-- told of: a row an hour for every source that was heard. One insert has to be one
-- part, whole or not there, so there are no partitions.
CREATE TABLE IF NOT EXISTS heard
(
    hour       DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    system     LowCardinality(String),
    location   LowCardinality(String),
    register   LowCardinality(String),
    minutes    UInt64 CODEC(ZSTD(1)), -- bit m: something came in minute m
    signed_off UInt8 CODEC(ZSTD(1)) -- the last that came took the register out of service
)
ENGINE = ReplacingMergeTree
ORDER BY (hour, system, location, register)
SETTINGS non_replicated_deduplication_window = 1000,
    min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1,
    fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 3600;
