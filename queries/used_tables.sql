-- Tables that hold something besides the list of migrations.
SELECT name, assumeNotNull(total_rows)
FROM system.tables
WHERE database = currentDatabase() AND name != 'schema_migrations' AND total_rows > 0
ORDER BY name
