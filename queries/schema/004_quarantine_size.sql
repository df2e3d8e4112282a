-- How long what was received is: to read it costs what the bytes themselves cost.
ALTER TABLE quarantine
    ADD COLUMN IF NOT EXISTS size UInt64 DEFAULT length(raw) CODEC(T64, ZSTD(1));
