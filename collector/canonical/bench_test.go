package canonical_test

import (
	"fmt"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/stocktrace/stocktrace/collector/canonical"
	"github.com/stocktrace/stocktrace/internal/testenv/tillspans"
)

// request returns spans as a till sends them: 15 attributes and one line.
func request(spans int) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "pos")
	rs.Resource().Attributes().PutStr("service.instance.id", "0123-04")
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName("till")
	for i := range spans {
		span := ss.Spans().AppendEmpty()
		span.SetName("sale completed")
		span.SetTraceID(pcommon.TraceID{1, 2, byte(i >> 8), byte(i)})
		span.SetSpanID(pcommon.SpanID{3, byte(i >> 8), byte(i)})
		span.SetStartTimestamp(1_795_000_000_000_000_000)
		span.SetEndTimestamp(1_795_000_000_120_000_000)
		a := span.Attributes()
		a.PutStr("inventory.event_id", fmt.Sprintf("0123-04-2026-11-23-%06d/sale.completed/1", i))
		a.PutStr("inventory.correlation_id", fmt.Sprintf("c-%06d", i))
		a.PutStr("inventory.workflow", "sale")
		a.PutStr("inventory.step", "completed")
		a.PutStr("inventory.system", "pos")
		a.PutStr("inventory.outcome", "ok")
		a.PutInt("inventory.attempt", 1)
		a.PutStr("inventory.location", "0123")
		a.PutStr("inventory.register", "04")
		a.PutStr("inventory.business_date", "2026-11-23")
		a.PutStr("inventory.key.receipt", fmt.Sprintf("0123-04-%06d", i))
		a.PutStr("inventory.transaction", `{"kind":"sale","mode":"live","status":"completed"}`)
		a.PutStr("inventory.lines", `[{"line":"1","item":"4006381333931","item_scheme":"gtin","quantity":"-2","uom":"EA","bucket":"on_hand","status":"sellable","unit_value":"12.50","value_basis":"retail_gross","currency":"EUR"}]`)
		a.PutStr("deployment.environment.name", "production")
		a.PutStr("app.version", "7.4.1")
	}
	return td
}

func BenchmarkFromTraces(b *testing.B) {
	const spans = 512
	td := request(spans)
	b.ReportAllocs()
	for b.Loop() {
		batch, err := canonical.FromTraces(td, time.Now())
		if err != nil || len(batch.Records) != spans {
			b.Fatal(err, len(batch.Records), batch.Rejected)
		}
	}
}

func BenchmarkFromCloudEvent(b *testing.B) {
	raw := []byte(`{"specversion":"1.0","id":"0123-04-2026-11-23-000778/sale.completed/1","source":"/pos/store/0123/register/04","type":"inventory.sale.completed","time":"2026-11-23T10:02:54.120+01:00","correlationid":"c-7f3a","datacontenttype":"application/json","data":{"workflow":"sale","step":"completed","system":"pos","outcome":"ok","attempt":1,"location":"0123","register":"04","business_date":"2026-11-23","keys":{"receipt":"0123-04-000778"},"transaction":{"kind":"sale","mode":"live","status":"completed"},"lines":[{"line":"1","item":"4006381333931","item_scheme":"gtin","quantity":"-2","uom":"EA","bucket":"on_hand","status":"sellable","unit_value":"12.50","value_basis":"retail_gross","currency":"EUR"}]}}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := canonical.FromCloudEvent(raw, time.Now()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkReadTraces is what a span costs that is read as it was sent.
func BenchmarkReadTraces(b *testing.B) {
	request := string(tillspans.Request(b, 0))
	b.ReportAllocs()
	for b.Loop() {
		batch, err := canonical.ReadTraces(request, time.Now())
		if err != nil || len(batch.Records) != tillspans.Count {
			b.Fatal(err, len(batch.Records), batch.Rejected)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/tillspans.Count, "ns/span")
}
