package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stocktrace/stocktrace/internal/app"
)

// depth sends a replay queue's depth over OTLP metrics and demands that it is on
// disk.
func (i *instance) depth(messages int, at time.Time) {
	i.t.Helper()
	_, address := app.OTLP(i.app)
	body := fmt.Sprintf(`{"resourceMetrics":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"mq-agent"}},
		{"key":"inventory.system","value":{"stringValue":"middleware"}}]},"scopeMetrics":[{"metrics":[{"name":"inventory.queue.depth","gauge":{"dataPoints":[
		{"timeUnixNano":"%d","asInt":"%d","attributes":[{"key":"inventory.queue","value":{"stringValue":"pos.replay"}}]}]}}]}]}]}`, at.UnixNano(), messages)
	req, err := http.NewRequestWithContext(i.t.Context(), http.MethodPost, "http://"+address+"/v1/metrics", strings.NewReader(body))
	if err != nil {
		i.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		i.t.Fatal(err)
	}
	defer res.Body.Close()
	if text, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusOK || strings.Contains(string(text), "rejected") {
		i.t.Fatalf("POST /v1/metrics: %d %s", res.StatusCode, text)
	}
}

// TestQueueDepthsReachTheTower: readings come from the port to the table once,
// however often they are sent and over a restart; a replay queue that stands is
// told, and no more once it moves; all of it verifies.
func TestQueueDepthsReachTheTower(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	i := start(t, dir, nil)
	now := time.Now().UTC().Truncate(time.Second)
	stalled := func(state string) int {
		var l struct{ Items []json.RawMessage }
		_, body := i.do(http.MethodGet, "/api/v1/findings?kind=stalled_replay&system=middleware&state="+state, "", "")
		if err := json.Unmarshal([]byte(body), &l); err != nil {
			t.Fatal(err)
		}
		return len(l.Items)
	}
	wait := func(what string, ok func() bool) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for !ok() {
			select {
			case <-ctx.Done():
				t.Fatalf("%s: it does not come to that", what)
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
	i.post("1", "pos", "completed", "0123-04-000778", now) // verify wants a lifecycle
	for minute := range 4 {
		for range 2 {
			i.depth(40+minute, now.Add(time.Duration(minute-8)*time.Minute))
		}
	}
	i.stop()
	i = start(t, dir, nil)
	i.depth(43, now.Add(-5*time.Minute)) // sent again
	for minute := 4; minute < 7; minute++ {
		i.depth(40+minute, now.Add(time.Duration(minute-8)*time.Minute))
	}
	wait("a queue that stands is told", func() bool { return stalled("open") == 1 })
	var queues struct {
		Items []struct {
			Queue, Depth string
			StalledSince *time.Time `json:"stalled_since"`
		}
	}
	_, body := i.do(http.MethodGet, "/api/v1/queues", "", "")
	if err := json.Unmarshal([]byte(body), &queues); err != nil || len(queues.Items) != 1 || queues.Items[0].Depth != "46" ||
		queues.Items[0].StalledSince == nil || !queues.Items[0].StalledSince.Equal(now.Add(-8*time.Minute)) {
		t.Errorf("%v: %s", err, body)
	}
	i.depth(12, now)
	wait("it moves again", func() bool { return stalled("open") == 0 && stalled("closed") == 1 })
	if r := i.verify(); r.Count != 0 || r.Records != 9 {
		t.Errorf("%d records, want 8 readings and a sale; differences: %+v", r.Records, r.Differences)
	}
}
