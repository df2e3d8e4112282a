package epcis

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	_ "time/tzdata"

	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"

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

// TestStepsAreThoseOfTheEngine: where the table says a workflow that is declared,
// it says one of its steps, or one that is listed here as shown and not judged.
func TestStepsAreThoseOfTheEngine(t *testing.T) {
	declared := map[string]map[string]bool{}
	files, err := filepath.Glob("../../../lifecycle/workflows/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no workflows", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var w struct {
			Workflow string
			Steps    []struct{ Step string }
		}
		if err := yaml.Unmarshal(text, &w); err != nil {
			t.Fatal(err)
		}
		declared[w.Workflow] = map[string]bool{}
		for _, s := range w.Steps {
			_, step, _ := strings.Cut(s.Step, " ")
			declared[w.Workflow][step] = true
		}
	}
	shown := words("departed loaded staged consigned transported arrived unloaded accepted unpacked packed")
	for step, m := range steps {
		workflows := []string{m.workflow}
		switch m.workflow {
		case outbound:
			workflows = []string{"transfer", "receipt"}
		case inbound:
			workflows = []string{"receipt", "transfer"}
		case production, observation:
			if declared[m.workflow] != nil {
				t.Errorf("%s: %s is declared now: use its steps", step, m.workflow)
			}
			continue
		}
		for _, w := range workflows {
			if declared[w] == nil || (!declared[w][m.step] && !shown[m.step]) {
				t.Errorf("%s: no workflow has %s %s", step, w, m.step)
			}
		}
	}
}

// TestTermsInEverySpelling: a step means the same bare, as URN, as web URI and as
// CURIE.
func TestTermsInEverySpelling(t *testing.T) {
	for step := range steps {
		for _, spelling := range []string{
			step, "urn:epcglobal:cbv:bizstep:" + step, "https://ref.gs1.org/cbv/BizStep-" + step, "http://ref.gs1.org/cbv/BizStep-" + step, "cbv:BizStep-" + step, " " + step,
		} {
			if w, standard := word(spelling, "bizstep", "BizStep"); w != step || !standard {
				t.Errorf("%q is %q, %v", spelling, w, standard)
			}
		}
	}
	for _, foreign := range []string{"urn:acme:bizstep:shipping", "https://acme.example/shipping", "acme:shipping", "https://acme.example/steps#shipping"} {
		if w, standard := word(foreign, "bizstep", "BizStep"); w != "shipping" || standard {
			t.Errorf("%q is %q, %v", foreign, w, standard)
		}
	}
}

const inJSON = `{"@context": [{"ex": "https://ex.example/"}], "type": "ObjectEvent", "eventTime": "2026-11-23T11:02:54+01:00", "eventTimeZoneOffset": "+01:00",
 "action": "OBSERVE", "bizStep": "shipping", "disposition": "in_transit", "readPoint": {"id": "https://id.gs1.org/414/4006381000017/254/dock"},
 "epcList": ["https://id.gs1.org/01/04006381333931/21/78", "urn:epc:id:sgtin:4006381.033393.77"],
 "quantityList": [{"epcClass": "https://id.gs1.org/01/04006381333931/10/A7", "quantity": 2.5, "uom": "KGM"}],
 "bizTransactionList": [{"type": "desadv", "bizTransaction": "urn:epcglobal:cbv:bt:4006381000017:1152"}], "ex:gate": {"ex:nr": "7"}}`

const inXML = `<epcis:EPCISDocument xmlns:epcis="urn:epcglobal:epcis:xsd:1" xmlns:own="https://ex.example/"><EPCISBody><EventList><ObjectEvent>
 <eventTime>2026-11-23T10:02:54.000Z</eventTime><recordTime>2026-11-24T00:00:00Z</recordTime><eventTimeZoneOffset>+01:00</eventTimeZoneOffset>
 <epcList><epc>urn:epc:id:sgtin:4006381.033393.77</epc><epc>urn:epc:id:sgtin:4006381.033393.78</epc></epcList>
 <action>OBSERVE</action><bizStep>urn:epcglobal:cbv:bizstep:shipping</bizStep><disposition>urn:epcglobal:cbv:disp:in_transit</disposition>
 <readPoint><id>urn:epc:id:sgln:4006381.00001.dock</id></readPoint>
 <bizTransactionList><bizTransaction type="urn:epcglobal:cbv:btt:desadv">urn:epcglobal:cbv:bt:4006381000017:1152</bizTransaction></bizTransactionList>
 <extension><quantityList><quantityElement><epcClass>urn:epc:class:lgtin:4006381.033393.A7</epcClass><quantity>2.50</quantity><uom>KGM</uom></quantityElement></quantityList></extension>
 <own:gate><own:nr>7</own:nr></own:gate></ObjectEvent></EventList></EPCISBody></epcis:EPCISDocument>`

// TestOneEventInBothSyntaxes: it has one id and one content, so it is one record,
// however it came.
func TestOneEventInBothSyntaxes(t *testing.T) {
	var events []format.Item
	for _, document := range []string{inJSON, inXML} {
		items, err := formattest.Collect(Format{}, strings.NewReader(document), format.Source{Name: "/x"})
		if err != nil || len(items) != 1 || items[0].Problem != nil || len(items[0].Notes) > 0 {
			t.Fatal(say(items, err))
		}
		events = append(events, items[0])
	}
	a, b := events[0].Event, events[1].Event
	if a.ID != b.ID || !strings.HasPrefix(a.ID, "ni:///sha-256;") {
		t.Errorf("ids %s and %s", a.ID, b.ID)
	}
	if a.ContentHash() != b.ContentHash() {
		t.Errorf("contents differ:\n%s%s", say(events[:1], nil), say(events[1:], nil))
	}
}

// TestHashIDKnownAnswers: expected values are those of the reference
// implementation, github.com/RalphTro/epcis-event-hash-generator, whose test data
// these events restate.
func TestHashIDKnownAnswers(t *testing.T) {
	for want, event := range map[string]string{
		"6ae96341e0acc6d7a261364751f60e68278a81cdf51da0abb6b4e617014e39d7": `"eventTime": "2020-03-04T11:00:30+01:00", "eventTimeZoneOffset": "+01:00",
			"epcList": ["urn:epc:id:sscc:4012345.0000000333", "urn:epc:id:sscc:4012345.0000000111", "urn:epc:id:sscc:4012345.0000000222"],
			"action": "OBSERVE", "bizStep": "departing", "readPoint": {"id": "urn:epc:id:sgln:4012345.00011.987"},
			"my:myField1": {"my:mySubField1": "2", "my:mySubField2": "5"}, "my:myField2": "0", "my:myField3": {"my:mySubField3": ["3", "1"]}`,
		"f6a9d89f2cd8d7931daa3d4c3d48399c2173b88417932f8cc04d021671e7d01e": `"eventTime": "2021-04-01T14:00:00Z", "eventTimeZoneOffset": "+01:00",
			"epcList": ["https://example.com/shop/01/04012345111118/21/1?17=270101", "urn:epc:id:sgtin:4012345.011111.2"], "action": "OBSERVE",
			"bizStep": "cbv:BizStep-shipping", "disposition": "urn:epcglobal:cbv:disp:in_transit", "persistentDisposition": {"set": ["recalled"]},
			"readPoint": {"id": "urn:epc:id:sgln:4012345.00005.0"}`,
		"ffa491b16867e34a7791a8d5389d826afc24e63a121026b6a4004ace38631b4b": `"eventTime": "2022-02-16T20:33:31.1156-06:00", "eventTimeZoneOffset": "-06:00", "action": "OBSERVE",
			"epcList": ["urn:epc:id:sgtin:0614141.107346.2018", "urn:epc:id:sgtin:0614141.107346.2017"], "bizStep": "shipping", "disposition": "in_transit",
			"readPoint": {"id": "urn:epc:id:sgln:0614141.07346.1234"}, "bizTransactionList": [{"type": "po", "bizTransaction": "http://transaction.acme.com/po/12345678"}]`,
	} {
		document := `{"@context": {"my": "https://ns.example.com/epcis/"}, "type": "ObjectEvent", ` + event + `}`
		items, err := formattest.Collect(Format{}, strings.NewReader(document), format.Source{})
		if err != nil || len(items) != 1 {
			t.Fatal(say(items, err))
		}
		if got := items[0].Event.ID; got != "ni:///sha-256;"+want+"?ver=CBV2.0" {
			t.Errorf("%s, want %s\n%s", got, want, say(items, nil))
		}
	}
}

// TestHashIDForgetsOrder: no order of lists or members changes the id.
func TestHashIDForgetsOrder(t *testing.T) {
	members := []string{
		`"type": "ObjectEvent"`, `"eventTime": "2026-11-23T11:02:54+01:00"`, `"eventTimeZoneOffset": "+01:00"`, `"action": "OBSERVE"`,
		`"bizStep": "shipping"`, `"readPoint": {"id": "urn:epc:id:sgln:4006381.00001.0"}`, `"recordTime": "2026-11-24T00:00:00Z"`,
	}
	epcs := []string{`"urn:epc:id:sgtin:4006381.033393.1"`, `"urn:epc:id:sgtin:4006381.033393.2"`, `"https://id.gs1.org/01/04006381333931/21/3"`}
	first := ""
	rapid.Check(t, func(t *rapid.T) {
		all := append([]string{`"epcList": [` + strings.Join(rapid.Permutation(epcs).Draw(t, "epcs"), ",") + `]`}, members...)
		document := "{" + strings.Join(rapid.Permutation(all).Draw(t, "members"), ",") + "}"
		items, err := formattest.Collect(Format{}, strings.NewReader(document), format.Source{})
		if err != nil || len(items) != 1 || items[0].Problem != nil {
			t.Fatal(say(items, err))
		}
		if first == "" {
			first = items[0].Event.ID
		}
		if items[0].Event.ID != first {
			t.Fatalf("%s, want %s", items[0].Event.ID, first)
		}
	})
}

// TestMemoryIsBoundedByTheEvent reads a document of 10,000 events, some 11 MB, in both
// syntaxes.
func TestMemoryIsBoundedByTheEvent(t *testing.T) {
	const n = 10_000
	start, end := strings.Index(inXML, "<ObjectEvent>"), strings.Index(inXML, "</EventList>")
	for name, document := range map[string]io.Reader{
		"json": io.MultiReader(strings.NewReader(`{"type":"EPCISDocument","epcisBody":{"eventList":[`), repeat(inJSON+",", n-1), strings.NewReader(inJSON+`]}}`)),
		"xml":  io.MultiReader(strings.NewReader(inXML[:start]), repeat(inXML[start:end], n), strings.NewReader(inXML[end:])),
	} {
		t.Run(name, func(t *testing.T) {
			runtime.GC()
			var before, now runtime.MemStats
			runtime.ReadMemStats(&before)
			peak, count := uint64(0), 0
			err := Format{}.Read(context.Background(), document, format.Source{Name: "/x"}, func(i format.Item) error {
				if i.Problem != nil {
					return i.Problem
				}
				if count++; count%2500 == 0 {
					runtime.GC()
					runtime.ReadMemStats(&now)
					peak = max(peak, now.HeapAlloc)
				}
				return nil
			})
			if err != nil || count != n {
				t.Fatal(count, err)
			}
			if peak > before.HeapAlloc+2<<20 {
				t.Errorf("held %d KiB", (peak-before.HeapAlloc)>>10)
			}
		})
	}
}

func repeat(s string, n int) io.Reader {
	readers := make([]io.Reader, n)
	for i := range readers {
		readers[i] = strings.NewReader(s)
	}
	return io.MultiReader(readers...)
}

// TestDocumentsWithoutEvents: an empty list is a document without events; what has
// no list at all is something else, and is said to be.
func TestDocumentsWithoutEvents(t *testing.T) {
	for document, want := range map[string]string{
		`<EPCISDocument xmlns="urn:epcglobal:epcis:xsd:1"><EPCISBody><EventList/></EPCISBody></EPCISDocument>`: "",
		`{"type":"EPCISDocument","epcisBody":{"eventList":[]}}`:                                                "",
		`[]`: "",
		`<EPCISMasterDataDocument xmlns="urn:epcglobal:epcis-masterdata:xsd:1"/>`:                "error /EPCISMasterDataDocument: holds no EventList and no event of EPCIS: nothing was read. Send a document of events, or the answer to an event query.\n",
		`<Envelope><Body><Poll><queryName>SimpleEventQuery</queryName></Poll></Body></Envelope>`: "error /Envelope: holds no EventList and no event of EPCIS: nothing was read. Send a document of events, or the answer to an event query.\n",
		`{"type":"EPCISDocument","schemaVersion":"2.0","epcisHeader":{},"epcisBody":{}}`:         "error /: holds no eventList and no event of EPCIS: nothing was read. Send a document of events, or the answer to an event query.\n",
	} {
		if got := say(formattest.Collect(Format{}, strings.NewReader(document), format.Source{Location: "S1"})); got != want {
			t.Errorf("%s: %s", document, got)
		}
	}
}

// TestForeignDocuments are not taken for EPCIS, nor silently for nothing.
func TestForeignDocuments(t *testing.T) {
	for _, document := range []string{`<POSLog/>`, `{"id": 1, "line_items": []}`, `[]`, "ISA*00*", ""} {
		if (Format{}).Detect([]byte(document), format.Source{}) {
			t.Errorf("%s is detected", document)
		}
		items, err := formattest.Collect(Format{}, bytes.NewReader([]byte(document)), format.Source{Location: "S1"})
		if document != "[]" && err == nil && (len(items) != 1 || items[0].Problem == nil) {
			t.Errorf("%s: %s", document, fmt.Sprint(say(items, err)))
		}
	}
}
