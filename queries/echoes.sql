-- Under which keys the records entered that concern any of these.
SELECT DISTINCT entry_key
FROM echoes
WHERE key IN {keys:Array(String)}
