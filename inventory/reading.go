package inventory

import "time"

// TypeReading is the CloudEvents type of a reading of a gauge: not a business
// event but a fact about a queue or a device (see [Reading]).
const TypeReading = "inventory.feed.reading"

// Gauge is what a reading measures.
type Gauge string

// Gauges of the contract.
const (
	// Depth is how many messages lie in a queue.
	Depth Gauge = "depth"
	// OldestAge is for how long the oldest of them has, in seconds.
	OldestAge Gauge = "oldest_age"
	// Consumed is how many were ever taken out: a counter that only grows, or
	// starts anew.
	Consumed Gauge = "consumed"
	// Heartbeat says that a system or device lives. It has no queue, and its value
	// means nothing.
	Heartbeat Gauge = "heartbeat"
)

// Gauges lists them.
var Gauges = []Gauge{Depth, OldestAge, Consumed, Heartbeat}

// Reading is what a gauge said at a time.
type Reading struct {
	System, SystemInstance, Location, Register string
	Gauge                                      Gauge
	// Queue is whose depth, age or counter it is; empty for a heartbeat.
	Queue string
	Value Decimal
}

// Measured is a reading with when it was taken, by the gauge's own clock, and
// when and where it reached us.
type Measured struct {
	Reading
	RecordID   string
	Position   uint64 // in the fact log
	At         time.Time
	ReceivedAt time.Time
}

// QueueName names a queue for people and in findings: system, instance and
// location, as a feed is called, and the queue.
func (r *Reading) QueueName() string {
	return Feed{r.System, r.SystemInstance, r.Location}.String() + " " + r.Queue
}

// Fact reports whether an event tells of a feed, a queue or a device and not of a
// transaction: it enters the fact log and belongs to no lifecycle.
func (e *Event) Fact() bool { return e.Watermark != nil || e.Reading != nil }

// Measured returns the record's reading; ok is false for other records.
func (r *Record) Measured() (m Measured, ok bool) {
	if r.Event.Reading == nil {
		return m, false
	}
	return Measured{*r.Event.Reading, r.ID, r.Position, r.Event.Time, r.ReceivedAt}, true
}
