// Package chdb runs ClickHouse inside this process. It loads libchdb, which is
// the ClickHouse engine without its server, and puts an [http.RoundTripper] and
// an [http.Handler] in front of it that answer as ClickHouse's HTTP interface
// does. clickhouse-go therefore talks to it as to any server:
//
//	engine, err := chdb.Open(chdb.Options{Path: dir})
//	conn, err := clickhouse.Open(&clickhouse.Options{
//		Protocol:      clickhouse.HTTP,
//		Addr:          []string{"embedded"},
//		TransportFunc: engine.TransportFunc,
//	})
//
// # What a request goes through
//
//	request ── a slot ── a connection ── SET, USE ── statement ── response
//	           (waits)   (kept open)     (only what  (a goroutine of its own,
//	                                      differs)    one block ahead)
//
// A connection of the engine runs one statement at a time; several connections
// run in parallel. A result is handed on block by block and an insert is read
// block by block, so neither is ever held in memory whole. A statement whose
// context ends is killed, as KILL QUERY would do it, and its connection serves
// the next one.
//
// # What differs from a server
//
// One process opens one data directory at a time, and one data directory belongs
// to one process at a time. There are no sessions, users, passwords or external
// tables, and wait_end_of_query has no effect: an error in the middle of a result
// always arrives in the result. An INSERT that arrives without any data is refused with
// NO_DATA_TO_INSERT, because clickhouse-go sends exactly that, and reports
// success, when the columns of a batch differ in length.
package chdb
