-- How far each system's evidence reaches: as far as its feed that is least far.
SELECT system, min(reach), count()
FROM
(
    SELECT system, max(complete_through) AS reach
    FROM facts
    WHERE received_at >= {since:DateTime64(6, 'UTC')}
    GROUP BY system, system_instance, location
)
GROUP BY system
