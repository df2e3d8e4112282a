package xmlread_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"testing"

	"github.com/stocktrace/stocktrace/collector/format/formattest"
	"github.com/stocktrace/stocktrace/collector/format/xmlread"
)

// The published receipt, many times: what a till's export of a day looks like.
func manyReceipts(b *testing.B) []byte {
	b.Helper()
	sample := formattest.Sample(b, "arts-poslog/ncr_acs_v2.1_small.xml")
	from, to := bytes.Index(sample, []byte("<Transaction>")), bytes.LastIndex(sample, []byte("</POSLog>"))
	return bytes.Join([][]byte{sample[:from], bytes.Repeat(sample[from:to], 400), sample[to:]}, nil)
}

func BenchmarkNext(b *testing.B) {
	document := manyReceipts(b)
	b.SetBytes(int64(len(document)))
	b.ReportAllocs()
	for b.Loop() {
		r, err := xmlread.New(bytes.NewReader(document), xmlread.Limits{})
		if err != nil {
			b.Fatal(err)
		}
		n := 0
		for ; err == nil; n++ {
			_, err = r.Next(take("Transaction"))
		}
		if !errors.Is(err, io.EOF) || n != 801 {
			b.Fatal(n, err)
		}
	}
}

func BenchmarkEncodingXML(b *testing.B) {
	document := manyReceipts(b)
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
