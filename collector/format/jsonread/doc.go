// Package jsonread reads JSON documents of any length: a [Cursor] walks the
// document, and what the caller asks for, one event of a long list, becomes a
// [Value] with its bytes exactly as they stand.
//
//	document ──▶ Cursor ──▶ Members, Elements   walked, never held
//	                   └──▶ Value ──▶ Tree      held: one value, within Limits
//
// A Value keeps what a plain decoder loses: numbers as they are written,
// members that are given twice, the place of everything as a JSON pointer
// (RFC 6901), and which members nobody asked for.
package jsonread
