-- Events: one raw row per (record id, content). The entry key is a pure function
-- of the record, so all records of a lifecycle lie together under its keys.
-- Merges keep the row that entered the log first: the highest precedence is the
-- lowest position.
CREATE TABLE IF NOT EXISTS events
(
    entry_key      String CODEC(ZSTD(1)),
    record_id      String CODEC(ZSTD(1)),
    content        FixedString(16),
    partition      UInt16,
    precedence     UInt64 CODEC(Delta, ZSTD(1)),
    position       UInt64 ALIAS bitNot(precedence),
    identity_hash  UInt64 CODEC(NONE), -- of (record id, content), for the cold filter
    received_at    DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    occurred_at    DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    transport      LowCardinality(String),
    source         String CODEC(ZSTD(1)),
    type           LowCardinality(String),
    workflow       LowCardinality(String),
    step           LowCardinality(String),
    system         LowCardinality(String),
    outcome        LowCardinality(String),
    attempt        UInt16,
    location       LowCardinality(String),
    register       LowCardinality(String),
    business_date  LowCardinality(String),
    correlation_id String CODEC(ZSTD(1)),
    trace_id       String CODEC(ZSTD(1)),
    mapping_version LowCardinality(String),
    error_code     LowCardinality(String),
    keys           Array(String) CODEC(ZSTD(1)), -- name:value as sent, without correlation and trace id
    -- body is the canonical event in the log's own versioned protobuf form: what
    -- the engine reads back. raw is what the sender sent.
    body           String CODEC(ZSTD(1)),
    raw            String CODEC(ZSTD(1)),
    raw_type       LowCardinality(String),
    INDEX by_record record_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_trace trace_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(precedence)
PARTITION BY toYYYYMM(received_at)
ORDER BY (entry_key, record_id, content)
SETTINGS index_granularity = 1024, non_replicated_deduplication_window = 1000,
    min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1,
    fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 3600;

-- Echoes: which records concern a component they do not belong to (a post-void its
-- sale, a receipt its register's day), by the key they were said to. The record
-- itself is in events, under its own entry key.
CREATE TABLE IF NOT EXISTS echoes
(
    key         String CODEC(ZSTD(1)),
    entry_key   String CODEC(ZSTD(1)),
    received_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree
ORDER BY (key, entry_key)
SETTINGS index_granularity = 1024, non_replicated_deduplication_window = 1000,
    min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1,
    fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 3600;

-- Bindings: what each partition knows of the component a key belongs to. They are
-- kept for ever: a key that comes back after years still has its home.
CREATE TABLE IF NOT EXISTS bindings
(
    partition UInt16,
    key       String CODEC(ZSTD(1)),
    root      String CODEC(ZSTD(1)),
    key_hash  UInt64 CODEC(NONE), -- for the cold filter
    version   UInt128 CODEC(ZSTD(1)) -- lease epoch in the high half, revision in the low half
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (partition, key)
SETTINGS index_granularity = 1024, non_replicated_deduplication_window = 1000,
    min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1,
    fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 3600;

-- Lifecycles: the newest row per (id, home partition) that is not deleted.
-- written_at is what retention counts from: a tombstone must outlive what it
-- buries, whatever times its lifecycle names. Rows are wide (detail), and opening
-- one reads a granule of every part: granules are small.
CREATE TABLE IF NOT EXISTS lifecycles
(
    id             String CODEC(ZSTD(1)),
    partition      UInt16,
    component      String CODEC(ZSTD(1)),
    version        UInt128 CODEC(ZSTD(1)),
    deleted        UInt8,
    position       UInt64 CODEC(Delta, ZSTD(1)),
    written_at     DateTime DEFAULT now() CODEC(Delta, ZSTD(1)),
    computed_at    DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    rule_version   LowCardinality(String),
    fact_position  UInt64 CODEC(Delta, ZSTD(1)),
    next_at        DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    workflow       LowCardinality(String),
    state          LowCardinality(String),
    verdict        LowCardinality(String),
    sentence       String CODEC(ZSTD(1)),
    location       LowCardinality(String),
    region         LowCardinality(String),
    posting        LowCardinality(String),
    register       LowCardinality(String),
    business_date  LowCardinality(String),
    owner          LowCardinality(String),
    started_at     DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    updated_at     DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    posted_at      DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)), -- 1970 where not posted
    posted_by      String CODEC(ZSTD(1)),
    posting_due    DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)), -- 1970 where none is owed
    identifiers    Array(String) CODEC(ZSTD(1)),               -- scoped identifying keys, least first
    items          Array(String) CODEC(ZSTD(1)),
    finding_kinds  Array(LowCardinality(String)),              -- of its open findings
    units          Array(Tuple(uom String, quantity Decimal(38, 9))), -- sold, per unit of measure, for sums by store
    -- The steps owed or heard, for what a page asks of all lifecycles at once
    -- (lag and what waits at each hop). lag_ms and limit_ms count from
    -- started_at; outcome is empty where nothing was heard, limit_ms 0 where
    -- the step has no deadline or is not owed.
    steps Nested
    (
        name       LowCardinality(String), -- "erp posted"
        outcome    LowCardinality(String),
        lag_ms     Int64,
        limit_ms   Int64
    ),
    -- JSON. What is said of each step that many lifecycles share (title, what is
    -- owed, outcome, owner, runbook), and the rest of it: when, which records,
    -- keys, lines, units, values, related, awaits.
    outline        LowCardinality(String),
    detail         String CODEC(ZSTD(1)),
    INDEX by_component component TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_started started_at TYPE minmax GRANULARITY 1,
    INDEX by_updated updated_at TYPE minmax GRANULARITY 1,
    INDEX by_item items TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (id, partition)
SETTINGS index_granularity = 128, non_replicated_deduplication_window = 1000,
    min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1,
    fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 3600;

-- Search keys: any key, unpadded and lower case, to the lifecycles that carry it.
CREATE TABLE IF NOT EXISTS lifecycle_keys
(
    search       String CODEC(ZSTD(1)),
    name         LowCardinality(String),
    lifecycle_id String CODEC(ZSTD(1)),
    partition    UInt16,
    seen_at      DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    written_at   DateTime DEFAULT now() CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree
ORDER BY (search, name, lifecycle_id, partition)
SETTINGS index_granularity = 1024, non_replicated_deduplication_window = 1000,
    min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1,
    fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 3600;

CREATE TABLE IF NOT EXISTS findings
(
    id                String CODEC(ZSTD(1)),
    partition         UInt16,
    component         String CODEC(ZSTD(1)), -- of its lifecycle; empty for a finding about a feed
    version           UInt128 CODEC(ZSTD(1)),
    deleted           UInt8,
    kind              LowCardinality(String),
    cause             LowCardinality(String),
    state             LowCardinality(String),
    severity          LowCardinality(String),
    lifecycle_id      String CODEC(ZSTD(1)),
    group_id          String CODEC(ZSTD(1)),
    group_detail      String CODEC(ZSTD(1)),
    step              LowCardinality(String),
    system            LowCardinality(String),
    location          LowCardinality(String),
    region            LowCardinality(String),
    owner             LowCardinality(String),
    runbook           LowCardinality(String),
    mapping_version   LowCardinality(String),
    error_code        LowCardinality(String),
    field             LowCardinality(String),
    value             String CODEC(ZSTD(1)),
    first_occurred_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    opened_at         DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    closed_at         DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)), -- 1970 while open
    closed_by         String CODEC(ZSTD(1)),
    resolution        LowCardinality(String),
    title             LowCardinality(String),
    sentence          String CODEC(ZSTD(1)),
    action            LowCardinality(String),
    units             Array(Tuple(uom String, quantity Decimal(38, 9))),
    amounts           Array(Tuple(currency String, basis String, amount Decimal(38, 9))),
    evidence          Array(String) CODEC(ZSTD(1)),
    written_at        DateTime DEFAULT now() CODEC(Delta, ZSTD(1)),
    INDEX by_component component TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_lifecycle lifecycle_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (id, partition)
SETTINGS index_granularity = 1024, non_replicated_deduplication_window = 1000,
    min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1,
    fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 3600;

-- Watermarks read from events, kept apart because every verdict reads them.
CREATE TABLE IF NOT EXISTS facts
(
    position         UInt64,
    record_id        String CODEC(ZSTD(1)),
    received_at      DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    system           LowCardinality(String),
    system_instance  LowCardinality(String),
    location         LowCardinality(String),
    complete_through DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    extract          String CODEC(ZSTD(1)),
    records          Int64,
    INDEX by_received received_at TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree
ORDER BY (position, record_id)
SETTINGS non_replicated_deduplication_window = 1000,
    min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1,
    fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 3600;

-- What could not be read, with its raw bytes.
CREATE TABLE IF NOT EXISTS quarantine
(
    id           String,
    received_at  DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    source       String CODEC(ZSTD(1)),
    transport    LowCardinality(String),
    content_type LowCardinality(String),
    reason       LowCardinality(String),
    pointer      String CODEC(ZSTD(1)),
    detail       String CODEC(ZSTD(1)),
    raw          String CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree
ORDER BY (received_at, id)
SETTINGS non_replicated_deduplication_window = 1000,
    min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1,
    fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 3600;

-- Incidents: the newest row per id; the leader's epoch fences it.
CREATE TABLE IF NOT EXISTS incidents
(
    id         String,
    version    UInt128,
    state      LowCardinality(String), -- firing or resolved
    opened_at  DateTime64(6, 'UTC'),
    updated_at DateTime64(6, 'UTC'),
    closed_at  DateTime64(6, 'UTC'),
    body       String CODEC(ZSTD(3))   -- JSON: cause, reach, owner, runbook, examples, deliveries
)
ENGINE = ReplacingMergeTree(version)
ORDER BY id
SETTINGS non_replicated_deduplication_window = 1000,
    min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1,
    fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 3600;
