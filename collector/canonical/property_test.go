package canonical_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"pgregory.net/rapid"

	"github.com/stocktrace/stocktrace/collector/canonical"
	"github.com/stocktrace/stocktrace/inventory"
)

// word is a field's text: anything a sender may type, digits most often.
var word = rapid.OneOf(
	rapid.StringMatching(`[0-9]{1,8}`),
	rapid.StringMatching(`[a-z_]{1,12}`),
	rapid.StringN(1, 12, 40),
)

// said draws what an event says in data, as a sender's own structures.
func said(t *rapid.T) map[string]any {
	data := map[string]any{
		"workflow": word.Draw(t, "workflow"), "step": word.Draw(t, "step"),
		"system": word.Draw(t, "system"), "location": word.Draw(t, "location"),
	}
	maybe := func(name string, draw func() any) {
		if rapid.Bool().Draw(t, name+"?") {
			data[name] = draw()
		}
	}
	texts := func(label string, names ...string) map[string]any {
		object := map[string]any{}
		for _, name := range names {
			if rapid.Bool().Draw(t, label+"."+name+"?") {
				object[name] = word.Draw(t, label+"."+name)
			}
		}
		return object
	}
	for _, name := range []string{"register", "operator", "device", "system_instance", "store_day", "reason_code", "mapping_version"} {
		maybe(name, func() any { return word.Draw(t, name) })
	}
	decimal := rapid.StringMatching(`-?[0-9]{1,6}(\.[0-9]{1,4})?`)
	maybe("outcome", func() any { return string(rapid.SampledFrom(inventory.Outcomes).Draw(t, "outcome")) })
	maybe("attempt", func() any { return rapid.IntRange(0, 9).Draw(t, "attempt") })
	maybe("business_date", func() any {
		return fmt.Sprintf("2026-%02d-%02d", rapid.IntRange(1, 12).Draw(t, "month"), rapid.IntRange(1, 28).Draw(t, "day"))
	})
	maybe("entered_offline", func() any { return rapid.Bool().Draw(t, "offline") })
	maybe("keys", func() any { return texts("keys", "receipt", "delivery", "order", "correlation_id", "erp_document") })
	maybe("transaction", func() any { return texts("transaction", "kind", "mode", "status", "sequence") })
	maybe("approval", func() any { return texts("approval", "state", "by", "role") })
	maybe("error", func() any {
		object := texts("error", "field", "value", "message")
		object["code"] = word.Draw(t, "code")
		return object
	})
	maybe("mappings", func() any { return []any{texts("mapping", "field", "from", "to")} })
	maybe("lines", func() any {
		lines := []any{}
		for range rapid.IntRange(0, 3).Draw(t, "lines") {
			line := texts("line", "line", "item", "uom", "status", "activity")
			line["quantity"] = decimal.Draw(t, "quantity")
			line["item_ids"] = texts("ids", "erp", "wms")
			lines = append(lines, line)
		}
		return lines
	})
	return data
}

// What an event says is the same record over every wire, in any order, with
// structures as JSON text or as OTLP's own.
func TestOneEventIsOneRecordOnEveryWire(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := said(t)
		correlation := ""
		if keys, _ := data["keys"].(map[string]any); keys["correlation_id"] == nil {
			correlation = rapid.SampledFrom([]string{"", "c-1"}).Draw(t, "correlation")
		}
		event := map[string]any{
			"specversion": "1.0", "id": "e-1", "source": "pos", "type": "till.event",
			"time": "2026-11-23T10:02:54.120+01:00", "correlationid": correlation, "data": data,
		}
		// encoding/json writes members sorted; the span has them shuffled.
		raw, err := json.Marshal(event)
		if err != nil {
			t.Fatal(err)
		}
		want, err := canonical.FromCloudEvent(raw, receivedAt)
		if err != nil {
			t.Fatalf("%s: %v", raw, err)
		}

		td := ptrace.NewTraces()
		resource := td.ResourceSpans().AppendEmpty()
		resource.Resource().Attributes().PutStr("service.name", "pos")
		span := resource.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		span.SetEndTimestamp(pcommon.Timestamp(want.Event.Time.UnixNano()))
		attributes := span.Attributes()
		attributes.PutStr("inventory.event_id", "e-1")
		attributes.PutStr("inventory.correlation_id", correlation)
		for _, name := range rapid.Permutation(slices.Sorted(maps.Keys(data))).Draw(t, "order") {
			put(t, attributes, name, data[name])
		}
		batch, err := canonical.FromTraces(td, receivedAt)
		if err != nil || len(batch.Records) != 1 {
			t.Fatalf("%s\n%v %v", raw, err, batch.Rejected)
		}
		if got := batch.Records[0]; got.Identity() != want.Identity() {
			t.Errorf("as a span it is\n%s, as a CloudEvent\n%s", render(batch), render(canonical.Batch{Records: []inventory.Record{want}}))
		}
	})
}

func put(t *rapid.T, attributes pcommon.Map, name string, v any) {
	object, isObject := v.(map[string]any)
	_, isList := v.([]any)
	text := func() string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	form := rapid.SampledFrom([]string{"text", "native", "dotted"}).Draw(t, name+" as")
	switch {
	case isObject && name == "keys":
		for key, value := range object {
			attributes.PutStr("inventory.key."+key, value.(string))
		}
	case isObject && form == "dotted":
		for member, value := range object {
			attributes.PutStr("inventory."+name+"."+member, value.(string))
		}
	case (isObject || isList) && form == "text":
		attributes.PutStr("inventory."+name, text())
	default:
		if err := attributes.PutEmpty("inventory." + name).FromRaw(v); err != nil {
			t.Fatal(err)
		}
	}
}
