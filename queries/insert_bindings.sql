INSERT INTO bindings (partition, key, root, key_hash, version)
