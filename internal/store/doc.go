// Package store is the memory of stocktrace: ClickHouse, embedded or a server,
// through one client, one protocol and the same statements.
//
// It implements lifecycle.Store and what pages, objectives and alerts read. The
// statements are those of package queries; the schema is brought up to date when
// a store is opened.
//
// # What holds whatever happens
//
// A write that returned nil is on disk. A write may be repeated, whole or in
// part, after an error or a crash: every table keeps one row per identity, and
// reads see one. Rows of one identity are ordered by lease epoch and revision,
// never by time, so a paused former owner cannot overwrite its successor.
//
// Times are kept to the microsecond and in UTC. Quantities and money are exact.
package store
