package app

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"
)

// start opens the parts one after the other. What each needs stands above it.
func (a *App) start(ctx context.Context) error {
	if err := a.startDirectory(ctx); err != nil {
		return err
	}
	return a.startServer(ctx)
}

// startDirectory takes the data directory and opens its clock.
func (a *App) startDirectory(ctx context.Context) error {
	s := a.settings
	if s.Embedded() {
		lock, err := LockDir(s.DataDir, "run")
		if err != nil {
			return err
		}
		a.lock = lock
		a.onStop("lock", func(context.Context) error {
			lock.Release()
			return nil
		})
	}
	if err := checkFree(ctx, s.listeners()); err != nil {
		return err
	}
	a.clock = RealClock{}
	if !s.Embedded() {
		return nil
	}
	clock, closeClock, err := OpenClock(s.DataDir, s.Speed)
	if err != nil {
		return err
	}
	a.clock = clock
	a.onStop("clock", func(context.Context) error { return closeClock() })
	return nil
}

// startServer serves pages, API, events and health on one address.
func (a *App) startServer(ctx context.Context) error {
	ln, err := listen(ctx, a.settings.listeners()[0])
	if err != nil {
		return err
	}
	a.url = "http://" + reachable(ln.Addr())
	srv := &http.Server{Handler: a.routes(), ReadHeaderTimeout: 10 * time.Second}
	a.goRun("server", func(context.Context) error {
		if err := srv.Serve(ln); err != http.ErrServerClosed {
			return err
		}
		return nil
	})
	a.onStop("requests", srv.Shutdown)
	if a.lock != nil {
		return a.lock.Announce(a.url)
	}
	return nil
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

// Welcome returns the lines a person wants to see once the instance runs.
func (a *App) Welcome() []string {
	return []string{fmt.Sprintf("stocktrace %s  %s", a.version, a.url)}
}
