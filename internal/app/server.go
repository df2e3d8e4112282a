package app

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/stocktrace/stocktrace/web"
)

// startServer serves pages, API, events and health on one address.
func (a *App) startServer(ctx context.Context) error {
	handler, err := a.routes()
	if err != nil {
		return err
	}
	ln, err := listen(ctx, a.settings.listeners()[0])
	if err != nil {
		return err
	}
	a.url = "http://" + reachable(ln.Addr())
	srv := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		WriteTimeout:      2 * time.Minute, // handlers that take longer lift it
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(a.log.With("part", "server").Handler(), slog.LevelDebug),
	}
	a.goRun("server", func(context.Context) error {
		if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	a.onStop("requests", func(patience context.Context) error {
		if a.pages != nil {
			a.pages.Close() // open pages would keep their connections for ever
		}
		if err := srv.Shutdown(patience); err != nil {
			return errors.Join(err, srv.Close())
		}
		return nil
	})
	if a.lock != nil {
		return a.lock.Announce(a.url)
	}
	return nil
}

// routes is everything the instance's address answers.
func (a *App) routes() (http.Handler, error) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", alive200)
	mux.HandleFunc("GET /readyz", a.pulse.ready)
	mux.Handle("GET /metrics", web.RequireToken(a.settings.AuthToken, promhttp.HandlerFor(a.metrics, promhttp.HandlerOpts{})))
	if a.settings.Has(RoleCollector) {
		events, err := a.eventsHandler()
		if err != nil {
			return nil, err
		}
		mux.Handle("/v1/", events)
	}
	if a.settings.Has(RoleWeb) {
		pages, err := a.pagesServer()
		if err != nil {
			return nil, err
		}
		a.pages = pages
		mux.Handle("/", pages)
		a.admin(mux)
	}
	return mux, nil
}

// alive200 answers GET /healthz: the process lives and serves.
func alive200(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte("ok\n"))
}

// reachable is an address as a program on this machine reaches it: 0.0.0.0 and
// :: stand for every address of it.
func reachable(addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return addr.String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

func newRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}
