package flat_test

import (
	"testing"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/flat"
	"github.com/stocktrace/stocktrace/collector/format/formattest"
)

func shipped() flat.Format { return flat.Format{Layouts: flat.Layouts()} }

func TestGolden(t *testing.T) { formattest.Golden(t, shipped()) }

func FuzzRead(f *testing.F) {
	formattest.Seed(f)
	f.Fuzz(func(t *testing.T, document []byte) {
		formattest.Check(t, shipped(), document, format.Source{Document: "in.csv"})
	})
}
