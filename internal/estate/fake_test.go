package estate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/stocktrace/stocktrace/inventory"
)

// receiver stands for an instance: the three public ports, which check every
// event against the contract and remember it.
type receiver struct {
	t      *testing.T
	events *httptest.Server
	grpc   string
	// mood decides the fate of the n-th request; nil takes everything.
	mood func(n int) fate
	// refuse says why an event is quarantined; "" takes it.
	refuse func(id string) string

	mu       sync.Mutex
	requests int
	token    string // of the last HTTP request
	kept     map[string]keptEvent
	arrived  []string
	repeated int
	through  map[string]time.Time // by feed and location
	marks    map[string]int
	traceOf  map[string]string // ERP document → trace
	problems []string
}

type keptEvent struct {
	content  string
	system   string
	location string
	at       time.Time
}

// fate is what happens to a request.
type fate int

const (
	taken     fate = iota
	busy           // 503 or UNAVAILABLE
	slowDown       // 429 or RESOURCE_EXHAUSTED
	lostReply      // taken, but the answer does not arrive
	tooLarge
	denied
)

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{t: t, kept: map[string]keptEvent{}, through: map[string]time.Time{}, marks: map[string]int{}, traceOf: map[string]string{}}
	r.events = httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(r.events.Close)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	ptraceotlp.RegisterGRPCServer(server, &spanReceiver{r: r})
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	r.grpc = listener.Addr().String()
	return r
}

func (r *receiver) options(o *Options) {
	o.Server, o.OTLPHTTP, o.OTLPGRPC = r.events.URL, r.events.URL, r.grpc
}

func (r *receiver) next() fate {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests++
	if r.mood == nil {
		return taken
	}
	return r.mood(r.requests)
}

func (r *receiver) problem(format string, args ...any) {
	if len(r.problems) < 10 {
		r.problems = append(r.problems, fmt.Sprintf(format, args...))
	}
}

func (r *receiver) lastToken() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.token
}

// check reports every violation of the contract.
func (r *receiver) check() {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.problems {
		r.t.Error(p)
	}
}

func (r *receiver) serve(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return
	}
	f := r.next()
	r.mu.Lock()
	r.token = req.Header.Get("Authorization")
	r.mu.Unlock()
	switch f {
	case busy:
		http.Error(w, "full", http.StatusServiceUnavailable)
		return
	case slowDown:
		w.Header().Set("Retry-After", "0")
		http.Error(w, "too fast", http.StatusTooManyRequests)
		return
	case tooLarge:
		http.Error(w, "too large", http.StatusRequestEntityTooLarge)
		return
	case denied:
		http.Error(w, "who are you", http.StatusUnauthorized)
		return
	default:
	}
	var quarantined []map[string]any
	switch req.URL.Path {
	case "/v1/logs":
		request := plogotlp.NewExportRequest()
		if err := request.UnmarshalProto(body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		for _, rl := range request.Logs().ResourceLogs().All() {
			for _, sl := range rl.ScopeLogs().All() {
				for _, record := range sl.LogRecords().All() {
					r.otlp(rl.Resource(), record.Attributes(), record.Timestamp().AsTime(), record.TraceID().String())
				}
			}
		}
	case "/v1/events":
		batch := []json.RawMessage{body}
		if req.Header.Get("Content-Type") == "application/cloudevents-batch+json" {
			if err := json.Unmarshal(body, &batch); err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
		}
		for i, raw := range batch {
			if why := r.cloudEvent(raw); why != "" {
				quarantined = append(quarantined, map[string]any{"index": i, "pointer": "/id", "detail": why})
			}
		}
		if len(batch) == 1 && len(quarantined) == 1 {
			http.Error(w, `{"title":"malformed"}`, http.StatusBadRequest)
			return
		}
	default:
		http.NotFound(w, req)
		return
	}
	if f == lostReply {
		if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
			_ = conn.Close()
		}
		return
	}
	if req.URL.Path == "/v1/events" {
		_ = json.NewEncoder(w).Encode(map[string]any{"accepted": 1, "quarantined": quarantined})
	}
}

type spanReceiver struct {
	ptraceotlp.UnimplementedGRPCServer
	r *receiver
}

func (s *spanReceiver) Export(_ context.Context, request ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	f := s.r.next()
	switch f {
	case busy:
		return ptraceotlp.ExportResponse{}, status.Error(codes.Unavailable, "full")
	case slowDown:
		st, err := status.New(codes.ResourceExhausted, "too fast").WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(time.Millisecond)})
		if err != nil {
			return ptraceotlp.ExportResponse{}, err
		}
		return ptraceotlp.ExportResponse{}, st.Err()
	case denied:
		return ptraceotlp.ExportResponse{}, status.Error(codes.Unauthenticated, "who are you")
	default:
	}
	for _, rs := range request.Traces().ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				if !span.StartTimestamp().AsTime().Before(span.EndTimestamp().AsTime()) {
					s.r.problem("span %s begins at its end", span.Name())
				}
				s.r.otlp(rs.Resource(), span.Attributes(), span.EndTimestamp().AsTime(), span.TraceID().String())
			}
		}
	}
	if f == lostReply {
		return ptraceotlp.ExportResponse{}, status.Error(codes.Unavailable, "connection lost")
	}
	return ptraceotlp.NewExportResponse(), nil
}

// Attributes of the contract, "inventory." left out.
var contractAttributes = []string{
	"event_id", "correlation_id", "workflow", "step", "system", "outcome", "attempt", "location", "register", "business_date",
	"operator", "device", "mapping_version", "error.code", "error.field", "error.value", "lines", "transaction", "mappings",
}

func (r *receiver) otlp(resource pcommon.Resource, attributes pcommon.Map, at time.Time, trace string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	name, _ := resource.Attributes().Get("service.name")
	instance, _ := resource.Attributes().Get("service.instance.id")
	values := map[string]string{}
	for key, value := range attributes.All() {
		short, ours := strings.CutPrefix(key, "inventory.")
		if !ours || (!slices.Contains(contractAttributes, short) && !strings.HasPrefix(short, "key.")) {
			r.problem("the attribute %s is not in the contract", key)
		}
		values[short] = value.AsString()
	}
	for _, required := range []string{"event_id", "workflow", "step", "system", "location", "outcome"} {
		if values[required] == "" {
			r.problem("no inventory.%s: %v", required, values)
		}
	}
	if slices.Contains([]string{"failed", "rejected", "dead_lettered"}, values["outcome"]) != (values["error.code"] != "") {
		r.problem("outcome %s with error code %q", values["outcome"], values["error.code"])
	}
	if text := values["lines"]; text != "" {
		var lines []lineJSON
		strict(r, []byte(text), &lines)
		r.lines(lines)
	}
	if text := values["mappings"]; text != "" {
		var mappings []mappingJSON
		strict(r, []byte(text), &mappings)
	}
	if document := values["key.erp_document"]; document != "" {
		if before, known := r.traceOf[document]; known && before != trace {
			r.problem("document %s has two traces", document)
		}
		r.traceOf[document] = trace
	}
	r.keep(inventory.RecordID(name.AsString()+"/"+instance.AsString(), values["event_id"]), keptEvent{
		content: fmt.Sprint(at.UnixNano(), trace, values), system: values["system"], location: values["location"], at: at,
	})
}

func (r *receiver) cloudEvent(raw []byte) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var e struct {
		SpecVersion     string          `json:"specversion"`
		ID              string          `json:"id"`
		Source          string          `json:"source"`
		Type            string          `json:"type"`
		Time            time.Time       `json:"time"`
		CorrelationID   string          `json:"correlationid"`
		Traceparent     string          `json:"traceparent"`
		DataContentType string          `json:"datacontenttype"`
		Data            json.RawMessage `json:"data"`
	}
	strict(r, raw, &e)
	if e.SpecVersion != "1.0" || e.ID == "" || e.Source == "" || e.Type == "" || e.Time.IsZero() {
		r.problem("CloudEvents attributes are missing: %s", raw)
	}
	if r.refuse != nil {
		if why := r.refuse(e.ID); why != "" {
			return why
		}
	}
	id := inventory.RecordID(e.Source, e.ID)
	if e.Type == inventory.TypeWatermark {
		var m struct {
			System          string    `json:"system"`
			Location        string    `json:"location"`
			CompleteThrough time.Time `json:"complete_through"`
		}
		strict(r, e.Data, &m)
		feed := m.System + "/" + m.Location
		if m.CompleteThrough.After(e.Time) {
			r.problem("watermark %s speaks for the future", e.ID)
		}
		r.marks[feed]++
		if m.CompleteThrough.After(r.through[feed]) {
			r.through[feed] = m.CompleteThrough
		}
		r.keep(id, keptEvent{content: string(raw)})
		return ""
	}
	var d struct {
		eventData
		Mappings []mappingJSON `json:"mappings"`
	}
	strict(r, e.Data, &d)
	if d.Workflow == "" || d.Step == "" || d.System == "" || d.Location == "" {
		r.problem("required fields are missing: %s", raw)
	}
	if e.Type != "inventory."+d.Workflow+"."+d.Step {
		r.problem("the type %s contradicts %s %s", e.Type, d.Workflow, d.Step)
	}
	if _, err := time.Parse(time.DateOnly, d.BusinessDate); err != nil && d.BusinessDate != "" {
		r.problem("business date: %v", err)
	}
	r.lines(d.Lines)
	system := d.System
	r.keep(id, keptEvent{content: string(raw), system: system, location: d.Location, at: e.Time})
	return ""
}

func strict(r *receiver, raw []byte, into any) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		r.problem("%v in %s", err, raw)
	}
}

func (r *receiver) lines(lines []lineJSON) {
	for _, l := range lines {
		if _, err := inventory.ParseDecimal(l.Quantity); err != nil || l.Item == "" {
			r.problem("line %+v: %v", l, err)
		}
	}
}

// keep remembers an event. One said again must say the same; one that comes
// after its feed said it was complete makes the feed a liar.
func (r *receiver) keep(id string, e keptEvent) {
	if before, known := r.kept[id]; known {
		r.repeated++
		if before.content != e.content {
			r.problem("%s says two things:\n%s\n%s", id, before.content, e.content)
		}
		return
	}
	r.kept[id] = e
	if e.system == "" {
		return
	}
	r.arrived = append(r.arrived, id)
	for _, feed := range []string{e.system + "/", e.system + "/" + e.location} {
		if through := r.through[feed]; !e.at.After(through) {
			r.problem("%s of %s arrives after %s said to be complete through %s", id, e.at, feed, through)
		}
	}
}

// ids returns the ids of the events kept, watermarks left out.
func (r *receiver) ids() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	ids := slices.Clone(r.arrived)
	slices.Sort(ids)
	return ids
}

var errStopped = errors.New("stopped by the test")
