-- Components with a lifecycle from which more is expected.
SELECT DISTINCT component
FROM lifecycles FINAL
WHERE partition = {partition:UInt16} AND deleted = 0 AND state = 'open'
