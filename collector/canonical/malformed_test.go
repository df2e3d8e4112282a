package canonical_test

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/stocktrace/stocktrace/collector/canonical"
)

// event returns a valid CloudEvent with one member of data replaced or added,
// and members of the envelope after it.
func event(data string, envelope ...string) string {
	return `{"specversion":"1.0","id":"1","source":"/till/4","type":"inventory.sale.completed","time":"2026-11-23T10:00:00Z"` +
		strings.Join(envelope, "") + `,"data":{"workflow":"sale","step":"completed","system":"pos","location":"0123"` + data + `}}`
}

func without(event, member string) string {
	before, after, ok := strings.Cut(event, member)
	if !ok {
		panic(member)
	}
	return before + after
}

func TestMalformedCloudEvents(t *testing.T) {
	valid := event("")
	if _, err := canonical.FromCloudEvent([]byte(valid), receivedAt); err != nil {
		t.Fatalf("the event all cases start from: %v", err)
	}
	deep := strings.Repeat("[", 100) + strings.Repeat("]", 100)
	for name, test := range map[string]struct {
		event, reason, pointer, says string
	}{
		"nothing":                     {"", canonical.Unreadable, "", "is empty"},
		"blank":                       {" \n", canonical.Unreadable, "", "is empty"},
		"no object":                   {`[1]`, canonical.Unreadable, "", "a JSON object was expected"},
		"not JSON":                    {`{"id":"1",}`, canonical.Unreadable, "", "is not JSON at byte"},
		"cut off":                     {valid[:60], canonical.Unreadable, "/type", "ends in the middle"},
		"specversion 1.0 as a number": {strings.Replace(valid, `"1.0"`, `1.0`, 1), canonical.Malformed, "/specversion", "in quotes"},
		"two documents":               {valid + valid, canonical.Unreadable, "", "more after the end"},
		"repeated attribute":          {event("", `,"id":"2"`), canonical.Contradiction, "/id", "written twice"},
		"repeated field":              {event(`,"step":"posted"`), canonical.Contradiction, "/data/step", "written twice"},
		"repeated, escaped":           {event(`,"st\u0065p":"posted"`), canonical.Contradiction, "/data/step", "written twice"},
		"repeated in a line":          {event(`,"lines":[{"item":"1","item":"2"}]`), canonical.Contradiction, "/data/lines/0/item", "written twice"},
		"repeated, unknown":           {event(`,"x":{"a":1,"a":2}`), canonical.Contradiction, "/data/x/a", "written twice"},
		"not UTF-8":                   {event(",\"device\":\"\xff\""), canonical.Unreadable, "/data/device", "not UTF-8"},
		"half a surrogate":            {event(`,"device":"\ud800"`), canonical.Unreadable, "/data/device", "surrogate"},
		"NaN":                         {event(`,"attempt":NaN`), canonical.Unreadable, "/data/attempt", "is not JSON"},
		"too deep":                    {event(`,"x":` + deep), canonical.Malformed, "/data/x", "64 levels"},
		"too large":                   {event(`,"x":"` + strings.Repeat("x", canonical.MaxEvent) + `"`), canonical.Oversized, "", "split it"},

		"no specversion":       {without(valid, `"specversion":"1.0",`), canonical.Malformed, "/specversion", "is required"},
		"other specversion":    {strings.Replace(valid, `"1.0"`, `"0.3"`, 1), canonical.Malformed, "/specversion", `"0.3"`},
		"no id":                {without(valid, `"id":"1",`), canonical.Malformed, "/id", "is required"},
		"empty id":             {strings.Replace(valid, `"id":"1"`, `"id":""`, 1), canonical.Malformed, "/id", "is required"},
		"no source":            {without(valid, `"source":"/till/4",`), canonical.Malformed, "/source", "is required"},
		"source with a blank":  {strings.Replace(valid, `/till/4`, `/till 4`, 1), canonical.Malformed, "/source", "blank"},
		"no type":              {without(valid, `"type":"inventory.sale.completed",`), canonical.Malformed, "/type", "is required"},
		"no time":              {without(valid, `,"time":"2026-11-23T10:00:00Z"`), canonical.Malformed, "/time", "is required"},
		"no data":              {without(valid, `,"data":{"workflow":"sale","step":"completed","system":"pos","location":"0123"}`), canonical.Malformed, "/data/workflow", "is required"},
		"no workflow":          {without(valid, `"workflow":"sale",`), canonical.Malformed, "/data/workflow", "is required"},
		"no step":              {without(valid, `"step":"completed",`), canonical.Malformed, "/data/step", "is required"},
		"no system":            {without(valid, `"system":"pos",`), canonical.Malformed, "/data/system", "is required"},
		"no location":          {without(valid, `,"location":"0123"`), canonical.Malformed, "/data/location", "is required"},
		"null location":        {strings.Replace(valid, `"0123"`, `null`, 1), canonical.Malformed, "/data/location", "is required"},
		"type of another step": {strings.Replace(valid, `sale.completed`, `sale.posted`, 1), canonical.Contradiction, "/type", `"sale.completed"`},
		"type of another kind": {strings.Replace(valid, `inventory.sale.completed`, `inventory.return.completed`, 1), canonical.Contradiction, "/type", "make both say the same"},
		"type cut short":       {strings.Replace(valid, `sale.completed`, `sale.comp`, 1), canonical.Contradiction, "/type", "sale.completed"},

		"time without offset": {strings.Replace(valid, `10:00:00Z`, `10:00:00`, 1), canonical.Malformed, "/time", "offset"},
		"hour 25":             {strings.Replace(valid, `T10:`, `T25:`, 1), canonical.Malformed, "/time", "no such"},
		"day 31 of November":  {strings.Replace(valid, `11-23T`, `11-31T`, 1), canonical.Malformed, "/time", "no such"},
		"second 61":           {strings.Replace(valid, `00:00Z`, `00:61Z`, 1), canonical.Malformed, "/time", "no such"},
		"time of one digit":   {strings.Replace(valid, `T10:00:00Z`, `T9:00:00.00Z`, 1), canonical.Malformed, "/time", "not written that way"},
		"unset clock":         {strings.Replace(valid, `2026-11-23T10:00:00Z`, `1970-01-01T00:00:00Z`, 1), canonical.Malformed, "/time", "clock"},
		"far future":          {strings.Replace(valid, `2026-`, `9999-`, 1), canonical.Malformed, "/time", "clock"},
		"time as a number":    {strings.Replace(valid, `"2026-11-23T10:00:00Z"`, `1795000000`, 1), canonical.Malformed, "/time", "RFC 3339"},

		"unknown outcome":      {event(`,"outcome":"success"`), canonical.Malformed, "/data/outcome", "ok, failed, retrying, rejected, held, partial, suppressed, dead_lettered, replay_requested, replayed, reversed, discarded, pending"},
		"outcome in capitals":  {event(`,"outcome":"OK"`), canonical.Malformed, "/data/outcome", "must be one of"},
		"attempt -1":           {event(`,"attempt":-1`), canonical.Malformed, "/data/attempt", "whole number"},
		"attempt 1.5":          {event(`,"attempt":1.5`), canonical.Malformed, "/data/attempt", "whole number"},
		"attempt too large":    {event(`,"attempt":70000`), canonical.Malformed, "/data/attempt", "65535"},
		"attempt list":         {event(`,"attempt":[1]`), canonical.Malformed, "/data/attempt", "single value"},
		"register 4.0":         {event(`,"register":4.0`), canonical.Malformed, "/data/register", "in quotes"},
		"register 4e3":         {event(`,"register":4e3`), canonical.Malformed, "/data/register", "in quotes"},
		"register -4":          {event(`,"register":-4`), canonical.Malformed, "/data/register", "negative"},
		"register true":        {event(`,"register":true`), canonical.Malformed, "/data/register", "must be text"},
		"register object":      {event(`,"register":{}`), canonical.Malformed, "/data/register", "single value"},
		"business date, US":    {event(`,"business_date":"11/23/2026"`), canonical.Malformed, "/data/business_date", "YYYY-MM-DD"},
		"business date, time":  {event(`,"business_date":"2026-11-23T00:00:00Z"`), canonical.Malformed, "/data/business_date", "YYYY-MM-DD"},
		"no such date":         {event(`,"posting_date":"2026-02-30"`), canonical.Malformed, "/data/posting_date", "YYYY-MM-DD"},
		"offline yes":          {event(`,"entered_offline":"yes"`), canonical.Malformed, "/data/entered_offline", "true or false"},
		"keys list":            {event(`,"keys":["1"]`), canonical.Malformed, "/data/keys", "an object"},
		"key object":           {event(`,"keys":{"receipt":{"n":1}}`), canonical.Malformed, "/data/keys/receipt", "single value"},
		"key float":            {event(`,"keys":{"order":["A",1.5]}`), canonical.Malformed, "/data/keys/order/1", "in quotes"},
		"key name":             {event(`,"keys":{"re/ceipt":"1"}`), canonical.Malformed, "/data/keys/re~1ceipt", "plain name"},
		"two correlation ids":  {strings.Replace(event(`,"keys":{"correlation_id":"c-2"}`), `"id":"1"`, `"id":"1","correlationid":"c-1"`, 1), canonical.Contradiction, "/data/keys/correlation_id", `"c-1"`},
		"error without code":   {event(`,"outcome":"failed","error":{"message":"x"}`), canonical.Malformed, "/data/error/code", "is required"},
		"transaction text":     {event(`,"transaction":"sale"`), canonical.Malformed, "/data/transaction", "an object"},
		"refs object":          {event(`,"refs":{"rel":"returns"}`), canonical.Malformed, "/data/refs", "a list"},
		"lines object":         {event(`,"lines":{}`), canonical.Malformed, "/data/lines", "a list"},
		"line text":            {event(`,"lines":["1"]`), canonical.Malformed, "/data/lines/0", "an object"},
		"quantity float":       {event(`,"lines":[{},{"quantity":-1e2}]`), canonical.Malformed, "/data/lines/1/quantity", "exponent"},
		"quantity words":       {event(`,"lines":[{"quantity":"two"}]`), canonical.Malformed, "/data/lines/0/quantity", `"two"`},
		"quantity comma":       {event(`,"lines":[{"quantity":"1,5"}]`), canonical.Malformed, "/data/lines/0/quantity", "plain decimal"},
		"quantity too precise": {event(`,"lines":[{"quantity":"0.1234567891"}]`), canonical.Malformed, "/data/lines/0/quantity", "9 after the point"},
		"quantity object":      {event(`,"lines":[{"quantity":{"value":"1"}}]`), canonical.Malformed, "/data/lines/0/quantity", "single value"},
		"unit value":           {event(`,"lines":[{"unit_value":"€ 5"}]`), canonical.Malformed, "/data/lines/0/unit_value", "plain decimal"},
		"stock misspelt":       {event(`,"lines":[{"stock":"move"}]`), canonical.Malformed, "/data/lines/0/stock", "moves, none, value_only"},
		"measure misspelt":     {event(`,"lines":[{"measure":"abs"}]`), canonical.Malformed, "/data/lines/0/measure", "delta, absolute"},
		"void 1":               {event(`,"lines":[{"void":1}]`), canonical.Malformed, "/data/lines/0/void", "true or false"},
		"covers count":         {event(`,"covers":{"member_count":"many"}`), canonical.Malformed, "/data/covers/member_count", "whole number"},
		"covers units":         {event(`,"covers":{"units":[{"uom":"EA","quantity":"x"}]}`), canonical.Malformed, "/data/covers/units/0/quantity", "plain decimal"},
		"covers members":       {event(`,"covers":{"members":[1.5]}`), canonical.Malformed, "/data/covers/members/0", "in quotes"},
		"data text":            {strings.Replace(valid, `{"workflow"`, `"x","y":{"workflow"`, 1), canonical.Malformed, "/data", "an object"},
		"data and base64":      {event("", `,"data_base64":"e30="`), canonical.Contradiction, "/data", "besides"},
		"base64":               {without(event("", `,"data_base64":"***"`), `,"data":{"workflow":"sale","step":"completed","system":"pos","location":"0123"}`), canonical.Malformed, "/data_base64", "base64"},
		"base64 of no JSON":    {without(event("", `,"data_base64":"PGEvPg=="`), `,"data":{"workflow":"sale","step":"completed","system":"pos","location":"0123"}`), canonical.Unreadable, "/data", "is not JSON"},

		"watermark, no system":  {watermark(`"complete_through":"2026-11-23T09:40:00Z"`), canonical.Malformed, "/data/system", "is required"},
		"watermark, no through": {watermark(`"system":"erp"`), canonical.Malformed, "/data/complete_through", "is required"},
		"watermark, day only":   {watermark(`"system":"erp","complete_through":"2026-11-23"`), canonical.Malformed, "/data/complete_through", "RFC 3339"},
		"watermark, records":    {watermark(`"system":"erp","complete_through":"2026-11-23T09:40:00Z","records":"all"`), canonical.Malformed, "/data/records", "whole number"},
		"watermark, extract":    {watermark(`"system":"erp","complete_through":"2026-11-23T09:40:00Z","extract":[1]`), canonical.Malformed, "/data/extract", "single value"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := canonical.FromCloudEvent([]byte(test.event), receivedAt)
			if err == nil {
				t.Fatalf("was accepted: %s", test.event)
			}
			e := errorOf(t, err)
			if e.Reason != test.reason || e.Pointer != test.pointer || !strings.Contains(e.Detail, test.says) {
				t.Errorf("got  %s %s %q\nwant %s %s … %q", e.Reason, e.Pointer, e.Detail, test.reason, test.pointer, test.says)
			}
			if len(e.Detail) > 500 {
				t.Errorf("a sentence of %d characters", len(e.Detail))
			}
		})
	}
}

func watermark(data string) string {
	return `{"specversion":"1.0","id":"1","source":"/erp","type":"inventory.feed.watermark","time":"2026-11-23T10:00:00Z","data":{` + data + `}}`
}

// What is wrong in an attribute is told in the words of OTLP.
func TestMalformedSpans(t *testing.T) {
	for name, test := range map[string]struct {
		change                func(ptrace.ResourceSpans, ptrace.Span)
		reason, pointer, says string
	}{
		"no service name": {func(r ptrace.ResourceSpans, _ ptrace.Span) {
			r.Resource().Attributes().Remove("service.name")
		}, canonical.Malformed, "/resource/attributes/service.name", "is required"},
		"no id at all": {func(_ ptrace.ResourceSpans, s ptrace.Span) {
			s.Attributes().Remove("inventory.event_id")
			s.SetSpanID(pcommon.SpanID{})
		}, canonical.Malformed, "/attributes/inventory.event_id", "is required"},
		"no end": {func(_ ptrace.ResourceSpans, s ptrace.Span) {
			s.SetEndTimestamp(0)
		}, canonical.Malformed, "/endTimeUnixNano", "is required"},
		"end past 2262": {func(_ ptrace.ResourceSpans, s ptrace.Span) {
			s.SetEndTimestamp(math.MaxUint64)
		}, canonical.Malformed, "/endTimeUnixNano", "clock"},
		"no step":             {remove("inventory.step"), canonical.Malformed, "/attributes/inventory.step", "is required"},
		"empty location":      {set("inventory.location", ""), canonical.Malformed, "/attributes/inventory.location", "is required"},
		"unknown outcome":     {set("inventory.outcome", "great"), canonical.Malformed, "/attributes/inventory.outcome", "must be one of ok"},
		"other type":          {set("inventory.type", "inventory.return.completed"), canonical.Contradiction, "/attributes/inventory.type", "make both"},
		"register double":     {set("inventory.register", 4.0), canonical.Malformed, "/attributes/inventory.register", "in quotes"},
		"register list":       {set("inventory.register", []any{"4"}), canonical.Malformed, "/attributes/inventory.register", "single value"},
		"register bytes":      {set("inventory.register", []byte{4}), canonical.Malformed, "/attributes/inventory.register", "single value"},
		"key map":             {set("inventory.key.receipt", map[string]any{"a": 1}), canonical.Malformed, "/attributes/inventory.key.receipt", "single value"},
		"key name":            {set("inventory.key.a b", "1"), canonical.Malformed, "/attributes/inventory.key.a b", "plain name"},
		"lines not JSON":      {set("inventory.lines", "[{]"), canonical.Unreadable, "/attributes/inventory.lines/0", "is not JSON"},
		"lines number":        {set("inventory.lines", 1), canonical.Malformed, "/attributes/inventory.lines", "must be JSON"},
		"lines quantity":      {set("inventory.lines", `[{"quantity":"x"}]`), canonical.Malformed, "/attributes/inventory.lines/0/quantity", "plain decimal"},
		"native quantity":     {set("inventory.lines", []any{map[string]any{"quantity": "x"}}), canonical.Malformed, "/attributes/inventory.lines/0/quantity", "plain decimal"},
		"native NaN":          {set("inventory.lines", []any{map[string]any{"quantity": math.NaN()}}), canonical.Malformed, "/attributes/inventory.lines", "NaN"},
		"native infinity":     {set("inventory.lines", []any{map[string]any{"quantity": math.Inf(-1)}}), canonical.Malformed, "/attributes/inventory.lines", "infinity"},
		"error without":       {set("inventory.error.message", "x"), canonical.Malformed, "/attributes/inventory.error/code", "is required"},
		"two correlation ids": {set("inventory.key.correlation_id", "c-2"), canonical.Contradiction, "/attributes/inventory.key.correlation_id", "c-2"},
		"said twice":          {set("inventory.transaction.kind", "return"), canonical.Contradiction, "", "given twice"},
		"lines said twice":    {duplicate("inventory.lines", `[{"line":"9"}]`), canonical.Contradiction, "/attributes/inventory.lines", "given twice"},
		"system said twice":   {duplicate("inventory.system", "erp"), canonical.Contradiction, "/attributes/inventory.system", "given twice"},
		"too large":           {set("x", strings.Repeat("x", canonical.MaxEvent)), canonical.Oversized, "", "split it"},
	} {
		t.Run(name, func(t *testing.T) {
			td := request(2)
			test.change(td.ResourceSpans().At(0), td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(1))
			batch, err := canonical.FromTraces(td, receivedAt)
			if err != nil {
				t.Fatal(err)
			}
			if len(batch.Rejected) == 0 {
				t.Fatal("was accepted")
			}
			q := batch.Rejected[len(batch.Rejected)-1]
			if q.Index != 1 || q.Reason != test.reason || test.pointer != "" && q.Pointer != test.pointer || !strings.Contains(q.Detail, test.says) {
				t.Errorf("got  %s %s %q\nwant %s %s … %q", q.Reason, q.Pointer, q.Detail, test.reason, test.pointer, test.says)
			}
			if back, err := new(ptrace.ProtoUnmarshaler).UnmarshalTraces(q.Raw); err != nil || back.SpanCount() != 1 {
				t.Errorf("its raw bytes are no span: %v", err)
			}
		})
	}
}

func set(name string, value any) func(ptrace.ResourceSpans, ptrace.Span) {
	return func(_ ptrace.ResourceSpans, s ptrace.Span) {
		if err := s.Attributes().PutEmpty(name).FromRaw(value); err != nil {
			panic(err)
		}
	}
}

func remove(name string) func(ptrace.ResourceSpans, ptrace.Span) {
	return func(_ ptrace.ResourceSpans, s ptrace.Span) { s.Attributes().Remove(name) }
}

// duplicate says an attribute a second time, which pdata itself does not offer
// but any sender can do.
func duplicate(name, value string) func(ptrace.ResourceSpans, ptrace.Span) {
	return func(r ptrace.ResourceSpans, s ptrace.Span) {
		s.Attributes().PutStr(strings.ToUpper(name), value)
		td := ptrace.NewTraces()
		r.CopyTo(td.ResourceSpans().AppendEmpty())
		encoded, err := new(ptrace.ProtoMarshaler).MarshalTraces(td)
		if err != nil {
			panic(err)
		}
		encoded = bytes.ReplaceAll(encoded, []byte(strings.ToUpper(name)), []byte(name))
		td, err = new(ptrace.ProtoUnmarshaler).UnmarshalTraces(encoded)
		if err != nil {
			panic(err)
		}
		td.ResourceSpans().At(0).CopyTo(r)
	}
}

func TestMalformedBatches(t *testing.T) {
	for name, test := range map[string]struct{ body, says string }{
		"nothing":     {"", "is not a batch"},
		"one event":   {event(""), "is not a batch"},
		"cut off":     {"[" + event(""), "ends in the middle"},
		"no comma":    {"[" + event("") + event("") + "]", "is not JSON"},
		"trailing":    {"[" + event("") + ",]", "is not JSON"},
		"second list": {"[" + event("") + "][]", "more after the end"},
	} {
		batch, err := canonical.FromCloudEvents([]byte(test.body), receivedAt)
		if err == nil {
			t.Errorf("%s: was accepted: %v", name, batch)
			continue
		}
		if e := errorOf(t, err); e.Reason != canonical.Unreadable || !strings.Contains(e.Detail, test.says) {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

// The raw bytes of each event of a batch are exactly the sender's.
func TestBatchKeepsTheSendersBytes(t *testing.T) {
	first, second := event(`, "device" : "\u0041"`), strings.ReplaceAll(event(`,"step":"x"`), ",", " ,\n\t")
	batch, err := canonical.FromCloudEvents([]byte(" [ "+first+" ,\n"+second+" ] \n"), receivedAt)
	if err != nil || len(batch.Records) != 1 || len(batch.Rejected) != 1 {
		t.Fatal(err, batch)
	}
	if got := string(batch.Records[0].Raw); got != first {
		t.Errorf("kept %q", got)
	}
	if got := string(batch.Rejected[0].Raw); got != second || batch.Rejected[0].Index != 1 {
		t.Errorf("quarantined %q", got)
	}
}

// The published CloudEvents examples are no inventory events, and each is told
// what it lacks.
func TestSamplesOfCloudEvents(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "shared", "samples", "cloudevents")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("the samples are not here: %v", err)
	}
	for file, want := range map[string]string{
		"correlation_example_1.json": "/time",
		"json_format_3_data.json":    "/data/workflow",
	} {
		raw, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		record, err := canonical.FromCloudEvent(raw, receivedAt)
		if e := errorOf(t, err); e.Pointer != want {
			t.Errorf("%s: %v, want %s", file, e, want)
		}
		if record.Event.Source == "" {
			t.Errorf("%s: the quarantine would not know the source", file)
		}
	}
	raw, err := os.ReadFile(filepath.Join(dir, "json_format_8_batch.json"))
	if err != nil {
		t.Fatal(err)
	}
	if batch, err := canonical.FromCloudEvents(raw, receivedAt); err != nil || len(batch.Records)+len(batch.Rejected) != 0 {
		t.Errorf("an empty batch: %v %v", batch, err)
	}
}

func TestTraceParent(t *testing.T) {
	const trace, span = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	for header, valid := range map[string]bool{
		"00-" + trace + "-" + span + "-01":                         true,
		"00-" + trace + "-" + span + "-00":                         true,
		"cc-" + trace + "-" + span + "-01-what-is-to-come":         true,
		"00-" + trace + "-" + span + "-01-more":                    false,
		"cc-" + trace + "-" + span + "-01.more":                    false,
		"ff-" + trace + "-" + span + "-01":                         false,
		"00-" + strings.ToUpper(trace) + "-" + span + "-01":        false,
		"00-" + strings.Repeat("0", 32) + "-" + span + "-01":       false,
		"00-" + trace + "-" + strings.Repeat("0", 16) + "-01":      false,
		"00-" + trace + "-" + span:                                 false,
		"00-" + trace + "-" + span + "-xx":                         false,
		"00_" + trace + "_" + span + "_01":                         false,
		fmt.Sprintf("%s-%s-%s-01", "0g", trace, span):              false,
		"00-" + trace[:31] + "-" + span + "-01" + " ":              false,
		"00-" + strings.Repeat("x", 32) + "-" + span + "-01":       false,
		"00-" + trace + "-" + strings.Repeat("x", 16) + "-" + "01": false,
	} {
		record, err := canonical.FromCloudEvent([]byte(event("", `,"traceparent":"`+header+`"`)), receivedAt)
		if err != nil {
			t.Errorf("%q: %v: a bad traceparent is to be ignored", header, err)
			continue
		}
		e := record.Event
		if got := e.TraceID == trace && e.SpanID == span; got != valid {
			t.Errorf("%q: trace %q, span %q, want valid %v", header, e.TraceID, e.SpanID, valid)
		}
		if !valid && e.Attributes["traceparent"] != header {
			t.Errorf("%q is not kept: %v", header, e.Attributes)
		}
	}
}
