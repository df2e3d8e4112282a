-- Lifecycles that an open finding holds up at a step, whatever their age.
SELECT step, uniqExact(lifecycle_id)
FROM findings FINAL
WHERE deleted = 0 AND state = 'open' AND severity != 'info' AND step != '' AND lifecycle_id != ''
GROUP BY step
