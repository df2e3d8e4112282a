package collector

import (
	"crypto/rand"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/stocktrace/stocktrace/collector/canonical"
)

// A request that pdata decodes is taken apart into some fifty small objects for
// each record, only to be put together again for the log. Where nothing of others
// looks at them in between, a plain request passes the Collector sealed: as the
// text of a single record, which the exporter reads. The pipeline is the same;
// what it counts is one record for each request.
//
// The field that holds the text is a span's name or a log record's severity text.
// The record's scope has a name that no sender knows, so none can forge a seal.

// sealedScope is the name of the scope of what this process sealed.
var sealedScope = rand.Text()

// Fields of the envelope around the text.
const (
	sealedName         protowire.Number = 5
	sealedSeverityText protowire.Number = 3
	sealedMost                          = 96 // bytes of an envelope
)

// seal puts a request, which stands in buffer behind sealedMost bytes, into a
// sealed one, and returns where that begins.
func seal(buffer []byte, transport string) (from int) {
	field := sealedName
	if transport == canonical.TransportLogs {
		field = sealedSeverityText
	}
	name := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), sealedScope)
	from = sealedMost
	before := func(header []byte) {
		from -= len(header)
		copy(buffer[from:], header)
	}
	inField := func(number protowire.Number) {
		header := protowire.AppendTag(nil, number, protowire.BytesType)
		before(protowire.AppendVarint(header, uint64(len(buffer)-from)))
	}
	inField(field)
	inField(2) // ScopeSpans.spans
	before(protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), name))
	inField(2) // ResourceSpans.scope_spans
	inField(1) // TracesData.resource_spans
	return from
}

// unsealTraces returns the request that is sealed in td.
func unsealTraces(td ptrace.Traces) (request string, sealed bool) {
	if td.ResourceSpans().Len() != 1 || td.ResourceSpans().At(0).ScopeSpans().Len() != 1 {
		return "", false
	}
	scope := td.ResourceSpans().At(0).ScopeSpans().At(0)
	if scope.Scope().Name() != sealedScope || scope.Spans().Len() != 1 {
		return "", false
	}
	return scope.Spans().At(0).Name(), true
}

// unsealLogs returns the request that is sealed in ld.
func unsealLogs(ld plog.Logs) (request string, sealed bool) {
	if ld.ResourceLogs().Len() != 1 || ld.ResourceLogs().At(0).ScopeLogs().Len() != 1 {
		return "", false
	}
	scope := ld.ResourceLogs().At(0).ScopeLogs().At(0)
	if scope.Scope().Name() != sealedScope || scope.LogRecords().Len() != 1 {
		return "", false
	}
	return scope.LogRecords().At(0).SeverityText(), true
}
