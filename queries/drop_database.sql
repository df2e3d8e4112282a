-- Before a backup takes its place, and only where it holds no row.
DROP DATABASE {database:Identifier} SYNC
