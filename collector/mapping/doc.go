// Package mapping turns documents into events as YAML files say: documents that
// no format of ours reads, and what a retailer's own system says otherwise than
// the format it uses.
//
//	document ─▶ Set.Read ─┬─ a mapping with read: ─▶ rows, JSON, XML ─▶ fields ─┐
//	                      └─ format that detects it ─▶ correct: ────────────────┴─▶ format.Item
//
// A mapping says where it applies (match), what the document leaves out
// (source), which of its values means which field (fields, correct), and how
// values are translated (tables). It is data: it can be checked before it runs,
// tried on a document, and replaced while the instance runs. docs/mapping.md
// teaches it.
//
// Nothing is guessed. A value that a table does not have stays as it was sent
// and is flagged; a number, time or unit that cannot mean what its field needs
// makes the record a problem with its place; what no field takes is counted.
package mapping
