// Package alerts tells people: it groups what is wrong into incidents, keeps
// each incident as one living message per receiver, and ends it when it is over.
//
// The core is pure. [Advance] takes the open incidents and what is wrong now,
// and returns the incidents that changed; [Compose] turns an incident into the
// words every receiver shares. [Manager] does the I/O around them: it runs in
// one process at a time, under the leader lease.
//
// Life of an incident (times on the retailer's clock):
//
//	        five of one cause within the hour,
//	        a silent feed, a burning budget             over for Rules.Hold
//	(none) ────────────────────────────────────▶ firing ───────────────────▶ resolved
//	                                              │  ▲                          ▲
//	                                              └──┘ numbers change           │
//	                                              │                             │
//	                                              └─────────────────────────────┘
//	                                  quiet for Rules.Quiet, and then it comes again:
//	                                  a new incident continues this one
//
// Life of its delivery to one receiver (times on the wall):
//
//	        intent stored           sent
//	(none) ───────────────▶ intended ───────────────▶ posted ──┐ content changed:
//	                         │  ▲  ▲                   ▲  │ ▲  │ updated in place
//	             failed:     └──┘  │                   │  │ └──┘
//	             wait, then look   │                   │  │
//	             whether it is     └───────────────────┼──┘ deleted there while it goes on
//	             there             found: adopted ─────┘
//
// The intent is stored before anything is sent. Whoever finds an intent that is
// not its own fresh one — after a crash, a take-over or a failed attempt — asks
// the receiver whether the message is there, and adopts it instead of sending a
// second. An outage therefore delays and never loses, and never doubles.
package alerts
