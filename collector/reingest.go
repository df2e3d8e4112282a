package collector

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/stocktrace/stocktrace/collector/access"
	"github.com/stocktrace/stocktrace/collector/canonical"
	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/inventory"
)

// Reingester reads entries of the quarantine again, when what made them
// unreadable is mended: a mapping, a declaration, our own code.
type Reingester struct {
	intake    *intake
	documents *documentsHandler
}

// NewReingester returns a reingester; the options are the collector's.
func NewReingester(o Options) (*Reingester, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	in, err := newIntake(o)
	if err != nil {
		return nil, err
	}
	return &Reingester{in, &documentsHandler{front: &front{intake: in}, documents: &Documents{in}, find: o.Documents, zoneOf: o.ZoneOf}}, nil
}

// ErrStill wraps why an entry still cannot be read. It stays in the quarantine as
// it is.
var ErrStill = errors.New("still cannot be read")

// Reingest reads an entry again and returns how many events of it are on disk
// now. Nothing is stored unless all of the entry can be read. An event read again
// is the same record, so it lands once however often it is asked for. An error
// that does not wrap [ErrStill] is about the log: ask again.
func (g *Reingester) Reingest(ctx context.Context, q inventory.Quarantined) (events int, err error) {
	batch, err := g.read(ctx, q)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrStill, err)
	}
	if len(batch.Rejected) > 0 {
		r := batch.Rejected[0]
		return 0, fmt.Errorf("%w: %s %s", ErrStill, r.Pointer, r.Detail)
	}
	if events = len(batch.Records); events == 0 {
		return 0, fmt.Errorf("%w: there is no event in it", ErrStill)
	}
	if err := g.intake.take(access.Admitted(ctx), q.Transport, &batch); err != nil {
		return 0, err
	}
	if len(batch.Rejected) > 0 {
		return 0, fmt.Errorf("%w: %s", ErrStill, batch.Rejected[0].Detail)
	}
	return events, nil
}

func (g *Reingester) read(ctx context.Context, q inventory.Quarantined) (batch canonical.Batch, err error) {
	now := g.intake.now()
	switch {
	case q.Transport == canonical.TransportCloudEvents && q.ContentType == canonical.CloudEventType:
		record, err := canonical.FromCloudEvent(q.Raw, now)
		batch.Records = []inventory.Record{record}
		return batch, err
	case q.Transport == canonical.TransportCloudEvents && q.ContentType == canonical.CloudEventBatchType:
		return canonical.FromCloudEvents(q.Raw, now)
	case q.ContentType == canonical.TracesType, q.Transport == canonical.TransportTraces && q.ContentType == protobuf:
		td, err := new(ptrace.ProtoUnmarshaler).UnmarshalTraces(q.Raw)
		if err != nil {
			return batch, err
		}
		g.intake.privacy.Traces(td)
		return canonical.FromTraces(td, now)
	case q.ContentType == canonical.LogsType, q.Transport == canonical.TransportLogs && q.ContentType == protobuf:
		ld, err := new(plog.ProtoUnmarshaler).UnmarshalLogs(q.Raw)
		if err != nil {
			return batch, err
		}
		g.intake.privacy.Logs(ld)
		return canonical.FromLogs(ld, now)
	case q.ContentType == canonical.MetricsType, q.Transport == canonical.TransportMetrics && q.ContentType == protobuf:
		md, err := new(pmetric.ProtoUnmarshaler).UnmarshalMetrics(q.Raw)
		if err != nil {
			return batch, err
		}
		g.intake.privacy.Metrics(md)
		return canonical.FromMetrics(md, now)
	case q.Transport == canonical.TransportDocuments && g.documents.find != nil:
		return g.readDocument(ctx, q)
	default:
		return batch, fmt.Errorf("nothing here reads %s of %s", q.ContentType, q.Transport)
	}
}

func (g *Reingester) readDocument(ctx context.Context, q inventory.Quarantined) (batch canonical.Batch, err error) {
	declared := g.intake.gate.Named(q.Source)
	if declared == nil {
		declared = access.Undeclared(q.Source)
	}
	from := g.documents.from(declared, nil)
	from.Name = q.Source
	reader, err := g.documents.find(q.Raw[:min(len(q.Raw), 4<<10)], from, declared.Format)
	if err != nil {
		return batch, err
	}
	err = reader.Read(ctx, bytes.NewReader(q.Raw), from, func(item format.Item) error {
		if item.Problem == nil {
			item.Raw = g.intake.privacy.Event(&item.Event, item.RawType, item.Raw)
		}
		batch.AddItem(item, from, g.intake.now())
		return nil
	})
	return batch, err
}
