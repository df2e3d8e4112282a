-- The disks the tables may lie on.
SELECT name, path, free_space, total_space FROM system.disks ORDER BY name
