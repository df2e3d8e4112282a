// Package formats is the list of the formats that stocktrace reads. It is where
// a new format is added; nothing else knows them by name.
package formats

import (
	"fmt"
	"slices"
	"strings"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/edifact"
	"github.com/stocktrace/stocktrace/collector/format/epcis"
	"github.com/stocktrace/stocktrace/collector/format/flat"
	"github.com/stocktrace/stocktrace/collector/format/idoc"
	"github.com/stocktrace/stocktrace/collector/format/poslog"
	"github.com/stocktrace/stocktrace/collector/format/ubl"
	"github.com/stocktrace/stocktrace/collector/format/webhook"
	"github.com/stocktrace/stocktrace/collector/format/x12"
)

// HeadSize is how many bytes of a document's beginning [Detect] looks at.
const HeadSize = 4 << 10

// all are the formats in the order in which they are asked whether a document is
// theirs. The first one that says yes reads it, so what is told apart by less
// stands later.
var all = slices.Concat(
	[]format.Format{
		x12.Format{},
		edifact.Format{},
		idoc.Format{},
		poslog.Format{},
		epcis.Format{},
		ubl.Format{},
	},
	webhook.Formats,
	// Any text could be of a layout, so it is asked last.
	[]format.Format{flat.Format{Layouts: flat.Layouts()}},
)

// All returns the formats in the order in which they are asked.
func All() []format.Format { return slices.Clone(all) }

// Names returns the names of all formats, in the same order.
func Names() []string {
	names := make([]string, len(all))
	for i, f := range all {
		names[i] = f.Name()
	}
	return names
}

// Named returns the format of that name.
func Named(name string) (format.Format, bool) {
	for _, f := range all {
		if f.Name() == name {
			return f, true
		}
	}
	return nil, false
}

// Detect returns the format of a document that begins with head. For the same
// head and source it is always the same one. The error is a *[format.Problem].
func Detect(head []byte, source format.Source) (format.Format, error) {
	head = head[:min(len(head), HeadSize)]
	for _, f := range all {
		if f.Detect(head, source) {
			return f, nil
		}
	}
	if len(strings.TrimSpace(string(head))) == 0 {
		return nil, &format.Problem{Detail: "The document is empty. Send it again when it is written."}
	}
	return nil, &format.Problem{Detail: fmt.Sprintf(
		"The document begins with %s and is of no format known here (%s). Name its format in a mapping, or say there how it is read: docs/mapping.md.",
		begin(head), strings.Join(Names(), ", "))}
}

// begin quotes the beginning of a document for a sentence.
func begin(head []byte) string {
	const most = 40
	text := strings.ToValidUTF8(string(head[:min(len(head), most)]), "\uFFFD")
	if len(head) > most {
		return fmt.Sprintf("%q…", text)
	}
	return fmt.Sprintf("%q", text)
}
