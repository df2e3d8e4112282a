package store_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stocktrace/stocktrace/internal/store"
	"github.com/stocktrace/stocktrace/internal/store/storetest"
	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/lifecycle"
)

// flow is a sale as five systems' records tell it, with the lifecycle they make.
func flow(n int) ([]inventory.Record, lifecycle.Row) {
	rng := rand.New(rand.NewPCG(uint64(n), 1))
	store, till := 100+n%600, 1+n/600%8
	receipt := fmt.Sprintf("%04d-%02d-%06d", store, till, n/4800)
	correlation := fmt.Sprintf("%016x%016x", rng.Uint64(), rng.Uint64())
	sold := noon.Add(time.Duration(n) * 3 * time.Millisecond)
	var lines []inventory.Line
	for i := range 1 + rng.IntN(8) {
		lines = append(lines, inventory.Line{
			Line: strconv.Itoa(i + 1), Item: strconv.Itoa(4006381000000 + rng.IntN(20_000)), ItemScheme: "gtin",
			Quantity: inventory.DecimalOf(-1 - int64(rng.IntN(3))), UOM: "EA", UnitValue: fmt.Sprintf("%d.%02d", rng.IntN(80), rng.IntN(100)),
			ValueBasis: "retail_gross", Currency: "EUR",
		})
	}
	var records []inventory.Record
	var steps []inventory.StepState
	for i, hop := range []struct {
		system, step string
		after        time.Duration
	}{
		{"pos", "completed", 0},
		{"middleware", "accepted", 2 * time.Second},
		{"middleware", "mapped", 5 * time.Second},
		{"oms", "availability_updated", 9 * time.Second},
		{"erp", "posted", 100 * time.Second},
	} {
		e := inventory.Event{
			ID: fmt.Sprintf("%s/%s/1", receipt, hop.step), Source: fmt.Sprintf("/%s/store/%04d", hop.system, store),
			Type: "inventory.sale." + hop.step, Time: sold.Add(hop.after + time.Duration(rng.IntN(900_000))*time.Microsecond),
			CorrelationID: correlation, TraceID: correlation, SpanID: correlation[:16],
			Workflow: "sale", Step: hop.step, System: hop.system, Location: fmt.Sprintf("%04d", store), Register: fmt.Sprintf("%02d", till),
			BusinessDate: "2026-11-23", Operator: strconv.Itoa(rng.IntN(90)), MappingVersion: "m-41",
			Keys: []inventory.Key{{Name: "receipt", Value: receipt}}, Lines: lines,
			Transaction: inventory.Transaction{Kind: "sale", Mode: "live", Status: "completed"},
			Attributes:  map[string]string{"service.version": "4.11.2", "deployment.environment": "production"},
		}
		if hop.system == "erp" {
			e.CorrelationID, e.Keys = "", append(e.Keys, inventory.Key{Name: "erp_document", Value: strconv.Itoa(4900000000 + n/500)})
		}
		raw, err := json.Marshal(e)
		if err != nil {
			panic(err)
		}
		r := inventory.Record{
			ID: inventory.RecordID(e.Source, e.ID), Content: e.ContentHash(), Event: e, ReceivedAt: e.Time.Add(40 * time.Millisecond),
			Transport: "otlp_traces", Raw: raw[:min(len(raw), 700)], RawType: "application/x-protobuf;type=traces", Position: uint64(n/100 + 1),
		}
		r.Partition = r.EntryKey().Partition(8)
		records = append(records, r)
		steps = append(steps, inventory.StepState{
			StepRef: inventory.StepRef{System: hop.system, Step: hop.step}, Title: hop.step, Required: i != 3, Expected: true, Outcome: inventory.OK,
			OccurredAt: e.Time, ReceivedAt: r.ReceivedAt, ExpectedBy: sold.Add(5 * time.Minute), Attempt: 1, EventIDs: []string{r.ID}, Owner: "integration",
		})
	}
	l := inventory.Lifecycle{
		ID: correlation, Canonical: inventory.ScopedKey{Name: "correlation_id", Value: correlation}, Workflow: "sale",
		State: inventory.StateClosed, Verdict: inventory.Complete, Sentence: "Sold 13:00:02; posted to the ERP 1 min 40 s later.",
		Location: fmt.Sprintf("%04d", store), Region: "north", Posting: inventory.PostingRealtime, Register: fmt.Sprintf("%02d", till),
		BusinessDate: "2026-11-23", StartedAt: sold, UpdatedAt: records[4].ReceivedAt, PostedAt: records[4].Event.Time, PostingDue: sold.Add(5 * time.Minute),
		Keys: []inventory.Key{{Name: "correlation_id", Value: correlation}, {Name: "receipt", Value: receipt}}, Steps: steps,
		ComputedAt: noon, RuleVersion: "sale-1",
	}
	l.Component = l.Canonical
	for _, r := range records {
		l.RecordIDs = append(l.RecordIDs, r.ID)
		l.Identifiers = append(l.Identifiers, r.Event.Identifiers()...)
	}
	slices.SortFunc(l.Identifiers, inventory.CompareKeys)
	l.Identifiers = slices.Compact(l.Identifiers)
	for _, x := range lines {
		l.Items = append(l.Items, x.Item)
		l.Lines = append(l.Lines, inventory.LineState{Item: x.Item, Location: l.Location, UOM: "EA", Owed: x.Quantity, Posted: x.Quantity, Comparable: true, Postings: 1})
	}
	l.Units = []inventory.Quantity{{UOM: "EA", Quantity: inventory.DecimalOf(-int64(len(lines)))}}
	return records, lifecycle.Row{
		Lifecycle: l, Partition: l.Component.Partition(8), Position: uint64(n), Version: lifecycle.Version{Epoch: 1, Revision: uint64(n)}, NewKeys: l.Keys,
	}
}

// processorTime is what this process has used, the engine included.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkWrite says what a million rows cost, in processor seconds, and take
// on disk.
func BenchmarkWrite(b *testing.B) {
	for _, size := range []int{500, 10_000} {
		var records [][]inventory.Record
		var rows [][]lifecycle.Row
		for n := 0; n < 100_000; {
			var some []inventory.Record
			var lives []lifecycle.Row
			for len(some) < size {
				rs, l := flow(n)
				n++
				some, lives = append(some, rs...), append(lives, l)
			}
			records, rows = append(records, some), append(rows, lives)
			if len(records)*size >= 200_000 {
				break
			}
		}
		bench := func(name, table string, n func(i int) int, write func(s *store.Store, i int) error) {
			b.Run(fmt.Sprintf("%s/%d", name, size), func(b *testing.B) {
				s := storetest.Open(b)
				runtime.GC()
				written, start := 0, processorTime()
				for i := 0; b.Loop(); i++ {
					if err := write(s, i%len(records)); err != nil {
						b.Fatal(err)
					}
					written += n(i % len(records))
				}
				used := processorTime() - start
				b.ReportMetric(used.Seconds()/float64(written)*1e6, "cpu-s/Mrow")
				b.ReportMetric(float64(written)/b.Elapsed().Seconds(), "rows/s")
				tables, err := s.Usage(context.Background())
				must(b, err)
				for _, u := range tables {
					if u.Table == table {
						b.ReportMetric(u.BytesPerRow(), "B/row")
					}
				}
			})
		}
		bench("records", "events", func(i int) int { return len(records[i]) },
			func(s *store.Store, i int) error { return s.WriteRecords(b.Context(), records[i]) })
		bench("lifecycles", "lifecycles", func(i int) int { return len(rows[i]) },
			func(s *store.Store, i int) error { return s.WriteLifecycles(b.Context(), rows[i]) })
	}
}
