-- What a message says of a lifecycle: its workflow, and its receipt as printed,
-- which stands in the detail.
SELECT id, workflow, outline, detail
FROM lifecycles FINAL
WHERE deleted = 0 AND id IN {ids:Array(String)}
