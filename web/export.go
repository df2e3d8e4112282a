package web

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"
)

// exportFunc reads the next window of what a request selects, at most
// exportWindow items, in order of where the last one ended. None is the end.
type exportFunc func(ctx context.Context) ([]any, error)

// Limits of an export: how many rows are read from the database at a time, and
// how long they may take to be sent. Between two windows nothing is held open in
// the database, however slowly somebody reads.
const (
	exportWindow   = maxLimit
	exportPatience = 2 * time.Minute
)

// exports answers with everything a request selects, one JSON object a line
// (NDJSON). An error after the first line cannot be told in the status: the
// answer is broken off, which HTTP tells from one that ended.
func (s *Server) exports(of func(url.Values) (exportFunc, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		next, err := of(r.URL.Query())
		if err == nil {
			err = whole(r.URL.Query())
		}
		deadline := http.NewResponseController(w)
		lines := json.NewEncoder(w)
		for begun := false; err == nil; begun = true {
			var items []any
			if items, err = window(r.Context(), next); err != nil && !begun {
				break
			}
			if err != nil {
				if r.Context().Err() == nil {
					s.Log.ErrorContext(r.Context(), "export broken off", "path", r.URL.Path, "error", err)
				}
				panic(http.ErrAbortHandler)
			}
			if !begun {
				w.Header().Set("Content-Type", "application/x-ndjson")
				w.Header().Set("Cache-Control", "no-store")
			}
			if len(items) == 0 {
				return
			}
			_ = deadline.SetWriteDeadline(time.Now().Add(exportPatience))
			for _, item := range items {
				if lines.Encode(item) != nil {
					return // who asked has gone
				}
			}
		}
		s.failAPI(w, r, err)
	}
}

// window asks for the next window of an export, within the time any answer has.
func window(ctx context.Context, next exportFunc) ([]any, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	return next(ctx)
}

// whole refuses what only a window has: who asks for one must not be given all.
func whole(values url.Values) error {
	for _, name := range []string{"limit", "cursor", "format"} {
		if values.Has(name) {
			return &badQuery{name, "an export has everything the filter selects, as lines of JSON; leave it out, or ask the list for a window."}
		}
	}
	return nil
}

func (s *Server) exportLifecycles(values url.Values) (exportFunc, error) {
	q, err := lifecycleQuery(values)
	q.Page = Page{Limit: exportWindow}
	after := ""
	return func(ctx context.Context) ([]any, error) {
		rows, err := s.Reader.LifecyclesByID(ctx, q, after)
		items := make([]any, len(rows))
		for i := range rows {
			items[i] = s.lifecycleAt(&rows[i])
			after = rows[i].ID
		}
		return items, err
	}, err
}

func (s *Server) exportFindings(values url.Values) (exportFunc, error) {
	q, err := findingsAsked(values)
	q.Page = Page{Limit: exportWindow}
	return func(ctx context.Context) ([]any, error) {
		rows, err := s.Reader.Findings(ctx, q)
		items := make([]any, len(rows))
		for i := range rows {
			items[i] = findingOf(&rows[i].Finding, rows[i].Count)
			q.Page.After = Cursor{rows[i].OpenedAt, rows[i].ID}
		}
		return items, err
	}, err
}
