// Package flat reads flat files by a described layout: CSV, pipe-delimited and
// fixed-width files, with or without record types.
//
//	bytes ──▶ cutter ──▶ record ──▶ Layout ──▶ draft ──▶ Item
//	          lines or    fields     roles,     an event
//	          lengths,    as text    targets    in the making
//	          quotes,
//	          encoding
//
// A [Layout] is data, best written as YAML ([ParseLayouts]): where each column
// stands and which field of the contract it becomes. [Layouts] are those that
// come with the package; they are patterns to start from, since no two retailers'
// files are alike.
//
// A transaction is read whole or not at all: one bad column of one line sends the
// whole transaction to the quarantine, with its bytes, and reading goes on behind
// it. Memory is bounded by the largest transaction.
package flat
