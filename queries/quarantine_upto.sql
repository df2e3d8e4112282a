-- What goes: what has landed, and of what waits an entry and all older ones.
WITH (received_at, id) NOT IN (SELECT received_at, id FROM quarantine_landed) AS waits
SELECT countIf(waits), sumIf(size, waits), countIf(NOT waits)
FROM quarantine
WHERE (received_at, id) <= ({at:DateTime64(6, 'UTC')}, {id:String}) OR NOT waits
