package main

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/stocktrace/stocktrace/inventory"
)

// spansPerRequest is what a gateway Collector sends at a time.
const spansPerRequest = 512

// How the sales of a workload run beside each other, in sales: while sale n is
// rung up, middleware accepts sale n-apart, and so on. ERP posts a whole batch
// under one trace id and one document number, when its last sale is postingLag
// sales old. So at any time about twelve thousand lifecycles are open.
const (
	apart      = 500
	erpBatch   = 500
	postingLag = 10_000
	stores     = 600
	registers  = 8
	perSecond  = 500 // sales, in the time the events say they occurred
)

// hop is one of the events every sale consists of.
type hop struct {
	system, step string
	service      string // service.name of who sends it
}

var hops = [...]hop{
	{"pos", "completed", "pos-gateway"},
	{"middleware", "accepted", "retail-bus"},
	{"middleware", "mapped", "retail-bus"},
	{"oms", "availability_updated", "oms"},
	{"erp", "posted", "erp-gateway"},
}

// eventsPerSale is how many events a complete sale has.
const eventsPerSale = len(hops)

// workload makes the events of sales. Everything is a function of the seed and
// the sale's number, so any event can be made again and compared.
type workload struct {
	seed  uint64
	sales int
	// start is when the first sale is rung up. The last posting lies before the
	// workload is sent, and nothing is late by what the events say.
	start time.Time
}

// newWorkload returns sales that end shortly before now.
func newWorkload(seed uint64, sales int, now time.Time) workload {
	length := time.Duration(sales+postingLag+2*erpBatch) * time.Second / perSecond
	return workload{seed, sales, now.Add(-length - time.Second).Truncate(time.Millisecond)}
}

// mix is splitmix64: well distributed numbers from small ones.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func (w workload) random(what string, n int) uint64 {
	x := w.seed
	for i := range len(what) {
		x = mix(x ^ uint64(what[i]))
	}
	return mix(x ^ uint64(n))
}

func (w workload) correlation(sale int) string {
	return fmt.Sprintf("c-%016x", w.random("correlation", sale))
}

func shop(sale int) string     { return fmt.Sprintf("%04d", 100+sale%stores) }
func register(sale int) string { return fmt.Sprintf("%02d", 1+sale/stores%registers) }

// receipt is the number as printed.
func receipt(sale int) string {
	return fmt.Sprintf("%s-%s-%06d", shop(sale), register(sale), 1+sale/(stores*registers))
}

func (w workload) traceID(sale, h int) (id pcommon.TraceID) {
	what, n := "trace", sale
	if h == eventsPerSale-1 {
		what, n = "erp batch", sale/erpBatch
	}
	for i := range 2 {
		x := w.random(what+strconv.Itoa(i), n)
		for j := range 8 {
			id[8*i+j] = byte(x >> (8 * j))
		}
	}
	return id
}

// occurred is when the event of the sale happened.
func (w workload) occurred(sale, h int) time.Time {
	at := sale + h*apart
	if h == eventsPerSale-1 {
		at = (sale/erpBatch+1)*erpBatch + postingLag
	}
	return w.start.Add(time.Duration(at) * time.Second / perSecond)
}

func eventID(sale, h int) string { return receipt(sale) + "/" + hops[h].step + "/1" }

// recordID is what stocktrace calls the event.
func recordID(sale, h int) string {
	return inventory.RecordID(hops[h].service+"/eu-1", eventID(sale, h))
}

// lines are what was sold, in the item numbers of the till or of the ERP.
func (w workload) lines(sale int, scheme string) string {
	text := "["
	for i := range w.lineCount(sale) {
		if i > 0 {
			text += ","
		}
		x := w.random("line", 4*sale+i)
		item, quantity := w.item(sale, i, scheme), 1+x>>40%3
		text += fmt.Sprintf(`{"line":"%d","item":"%s","item_scheme":"%s","quantity":"-%d","uom":"EA"}`, i+1, item, scheme, quantity)
	}
	return text + "]"
}

func (w workload) lineCount(sale int) int { return 1 + int(w.random("lines", sale)%2) }

// item numbers: the ERP's article is known to the middleware's mapping only.
func (w workload) item(sale, line int, scheme string) string {
	n := 40_000 + w.random("line", 4*sale+line)%20_000 // of twenty thousand
	if scheme == "article" {
		n += 10_000_000
	}
	return strconv.FormatUint(n, 10)
}

func (w workload) mappings(sale int) string {
	text := "["
	for i := range w.lineCount(sale) {
		if i > 0 {
			text += ","
		}
		text += fmt.Sprintf(`{"field":"lines[%d].item","from":"%s","to":"%s","version":"m-41"}`,
			i, w.item(sale, i, "sku"), w.item(sale, i, "article"))
	}
	return text + "]"
}

// span fills in an event as its system sends it, with fifteen attributes.
func (w workload) span(to ptrace.Span, sale, h int) {
	x := w.random("span", eventsPerSale*sale+h)
	end := w.occurred(sale, h)
	to.SetTraceID(w.traceID(sale, h))
	var id pcommon.SpanID
	for i := range id {
		id[i] = byte(x>>(8*i)) | 1
	}
	to.SetSpanID(id)
	to.SetName(hops[h].system + " " + hops[h].step)
	to.SetKind(ptrace.SpanKindConsumer)
	to.SetStartTimestamp(pcommon.NewTimestampFromTime(end.Add(-time.Duration(1+x%40) * time.Millisecond)))
	to.SetEndTimestamp(pcommon.NewTimestampFromTime(end))

	a := to.Attributes()
	a.EnsureCapacity(15)
	put := func(name, value string) { a.PutStr("inventory."+name, value) }
	put("event_id", eventID(sale, h))
	put("workflow", "sale")
	put("step", hops[h].step)
	put("system", hops[h].system)
	put("outcome", "ok")
	a.PutInt("inventory.attempt", 1)
	put("location", shop(sale))
	put("register", register(sale))
	put("business_date", w.start.Format(time.DateOnly))
	if h != 3 {
		put("key.receipt", receipt(sale))
	}
	if h != 4 {
		put("correlation_id", w.correlation(sale))
	}
	switch h {
	case 0:
		put("operator", strconv.FormatUint(10+w.random("operator", sale)%80, 10))
		put("device", "register-"+register(sale))
		put("transaction", `{"kind":"sale","mode":"live","status":"completed"}`)
		put("lines", w.lines(sale, "sku"))
	case 1:
		put("mapping_version", "m-41")
		a.PutStr("messaging.system", "ibmmq")
		a.PutStr("messaging.destination.name", "SALES.IN")
		a.PutStr("messaging.message.id", hex.EncodeToString(id[:]))
	case 2:
		put("mapping_version", "m-41")
		put("mappings", w.mappings(sale))
		a.PutStr("messaging.system", "ibmmq")
		a.PutInt("messaging.message.body.size", int64(700+x%900))
	case 3:
		a.PutStr("http.request.method", "POST")
		a.PutStr("url.path", "/availability/v2/stock")
		a.PutInt("http.response.status_code", 200)
		a.PutStr("server.address", "oms.internal")
		put("lines", w.lines(sale, "sku"))
	case 4:
		put("key.erp_document", strconv.Itoa(4_900_000_000+sale/erpBatch))
		a.PutStr("sap.company_code", "1000")
		a.PutInt("sap.posting.item", int64(1+sale%erpBatch))
		a.PutDouble("sap.posting.seconds", float64(x%1000)/1000)
		put("lines", w.lines(sale, "article"))
	}
}

// resource fills in who sends the hop's events.
func resource(to pcommon.Resource, service string) {
	to.Attributes().PutStr("service.name", service)
	to.Attributes().PutStr("service.instance.id", "eu-1")
	to.Attributes().PutStr("deployment.environment.name", "production")
}

// each calls yield with every event, in the order in which they are sent.
func (w workload) each(yield func(sale, h int)) {
	for t := range w.sales + postingLag + 2*erpBatch {
		for h := range eventsPerSale - 1 {
			if sale := t - h*apart; sale >= 0 && sale < w.sales {
				yield(sale, h)
			}
		}
		if batch := t - postingLag - erpBatch; batch >= 0 && batch%erpBatch == 0 {
			for sale := batch; sale < min(batch+erpBatch, w.sales); sale++ {
				yield(sale, eventsPerSale-1)
			}
		}
	}
}

// batcher puts events into requests, grouped by their sender.
type batcher struct {
	w         workload
	resources map[string]ptrace.SpanSlice
	td        ptrace.Traces
	spans     int
}

func (b *batcher) add(sale, h int) {
	if b.spans == 0 {
		b.td, b.resources = ptrace.NewTraces(), map[string]ptrace.SpanSlice{}
	}
	service := hops[h].service
	spans, ok := b.resources[service]
	if !ok {
		r := b.td.ResourceSpans().AppendEmpty()
		resource(r.Resource(), service)
		s := r.ScopeSpans().AppendEmpty()
		s.Scope().SetName("retail.inventory")
		spans = s.Spans()
		b.resources[service] = spans
	}
	b.w.span(spans.AppendEmpty(), sale, h)
	b.spans++
}

// take returns the request so far and begins the next one.
func (b *batcher) take() ptrace.Traces {
	td := b.td
	b.spans = 0
	return td
}

// requests calls yield with the whole workload, full requests but for the last.
func (w workload) requests(yield func(ptrace.Traces) error) error {
	b := batcher{w: w}
	var err error
	w.each(func(sale, h int) {
		if err != nil {
			return
		}
		if b.add(sale, h); b.spans == spansPerRequest {
			err = yield(b.take())
		}
	})
	if err == nil && b.spans > 0 {
		err = yield(b.take())
	}
	return err
}
