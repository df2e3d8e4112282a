package web

import (
	"context"
	"net/http"
	"net/url"
	"slices"

	"github.com/a-h/templ"

	"github.com/stocktrace/stocktrace/inventory"
)

// pageRows is how many rows a list on a page has.
const pageRows = 50

// findingsData is the findings page: causes, or the members of one.
type findingsData struct {
	Query   FindingQuery
	Facets  Facets
	Groups  []Group
	Group   *Group // the one whose members are shown
	Members []Finding
	Names   map[string]string // receipts of the members' lifecycles
	First   string            // links to other windows of the members
	Next    string
	Cut     bool // there are more causes
}

// findings shows causes first; with group= the members of one.
func (s *Server) findings(v *view, r *http.Request) (templ.Component, error) {
	v.Title, v.Section = "Findings", "findings"
	values := r.URL.Query()
	q, err := findingQuery(values)
	if err != nil {
		return nil, err
	}
	if !values.Has("state") && q.Group == "" {
		q.State = OpenFindings
	}
	d := findingsData{Query: q}
	if d.Facets, err = once(r.Context(), s.shared, "facets", s.Reader.Facets); err != nil {
		return nil, err
	}
	if q.Group == "" {
		q.Page.Limit = pageRows + 1
		d.Groups, err = once(r.Context(), s.shared, r.URL.RequestURI(), func(ctx context.Context) ([]Group, error) {
			return s.Reader.Groups(ctx, q)
		})
		if err != nil {
			return nil, err
		}
		if len(d.Groups) > pageRows {
			d.Groups, d.Cut = d.Groups[:pageRows], true
		}
		return findingsPage(v, d), nil
	}

	groups, err := s.Reader.Groups(r.Context(), FindingQuery{Group: q.Group, State: AnyFindings, Page: Page{Limit: 1}})
	if err != nil {
		return nil, err
	}
	if len(groups) == 0 {
		return nil, ErrNotFound
	}
	d.Group = &groups[0]
	v.Title = d.Group.Title
	q.Page.Limit = pageRows + 1
	if d.Members, err = s.Reader.Findings(r.Context(), q); err != nil {
		return nil, err
	}
	if len(d.Members) > pageRows {
		d.Members = d.Members[:pageRows]
		last := d.Members[pageRows-1]
		d.Next = withParameter(r.URL, "cursor", encodeCursor(Cursor{last.OpenedAt, last.ID}))
	}
	var ids []string
	for _, f := range d.Members {
		if f.LifecycleID != "" {
			ids = append(ids, f.LifecycleID)
		}
	}
	keys, err := s.Reader.Keys(r.Context(), ids)
	if err != nil {
		return nil, err
	}
	d.Names = make(map[string]string, len(keys))
	for id, list := range keys {
		d.Names[id] = printedReceipt(list)
	}
	if !q.Page.After.IsZero() {
		d.First = withParameter(r.URL, "cursor", "")
	}
	return membersPage(v, d), nil
}

// withParameter is the same address with one parameter set, or removed.
func withParameter(u *url.URL, name, value string) string {
	q := u.Query()
	if value == "" {
		q.Del(name)
	} else {
		q.Set(name, value)
	}
	if len(q) == 0 {
		return u.Path
	}
	return u.Path + "?" + q.Encode()
}

// state is the value of the state filter.
func (d findingsData) state() string {
	if d.Query.State == ListedFindings {
		return "all"
	}
	return string(d.Query.State)
}

// filtered reports whether anything but the state narrows the list.
func (d findingsData) filtered() bool {
	q := d.Query
	return len(q.Kinds) > 0 || q.Cause != "" || q.Severity != "" || q.Owner != "" || q.System != "" || q.Step != "" ||
		q.Location != "" || q.Region != "" || q.MappingVersion != ""
}

func firstKind(kinds []inventory.Kind) string {
	if len(kinds) == 0 {
		return ""
	}
	return string(kinds[0])
}

func kindNames(kinds []inventory.Kind) []string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = string(k)
	}
	slices.Sort(names)
	return names
}

// self is said where an option is its own label.
func self(s string) string { return s }

// seenOf says how many of a cause's open members somebody looks after.
func seenOf(g Group) string {
	switch g.Acknowledged {
	case 0:
		return ""
	case g.Open:
		return " · acknowledged"
	default:
		return " · " + count(g.Acknowledged) + " acknowledged"
	}
}

func groupTone(g Group) tone {
	if g.Open == 0 {
		return toneMute
	}
	return severityTone(g.Severity)
}

// membersPath leads to the members of a cause, as filtered here.
func membersPath(d findingsData, g Group) string {
	q := d.Query
	return link("/findings", "group", g.ID, "state", d.state(), "system", q.System, "region", q.Region,
		"location", q.Location, "owner", q.Owner)
}

// csvPath is where the list of this page can be had as a file.
func csvPath(v *view, path string) string {
	q := v.URL.Query()
	q.Del("cursor")
	if q.Get("state") == "all" {
		q.Del("state")
	} else if path == "/api/v1/findings" && !q.Has("state") {
		q.Set("state", string(OpenFindings))
	}
	q.Set("format", "csv")
	q.Set("limit", "1000")
	for name, values := range q {
		if len(values) == 0 || values[0] == "" {
			q.Del(name)
		}
	}
	return path + "?" + q.Encode()
}
