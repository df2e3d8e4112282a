package poslog_test

import (
	"testing"
	_ "time/tzdata"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/formattest"
	"github.com/stocktrace/stocktrace/collector/format/poslog"
)

func TestGolden(t *testing.T) { formattest.Golden(t, poslog.Format{}) }

func FuzzRead(f *testing.F) {
	formattest.Seed(f)
	f.Fuzz(func(t *testing.T, document []byte) {
		formattest.Check(t, poslog.Format{}, document, format.Source{Location: "0123"})
	})
}
