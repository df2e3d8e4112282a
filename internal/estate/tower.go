package estate

import (
	"context"
	"encoding/json"
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
	// HTTP is the client used; nil is one with a timeout of a minute.
	HTTP *http.Client
}

// Observe lists all lifecycles and all findings, disproved ones included.
func (t *Tower) Observe(ctx context.Context) (Observed, error) {
	lifecycles, err := list[ObservedLifecycle](ctx, t, "lifecycles", nil)
	if err != nil {
		return Observed{}, err
	}
	// Books are listed where they are asked for.
	days, err := list[ObservedLifecycle](ctx, t, "lifecycles", url.Values{"workflow": {workflowPostingDay}})
	if err != nil {
		return Observed{}, err
	}
	lifecycles = append(lifecycles, days...)
	findings, err := list[ObservedFinding](ctx, t, "findings", url.Values{"state": {"any"}})
	if err != nil {
		return Observed{}, err
	}
	return Observed{lifecycles, findings}, nil
}

// list reads every page of a list.
func list[T any](ctx context.Context, t *Tower, what string, query url.Values) ([]T, error) {
	base, err := endpoint(t.Server, "/api/v1/"+what)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", what, err)
	}
	var all []T
	cursor := ""
	for {
		q := url.Values{"limit": {"1000"}}
		for name, values := range query {
			q[name] = values
		}
		if cursor != "" {
			q.Set("cursor", cursor)
		}
		var page struct {
			Items []T    `json:"items"`
			Next  string `json:"next"`
		}
		if err := t.get(ctx, base+"?"+q.Encode(), &page); err != nil {
			return nil, fmt.Errorf("list %s: %w", what, err)
		}
		all = append(all, page.Items...)
		if page.Next == "" {
			return all, nil
		}
		if page.Next == cursor {
			return nil, fmt.Errorf("list %s: the cursor %q does not move", what, cursor)
		}
		cursor = page.Next
	}
}

func (t *Tower) get(ctx context.Context, address string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Accept", "application/json")
	if t.Token != "" {
		request.Header.Set("Authorization", "Bearer "+t.Token)
	}
	client := t.HTTP
	if client == nil {
		client = &http.Client{Timeout: time.Minute}
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
	if err := json.NewDecoder(response.Body).Decode(into); err != nil {
		return fmt.Errorf("read answer of %s: %w", address, err)
	}
	return nil
}
