package web

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/a-h/templ"

	"github.com/stocktrace/stocktrace/alerts"
	"github.com/stocktrace/stocktrace/inventory"
)

// flowWindow is the time over which the system flow counts.
const flowWindow = time.Hour

// towerData is what the tower shows. Each part fails by itself: an SLO that
// cannot be computed hides no incident.
type towerData struct {
	Promises     []promise
	PromisesErr  error
	Flow         flow
	FlowErr      error
	Sources      []Source
	Incidents    []alerts.Message // newest first
	IncidentsErr error
	Groups       []Group
	GroupsErr    error
	AsOf         time.Time
}

// Empty reports that nothing has ever arrived.
func (d *towerData) Empty() bool { return d.FlowErr == nil && len(d.Sources) == 0 }

func (s *Server) tower(v *view, r *http.Request) (templ.Component, error) {
	v.Title, v.Section = "Tower", "tower"
	d, err := once(r.Context(), s.shared, "tower", s.askTower)
	if err != nil {
		return nil, err
	}
	return towerPage(v, d), nil
}

func (s *Server) askTower(ctx context.Context) (*towerData, error) {
	now := s.Clock.Now()
	d := &towerData{AsOf: now}
	var hops []Hop
	var hopErr error
	var all sync.WaitGroup
	all.Go(func() { d.Promises, d.PromisesErr = s.promises(ctx) })
	w := shownWorkflow(s.Workflows)
	all.Go(func() {
		if w != nil {
			hops, hopErr = s.Reader.Hops(ctx, w.Name, now.Add(-flowWindow), now)
		}
	})
	all.Go(func() { d.Sources, d.FlowErr = s.Reader.Sources(ctx, now.Add(-flowWindow), now) })
	all.Go(func() { d.Incidents, d.IncidentsErr = s.incidents(ctx, now.Add(-24*time.Hour), 5) })
	all.Go(func() {
		d.Groups, d.GroupsErr = s.Reader.Groups(ctx, FindingQuery{State: OpenFindings, Page: Page{Limit: 5}})
	})
	all.Wait()
	if d.FlowErr == nil {
		d.FlowErr = hopErr
	}
	for _, err := range []error{d.PromisesErr, d.FlowErr, d.IncidentsErr, d.GroupsErr} {
		if err != nil {
			s.Log.ErrorContext(ctx, "part of the tower failed", "error", err)
		}
	}
	d.Flow = layFlow(w, hops, d.Sources)
	return d, nil
}

// headline counts promises met. One without data is not counted as broken.
func (d *towerData) headline() (title, under string) {
	kept, known := 0, 0
	for i := range d.Promises {
		met, ok := d.Promises[i].met()
		if ok {
			known++
		}
		if met {
			kept++
		}
	}
	switch {
	case len(d.Promises) == 0:
		return "No promises declared", "An objective file says what is promised; see docs/slo.md."
	case known == 0:
		return "No promise is due yet", "A sale counts when its deadline has passed."
	case known == 1 && kept == 1:
		return "The promise is kept", d.Promises[0].Sentence
	case known == 1:
		return "The promise is broken", d.Promises[0].Sentence
	default:
		return count(kept) + " of " + count(known) + " promises kept", ""
	}
}

// incidents returns the newest incidents in words, the firing ones first.
func (s *Server) incidents(ctx context.Context, since time.Time, limit int) ([]alerts.Message, error) {
	list, err := s.Incidents(ctx, since)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(list, func(a, b alerts.Incident) int {
		if a.State != b.State {
			return cmp.Compare(a.State, b.State) // firing before resolved
		}
		return b.OpenedAt.Compare(a.OpenedAt)
	})
	messages := make([]alerts.Message, 0, min(limit, len(list)))
	for i := range list[:min(limit, len(list))] {
		messages = append(messages, alerts.Compose(&list[i], ""))
	}
	return messages, nil
}

// flow is the systems in the order goods' news passes them, laid out in columns
// of systems with the hops between.
type flow struct {
	Rows  int
	Cols  int
	Cells []flowCell // in reading order
}

// flowCell is a system or the hop that leads to it.
type flowCell struct {
	Col, Row, Span int
	System         *Source    // of a node
	Name           string     // of a node: system
	Inner          []flowStep // of a node: steps within the system
	Hop            *flowStep  // of an edge
}

// flowStep is a step with what the workflow promises of it.
type flowStep struct {
	Hop
	Title string
}

// shownWorkflow is the one whose way the tower draws: the sale, which most of what
// happens is, else the first declared; nil where none is.
func shownWorkflow(workflows []*inventory.Workflow) *inventory.Workflow {
	for _, w := range workflows {
		if w.Name == "sale" {
			return w
		}
	}
	if len(workflows) == 0 {
		return nil
	}
	return workflows[0]
}

// layFlow lays out the steps of a workflow. Systems nobody declared, but which
// send, are listed with the sources.
func layFlow(w *inventory.Workflow, hops []Hop, sources []Source) flow {
	if w == nil {
		return flow{}
	}
	bySystem := map[string]*Source{}
	for i := range sources {
		bySystem[sources[i].System] = &sources[i]
	}
	byStep := map[inventory.StepRef]Hop{}
	for _, h := range hops {
		byStep[inventory.StepRef{System: h.System, Step: h.Step}] = h
	}

	// A system's rank is its distance from the anchor's.
	rank := map[string]int{}
	var order []string
	for _, st := range w.Steps {
		r := 0
		for _, after := range st.After {
			if after.System != st.System {
				r = max(r, rank[after.System]+1)
			}
		}
		if _, ok := rank[st.System]; !ok {
			order = append(order, st.System)
			rank[st.System] = r
		}
	}
	columns := 0
	perRank := map[int][]string{}
	for _, system := range order {
		perRank[rank[system]] = append(perRank[rank[system]], system)
		columns = max(columns, rank[system]+1)
	}
	f := flow{Cols: 2*columns - 1}
	for _, systems := range perRank {
		f.Rows = max(f.Rows, len(systems))
	}

	for r := range columns {
		for i, system := range perRank[r] {
			row, span := i+1, 1
			if i == len(perRank[r])-1 {
				span = f.Rows - i
			}
			node := flowCell{Col: 2*r + 1, Row: row, Span: span, System: bySystem[system], Name: system}
			var edge *flowCell
			for _, st := range w.Steps {
				if st.System != system {
					continue
				}
				hop := byStep[st.StepRef]
				hop.System, hop.Step = st.System, st.Step
				if limit, ok := st.DeadlineFor(inventory.PostingRealtime); ok {
					hop.Limit = limit
				}
				step := flowStep{Hop: hop, Title: st.Title}
				enters := slices.ContainsFunc(st.After, func(a inventory.StepRef) bool { return a.System != system })
				if enters && edge == nil {
					edge = &flowCell{Col: 2 * r, Row: row, Span: span, Hop: &step}
				} else {
					node.Inner = append(node.Inner, step)
				}
			}
			if edge != nil {
				f.Cells = append(f.Cells, *edge)
			}
			f.Cells = append(f.Cells, node)
		}
	}
	return f
}

// hopTime writes a time measured over n lifecycles: none means nothing is known.
func hopTime(d time.Duration, n int) string {
	if n == 0 {
		return dash
	}
	return duration(d)
}

func incidentTone(m alerts.Message) tone {
	if m.State != alerts.Firing {
		return toneGood
	}
	return severityTone(m.Severity)
}

// groupPath leads to a cause; one with a single member is its lifecycle.
func groupPath(g Group) string {
	if g.Count == 1 && g.LifecycleID != "" {
		return tracePath(g.LifecycleID)
	}
	return link("/findings", "group", g.ID)
}

// groupWhere says where a cause is: hop, what is special, which stores.
func groupWhere(g Group) string {
	s := hopName(g.System, g.Step)
	if g.Value != "" {
		s += " · " + g.Value
	} else if g.ErrorCode != "" {
		s += " · " + words(g.ErrorCode)
	}
	switch {
	case g.Location != "":
		s += " · store " + g.Location
	case g.Locations > 1:
		s += " · " + many(g.Locations, "store", "stores")
	}
	return s
}

// collectorSnippet is what to add to a Collector's configuration.
const collectorSnippet = `exporters:
  otlp/stocktrace:
    endpoint: 127.0.0.1:4317
    tls:
      insecure: true
service:
  pipelines:
    traces: {exporters: [otlp/stocktrace]}`

func curlSnippet(v *view) string {
	base := orElse(v.server.PublicURL, "http://127.0.0.1:8080")
	return `curl ` + base + `/v1/events \
-H 'Content-Type: application/cloudevents+json' \
-d '{"specversion":"1.0",
 "id":"778","source":"/pos/0123/04",
 "type":"inventory.sale.completed",
 "time":"` + v.Now.UTC().Format(time.RFC3339) + `",
 "data":{"workflow":"sale",
  "step":"completed","system":"pos",
  "location":"0123","register":"04",
  "keys":{"receipt":"0123-04-000778"},
  "lines":[{"line":"1",
   "item":"4006381333931",
   "quantity":"-2","uom":"EA"}]}}'`
}
