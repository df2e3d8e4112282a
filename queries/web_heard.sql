-- When each system was last heard.
SELECT system, max(received_at)
FROM events
WHERE system != '' AND type != 'inventory.person.action'
GROUP BY system
ORDER BY system
