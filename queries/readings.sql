-- Readings received since, in the order of the fact log.
SELECT
    record_id, position, received_at, at, system, system_instance, location, register,
    gauge, queue, toString(value)
FROM readings FINAL
WHERE received_at >= {since:DateTime64(6, 'UTC')}
ORDER BY position, record_id
