package flat_test

import (
	"testing"

	"github.com/stocktrace/stocktrace/collector/format"
)

// BenchmarkReceipts reads receipts of one line from a CSV file.
func BenchmarkReceipts(b *testing.B) {
	b.SetBytes(66)
	b.ReportAllocs()
	err := shipped().Read(b.Context(), &endless{n: b.N}, format.Source{Name: "/b"}, func(format.Item) error { return nil })
	if err != nil {
		b.Fatal(err)
	}
}
