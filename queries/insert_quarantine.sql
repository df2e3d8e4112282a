INSERT INTO quarantine
(
    id, received_at, source, transport, content_type, reason, pointer, detail, raw
)
