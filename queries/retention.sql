-- What each table's definition says of how long rows are kept.
SELECT name, create_table_query FROM system.tables WHERE database = currentDatabase()
