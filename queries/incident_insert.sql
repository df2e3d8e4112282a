INSERT INTO incidents (id, version, state, opened_at, updated_at, closed_at, body)
