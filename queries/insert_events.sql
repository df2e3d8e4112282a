-- Raw rows, one per (record id, content).
INSERT INTO events
(
    entry_key, record_id, content, partition, precedence, identity_hash,
    received_at, occurred_at, transport, source, type, workflow, step, system, outcome, attempt,
    location, register, business_date, correlation_id, trace_id, mapping_version, error_code,
    keys, body, raw, raw_type, signs_off
)
