INSERT INTO lifecycle_keys (search, name, lifecycle_id, partition, seen_at)
