//go:build unix

package stream_test

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/stocktrace/stocktrace/internal/testenv"
	"github.com/stocktrace/stocktrace/inventory"
)

const request = 512 // records in one request of a collector

func requests(n int) [][]inventory.Record {
	out := make([][]inventory.Record, n)
	for i := range out {
		out[i] = records(i*request, request)
		for j := range out[i] {
			out[i][j].Raw = fmt.Appendf(nil, `{"specversion":"1.0","id":%q,"source":"/pos/store/0123/register/04","type":"inventory.sale.completed","correlationid":%q,"data":{"workflow":"sale","step":"completed","system":"pos","location":"0123","register":"04","lines":[{"line":"1","item":"4006381333931","quantity":"-1","uom":"EA"}]}}`,
				out[i][j].ID, out[i][j].Event.CorrelationID)
		}
	}
	return out
}

// cpu is what the process has used, server and client together.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func report(b *testing.B, used time.Duration) {
	b.Helper()
	n := float64(b.N * request)
	b.ReportMetric(n/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(used.Seconds()/n*1e6, "CPU-s/M")
}

// One request after another, each on disk before the next; several at once, as
// senders are.
func BenchmarkPublish(b *testing.B) {
	for _, senders := range []int{1, 4} {
		b.Run(fmt.Sprintf("senders=%d", senders), func(b *testing.B) {
			log := testenv.Stream(b, 8)
			all := requests(b.N)
			work := make(chan []inventory.Record, len(all))
			for _, r := range all {
				work <- r
			}
			close(work)
			began := cpu()
			b.ResetTimer()
			done := make(chan error, senders)
			for range senders {
				go func() {
					p := log.Publisher()
					for r := range work {
						if err := p.Publish(b.Context(), r); err != nil {
							done <- err
							return
						}
					}
					done <- nil
				}()
			}
			for range senders {
				if err := <-done; err != nil {
					b.Error(err)
				}
			}
			b.StopTimer()
			report(b, cpu()-began)
		})
	}
}

func BenchmarkRead(b *testing.B) {
	log := testenv.Stream(b, 8)
	for _, r := range requests(b.N) {
		if err := log.Publisher().Publish(b.Context(), r); err != nil {
			b.Fatal(err)
		}
	}
	began := cpu()
	b.ResetTimer()
	n := 0
	for p := range 8 {
		r, err := log.Read(b.Context(), lease(p, 1))
		if err != nil {
			b.Fatal(err)
		}
		end, err := r.End(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		for at := uint64(0); at < end; {
			messages, err := r.Fetch(b.Context(), 64, time.Second)
			if err != nil {
				b.Fatal(err)
			}
			for _, m := range messages {
				n += len(m.Parcel.Records)
				at = m.Position
			}
		}
		if err := r.Ack(b.Context(), end); err != nil {
			b.Fatal(err)
		}
		_ = r.Close()
	}
	b.StopTimer()
	if n != b.N*request {
		b.Errorf("read %d records of %d", n, b.N*request)
	}
	report(b, cpu()-began)
}
