package estate

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// The hops of a sale.
var (
	posCompleted = inventory.StepRef{System: "pos", Step: "completed"}
	accepted     = inventory.StepRef{System: "middleware", Step: "accepted"}
	mapped       = inventory.StepRef{System: "middleware", Step: "mapped"}
	availability = inventory.StepRef{System: "oms", Step: "availability_updated"}
	posted       = inventory.StepRef{System: "erp", Step: "posted"}
)

// feedID is a system's export.
type feedID int

const (
	feedPOS feedID = iota
	feedMiddleware
	feedOMS
	feedERP
	feedWMS
	feedStoreApp
	feedMarketplace
	feedSupplier
	feedCount
)

var feedNames = [feedCount]string{"pos", "middleware", "oms", "erp", "wms", "store_app", "marketplace", "supplier"}

// central are the feeds that speak for all places at once; each store's tills
// speak for themselves.
var central = []feedID{feedMiddleware, feedOMS, feedERP, feedWMS, feedStoreApp, feedMarketplace, feedSupplier}

// String returns the system's name, as its watermarks say it.
func (f feedID) String() string { return feedNames[f] }

// transport is the port a message takes.
type transport int

const (
	cloudEvents transport = iota // POST /v1/events
	traces                       // OTLP gRPC
	logs                         // OTLP HTTP
)

// String returns the transport as the instance names it.
func (t transport) String() string {
	return [...]string{"cloudevents", "otlp_traces", "otlp_logs"}[t]
}

// message is one event a system sends. What it says is worked out when it is
// sent (see event): a history of many sales fits in memory.
type message struct {
	sale *sale
	feed feedID
	via  transport
	ref  inventory.StepRef
	// id is unique at its sender.
	id      string
	at      time.Time // when it happened at the hop
	send    time.Time // when its system sends it
	outcome inventory.Outcome
	attempt int
	failure *inventory.Error
	// version is the mapping version of a middleware event.
	version string
	// document and lines are what the ERP booked.
	document string
	lines    []booking
	// bare leaves lines and mappings out: the hop did not get that far.
	bare    bool
	offline bool
	// day is the business date of a store's day posted as a whole.
	day string
	// says is the event itself, of what is no sale (see dealing).
	says *inventory.Event

	seq uint64 // order of planning, which breaks ties
}

// distant reports whether the message is sent so long after what it is about began
// that the end of a run does not wait for it.
func (m *message) distant() bool { return m.says != nil && m.send.Sub(m.sale.at) > drainMost }

// source names the sender: the CloudEvents source, or what an instance makes of
// the OTLP resource.
func (m *message) source() string {
	switch {
	case m.says != nil:
		return m.says.Source
	case m.via != cloudEvents:
		name, instance := m.service()
		return name + "/" + instance
	default:
		return "/pos/store/" + m.sale.store.ID + "/register/" + m.sale.store.register(m.sale.register)
	}
}

// service is the OTLP resource: service.name and service.instance.id.
func (m *message) service() (name, instance string) {
	if m.says != nil {
		name, instance, _ = strings.Cut(m.says.Source, "/")
		return name, instance
	}
	switch m.feed {
	case feedERP:
		return "erp", m.sale.store.erp.instance
	case feedPOS:
		return "pos", m.sale.store.ID + "-" + m.sale.store.register(m.sale.register)
	default:
		return m.feed.String(), m.feed.String() + "-1"
	}
}

// recordID is the id under which the instance keeps the message.
func (m *message) recordID() string { return inventory.RecordID(m.source(), m.id) }

// weight estimates the bytes it takes on the wire, to bound requests.
func (m *message) weight() int {
	if m.says != nil {
		return 900 + 170*len(m.says.Lines)
	}
	lines := len(m.lines)
	if !m.bare && m.ref != posted {
		lines = len(m.sale.basket.Lines)
	}
	return 900 + 170*lines
}

// traceID is the sale's trace, or the one all receipts of an ERP document share.
func (m *message) traceID() string {
	if m.document != "" {
		return hexOf(32, 0, "document/"+m.document)
	}
	return hexOf(32, 0, "trace/"+m.sale.correlation)
}

func (m *message) spanID() string { return hexOf(16, 0, "span/"+m.id) }

// parentSpanID is the till's span for everything in the sale's own trace.
func (m *message) parentSpanID() string {
	if m.says != nil || m.document != "" || m.feed == feedPOS {
		return ""
	}
	return hexOf(16, 0, "span/"+saleID(m.sale, posCompleted, 1))
}

// event is what the message says.
func (m *message) event() inventory.Event {
	if m.says != nil {
		return *m.says
	}
	s := m.sale
	e := inventory.Event{
		ID: m.id, Source: m.source(), Time: m.at, TraceID: m.traceID(), SpanID: m.spanID(), ParentSpanID: m.parentSpanID(),
		Type:     "inventory." + s.basket.Workflow + "." + m.ref.Step,
		Workflow: s.basket.Workflow, Step: m.ref.Step, System: m.ref.System,
		Outcome: m.outcome, Attempt: m.attempt, Location: s.store.ID, Error: m.failure,
		MappingVersion: m.version, EnteredOffline: m.offline,
	}
	switch m.ref {
	case posCompleted:
		e.CorrelationID = s.correlation
		e.Register = s.store.register(s.register)
		e.BusinessDate = s.businessDate()
		e.Operator = strconv.Itoa(int(10 + digest("operator", uint64(s.store.index), uint64(s.at.Hour()/4))%40))
		e.Device = "register-" + e.Register
		e.Keys = []inventory.Key{{Name: inventory.KeyReceipt, Value: s.receipt()}}
		e.Transaction = inventory.Transaction{
			Kind: s.basket.Workflow, Mode: "live", Status: "completed",
			Sequence: strconv.Itoa(int(s.sequence)), SequenceMax: strconv.Itoa(maxSequence),
		}
		e.Lines = m.tillLines()
	case accepted, mapped:
		e.CorrelationID = s.correlation
		// The middleware knows the receipt as numbers.
		e.Keys = []inventory.Key{{
			Name:  inventory.KeyReceipt,
			Value: fmt.Sprintf("%s-%d-%d", inventory.Unpad(s.store.ID), s.register+1, s.sequence),
		}}
		if m.ref == mapped && !m.bare {
			for i, l := range s.basket.Lines {
				if l.Item.Stock {
					e.Mappings = append(e.Mappings, inventory.Mapping{
						Field: fmt.Sprintf("lines[%d].item", i), From: l.Item.SKU, To: l.Item.Article,
						Rule: "sku_article", Version: m.version,
					})
				}
			}
		}
	case availability:
		e.CorrelationID = s.correlation
		for i, k := range s.basket.owed {
			e.Lines = append(e.Lines, inventory.Line{
				Line: strconv.Itoa(i + 1), Item: k.item.SKU, ItemScheme: "sku", Quantity: k.quantity, UOM: k.item.UOM,
				Bucket: "available",
			})
		}
	case posted:
		if m.day == "" {
			e.Keys = []inventory.Key{{Name: inventory.KeyReceipt, Value: s.receipt()}}
		} else {
			e.CorrelationID, e.BusinessDate = s.correlation, m.day
			e.Covers = &inventory.Covers{Location: s.store.ID, BusinessDate: m.day}
		}
		if m.document != "" {
			e.Keys = append(e.Keys, inventory.Key{Name: inventory.KeyERPDocument, Value: m.document})
		}
		// Some interfaces hand the correlation id through; most ERPs drop it.
		if m.day == "" && digest("through", s.number)%20 == 0 {
			e.CorrelationID = s.correlation
		}
		for _, k := range m.lines {
			l := inventory.Line{
				Item: k.item.Article, ItemScheme: "article", Quantity: k.quantity, UOM: k.item.UOM,
				Status: "sellable", Activity: s.basket.Workflow,
			}
			if s.store.erp.namesSKU || m.day != "" {
				l.ItemIDs = []inventory.Key{{Name: "sku", Value: k.item.SKU}}
			}
			e.Lines = append(e.Lines, l)
		}
	}
	e.Normalize()
	return e
}

// tillLines are the basket's lines as the till prints them.
func (m *message) tillLines() []inventory.Line {
	s := m.sale
	lines := make([]inventory.Line, len(s.basket.Lines))
	for i, l := range s.basket.Lines {
		lines[i] = inventory.Line{
			Line: strconv.Itoa(i + 1), Item: l.Item.SKU, ItemScheme: "sku", Quantity: l.Quantity, UOM: l.Item.UOM,
			Status: "sellable", Activity: s.basket.Workflow,
			UnitValue: l.Price, ValueBasis: "retail_gross", Currency: s.store.currency,
		}
		if !l.Item.Stock {
			lines[i].Stock, lines[i].Status = "none", ""
		}
	}
	return lines
}

// saleID is the id of the n-th event about a sale at a hop.
func saleID(s *sale, ref inventory.StepRef, n int) string {
	if s.sequence == 0 {
		return fmt.Sprintf("%s/%s.%s/%d", s.correlation, s.basket.Workflow, ref.Step, n)
	}
	number := s.receipt()
	cut := strings.LastIndexByte(number, '-')
	return fmt.Sprintf("%s-%s-%s/%s.%s/%d", number[:cut], s.businessDate(), number[cut+1:], s.basket.Workflow, ref.Step, n)
}
