package poslog_test

import (
	"testing"
	_ "time/tzdata"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/formattest"
	"github.com/stocktrace/stocktrace/collector/format/poslog"
)

func TestGolden(t *testing.T) { formattest.Golden(t, poslog.Format{}) }

func TestDetect(t *testing.T) {
	for head, want := range map[string]bool{
		`<POSLog>`: true,
		`<?xml version="1.0"?>` + "\n" + `<p:POSLog xmlns:p="urn:x">`: true,
		"\xff\xfe<\x00P\x00O\x00S\x00L\x00o\x00g\x00>\x00":            true,
		`<TransactionLogLookupResponse><LogDocuments><Transaction MajorVersion="6"><BusinessUnit><UnitID>1</UnitID></BusinessUnit><SequenceNumber>5</SequenceNumber>`: true,
		`<TransactionLogLookupResponse><BusinessUnit/><SequenceNumber/>`:                                                                                              false,
		`<Transaction><Amount>1</Amount></Transaction>`:                                                                                                               false,
		`{"POSLog": 1}`:     false,
		`POSLog <POSLog>`:   false,
		`<Order><POSLogs/>`: false,
		``:                  false,
	} {
		if got := (poslog.Format{}).Detect([]byte(head), format.Source{}); got != want {
			t.Errorf("%q: %v", head, got)
		}
	}
}

func FuzzRead(f *testing.F) {
	formattest.Seed(f)
	f.Fuzz(func(t *testing.T, document []byte) {
		formattest.Check(t, poslog.Format{}, document, format.Source{Location: "0123"})
	})
}
