package collector

import (
	"context"
	"fmt"
	"strings"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/stocktrace/stocktrace/collector/canonical"
)

// tally counts what of a request was rejected. The upstream receiver answers
// every request that did not fail with full success, so the count takes the way
// around it: the extension puts a tally into the request's context, the
// exporter fills it, and the extension writes it into the answer.
type tally struct {
	rejected, total int // rejected counts what was refused too
	quarantined     int
	first           string // why the first one of the quarantine is there
	refused         string // why the first one was refused
	transport       string
}

type tallyKey struct{}

func withTally(ctx context.Context) (context.Context, *tally) {
	t := new(tally)
	return context.WithValue(ctx, tallyKey{}, t), t
}

// tallyOf returns the request's tally, nil where nobody asked for one.
func tallyOf(ctx context.Context) *tally {
	t, _ := ctx.Value(tallyKey{}).(*tally)
	return t
}

func (t *tally) add(transport string, batch *canonical.Batch) {
	if t == nil {
		return
	}
	t.transport = transport
	t.total += len(batch.Records) + len(batch.Rejected) + len(batch.Refused)
	t.quarantined += len(batch.Rejected)
	t.rejected += len(batch.Rejected) + len(batch.Refused)
	if t.refused == "" && len(batch.Refused) > 0 {
		t.refused = batch.Refused[0].Detail
	}
	if t.first == "" && len(batch.Rejected) > 0 {
		r := batch.Rejected[0]
		t.first = fmt.Sprintf("%s %s (quarantine entry %s)", r.Pointer, r.Detail, r.ID)
	}
}

// message is the sentence of the partial success.
func (t *tally) message() string {
	var parts []string
	if t.quarantined > 0 {
		parts = append(parts, fmt.Sprintf("%d of %d inventory records cannot be read and are kept in the quarantine; the first: %s", t.quarantined, t.total, t.first))
	}
	if n := t.rejected - t.quarantined; n > 0 {
		parts = append(parts, fmt.Sprintf("%d of %d inventory records are not stored; the first %s", n, t.total, t.refused))
	}
	return strings.Join(parts, "; ")
}

// response is an OTLP answer in either encoding.
type response interface {
	MarshalProto() ([]byte, error)
	MarshalJSON() ([]byte, error)
}

// response returns the answer that reports the tally as partial success.
func (t *tally) response() response {
	if t.transport == canonical.TransportMetrics {
		r := pmetricotlp.NewExportResponse()
		r.PartialSuccess().SetRejectedDataPoints(int64(t.rejected))
		r.PartialSuccess().SetErrorMessage(t.message())
		return r
	}
	if t.transport == canonical.TransportLogs {
		r := plogotlp.NewExportResponse()
		r.PartialSuccess().SetRejectedLogRecords(int64(t.rejected))
		r.PartialSuccess().SetErrorMessage(t.message())
		return r
	}
	r := ptraceotlp.NewExportResponse()
	r.PartialSuccess().SetRejectedSpans(int64(t.rejected))
	r.PartialSuccess().SetErrorMessage(t.message())
	return r
}
