package collector

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/stocktrace/stocktrace/collector/access"
	"github.com/stocktrace/stocktrace/collector/canonical"
	"github.com/stocktrace/stocktrace/inventory"
)

// maxBuffered bounds the bodies held in memory by all requests together. Past
// it senders are asked to come again.
const maxBuffered = 256 << 20

// EventsHandler answers POST /v1/events: one CloudEvent in structured or binary
// mode, or a batch of them, plain or compressed with gzip or zstd.
//
//	200  everything of it is on disk: {"accepted":n,"quarantined":[…]}
//	400  one event, or the envelope, cannot be read; it is in the quarantine
//	401, 403  the sender is not known, or may not say what it says
//	413  too large, also after decompression
//	415  another media type or encoding
//	429, 503  nothing is acknowledged; repeat after Retry-After
//
// Errors are problem documents (RFC 9457) with the JSON pointer of what is
// wrong. Who may send is for Options.Gate to say.
func EventsHandler(o Options) (http.Handler, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	in, err := newIntake(o)
	if err != nil {
		return nil, err
	}
	return &eventsHandler{intake: in, limit: o.MaxRequestBytes, room: max(maxBuffered, 4*o.MaxRequestBytes)}, nil
}

type eventsHandler struct {
	intake   *intake
	limit    int64 // bytes of one request
	room     int64 // bytes of all requests at one time
	buffered atomic.Int64
}

// mode is how a request carries events.
type mode int

const (
	structured mode = iota
	binary
	batched
)

func (h *eventsHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		problem{Status: http.StatusMethodNotAllowed, Title: "Use POST"}.write(w)
		return
	}
	who, err := h.intake.identify(r.Header.Get("Authorization"), r.TLS)
	if err != nil {
		w.Header().Set("WWW-Authenticate", `Bearer realm="stocktrace"`)
		problem{Status: http.StatusUnauthorized, Title: "Who sends this is not known", Detail: err.Error()}.write(w)
		return
	}
	r = r.WithContext(access.With(r.Context(), who))
	if err := who.Waits(time.Now()); err != nil {
		h.intake.refused(canonical.TransportCloudEvents, err)
		h.refuse(w, err)
		return
	}
	mode, ok := modeOf(r)
	if !ok {
		w.Header().Set("Accept", canonical.CloudEventType+", "+canonical.CloudEventBatchType)
		problem{
			Status: http.StatusUnsupportedMediaType, Title: "Unsupported media type",
			Detail: fmt.Sprintf("The content type is %q. Send %s, %s, or binary mode: ce- headers and a body of application/json.",
				r.Header.Get("Content-Type"), canonical.CloudEventType, canonical.CloudEventBatchType),
		}.write(w)
		return
	}
	body, release, ok := h.read(w, r)
	defer release()
	if !ok {
		return
	}
	if mode == batched {
		h.batch(w, r, body)
		return
	}
	if mode == binary {
		body = canonical.Structured(r.Header, body)
	}
	h.single(w, r, body)
}

// modeOf tells the three modes of CloudEvents over HTTP apart.
func modeOf(r *http.Request) (mode, bool) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case media == canonical.CloudEventType:
		return structured, true
	case media == canonical.CloudEventBatchType:
		return batched, true
	case canonical.IsBinary(r.Header):
		// Data without a type, in an event, is JSON.
		isJSON := media == jsonText || strings.HasSuffix(media, "+json")
		return binary, isJSON && err == nil || r.Header.Get("Content-Type") == ""
	default:
		return 0, false
	}
}

func (h *eventsHandler) single(w http.ResponseWriter, r *http.Request, body []byte) {
	now := h.intake.now()
	record, err := canonical.FromCloudEvent(body, now)
	if err != nil {
		h.reject(w, r, canonical.RejectCloudEvent(body, record.Event.Source, err, now))
		return
	}
	batch := canonical.Batch{Records: []inventory.Record{record}}
	h.store(w, r, &batch)
}

func (h *eventsHandler) batch(w http.ResponseWriter, r *http.Request, body []byte) {
	now := h.intake.now()
	batch, err := canonical.FromCloudEvents(body, now)
	if err != nil {
		h.reject(w, r, canonical.RejectCloudEventBatch(body, err, now))
		return
	}
	h.store(w, r, &batch)
}

// store answers once everything is on disk.
func (h *eventsHandler) store(w http.ResponseWriter, r *http.Request, batch *canonical.Batch) {
	if err := h.intake.take(r.Context(), canonical.TransportCloudEvents, batch); err != nil {
		h.refuse(w, err)
		return
	}
	answer := struct {
		Accepted    int              `json:"accepted"`
		Quarantined []quarantinedRef `json:"quarantined"`
		Refused     []refusedRef     `json:"refused,omitempty"`
	}{len(batch.Records), make([]quarantinedRef, len(batch.Rejected)), nil}
	for _, r := range batch.Refused {
		answer.Refused = append(answer.Refused, refusedRef(r))
	}
	for i, q := range batch.Rejected {
		answer.Quarantined[i] = quarantinedRef{q.Index, q.Pointer, q.Detail, q.ID}
	}
	writeJSON(w, http.StatusOK, jsonText, answer)
}

type quarantinedRef struct {
	Index   int    `json:"index"`
	Pointer string `json:"pointer"`
	Detail  string `json:"detail"`
	ID      string `json:"id"`
}

// refusedRef is an event that its sender may not send. It is stored nowhere.
type refusedRef struct {
	Index   int    `json:"index"`
	Pointer string `json:"pointer"`
	Detail  string `json:"detail"`
}

// reject keeps what cannot be read, then says so.
func (h *eventsHandler) reject(w http.ResponseWriter, r *http.Request, entry inventory.Quarantined) {
	if err := h.intake.keep(r.Context(), entry); err != nil {
		h.refuse(w, err)
		return
	}
	status, title := http.StatusBadRequest, "The event cannot be read"
	if entry.Reason == canonical.Oversized {
		status, title = http.StatusRequestEntityTooLarge, "The event is too large"
	}
	problem{Status: status, Title: title, Detail: entry.Detail, Pointer: entry.Pointer, Quarantined: entry.ID}.write(w)
}

// refuse answers a request that was not stored.
func (h *eventsHandler) refuse(w http.ResponseWriter, err error) {
	var fast *access.TooFast
	code := http.StatusServiceUnavailable
	switch {
	case errors.Is(err, errOutOfScope):
		problem{Status: http.StatusForbidden, Title: "The sender may not say this", Detail: err.Error()}.write(w)
		return
	case errors.As(err, &fast):
		code = http.StatusTooManyRequests
	}
	w.Header().Set("Retry-After", seconds(retryAfter(err)))
	problem{
		Status: code, Title: "Nothing was stored",
		Detail: err.Error() + ". Repeat the request after the time in Retry-After.",
	}.write(w)
}

// read reads and decompresses the body within the limit. It has answered where
// ok is false. release gives back the memory it counts for.
func (h *eventsHandler) read(w http.ResponseWriter, r *http.Request) (body []byte, release func(), ok bool) {
	var held int64
	release = func() { h.buffered.Add(-held) }
	encoding := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding")))
	switch encoding {
	case "", "identity", "gzip", "zstd":
	default:
		w.Header().Set("Accept-Encoding", "gzip, zstd")
		problem{
			Status: http.StatusUnsupportedMediaType, Title: "Unsupported content encoding",
			Detail: fmt.Sprintf("The content encoding is %q. Send gzip, zstd or none.", encoding),
		}.write(w)
		return nil, release, false
	}
	bounded := func(r io.Reader) *limited {
		return &limited{handler: h, reader: r, left: h.limit, held: &held}
	}
	received := bounded(r.Body)
	plain, err := io.ReadAll(received)
	body = plain
	if err == nil && encoding != "" && encoding != "identity" {
		body, err = decompress(encoding, plain, bounded)
	}
	switch {
	case err == nil:
		return body, release, true
	case errors.Is(err, errLimit):
		problem{
			Status: http.StatusRequestEntityTooLarge, Title: "The request is too large",
			Detail: fmt.Sprintf("A request may have %d bytes, uncompressed. Send smaller batches.", h.limit),
		}.write(w)
	case errors.Is(err, errBusy):
		w.Header().Set("Retry-After", "1")
		problem{
			Status: http.StatusTooManyRequests, Title: "Too much at once",
			Detail: "Nothing was stored. Repeat the request after the time in Retry-After.",
		}.write(w)
	case received.err != nil:
		// The sender broke off; there is nobody to answer and nothing whole to keep.
		problem{Status: http.StatusBadRequest, Title: "The body ended early", Detail: received.err.Error()}.write(w)
	default:
		h.reject(w, r, canonical.RejectBody(plain, encoding, err, h.intake.now()))
	}
	return nil, release, false
}

var (
	errLimit = errors.New("more bytes than one request may have")
	errBusy  = errors.New("more bytes than all requests together may have")
)

// limited reads up to left bytes, and accounts for them while they are held.
type limited struct {
	handler *eventsHandler
	reader  io.Reader
	left    int64
	held    *int64
	err     error // of the reader itself
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		l.err = err
	}
	l.left -= int64(n)
	*l.held += int64(n)
	switch total := l.handler.buffered.Add(int64(n)); {
	case l.left < 0:
		return 0, errLimit
	case total > l.handler.room:
		return 0, errBusy
	}
	return n, err
}

func decompress(encoding string, body []byte, bounded func(io.Reader) *limited) ([]byte, error) {
	if encoding == "gzip" {
		z, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		return io.ReadAll(bounded(z))
	}
	// The window is allocated before a byte comes out of it.
	z, err := zstd.NewReader(bytes.NewReader(body), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8<<20))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	return io.ReadAll(bounded(z))
}

// problem is a problem document (RFC 9457). Its type is about:blank: status and
// pointer tell problems apart.
type problem struct {
	Title       string `json:"title"`
	Status      int    `json:"status"`
	Detail      string `json:"detail,omitempty"`
	Pointer     string `json:"pointer,omitempty"`
	Quarantined string `json:"quarantined,omitempty"` // id of the quarantine's entry
}

func (p problem) write(w http.ResponseWriter) {
	writeJSON(w, p.Status, "application/problem+json", p)
}

func writeJSON(w http.ResponseWriter, status int, media string, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", media)
	w.WriteHeader(status)
	_, _ = w.Write(body) // the sender may be gone; what it sent is stored
}
