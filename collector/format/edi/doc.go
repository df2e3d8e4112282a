// Package edi reads the two syntaxes of electronic data interchange, X12 and
// EDIFACT (ISO 9735), into messages: what stands between ST and SE, or UNH and
// UNT, with its envelope.
//
//	bytes ──▶ scanner ──▶ Segment ──▶ envelope ──▶ Message   one transaction set
//	          delimiters              control      Closing   what an interchange says of itself
//	          release, charset        counts       Problem   bytes that belong to nothing
//
// The syntaxes differ in their delimiters and in the names of the envelope's
// segments; everything else is one machine. Memory is bounded by the largest
// message. What contradicts itself is read all the same, and told: a wrong
// control count or number is a [format.CountMismatch] of the message or, where it
// is the interchange's, of the document event that [Read] yields at its end.
//
// Packages x12 and edifact say what the messages mean.
package edi
