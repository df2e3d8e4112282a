// Package inventory is the language of stocktrace: what an event is, how the
// identifiers of different systems name one business transaction, what a
// workflow expects, and what can be said about a lifecycle.
//
// It imports the standard library only and knows no wire: JSON, protobuf, OTLP
// and SQL forms of these types live at the edges. Everything here is plain data
// and pure functions; nothing reads a clock.
//
//	Event      one thing one system said about one business transaction at one hop
//	Record     an Event as it was received: identity, content hash, arrival time, raw bytes
//	Key        an identifier a system knows the transaction by
//	Workflow   the steps a kind of transaction owes, with deadlines
//	Lifecycle  everything said about one transaction, stitched, with a verdict
//	Finding    something wrong, with cause, hop, owner, evidence and a life
//	Watermark  a fact: how far a feed's evidence reaches
package inventory
