-- The findings whose newest row at the partition is live and of one of these
-- components; the inner query is as in component_lifecycles.sql.
SELECT id, component
FROM findings FINAL
WHERE partition = {partition:UInt16} AND deleted = 0 AND component IN {components:Array(String)}
    AND id IN
    (
        SELECT id FROM findings
        WHERE component IN {components:Array(String)} AND partition = {partition:UInt16}
    )
ORDER BY id
