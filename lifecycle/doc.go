// Package lifecycle is the engine: it stitches what systems said into one
// lifecycle per business transaction, says where each one stands and what is
// wrong, and notices what did not come.
//
// The core is [Stitch], a pure function of a set of records, facts and a time.
// Any order, any repetition: the same answer.
//
//	records ──▶ components ──▶ lifecycles ──▶ fold over arrivals ──▶ findings, verdict
//	            (shared         (no two         (assess: what holds
//	             identifying     values of one    after each arrival,
//	             keys)           key)             and from when)
//
// [Engine] runs it over a partitioned log: one owner per partition, records
// moved to the home of their component's least key, results written behind a
// low watermark of all partitions. [Verify] recomputes everything from raw
// records and compares.
//
// Finding states, all computed from first received times:
//
//	        condition holds and its time has come
//	(none) ───────────────────────────────────────▶ open
//	                                                 │ an arrival after which it no longer holds
//	                                                 ▼
//	                                               closed  recovered | disproved | replayed | reversed
package lifecycle
