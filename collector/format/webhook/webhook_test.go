package webhook

import (
	"bytes"
	"context"
	"io"
	"testing"
	_ "time/tzdata"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/formattest"
)

// all is the format of whichever vendor says that a body is its.
type all struct{}

func (all) Name() string { return "webhook" }

func (all) of(head []byte, source format.Source) format.Format {
	for _, f := range Formats {
		if f.Detect(head, source) {
			return f
		}
	}
	return nil
}

func (a all) Detect(head []byte, source format.Source) bool { return a.of(head, source) != nil }

func (a all) Read(ctx context.Context, document io.Reader, source format.Source, yield func(format.Item) error) error {
	body, err := io.ReadAll(document)
	if err != nil {
		return err
	}
	f := a.of(body[:min(len(body), 4<<10)], source)
	if f == nil {
		return &format.Problem{Detail: "It is no webhook that is known here."}
	}
	return f.Read(ctx, bytes.NewReader(body), source, yield)
}

// TestGolden reads each case with the vendor that detects it.
func TestGolden(t *testing.T) { formattest.Golden(t, all{}) }

// FuzzRead reads any bytes as each vendor's.
func FuzzRead(f *testing.F) {
	formattest.Seed(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, one := range Formats {
			formattest.Check(t, one, body, format.Source{Location: "S1"})
		}
	})
}
