package epcis

import (
	"testing"
	_ "time/tzdata"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/formattest"
)

func TestGolden(t *testing.T) { formattest.Golden(t, Format{}) }

func FuzzRead(f *testing.F) {
	formattest.Seed(f)
	f.Fuzz(func(t *testing.T, document []byte) {
		formattest.Check(t, Format{}, document, format.Source{Location: "S1"})
	})
}
