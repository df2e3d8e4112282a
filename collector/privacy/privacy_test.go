package privacy

import (
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"pgregory.net/rapid"

	"github.com/stocktrace/stocktrace/inventory"
)

// rules loads rules with a new secret.
func rules(tb testing.TB, text string) *Rules {
	tb.Helper()
	dir := tb.TempDir()
	key := NewKey()
	if err := Init(filepath.Join(dir, "privacy.secret"), key); err != nil {
		tb.Fatal(err)
	}
	file := filepath.Join(dir, "privacy.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	r, err := Load(file, key)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func TestJSON(t *testing.T) {
	r := rules(t, "")
	h := r.secret.hash
	for in, want := range map[string]string{
		`{"operator":"88","approval":{"by":"88","role":"lead"}}`: `{"operator":"` + h("88") + `","approval":{"by":"` + h("88") + `","role":"lead"}}`,
		`{ "operator" : 88 , "by":"x"}`:                          `{ "operator" : "` + h("88") + `" , "by":"x"}`,
		`{"keys":{"loyalty":["A","B"],"order":["A"]}}`:           `{"keys":{"loyalty":["` + h("A") + `","` + h("B") + `"],"order":["A"]}}`,
		`{"customer":{"name":"Jo","vip":true,"x":[1]}}`:          `{"customer":{"name":"` + h("Jo") + `","vip":true,"x":["` + h("1") + `"]}}`,
		`{"cardNumber":"4111111111111111","card_type":"visa"}`:   `{"cardNumber":null,"card_type":"visa"}`,
		`{"customer_order":"O-1","discard":"x"}`:                 `{"customer_order":"O-1","discard":"x"}`,
		`{"error":{"field":"operator","value":"88","code":"c"}}`: `{"error":{"field":"operator","value":"` + h("88") + `","code":"c"}}`,
		`{"error":{"value":"88","field":"lines[0].item"}}`:       `{"error":{"value":"88","field":"lines[0].item"}}`,
		`{"note":"{\"operator\":\"88\"}"}`:                       `{"note":"{\"operator\":\"` + h("88") + `\"}"}`,
		`{"data_base64":"` + b64(`{"operator":"88"}`) + `"}`:     `{"data_base64":"` + b64(`{"operator":"`+h("88")+`"}`) + `"}`,
		`{"data_base64":"` + b64(`operator 88`) + `"}`:           `{"data_base64":"` + b64(Dropped) + `"}`,
		`{"operator":"","operator":null}`:                        `{"operator":"","operator":null}`,
		`{"operator":"88"}{"operator":"88"}`:                     `{"operator":"` + h("88") + `"}{"operator":"` + h("88") + `"}`,
		`[{"a":1}, "x"]`:                                         `[{"a":1}, "x"]`,
	} {
		got, ok := r.JSON([]byte(in))
		if !ok || string(got) != want {
			t.Errorf("%s\n  became %s\n  want   %s", in, got, want)
		}
		if again, _ := r.JSON(got); string(again) != string(got) {
			t.Errorf("%s is not the same when it is read again: %s", got, again)
		}
	}
	for _, in := range []string{`{"operator":"88"`, `{"operator" "88"}`, `{`, `operator`} {
		if out, ok := r.JSON([]byte(in)); ok {
			t.Errorf("%q is JSON: %q", in, out)
		}
		if got := r.Fragment("application/json", []byte(in)); string(got) != Dropped {
			t.Errorf("%q is kept as %q", in, got)
		}
	}
}

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func TestXML(t *testing.T) {
	r := rules(t, "")
	h := r.secret.hash
	for in, want := range map[string]string{
		`<T><OperatorID>88</OperatorID><x:CashierID a="1">7 &amp; 8</x:CashierID></T>`: `<T><OperatorID>` + h("88") + `</OperatorID><x:CashierID a="` + h("1") + `">` + h("7 & 8") + `</x:CashierID></T>`,
		"<?xml version='1.0'?>\n<T OperatorID='88' Item=\"4\"/>":                       "<?xml version='1.0'?>\n<T OperatorID='" + h("88") + "' Item=\"4\"/>",
		`<Customer><Name>Jo</Name><!-- Jo --><b/></Customer>`:                          `<Customer><Name>` + h("Jo") + `</Name><b/></Customer>`,
		`<T><Card><![CDATA[4111]]></Card><CustomerOrder>7</CustomerOrder></T>`:         `<T><Card></Card><CustomerOrder>7</CustomerOrder></T>`,
		`<T><Item>4006381333931</Item></T>`:                                            `<T><Item>4006381333931</Item></T>`,
	} {
		got, ok := r.XML([]byte(in))
		if !ok || string(got) != want {
			t.Errorf("%s\n  became %s\n  want   %s", in, got, want)
		}
	}
	for _, in := range []string{`<T><OperatorID>88</OperatorID>`, `<T>`, `<T></U>`, "<T>\xe9</T>"} {
		if out, ok := r.XML([]byte(in)); ok {
			t.Errorf("%q is XML: %q", in, out)
		}
	}
}

// One person has one hash, whatever key wraps the secret.
func TestRotationKeepsHashes(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "privacy.secret")
	rulesFile := filepath.Join(dir, "privacy.yaml")
	if err := os.WriteFile(rulesFile, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	first, second := NewKey(), NewKey()
	if err := Init(file, first); err != nil {
		t.Fatal(err)
	}
	before, err := Load(rulesFile, first)
	if err != nil {
		t.Fatal(err)
	}
	if err := Init(file, first); err == nil {
		t.Error("a secret was overwritten")
	}
	if err := Rotate(file, second, first); err == nil {
		t.Error("rotated with the wrong key")
	}
	if err := Rotate(file, first, second); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(rulesFile, first); err == nil || !strings.Contains(err.Error(), "not wrapped") {
		t.Errorf("the old key still unwraps it: %v", err)
	}
	after, err := Load(rulesFile, second)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := before.secret.hash("88"), after.secret.hash("88"); a != b || !hashed.MatchString(a) {
		t.Errorf("%q became %q", a, b)
	}
	for _, bad := range []string{"", "short", "%%%"} {
		if _, err := Load(rulesFile, bad); !errors.Is(err, errKey) {
			t.Errorf("key %q: %v", bad, err)
		}
	}
}

func TestFileWithMistakes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "privacy.yaml")
	for text, want := range map[string]string{
		"names: {operator: hide}": "keep, hash or drop", "unparsed: perhaps": "drop or patterns", "name: {}": "line 1", "patterns: ['(']": "patterns",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(file, NewKey()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestUnparsed(t *testing.T) {
	if got := rules(t, "").Unparsed([]byte("UNB+…88")); string(got) != Dropped {
		t.Errorf("kept %q", got)
	}
	r := rules(t, "unparsed: patterns\npatterns: ['OP[0-9]+']\n")
	got := string(r.Unparsed([]byte("4111 1111 1111 1111 jo@example.com OP88 12.50")))
	// Four digits may stand in a hash by chance.
	if strings.Contains(got, "4111 1111") || strings.Contains(got, "jo@") || strings.Contains(got, "OP88") || !strings.HasSuffix(got, " 12.50") {
		t.Errorf("kept %q", got)
	}
}

func TestEventOfDocument(t *testing.T) {
	r := rules(t, "")
	h := r.secret.hash
	e := inventory.Event{
		Operator: "8812", Approval: &inventory.Approval{By: "8812", Role: "lead"},
		Keys:       []inventory.Key{{Name: "receipt", Value: "1"}, {Name: "loyalty", Value: "L-1"}, {Name: "card", Value: "4111"}},
		Mappings:   []inventory.Mapping{{Field: "operator", From: "8812", To: "88"}, {Field: "lines[0].item", From: "a", To: "b"}},
		Error:      &inventory.Error{Code: "x", Field: "lines[0].item", Value: "a"},
		Attributes: map[string]string{"customer_name": "Jo", "email": "jo@example.com", "data.x": `{"cashier":"7"}`, "y": "z"},
	}
	raw := r.Event(&e, "application/xml", []byte(`<T clerk="8812"><OperatorID>8812</OperatorID></T>`))
	if want := `<T clerk="` + h("8812") + `"><OperatorID>` + h("8812") + `</OperatorID></T>`; string(raw) != want {
		t.Errorf("raw is %s", raw)
	}
	if e.Operator != h("8812") || e.Approval.By != e.Operator || e.Mappings[0].From != e.Operator || e.Mappings[1].From != "a" || e.Error.Value != "a" {
		t.Errorf("%+v %+v %+v", e, e.Approval, e.Error)
	}
	if len(e.Keys) != 2 || e.Keys[0].Value != "1" || e.Keys[1].Value != h("L-1") {
		t.Errorf("keys %v", e.Keys)
	}
	if _, there := e.Attributes["email"]; there || e.Attributes["customer_name"] != h("Jo") || e.Attributes["y"] != "z" || e.Attributes["data.x"] != `{"cashier":"`+h("7")+`"}` {
		t.Errorf("attributes %v", e.Attributes)
	}
	if raw := r.Event(&inventory.Event{}, "application/edi-x12", []byte("ISA*88~")); string(raw) != Dropped {
		t.Errorf("a format that names no fields is kept: %s", raw)
	}
}

func TestOTLP(t *testing.T) {
	r := rules(t, "")
	h := r.secret.hash
	td := ptrace.NewTraces()
	resource := td.ResourceSpans().AppendEmpty()
	resource.Resource().Attributes().PutStr("cashier.id", "7")
	span := resource.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	a := span.Attributes()
	a.PutInt("inventory.operator", 88)
	a.PutStr("inventory.approval", `{"by":"88"}`)
	a.PutStr("inventory.approval.by", "88")
	a.PutStr("inventory.key.loyalty", "L")
	a.PutStr("card.number", "4111")
	a.PutStr("inventory.step", "completed")
	a.PutEmptyMap("customer").PutStr("name", "Jo")
	r.Traces(td)
	want := map[string]any{
		"inventory.operator": h("88"), "inventory.approval": `{"by":"` + h("88") + `"}`, "inventory.approval.by": h("88"),
		"inventory.key.loyalty": h("L"), "inventory.step": "completed", "customer": map[string]any{"name": h("Jo")},
	}
	got, _ := json.Marshal(a.AsRaw())
	if wanted, _ := json.Marshal(want); string(got) != string(wanted) {
		t.Errorf("got  %s\nwant %s", got, wanted)
	}
	if v, _ := resource.Resource().Attributes().Get("cashier.id"); v.Str() != h("7") {
		t.Errorf("resource: %v", v.AsString())
	}
	ld := plog.NewLogs()
	records := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	records.AppendEmpty().Body().SetStr("operator 88 sold")
	records.AppendEmpty().Body().SetStr(`{"operator":"88"}`)
	records.AppendEmpty().Body().SetEmptyMap().PutStr("operator", "88")
	r.Logs(ld)
	for i, want := range []string{Dropped, `{"operator":"` + h("88") + `"}`, `{"operator":"` + h("88") + `"}`} {
		if got := records.At(i).Body().AsString(); got != want {
			t.Errorf("body %d is %s", i, got)
		}
	}
}

func TestNoRulesTakeNothing(t *testing.T) {
	var r *Rules
	raw := []byte(`{"operator":"88"}`)
	out, ok := r.JSON(raw)
	e := inventory.Event{Operator: "88"}
	if !ok || string(out) != string(raw) || string(r.Fragment("x", raw)) != string(raw) || string(r.Event(&e, "x", raw)) != string(raw) || e.Operator != "88" || r.ID("1") != "1" {
		t.Error("something was taken out")
	}
	r.Traces(ptrace.NewTraces())
	r.Logs(plog.NewLogs())
}

// No value of a field that is meant is left in a document, wherever it stands.
func TestNothingIsLeft(t *testing.T) {
	r := rules(t, "")
	const secret = "Jo Doe 4711"
	rapid.Check(t, func(t *rapid.T) {
		var build func(depth int, meant bool) any
		build = func(depth int, meant bool) any {
			if depth == 0 || rapid.Bool().Draw(t, "leaf") {
				if meant {
					return secret
				}
				return rapid.SampledFrom([]any{"x", 1.5, true, nil, "12"}).Draw(t, "value")
			}
			if rapid.Bool().Draw(t, "list") {
				var list []any
				for range rapid.IntRange(0, 3).Draw(t, "n") {
					list = append(list, build(depth-1, meant))
				}
				return list
			}
			m := map[string]any{}
			for range rapid.IntRange(0, 3).Draw(t, "n") {
				name := rapid.SampledFrom([]string{"operator", "CustomerId", "loyalty_card", "a", "keys", "line", "employee-no"}).Draw(t, "name")
				m[name] = build(depth-1, meant || name[0] != 'a' && name != "keys" && name != "line")
			}
			return m
		}
		doc := build(5, false)
		raw, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		out, ok := r.JSON(raw)
		if !ok || !json.Valid(out) || strings.Contains(string(out), secret) {
			t.Fatalf("%s became %s", raw, out)
		}
	})
}

// What it costs grows with the size of what comes, whatever its shape.
func TestManyOfEverything(t *testing.T) {
	r := rules(t, "")
	begun := time.Now()
	var tag strings.Builder
	tag.WriteString("<T")
	e := inventory.Event{Attributes: map[string]string{}}
	for i := range 50_000 {
		fmt.Fprintf(&tag, ` operator%d="%d"`, i, i)
		e.Attributes[fmt.Sprintf("operator%d", i)] = fmt.Sprintf("person %d", i)
	}
	tag.WriteString("/>")
	if out, ok := r.XML([]byte(tag.String())); !ok || strings.Contains(string(out), `="4711"`) {
		t.Error("many attributes are not read")
	}
	raw := r.Event(&e, "application/json", []byte(`{"x":"`+strings.Repeat("person 4711 ", 50_000)+`"}`))
	if strings.Contains(string(raw), "person") || !strings.HasPrefix(string(raw), `{"x":"`+r.secret.hash("person 4711")+" ") {
		t.Error("many values are not taken out")
	}
	// Seconds here; quadratic it was hours.
	if took := time.Since(begun); took > time.Minute {
		t.Errorf("it took %v", took)
	}
}

func FuzzFragment(f *testing.F) {
	r := rules(f, "")
	f.Add([]byte(`{"operator":"88","x":[{"customer":1}]}`))
	f.Add([]byte(`<T OperatorID="88"><Card>1</Card></T>`))
	f.Add([]byte(`<T a='"' operator="'"/>`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if out, ok := r.JSON(raw); ok && len(raw) > 0 && json.Valid(raw) && !json.Valid(out) {
			t.Fatalf("%q became %q", raw, out)
		}
		if out, ok := r.XML(raw); ok {
			d := xml.NewDecoder(strings.NewReader(string(out)))
			d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
			for {
				if _, err := d.RawToken(); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					t.Fatalf("%q became %q: %v", raw, out, err)
				}
			}
		}
	})
}
