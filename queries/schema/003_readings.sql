-- Readings of gauges, read from events: depths of queues and heartbeats, in the
-- order in which they entered the log.
CREATE TABLE IF NOT EXISTS readings
(
    position        UInt64,
    record_id       String CODEC(ZSTD(1)),
    received_at     DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    at              DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    system          LowCardinality(String),
    system_instance LowCardinality(String),
    location        LowCardinality(String),
    register        LowCardinality(String),
    gauge           LowCardinality(String),
    queue           LowCardinality(String),
    value           Decimal(38, 9) CODEC(ZSTD(1)),
    INDEX by_received received_at TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree
ORDER BY (position, record_id)
SETTINGS non_replicated_deduplication_window = 1000,
    min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1,
    fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 3600;
