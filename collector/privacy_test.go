package collector_test

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/stocktrace/stocktrace/collector"
	"github.com/stocktrace/stocktrace/collector/canonical"
	"github.com/stocktrace/stocktrace/collector/privacy"
)

// withRules are options of a collector that takes people out.
func withRules(t *testing.T, m *memory) collector.Options {
	t.Helper()
	dir := t.TempDir()
	key := privacy.NewKey()
	if err := privacy.Init(filepath.Join(dir, "privacy.secret"), key); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "privacy.yaml")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	rules, err := privacy.Load(file, key)
	if err != nil {
		t.Fatal(err)
	}
	o := options(m)
	o.Privacy = rules
	return o
}

// Whatever way a person comes in, as part of what can be read or not, nothing of
// them is stored, and they are one person on all of them.
func TestNobodyIsStored(t *testing.T) {
	const person = "Jo-Doe-4711"
	m := &memory{}
	o := withRules(t, m)
	o.Documents = findLines
	c := start(t, o)

	td := ptrace.NewTraces()
	span := sale(td, 1)
	span.Attributes().PutStr("inventory.operator", person)
	span.Attributes().PutStr("inventory.approval", `{"state":"approved","by":"`+person+`"}`)
	broken := sale(td, 2)
	broken.Attributes().PutStr("inventory.operator", person)
	broken.Attributes().PutStr("inventory.attempt", "x")
	request := ptraceotlp.NewExportRequestFromTraces(td)
	body, err := request.MarshalProto()
	if err != nil {
		t.Fatal(err)
	}
	jsonText, err := request.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ptraceotlp.NewGRPCClient(dial(t, c)).Export(t.Context(), request); err != nil {
		t.Fatal(err)
	}
	post(t, c, "/v1/traces", "application/x-protobuf", body)
	post(t, c, "/v1/traces", "application/json", jsonText)
	post(t, c, "/v1/traces", "application/json", jsonText[:len(jsonText)-20])
	post(t, c, "/v1/traces", "application/x-protobuf", append([]byte{0xff}, body...))

	named := strings.Replace(event, `"location"`, `"operator":"`+person+`","approval":{"by":"`+person+`"},"location"`, 1)
	malformed := strings.Replace(named, `"step":"completed",`, "", 1)
	for _, e := range []string{named, malformed, named[:len(named)-3], "{" + named} {
		sendEvent(t, o, canonical.CloudEventType, e)
	}
	sendEvent(t, o, canonical.CloudEventBatchType, "["+named+","+malformed+"]")
	sendEvent(t, o, canonical.CloudEventBatchType, "["+named+","+malformed)
	sendEvent(t, o, "application/json", strings.Replace(data, `"location"`, `"operator":"`+person+`","location"`, 1),
		"ce-specversion", "1.0", "ce-id", "b", "ce-source", "/till/4", "ce-type", "inventory.sale.completed", "ce-time", "2026-11-23T10:00:00Z", "ce-operator", person)
	sendEvent(t, o, canonical.CloudEventType, person, "Content-Encoding", "gzip")
	h, err := collector.Handler(o)
	if err != nil {
		t.Fatal(err)
	}
	ask(t, h, "/v1/documents?source=tills", "what? "+person)

	records, quarantined := m.contents()
	if len(records) != 6 || len(quarantined) != 12 {
		t.Errorf("%d records, %d in the quarantine", len(records), len(quarantined))
	}
	operator := ""
	for _, r := range records {
		if bytes.Contains(r.Raw, []byte(person)) || r.Event.Operator == person {
			t.Errorf("%s: stored %q", r.Transport, r.Raw)
		}
		if operator == "" {
			operator = r.Event.Operator
		}
		if r.Event.Operator != operator || r.Event.Approval != nil && r.Event.Approval.By != operator || !strings.HasPrefix(operator, "hmac-") {
			t.Errorf("%s: operator %q, approval %+v", r.Transport, r.Event.Operator, r.Event.Approval)
		}
	}
	for _, q := range quarantined {
		if bytes.Contains(q.Raw, []byte(person)) || strings.Contains(q.Detail, person) {
			t.Errorf("%s %s: kept %q, %s", q.Transport, q.ContentType, q.Raw, q.Detail)
		}
	}
	// The answer names the entry as the quarantine does.
	code, answer := sendEvent(t, o, canonical.CloudEventType, malformed)
	_, quarantined = m.contents()
	if last := quarantined[len(quarantined)-1]; code != http.StatusBadRequest || !strings.Contains(answer, last.ID) {
		t.Errorf("the answer does not name %s: %s", last.ID, answer)
	}
}
