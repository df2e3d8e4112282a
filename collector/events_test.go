package collector_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/stocktrace/stocktrace/collector"
	"github.com/stocktrace/stocktrace/collector/canonical"
)

// exchange posts a body to an events handler over HTTP.
func exchange(t *testing.T, o collector.Options, contentType string, body []byte, header ...string) (*http.Response, string) {
	t.Helper()
	h, err := collector.Handler(o)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	defer server.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/v1/events", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(answer)
}

// sendEvent is exchange for tests that look at nothing but the answer.
func sendEvent(t *testing.T, o collector.Options, contentType, body string, header ...string) (int, string) {
	t.Helper()
	r, answer := exchange(t, o, contentType, []byte(body), header...)
	return r.StatusCode, answer
}

const (
	data  = `{"workflow":"sale","step":"completed","system":"pos","location":"0123"}`
	event = `{"specversion":"1.0","id":"e-1","source":"/till/4","type":"inventory.sale.completed","time":"2026-11-23T10:00:00+01:00","data":` + data + `}`
)

func TestEventsAccepted(t *testing.T) {
	m := &memory{}
	o := options(m)
	binary := []string{
		"Ce-Specversion", "1.0", "ce-id", "e-1", "ce-source", "/till/4", "ce-type", "inventory.sale.completed",
		"ce-time", "2026-11-23T10:00:00+01:00", "ce-shop", "Caf%C3%A9 %22Mitte%22",
	}
	for name, send := range map[string]func() (int, string){
		"structured": func() (int, string) {
			return sendEvent(t, o, "application/cloudevents+json; charset=utf-8", event)
		},
		"binary":                func() (int, string) { return sendEvent(t, o, "application/json", data, binary...) },
		"binary, vendor's type": func() (int, string) { return sendEvent(t, o, "application/vnd.till+json", data, binary...) },
		"binary, no type":       func() (int, string) { return sendEvent(t, o, "", data, binary...) },
		"structured, gzip": func() (int, string) {
			return sendEvent(t, o, canonical.CloudEventType, string(gzipped(t, []byte(event))), "Content-Encoding", "gzip")
		},
		"structured, zstd": func() (int, string) {
			return sendEvent(t, o, canonical.CloudEventType, string(zstandard(t, []byte(event))), "Content-Encoding", "zstd")
		},
		"structured, blank encoding": func() (int, string) {
			return sendEvent(t, o, canonical.CloudEventType, event, "Content-Encoding", "identity")
		},
	} {
		if code, answer := send(); code != http.StatusOK || answer != `{"accepted":1,"quarantined":[]}` {
			t.Errorf("%s: %d %s", name, code, answer)
		}
	}
	records, quarantined := m.contents()
	if len(records) != 7 || len(quarantined) != 0 {
		t.Fatalf("got %d records and %v", len(records), quarantined)
	}
	for _, r := range records {
		if r.Identity() != records[0].Identity() || r.RawType != canonical.CloudEventType || !r.ReceivedAt.Equal(receivedAt) {
			t.Errorf("another record: %v, received %v, raw %s", r.Identity(), r.ReceivedAt, r.Raw)
		}
		if shop, ok := r.Event.Attributes["shop"]; ok && shop != `Café "Mitte"` {
			t.Errorf("the extension became %q", shop)
		}
	}
	if got := total(t, o, "accepted_total", canonical.TransportCloudEvents); got != 7 {
		t.Errorf("accepted_total is %v", got)
	}
}

// Binary mode is kept in the structured form, with every header and the body's
// own bytes.
func TestBinaryModeKeepsEverything(t *testing.T) {
	m := &memory{}
	body := "{ \"workflow\":\"sale\" , \"step\":\"completed\",\n\"system\":\"pos\",\"location\":\"\\u0030\" }"
	if code, answer := sendEvent(t, options(m), "application/json", body, "ce-specversion", "1.0", "ce-id", "1", "ce-source", "s",
		"ce-type", "t", "ce-time", "2026-11-23T10:00:00Z", "ce-causationid", "0"); code != http.StatusOK {
		t.Fatal(code, answer)
	}
	records, _ := m.contents()
	want := `{"causationid":"0","datacontenttype":"application/json","id":"1","source":"s","specversion":"1.0","time":"2026-11-23T10:00:00Z","type":"t","data":` + body + `}`
	if diff := cmp.Diff(want, string(records[0].Raw)); diff != "" {
		t.Error(diff)
	}
}

func TestBatchAnswersWhatIsWrong(t *testing.T) {
	m := &memory{}
	o := options(m)
	body := "[" + event + `,{"specversion":"1.0"},` + strings.Replace(event, `"location":"0123"`, `"location":"0123","outcome":"fine"`, 1) + "," + event + "]"
	code, text := sendEvent(t, o, canonical.CloudEventBatchType, body)
	var answer struct {
		Accepted    int
		Quarantined []struct {
			Index               int
			Pointer, Detail, ID string
		}
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		t.Fatal(err)
	}
	_, quarantined := m.contents()
	if code != http.StatusOK || answer.Accepted != 2 || len(answer.Quarantined) != 2 || len(quarantined) != 2 {
		t.Fatalf("%d %s", code, text)
	}
	for i, want := range []struct {
		index   int
		pointer string
	}{{1, "/id"}, {2, "/data/outcome"}} {
		got := answer.Quarantined[i]
		if got.Index != want.index || got.Pointer != want.pointer || got.Detail == "" || got.ID != quarantined[i].ID {
			t.Errorf("got %+v, want %+v, kept as %s", got, want, quarantined[i].ID)
		}
	}
	if code, text := sendEvent(t, o, canonical.CloudEventBatchType, "[]"); code != http.StatusOK || text != `{"accepted":0,"quarantined":[]}` {
		t.Errorf("empty batch: %d %s", code, text)
	}
}

func TestEventsRejected(t *testing.T) {
	large := strings.Repeat("x", 3<<20)
	for name, test := range map[string]struct {
		contentType, body string
		header            []string
		code              int
		pointer, says     string
		kept              string // what the quarantine holds; empty means nothing
	}{
		"malformed": {
			contentType: canonical.CloudEventType, body: strings.Replace(event, `"0123"`, `4.5`, 1),
			code: http.StatusBadRequest, pointer: "/data/location", says: "in quotes", kept: strings.Replace(event, `"0123"`, `4.5`, 1),
		},
		"not JSON": {
			contentType: canonical.CloudEventType, body: "nonsense",
			code: http.StatusBadRequest, says: "a JSON object", kept: "nonsense",
		},
		"empty": {
			contentType: canonical.CloudEventType, code: http.StatusBadRequest, says: "is empty", kept: "",
		},
		"binary without id": {
			contentType: "application/json", body: data, header: []string{"ce-specversion", "1.0", "ce-source", "s", "ce-type", "t", "ce-time", "2026-11-23T10:00:00Z"},
			code: http.StatusBadRequest, pointer: "/id", says: "is required",
			kept: `{"datacontenttype":"application/json","source":"s","specversion":"1.0","time":"2026-11-23T10:00:00Z","type":"t","data":` + data + `}`,
		},
		"binary, body not JSON": {
			contentType: "application/json", body: "<a/>", header: []string{"ce-specversion", "1.0", "ce-id", "1"},
			code: http.StatusBadRequest, pointer: "/data", says: "is not JSON",
			kept: `{"datacontenttype":"application/json","id":"1","specversion":"1.0","data_base64":"PGEvPg=="}`,
		},
		"batch of one event": {
			contentType: canonical.CloudEventBatchType, body: event,
			code: http.StatusBadRequest, says: "array", kept: event,
		},
		"not gzip": {
			contentType: canonical.CloudEventType, body: event, header: []string{"Content-Encoding", "gzip"},
			code: http.StatusBadRequest, says: "is not gzip", kept: event,
		},
		"cut off gzip": {
			contentType: canonical.CloudEventType, body: string(gzipped(t, []byte(event))[:40]), header: []string{"Content-Encoding", "gzip"},
			code: http.StatusBadRequest, says: "is not gzip", kept: string(gzipped(t, []byte(event))[:40]),
		},
		"not zstd": {
			contentType: canonical.CloudEventType, body: event, header: []string{"Content-Encoding", "zstd"},
			code: http.StatusBadRequest, says: "is not zstd", kept: event,
		},
		"one event too large": {
			contentType: canonical.CloudEventType, body: `{"x":"` + large[:canonical.MaxEvent] + `"}`,
			code: http.StatusRequestEntityTooLarge, says: "split it", kept: `{"x":"` + large[:canonical.MaxEvent] + `"}`,
		},
		"too large": {
			contentType: canonical.CloudEventBatchType, body: large,
			code: http.StatusRequestEntityTooLarge, says: "smaller ones",
		},
		"gzip bomb": {
			contentType: canonical.CloudEventBatchType, body: string(gzipped(t, bytes.Repeat([]byte{' '}, 64<<20))), header: []string{"Content-Encoding", "gzip"},
			code: http.StatusRequestEntityTooLarge, says: "uncompressed",
		},
		"zstd bomb": {
			contentType: canonical.CloudEventBatchType, body: string(zstandard(t, bytes.Repeat([]byte{' '}, 64<<20))), header: []string{"Content-Encoding", "zstd"},
			code: http.StatusRequestEntityTooLarge, says: "uncompressed",
		},
		"other encoding": {
			contentType: canonical.CloudEventType, body: event, header: []string{"Content-Encoding", "br"},
			code: http.StatusUnsupportedMediaType, says: "gzip, zstd",
		},
		"plain JSON": {
			contentType: "application/json", body: event,
			code: http.StatusUnsupportedMediaType, says: canonical.CloudEventType,
		},
		"binary, XML": {
			contentType: "text/xml", body: "<a/>", header: []string{"ce-specversion", "1.0", "ce-id", "1"},
			code: http.StatusUnsupportedMediaType, says: "application/json",
		},
		"no type": {
			body: event, code: http.StatusUnsupportedMediaType, says: canonical.CloudEventType,
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := &memory{}
			o := options(m)
			o.MaxRequestBytes = 2 << 20
			r, text := exchange(t, o, test.contentType, []byte(test.body), test.header...)
			var problem struct {
				Title, Detail, Pointer, Quarantined string
				Status                              int
			}
			if err := json.Unmarshal([]byte(text), &problem); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			if r.StatusCode != test.code || problem.Status != test.code || r.Header.Get("Content-Type") != "application/problem+json" || problem.Title == "" {
				t.Errorf("%d %s: %s", r.StatusCode, r.Header.Get("Content-Type"), text)
			}
			if problem.Pointer != test.pointer || !strings.Contains(problem.Detail, test.says) {
				t.Errorf("got %+v, want %s … %q", problem, test.pointer, test.says)
			}
			records, quarantined := m.contents()
			if len(records) != 0 {
				t.Errorf("stored %v", records)
			}
			answersKept := test.code == http.StatusBadRequest || test.kept != ""
			if answersKept != (len(quarantined) == 1) {
				t.Fatalf("the quarantine has %d entries", len(quarantined))
			}
			if answersKept {
				q := quarantined[0]
				if string(q.Raw) != test.kept || q.ID != problem.Quarantined || q.Transport != canonical.TransportCloudEvents || !q.ReceivedAt.Equal(receivedAt) {
					t.Errorf("kept %.200q as %s, %+v", q.Raw, q.ID, problem)
				}
			}
		})
	}
}

func zstandard(t *testing.T, plain []byte) []byte {
	t.Helper()
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = z.Close() }()
	return z.EncodeAll(plain, nil)
}

// Nothing is acknowledged that was not stored, what is quarantined included.
func TestEventsAreRetryableWhileNothingCanBeStored(t *testing.T) {
	for name, test := range map[string]struct {
		err           error
		after, reason string
	}{
		"full":        {fullError{}, "17", "full"},
		"unavailable": {fmt.Errorf("nats: no responders: %w", collector.ErrUnavailable), "5", "unavailable"},
		"other":       {errors.New("disk on fire"), "5", "error"},
	} {
		for what, body := range map[string]string{"an event": event, "a malformed one": "{}"} {
			m := &memory{}
			m.failWith(test.err)
			o := options(m)
			r, text := exchange(t, o, canonical.CloudEventType, []byte(body))
			if r.StatusCode != http.StatusServiceUnavailable || r.Header.Get("Retry-After") != test.after || !strings.Contains(text, test.err.Error()) {
				t.Errorf("%s, %s: %d, Retry-After %q, %s", name, what, r.StatusCode, r.Header.Get("Retry-After"), text)
			}
			if got := total(t, o, "refused_total", test.reason); got != 1 {
				t.Errorf("%s, %s: refused_total is %v", name, what, got)
			}
			if got := total(t, o, "accepted_total") + total(t, o, "quarantined_total"); got != 0 {
				t.Errorf("%s, %s: counted as stored", name, what)
			}
		}
	}
}

func TestEventsWantsPost(t *testing.T) {
	h, err := collector.Handler(options(&memory{}))
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/events", nil))
	if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != http.MethodPost {
		t.Errorf("%d, Allow %q", w.Code, w.Header().Get("Allow"))
	}
}

func TestOptionsNeedAPublisher(t *testing.T) {
	if _, err := collector.New(collector.Options{}); err == nil {
		t.Error("a collector without Publisher")
	}
	if _, err := collector.Handler(collector.Options{}); err == nil {
		t.Error("a handler without Publisher")
	}
}
