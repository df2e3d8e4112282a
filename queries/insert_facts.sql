INSERT INTO facts
(
    position, record_id, received_at, system, system_instance, location,
    complete_through, extract, records
)
