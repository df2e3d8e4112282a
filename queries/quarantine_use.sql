-- How much the quarantine holds, by the bytes as received, and how much of it
-- waits, since when. What was written twice, after a crash, counts twice until it
-- is merged.
WITH (received_at, id) NOT IN (SELECT received_at, id FROM quarantine_landed) AS waits
SELECT count(), sum(size), countIf(waits), minIf(received_at, waits) FROM quarantine
