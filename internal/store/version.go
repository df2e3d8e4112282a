package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// MinVersion is the oldest ClickHouse the schema and the statements work with: a
// release that was supported for a year, and has everything they use.
const MinVersion = "24.8"

// ErrServerTooOld is returned by [CheckVersion] for a server older than
// [MinVersion]. Its message names both versions and what to do.
var ErrServerTooOld = errors.New("the ClickHouse server is too old")

// CheckVersion asks a server, over its HTTP interface, for its version and
// refuses one older than [MinVersion]. It does so without clickhouse-go, whose
// first request a server from before 2023 answers with "Unknown setting" or
// "Unknown function".
func CheckVersion(ctx context.Context, o *clickhouse.Options) error {
	version, err := serverVersion(ctx, o)
	if err != nil {
		return fmt.Errorf("ask ClickHouse for its version: %w", err)
	}
	older, err := olderThan(version, MinVersion)
	if err != nil {
		return fmt.Errorf("ask ClickHouse for its version: %w", err)
	}
	if older {
		return fmt.Errorf("%w: it is version %s and stocktrace needs %s or newer; upgrade the server, or run without a ClickHouse DSN to use the embedded engine",
			ErrServerTooOld, version, MinVersion)
	}
	return nil
}

// serverVersion is the version of the first server of o that answers.
func serverVersion(ctx context.Context, o *clickhouse.Options) (string, error) {
	client, err := httpClient(o)
	if err != nil {
		return "", err
	}
	defer client.CloseIdleConnections()
	scheme := "http"
	if o.TLS != nil {
		scheme = "https"
	}
	var errs []error
	for _, addr := range o.Addr {
		u := url.URL{Scheme: scheme, Host: addr, Path: "/" + strings.TrimPrefix(o.HttpUrlPath, "/")}
		version, err := askVersion(ctx, client, u.String(), o)
		if err == nil {
			return version, nil
		}
		errs = append(errs, err)
	}
	if len(errs) == 0 {
		return "", errors.New("no server given")
	}
	return "", errors.Join(errs...)
}

func httpClient(o *clickhouse.Options) (*http.Client, error) {
	transport := &http.Transport{
		Proxy:           http.ProxyFromEnvironment,
		DialContext:     (&net.Dialer{Timeout: o.DialTimeout}).DialContext,
		TLSClientConfig: o.TLS,
	}
	if o.HTTPProxyURL != nil {
		transport.Proxy = http.ProxyURL(o.HTTPProxyURL)
	}
	if o.DialContext != nil {
		transport.DialContext = func(ctx context.Context, _, addr string) (net.Conn, error) { return o.DialContext(ctx, addr) }
	}
	if o.TransportFunc == nil {
		return &http.Client{Transport: transport}, nil
	}
	t, err := o.TransportFunc(transport)
	if err != nil {
		return nil, err
	}
	return &http.Client{Transport: t}, nil
}

func askVersion(ctx context.Context, client *http.Client, address string, o *clickhouse.Options) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader("SELECT version()"))
	if err != nil {
		return "", err
	}
	for k, v := range o.HttpHeaders {
		r.Header.Set(k, v)
	}
	if o.Auth.Username != "" {
		r.SetBasicAuth(o.Auth.Username, o.Auth.Password)
	}
	response, err := client.Do(r)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 4096))
	if err != nil {
		return "", err
	}
	text := strings.TrimSpace(string(body))
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s answered %s: %s", address, response.Status, text)
	}
	return text, nil
}

// olderThan compares the year and the number of two releases, which is what a
// version of ClickHouse begins with.
func olderThan(version, than string) (bool, error) {
	v, err := release(version)
	if err != nil {
		return false, err
	}
	t, err := release(than)
	if err != nil {
		return false, err
	}
	return v[0] < t[0] || v[0] == t[0] && v[1] < t[1], nil
}

func release(version string) (r [2]int, err error) {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return r, fmt.Errorf("%q is not a version of ClickHouse", version)
	}
	for i := range r {
		if r[i], err = strconv.Atoi(parts[i]); err != nil {
			return r, fmt.Errorf("%q is not a version of ClickHouse", version)
		}
	}
	return r, nil
}
