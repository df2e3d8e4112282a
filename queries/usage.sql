-- What each table takes on disk. Rows count versions not merged yet, too.
SELECT
    table, sum(rows), sum(bytes_on_disk), sum(data_uncompressed_bytes), count()
FROM system.parts
WHERE active AND database = currentDatabase()
GROUP BY table
ORDER BY table
