-- Whom a record concerns besides its own component, one row per key and entry key.
INSERT INTO echoes (key, entry_key, received_at)
