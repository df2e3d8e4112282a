package poslog_test

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/formattest"
	"github.com/stocktrace/stocktrace/collector/format/poslog"
)

// The published receipt many times, each under its own number: a day of a till.
func dayOfTill(b *testing.B) []byte {
	b.Helper()
	published := formattest.Sample(b, sample)
	from, to := bytes.Index(published, []byte("<Transaction>")), bytes.LastIndex(published, []byte("</POSLog>"))
	var day bytes.Buffer
	day.Write(published[:from])
	for i := range 400 {
		day.Write(bytes.Replace(published[from:to], []byte("<SequenceNumber>161<"), fmt.Appendf(nil, "<SequenceNumber>%d<", 1000+i), 1))
	}
	day.Write(published[to:])
	return day.Bytes()
}

func BenchmarkRead(b *testing.B) {
	document := dayOfTill(b)
	b.SetBytes(int64(len(document)))
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		if err := (poslog.Format{}).Read(context.Background(), bytes.NewReader(document), format.Source{Name: "/pos"}, func(format.Item) error {
			n++
			return nil
		}); err != nil || n != 800 {
			b.Fatal(n, err)
		}
	}
}

// BenchmarkEncodingXML is what the standard library needs for the tokens alone.
func BenchmarkEncodingXML(b *testing.B) {
	document := dayOfTill(b)
	b.SetBytes(int64(len(document)))
	b.ReportAllocs()
	for b.Loop() {
		d := xml.NewDecoder(bytes.NewReader(document))
		var err error
		for err == nil {
			_, err = d.Token()
		}
		if !errors.Is(err, io.EOF) {
			b.Fatal(err)
		}
	}
}

// A document of 64 MiB costs no more memory than its largest transaction and a
// bounded number of ids.
func TestMemoryIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 64 MiB")
	}
	const size = 64 << 20
	in := &till{left: size}
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	most, n := uint64(0), 0
	err := (poslog.Format{}).Read(context.Background(), in, format.Source{Name: "/pos"}, func(i format.Item) error {
		if i.Problem != nil || len(i.Event.Lines) != 20 {
			return fmt.Errorf("item %d: %w, %d lines", n, i.Problem, len(i.Event.Lines))
		}
		if n++; n%2000 == 0 {
			runtime.GC()
			runtime.ReadMemStats(&now)
			most = max(most, now.HeapAlloc)
		}
		return nil
	})
	if err != nil || n != in.number || n < 10000 {
		t.Errorf("%d of %d transactions, %v", n, in.number, err)
	}
	if grown := int64(most) - int64(before.HeapAlloc); grown > 8<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
}

// till writes a long document as it is read.
type till struct {
	left, number int
	text         string
}

func (s *till) Read(p []byte) (int, error) {
	if s.text == "" {
		switch {
		case s.left == -1:
			return 0, io.EOF
		case s.left <= 0:
			s.text, s.left = "</POSLog>", -1
		default:
			if s.number == 0 {
				s.text = "<POSLog>"
			}
			s.number++
			s.text += fmt.Sprintf(`<Transaction><RetailStoreID>1</RetailStoreID><WorkstationID>2</WorkstationID><SequenceNumber>%d</SequenceNumber>`+
				`<BusinessDayDate>2026-11-24</BusinessDayDate><EndDateTime>2026-11-24T10:00:00Z</EndDateTime><RetailTransaction>%s</RetailTransaction></Transaction>`,
				s.number, strings.Repeat(`<LineItem><Sale ItemType="Stock"><ItemID>10004711</ItemID><RegularSalesUnitPrice>1.00</RegularSalesUnitPrice><Quantity>1</Quantity></Sale></LineItem>`, 20))
			s.left -= len(s.text)
		}
	}
	n := copy(p, s.text)
	s.text = s.text[n:]
	return n, nil
}
