// Package epcis reads GS1 EPCIS: the visibility events of 1.0 to 1.2 in XML and
// of 2.0 in XML and JSON-LD, as documents, query results, lists and single
// events, and the answers of the capture interface.
//
//	JSON-LD ──jsonread──┐
//	                    ├──▶ node ──▶ event ──▶ format.Item
//	XML ──────xmlread───┘     │          └── steps.go: what a business step means here
//	                          └── hash.go: the id of an event that names none
//
// Both syntaxes become one tree of nodes, shaped as the XML is, so an event means
// the same in either and has the same id. What a step of the Core Business
// Vocabulary (CBV) means in our workflows is one table in steps.go.
//
// Sources: EPCIS 2.0 and CBV 2.0 (ref.gs1.org/standards), and their 1.2.
package epcis
