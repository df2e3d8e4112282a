// Package estate is a simulated retailer: stores with tills, middleware, an
// OMS and an ERP, which report their sales through the public ports of a
// stocktrace instance as real systems would, faults included.
//
//	schedule.go   which store sells what and when          (a pure function of seed and time)
//	episodes.go   outages, silent feeds, mapping gaps       (likewise)
//	flow.go       what becomes of one sale, hop by hop      → messages
//	dealing.go    what else the retailer does: a flow is a list of legs → messages, truth
//	mishap.go     what may go wrong at any leg, and with any booking
//	flow_*.go     the flows, with what may go wrong with each alone
//	days.go       stores whose days are posted as a whole   → messages, truth
//	truth.go      what must be said of it, from its messages → truth, as NDJSON
//	feed.go       each system's export: order, batches, watermarks
//	client.go     the public ports, with retries            → acknowledged record ids
//	rehearse.go   the same without an instance
//	compare.go    truth against what the instance answers
//
// Everything that is sent follows from the seed and the start: an estate that
// is killed and started again sends the same events under the same ids, so that
// nothing is lost and nothing doubles.
//
// The package imports the inventory language and never the engine: its truth
// says what happened, not what the engine computes.
package estate
