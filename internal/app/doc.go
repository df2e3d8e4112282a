// Package app ties stocktrace together: it reads the settings, opens the
// technology packages and hands them to the consumers that declared them, and
// owns the order in which everything starts and stops.
//
//	Settings    every setting: a key in stocktrace.yaml, a flag, a variable
//	Lock        who uses a data directory
//	Clock       real time, or a simulated one that survives restarts
//	App         New, Start, Stop, Run
//
// Start order is the way of the data backwards: log, store, engine, pages, and
// the collector last, so that nothing is accepted that nobody could keep. Stop
// order is the reverse: the collector first, NATS last.
package app
