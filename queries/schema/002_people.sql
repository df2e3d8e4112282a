-- What people made of a finding.
ALTER TABLE findings
    ADD COLUMN IF NOT EXISTS resolution_note String CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS acknowledged_by LowCardinality(String),
    ADD COLUMN IF NOT EXISTS acknowledged_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)), -- 1970 unless acknowledged
    ADD COLUMN IF NOT EXISTS assignee LowCardinality(String),
    ADD COLUMN IF NOT EXISTS ticket String CODEC(ZSTD(1));

-- What people did, for those who ask who did what: the same is in events, where
-- the engine reads it. Of one id told twice the first received counts.
CREATE TABLE IF NOT EXISTS actions
(
    id           String CODEC(ZSTD(1)),
    received_at  DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    batch        String CODEC(ZSTD(1)),
    filter       String CODEC(ZSTD(1)),
    verb         LowCardinality(String),
    by           LowCardinality(String),
    via          LowCardinality(String),
    about        String CODEC(ZSTD(1)), -- a key of the component it is about, as name:value
    merged_with  String CODEC(ZSTD(1)), -- one of the other component of a merge
    lifecycle_id String CODEC(ZSTD(1)), -- as the lifecycle was called then
    finding_id   String CODEC(ZSTD(1)),
    assignee     String CODEC(ZSTD(1)),
    ticket       String CODEC(ZSTD(1)),
    resolution   LowCardinality(String),
    note         String CODEC(ZSTD(1)),
    records      Array(String) CODEC(ZSTD(1)),
    undoes       String CODEC(ZSTD(1)),
    INDEX by_about about TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_finding finding_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree
ORDER BY (received_at, id)
SETTINGS index_granularity = 1024, non_replicated_deduplication_window = 1000,
    min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1,
    fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 3600;
