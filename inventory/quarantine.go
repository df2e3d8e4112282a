package inventory

import "time"

// Quarantined is something that could not be read, kept with its raw bytes so
// that nothing is lost and it can be tried again.
type Quarantined struct {
	ID          string // content hash of transport, source, pointer and raw bytes
	ReceivedAt  time.Time
	Source      string // who sent it, as far as known
	Transport   string
	ContentType string
	Reason      string // malformed, unreadable, contradiction, oversized; poison: a message of our own log
	Pointer     string // JSON pointer or path of what is wrong
	Detail      string // one sentence: what is wrong and what to do
	Raw         []byte
}
