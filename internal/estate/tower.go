package estate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Tower reads what an instance says, through its public API.
type Tower struct {
	// Server is the instance's base URL, Token its --auth-token where it has one.
	Server, Token string
	// HTTP is the client used; nil is one with a timeout of ten minutes.
	HTTP *http.Client
}

// Observe lists all lifecycles and all findings, disproved ones included.
func (t *Tower) Observe(ctx context.Context) (Observed, error) {
	lifecycles, err := export[ObservedLifecycle](ctx, t, "lifecycles", nil)
	if err != nil {
		return Observed{}, err
	}
	// Books are listed where they are asked for.
	for _, book := range append([]string{workflowPostingDay}, books...) {
		told, err := export[ObservedLifecycle](ctx, t, "lifecycles", url.Values{"workflow": {book}})
		if err != nil {
			return Observed{}, err
		}
		lifecycles = append(lifecycles, told...)
	}
	findings, err := export[ObservedFinding](ctx, t, "findings", url.Values{"state": {"any"}})
	if err != nil {
		return Observed{}, err
	}
	return Observed{lifecycles, findings}, nil
}

// export reads everything a question of the API selects, line by line.
func export[T any](ctx context.Context, t *Tower, what string, query url.Values) ([]T, error) {
	address, err := endpoint(t.Server, "/api/v1/export/"+what)
	if err != nil {
		return nil, fmt.Errorf("export %s: %w", what, err)
	}
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	var all []T
	err = t.get(ctx, address, func(lines *json.Decoder) error {
		for lines.More() {
			var one T
			if err := lines.Decode(&one); err != nil {
				return err
			}
			all = append(all, one)
		}
		_, err := lines.Token() // an answer that was broken off is not whole
		if errors.Is(err, io.EOF) {
			return nil
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("export %s: %w", what, err)
	}
	return all, nil
}

func (t *Tower) get(ctx context.Context, address string, read func(*json.Decoder) error) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Accept", "application/x-ndjson")
	if t.Token != "" {
		request.Header.Set("Authorization", "Bearer "+t.Token)
	}
	client := t.HTTP
	if client == nil {
		client = &http.Client{Timeout: 10 * time.Minute}
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		b, _ := io.ReadAll(io.LimitReader(response.Body, 500)) // what it says besides the status is a courtesy
		return fmt.Errorf("%s answered %s: %s", address, response.Status, strings.TrimSpace(string(b)))
	}
	if err := read(json.NewDecoder(response.Body)); err != nil {
		return fmt.Errorf("read answer of %s: %w", address, err)
	}
	return nil
}
