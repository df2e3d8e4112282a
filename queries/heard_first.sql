-- When the oldest record there is was received; 1970 where there is none.
SELECT min(received_at) FROM events
