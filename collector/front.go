package collector

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/stocktrace/stocktrace/collector/access"
	"github.com/stocktrace/stocktrace/collector/canonical"
	"github.com/stocktrace/stocktrace/inventory"
)

// Handler answers everything under /v1/ that is not OTLP:
//
//	POST /v1/events                     CloudEvents
//	POST /v1/documents                  documents in formats of retail's own
//	POST /v1/webhooks/{vendor}/{source} what vendors send of themselves, signed
//
// Of all of them an OK means on disk, an error with Retry-After that nothing is
// acknowledged, and any other error that repeating the request is no use. Who may
// send is for Options.Gate to say.
func Handler(o Options) (http.Handler, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	in, err := newIntake(o)
	if err != nil {
		return nil, err
	}
	return in.handler(o), nil
}

// handler expects options with their defaults.
func (in *intake) handler(o Options) http.Handler {
	f := &front{intake: in, bodies: &bodies{limit: o.MaxRequestBytes, room: max(maxBuffered, 4*o.MaxRequestBytes)}}
	documents := &documentsHandler{front: f, documents: &Documents{in}, find: o.Documents, zoneOf: o.ZoneOf}
	mux := http.NewServeMux()
	mux.Handle("/v1/events", &eventsHandler{f})
	mux.Handle("/v1/documents", documents)
	mux.Handle("/v1/webhooks/{vendor}/{source...}", &webhooksHandler{documents, o.Vendors, o.PublicURL})
	return mux
}

// front is what every request over HTTP passes before it is understood.
type front struct {
	intake *intake
	bodies *bodies
}

// admit finds out who sends a request and whether they may now. It has answered
// where ok is false.
func (f *front) admit(w http.ResponseWriter, r *http.Request, transport string) (_ *http.Request, ok bool) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		problem{Status: http.StatusMethodNotAllowed, Title: "Use POST"}.write(w)
		return r, false
	}
	who, err := f.intake.identify(r.Header.Get("Authorization"), r.TLS)
	if err != nil {
		w.Header().Set("WWW-Authenticate", `Bearer realm="stocktrace"`)
		problem{Status: http.StatusUnauthorized, Title: "Who sends this is not known", Detail: err.Error()}.write(w)
		return r, false
	}
	return f.welcome(w, r, transport, who)
}

// welcome lets a known sender in, unless it is too fast.
func (f *front) welcome(w http.ResponseWriter, r *http.Request, transport string, who *access.Source) (_ *http.Request, ok bool) {
	r = r.WithContext(access.With(r.Context(), who))
	if err := who.Waits(time.Now()); err != nil {
		f.intake.refused(transport, err)
		f.refuse(w, err)
		return r, false
	}
	return r, true
}

// read reads the body, which the caller releases. It has answered where ok is
// false.
func (f *front) read(w http.ResponseWriter, r *http.Request, transport string) (_ *body, ok bool) {
	b, err := f.bodies.read(r)
	var bad *badBody
	switch {
	case err == nil:
		return b, true
	case errors.Is(err, errEncoding):
		w.Header().Set("Accept-Encoding", encodings)
		problem{
			Status: http.StatusUnsupportedMediaType, Title: "Unsupported content encoding",
			Detail: fmt.Sprintf("The content encoding is %q. Send one of %s, or none.", r.Header.Get("Content-Encoding"), encodings),
		}.write(w)
	case errors.Is(err, errLimit):
		problem{
			Status: http.StatusRequestEntityTooLarge, Title: "The request is too large",
			Detail: fmt.Sprintf("A request may have %d bytes, uncompressed. Send smaller ones.", f.bodies.limit),
		}.write(w)
	case errors.Is(err, errBusy):
		w.Header().Set("Retry-After", "1")
		problem{
			Status: http.StatusTooManyRequests, Title: "Too much at once",
			Detail: "Nothing was stored. Repeat the request after the time in Retry-After.",
		}.write(w)
	case errors.As(err, &bad):
		f.reject(w, r, canonical.RejectBody(bad.received, transport, bad.encoding, bad.err, f.intake.now()))
	default:
		// The sender broke off; there is nobody to answer and nothing whole to keep.
		problem{Status: http.StatusBadRequest, Title: "The body ended early", Detail: err.Error()}.write(w)
	}
	return b, false
}

// reject keeps what cannot be read, then says so.
func (f *front) reject(w http.ResponseWriter, r *http.Request, entry inventory.Quarantined) {
	if err := f.intake.keep(r.Context(), &entry); err != nil {
		f.refuse(w, err)
		return
	}
	rejected(w, &entry)
}

// rejected says why all of a request is in the quarantine.
func rejected(w http.ResponseWriter, entry *inventory.Quarantined) {
	status, title := http.StatusBadRequest, "The event cannot be read"
	if entry.Reason == canonical.Oversized {
		status, title = http.StatusRequestEntityTooLarge, "The event is too large"
	}
	problem{Status: status, Title: title, Detail: entry.Detail, Pointer: entry.Pointer, Quarantined: entry.ID}.write(w)
}

// refuse answers a request that was not stored.
func (f *front) refuse(w http.ResponseWriter, err error) {
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
