-- The lifecycles whose newest row at the partition is live and of one of these
-- components. The inner query may use the index on component; only the outer
-- one decides, because an older row may name another component than the newest.
SELECT id, component, identifiers, computed_at
FROM lifecycles FINAL
WHERE partition = {partition:UInt16} AND deleted = 0 AND component IN {components:Array(String)}
    AND id IN
    (
        SELECT id FROM lifecycles
        WHERE component IN {components:Array(String)} AND partition = {partition:UInt16}
    )
ORDER BY id
