-- The newest root of each of these keys, as far as the partition knows.
SELECT key, argMax(root, version)
FROM bindings
WHERE partition = {partition:UInt16} AND key IN {keys:Array(String)}
GROUP BY key
