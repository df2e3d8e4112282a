-- Entries of the quarantine that were read again and landed. They stay where they
-- are; this says that nobody needs to care for them any more.
CREATE TABLE IF NOT EXISTS quarantine_landed
(
    received_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)), -- of the entry
    id          String CODEC(ZSTD(1)),
    landed_at   DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    reingest    String CODEC(ZSTD(1)) -- which one
)
ENGINE = ReplacingMergeTree
ORDER BY (received_at, id)
SETTINGS non_replicated_deduplication_window = 1000,
    min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1,
    fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 3600;

-- Who had the quarantine read again, what was asked for and what came of it. It is
-- written when it begins and again when it ends.
CREATE TABLE IF NOT EXISTS reingests
(
    id          String CODEC(ZSTD(1)),
    received_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)), -- when it was asked for
    by          LowCardinality(String),
    via         LowCardinality(String), -- page, api or cli
    filter      String CODEC(ZSTD(1)),
    entries     UInt64, -- asked for
    landed      UInt64, -- of them
    events      UInt64, -- on disk by it
    ended       UInt8,
    ended_at    DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)), -- 1970 unless it has
    error       String CODEC(ZSTD(1)) -- what ended it before its time
)
ENGINE = ReplacingMergeTree(ended)
ORDER BY (received_at, id)
SETTINGS non_replicated_deduplication_window = 1000,
    min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1,
    fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 3600;
