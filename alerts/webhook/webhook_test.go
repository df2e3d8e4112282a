package webhook_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stocktrace/stocktrace/alerts"
	"github.com/stocktrace/stocktrace/alerts/alertstest"
	"github.com/stocktrace/stocktrace/alerts/webhook"
	"github.com/stocktrace/stocktrace/slo"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func receiver(t *testing.T, url string) *webhook.Receiver {
	t.Helper()
	r, err := webhook.New(webhook.Options{URL: url, PublicURL: "https://tower.example", Wall: alertstest.NewClock(alertstest.Noon)})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// What goes over the wire, as Alertmanager would send it.
func TestGolden(t *testing.T) {
	missing := alertstest.MissingInERP(t, 4000)
	rules := alerts.DefaultRules()
	open := alerts.Advance(&rules, nil, []alerts.Cluster{missing}, []slo.Result{alertstest.Burning(alertstest.Because(missing, 2900))}, alertstest.Noon)[0]
	burn := alerts.Advance(&rules, nil, nil, []slo.Result{alertstest.Burning()}, alertstest.Noon)[0]
	over := open
	over.State, over.ClosedAt, over.Peak = alerts.Resolved, alertstest.Noon.Add(47*time.Minute), 4000
	for name, incident := range map[string]alerts.Incident{"missing": open, "burn": burn, "over": over} {
		t.Run(name, func(t *testing.T) {
			var got bytes.Buffer
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				raw, err := io.ReadAll(r.Body)
				if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
					t.Errorf("%s with %s: %v", r.Method, r.Header.Get("Content-Type"), err)
				}
				if err := json.Indent(&got, raw, "", "  "); err != nil {
					t.Error(err)
				}
				got.WriteByte('\n')
			}))
			defer server.Close()
			if _, err := receiver(t, server.URL).Post(t.Context(), alerts.Compose(&incident, "https://tower.example")); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", name+".json")
			if *update {
				if err := os.WriteFile(file, got.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", file, diff)
			}
		})
	}
}

// The end is told about the same alert: same group, same fingerprint.
func TestIdentityDoesNotChange(t *testing.T) {
	identity := func(name string) (id struct {
		GroupKey string
		Alerts   []struct{ Fingerprint string }
	},
	) {
		raw, err := os.ReadFile(filepath.Join("testdata", name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(raw, &id); err != nil {
			t.Fatal(err)
		}
		return id
	}
	if diff := cmp.Diff(identity("missing"), identity("over")); diff != "" {
		t.Errorf("firing and resolved differ (-firing +resolved):\n%s", diff)
	}
}

func TestAnswers(t *testing.T) {
	for name, test := range map[string]struct {
		status     int
		retryAfter string
		wait       time.Duration // 0: no time was given
		ok         bool
	}{
		"taken":               {status: 202, ok: true},
		"down":                {status: 503},
		"back in a minute":    {status: 503, retryAfter: "60", wait: time.Minute},
		"too many":            {status: 429, retryAfter: alertstest.Noon.Add(90 * time.Second).Format(http.TimeFormat), wait: 90 * time.Second},
		"back next year":      {status: 429, retryAfter: "31536000", wait: time.Hour},
		"nonsense":            {status: 429, retryAfter: "soon"},
		"refused":             {status: 400},
		"redirected to a GET": {status: 302},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodPost {
					w.WriteHeader(http.StatusOK)
					return
				}
				if test.retryAfter != "" {
					w.Header().Set("Retry-After", test.retryAfter)
				}
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(test.status)
			}))
			defer server.Close()
			err := receiver(t, server.URL).Update(t.Context(), alerts.Ref{}, alerts.Message{})
			if (err == nil) != test.ok {
				t.Fatalf("error is %v", err)
			}
			var limited interface{ RetryAfter() time.Duration }
			wait := time.Duration(0)
			if errors.As(err, &limited) {
				wait = limited.RetryAfter()
			}
			if wait != test.wait {
				t.Errorf("to come back after %v, want %v", wait, test.wait)
			}
		})
	}
}

func TestErrorsKeepTheAddressSecret(t *testing.T) {
	_, err := receiver(t, "http://user:hunter2@127.0.0.1:1/hooks/T0PS3CRET").Post(t.Context(), alerts.Message{})
	if err == nil || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "T0PS3CRET") {
		t.Errorf("error is %v", err)
	}
	for _, url := range []string{"", "tower.example/hook", "ftp://tower.example", "http://"} {
		if _, err := webhook.New(webhook.Options{URL: url}); err == nil {
			t.Errorf("%q is taken as an address", url)
		}
	}
}
