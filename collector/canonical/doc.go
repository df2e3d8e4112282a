// Package canonical turns what senders send into the language of package
// inventory: a CloudEvent, an OTLP span or an OTLP log record becomes an
// [inventory.Record].
//
//	CloudEvent   JSON ─┐
//	span, log    OTLP ─┴─▶ draft ──▶ Event ──▶ Record (identity, content, raw)
//	                        │
//	                        └─ fields of contract.go: one table for both wires
//
// There is one table of the contract's fields (contract.go). The two decoders
// differ only in where they find a field: a CloudEvent has it at
// /data/business_date, OTLP in the attribute inventory.business_date. So an
// event means the same over either, and has the same identity.
//
// The decoders keep everything. A field the contract does not know goes to
// Attributes, and the bytes as received go to the record's Raw. What cannot be
// read is never half read: the whole event is handed back as an
// [inventory.Quarantined] that says where it is wrong and what to do.
package canonical
