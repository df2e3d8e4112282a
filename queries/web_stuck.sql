-- Lifecycles that an open finding holds up at a step, whatever their age; of one
-- workflow, or of all where none is given.
SELECT step, uniqExact(lifecycle_id)
FROM findings FINAL
WHERE deleted = 0 AND state = 'open' AND severity != 'info' AND step != '' AND lifecycle_id != ''
    AND ({workflow:String} = '' OR lifecycle_id IN
        (SELECT id FROM lifecycles FINAL WHERE deleted = 0 AND workflow = {workflow:String}))
GROUP BY step
