package estate

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/stocktrace/stocktrace/inventory"
)

// Retries wait between these, in real time, unless the instance says longer.
const (
	retryFirst     = 100 * time.Millisecond
	retryMost      = 5 * time.Second
	retryAfterMost = time.Minute
	requestTimeout = 30 * time.Second
)

// client speaks to the public ports. A request that could not be delivered is
// sent again, the same bytes under the same ids, until it is acknowledged or
// refused for good.
type client struct {
	events, logs string
	token        string
	http         *http.Client
	conn         *grpc.ClientConn
	traces       ptraceotlp.GRPCClient
	acked        *ackedWriter
	log          *slog.Logger
	patience     time.Duration // before the first repetition

	ackedEvents, refused, requests, retries atomic.Int64

	mu      sync.Mutex
	firstNo error // the first refusal
}

// errDenied stops the estate: the instance does not want it.
var errDenied = errors.New("the instance denies access: check the token")

func newClient(opts *Options) (*client, error) {
	events, err := endpoint(opts.Server, "/v1/events")
	if err != nil {
		return nil, fmt.Errorf("estate: server: %w", err)
	}
	logs, err := endpoint(opts.OTLPHTTP, "/v1/logs")
	if err != nil {
		return nil, fmt.Errorf("estate: OTLP HTTP: %w", err)
	}
	security := insecure.NewCredentials()
	target, secure := strings.CutPrefix(opts.OTLPGRPC, "https://")
	if secure {
		security = credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS12})
	}
	target = strings.TrimPrefix(target, "http://")
	conn, err := grpc.NewClient(target, grpc.WithTransportCredentials(security))
	if err != nil {
		return nil, fmt.Errorf("estate: OTLP gRPC: %w", err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = opts.Concurrency * int(feedCount)
	return &client{
		events: events, logs: logs, token: opts.Token, http: &http.Client{Transport: transport},
		conn: conn, traces: ptraceotlp.NewGRPCClient(conn), acked: &ackedWriter{w: opts.Acked}, log: opts.Logger,
		patience: retryFirst,
	}, nil
}

func endpoint(base, path string) (string, error) {
	u, err := url.Parse(base)
	if err != nil {
		return "", err
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return "", fmt.Errorf("%q is not an address like http://127.0.0.1:8080", base)
	}
	return u.JoinPath(path).String(), nil
}

func (c *client) close() error {
	c.http.CloseIdleConnections()
	if err := c.conn.Close(); err != nil {
		return fmt.Errorf("close OTLP connection: %w", err)
	}
	return nil
}

// answer is what an instance answered to a request.
type answer struct {
	refused map[int]string // index → why; -1: some, it did not say which
}

// deliver sends messages of one transport, all of them in one request, and
// returns when each is acknowledged or refused. It fails when ctx ends, when the
// instance denies access, or when acknowledgements cannot be noted.
func (c *client) deliver(ctx context.Context, messages []*message) error {
	if len(messages) == 0 {
		return nil
	}
	via := messages[0].via
	attempt, err := c.prepare(via, messages)
	if err != nil {
		return err
	}
	got, err := c.retry(ctx, attempt)
	var tooLarge *tooLargeError
	if errors.As(err, &tooLarge) && len(messages) > 1 {
		half := len(messages) / 2
		return errors.Join(c.deliver(ctx, messages[:half]), c.deliver(ctx, messages[half:]))
	}
	if err != nil && !isRefusal(err) {
		return err
	}
	if err != nil {
		c.refuse(len(messages), err)
		return nil
	}
	if why, some := got.refused[-1]; some {
		c.refuse(len(messages), errors.New(why))
		return nil
	}
	lines := make([]ackedLine, 0, len(messages))
	for i, m := range messages {
		if why, no := got.refused[i]; no {
			c.refuse(1, fmt.Errorf("event %s: %s", m.id, why))
			continue
		}
		lines = append(lines, ackedLine{m.recordID(), via.String()})
	}
	c.ackedEvents.Add(int64(len(lines)))
	return c.acked.write(lines)
}

// say sends watermarks.
func (c *client) say(ctx context.Context, marks []mark) error {
	batch := make([]cloudEvent, len(marks))
	for i, m := range marks {
		batch[i] = m.cloudEvent()
	}
	attempt, err := c.prepareEvents(batch)
	if err != nil {
		return err
	}
	got, err := c.retry(ctx, attempt)
	var tooLarge *tooLargeError
	switch {
	case errors.As(err, &tooLarge) && len(marks) > 1:
		half := len(marks) / 2
		return errors.Join(c.say(ctx, marks[:half]), c.say(ctx, marks[half:]))
	case err != nil && !isRefusal(err):
		return err
	case err != nil:
		c.refuse(len(marks), err)
	default:
		lines := make([]ackedLine, 0, len(marks))
		for i, m := range marks {
			if why, no := got.refused[i]; no {
				c.refuse(1, fmt.Errorf("watermark %s: %s", m.id(), why))
				continue
			}
			lines = append(lines, ackedLine{inventory.RecordID(m.source(), m.id()), cloudEvents.String()})
		}
		return c.acked.write(lines)
	}
	return nil
}

func (c *client) refuse(n int, err error) {
	c.refused.Add(int64(n))
	c.log.Warn("the instance refused events", "events", n, "error", err)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.firstNo == nil {
		c.firstNo = err
	}
}

// refusal returns the first refusal as an error, nil where there was none.
func (c *client) refusal() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.firstNo == nil {
		return nil
	}
	return fmt.Errorf("estate: %d events were refused, first: %w", c.refused.Load(), c.firstNo)
}

// attempt is one try to deliver a prepared request.
type attempt func(ctx context.Context) (answer, error)

func (c *client) prepare(via transport, messages []*message) (attempt, error) {
	switch via {
	case traces:
		td, err := tracesOf(messages)
		if err != nil {
			return nil, err
		}
		request := ptraceotlp.NewExportRequestFromTraces(td)
		return func(ctx context.Context) (answer, error) {
			if c.token != "" {
				ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+c.token)
			}
			response, err := c.traces.Export(ctx, request)
			if err != nil {
				return answer{}, grpcError(err)
			}
			return partial(response.PartialSuccess().RejectedSpans(), response.PartialSuccess().ErrorMessage()), nil
		}, nil
	case logs:
		ld, err := logsOf(messages)
		if err != nil {
			return nil, err
		}
		body, err := plogotlp.NewExportRequestFromLogs(ld).MarshalProto()
		if err != nil {
			return nil, fmt.Errorf("encode logs: %w", err)
		}
		return func(ctx context.Context) (answer, error) {
			reply, err := c.post(ctx, c.logs, "application/x-protobuf", body)
			if err != nil {
				return answer{}, err
			}
			response := plogotlp.NewExportResponse()
			if err := response.UnmarshalProto(reply); err != nil {
				return answer{}, &retryableError{err: fmt.Errorf("read OTLP answer: %w", err)}
			}
			return partial(response.PartialSuccess().RejectedLogRecords(), response.PartialSuccess().ErrorMessage()), nil
		}, nil
	default:
		batch := make([]cloudEvent, len(messages))
		for i, m := range messages {
			e := m.event()
			batch[i] = cloudEventOf(&e, m.sale.store.Zone)
		}
		return c.prepareEvents(batch)
	}
}

// prepareEvents makes a request of CloudEvents: one in structured mode, several
// as a batch.
func (c *client) prepareEvents(batch []cloudEvent) (attempt, error) {
	contentType, value := "application/cloudevents-batch+json", any(batch)
	if len(batch) == 1 {
		contentType, value = "application/cloudevents+json", batch[0]
	}
	body, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("encode CloudEvents: %w", err)
	}
	return func(ctx context.Context) (answer, error) {
		reply, err := c.post(ctx, c.events, contentType, body)
		if err != nil {
			return answer{}, err
		}
		if len(reply) == 0 {
			return answer{}, nil
		}
		var said struct {
			Quarantined []struct {
				Index   int    `json:"index"`
				Pointer string `json:"pointer"`
				Detail  string `json:"detail"`
			} `json:"quarantined"`
		}
		if err := json.Unmarshal(reply, &said); err != nil {
			return answer{}, &retryableError{err: fmt.Errorf("read answer to events: %w", err)}
		}
		got := answer{refused: map[int]string{}}
		for _, q := range said.Quarantined {
			if q.Index < 0 || q.Index >= len(batch) {
				return answer{}, &refusedError{fmt.Errorf("the answer names event %d of %d", q.Index, len(batch))}
			}
			got.refused[q.Index] = q.Pointer + ": " + q.Detail
		}
		return got, nil
	}, nil
}

func partial(rejected int64, message string) answer {
	if rejected == 0 {
		return answer{}
	}
	return answer{refused: map[int]string{-1: fmt.Sprintf("%d of the request rejected: %s", rejected, message)}}
}

// post sends a body and returns the answer to it.
func (c *client) post(ctx context.Context, address, contentType string, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("post to %s: %w", address, err)
	}
	request.Header.Set("Content-Type", contentType)
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, &retryableError{err: err}
	}
	defer func() { _ = response.Body.Close() }()
	reply, err := io.ReadAll(io.LimitReader(response.Body, 4<<20))
	if err != nil {
		return nil, &retryableError{err: fmt.Errorf("read answer of %s: %w", address, err)}
	}
	failure := fmt.Errorf("%s answered %s: %s", address, response.Status, strings.TrimSpace(string(reply[:min(len(reply), 500)])))
	switch code := response.StatusCode; {
	case code < 300:
		return reply, nil
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return nil, fmt.Errorf("%w: %w", errDenied, failure)
	case code == http.StatusRequestEntityTooLarge:
		return nil, &tooLargeError{failure}
	case code == http.StatusTooManyRequests || code == http.StatusRequestTimeout || code >= 500:
		return nil, &retryableError{err: failure, after: retryAfter(response.Header.Get("Retry-After"))}
	default:
		return nil, &refusedError{failure}
	}
}

// retryAfter reads a Retry-After header: seconds or a date; 0 where it says
// neither.
func retryAfter(header string) time.Duration {
	if seconds, err := strconv.Atoi(header); err == nil && seconds > 0 {
		return min(time.Duration(seconds)*time.Second, retryAfterMost)
	}
	if date, err := http.ParseTime(header); err == nil {
		return min(max(time.Until(date), 0), retryAfterMost)
	}
	return 0
}

func grpcError(err error) error {
	s := status.Convert(err)
	switch s.Code() {
	case codes.Unauthenticated, codes.PermissionDenied:
		return fmt.Errorf("%w: %w", errDenied, err)
	case codes.InvalidArgument, codes.Unimplemented, codes.OutOfRange:
		return &refusedError{err}
	default:
		retry := &retryableError{err: err}
		for _, detail := range s.Details() {
			if info, ok := detail.(*errdetails.RetryInfo); ok {
				retry.after = min(info.GetRetryDelay().AsDuration(), retryAfterMost)
			}
		}
		return retry
	}
}

// How an attempt may fail besides being denied.
type (
	// retryableError: not now.
	retryableError struct {
		err   error
		after time.Duration // at least so long; 0: not said
	}
	// tooLargeError: not in one piece.
	tooLargeError struct{ err error }
	// refusedError: never.
	refusedError struct{ err error }
)

func (e *retryableError) Error() string { return e.err.Error() }
func (e *retryableError) Unwrap() error { return e.err }
func (e *tooLargeError) Error() string  { return e.err.Error() }
func (e *tooLargeError) Unwrap() error  { return e.err }
func (e *refusedError) Error() string   { return e.err.Error() }
func (e *refusedError) Unwrap() error   { return e.err }

func isRefusal(err error) bool {
	var refused *refusedError
	var tooLarge *tooLargeError
	return errors.As(err, &refused) || errors.As(err, &tooLarge)
}

// retry tries until there is an answer that more trying does not change.
func (c *client) retry(ctx context.Context, try attempt) (answer, error) {
	wait := c.patience
	for n := 0; ; n++ {
		c.requests.Add(1)
		bounded, cancel := context.WithTimeout(ctx, requestTimeout)
		got, err := try(bounded)
		cancel()
		var retryable *retryableError
		if !errors.As(err, &retryable) {
			return got, err
		}
		if ctx.Err() != nil {
			return answer{}, ctx.Err()
		}
		if n == 3 {
			c.log.Warn("the instance does not take events at the moment; trying on", "error", err)
		}
		c.retries.Add(1)
		// Half of it by chance, so that senders do not all come back at once.
		pause := max(retryable.after, wait/2+rand.N(wait/2)) //nolint:gosec // a pause is no secret
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return answer{}, ctx.Err()
		case <-timer.C:
		}
		wait = min(2*wait, retryMost)
	}
}

// ackedWriter notes what the instance has acknowledged, whole lines at once.
type ackedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

type ackedLine struct {
	RecordID  string `json:"record_id"`
	Transport string `json:"transport"`
}

func (a *ackedWriter) write(lines []ackedLine) error {
	if a.w == nil || len(lines) == 0 {
		return nil
	}
	var b bytes.Buffer
	for _, l := range lines {
		text, err := json.Marshal(l)
		if err != nil {
			return fmt.Errorf("note acknowledged events: %w", err)
		}
		b.Write(text)
		b.WriteByte('\n')
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, err := a.w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("note acknowledged events: %w", err)
	}
	return nil
}
