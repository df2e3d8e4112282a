package store

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/ch-go/proto"

	"github.com/stocktrace/stocktrace/internal/wire"
	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/lifecycle"
	"github.com/stocktrace/stocktrace/queries"
)

// eventRow is a record with what its row says besides.
type eventRow struct {
	record *inventory.Record
	entry  string
	body   []byte
}

// eventBlock is the columns of insert_events.sql, in its order.
type eventBlock struct {
	entryKey, recordID                                        proto.ColStr
	content                                                   proto.ColFixedStr16
	partition                                                 proto.ColUInt16
	precedence, identityHash                                  proto.ColUInt64
	receivedAt, occurredAt                                    *instants
	transport, kind, workflow, step, system, outcome          *proto.ColLowCardinality[string]
	source                                                    proto.ColStr
	attempt                                                   proto.ColUInt16
	location, register, businessDate, mappingVersion, errCode *proto.ColLowCardinality[string]
	correlationID, traceID                                    proto.ColStr
	keys                                                      *proto.ColArr[string]
	body, raw                                                 proto.ColStr
	rawType                                                   *proto.ColLowCardinality[string]

	input proto.Input
}

func newEventBlock() *eventBlock {
	b := &eventBlock{
		receivedAt: newInstants(), occurredAt: newInstants(),
		transport: lowCardinality(), kind: lowCardinality(), workflow: lowCardinality(), step: lowCardinality(),
		system: lowCardinality(), outcome: lowCardinality(), location: lowCardinality(), register: lowCardinality(),
		businessDate: lowCardinality(), mappingVersion: lowCardinality(), errCode: lowCardinality(),
		keys: new(proto.ColStr).Array(), rawType: lowCardinality(),
	}
	b.input = proto.Input{
		{Name: "entry_key", Data: &b.entryKey}, {Name: "record_id", Data: &b.recordID}, {Name: "content", Data: &b.content},
		{Name: "partition", Data: &b.partition}, {Name: "precedence", Data: &b.precedence},
		{Name: "identity_hash", Data: &b.identityHash},
		{Name: "received_at", Data: b.receivedAt}, {Name: "occurred_at", Data: b.occurredAt},
		{Name: "transport", Data: b.transport}, {Name: "source", Data: &b.source}, {Name: "type", Data: b.kind},
		{Name: "workflow", Data: b.workflow}, {Name: "step", Data: b.step}, {Name: "system", Data: b.system},
		{Name: "outcome", Data: b.outcome}, {Name: "attempt", Data: &b.attempt},
		{Name: "location", Data: b.location}, {Name: "register", Data: b.register},
		{Name: "business_date", Data: b.businessDate}, {Name: "correlation_id", Data: &b.correlationID},
		{Name: "trace_id", Data: &b.traceID}, {Name: "mapping_version", Data: b.mappingVersion},
		{Name: "error_code", Data: b.errCode},
		{Name: "keys", Data: b.keys}, {Name: "body", Data: &b.body}, {Name: "raw", Data: &b.raw},
		{Name: "raw_type", Data: b.rawType},
	}
	return b
}

func (b *eventBlock) columns() proto.Input { return b.input }

func (b *eventBlock) add(row *eventRow) {
	r, e := row.record, &row.record.Event
	b.entryKey.Append(row.entry)
	b.recordID.Append(r.ID)
	b.content.Append(r.Content)
	b.partition.Append(uint16(r.Partition))
	b.precedence.Append(^r.Position)
	b.identityHash.Append(lifecycle.IdentityHash(r.Identity()))
	b.receivedAt.AppendRaw(stamp(r.ReceivedAt))
	b.occurredAt.AppendRaw(stamp(e.Time))
	b.transport.Append(r.Transport)
	b.source.Append(e.Source)
	b.kind.Append(e.Type)
	b.workflow.Append(e.Workflow)
	b.step.Append(e.Step)
	b.system.Append(e.System)
	b.outcome.Append(string(e.EffectiveOutcome()))
	b.attempt.Append(uint16(min(e.EffectiveAttempt(), math.MaxUint16)))
	b.location.Append(e.Location)
	b.register.Append(e.Register)
	b.businessDate.Append(e.BusinessDate)
	b.correlationID.Append(e.CorrelationID)
	b.traceID.Append(e.TraceID)
	b.mappingVersion.Append(e.MappingVersion)
	code := ""
	if e.Error != nil {
		code = e.Error.Code
	}
	b.errCode.Append(code)
	data := b.keys.Data.(*proto.ColStr)
	for _, k := range e.Keys {
		start := len(data.Buf)
		data.Buf = append(append(append(data.Buf, k.Name...), ':'), k.Value...)
		data.Pos = append(data.Pos, proto.Position{Start: start, End: len(data.Buf)})
	}
	b.keys.Offsets.Append(uint64(data.Rows()))
	b.body.AppendBytes(row.body)
	b.raw.AppendBytes(r.Raw)
	b.rawType.Append(r.RawType)
}

func newEventAppender(into inserter) *appender[eventRow] {
	return &appender[eventRow]{
		insert: queries.Get("insert_events"), into: into, block: newEventBlock(),
		compare: func(a, b *eventRow) int {
			return cmp.Or(
				// Months apart lie in different parts.
				strings.Compare(a.entry, b.entry),
				strings.Compare(a.record.ID, b.record.ID),
				slices.Compare(a.record.Content[:], b.record.Content[:]),
			)
		},
	}
}

// WriteRecords implements lifecycle.Store.
//
// A watermark is also a fact, and its fact is written before its raw row: a
// crash in between leaves a record that Held does not know, so that both are
// written again. The other way round the fact would be missing for ever.
func (s *Store) WriteRecords(ctx context.Context, records []inventory.Record) error {
	rows := make([]eventRow, len(records))
	var facts []factRow
	// One buffer for all bodies; they move when it grows, so they are cut at the
	// end.
	bodies := make([]byte, 0, len(records)*512)
	ends := make([]int, len(records))
	for i := range records {
		r := &records[i]
		rows[i] = eventRow{record: r, entry: r.EntryKey().String()}
		bodies = wire.AppendEvent(bodies, &r.Event)
		ends[i] = len(bodies)
		if r.Event.Watermark != nil {
			facts = append(facts, factRow{
				RecordID: r.ID, Position: r.Position, ReceivedAt: r.ReceivedAt, Watermark: *r.Event.Watermark,
			})
		}
	}
	start := 0
	for i, end := range ends {
		rows[i].body = bodies[start:end]
		start = end
	}
	if err := s.facts.write(ctx, facts); err != nil {
		return fmt.Errorf("write facts: %w", err)
	}
	if err := s.events.write(ctx, rows); err != nil {
		return fmt.Errorf("write records: %w", err)
	}
	return nil
}

var heldQuery = queries.Get("held")

// Held implements lifecycle.Store.
func (s *Store) Held(ctx context.Context, records []inventory.Record) (map[inventory.Identity]bool, error) {
	held := make(map[inventory.Identity]bool)
	for part := range pieces(records, func(r *inventory.Record) int { return len(r.ID) + 64 }) {
		entries, ids := make([]string, len(part)), make([]string, len(part))
		asked := make(map[inventory.Identity]bool, len(part))
		for i := range part {
			entries[i], ids[i] = part[i].EntryKey().String(), part[i].ID
			asked[part[i].Identity()] = true
		}
		err := s.Each(ctx, heldQuery, Params{"entry_keys": entries, "record_ids": ids}, func(scan func(...any) error) error {
			var id, content string
			if err := scan(&id, &content); err != nil {
				return err
			}
			identity := inventory.Identity{RecordID: id}
			copy(identity.Content[:], content)
			if asked[identity] {
				held[identity] = true
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return held, nil
}

var recordsQuery = queries.Get("records")

// Records implements lifecycle.Store. The records come in the order in which
// they were received.
func (s *Store) Records(ctx context.Context, keys []inventory.ScopedKey) ([]inventory.Record, error) {
	var records []inventory.Record
	for part := range pieces(keys, keyLength) {
		err := s.Each(ctx, recordsQuery, Params{"entry_keys": keyStrings(part)}, func(scan func(...any) error) error {
			r, err := scanRecord(scan)
			if err != nil {
				return err
			}
			records = append(records, r)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(records, func(a, b inventory.Record) int {
		return cmp.Or(a.ReceivedAt.Compare(b.ReceivedAt), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Position, b.Position))
	})
	return records, nil
}

var allRecordsQuery = queries.Get("all_records")

// EachRecord calls yield with every raw record there is, once each, in no
// particular order. Their Raw is left out.
func (s *Store) EachRecord(ctx context.Context, yield func(inventory.Record) error) error {
	return s.Each(ctx, allRecordsQuery, nil, func(scan func(...any) error) error {
		r, err := scanRecord(scan)
		if err != nil {
			return err
		}
		return yield(r)
	})
}

// scanRecord reads the columns of records.sql.
func scanRecord(scan func(...any) error) (inventory.Record, error) {
	var (
		r             inventory.Record
		content, body string
		raw           []byte
		received      time.Time
		partition     uint16
	)
	if err := scan(&r.ID, &content, &body, &received, &r.Transport, &raw, &r.RawType, &partition, &r.Position); err != nil {
		return inventory.Record{}, err
	}
	copy(r.Content[:], content)
	r.ReceivedAt = instant(received)
	r.Partition = int(partition)
	if len(raw) > 0 {
		r.Raw = raw
	}
	event, err := wire.DecodeEvent([]byte(body))
	if err != nil {
		return inventory.Record{}, fmt.Errorf("record %q: %w", r.ID, err)
	}
	r.Event = event
	return r, nil
}

var (
	knownKeysQuery    = queries.Get("known_keys")
	knownRecordsQuery = queries.Get("known_records")
)

// Known implements lifecycle.Store. A hash may come more than once.
func (s *Store) Known(ctx context.Context, partition int, yield func(hash uint64)) error {
	for _, q := range []queries.Query{knownKeysQuery, knownRecordsQuery} {
		rows, err := s.Query(ctx, q, Params{"partition": partition})
		if err != nil {
			return err
		}
		for rows.Next() {
			var hash uint64
			if err := rows.Scan(&hash); err != nil {
				_ = rows.Close()
				return fmt.Errorf("%s: %w", q.Name, err)
			}
			yield(hash)
		}
		if err := rows.Close(); err != nil {
			return fmt.Errorf("%s: %w", q.Name, err)
		}
		if err := rows.Err(); err != nil {
			return fmt.Errorf("%s: %w", q.Name, err)
		}
	}
	return nil
}

// maxParams bounds the parameters of one statement, in bytes before they are
// percent-encoded: they travel in the URL, of which a server takes 1 MiB.
const maxParams = 192 << 10

// pieces cuts items into runs whose sizes add up to maxParams at most.
func pieces[T any](items []T, size func(*T) int) func(yield func([]T) bool) {
	return func(yield func([]T) bool) {
		start, sum := 0, 0
		for i := range items {
			n := size(&items[i])
			if i > start && sum+n > maxParams {
				if !yield(items[start:i]) {
					return
				}
				start, sum = i, 0
			}
			sum += n
		}
		if start < len(items) {
			yield(items[start:])
		}
	}
}

func keyLength(k *inventory.ScopedKey) int { return len(k.Name) + len(k.Value) + 4 }

func keyStrings(keys []inventory.ScopedKey) []string {
	out := make([]string, len(keys))
	for i, k := range keys {
		out[i] = k.String()
	}
	return out
}
