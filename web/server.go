package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/a-h/templ"

	"github.com/stocktrace/stocktrace/alerts"
	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/slo"
	"github.com/stocktrace/stocktrace/web/static"
)

// Options is what the pages and the API are built on. Reader and Clock are
// needed; everything else may be left out.
type Options struct {
	Reader Reader
	// Clock tells the time the estate lives in; a simulated one runs faster.
	Clock interface{ Now() time.Time }
	// Objectives returns the promises as they stand ([slo.Evaluator.Latest]); nil
	// means none are declared.
	Objectives func(ctx context.Context) ([]slo.Result, error)
	// Report returns an objective's calendar month that begins at first
	// ([slo.Evaluator.Report]); nil means there are none.
	Report func(ctx context.Context, name string, first time.Time) (slo.Report, error)
	// Incidents returns the incidents firing and those closed since
	// ([alerts.Store]); nil means there are none.
	Incidents func(ctx context.Context, since time.Time) ([]alerts.Incident, error)
	// Status returns how our own pipeline does; nil means all is well.
	Status func(ctx context.Context) Status
	// Live returns a channel that receives each time new answers may be had,
	// until ctx ends. Receivers may be slow; sends must not block. Without it,
	// pages look every five seconds.
	Live func(ctx context.Context) <-chan struct{}
	// Throttle is the least time between two updates of an open page; 2 s where
	// it is zero.
	Throttle time.Duration
	// Record puts records of what people do into the log; they are on disk when it
	// returns nil. Nil: nobody can do anything here.
	Record func(ctx context.Context, records []inventory.Record) error
	// Reingest reads entries of the quarantine again. Nil: that cannot be asked for
	// here.
	Reingest func(ctx context.Context, ask ReingestAsk) (Reingested, error)
	// Location returns a declared location; nil means none are declared.
	Location func(id string) (inventory.Location, bool)
	// Workflows give the system flow its shape.
	Workflows []*inventory.Workflow
	// Zone is the zone of what concerns no single location; UTC where it is nil.
	Zone *time.Location
	// PublicURL is how others reach this server, without a slash at the end; the
	// session cookie is marked Secure where it is https.
	PublicURL string
	// Token, where set, is asked of every caller: as a bearer token, or on the
	// login page.
	Token string
	// ViewToken, where set, lets who gives it look, and not act.
	ViewToken string
	Version   string
	Log       *slog.Logger
}

// Server serves the pages and the API. It implements [http.Handler].
type Server struct {
	Options
	handler  http.Handler
	assets   *static.Server
	sessions sessions
	viewers  sessions
	shared   *shared

	// stopped is closed by Close: live connections end.
	stopped  chan struct{}
	stopOnce sync.Once
}

// New returns the server. It fails where this binary lacks the parts of its
// pages that come from npm.
func New(o Options) (*Server, error) {
	if o.Reader == nil || o.Clock == nil {
		return nil, errors.New("web: Reader and Clock are needed")
	}
	if err := static.Check(); err != nil {
		return nil, err
	}
	assets, err := static.NewServer("/static/")
	if err != nil {
		return nil, err
	}
	if o.Objectives == nil {
		o.Objectives = func(context.Context) ([]slo.Result, error) { return nil, nil }
	}
	if o.Report == nil {
		o.Report = func(context.Context, string, time.Time) (slo.Report, error) { return slo.Report{}, slo.ErrUnknown }
	}
	if o.Incidents == nil {
		o.Incidents = func(context.Context, time.Time) ([]alerts.Incident, error) { return nil, nil }
	}
	if o.Status == nil {
		o.Status = func(context.Context) Status { return Status{} }
	}
	if o.Location == nil {
		o.Location = func(string) (inventory.Location, bool) { return inventory.Location{}, false }
	}
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	if o.Throttle <= 0 {
		o.Throttle = 2 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.PublicURL = strings.TrimRight(o.PublicURL, "/")
	s := &Server{Options: o, assets: assets, shared: newShared(o.Throttle), stopped: make(chan struct{})}
	s.sessions = newSessions(o.Token, strings.HasPrefix(o.PublicURL, "https://"))
	s.viewers = newSessions(o.ViewToken, s.sessions.secure)

	inner := http.NewServeMux()
	inner.HandleFunc("GET /{$}", s.page(s.tower))
	inner.HandleFunc("GET /find", s.page(s.find))
	inner.HandleFunc("GET /trace/{id...}", s.page(s.trace))
	inner.HandleFunc("GET /findings", s.page(s.findings))
	inner.HandleFunc("GET /stores", s.page(s.stores))
	inner.HandleFunc("GET /sales", s.page(s.sales))
	inner.HandleFunc("GET /sources", s.page(s.sources))
	inner.HandleFunc("GET /records/{id...}", s.page(s.record))
	inner.HandleFunc("GET /live", s.live)
	inner.HandleFunc("POST /act", s.press(s.act))
	inner.HandleFunc("POST /arrange", s.press(s.arrange))
	inner.HandleFunc("POST /reingest", s.reingest)
	s.routeAPI(inner)
	inner.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/api/") {
			s.problem(w, r, problem{Status: http.StatusNotFound, Detail: "There is no " + r.URL.Path + "; see /api/openapi.json for what there is."})
			return
		}
		s.fail(w, r, fmt.Errorf("page %s: %w", r.URL.Path, ErrNotFound))
	})

	outer := http.NewServeMux()
	outer.Handle("GET /static/", assets)
	outer.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, assets.URL("icon.svg"), http.StatusFound)
	})
	outer.HandleFunc("GET /login", s.loginPage)
	outer.HandleFunc("POST /login", s.login)
	outer.HandleFunc("POST /logout", s.logout)
	outer.Handle("/", s.authenticate(patient(inner)))

	crossOrigin := http.NewCrossOriginProtection()
	s.handler = secure(crossOrigin.Handler(outer))
	return s, nil
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Close ends the live connections, which otherwise keep an [http.Server] from
// shutting down. It may be called twice.
func (s *Server) Close() { s.stopOnce.Do(func() { close(s.stopped) }) }

// answerTime is how long an answer may take before it is an error: who waits
// longer has gone.
const answerTime = 25 * time.Second

// patient bounds how long answers take, apart from live connections, from what
// reads a quarantine again, and from exports, which bound each of their windows.
func patient(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/live" && r.URL.Path != "/reingest" && !strings.HasPrefix(r.URL.Path, "/api/v1/export/") {
			ctx, cancel := context.WithTimeout(r.Context(), answerTime)
			defer cancel()
			r = r.WithContext(ctx)
		}
		next.ServeHTTP(w, r)
	})
}

// policy forbids everything the pages do not use: no inline script or style, no
// eval, nothing from anywhere else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; " +
	"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// secure sets the headers every answer carries.
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}

// view is what every page knows.
type view struct {
	Title   string
	Section string // which entry of the navigation is current
	Now     time.Time
	Zone    *time.Location
	Theme   string // light, dark or empty: as the system has it
	Query   string
	Status  Status
	Login   bool // a token is configured, so one can sign out
	CanAct  bool // who asks may do something
	By      string
	URL     *url.URL
	server  *Server
}

func (s *Server) view(r *http.Request) *view {
	v := &view{
		Now: s.Clock.Now(), Zone: s.Zone, Status: s.Status(r.Context()),
		Login: s.Token != "", URL: r.URL, server: s, CanAct: s.mayAct(r), By: nameOf(r),
	}
	if c, err := r.Cookie("theme"); err == nil && (c.Value == "light" || c.Value == "dark") {
		v.Theme = c.Value
	}
	return v
}

// canReingest reports whether who looks may have the quarantine read again.
func (v *view) canReingest() bool { return v.CanAct && v.server.Reingest != nil }

// asset returns the address of a static file.
func (v *view) asset(name string) string { return v.server.assets.URL(name) }

// zoneOf returns the zone of a location.
func (v *view) zoneOf(location string) *time.Location {
	if l, ok := v.server.Location(location); ok && l.Zone != nil {
		return l.Zone
	}
	return v.Zone
}

// placeName returns a location's declared name, empty where it has none.
func (v *view) placeName(location string) string {
	if l, ok := v.server.Location(location); ok {
		return l.Name
	}
	return ""
}

// pageFunc answers a page: what to show, or why not.
type pageFunc func(v *view, r *http.Request) (templ.Component, error)

// redirect is returned by a page that has moved.
type redirect string

func (r redirect) Error() string { return "see " + string(r) }

// page turns a pageFunc into a handler. The page is rendered before the first
// byte is sent, so that a page that fails is an error page and not half a page.
func (s *Server) page(f pageFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v := s.view(r)
		c, err := f(v, r)
		if err == nil {
			err = s.render(w, r, http.StatusOK, c)
		}
		if to := redirect(""); errors.As(err, &to) {
			http.Redirect(w, r, string(to), http.StatusFound)
			return
		}
		if err != nil {
			s.fail(w, r, err)
		}
	}
}

func (s *Server) render(w http.ResponseWriter, r *http.Request, status int, c templ.Component) error {
	var b strings.Builder
	if err := c.Render(r.Context(), &b); err != nil {
		return fmt.Errorf("render %s: %w", r.URL.Path, err)
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(b.String()))
	return nil
}

// fail answers a page that cannot be shown, in a sentence a person can act on.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(r.Context().Err(), context.Canceled) {
		return // nobody waits for the answer any more
	}
	e := explain(err)
	if e.Status >= http.StatusInternalServerError {
		s.Log.ErrorContext(r.Context(), "page failed", "path", r.URL.Path, "error", err)
	}
	if e.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "5")
	}
	v := s.view(r)
	v.Title = e.Title
	if err := s.render(w, r, e.Status, errorPage(v, e)); err != nil {
		http.Error(w, e.Title+"\n"+e.Detail, e.Status)
	}
}

// explain says what an error means to the person who asked.
func explain(err error) problem {
	var bad *badQuery
	var no *refusal
	switch {
	case errors.As(err, &no):
		return problem{Status: no.status, Title: http.StatusText(no.status), Detail: no.why}
	case errors.As(err, &bad):
		return problem{Status: http.StatusBadRequest, Title: "That address cannot be read", Detail: bad.Error(), Parameter: bad.parameter}
	case errors.Is(err, ErrNotFound):
		return problem{Status: http.StatusNotFound, Title: "Nothing is known under that name", Detail: "It may be mistyped, or older than what is kept. Search for any other number it is known by: receipt, order, ERP document, trace id."}
	case errors.Is(err, ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		return problem{Status: http.StatusServiceUnavailable, Title: "The database does not answer", Detail: "Events are still accepted and none is lost. Try again in a few seconds; if it stays, look at /readyz and the log of the engine."}
	default:
		return problem{Status: http.StatusInternalServerError, Title: "Something went wrong on our side", Detail: "It has been logged. Events are still accepted and none is lost."}
	}
}
