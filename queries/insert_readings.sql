INSERT INTO readings
(
    position, record_id, received_at, at, system, system_instance, location, register,
    gauge, queue, value
)
