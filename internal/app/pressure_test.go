package app_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/stocktrace/stocktrace/internal/app"
	"github.com/stocktrace/stocktrace/internal/stream"
	"github.com/stocktrace/stocktrace/lifecycle"
)

// answer is what a sender hears: how many events of its request are on disk and
// how many in the quarantine, or that it may come again, and when.
type answer struct {
	stored, kept int
	again        time.Duration
	said         string
}

func (a answer) acknowledged() bool { return a.stored+a.kept > 0 }

// house is a collector that runs against a NATS server of its own, through a line
// that can be cut or fall silent.
type house struct {
	*instance
	dir   string
	nats  *server.Server
	line  *line
	store string
	otlp  ptraceotlp.GRPCClient
	http  string // of OTLP

	mu    sync.Mutex
	acked map[string]string // the event's id, by whom
}

const houseToken = "house-token-of-a-test"

func newHouse(t *testing.T, logSize string) *house {
	t.Helper()
	dir := t.TempDir()
	h := &house{dir: dir, store: filepath.Join(dir, "nats"), acked: map[string]string{}}
	h.startNATS(t, server.RANDOM_PORT)
	h.line = newLine(t, h.nats.Addr().String())
	write := writer(t, dir)
	secret := write("shop.secret", houseToken)
	write("in/.keep", "")
	h.instance = start(t, filepath.Join(dir, "unused"), map[string]string{
		"role": "collector", "partitions": "2", "nats-url": "nats://" + h.line.address(), "log-size": logSize, "auth-token": houseToken,
		"mappings":     write("till.yaml", salesMapping),
		"sources":      write("sources.yaml", "sources:\n  - {name: shop, webhook_secret_file: "+secret+", speaks_as: ['*']}\n"),
		"drop-folders": write("folders.yaml", "folders:\n  - {dir: in, source: pos/csv}\n"), "drop-every": "100ms", "drop-settle": "100ms",
	})
	grpcAddress, httpAddress := app.OTLP(h.app)
	conn, err := grpc.NewClient(grpcAddress, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	h.otlp, h.http = ptraceotlp.NewGRPCClient(conn), "http://"+httpAddress
	return h
}

func (h *house) startNATS(t *testing.T, port int) {
	t.Helper()
	var err error
	h.nats, err = server.NewServer(&server.Options{Host: "127.0.0.1", Port: port, NoSigs: true, NoLog: true, JetStream: true, StoreDir: h.store, MaxPayload: 8 << 20})
	if err != nil {
		t.Fatal(err)
	}
	nats := h.nats
	nats.Start()
	t.Cleanup(func() { nats.Shutdown(); nats.WaitForShutdown() })
	if !nats.ReadyForConnections(20 * time.Second) {
		t.Fatal("the NATS server does not start")
	}
}

// doors are all ways in that answer. Each sends the events named, and one that
// cannot be read where bad is set.
var doors = map[string]func(h *house, ctx context.Context, ids []string, bad bool) (answer, error){
	"otlp grpc": func(h *house, ctx context.Context, ids []string, bad bool) (answer, error) {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+houseToken)
		response, err := h.otlp.Export(ctx, ptraceotlp.NewExportRequestFromTraces(spans(ids, bad)))
		if s := status.Convert(err); err != nil {
			a := answer{said: err.Error()}
			for _, d := range s.Details() {
				if info, ok := d.(*errdetails.RetryInfo); ok && s.Code() == codes.Unavailable {
					a.again = info.GetRetryDelay().AsDuration()
				}
			}
			return a, nil
		}
		return partial(response, ids, bad), nil
	},
	"otlp http": func(h *house, ctx context.Context, ids []string, bad bool) (answer, error) {
		body, err := ptraceotlp.NewExportRequestFromTraces(spans(ids, bad)).MarshalProto()
		if err != nil {
			return answer{}, err
		}
		return h.ask(ctx, h.http+"/v1/traces", "application/x-protobuf", body, func(text []byte) (answer, error) {
			response := ptraceotlp.NewExportResponse()
			err := response.UnmarshalProto(text)
			return partial(response, ids, bad), err
		})
	},
	"events": func(h *house, ctx context.Context, ids []string, bad bool) (answer, error) {
		var events []string
		for _, id := range ids {
			events = append(events, cloudEvent(id, ""))
		}
		if bad {
			events = append(events, "{}")
		}
		return h.ask(ctx, h.url+"/v1/events", "application/cloudevents-batch+json", []byte("["+strings.Join(events, ",")+"]"), counted(`"accepted":`, `"index":`))
	},
	"documents": func(h *house, ctx context.Context, ids []string, bad bool) (answer, error) {
		return h.ask(ctx, h.url+"/v1/documents?source=pos/csv", "text/csv", []byte(table(ids, bad)), counted(`"accepted":`, `"id":"`))
	},
	"webhook": func(h *house, ctx context.Context, ids []string, _ bool) (answer, error) {
		// One call is one event; its id is the instant.
		body := fmt.Appendf(nil, `{"inventory_item_id":%s,"location_id":7,"available":3,"updated_at":"2026-11-23T12:00:00+01:00"}`, ids[0])
		mac := hmac.New(sha256.New, []byte(houseToken))
		_, _ = mac.Write(body)
		return h.ask(ctx, h.url+"/v1/webhooks/shopify/shop", "application/json", body, counted(`"accepted":`, `"id":"`),
			"X-Shopify-Topic", "inventory_levels/update", "X-Shopify-Hmac-Sha256", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	},
}

// partial is what OTLP says of a request: how much was rejected.
func partial(response ptraceotlp.ExportResponse, ids []string, bad bool) answer {
	sent, kept := len(ids), int(response.PartialSuccess().RejectedSpans())
	if bad {
		sent++
	}
	return answer{stored: sent - kept, kept: kept, said: response.PartialSuccess().ErrorMessage()}
}

// counted reads an answer in JSON: the number behind one mark, and how often the
// other one stands there.
func counted(mark, each string) func([]byte) (answer, error) {
	return func(text []byte) (answer, error) {
		_, rest, _ := strings.Cut(string(text), mark)
		digits := rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789"))]
		n, err := strconv.Atoi(digits)
		return answer{stored: n, kept: strings.Count(string(text), each), said: string(text)}, err
	}
}

func (h *house) ask(ctx context.Context, url, media string, body []byte, read func([]byte) (answer, error), header ...string) (answer, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	r.Header.Set("Content-Type", media)
	r.Header.Set("Authorization", "Bearer "+houseToken)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode == http.StatusOK {
		a, err2 := read(text)
		if err == nil {
			err = err2
		}
		return a, err
	}
	a := answer{said: fmt.Sprintf("%d %s", res.StatusCode, text)}
	if res.StatusCode == http.StatusServiceUnavailable || res.StatusCode == http.StatusTooManyRequests {
		seconds, _ := strconv.Atoi(res.Header.Get("Retry-After"))
		a.again = time.Duration(seconds) * time.Second
	}
	return a, nil
}

func cloudEvent(id, noise string) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"/test","type":"inventory.sale.completed","time":"2026-11-23T10:00:00Z",
		"data":{"workflow":"sale","step":"completed","system":"pos","location":"1","keys":{"receipt":"1-1-%s"},"noise":%q}}`, id, id, noise)
}

func spans(ids []string, bad bool) ptrace.Traces {
	td := ptrace.NewTraces()
	resource := td.ResourceSpans().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", "pos")
	list := resource.ScopeSpans().AppendEmpty().Spans()
	add := func(id, step string) {
		s := list.AppendEmpty()
		sum := sha256.Sum256([]byte(id))
		s.SetTraceID(pcommon.TraceID(sum[:16]))
		s.SetSpanID(pcommon.SpanID(sum[16:24]))
		s.SetEndTimestamp(pcommon.NewTimestampFromTime(time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)))
		for name, v := range map[string]string{"event_id": id, "workflow": "sale", "step": step, "system": "pos", "location": "1", "key.receipt": "1-1-" + id} {
			s.Attributes().PutStr("inventory."+name, v)
		}
	}
	for _, id := range ids {
		add(id, "completed")
	}
	if bad {
		add("bad", "")
	}
	return td
}

func table(ids []string, bad bool) string {
	text := salesHead
	for _, id := range ids {
		text += id + ";S;2026-11-23 10:02:54;S1;04;4006381333931;2\n"
	}
	if bad {
		text += "1;S;2026-11-23 10:02:54;S1;04;4006381333931;many\n"
	}
	return text
}

// send sends three events and one that cannot be read through a door, and
// remembers what was acknowledged.
func (h *house) send(ctx context.Context, door string, nth int) (answer, error) {
	ids := make([]string, 3)
	for i := range ids {
		ids[i] = fmt.Sprintf("%d%03d%d", 1+slices.Index(doorNames(), door), nth, i)
	}
	bad := true
	if door == "webhook" {
		ids, bad = ids[:1], false
	}
	a, err := doors[door](h, ctx, ids, bad)
	if err != nil {
		return a, fmt.Errorf("%s: %w", door, err)
	}
	if a.acknowledged() {
		wantKept := 0
		if bad {
			wantKept = 1
		}
		if a.stored != len(ids) || a.kept != wantKept {
			return a, fmt.Errorf("%s: %d events and %d in the quarantine are acknowledged, sent were %d and %d: %s", door, a.stored, a.kept, len(ids), wantKept, a.said)
		}
		h.mu.Lock()
		for _, id := range ids {
			h.acked[id] = door
		}
		h.mu.Unlock()
	}
	return a, nil
}

func doorNames() []string {
	return []string{"otlp grpc", "otlp http", "events", "documents", "webhook"}
}

// each sends through all doors at once and returns what they answer.
func (h *house) each(t *testing.T, nth int) map[string]answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var mu sync.Mutex
	answers := map[string]answer{}
	var all sync.WaitGroup
	for _, door := range doorNames() {
		all.Go(func() {
			a, err := h.send(ctx, door, nth)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			answers[door] = a
			mu.Unlock()
		})
	}
	all.Wait()
	return answers
}

func (h *house) acknowledgeAll(t *testing.T, nth int) {
	t.Helper()
	for door, a := range h.each(t, nth) {
		if !a.acknowledged() {
			t.Errorf("%s does not take what it could: %s", door, a.said)
		}
	}
}

// drop puts a file of three sales into the folder.
func (h *house) drop(t *testing.T, nth int) {
	t.Helper()
	ids := []string{fmt.Sprintf("9%03d0", nth), fmt.Sprintf("9%03d1", nth)}
	name := filepath.Join(h.dir, "in", fmt.Sprintf("%d.csv", nth))
	if err := os.WriteFile(name+".tmp", []byte(table(ids, false)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(name+".tmp", name); err != nil {
		t.Fatal(err)
	}
}

func (h *house) taken(nth int) bool {
	_, err := os.Stat(filepath.Join(h.dir, "in", "done", fmt.Sprintf("%d.csv", nth)))
	if err == nil {
		h.mu.Lock()
		h.acked[fmt.Sprintf("9%03d0", nth)], h.acked[fmt.Sprintf("9%03d1", nth)] = "folder", "folder"
		h.mu.Unlock()
	}
	return err == nil
}

// refusal says that every door, asked while nothing can be stored, asks its sender
// to come again, within the time a sender waits.
func (h *house) refused(t *testing.T, nth int, within time.Duration) {
	t.Helper()
	begun := time.Now()
	for door, a := range h.each(t, nth) {
		if a.acknowledged() || a.again < time.Second {
			t.Errorf("%s: again after %v, acknowledged %v: %s", door, a.again, a.acknowledged(), a.said)
		}
	}
	if took := time.Since(begun); took > within {
		t.Errorf("the senders were told after %v", took)
	}
}

// press lets many senders press against a log that stores nothing, and demands
// that it costs no memory to refuse them: not more in the second half than at the
// end of the first.
func (h *house) press(t *testing.T, requests int) {
	t.Helper()
	noise := make([]byte, 96<<10)
	_, _ = rand.Read(noise)
	body := []byte(cloudEvent("press", base64.StdEncoding.EncodeToString(noise)))
	half := func() uint64 {
		var all sync.WaitGroup
		var next, taken atomic.Int64
		for range 16 {
			all.Go(func() {
				for next.Add(1) <= int64(requests) {
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					a, err := h.ask(ctx, h.url+"/v1/events", "application/cloudevents+json", body, counted(`"accepted":`, `"index":`))
					cancel()
					if err != nil || a.acknowledged() {
						taken.Add(1)
					}
				}
			})
		}
		all.Wait()
		if n := taken.Load(); n != 0 {
			t.Errorf("%d of %d requests were taken or not answered", n, requests)
		}
		// Twice: what waits to be finalised is no garbage yet.
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	first := half()
	if second := half(); second > first+4<<20 {
		t.Errorf("refusing %d requests of 128 KiB left %d MiB in memory, as many more %d MiB", requests, first>>20, second>>20)
	} else {
		t.Logf("refusing %d requests of 128 KiB left %d MiB in memory, as many more %d MiB", requests, first>>20, second>>20)
	}
}

// settle waits until every door takes again, without a restart, and checks that
// the log has everything that was acknowledged.
func (h *house) settle(t *testing.T, nth int) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		whole := h.taken(nth)
		for _, a := range h.each(t, nth) {
			whole = whole && a.acknowledged()
		}
		if whole {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("not every door takes again within a minute")
		}
		<-time.After(100 * time.Millisecond)
	}
	h.complete(t)
}

// complete reads the whole log: what was acknowledged is in it.
func (h *house) complete(t *testing.T) {
	t.Helper()
	log, err := stream.Open(t.Context(), stream.Options{URL: h.nats.ClientURL()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	in := map[string]bool{}
	for p := range log.Partitions() {
		r, err := log.Read(t.Context(), lifecycle.Lease{Partition: p, Epoch: 1})
		if err != nil {
			t.Fatal(err)
		}
		for {
			messages, err := r.Fetch(t.Context(), 100, 200*time.Millisecond)
			if err != nil {
				t.Fatal(err)
			}
			if len(messages) == 0 {
				break
			}
			for _, m := range messages {
				for _, rec := range m.Parcel.Records {
					in[rec.Event.ID] = true
				}
			}
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, door := range h.acked {
		found := in[id] || in[id+"/S"]
		for have := range in {
			found = found || door == "webhook" && strings.Contains(have, "/"+id+"/") || strings.HasPrefix(have, id+"-") || strings.HasPrefix(have, id+":")
		}
		if !found {
			t.Errorf("%s was acknowledged by %s and is not in the log", id, door)
		}
	}
}

func TestPressureWhileTheLogIsAway(t *testing.T) {
	h := newHouse(t, "1GiB")
	h.acknowledgeAll(t, 1)
	h.nats.Shutdown()
	h.nats.WaitForShutdown()
	h.line.cut()
	h.drop(t, 2)
	h.refused(t, 2, 20*time.Second)
	h.press(t, 400)
	if h.taken(2) {
		t.Error("a file is done that cannot be stored")
	}
	h.startNATS(t, h.line.port(t))
	h.settle(t, 2)
}

// The line is there and nothing comes back: the worst case, for nobody says so.
func TestPressureWhileTheLogIsSilent(t *testing.T) {
	h := newHouse(t, "1GiB")
	h.acknowledgeAll(t, 1)
	h.line.hold()
	h.drop(t, 2)
	h.refused(t, 2, 25*time.Second)
	h.press(t, 64)
	if h.taken(2) {
		t.Error("a file is done that cannot be stored")
	}
	h.line.resume()
	h.settle(t, 2)
}

func TestPressureWhileTheLogIsSlow(t *testing.T) {
	h := newHouse(t, "1GiB")
	h.line.delay(300 * time.Millisecond)
	h.drop(t, 1)
	h.acknowledgeAll(t, 1)
	h.settle(t, 1)
}

func TestPressureWhileTheLogIsFull(t *testing.T) {
	h := newHouse(t, "16MiB")
	h.acknowledgeAll(t, 1)
	h.complete(t)
	// Fill every stream, the quarantine's too.
	conn, err := nats.Connect(h.nats.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	var streams []jetstream.Stream
	var configs []jetstream.StreamConfig
	for info := range js.ListStreams(t.Context()).Info() {
		if strings.HasPrefix(info.Config.Name, "stocktrace-") && info.Config.MaxBytes > 0 {
			configs = append(configs, info.Config)
		}
	}
	for _, config := range configs {
		s, err := js.Stream(t.Context(), config.Name)
		if err != nil {
			t.Fatal(err)
		}
		streams = append(streams, s)
		for size := 256 << 10; size > 0; size /= 4 {
			for err = nil; err == nil; {
				_, err = js.Publish(t.Context(), config.Subjects[0], make([]byte, size))
			}
		}
	}
	if len(streams) != 4 { // two partitions, facts, quarantine
		t.Fatalf("filled %d streams", len(streams))
	}
	h.drop(t, 2)
	h.refused(t, 2, 10*time.Second)
	h.press(t, 400)
	if h.taken(2) {
		t.Error("a file is done that cannot be stored")
	}
	h.acked = map[string]string{} // what the log held is thrown away with what filled it
	for _, s := range streams {
		if err := s.Purge(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	h.settle(t, 2)
}
