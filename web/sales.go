package web

import (
	"context"
	"net/http"
	"strings"

	"github.com/a-h/templ"

	"github.com/stocktrace/stocktrace/inventory"
)

// salesData is the list of lifecycles.
type salesData struct {
	Query       LifecycleQuery
	Facets      Facets
	Verdict     string // as filtered: one, or a named set
	List        []inventory.Lifecycle
	First, Next string
}

func (s *Server) sales(v *view, r *http.Request) (templ.Component, error) {
	v.Title, v.Section = "Sales", "sales"
	values := r.URL.Query()
	q, err := lifecycleQuery(values)
	if err != nil {
		return nil, err
	}
	d := salesData{Query: q, Verdict: strings.Join(values["verdict"], ",")}
	if d.Facets, err = once(r.Context(), s.shared, "facets", s.Reader.Facets); err != nil {
		return nil, err
	}
	q.Page.Limit = pageRows + 1
	d.List, err = once(r.Context(), s.shared, r.URL.RequestURI(), func(ctx context.Context) ([]inventory.Lifecycle, error) {
		return s.Reader.Lifecycles(ctx, q)
	})
	if err != nil {
		return nil, err
	}
	if len(d.List) > pageRows {
		d.List = d.List[:pageRows]
		last := d.List[pageRows-1]
		d.Next = withParameter(r.URL, "cursor", encodeCursor(Cursor{last.StartedAt, last.ID}))
	}
	if !q.Page.After.IsZero() {
		d.First = withParameter(r.URL, "cursor", "")
	}
	return salesPage(v, d), nil
}

func (d salesData) filtered() bool {
	q := d.Query
	return d.Verdict != "" || q.Location != "" || q.Region != "" || q.BusinessDate != "" || q.Item != "" || q.Register != "" ||
		q.Workflow != "" || q.Owner != "" || len(q.Findings) > 0 || q.Key != "" || !q.From.IsZero() || !q.To.IsZero()
}

// verdictOptions are what the verdict filter offers: sets first.
func verdictOptions() []string {
	options := []string{wrongVerdicts, postedVerdicts}
	for _, v := range inventory.Verdicts {
		options = append(options, string(v))
	}
	return options
}

// sayVerdicts labels an option of the verdict filter.
func sayVerdicts(s string) string {
	switch s {
	case wrongVerdicts:
		return "Wrong"
	case postedVerdicts:
		return "Posted"
	}
	parts := strings.Split(s, ",")
	for i, p := range parts {
		parts[i] = verdictLabel(inventory.Verdict(p))
	}
	return strings.Join(parts, ", ")
}
