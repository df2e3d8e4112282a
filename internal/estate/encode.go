package estate

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/stocktrace/stocktrace/inventory"
)

// The contract's JSON. Empty fields are left out.
type cloudEvent struct {
	SpecVersion     string `json:"specversion"`
	ID              string `json:"id"`
	Source          string `json:"source"`
	Type            string `json:"type"`
	Time            string `json:"time"`
	CorrelationID   string `json:"correlationid,omitempty"`
	Traceparent     string `json:"traceparent,omitempty"`
	DataContentType string `json:"datacontenttype"`
	Data            any    `json:"data"`
}

type eventData struct {
	Workflow       string            `json:"workflow"`
	Step           string            `json:"step"`
	System         string            `json:"system"`
	Outcome        string            `json:"outcome,omitempty"`
	Attempt        int               `json:"attempt,omitempty"`
	Location       string            `json:"location"`
	Register       string            `json:"register,omitempty"`
	BusinessDate   string            `json:"business_date,omitempty"`
	Operator       string            `json:"operator,omitempty"`
	Device         string            `json:"device,omitempty"`
	Keys           map[string]string `json:"keys,omitempty"`
	Transaction    *transactionJSON  `json:"transaction,omitempty"`
	PostingDate    string            `json:"posting_date,omitempty"`
	Error          *errorJSON        `json:"error,omitempty"`
	Refs           []refJSON         `json:"refs,omitempty"`
	Totals         *totalsJSON       `json:"totals,omitempty"`
	ReasonCode     string            `json:"reason_code,omitempty"`
	Approval       *approvalJSON     `json:"approval,omitempty"`
	EnteredOffline bool              `json:"entered_offline,omitempty"`
	Covers         *coversJSON       `json:"covers,omitempty"`
	Lines          []lineJSON        `json:"lines,omitempty"`
}

type errorJSON struct {
	Code  string `json:"code"`
	Field string `json:"field,omitempty"`
	Value string `json:"value,omitempty"`
}

type refJSON struct {
	Rel  string            `json:"rel"`
	Keys map[string]string `json:"keys"`
}

type totalsJSON struct {
	Register     string `json:"register"`
	Transactions int    `json:"transactions"`
	First        string `json:"first"`
	Last         string `json:"last"`
}

type approvalJSON struct {
	State string `json:"state"`
	By    string `json:"by,omitempty"`
	Role  string `json:"role,omitempty"`
}

type coversJSON struct {
	Location     string `json:"location,omitempty"`
	BusinessDate string `json:"business_date,omitempty"`
}

type transactionJSON struct {
	Kind        string `json:"kind,omitempty"`
	Mode        string `json:"mode,omitempty"`
	Status      string `json:"status,omitempty"`
	Sequence    string `json:"sequence,omitempty"`
	SequenceMax string `json:"sequence_max,omitempty"`
}

type lineJSON struct {
	Line       string            `json:"line,omitempty"`
	Item       string            `json:"item"`
	ItemScheme string            `json:"item_scheme,omitempty"`
	ItemIDs    map[string]string `json:"item_ids,omitempty"`
	Quantity   string            `json:"quantity"`
	UOM        string            `json:"uom,omitempty"`
	Measure    string            `json:"measure,omitempty"`
	Bucket     string            `json:"bucket,omitempty"`
	Status     string            `json:"status,omitempty"`
	StatusFrom string            `json:"status_from,omitempty"`
	StatusTo   string            `json:"status_to,omitempty"`
	Activity   string            `json:"activity,omitempty"`
	Stock      string            `json:"stock,omitempty"`
	AsOf       string            `json:"as_of,omitempty"`
	Counted    string            `json:"counted,omitempty"`
	Book       string            `json:"book,omitempty"`
	UnitValue  string            `json:"unit_value,omitempty"`
	ValueBasis string            `json:"value_basis,omitempty"`
	Currency   string            `json:"currency,omitempty"`
}

type mappingJSON struct {
	Field   string `json:"field"`
	From    string `json:"from"`
	To      string `json:"to"`
	Rule    string `json:"rule,omitempty"`
	Version string `json:"version,omitempty"`
}

type watermarkData struct {
	System          string `json:"system"`
	Location        string `json:"location,omitempty"`
	CompleteThrough string `json:"complete_through"`
}

// cloudEventOf writes an event as a CloudEvent, with the till's wall time.
func cloudEventOf(e *inventory.Event, zone *time.Location) cloudEvent {
	return cloudEvent{
		SpecVersion: "1.0", ID: e.ID, Source: e.Source, Type: e.Type,
		Time: e.Time.In(zone).Format("2006-01-02T15:04:05.000Z07:00"), CorrelationID: e.CorrelationID,
		Traceparent: "00-" + e.TraceID + "-" + e.SpanID + "-01", DataContentType: "application/json",
		Data: eventData{
			Workflow: e.Workflow, Step: e.Step, System: e.System, Outcome: string(e.Outcome), Attempt: e.Attempt,
			Location: e.Location, Register: e.Register, BusinessDate: e.BusinessDate, Operator: e.Operator, Device: e.Device,
			Keys: named(e.Keys), Transaction: transactionOf(e), PostingDate: e.PostingDate,
			Error: errorOf(e), Refs: refsOf(e), Totals: totalsOf(e), ReasonCode: e.ReasonCode, Approval: approvalOf(e), EnteredOffline: e.EnteredOffline,
			Covers: coversOf(e), Lines: linesOf(e),
		},
	}
}

func named(keys []inventory.Key) map[string]string {
	if len(keys) == 0 {
		return nil
	}
	m := make(map[string]string, len(keys))
	for _, k := range keys {
		m[k.Name] = k.Value
	}
	return m
}

func transactionOf(e *inventory.Event) *transactionJSON {
	t := e.Transaction
	if t == (inventory.Transaction{}) {
		return nil
	}
	return &transactionJSON{t.Kind, t.Mode, t.Status, t.Sequence, t.SequenceMax}
}

func errorOf(e *inventory.Event) *errorJSON {
	if e.Error == nil {
		return nil
	}
	return &errorJSON{e.Error.Code, e.Error.Field, e.Error.Value}
}

func refsOf(e *inventory.Event) []refJSON {
	var refs []refJSON
	for _, r := range e.Refs {
		refs = append(refs, refJSON{r.Rel, named(r.Keys)})
	}
	return refs
}

func totalsOf(e *inventory.Event) *totalsJSON {
	t := e.Totals
	if t == nil {
		return nil
	}
	return &totalsJSON{t.Register, t.Transactions, t.First, t.Last}
}

func approvalOf(e *inventory.Event) *approvalJSON {
	if e.Approval == nil {
		return nil
	}
	return &approvalJSON{e.Approval.State, e.Approval.By, e.Approval.Role}
}

func coversOf(e *inventory.Event) *coversJSON {
	if e.Covers == nil {
		return nil
	}
	return &coversJSON{e.Covers.Location, e.Covers.BusinessDate}
}

func linesOf(e *inventory.Event) []lineJSON {
	lines := make([]lineJSON, len(e.Lines))
	for i := range e.Lines {
		l := &e.Lines[i]
		lines[i] = lineJSON{
			Line: l.Line, Item: l.Item, ItemScheme: l.ItemScheme, ItemIDs: named(l.ItemIDs), Quantity: l.Quantity.String(),
			UOM: l.UOM, Measure: l.Measure, Bucket: l.Bucket, Status: l.Status, StatusFrom: l.StatusFrom, StatusTo: l.StatusTo,
			Activity: l.Activity, Stock: l.Stock, AsOf: l.AsOf, Counted: l.Counted, Book: l.Book,
			UnitValue: l.UnitValue, ValueBasis: l.ValueBasis, Currency: l.Currency,
		}
	}
	return lines
}

// attributes writes an event as the contract's inventory.* attributes.
func attributes(e *inventory.Event, to pcommon.Map) error {
	put := func(name, value string) {
		if value != "" {
			to.PutStr("inventory."+name, value)
		}
	}
	put("event_id", e.ID)
	put("correlation_id", e.CorrelationID)
	put("workflow", e.Workflow)
	put("step", e.Step)
	put("system", e.System)
	put("outcome", string(e.Outcome))
	to.PutInt("inventory.attempt", int64(e.Attempt))
	put("location", e.Location)
	put("register", e.Register)
	put("business_date", e.BusinessDate)
	put("operator", e.Operator)
	put("device", e.Device)
	put("mapping_version", e.MappingVersion)
	for _, k := range e.Keys {
		put("key."+k.Name, k.Value)
	}
	if e.Error != nil {
		put("error.code", e.Error.Code)
		put("error.field", e.Error.Field)
		put("error.value", e.Error.Value)
	}
	putJSON := func(name string, value any) error {
		b, err := json.Marshal(value)
		if err != nil {
			return fmt.Errorf("encode %s of event %s: %w", name, e.ID, err)
		}
		put(name, string(b))
		return nil
	}
	if t := transactionOf(e); t != nil {
		if err := putJSON("transaction", t); err != nil {
			return err
		}
	}
	if r := refsOf(e); r != nil {
		if err := putJSON("refs", r); err != nil {
			return err
		}
	}
	if c := coversOf(e); c != nil {
		if err := putJSON("covers", c); err != nil {
			return err
		}
	}
	if len(e.Mappings) > 0 {
		mappings := make([]mappingJSON, len(e.Mappings))
		for i, m := range e.Mappings {
			mappings[i] = mappingJSON(m)
		}
		if err := putJSON("mappings", mappings); err != nil {
			return err
		}
	}
	if len(e.Lines) > 0 {
		return putJSON("lines", linesOf(e))
	}
	return nil
}

// resourceOf describes the sender of an OTLP message.
func resourceOf(m *message, to pcommon.Resource) {
	name, instance := m.service()
	to.Attributes().PutStr("service.name", name)
	to.Attributes().PutStr("service.instance.id", instance)
	to.Attributes().PutStr("deployment.environment.name", "simulated")
}

const scope = "stocktrace/estate"

// tracesOf writes messages as spans, grouped by sender.
func tracesOf(messages []*message) (ptrace.Traces, error) {
	td := ptrace.NewTraces()
	scopes := map[string]ptrace.ScopeSpans{}
	for _, m := range messages {
		_, instance := m.service()
		spans, ok := scopes[instance]
		if !ok {
			rs := td.ResourceSpans().AppendEmpty()
			resourceOf(m, rs.Resource())
			spans = rs.ScopeSpans().AppendEmpty()
			spans.Scope().SetName(scope)
			scopes[instance] = spans
		}
		e := m.event()
		span := spans.Spans().AppendEmpty()
		span.SetName(m.ref.String())
		span.SetKind(ptrace.SpanKindConsumer)
		span.SetTraceID(traceID(e.TraceID))
		span.SetSpanID(spanID(e.SpanID))
		span.SetParentSpanID(spanID(e.ParentSpanID))
		took := time.Duration(5+digest("took/"+m.id)%120) * time.Millisecond
		span.SetStartTimestamp(pcommon.NewTimestampFromTime(m.at.Add(-took)))
		span.SetEndTimestamp(pcommon.NewTimestampFromTime(m.at))
		if e.Error != nil {
			span.Status().SetCode(ptrace.StatusCodeError)
			span.Status().SetMessage(e.Error.Code)
		}
		if err := attributes(&e, span.Attributes()); err != nil {
			return ptrace.Traces{}, err
		}
	}
	return td, nil
}

// logsOf writes messages as log records, grouped by sender.
func logsOf(messages []*message) (plog.Logs, error) {
	ld := plog.NewLogs()
	scopes := map[string]plog.ScopeLogs{}
	for _, m := range messages {
		name, instance := m.service()
		records, ok := scopes[name+"/"+instance]
		if !ok {
			rl := ld.ResourceLogs().AppendEmpty()
			resourceOf(m, rl.Resource())
			records = rl.ScopeLogs().AppendEmpty()
			records.Scope().SetName(scope)
			scopes[name+"/"+instance] = records
		}
		e := m.event()
		record := records.LogRecords().AppendEmpty()
		record.SetEventName(e.Type)
		record.SetTimestamp(pcommon.NewTimestampFromTime(m.at))
		record.SetObservedTimestamp(pcommon.NewTimestampFromTime(m.send))
		record.SetTraceID(traceID(e.TraceID))
		record.SetSpanID(spanID(e.SpanID))
		record.SetSeverityNumber(plog.SeverityNumberInfo)
		if e.Error != nil {
			record.SetSeverityNumber(plog.SeverityNumberError)
		}
		record.Body().SetStr(m.ref.String())
		if err := attributes(&e, record.Attributes()); err != nil {
			return plog.Logs{}, err
		}
	}
	return ld, nil
}

func traceID(digits string) (id pcommon.TraceID) {
	_, _ = hex.Decode(id[:], []byte(digits)) // made by hexOf
	return id
}

func spanID(digits string) (id pcommon.SpanID) {
	_, _ = hex.Decode(id[:], []byte(digits))
	return id
}

// mark is a feed saying that everything up to an instant has been sent.
type mark struct {
	feed     feedID
	location string
	through  time.Time
	said     time.Time
}

func (m mark) id() string {
	return fmt.Sprintf("%s/%s/%d", m.feed, m.location, m.said.UnixMilli())
}

func (m mark) source() string { return "/feeds/" + m.feed.String() }

func (m mark) cloudEvent() cloudEvent {
	return cloudEvent{
		SpecVersion: "1.0", ID: m.id(), Source: m.source(), Type: inventory.TypeWatermark, Time: instant(m.said),
		DataContentType: "application/json",
		Data:            watermarkData{System: m.feed.String(), Location: m.location, CompleteThrough: instant(m.through)},
	}
}

func instant(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z07:00") }
