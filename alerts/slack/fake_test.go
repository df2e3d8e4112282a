package slack_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stocktrace/stocktrace/lifecycle"
)

// fake speaks the part of Slack's Web API we use, as Slack does over HTTP: form
// posts in, JSON out, errors as ok:false with status 200, limits as 429.
type fake struct {
	t    *testing.T
	wall lifecycle.Clock // Slack's own time
	URL  string

	mu       sync.Mutex
	messages []*message
	last     time.Time // of the newest write to the channel
	calls    []call
	// down answers every call with 503; deaf writes what it is asked to and
	// hangs up before it answers; limit answers 429 with that Retry-After.
	down, deaf bool
	limit      time.Duration
	refuse     string // error code of the next write
	pageSize   int
}

type message struct {
	TS          string          `json:"ts"`
	Text        string          `json:"text"`
	Attachments json.RawMessage `json:"attachments,omitempty"`
	Metadata    json.RawMessage `json:"metadata,omitempty"`
	writes      int
}

type call struct {
	method string
	at     time.Time
}

const channelID = "C0123456789"

func newFake(t *testing.T, wall lifecycle.Clock) *fake {
	t.Helper()
	f := &fake{t: t, wall: wall, pageSize: 100}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	f.URL = server.URL + "/"
	return f
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := r.ParseForm(); err != nil || r.Method != http.MethodPost {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	method := r.URL.Path[1:]
	now := f.wall.Now()
	f.calls = append(f.calls, call{method, now})
	switch {
	case f.down:
		http.Error(w, "<html>upstream connect error</html>", http.StatusServiceUnavailable)
		return
	case f.limit > 0:
		w.Header().Set("Retry-After", strconv.Itoa(int(f.limit/time.Second)))
		http.Error(w, "", http.StatusTooManyRequests)
		return
	}
	var answer map[string]any
	switch method {
	case "chat.postMessage", "chat.update":
		if now.Sub(f.last) < time.Second {
			f.t.Errorf("%s came %v after the one before", method, now.Sub(f.last))
		}
		f.last = now
		answer = f.write(method, r.PostForm, now)
	case "conversations.history":
		answer = f.history(r.PostForm)
	case "conversations.list":
		answer = map[string]any{"ok": true, "channels": []any{
			map[string]any{"id": "C0000000001", "name": "general"}, map[string]any{"id": channelID, "name": "stock-alerts"},
		}}
	default:
		answer = failed("unknown_method")
	}
	if r.PostForm.Get("token") != "xoxb-test" {
		answer = failed("invalid_auth")
	}
	if f.deaf && strings.HasPrefix(method, "chat.") {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			f.t.Error(err)
			return
		}
		_ = conn.Close()
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		f.t.Error(err)
	}
}

func failed(code string) map[string]any { return map[string]any{"ok": false, "error": code} }

func (f *fake) write(method string, form url.Values, now time.Time) map[string]any {
	if code := f.refuse; code != "" {
		f.refuse = ""
		return failed(code)
	}
	if form.Get("channel") != channelID {
		return failed("channel_not_found")
	}
	var m *message
	if method == "chat.update" {
		for _, old := range f.messages {
			if old.TS == form.Get("ts") {
				m = old
			}
		}
		if m == nil {
			return failed("message_not_found")
		}
	} else {
		m = &message{TS: fmt.Sprintf("%d.%06d", now.Unix(), len(f.messages)+1)}
		f.messages = append(f.messages, m)
	}
	m.Text, m.Attachments, m.Metadata = form.Get("text"), json.RawMessage(form.Get("attachments")), json.RawMessage(form.Get("metadata"))
	m.writes++
	return map[string]any{"ok": true, "channel": channelID, "ts": m.TS, "text": m.Text}
}

// history answers newest first, from oldest on, in pages.
func (f *fake) history(form url.Values) map[string]any {
	if form.Get("channel") != channelID {
		return failed("channel_not_found")
	}
	oldest, err := strconv.ParseFloat(form.Get("oldest"), 64)
	if err != nil {
		return failed("invalid_ts_oldest")
	}
	skip, _ := strconv.Atoi(form.Get("cursor"))
	var page []message
	next := ""
	for i := len(f.messages) - 1 - skip; i >= 0; i-- {
		m := *f.messages[i]
		if ts, _ := strconv.ParseFloat(m.TS, 64); ts < oldest {
			break
		}
		if len(page) == f.pageSize {
			next = strconv.Itoa(skip + len(page))
			break
		}
		if form.Get("include_all_metadata") != "1" {
			m.Metadata = nil
		}
		page = append(page, m)
	}
	return map[string]any{"ok": true, "messages": page, "has_more": next != "", "response_metadata": map[string]string{"next_cursor": next}}
}

// chatter puts n messages of other people into the channel.
func (f *fake) chatter(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for range n {
		f.messages = append(f.messages, &message{TS: fmt.Sprintf("%d.%06d", f.wall.Now().Unix(), len(f.messages)+1), Text: "lunch?"})
	}
}

// ours returns the messages that carry metadata, and the calls seen.
func (f *fake) ours() (ours []message, calls []call) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range f.messages {
		if len(m.Metadata) > 0 {
			ours = append(ours, *m)
		}
	}
	return ours, append(calls, f.calls...)
}

func (f *fake) set(change func(f *fake)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}
