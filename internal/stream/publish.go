package stream

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/stocktrace/stocktrace/internal/wire"
	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/lifecycle"
)

// Publisher puts what the collector received into the log.
type Publisher struct{ log *Log }

// Publisher returns the log's entrance for records and quarantined input.
func (l *Log) Publisher() *Publisher { return &Publisher{l} }

// Publish appends the records, one message for each partition they enter
// through (watermarks and readings: the fact partition), and returns nil only when all of
// them are on disk. After an error some may be; publishing the same records
// again is right, and within two minutes also free.
//
// Errors that wrap [ErrFull] or [ErrUnavailable] may pass; any other will not.
func (p *Publisher) Publish(ctx context.Context, records []inventory.Record) error {
	l := p.log
	byPartition := make([][]*inventory.Record, l.partitions+1)
	for i := range records {
		r := &records[i]
		home := l.partitions
		if !r.Event.Fact() {
			home = r.EntryKey().Partition(l.partitions)
		}
		byPartition[home] = append(byPartition[home], r)
	}
	var out outbox
	for partition, group := range byPartition {
		if len(group) == 0 {
			continue
		}
		if err := l.postRecords(ctx, &out, partition, group); err != nil {
			return fmt.Errorf("publish to partition %d: %w", partition, classify(err))
		}
	}
	if err := out.wait(ctx); err != nil {
		return fmt.Errorf("publish: %w", classify(err))
	}
	return nil
}

// Quarantine keeps what could not be read, durably, as Publish does records.
func (p *Publisher) Quarantine(ctx context.Context, items []inventory.Quarantined) error {
	if len(items) == 0 {
		return nil
	}
	var out outbox
	err := p.log.postQuarantined(ctx, &out, items)
	if err == nil {
		err = out.wait(ctx)
	}
	if err != nil {
		return fmt.Errorf("quarantine: %w", classify(err))
	}
	return nil
}

// Publish appends a parcel to a partition and returns its position. It is on
// disk when nil is returned. A parcel too large for one message becomes several,
// in order; the position is the last one's.
func (l *Log) Publish(ctx context.Context, partition int, id string, p lifecycle.Parcel) (position uint64, err error) {
	if err := l.check(partition); err != nil {
		return 0, fmt.Errorf("publish: %w", err)
	}
	var out outbox
	err = l.postParcel(ctx, &out, partition, id, p)
	if err == nil {
		err = out.wait(ctx)
	}
	if err != nil {
		return 0, fmt.Errorf("publish to partition %d: %w", partition, classify(err))
	}
	return out.last, nil
}

// outbox holds publishes whose acknowledgement is still to come.
type outbox struct {
	acks []jetstream.PubAckFuture
	last uint64 // the greatest position acknowledged
}

// wait returns nil when every message is on disk, and the first reason why one
// may not be otherwise.
func (o *outbox) wait(ctx context.Context) error {
	for _, ack := range o.acks {
		select {
		case stored := <-ack.Ok():
			o.last = max(o.last, stored.Sequence)
		case err := <-ack.Err():
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (l *Log) post(ctx context.Context, out *outbox, partition int, id string, message []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !l.data.IsConnected() {
		// Trying would tell the same, and the library would hold the message for as
		// long as it waits for an answer: refusing would cost memory.
		return nats.ErrDisconnected
	}
	ack, err := l.js.PublishMsgAsync(&nats.Msg{
		Subject: l.subject(partition), Data: message,
		Header: nats.Header{jetstream.MsgIDHeader: []string{id}},
	})
	if err != nil {
		return err
	}
	out.acks = append(out.acks, ack)
	return nil
}

// fits reports whether an encoded message goes as it is: small enough, or of one
// part and within what the server takes at all.
func (l *Log) fits(message []byte, err error, parts int) bool {
	return err == nil && (len(message) <= l.limit || parts == 1)
}

func (l *Log) postRecords(ctx context.Context, out *outbox, partition int, records []*inventory.Record) error {
	message, err := wire.EncodeRecords(records)
	if l.fits(message, err, len(records)) {
		return l.post(ctx, out, partition, recordsID(records), message)
	}
	if len(records) == 1 {
		return fmt.Errorf("record %q: %w", records[0].ID, err)
	}
	half := len(records) / 2
	if err := l.postRecords(ctx, out, partition, records[:half]); err != nil {
		return err
	}
	return l.postRecords(ctx, out, partition, records[half:])
}

func (l *Log) postQuarantined(ctx context.Context, out *outbox, items []inventory.Quarantined) error {
	message, err := wire.EncodeQuarantined(items)
	if l.fits(message, err, len(items)) {
		return l.post(ctx, out, l.quarantine(), quarantinedID(items), message)
	}
	if len(items) == 1 {
		return fmt.Errorf("quarantined input of %d bytes: %w", len(items[0].Raw), err)
	}
	half := len(items) / 2
	if err := l.postQuarantined(ctx, out, items[:half]); err != nil {
		return err
	}
	return l.postQuarantined(ctx, out, items[half:])
}

func (l *Log) postParcel(ctx context.Context, out *outbox, partition int, id string, p lifecycle.Parcel) error {
	message, err := wire.EncodeParcel(&p)
	parts := len(p.Records) + len(p.Moves) + len(p.Bindings)
	if l.fits(message, err, parts) {
		return l.post(ctx, out, partition, id, message)
	}
	if parts == 1 {
		return err
	}
	a, b := halve(p)
	if err := l.postParcel(ctx, out, partition, id+"/a", a); err != nil {
		return err
	}
	return l.postParcel(ctx, out, partition, id+"/b", b)
}

// halve splits a parcel of at least two parts into two that are not empty,
// keeping the order records, moves, bindings.
func halve(p lifecycle.Parcel) (a, b lifecycle.Parcel) {
	n := (len(p.Records) + len(p.Moves) + len(p.Bindings)) / 2
	r := min(n, len(p.Records))
	m := min(n-r, len(p.Moves))
	k := n - r - m
	a = lifecycle.Parcel{Records: p.Records[:r], Moves: p.Moves[:m], Bindings: p.Bindings[:k]}
	b = lifecycle.Parcel{Records: p.Records[r:], Moves: p.Moves[m:], Bindings: p.Bindings[k:]}
	return a, b
}

// recordsID names a message by the identities of the records in it, so that a
// request sent again within the dedupe window is stored once.
func recordsID(records []*inventory.Record) string {
	h := sha256.New()
	var b []byte
	for _, r := range records {
		b = append(append(append(b[:0], r.ID...), 0), r.Content[:]...)
		_, _ = h.Write(b)
	}
	return hex.EncodeToString(h.Sum(b[:0])[:16])
}

func quarantinedID(items []inventory.Quarantined) string {
	h := sha256.New()
	for _, q := range items {
		_, _ = h.Write(append([]byte(q.ID), 0))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
