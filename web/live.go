package web

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// live tells an open page that there may be something new; the page then asks
// again for what it shows. Updates are at least Throttle apart, and what happens
// in between is one update. Nothing is sent that the page would have to trust
// or replay, so a connection that breaks loses nothing: the first message after
// connecting makes the page look.
func (s *Server) live(w http.ResponseWriter, r *http.Request) {
	rc := http.NewResponseController(w)
	// A live connection is meant to last; the server's write timeout is not
	// about it.
	_ = rc.SetWriteDeadline(time.Time{})
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	var news <-chan struct{}
	if s.Live != nil {
		news = s.Live(ctx)
	} else {
		t := time.NewTicker(5 * time.Second)
		defer t.Stop()
		news = ticks(ctx, t)
	}
	throttle := time.NewTicker(s.Throttle)
	defer throttle.Stop()
	// Proxies and browsers drop connections that stay silent.
	const beat = 15 * time.Second
	heart := time.NewTicker(beat)
	defer heart.Stop()

	send := func(format string, args ...any) bool {
		_ = rc.SetWriteDeadline(time.Now().Add(beat))
		if _, err := fmt.Fprintf(w, format, args...); err != nil {
			return false
		}
		return rc.Flush() == nil
	}
	if !send("retry: 2000\n\nevent: hello\ndata: %s\n\n", s.Version) {
		return
	}
	// Each piece of news is told twice: the answers behind a page are shared for a
	// while (see shared), and the first look may still have found the old one. The
	// second time is when no such answer is left.
	told, again := true, false
	var since time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.stopped:
			return
		case _, ok := <-news:
			if !ok {
				return
			}
			told, since = false, time.Now()
		case <-throttle.C:
			switch {
			case !told:
				told, again = true, true
			case again && !s.shared.old(since):
				again = false
			default:
				continue
			}
			if !send("event: changed\ndata: \n\n") {
				return
			}
		case <-heart.C:
			if !send(": still here\n\n") {
				return
			}
		}
	}
}

// ticks makes a ticker look like news.
func ticks(ctx context.Context, t *time.Ticker) <-chan struct{} {
	news := make(chan struct{}, 1)
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-t.C:
				select {
				case news <- struct{}{}:
				default:
				}
			}
		}
	}()
	return news
}
