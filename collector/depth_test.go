package collector

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/stocktrace/stocktrace/collector/canonical"
	"github.com/stocktrace/stocktrace/internal/testenv/tillspans"
)

// within wraps encoded into fields, the innermost first.
func within(encoded []byte, fields ...protowire.Number) []byte {
	for _, field := range fields {
		encoded = protowire.AppendBytes(protowire.AppendTag(nil, field, protowire.BytesType), encoded)
	}
	return encoded
}

// deepValue nests an AnyValue in lists.
func deepValue(levels int) []byte {
	var v []byte
	for range levels {
		v = within(v, 1, 5)
	}
	return v
}

// asRequest makes a request of a span's bytes.
func asRequest(span []byte) []byte { return within(span, 2, 2, 1) }

// What pdata reads in a way of its own is followed there: nothing nests past the
// check.
func TestNoWayAroundTheDepth(t *testing.T) {
	attribute := within(deepValue(deepest+2), 2)
	overlong := func(n uint64) []byte { return protowire.AppendVarint(nil, n) }
	for name, span := range map[string][]byte{
		"plain": within(attribute, 9),
		// pdata cuts field numbers to 32 bits.
		"a field number past 32 bits": protowire.AppendBytes(overlong(1<<35|9<<3|2), attribute),
		// pdata ends a group at the first scalar in it.
		"a group": append(append(protowire.AppendTag(nil, 100, protowire.StartGroupType), 8, 1), within(attribute, 9)...),
		// pdata loses what a length has past 64 bits.
		"a length past 64 bits": append(append([]byte{9<<3 | 2}, overflowing(len(attribute))...), attribute...),
		"a field twice":         append(within([]byte("a"), 5, 5), within(attribute, 9)...),
	} {
		if _, err := checkProto(asRequest(span), canonical.TransportTraces); !errors.Is(err, errDepth) {
			t.Errorf("%s: %v", name, err)
		}
	}
	allowed := asRequest(within(within(deepValue(deepest), 2), 9))
	if plain, err := checkProto(allowed, canonical.TransportTraces); err != nil || !plain {
		t.Errorf("as deep as is allowed: %v, %v", plain, err)
	}
}

// overflowing writes n below 128 as a varint of ten bytes whose last has a bit
// that does not fit.
func overflowing(n int) []byte {
	b := bytes.Repeat([]byte{0x80}, 10)
	b[0], b[1], b[9] = byte(n)|0x80, byte(n>>7)|0x80, 2
	return b
}

func TestPlain(t *testing.T) {
	if plain, err := checkProto(tillspans.Request(t, 0), canonical.TransportTraces); err != nil || !plain {
		t.Errorf("a till's spans: %v, %v", plain, err)
	}
	for name, span := range map[string][]byte{
		"a name twice":        append(within([]byte("a"), 5), within([]byte("b"), 5)...),
		"a trace id too long": within(make([]byte, 17), 1),
		"a name as a number":  {5 << 3, 1},
		"cut":                 {5<<3 | 2, 9},
		"a value of two":      within(append(within([]byte("a"), 1), 3<<3, 1), 2, 9),
		"a group":             {100<<3&0x7f | 3 | 0x80, 100 >> 4, 100<<3&0x7f | 4 | 0x80, 100 >> 4},
	} {
		if plain, err := checkProto(asRequest(span), canonical.TransportTraces); err != nil || plain {
			t.Errorf("%s is plain, %v", name, err)
		}
	}
}

// FuzzSealed: a request that is plain means the same whether it passes sealed or
// is decoded by pdata and judged by the processor.
func FuzzSealed(f *testing.F) {
	f.Add(tillspans.Request(f, 0)[:2000])
	f.Add(asRequest(within(within([]byte("inventory.step"), 1), 9)))
	whole := within(append(within(within(append(within([]byte("inventory.location"), 1), within([]byte("0123"), 1, 2)...), 1), 1),
		within(append(within([]byte("inventory.workflow"), 1), within([]byte("sale"), 1, 2)...), 9, 2, 2)...), 1)
	f.Add(whole)
	f.Fuzz(func(t *testing.T, encoded []byte) {
		if len(encoded) > 1<<14 {
			t.Skip()
		}
		if plain, err := checkProto(encoded, canonical.TransportTraces); err == nil && plain {
			asTraces(t, encoded)
		}
		if plain, err := checkProto(encoded, canonical.TransportLogs); err == nil && plain {
			asLogs(t, encoded)
		}
	})
}

func sealedOf(encoded []byte, transport string) []byte {
	b := append(make([]byte, sealedMost), encoded...)
	return b[seal(b, transport):]
}

func asTraces(t *testing.T, encoded []byte) {
	t.Helper()
	sealed, err := new(ptrace.ProtoUnmarshaler).UnmarshalTraces(sealedOf(encoded, canonical.TransportTraces))
	if err != nil {
		t.Fatal(err)
	}
	request, ok := unsealTraces(sealed)
	if !ok || request != string(encoded) {
		t.Fatalf("sealed %x, unsealed %x", encoded, request)
	}
	got, err := canonical.ReadTraces(request, receivedThen)
	if err != nil {
		t.Fatal(err)
	}
	td, err := new(ptrace.ProtoUnmarshaler).UnmarshalTraces(encoded)
	if err != nil {
		t.Fatalf("plain, and pdata says %v", err)
	}
	if _, ok := unsealTraces(td); ok {
		t.Fatal("a sender's request passes for a sealed one")
	}
	kept := ptrace.NewTraces()
	next, err := consumer.NewTraces(func(_ context.Context, td ptrace.Traces) error { td.CopyTo(kept); return nil })
	if err != nil {
		t.Fatal(err)
	}
	c := &canonicaliser{metrics: &metrics{foreign: func(int, ...string) {}}, traces: next}
	if err := c.ConsumeTraces(t.Context(), td); err != nil {
		t.Fatal(err)
	}
	want, err := canonical.FromTraces(kept, receivedThen)
	if err != nil {
		t.Fatal(err)
	}
	sameBatch(t, got, want)
}

func asLogs(t *testing.T, encoded []byte) {
	t.Helper()
	sealed, err := new(plog.ProtoUnmarshaler).UnmarshalLogs(sealedOf(encoded, canonical.TransportLogs))
	if err != nil {
		t.Fatal(err)
	}
	request, ok := unsealLogs(sealed)
	if !ok || request != string(encoded) {
		t.Fatalf("sealed %x, unsealed %x", encoded, request)
	}
	got, err := canonical.ReadLogs(request, receivedThen)
	if err != nil {
		t.Fatal(err)
	}
	ld, err := new(plog.ProtoUnmarshaler).UnmarshalLogs(encoded)
	if err != nil {
		t.Fatalf("plain, and pdata says %v", err)
	}
	kept := plog.NewLogs()
	next, err := consumer.NewLogs(func(_ context.Context, ld plog.Logs) error { ld.CopyTo(kept); return nil })
	if err != nil {
		t.Fatal(err)
	}
	c := &canonicaliser{metrics: &metrics{foreign: func(int, ...string) {}}, logs: next}
	if err := c.ConsumeLogs(t.Context(), ld); err != nil {
		t.Fatal(err)
	}
	want, err := canonical.FromLogs(kept, receivedThen)
	if err != nil {
		t.Fatal(err)
	}
	sameBatch(t, got, want)
}

func sameBatch(t *testing.T, got, want canonical.Batch) {
	t.Helper()
	if len(got.Records) != len(want.Records) || len(got.Rejected) != len(want.Rejected) {
		t.Fatalf("sealed %d records and %d rejected, else %d and %d", len(got.Records), len(got.Rejected), len(want.Records), len(want.Rejected))
	}
	for i := range got.Records {
		if diff := cmp.Diff(want.Records[i].Event, got.Records[i].Event); diff != "" || got.Records[i].Identity() != want.Records[i].Identity() {
			t.Errorf("record %d: %s", i, diff)
		}
	}
	for i, r := range got.Rejected {
		w := want.Rejected[i]
		if r.Pointer != w.Pointer || r.Detail != w.Detail || r.Source != w.Source || r.Reason != w.Reason {
			t.Errorf("rejected %d: %s %s, else %s %s", i, r.Pointer, r.Detail, w.Pointer, w.Detail)
		}
	}
}

var receivedThen = time.Date(2026, 11, 23, 9, 2, 55, 0, time.UTC)
