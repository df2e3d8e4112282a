-- Watermarks of some systems at some locations, which are given without leading
-- zeros, in the order of the fact log.
SELECT
    record_id, position, received_at, system, system_instance, location, complete_through, extract, records
FROM facts FINAL
WHERE system IN {systems:Array(String)}
    AND trimLeft(location, '0') IN {locations:Array(String)}
ORDER BY position, record_id
