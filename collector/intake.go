package collector

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/stocktrace/stocktrace/collector/access"
	"github.com/stocktrace/stocktrace/collector/canonical"
	"github.com/stocktrace/stocktrace/collector/privacy"
	"github.com/stocktrace/stocktrace/inventory"
)

// intake makes requests durable. Every way in ends here.
type intake struct {
	publisher Publisher
	clock     Clock
	timeout   time.Duration
	metrics   *metrics
	gate      *access.Gate
	privacy   *privacy.Rules
}

// newIntake expects options with their defaults.
func newIntake(o Options) (*intake, error) {
	m, err := newMetrics(o.counts())
	if err != nil {
		return nil, err
	}
	return &intake{publisher: o.Publisher, clock: o.Clock, timeout: o.PublishTimeout, metrics: m, gate: o.Gate, privacy: o.Privacy}, nil
}

// identify finds who sends a request: by its token, else by its certificate.
func (in *intake) identify(authorization string, connection *tls.ConnectionState) (*access.Source, error) {
	who, err := in.gate.ByToken(authorization)
	if errors.Is(err, access.ErrNoToken) && connection != nil && len(connection.VerifiedChains) > 0 {
		return in.gate.ByCertificate(connection.PeerCertificates[0])
	}
	return who, err
}

// now is the received time of a request.
func (in *intake) now() time.Time { return in.clock.Now().UTC().Truncate(time.Microsecond) }

// take stores what became of a request. When it returns nil everything is on
// disk and counted; otherwise the sender has to repeat the whole request.
func (in *intake) take(ctx context.Context, transport string, batch *canonical.Batch) error {
	who := access.From(ctx)
	if err := in.admit(ctx, who, transport, batch); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, in.timeout)
	defer cancel()
	if len(batch.Records) > 0 {
		outsized, err := in.publish(ctx, batch.Records, 0)
		if err != nil {
			in.refused(transport, err)
			return fmt.Errorf("publish: %w", err)
		}
		if len(outsized) > 0 {
			batch.Outsize(outsized)
		}
	}
	if len(batch.Rejected) > 0 {
		kept, err := in.quarantine(ctx, batch.Quarantined())
		if err != nil {
			return err
		}
		for i := range kept {
			batch.Rejected[i].Quarantined = kept[i]
		}
	}
	if n := len(batch.Records); n > 0 {
		size := 0
		for i := range batch.Records {
			size += len(batch.Records[i].Raw)
		}
		in.metrics.accepted(n, transport)
		in.metrics.bytes(size, transport)
	}
	in.metrics.ofSource(who.Name, batch)
	in.foreign(transport, batch.Foreign)
	return nil
}

// publish appends records and returns the places of those that no message of the
// log takes, counted from first; all others are on disk. To find them it halves
// what does not fit: who sent it cannot know, and would repeat it for ever.
func (in *intake) publish(ctx context.Context, records []inventory.Record, first int) (outsized []int, err error) {
	err = in.publisher.Publish(ctx, records)
	if !errors.Is(err, ErrTooLarge) {
		return nil, err
	}
	if len(records) == 1 {
		return []int{first}, nil
	}
	half := len(records) / 2
	if outsized, err = in.publish(ctx, records[:half], first); err != nil {
		return nil, err
	}
	more, err := in.publish(ctx, records[half:], first+half)
	return append(outsized, more...), err
}

// admit takes out of the batch what its sender may not say, and the rest out of
// the sender's rate. It returns an error where nothing of the request is left,
// or it comes too fast.
func (in *intake) admit(ctx context.Context, who *access.Source, transport string, batch *canonical.Batch) error {
	batch.Refuse(func(e *inventory.Event) error {
		system := e.System
		if e.Watermark != nil {
			system = e.Watermark.System
		}
		return who.MaySay(e.Source, system)
	}, func(q *inventory.Quarantined) error { return who.MaySay(q.Source, "") })
	for i := range batch.Rejected {
		q := &batch.Rejected[i].Quarantined
		if q.Source == "" {
			q.Source = who.Name
		}
		in.redact(q)
	}
	if n := len(batch.Refused); n > 0 {
		if len(batch.Records)+len(batch.Rejected) == 0 {
			in.refused(transport, errOutOfScope)
			return &outOfScope{batch.Refused[0]}
		}
		in.metrics.refused(1, transport, refusal(errOutOfScope))
	}
	events, bytes := len(batch.Records)+len(batch.Rejected), 0
	for i := range batch.Records {
		bytes += len(batch.Records[i].Raw)
	}
	for i := range batch.Rejected {
		bytes += len(batch.Rejected[i].Raw)
	}
	return in.charge(ctx, who, transport, events, bytes)
}

// redact takes people out of an entry of the quarantine. A single record of OTLP
// had them taken out before it was read; a request that is no OTLP did not, and
// names its fields in a way of its own.
func (in *intake) redact(q *inventory.Quarantined) {
	if in.privacy == nil || q.ContentType == canonical.TracesType || q.ContentType == canonical.LogsType || q.ContentType == canonical.MetricsType {
		return
	}
	if q.Transport == canonical.TransportTraces || q.Transport == canonical.TransportLogs || q.Transport == canonical.TransportMetrics {
		q.Raw = in.privacy.Unparsed(q.Raw)
	} else {
		q.Raw = in.privacy.Fragment(q.ContentType, q.Raw)
	}
	q.ID = in.privacy.ID(q.ID)
}

// charge takes what a request holds out of its sender's rate.
func (in *intake) charge(ctx context.Context, who *access.Source, transport string, events, bytes int) error {
	// Rates are about real time, also where the instance's clock runs faster.
	if access.IsAdmitted(ctx) {
		who.Spend(time.Now(), events, bytes)
		return nil
	}
	if err := who.Take(time.Now(), events, bytes); err != nil {
		in.refused(transport, err)
		return err
	}
	return nil
}

// keep stores one entry in the quarantine.
func (in *intake) keep(ctx context.Context, entry *inventory.Quarantined) error {
	who := access.From(ctx)
	if entry.Source == "" {
		entry.Source = who.Name
	}
	if err := who.MaySay(entry.Source, ""); err != nil && entry.Source != who.Name {
		in.refused(entry.Transport, errOutOfScope)
		return &outOfScope{canonical.Refused{Detail: err.Error()}}
	}
	in.redact(entry)
	if err := in.charge(ctx, who, entry.Transport, 1, len(entry.Raw)); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, in.timeout)
	defer cancel()
	kept, err := in.quarantine(ctx, []inventory.Quarantined{*entry})
	if err == nil {
		*entry = kept[0]
	}
	return err
}

// quarantine stores entries and returns them as they are kept: of one that no
// message takes whole, as much as one does.
func (in *intake) quarantine(ctx context.Context, entries []inventory.Quarantined) (kept []inventory.Quarantined, err error) {
	if kept, err = in.shorten(ctx, entries); err != nil {
		in.refused(entries[0].Transport, err)
		return nil, fmt.Errorf("quarantine: %w", err)
	}
	for _, e := range kept {
		in.metrics.quarantined(1, e.Transport, e.Reason)
		in.metrics.bytes(len(e.Raw), e.Transport)
	}
	return kept, nil
}

func (in *intake) shorten(ctx context.Context, entries []inventory.Quarantined) ([]inventory.Quarantined, error) {
	err := in.publisher.Quarantine(ctx, entries)
	if !errors.Is(err, ErrTooLarge) {
		return entries, err
	}
	if len(entries) > 1 {
		half := len(entries) / 2
		a, err := in.shorten(ctx, entries[:half])
		if err != nil {
			return nil, err
		}
		b, err := in.shorten(ctx, entries[half:])
		return slices.Concat(a, b), err
	}
	// Whatever refuses the little that is left in the end is no size: the sender
	// hears that it may try again.
	entry, whole := entries[0], len(entries[0].Raw)
	for errors.Is(err, ErrTooLarge) && canonical.Shorten(&entry, whole) {
		err = in.publisher.Quarantine(ctx, []inventory.Quarantined{entry})
	}
	return []inventory.Quarantined{entry}, err
}

func (in *intake) foreign(transport string, n int) { in.metrics.ofOthers(transport, n) }

func (in *intake) refused(transport string, err error) {
	in.metrics.refused(1, transport, refusal(err))
}
