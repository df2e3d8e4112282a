-- Incidents that fire, or were over since, oldest first.
SELECT id, body
FROM incidents FINAL
WHERE state = 'firing' OR closed_at >= {since:DateTime64(6, 'UTC')}
ORDER BY opened_at, id
