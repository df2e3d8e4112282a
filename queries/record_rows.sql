-- How many rows each record identity has physically, before any merge has
-- dropped a repetition: what "exactly once" is held to.
SELECT record_id, count() AS rows, uniqExact(content) AS contents
FROM events
GROUP BY record_id
