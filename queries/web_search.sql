-- Lifecycles that carry a key in one of the forms a person may have typed, the
-- last heard of first. A key row may outlive its lifecycle: who reads the
-- lifecycle notices.
SELECT lifecycle_id, arraySort(groupUniqArray(toString(name)))
FROM lifecycle_keys
WHERE search IN {forms:Array(String)}
GROUP BY lifecycle_id
ORDER BY max(seen_at) DESC, lifecycle_id
LIMIT {limit:UInt32}
