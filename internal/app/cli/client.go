package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/internal/app"
)

// client asks an instance's API: over the network, or, where none runs, one
// opened on the data directory for this command alone.
type client struct {
	base  string
	token string
	http  *http.Client
	close func() error
}

// errNothing says that there is neither an instance nor data to ask.
type errNothing struct{ server, dir string }

func (e *errNothing) Error() string {
	return fmt.Sprintf("no stocktrace answers at %s, and %s holds no data; start one with `stocktrace run`, or name it with --server or --data-dir",
		e.server, e.dir)
}

// connect finds whom to ask: --server where it was given; else the instance that
// uses the data directory; else the default address, unless another directory
// was asked for; else the data directory itself.
func (p *Program) connect(ctx context.Context, s *app.Settings) (*client, error) {
	c := &client{base: s.Server, token: s.AuthToken, http: &http.Client{}, close: func() error { return nil }}
	if where, given := s.Given("server"); given {
		if err := c.ping(ctx); err != nil {
			return nil, fmt.Errorf("no stocktrace answers at %s (%s): %w", s.Server, where, err)
		}
		return c, nil
	}
	holder, held, err := app.HolderOf(s.DataDir)
	if err != nil {
		return nil, err
	}
	if held {
		if holder.URL == "" {
			return nil, &app.InUseError{Dir: s.DataDir, Holder: holder}
		}
		c.base = holder.URL
		return c, c.ping(ctx)
	}
	if _, given := s.Given("data-dir"); !given && c.ping(ctx) == nil {
		return c, nil
	}
	if s.ClickHouseDSN == "" {
		if _, err := os.Stat(filepath.Join(s.DataDir, "clickhouse")); errors.Is(err, os.ErrNotExist) {
			return nil, &errNothing{server: s.Server, dir: s.DataDir}
		}
	}
	handler, closeData, err := app.OpenData(ctx, p.options(s))
	if err != nil {
		return nil, err
	}
	c.base, c.close = "http://"+s.Listen, closeData
	c.http.Transport = inProcess{handler}
	return c, nil
}

// ping asks for a sign of life and fails fast.
func (c *client) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/healthz", nil)
	if err != nil {
		return err
	}
	res, err := c.http.Do(req)
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) {
			return op.Err
		}
		return err
	}
	return res.Body.Close()
}

// now is the time on the instance's clock, which a simulated retailer may run
// ahead; here's where it does not say.
func (c *client) now(ctx context.Context, here time.Time) time.Time {
	var status struct {
		Now time.Time `json:"now"`
	}
	if _, err := c.get(ctx, "/api/v1/status", nil, &status); err != nil || status.Now.IsZero() {
		return here
	}
	return status.Now
}

// inProcess serves requests by a handler of this process.
type inProcess struct{ handler http.Handler }

func (t inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	a := &answer{header: http.Header{}}
	t.handler.ServeHTTP(a, r)
	a.WriteHeader(http.StatusOK)
	return &http.Response{
		Status: http.StatusText(a.status), StatusCode: a.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.sent, Body: io.NopCloser(&a.body), ContentLength: int64(a.body.Len()), Request: r,
	}, nil
}

// answer keeps what a handler of this process writes.
type answer struct {
	header, sent http.Header
	status       int
	body         bytes.Buffer
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status, a.sent = status, a.header.Clone()
	}
}

func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}

// problem is RFC 9457's problem document.
type problem struct {
	Status int    `json:"status"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
}

func (p *problem) Error() string {
	switch {
	case p.Status == http.StatusUnauthorized:
		return "the instance asks who you are: give its --auth-token (or STOCKTRACE_AUTH_TOKEN)"
	case p.Detail != "":
		return p.Detail
	case p.Title != "":
		return strings.ToLower(p.Title)
	default:
		return fmt.Sprintf("the instance answered %d %s", p.Status, http.StatusText(p.Status))
	}
}

// do sends a request and returns the answer's body. Anything but success is a
// *problem.
func (c *client) do(ctx context.Context, method, path string, query url.Values, body io.Reader) (io.ReadCloser, error) {
	target := c.base + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return nil, fmt.Errorf("ask the instance: %w", err)
	}
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Stocktrace-Client", "cli")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the instance: %w", err)
	}
	if res.StatusCode >= 300 {
		defer res.Body.Close()
		p := &problem{}
		text, _ := io.ReadAll(io.LimitReader(res.Body, 1<<20))
		if json.Unmarshal(text, p) != nil {
			*p = problem{}
		}
		p.Status = res.StatusCode
		return nil, p
	}
	return res.Body, nil
}

// get reads a JSON answer into v and returns its bytes too, for -o json.
func (c *client) get(ctx context.Context, path string, query url.Values, v any) ([]byte, error) {
	body, err := c.do(ctx, http.MethodGet, path, query, nil)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	text, err := io.ReadAll(body)
	if err != nil {
		return nil, fmt.Errorf("read the instance's answer: %w", err)
	}
	if err := json.Unmarshal(text, v); err != nil {
		return nil, fmt.Errorf("read the instance's answer: %w", err)
	}
	return text, nil
}
