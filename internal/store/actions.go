package store

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/queries"
	"github.com/stocktrace/stocktrace/web"
)

// actionRow is what a person did, with when it was received.
type actionRow struct {
	*inventory.Action
	received time.Time
}

func newActionAppender(into inserter) *appender[actionRow] {
	type row = actionRow
	return &appender[row]{
		insert:  queries.Get("insert_actions"),
		into:    into,
		compare: func(a, b *row) int { return cmp.Or(a.received.Compare(b.received), strings.Compare(a.ID, b.ID)) },
		columns: []column[row]{
			text("id", func(r *row) string { return r.ID }),
			instants("received_at", func(r *row) time.Time { return r.received }),
			text("batch", func(r *row) string { return r.Batch }),
			text("filter", func(r *row) string { return r.Filter }),
			few("verb", func(r *row) string { return string(r.Verb) }),
			few("by", func(r *row) string { return r.By }),
			few("via", func(r *row) string { return r.Via }),
			text("about", func(r *row) string { return keyOrNone(r.About) }),
			text("merged_with", func(r *row) string { return keyOrNone(r.With) }),
			text("lifecycle_id", func(r *row) string { return r.Lifecycle }),
			text("finding_id", func(r *row) string { return r.Finding }),
			text("assignee", func(r *row) string { return r.Assignee }),
			text("ticket", func(r *row) string { return r.Ticket }),
			few("resolution", func(r *row) string { return string(r.Resolution) }),
			text("note", func(r *row) string { return r.Note }),
			texts("records", func(r *row) []string { return r.Records }),
			text("undoes", func(r *row) string { return r.Undoes }),
		},
	}
}

func keyOrNone(k inventory.ScopedKey) string {
	if k.IsZero() {
		return ""
	}
	return k.String()
}

var webActionsQuery = queries.Get("web_actions")

// Actions implements web.Reader.
func (p Pages) Actions(ctx context.Context, q web.ActionQuery) ([]web.Action, error) {
	var list []web.Action
	params := Params{
		"id": q.ID, "keys": keyStrings(q.About), "finding": q.Finding, "by": q.By, "batch": q.Batch, "verbs": names(q.Verbs),
		"top": flag(q.Page.After.IsZero()), "after_at": q.Page.After.At, "after_id": q.Page.After.ID, "limit": q.Page.Limit,
	}
	err := p.store.Each(ctx, webActionsQuery, params, func(scan func(...any) error) error {
		var (
			a                             web.Action
			verb, about, with, resolution string
			undone                        uint8
		)
		if err := scan(&a.ID, &a.At, &a.Batch, &a.Filter, &verb, &a.By, &a.Via, &about, &with, &a.Lifecycle, &a.Finding,
			&a.Assignee, &a.Ticket, &resolution, &a.Note, &a.Records, &a.Undoes, &undone); err != nil {
			return err
		}
		a.At, a.Verb, a.Resolution, a.Undone = instant(a.At), inventory.Verb(verb), inventory.Resolution(resolution), undone != 0
		for text, key := range map[string]*inventory.ScopedKey{about: &a.About, with: &a.With} {
			if text == "" {
				continue
			}
			var err error
			if *key, err = scopedKey(text); err != nil {
				return fmt.Errorf("action %q: %w", a.ID, err)
			}
		}
		if len(a.Records) == 0 {
			a.Records = nil
		}
		list = append(list, a)
		return nil
	})
	return list, asked(err)
}
