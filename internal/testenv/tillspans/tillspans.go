// Package tillspans makes what benchmarks send: a till's spans, as requests of OTLP.
package tillspans

import (
	"fmt"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// Count is how many spans a request has.
const Count = 512

// Request returns the nth request of a till's spans: 15 attributes each, one line.
// No two are equal, or the log would know the second and store nothing.
func Request(tb testing.TB, nth int) []byte {
	tb.Helper()
	td := ptrace.NewTraces()
	resource := td.ResourceSpans().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", "pos")
	scope := resource.ScopeSpans().AppendEmpty()
	for k := range Count {
		i := nth*Count + k
		span := scope.Spans().AppendEmpty()
		span.SetName("sale completed")
		span.SetTraceID(pcommon.TraceID{1, byte(i >> 16), byte(i >> 8), byte(i)})
		span.SetSpanID(pcommon.SpanID{3, byte(i >> 16), byte(i >> 8), byte(i)})
		span.SetStartTimestamp(1_795_000_000_000_000_000)
		span.SetEndTimestamp(1_795_000_000_120_000_000)
		a := span.Attributes()
		a.PutStr("inventory.event_id", fmt.Sprintf("0123-04-2026-11-23-%06d/completed/1", i))
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
		a.PutStr("inventory.operator", "88")
		a.PutStr("inventory.device", "register-04")
		a.PutStr("inventory.lines", `[{"line":"1","item":"4006381333931","item_scheme":"gtin","quantity":"-2","uom":"EA","unit_value":"12.50","currency":"EUR"}]`)
		a.PutStr("deployment.environment.name", "production")
	}
	encoded, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	if err != nil {
		tb.Fatal(err)
	}
	return encoded
}
