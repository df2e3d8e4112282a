package app_test

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/stocktrace/stocktrace/internal/app"
	"github.com/stocktrace/stocktrace/internal/testenv"
)

// TestRolesApart runs collector, two engines and pages as instances of their own
// around one NATS and one ClickHouse, and stops the engine that has the sale.
func TestRolesApart(t *testing.T) {
	needEngine(t)
	outside := map[string]string{"nats-url": testenv.NATS(t), "clickhouse-dsn": testenv.ClickHouse(t), "partitions": "2"}
	role := func(name string) *instance {
		flags := map[string]string{"role": name}
		for k, v := range outside {
			flags[k] = v
		}
		return start(t, filepath.Join(t.TempDir(), "unused"), flags)
	}
	collector, first, pages := role("collector"), role("engine"), role("web")
	sold := time.Now().UTC().Truncate(time.Second)
	collector.post("1", "pos", "completed", "0123-04-000778", sold)
	pages.find("778", func(l lifecycles) bool { return passed(l) == 1 })
	for _, i := range []*instance{collector, first} {
		if status, _ := i.do(http.MethodGet, "/api/v1/lifecycles", "", ""); status != http.StatusNotFound {
			t.Errorf("an instance without pages answers a question: %d", status)
		}
	}
	if status, _ := pages.do(http.MethodPost, "/v1/events", "application/cloudevents+json", "{}"); status == http.StatusOK || status == http.StatusBadRequest {
		t.Errorf("an instance without a collector takes an event: %d", status)
	}
	role("engine")
	first.stop()
	collector.post("2", "middleware", "accepted", "0123-04-000778", sold.Add(time.Second))
	collector.post("3", "pos", "completed", "0123-04-000779", sold)
	pages.find("778", func(l lifecycles) bool { return passed(l) == 2 })
	pages.find("779", func(l lifecycles) bool { return passed(l) == 1 })
	if v := pages.verify(); v.Count != 0 || v.Records != 3 || v.Lifecycles != 2 {
		t.Errorf("verify: %+v", v)
	}
	if status, body := pages.do(http.MethodPost, "/api/v1/backup", "application/json", `{"dir":"/x"}`); status == http.StatusOK || !strings.Contains(body, "back them up with their own tools") {
		t.Errorf("a backup of what is elsewhere: %d %s", status, body)
	}
}

// TestFullLog fills the log: senders are asked to come again, the pages say so,
// and questions are answered.
func TestFullLog(t *testing.T) {
	i := start(t, filepath.Join(t.TempDir(), "data"), map[string]string{"log-size": "16MiB", "partitions": "1"})
	noise := make([]byte, 256<<10)
	var status int
	var body string
	var retry string
	for n := range 400 {
		_, _ = rand.Read(noise)
		event := fmt.Sprintf(`{"specversion":"1.0","id":"%d","source":"/test","type":"inventory.sale.completed","time":"2026-11-23T10:00:00Z",
			"data":{"workflow":"sale","step":"completed","system":"pos","location":"1","keys":{"receipt":"1-1-%d"},"noise":%q}}`,
			n, n, base64.StdEncoding.EncodeToString(noise))
		res, err := http.Post(i.url+"/v1/events", "application/cloudevents+json", strings.NewReader(event)) //nolint:noctx // ends with the instance
		if err != nil {
			t.Fatal(err)
		}
		status, retry = res.StatusCode, res.Header.Get("Retry-After")
		_ = res.Body.Close()
		if status != http.StatusOK {
			break
		}
	}
	if status != http.StatusServiceUnavailable || retry == "" {
		t.Fatalf("a full log answers %d, Retry-After %q", status, retry)
	}
	if _, metrics := i.do(http.MethodGet, "/metrics", "", ""); !strings.Contains(metrics, `stocktrace_collector_refused_total{reason="full",transport="cloudevents"} 1`) {
		t.Error("the metrics do not say that it was refused because the log is full")
	}
	deadline := time.Now().Add(30 * time.Second)
	for {
		var s struct {
			Log    string `json:"log"`
			Detail string `json:"detail"`
		}
		_, body = i.do(http.MethodGet, "/api/v1/status", "", "")
		if err := json.Unmarshal([]byte(body), &s); err != nil {
			t.Fatal(err)
		}
		if s.Log == "full" && s.Detail != "" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the pages do not say that the log is full: %s", body)
		}
		<-time.After(100 * time.Millisecond)
	}
	if status, body := i.do(http.MethodGet, "/readyz", "", ""); status != http.StatusServiceUnavailable || !strings.Contains(body, "full") {
		t.Errorf("readyz: %d %s", status, body)
	}
	if status, _ := i.do(http.MethodGet, "/", "", ""); status != http.StatusOK {
		t.Errorf("the tower: %d", status)
	}
}

// TestAServerOfSmallMessages gives the collector a NATS server that takes less
// than events may have: what is too large is answered for good and kept, what came
// with it is on disk.
func TestAServerOfSmallMessages(t *testing.T) {
	nats, err := server.NewServer(&server.Options{Port: server.RANDOM_PORT, Host: "127.0.0.1", NoSigs: true, NoLog: true, JetStream: true, StoreDir: t.TempDir(), MaxPayload: 64 << 10, Username: "store", Password: "hunter2"})
	if err != nil {
		t.Fatal(err)
	}
	nats.Start()
	defer nats.WaitForShutdown()
	defer nats.Shutdown()
	if !nats.ReadyForConnections(10 * time.Second) {
		t.Fatal("the server does not start")
	}
	i := start(t, filepath.Join(t.TempDir(), "unused"), map[string]string{
		"role": "collector", "partitions": "2", "nats-url": strings.Replace(nats.ClientURL(), "://", "://store:hunter2@", 1),
	})
	defer i.stop()
	event := func(id string, size int) string {
		noise := make([]byte, size)
		_, _ = rand.Read(noise)
		return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"/test","type":"inventory.sale.completed","time":"2026-11-23T10:00:00Z",
			"data":{"workflow":"sale","step":"completed","system":"pos","location":"1","keys":{"receipt":%q},"noise":%q}}`, id, id, base64.StdEncoding.EncodeToString(noise))
	}
	for range 2 { // the same every time: there is nothing to wait for
		status, body := i.do(http.MethodPost, "/v1/events", "application/cloudevents+json", event("1", 90<<10))
		if status != http.StatusRequestEntityTooLarge || !strings.Contains(body, `"quarantined":"`) || !strings.Contains(body, "of which a message of the log takes the first") {
			t.Errorf("%d %s", status, body)
		}
	}
	status, body := i.do(http.MethodPost, "/v1/events", "application/cloudevents-batch+json", "["+event("2", 10)+","+event("3", 90<<10)+","+event("4", 10)+"]")
	if status != http.StatusOK || !strings.Contains(body, `"accepted":2,"quarantined":[{"index":1,`) {
		t.Errorf("%d %s", status, body)
	}
	if _, metrics := i.do(http.MethodGet, "/metrics", "", ""); strings.Contains(metrics, "stocktrace_collector_refused_total{") || !strings.Contains(metrics, `stocktrace_collector_quarantined_total{reason="oversized",transport="cloudevents"} 3`) {
		t.Error("the metrics call it refused")
	}
}

// TestIncidentsReachPeople lets a retailer go wrong and waits for Slack and the
// webhook to hear of it.
func TestIncidentsReachPeople(t *testing.T) {
	needEngine(t)
	var mu sync.Mutex
	heard := map[string][]string{}
	listen := func(name string, answer func(path string) string) string {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_ = r.ParseForm()
			mu.Lock()
			heard[name] = append(heard[name], r.URL.Path+" "+r.Form.Encode())
			mu.Unlock()
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(answer(r.URL.Path)))
		}))
		t.Cleanup(srv.Close)
		return srv.URL
	}
	slack := listen("slack", func(path string) string {
		switch path {
		case "/chat.postMessage", "/chat.update":
			return `{"ok":true,"channel":"C012AB3CD","ts":"1.1"}`
		default:
			return `{"ok":true,"messages":[],"channels":[]}`
		}
	})
	hook := listen("webhook", func(string) string { return "{}" })
	s := settings(t, filepath.Join(t.TempDir(), "data"), map[string]string{
		"simulate": "true", "speed": "120", "rate": "1", "faults": "none,dead_letter_stalled=0.5",
		"slack-token": "xoxb-test", "slack-channel": "C012AB3CD", "webhook-url": hook, "public-url": "https://tower.example.com",
	})
	a, err := app.New(app.Options{Settings: s, Version: "test", SlackAPI: slack + "/"})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Stop(); err != nil {
			t.Error(err)
		}
	}()
	deadline := time.Now().Add(time.Minute)
	for {
		mu.Lock()
		posted := 0
		for _, call := range heard["slack"] {
			if strings.HasPrefix(call, "/chat.postMessage") && strings.Contains(call, "tower.example.com") {
				posted++
			}
		}
		hooked := len(heard["webhook"])
		mu.Unlock()
		if posted > 0 && hooked > 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("Slack heard of %d incidents, the webhook %d times", posted, hooked)
		}
		<-time.After(100 * time.Millisecond)
	}
}
