package epcis

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/formattest"
)

// say writes what a person gets to know of a document, a line each: what an
// event is, where, its keys and lines, what it relates to, and the notes.
func say(items []format.Item, err error) string {
	var b strings.Builder
	for _, i := range items {
		if i.Problem != nil {
			fmt.Fprintf(&b, "problem %s: %s\n", i.Problem.Path, i.Problem.Detail)
			continue
		}
		e := i.Event
		fmt.Fprintf(&b, "%s %s at %s %s %s", e.System, strings.TrimPrefix(e.Type, "inventory."), e.LocationScheme, e.Location, e.EffectiveOutcome())
		for _, k := range e.Keys {
			if k.Name != KeyEvent {
				fmt.Fprintf(&b, " %s=%s", k.Name, k.Value)
			}
		}
		for _, r := range e.Refs {
			fmt.Fprintf(&b, " %s(%s)", r.Rel, r.Keys[0].Value)
		}
		b.WriteString("\n")
		for _, l := range e.Lines {
			fmt.Fprintf(&b, "  %s %s %s %s\n", l.ItemScheme, l.Item, l.Quantity, l.UOM)
		}
		for _, n := range i.Notes {
			fmt.Fprintf(&b, "  note %s %s: %s\n", n.Code, n.Path, n.Detail)
		}
	}
	if err != nil {
		fmt.Fprintf(&b, "error %v\n", err)
	}
	return b.String()
}

// TestSamples holds what people are told of the published documents.
func TestSamples(t *testing.T) {
	for path, want := range map[string]string{
		// A step of somebody's own, and a disposition that the vocabulary does not have.
		"epcis-1.x-xml/Capture.xml": `
wms observation.packing at uri urn:fastnt:demo:bizloc:0037000.00729.210 ok sscc=540013569000008171 sscc=540013569000008188 sscc=540013569000008195 sscc=540013569000008201
  note not_standard /EPCISDocument/EPCISBody[1]/EventList[1]/AggregationEvent[1]/disposition: "urn:epcglobal:cbv:disp:loading" is no disposition of the Core Business Vocabulary: kept, and no status of stock was read from it.
  note not_standard /EPCISDocument/EPCISBody[1]/EventList[1]/AggregationEvent[1]/bizStep: "urn:fastnt:demo:bizstep:demo:packing" is no step of the Core Business Vocabulary: kept as step packing of the workflow observation, which is not judged. Map it to a step that is.
`,
		// The child is no URI.
		"epcis-1.x-xml/CaptureInvalidUri.xml": `
wms observation.packing at uri urn:fastnt:demo:bizloc:0037000.00729.210 ok sscc=540013569000008171
  epc 5900000818 1 EA
  note not_standard /EPCISDocument/EPCISBody[1]/EventList[1]/AggregationEvent[1]/disposition: "urn:epcglobal:cbv:disp:loading" is no disposition of the Core Business Vocabulary: kept, and no status of stock was read from it.
  note not_standard /EPCISDocument/EPCISBody[1]/EventList[1]/AggregationEvent[1]/bizStep: "urn:fastnt:demo:bizstep:demo:packing" is no step of the Core Business Vocabulary: kept as step packing of the workflow observation, which is not judged. Map it to a step that is.
  note not_standard /EPCISDocument/EPCISBody[1]/EventList[1]/AggregationEvent[1]/childEPCs/epc: "5900000818" is no URI, and so says not of whom or what it is the number: kept as sent.
`,
		"epcis-2.0-jsonld/Example_9.6.1-ObjectEvent.jsonld": `
supplier receipt.shipped at gln 0614141073467 ok order=12345678
  gtin 10614141073464 -2 EA
wms receipt.received at gln 0012345111112 ok delivery=1152 order=12345678
  gtin 10614141073464 1 EA
`,
		// The first was wrong: it is taken back, and says what replaces it.
		"epcis-2.0-jsonld/ErrorDeclarationAndCorrectiveEvent.jsonld": `
wms production.transformed at gln 0614141073467 reversed reverses(urn:uuid:374d95fc-9457-4a51-bd6a-0bba133845a8) corrected_by(urn:uuid:404d95fc-9457-4a51-bd6a-0bba133845a8)
  gtin 04012345111118 -1 EA
  gtin 04012345222227 -500 KGM
  gtin 04012345333336 1 EA
  gtin 04012345444445 452 KGM
wms production.transformed at gln 0614141073467 ok
  gtin 04012345111118 -1 EA
  gtin 04012345222227 -500 KGM
  gtin 04012345333336 1 EA
  gtin 04012345444445 500 KGM
`,
	} {
		t.Run(path, func(t *testing.T) {
			document := formattest.Sample(t, path)
			if !(Format{}).Detect(document[:min(len(document), 4<<10)], format.Source{}) {
				t.Error("is not detected")
			}
			got := say(formattest.Collect(Format{}, bytes.NewReader(document), format.Source{Name: "/x"}))
			if got != strings.TrimPrefix(want, "\n") {
				t.Errorf("said\n%s", got)
			}
			formattest.Check(t, Format{}, document, format.Source{})
		})
	}
}
