// Package access says who may send, what they may say, and how much.
//
//	token ───────┐
//	certificate ─┴▶ Gate ──▶ Source ──▶ MaySay: as whom, of which systems
//	                 ▲            └───▶ Take:   events/s, bytes/s
//	                 └ sources.yaml, tokens: read again every second
//
// A source is a sender's name with what is declared for it. The gate finds the
// source of a request by its bearer token, else by its client certificate. The
// single token of --auth-token stands for whoever runs the instance: it may say
// everything.
//
// # Tokens
//
// Only the SHA-256 of a token is stored. That is enough because a token is 256
// random bits: there is no dictionary to try, so a slow hash as for passwords
// would only slow down every request. A source may have two valid tokens, so
// that the new one is in use before the old one ends. The file of tokens is read
// again every second; a token that is revoked is refused within two.
//
// # Libraries
//
// golang.org/x/time/rate is the token bucket. The file is looked at by reading
// it, not by a notification: it is small, and notifications do not come from
// network file systems and get lost when a mounted secret is swapped.
package access
