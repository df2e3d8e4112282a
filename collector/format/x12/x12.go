// Package x12 reads the X12 transaction sets of retail's inventory: what was
// ordered from a warehouse, announced, shipped, received, adjusted, counted and
// sold, and what partners answer to it.
//
//	856        receipt, shipped       supplier's ship notice, by its hierarchy
//	861, 944   receipt, received      with shortages, damages and returns
//	940        fulfilment, ordered    order to a warehouse to ship
//	945        fulfilment, shipped
//	943        transfer, shipped      to a warehouse
//	947        adjustment, adjusted   by reason
//	846        snapshot, reported     absolute
//	852, 867   posting_batch reported what was sold, by place and day; and a snapshot
//	894        receipt, shipped       direct store delivery (DEX)
//	824        the hop it answers     accepted, or rejected with its reasons
//	997, TA1   document, received     accepted, or rejected with its reasons
//
// The syntax is package edi's. Code lists are those of X12 004010 and later; a
// code outside of them keeps its quantity in a bucket of its own and is never
// added to another.
package x12

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/edi"
)

// Format reads X12 documents. The zero value is ready for use.
type Format struct{}

// Name implements [format.Format].
func (Format) Name() string { return "x12" }

// Detect reports whether the document begins with ISA, with the DXS of a direct
// exchange, or with a GS or a transaction set alone.
func (Format) Detect(head []byte, _ format.Source) bool {
	head = bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n\x00")
	if len(head) < 4 {
		return false
	}
	switch mark := head[3]; string(head[:3]) {
	case "ISA", "DXS":
		return !letterOrDigit(mark)
	}
	if len(head) > 6 && string(head[:2]) == "ST" && !letterOrDigit(head[2]) && head[2] == head[6] {
		_, ok := sets[string(head[3:6])]
		return ok
	}
	return string(head[:2]) == "GS" && !letterOrDigit(head[2]) && head[2] > ' ' &&
		bytes.Count(head[:min(len(head), 120)], head[2:3]) >= 8
}

func letterOrDigit(b byte) bool {
	return b >= '0' && b <= '9' || b >= 'A' && b <= 'Z' || b >= 'a' && b <= 'z'
}

// Read implements [format.Format].
func (Format) Read(ctx context.Context, document io.Reader, source format.Source, yield func(format.Item) error) error {
	return edi.Read(ctx, document, source, edi.X12, func(m *edi.Message) []format.Item { return read(m, source) }, yield)
}

// sets are the transaction sets that are read.
var sets = map[string]func(*reading){
	"824": (*reading).applicationAdvice,
	"846": (*reading).inventoryAdvice,
	"852": (*reading).productActivity,
	"856": (*reading).shipNotice,
	"861": (*reading).receivingAdvice,
	"867": (*reading).transferAndResale,
	"894": (*reading).storeDelivery,
	"940": (*reading).shippingOrder,
	"943": (*reading).transferShipment,
	"944": (*reading).stockReceipt,
	"945": (*reading).shippingAdvice,
	"947": (*reading).adjustmentAdvice,
	"997": (*reading).functionalAcknowledgment,
	"999": (*reading).functionalAcknowledgment,
	"TA1": (*reading).interchangeAcknowledgment,
}

func read(m *edi.Message, source format.Source) []format.Item {
	set, ok := sets[m.Type]
	if !ok {
		return []format.Item{m.Unread(fmt.Sprintf("Transaction set %q is not one that tells of inventory, or not read yet: it was kept, not read.", m.Type))}
	}
	r := &reading{edi.NewReading(m, source)}
	set(r)
	return r.Items()
}
