-- Every root that any partition knows of the keys.
SELECT DISTINCT key, root
FROM bindings FINAL
WHERE key IN {keys:Array(String)}
