INSERT INTO quarantine_landed (received_at, id, landed_at, reingest)
