// Package webhook tells any system that understands Prometheus Alertmanager's
// webhook, version 4. A repetition is harmless there: the receiver knows alerts
// by their fingerprint.
package webhook

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/alerts"
	"github.com/stocktrace/stocktrace/lifecycle"
)

// Options configure a Receiver.
type Options struct {
	// URL takes POST requests. It may carry user and password.
	URL string
	// PublicURL is named as externalURL.
	PublicURL string
	// Wall is the clock a Retry-After date is read by; nil means real time.
	Wall lifecycle.Clock
}

// Receiver posts to one address. It implements [alerts.Receiver].
type Receiver struct {
	o      Options
	client *http.Client
}

var _ alerts.Receiver = (*Receiver)(nil)

const callTimeout = 15 * time.Second

// New returns a receiver, or what is wrong with the URL.
func New(o Options) (*Receiver, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, errors.New("--webhook-url must be an http or https address")
	}
	client := &http.Client{
		Timeout: callTimeout,
		// A redirected POST becomes a GET, whose success tells nobody anything.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &Receiver{o: o, client: client}, nil
}

// Name is "webhook".
func (r *Receiver) Name() string { return "webhook" }

// Find finds nothing: sending again is harmless.
func (r *Receiver) Find(context.Context, string, time.Time) (alerts.Ref, bool, error) {
	return alerts.Ref{}, false, nil
}

// Post sends the incident.
func (r *Receiver) Post(ctx context.Context, m alerts.Message) (alerts.Ref, error) {
	return alerts.Ref{Place: "webhook", ID: m.IncidentID}, r.send(ctx, &m)
}

// Update sends the incident again: same group, same fingerprint.
func (r *Receiver) Update(ctx context.Context, _ alerts.Ref, m alerts.Message) error {
	return r.send(ctx, &m)
}

// Refused is an answer that is not a success.
type Refused struct {
	Status int
	After  time.Duration // asked for by the receiver; 0 where it did not
}

func (e *Refused) Error() string {
	return fmt.Sprintf("the webhook answered %d %s", e.Status, http.StatusText(e.Status))
}

// limited is a refusal with a time to come back.
type limited struct{ *Refused }

func (e limited) RetryAfter() time.Duration { return e.After }

func (r *Receiver) send(ctx context.Context, m *alerts.Message) error {
	body, err := json.Marshal(payload(m, r.o.PublicURL))
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.o.URL, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("reach the webhook: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "stocktrace")
	resp, err := r.client.Do(req)
	if err != nil {
		// The address may hold a secret: only the reason is said.
		var urlErr *url.Error
		if errors.As(err, &urlErr) {
			err = urlErr.Err
		}
		return fmt.Errorf("reach the webhook: %w", err)
	}
	defer resp.Body.Close()
	// Read a little, so that the connection can be used again.
	_, _ = io.CopyN(io.Discard, resp.Body, 4096)
	if resp.StatusCode/100 == 2 {
		return nil
	}
	refused := &Refused{Status: resp.StatusCode, After: r.retryAfter(resp.Header.Get("Retry-After"))}
	if refused.After > 0 {
		return limited{refused}
	}
	return refused
}

// maxRetryAfter bounds what a receiver may ask for: it must not silence us by a
// slip in a date.
const maxRetryAfter = time.Hour

func (r *Receiver) retryAfter(value string) time.Duration {
	if seconds, err := strconv.Atoi(value); err == nil {
		return min(time.Duration(max(seconds, 0))*time.Second, maxRetryAfter)
	}
	if at, err := http.ParseTime(value); err == nil {
		now := time.Now()
		if r.o.Wall != nil {
			now = r.o.Wall.Now()
		}
		return min(max(at.Sub(now), 0), maxRetryAfter)
	}
	return 0
}

// notification is Alertmanager's webhook payload.
type notification struct {
	Version           string            `json:"version"`
	GroupKey          string            `json:"groupKey"`
	TruncatedAlerts   int               `json:"truncatedAlerts"`
	Status            string            `json:"status"`
	Receiver          string            `json:"receiver"`
	GroupLabels       map[string]string `json:"groupLabels"`
	CommonLabels      map[string]string `json:"commonLabels"`
	CommonAnnotations map[string]string `json:"commonAnnotations"`
	ExternalURL       string            `json:"externalURL"`
	Alerts            []alert           `json:"alerts"`
}

type alert struct {
	Status       string            `json:"status"`
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"` // 0001-01-01 while firing
	GeneratorURL string            `json:"generatorURL"`
	Fingerprint  string            `json:"fingerprint"`
}

// payload is an incident as a group of one alert. Labels do not change over the
// incident's life, save for severity, which is none of the identity.
func payload(m *alerts.Message, publicURL string) notification {
	labels := map[string]string{"alertname": name(m.Labels)}
	maps.Copy(labels, m.Labels)
	annotations := map[string]string{"summary": m.Title, "description": m.Lead}
	put := func(key, value string) {
		if value != "" {
			annotations[key] = value
		}
	}
	put("runbook_url", m.Runbook)
	put("action", m.Action)
	put("promise", m.Burn)
	put("inside", strings.Join(m.Groups, "; "))
	for _, f := range m.Facts {
		put(strings.ReplaceAll(strings.ToLower(f.Name), " ", "_"), f.Value)
	}
	var examples []string
	for _, e := range m.Examples {
		examples = append(examples, strings.TrimSpace(e.Text+" "+e.URL))
	}
	put("examples", strings.Join(examples, "; "))
	id := map[string]string{"incident": m.IncidentID}
	return notification{
		Version: "4", GroupKey: fmt.Sprintf("{}:{incident=%q}", m.IncidentID), Status: string(m.State), Receiver: "stocktrace",
		GroupLabels: id, CommonLabels: labels, CommonAnnotations: annotations, ExternalURL: publicURL,
		Alerts: []alert{{
			Status: string(m.State), Labels: labels, Annotations: annotations,
			StartsAt: m.OpenedAt.UTC(), EndsAt: m.ClosedAt.UTC(), GeneratorURL: m.Link, Fingerprint: fingerprint(id),
		}},
	}
}

func name(labels map[string]string) string {
	if kind := labels["kind"]; kind != "" {
		return kind
	}
	return "budget_burn"
}

// fingerprint identifies the alert; 16 hex digits as Alertmanager's.
func fingerprint(labels map[string]string) string {
	h := sha256.New()
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		fmt.Fprintf(h, "%s\xff%s\xff", key, labels[key])
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}
