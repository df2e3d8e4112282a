-- How much the quarantine holds, by the bytes as received, and since when. What
-- was written twice, after a crash, counts twice until it is merged.
SELECT count(), sum(size), min(received_at) FROM quarantine
