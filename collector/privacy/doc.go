// Package privacy takes people out of what is stored: codes of operators,
// customers, loyalty cards and payment cards become keyed hashes, or go.
//
//	CloudEvent, JSON ──▶ JSON ─┐
//	XML fragment ──────▶ XML ──┴▶ by the names of fields: the rest stays, byte by byte
//	OTLP ──────────────▶ Attributes
//	an event ──────────▶ Event: for documents, whose formats name no fields
//	anything else ─────▶ dropped, or by patterns
//
// It is applied before anything is stored: to raw bytes, events and the
// quarantine. A hash is HMAC-SHA-256 under a secret that does not change, so one
// person has one hash, as operator and as approver, today and next year. The
// secret is kept wrapped (AES-256-GCM) under a key that is rotated: a new key
// wraps the same secret, and hashes stay.
//
// Cryptography is the standard library's. JSON and XML are read by the
// libraries that decode them elsewhere, and changed in place, so that raw bytes
// remain what was sent but for the values taken out.
package privacy
