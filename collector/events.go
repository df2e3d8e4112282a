package collector

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strings"

	"github.com/stocktrace/stocktrace/collector/canonical"
	"github.com/stocktrace/stocktrace/inventory"
)

// eventsHandler answers POST /v1/events: one CloudEvent in structured or binary
// mode, or a batch of them, plain or compressed.
//
//	200  everything of it is on disk: {"accepted":n,"quarantined":[…]}
//	400  one event, or the envelope, cannot be read; it is in the quarantine
//	401, 403  the sender is not known, or may not say what it says
//	413  too large, also after decompression; one event is in the quarantine then
//	415  another media type or encoding
//	429, 503  nothing is acknowledged; repeat after Retry-After
//
// Errors are problem documents (RFC 9457) with the JSON pointer of what is
// wrong.
type eventsHandler struct{ *front }

// mode is how a request carries events.
type mode int

const (
	structured mode = iota
	binary
	batched
)

func (h *eventsHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r, ok := h.admit(w, r, canonical.TransportCloudEvents)
	if !ok {
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
	b, ok := h.read(w, r, canonical.TransportCloudEvents)
	defer b.release()
	if !ok {
		return
	}
	switch mode {
	case batched:
		h.batch(w, r, b.bytes)
	case binary:
		h.single(w, r, canonical.Structured(r.Header, b.bytes))
	case structured:
		h.single(w, r, b.bytes)
	}
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
	body = h.private(body)
	now := h.intake.now()
	record, err := canonical.FromCloudEvent(body, now)
	if err != nil {
		h.reject(w, r, canonical.RejectCloudEvent(body, record.Event.Source, err, now))
		return
	}
	batch := canonical.Batch{Records: []inventory.Record{record}}
	if err := h.intake.take(r.Context(), canonical.TransportCloudEvents, &batch); err != nil {
		h.refuse(w, err)
		return
	}
	if len(batch.Rejected) > 0 {
		rejected(w, &batch.Rejected[0].Quarantined)
		return
	}
	accepted(w, &batch)
}

// private takes people out of a body before it is read. One that is not JSON is
// no event; they are taken out of what the quarantine keeps of it.
func (h *eventsHandler) private(body []byte) []byte {
	if out, ok := h.intake.privacy.JSON(body); ok {
		return out
	}
	return body
}

func (h *eventsHandler) batch(w http.ResponseWriter, r *http.Request, body []byte) {
	body = h.private(body)
	now := h.intake.now()
	batch, err := canonical.FromCloudEvents(body, now)
	if err != nil {
		h.reject(w, r, canonical.RejectCloudEventBatch(body, err, now))
		return
	}
	if err := h.intake.take(r.Context(), canonical.TransportCloudEvents, &batch); err != nil {
		h.refuse(w, err)
		return
	}
	accepted(w, &batch)
}

// accepted answers when everything is on disk.
func accepted(w http.ResponseWriter, batch *canonical.Batch) {
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
