package x12_test

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/x12"
)

// notices is an interchange of many ship notices, made as it is read.
type notices struct {
	n, count int
	rest     string
}

func (d *notices) Read(p []byte) (int, error) {
	if d.rest == "" {
		switch {
		case d.n == 0:
			d.rest = "ISA*00*          *00*          *ZZ*S              *ZZ*R              *261123*1015*U*00401*000000001*0*P*>~GS*SH*S*R*20261123*1015*1*X*004010~"
		case d.n <= d.count:
			d.rest = fmt.Sprintf("ST*856*%04d~BSN*00*ASN-%d*20261123*1000~HL*1**S~N1*ST**92*0123~HL*2*1*I~LIN**UP*614141000036~SN1**1*EA~SE*8*%04d~", d.n, d.n, d.n)
		case d.n == d.count+1:
			d.rest = fmt.Sprintf("GE*%d*1~IEA*1*000000001~", d.count)
		default:
			return 0, io.EOF
		}
		d.n++
	}
	n := copy(p, d.rest)
	d.rest = d.rest[n:]
	return n, nil
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// Memory is bounded by the largest transaction set, not by the document.
func TestMemoryIsBoundedByTheMessage(t *testing.T) {
	const count = 50_000 // 7 MB
	var early, late uint64
	events := 0
	err := x12.Format{}.Read(t.Context(), &notices{count: count}, format.Source{Name: "/m"}, func(i format.Item) error {
		if i.Problem != nil {
			return i.Problem
		}
		switch events++; events {
		case 1000:
			early = heap()
		case count:
			late = heap()
		}
		return nil
	})
	if err != nil || events != count {
		t.Fatalf("%d events, %v", events, err)
	}
	if late > early+1<<20 {
		t.Errorf("the heap grew from %d to %d bytes over %d sets", early, late, count)
	}
}

func BenchmarkRead(b *testing.B) {
	var document strings.Builder
	if _, err := io.Copy(&document, &notices{count: 5000}); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(document.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if err := (x12.Format{}).Read(b.Context(), strings.NewReader(document.String()), format.Source{Name: "/m"}, func(format.Item) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}
