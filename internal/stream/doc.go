// Package stream is the durable log on NATS JetStream, embedded or external,
// and what processes that share it need of each other: leases on partitions, a
// board of progress, a count of failures.
//
//	stocktrace-p-00 … stocktrace-p-07   one stream per partition   st.p.00 …
//	stocktrace-facts                    watermarks, for everyone   st.facts
//	stocktrace-quarantine               what could not be read     st.quarantine
//	stocktrace-probe                    one message, overwritten   st.probe
//	KV stocktrace-meta                  how the log is laid out
//	KV stocktrace-cursors               how far each reader has acknowledged
//	KV stocktrace-leases                sessions, and who owns which partition
//	KV stocktrace-failures              how often a message has failed
//	subjects st.board.<partition>       progress; not stored
//
// Streams are capped and discard new messages when full: what was acknowledged
// to a sender is never dropped to make room. They shrink by [Log.Trim] only.
//
// # Reading and acknowledging
//
// A partition has one reader at a time and reads in order. Its cursor is a key
// of its own, not a JetStream consumer's state, because JetStream takes an
// acknowledgement from whoever sends it: a former owner, paused and continued,
// could acknowledge past what its successor has made durable. Here every
// acknowledgement is a compare-and-set on the revision the reader wrote last,
// and opening a reader writes one, under its lease's epoch: a former reader's
// next acknowledgement, and a former owner's next reader, fail with
// [lifecycle.ErrFenced].
package stream
