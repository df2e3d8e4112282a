// Package edifact reads the UN/EDIFACT messages of retail's inventory.
//
//	DESADV   receipt, shipped         despatch advice, by its packages (CPS)
//	RECADV   receipt, received        with what was not accepted, and why
//	INVRPT   snapshot, reported       absolute, by place; and what moved
//	SLSRPT   posting_batch, reported  what was sold, by place and period
//	APERAK   the hop it answers       accepted, or rejected with its reasons
//	CONTRL   document, received       accepted, or rejected with its reasons
//
// The syntax is package edi's. Directories from D.93A on are read alike: the
// segments meant here have kept their places, and codes were only added. Code
// lists are those of D.01B, and EANCOM's use of them.
package edifact

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/edi"
)

// Format reads EDIFACT documents. The zero value is ready for use.
type Format struct{}

// Name implements [format.Format].
func (Format) Name() string { return "edifact" }

// Detect reports whether the document begins with UNA or UNB, or with a UNH
// alone.
func (Format) Detect(head []byte, _ format.Source) bool {
	head = bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n\x00")
	if len(head) < 8 {
		return false
	}
	switch string(head[:3]) {
	case "UNA":
		rest := bytes.TrimLeft(head[min(9, len(head)):], "\r\n")
		return bytes.HasPrefix(rest, []byte("UNB")) || bytes.HasPrefix(rest, []byte("UNH"))
	case "UNB":
		return string(head[4:7]) == "UNO" || string(head[4:7]) == "UNT"
	case "UNH":
		return head[3] == '+'
	}
	return false
}

// Read implements [format.Format].
func (Format) Read(ctx context.Context, document io.Reader, source format.Source, yield func(format.Item) error) error {
	return edi.Read(ctx, document, source, edi.EDIFACT, func(m *edi.Message) []format.Item { return read(m, source) }, yield)
}

// messages are the message types that are read.
var messages = map[string]func(*reading){
	"APERAK": (*reading).applicationError,
	"CONTRL": (*reading).control,
	"DESADV": (*reading).despatchAdvice,
	"INVRPT": (*reading).inventoryReport,
	"RECADV": (*reading).receivingAdvice,
	"SLSRPT": (*reading).salesReport,
}

func read(m *edi.Message, source format.Source) []format.Item {
	kind, ok := messages[m.Type]
	if !ok {
		return []format.Item{m.Unread(fmt.Sprintf("Message type %q is not one that tells of inventory, or not read yet: it was kept, not read.", m.Type))}
	}
	r := &reading{Reading: edi.NewReading(m, source)}
	if version := m.Head.Part(2, 2); version != "D" && version != "1" && version != "2" && version != "3" && version != "4" {
		m.Note(format.NotStandard, "", fmt.Sprintf("UNH says the version %q of the message type, where D is a directory's: read as D.", version))
	}
	kind(r)
	return r.Items()
}
