package store

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/internal/wire"
	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/lifecycle"
	"github.com/stocktrace/stocktrace/queries"
)

// eventRow is a record with the key it entered by, which sorting asks for often.
type eventRow struct {
	*inventory.Record
	entry string
}

func newEventAppender(into inserter) *appender[eventRow] {
	type row = eventRow
	return &appender[row]{
		insert: queries.Get("insert_events"),
		into:   into,
		compare: func(a, b *row) int {
			if c := strings.Compare(a.entry, b.entry); c != 0 {
				return c
			}
			return cmp.Or(strings.Compare(a.ID, b.ID), bytes.Compare(a.Content[:], b.Content[:]))
		},
		columns: []column[row]{
			text("entry_key", func(r *row) string { return r.entry }),
			text("record_id", func(r *row) string { return r.ID }),
			bytes16("content", func(r *row) [16]byte { return r.Content }),
			number("partition", func(r *row) uint16 { return small(r.Partition) }),
			number("precedence", func(r *row) uint64 { return ^r.Position }),
			number("identity_hash", func(r *row) uint64 { return lifecycle.IdentityHash(r.Identity()) }),
			instants("received_at", func(r *row) time.Time { return r.ReceivedAt }),
			instants("occurred_at", func(r *row) time.Time { return r.Event.Time }),
			few("transport", func(r *row) string { return r.Transport }),
			text("source", func(r *row) string { return r.Event.Source }),
			few("type", func(r *row) string { return r.Event.Type }),
			few("workflow", func(r *row) string { return r.Event.Workflow }),
			few("step", func(r *row) string { return r.Event.Step }),
			few("system", func(r *row) string { return r.Event.System }),
			few("outcome", func(r *row) string { return string(r.Event.EffectiveOutcome()) }),
			number("attempt", func(r *row) uint16 { return small(r.Event.EffectiveAttempt()) }),
			few("location", func(r *row) string { return r.Event.Location }),
			few("register", func(r *row) string { return r.Event.Register }),
			few("business_date", func(r *row) string { return r.Event.BusinessDate }),
			text("correlation_id", func(r *row) string { return r.Event.CorrelationID }),
			text("trace_id", func(r *row) string { return r.Event.TraceID }),
			few("mapping_version", func(r *row) string { return r.Event.MappingVersion }),
			few("error_code", func(r *row) string {
				if r.Event.Error == nil {
					return ""
				}
				return r.Event.Error.Code
			}),
			lists("keys", func(r *row) []inventory.Key { return r.Event.Keys },
				written("", func(b []byte, k *inventory.Key) []byte {
					return append(append(append(b, k.Name...), ':'), k.Value...)
				})),
			written("body", func(b []byte, r *row) []byte { return wire.AppendEvent(b, &r.Event) }),
			blob("raw", func(r *row) []byte { return r.Raw }),
			few("raw_type", func(r *row) string { return r.RawType }),
			number("signs_off", func(r *row) uint8 { return bit(r.Event.SignsOff()) }),
		},
	}
}

// WriteRecords implements lifecycle.Store.
//
// A watermark is also a fact, a reading a row of its own, and a person's action is
// in the trail of them too; each is written before its raw row: a
// crash in between leaves a record that Held does not know, so that both are
// written again. The other way round the fact would be missing for ever.
func (s *Store) WriteRecords(ctx context.Context, records []inventory.Record) error {
	rows := make([]eventRow, len(records))
	var facts []inventory.Fact
	var readings []inventory.Measured
	var echoes []echoRow
	var actions []actionRow
	for i := range records {
		r := &records[i]
		rows[i] = eventRow{r, r.EntryKey().String()}
		for _, echo := range r.Echoes() {
			echoes = append(echoes, echoRow{echo.To.String(), rows[i].entry, r.ReceivedAt})
		}
		if r.Event.Action != nil {
			actions = append(actions, actionRow{r.Event.Action, r.ReceivedAt})
		}
		if m, ok := r.Measured(); ok {
			readings = append(readings, m)
		}
		if r.Event.Watermark != nil {
			facts = append(facts, inventory.Fact{
				RecordID: r.ID, Position: r.Position, ReceivedAt: r.ReceivedAt, Watermark: *r.Event.Watermark,
			})
		}
	}
	if err := s.facts.write(ctx, facts); err != nil {
		return fmt.Errorf("write facts: %w", err)
	}
	if err := s.readings.write(ctx, readings); err != nil {
		return fmt.Errorf("write readings: %w", err)
	}
	if err := s.actions.write(ctx, actions); err != nil {
		return fmt.Errorf("write actions: %w", err)
	}
	if err := s.echoes.write(ctx, echoes); err != nil {
		return fmt.Errorf("write echoes: %w", err)
	}
	if err := s.events.write(ctx, rows); err != nil {
		return fmt.Errorf("write records: %w", err)
	}
	return nil
}

// echoRow says that a record that entered by a key concerns another one.
type echoRow struct {
	key, entry string
	received   time.Time
}

func newEchoAppender(into inserter) *appender[echoRow] {
	type row = echoRow
	return &appender[row]{
		insert:  queries.Get("insert_echoes"),
		into:    into,
		compare: func(a, b *row) int { return cmp.Or(strings.Compare(a.key, b.key), strings.Compare(a.entry, b.entry)) },
		columns: []column[row]{
			text("key", func(r *row) string { return r.key }),
			text("entry_key", func(r *row) string { return r.entry }),
			instants("received_at", func(r *row) time.Time { return r.received }),
		},
	}
}

var echoesQuery = queries.Get("echoes")

// Echoes implements lifecycle.Store. The row of an echo is written before its
// record's, so that a record the table holds is found from everywhere.
func (s *Store) Echoes(ctx context.Context, keys []inventory.ScopedKey) ([]inventory.Record, error) {
	var entries []inventory.ScopedKey
	for part := range pieces(keys, keyLength) {
		err := s.Each(ctx, echoesQuery, Params{"keys": keyStrings(part)}, func(scan func(...any) error) error {
			var entry string
			if err := scan(&entry); err != nil {
				return err
			}
			k, ok := inventory.ParseScopedKey(entry)
			if !ok {
				return fmt.Errorf("the entry key %q of an echo cannot be read", entry)
			}
			entries = append(entries, k)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	if len(entries) == 0 {
		return nil, nil
	}
	slices.SortFunc(entries, inventory.CompareKeys)
	records, err := s.Records(ctx, slices.Compact(entries))
	if err != nil {
		return nil, err
	}
	asked := make(map[inventory.ScopedKey]bool, len(keys))
	for _, k := range keys {
		asked[k] = true
	}
	return slices.DeleteFunc(records, func(r inventory.Record) bool {
		return !slices.ContainsFunc(r.Echoes(), func(e inventory.Echo) bool { return asked[e.To] })
	}), nil
}

var heldQuery = queries.Get("held")

// Held implements lifecycle.Store.
func (s *Store) Held(ctx context.Context, records []inventory.Record) (map[inventory.Identity]bool, error) {
	held := make(map[inventory.Identity]bool)
	rows := make([]eventRow, len(records))
	for i := range records {
		rows[i] = eventRow{&records[i], records[i].EntryKey().String()}
	}
	for part := range pieces(rows, func(r *eventRow) int { return len(r.entry) + len(r.ID) + 8 }) {
		entries, ids := make([]string, len(part)), make([]string, len(part))
		asked := make(map[inventory.Identity]bool, len(part))
		for i := range part {
			entries[i], ids[i] = part[i].entry, part[i].ID
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
// they were received, without their Raw: it is most of what a record takes and
// decides nothing.
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
		return inventory.Record{}, fmt.Errorf("record %q: %w: %w", r.ID, err, lifecycle.ErrPermanent)
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
		err := s.Each(ctx, q, Params{"partition": partition}, func(scan func(...any) error) error {
			var hash uint64
			if err := scan(&hash); err != nil {
				return err
			}
			yield(hash)
			return nil
		})
		if err != nil {
			return err
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
