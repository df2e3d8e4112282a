-- Watermarks received since, in the order of the fact log.
SELECT
    record_id, position, received_at, system, system_instance, location, complete_through, extract, records
FROM facts FINAL
WHERE received_at >= {since:DateTime64(6, 'UTC')}
ORDER BY position, record_id
