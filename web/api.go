package web

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// Limits of a list: how many items it has where none is asked for, and at most.
const (
	defaultLimit = 100
	maxLimit     = 1000
)

// endpoint is a question the API answers. The table of them both routes requests
// and describes itself as OpenAPI, so that the two cannot differ.
type endpoint struct {
	path    string // as in the mux, after /api/v1
	name    string // operationId
	summary string
	params  []parameter
	answer  answerFunc
	item    any // what the answer is, or what its list is of
	listed  bool
	sheet   bool             // one answer that can be had as CSV
	raw     http.HandlerFunc // answers with bytes instead
	// export answers with everything a request selects, as lines.
	export func(url.Values) (exportFunc, error)
	deed   deedFunc // does something: POST
	body   []string // fields of the deed it takes besides by and id
}

// parameter is one a question takes.
type parameter struct {
	name, doc string
	values    []string // what it may be; empty: anything
	several   bool     // may be given repeatedly, or with commas
	kind      string   // integer, date, date-time; empty: string
	inPath    bool
}

func (s *Server) endpoints() []endpoint {
	window := []parameter{
		{name: "limit", kind: "integer", doc: "How many items, 100 where not given, at most 1000."},
		{name: "cursor", doc: "next of the list before, as it is. A list walked with cursors neither repeats nor skips what was there at its beginning, while data arrives."},
		{name: "format", values: []string{"json", "csv"}, doc: "csv where a link cannot set Accept: text/csv."},
	}
	with := func(params ...parameter) []parameter { return append(params, window...) }
	place := []parameter{
		{name: "location", doc: "Store, plant or hub, padded or not."},
		{name: "region", doc: "Region as declared with the location."},
	}
	findings := append([]parameter{
		{name: "kind", several: true, doc: "Kind of finding, such as missing_step."},
		{name: "cause", doc: "Cause, such as mapping_defect."},
		{name: "state", values: []string{"open", "closed", "any"}, doc: "Without it, open and closed ones that were not disproved; any lists those too."},
		{name: "severity", values: []string{"critical", "warning", "info"}},
		{name: "owner", doc: "Who owns the step it is about."},
		{name: "system", doc: "System it is about."},
		{name: "step", doc: "Step it is about: posted, or erp posted."},
		{name: "mapping_version", doc: "Mapping version in force."},
		{name: "group", doc: "Members of this group only."},
		{name: "correlation_id", doc: "Of this lifecycle only."},
		{name: "assignee", doc: "Who it was assigned to."},
	}, place...)
	since := []parameter{
		{name: "from", kind: "date-time", doc: "From this instant on."},
		{name: "to", kind: "date-time", doc: "Before this instant."},
	}
	lifecycles := slices.Concat([]parameter{
		{name: "key", doc: "Any identifier, padded or not, a receipt with or without store and register."},
		{name: "workflow", doc: "Workflow, such as sale."},
		{name: "state", values: []string{"open", "closed", "any"}},
		{name: "verdict", several: true, values: stringsOf(inventory.Verdicts)},
		{name: "register", doc: "Till, padded or not."},
		{name: "business_date", doc: "2026-11-23, or none for those that gave none."},
		{name: "item", doc: "An item one of its lines names, as sent."},
		{name: "finding", several: true, doc: "With an open finding of this kind."},
		{name: "owner", doc: "Owner of the lifecycle."},
		{name: "time", values: []string{"occurred", "received"}, doc: "What from and to bound: the start by its own clock (occurred, where not given), or when its newest record arrived."},
	}, place, since)
	groups := parameter{name: "groups", values: []string{"with", "without"}, doc: "Whether causes stand among their members; with where not given."}
	deeds := s.deeds(findings)
	return append([]endpoint{
		{
			path: "/lifecycles", name: "listLifecycles", summary: "Lifecycles, newest start first.",
			params: with(lifecycles...),
			answer: s.apiLifecycles, item: lifecycleJSON{}, listed: true,
		},
		{
			path: "/lifecycles/{id...}", name: "getLifecycle",
			summary: "One lifecycle. Any key and any former id redirects (307) to where it is now; a number that several carry is answered with their list and status 300.",
			params:  []parameter{{name: "id", inPath: true, doc: "correlation_id, or any key."}},
			answer:  s.apiLifecycle, item: lifecycleJSON{},
		},
		{
			path: "/events/{id}/raw", name: "getRaw",
			summary: "A record as it was received, byte by byte: a CloudEvent as JSON, or one span or log record with its resource and scope as OTLP protobuf.",
			params: []parameter{
				{name: "id", inPath: true, doc: "Record id: source and id with a space between, percent-encoded as one segment."},
				{name: "content", doc: "Content hash, where one id came with several contents (Stocktrace-Contents says how many); the first received otherwise."},
			},
			raw: s.apiRaw,
		},
		{
			path: "/findings", name: "listFindings",
			summary: "Findings, last opened first. A cause with two and more members stands among them as a finding of its own, with an empty correlation_id and their count.",
			params:  with(append(findings, groups)...),
			answer:  s.apiFindings, item: findingJSON{}, listed: true,
		},
		{
			path: "/findings/groups", name: "listGroups", summary: "Findings by cause, worst first. One window; next is always empty.",
			params: with(findings...), answer: s.apiGroups, item: groupJSON{}, listed: true,
		},
		{
			path: "/export/lifecycles", name: "exportLifecycles",
			summary: "Every lifecycle the filter selects, by id, one JSON object a line (NDJSON). An answer that breaks off is not whole.",
			params:  lifecycles, export: s.exportLifecycles, item: lifecycleJSON{},
		},
		{
			path: "/export/findings", name: "exportFindings",
			summary: "Every finding the filter selects, last opened first, one JSON object a line (NDJSON). An answer that breaks off is not whole.",
			params:  append(findings, groups), export: s.exportFindings, item: findingJSON{},
		},
		{
			path: "/store-days", name: "listStoreDays", summary: "Sales by location and business date, newest date first.",
			params: with(append([]parameter{
				{name: "business_date", kind: "date", doc: "This business date only."},
				{name: "from", kind: "date", doc: "From this business date on."},
				{name: "to", kind: "date", doc: "Up to this business date."},
				{name: "wrong", values: []string{"1"}, doc: "Only days with something wrong."},
			}, place...)...),
			answer: s.apiStoreDays, item: storeDayJSON{}, listed: true,
		},
		{
			path: "/objectives", name: "listObjectives", summary: "The promises as they stand, by region and store.",
			params: window[2:], answer: s.apiObjectives, item: objectiveJSON{}, listed: true,
		},
		{
			path: "/objectives/{name}/report", name: "getReport",
			summary: "A promise over one calendar month: attainment, budget left, the worst three causes, units and money at risk, and the change on the month before.",
			params: []parameter{
				{name: "name", inPath: true, doc: "Name of the objective."},
				{name: "month", doc: "2026-11; this month where not given. A month that is not over is counted up to now."},
				window[2],
			},
			answer: s.apiReport, item: reportJSON{}, sheet: true,
		},
		{
			path: "/incidents", name: "listIncidents", summary: "What on-call was told, firing ones first.",
			params: append([]parameter{{name: "from", kind: "date-time", doc: "Those over before are left out; a week ago where not given."}}, window[0], window[2]),
			answer: s.apiIncidents, item: incidentJSON{}, listed: true,
		},
		{
			path: "/metrics", name: "getMetrics", summary: "Numbers with their denominators, over 24 hours where no window is given.",
			params: append([]parameter{{name: "by", values: []string{"step", "system"}, doc: "step where not given."}}, append(since, window[2])...),
			answer: s.apiMetrics, item: []any{stepMetricJSON{}, systemMetricJSON{}}, listed: true,
		},
		{
			path: "/sources", name: "listSources", summary: "Every system ever heard: what it sent over the last hour where no window is given, how late, and which keys it carries.",
			params: []parameter{since[0], since[1], window[2]}, answer: s.apiSources, item: sourceJSON{}, listed: true,
		},
		{
			path: "/sources/heard", name: "listHeard", summary: "Every register, store and system: in how many minutes of the newest hour that is over something of it came, and in how many it usually does.",
			params: []parameter{window[2]}, answer: s.apiHabits, item: habitJSON{}, listed: true,
		},
		{
			path: "/runs", name: "listRuns", summary: "Every scheduled run that is reported: the last start it is reported to have done, and the next one that is expected.",
			params: []parameter{window[2]}, answer: s.apiRuns, item: runJSON{}, listed: true,
		},
		{
			path: "/queues", name: "listQueues", summary: "Every queue whose depth was read, over the last hour where no window is given: how deep it is, and whether anything is taken out.",
			params: []parameter{since[0], since[1], window[2]}, answer: s.apiQueues, item: queueJSON{}, listed: true,
		},
		{
			path: "/replays", name: "getReplays", summary: "The replays requested, over 24 hours where no window is given, and what has become of them; what needs people first.",
			params: []parameter{since[0], since[1]}, answer: s.apiReplays, item: ledgerJSON{},
		},
		{
			path: "/quarantine", name: "listQuarantine", summary: "What could not be read, with its raw bytes (base64), newest first.",
			params: append([]parameter{
				{name: "state", values: stringsOf(unreadStates), doc: "waiting where not given; landed: what was read again since."},
				{name: "source", doc: "Of this sender."},
				{name: "reason", doc: "Kept for this reason."},
			}, window...), answer: s.apiQuarantine, item: quarantinedJSON{}, listed: true,
		},
		{
			path: "/quarantine/counts", name: "countQuarantine", summary: "How much could not be read, by reason and sender, the most first. One window; next is always empty.",
			params: window[2:], answer: s.apiQuarantineCounts, item: quarantineCountJSON{}, listed: true,
		},
		{
			path: "/quarantine/reingests", name: "listReingests", summary: "Who had the quarantine read again, what was asked for and what came of it, newest first.",
			params: window, answer: s.apiReingests, item: rereadJSON{}, listed: true,
		},
		{
			path: "/status", name: "getStatus", summary: "How far everything received has been judged, and how our own pipeline does.",
			answer: s.apiStatus, item: statusJSON{},
		},
		{
			path: "/actions", name: "listActions", summary: "What people did, newest first.",
			params: with([]parameter{
				{name: "correlation_id", doc: "About this lifecycle, whatever it was called then."},
				{name: "finding", doc: "About this finding."},
				{name: "verb", several: true, values: stringsOf(inventory.Verbs)},
				{name: "by", doc: "Who did it."},
				{name: "batch", doc: "Of one request through a filter."},
			}...),
			answer: s.apiActions, item: actionJSON{}, listed: true,
		},
	}, deeds...)
}

// deeds are what the API does: each is a fact that is never taken away.
func (s *Server) deeds(filters []parameter) []endpoint {
	var all []endpoint
	filters = append([]parameter{
		{name: "preview", values: []string{"1"}, doc: "Only count."},
	}, filters...)
	for _, verb := range inventory.Verbs {
		if !verb.OfFinding() {
			continue
		}
		body := []string{"ticket", "note"}
		switch verb {
		case inventory.Assign:
			body = append(body, "assignee")
		case inventory.Resolve:
			body = append(body, "resolution")
		default: // nothing else
		}
		all = append(all, endpoint{
			path: "/findings/{id}/" + string(verb), name: string(verb) + "Finding", summary: sentenceCase(string(verb)) + " a finding.",
			params: []parameter{{name: "id", inPath: true, doc: "The finding's id."}}, deed: s.apiAct(verb), body: body, item: doneJSON{},
		}, endpoint{
			path: "/findings/" + string(verb), name: string(verb) + "Findings", summary: sentenceCase(string(verb)) + " what a filter selects, at most 5,000 findings.",
			params: filters, deed: s.apiActAll(verb), body: append([]string{"expect"}, body...), item: doneJSON{},
		})
	}
	id := []parameter{{name: "id", inPath: true, doc: "correlation_id, or any key; percent-encoded as one segment."}}
	return append(all,
		endpoint{
			path: "/lifecycles/{id}/merge", name: "mergeLifecycles", summary: "Have two lifecycles be one.",
			params: id, deed: s.apiMerge, body: []string{"with", "note"}, item: doneJSON{},
		},
		endpoint{
			path: "/lifecycles/{id}/split", name: "splitLifecycle", summary: "Make some of a lifecycle's records a transaction of their own.",
			params: id, deed: s.apiSplit, body: []string{"records", "note"}, item: doneJSON{},
		},
		endpoint{
			path: "/actions/{id}/undo", name: "undoAction", summary: "Take a merge or a split back.",
			params: []parameter{{name: "id", inPath: true, doc: "The action's id; percent-encoded as one segment."}}, deed: s.apiUndo, body: []string{"note"}, item: doneJSON{},
		},
	)
}

func (s *Server) routeAPI(mux *http.ServeMux) {
	all := s.endpoints()
	document := describe(all, s.Version)
	mux.HandleFunc("GET /api/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(document)
	})
	for _, e := range all {
		method, handler := "GET ", e.raw
		switch {
		case e.deed != nil:
			method, handler = "POST ", s.acts(e.deed)
		case e.export != nil:
			handler = s.exports(e.export)
		case handler == nil:
			handler = s.answer(e.answer)
		}
		mux.HandleFunc(method+"/api/v1"+e.path, handler)
	}
}

// answerFunc answers a question of the API with something that can be written
// as JSON; a *list can be had as CSV too.
type answerFunc func(r *http.Request) (any, error)

func (s *Server) answer(f answerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, err := f(r)
		if to := redirect(""); errors.As(err, &to) {
			http.Redirect(w, r, string(to), http.StatusTemporaryRedirect)
			return
		}
		if err != nil {
			s.failAPI(w, r, err)
			return
		}
		status := http.StatusOK
		l, isList := v.(*list)
		if isList {
			w.Header().Set("Vary", "Accept")
			if wantsCSV(r) {
				s.writeCSV(w, r, l)
				return
			}
			if l.status != 0 {
				status = l.status
			}
			if l.body != nil {
				v = l.body
			}
		}
		body, err := json.Marshal(v)
		if err != nil {
			s.failAPI(w, r, err)
			return
		}
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Cache-Control", "no-store")
		w.WriteHeader(status)
		_, _ = w.Write(append(body, '\n'))
	}
}

func (s *Server) failAPI(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(r.Context().Err(), context.Canceled) {
		return // nobody waits for the answer any more
	}
	p := explain(err)
	if p.Status >= http.StatusInternalServerError {
		s.Log.ErrorContext(r.Context(), "api call failed", "path", r.URL.Path, "error", err)
	}
	if p.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "5")
	}
	s.problem(w, r, p)
}

// list is a window into a list, or one answer that has rows. columns name what a
// CSV of it has; a list's are keys of its items as JSON.
type list struct {
	Items   any    `json:"items"`
	Next    string `json:"next"`
	columns []string
	rows    func(yield func([]string))
	name    string
	status  int
	body    any // what JSON answers with where it is no list
}

// windowOf cuts a list that was asked for one row more than wanted.
func windowOf[T any](items []T, limit int, at func(T) string) ([]T, string) {
	if len(items) <= limit {
		return items, ""
	}
	return items[:limit], at(items[limit-1])
}

// wantsCSV reports whether CSV is asked for: in the Accept header, or with
// format=csv where a link cannot set one.
func wantsCSV(r *http.Request) bool {
	if f := r.URL.Query().Get("format"); f != "" {
		return f == "csv"
	}
	for part := range strings.SplitSeq(r.Header.Get("Accept"), ",") {
		kind, _, _ := strings.Cut(part, ";")
		switch strings.TrimSpace(kind) {
		case "text/csv":
			return true
		case "application/json":
			return false
		}
	}
	return false
}

// writeCSV writes a list with a header line. What spreadsheets would run as a
// formula is made text: identifiers come from outside. The cursor of the next
// window is in the Link header.
func (s *Server) writeCSV(w http.ResponseWriter, r *http.Request, l *list) {
	var b bytes.Buffer
	c := csv.NewWriter(&b)
	c.UseCRLF = true // RFC 4180
	_ = c.Write(l.columns)
	l.rows(func(row []string) {
		for i, cell := range row {
			row[i] = inert(cell)
		}
		_ = c.Write(row)
	})
	c.Flush()
	if err := c.Error(); err != nil {
		s.failAPI(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Disposition", `attachment; filename="`+l.name+`.csv"`)
	if l.Next != "" {
		h.Set("Link", "<"+withParameter(r.URL, "cursor", l.Next)+`>; rel="next"`)
	}
	_, _ = w.Write(b.Bytes())
}

// inert keeps a cell from being taken for a formula. Numbers stay numbers.
func inert(cell string) string {
	if cell == "" || !strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		return cell
	}
	if _, err := inventory.ParseDecimal(cell); err == nil {
		return cell
	}
	return "'" + cell
}

// Reading parameters.

var badCursor = &badQuery{"cursor", "take it from \"next\" of the list before, as it is."}

func limitOf(values url.Values) (int, error) {
	text := values.Get("limit")
	if text == "" {
		return defaultLimit, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxLimit {
		return 0, &badQuery{"limit", fmt.Sprintf("a number from 1 to %d.", maxLimit)}
	}
	return n, nil
}

func encodeCursor(c Cursor) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(c.At.UnixMicro(), 10) + "|" + c.ID))
}

func decodeCursor(text string) (Cursor, error) {
	if text == "" {
		return Cursor{}, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return Cursor{}, badCursor
	}
	at, id, ok := strings.Cut(string(raw), "|")
	micros, err := strconv.ParseInt(at, 10, 64)
	if err != nil || !ok {
		return Cursor{}, badCursor
	}
	return Cursor{At: time.UnixMicro(micros).UTC(), ID: id}, nil
}

func pageOf(values url.Values) (Page, error) {
	limit, err := limitOf(values)
	if err != nil {
		return Page{}, err
	}
	after, err := decodeCursor(values.Get("cursor"))
	return Page{Limit: limit, After: after}, err
}

func instantOf(values url.Values, name string) (time.Time, error) {
	text := values.Get(name)
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, &badQuery{name, "an instant is written 2026-11-23T10:02:54Z."}
}

// several splits the values of a parameter, given repeatedly or with commas, and
// checks each against what is known; nothing known means anything goes.
func several[T ~string](values url.Values, name string, known []T) ([]T, error) {
	var out []T
	for _, text := range values[name] {
		for one := range strings.SplitSeq(text, ",") {
			if one = strings.TrimSpace(one); one == "" {
				continue
			}
			if known != nil && !slices.Contains(known, T(one)) {
				return nil, &badQuery{name, fmt.Sprintf("%q is none of %s.", one, join(known))}
			}
			out = append(out, T(one))
		}
	}
	return out, nil
}

func join[T ~string](list []T) string { return strings.Join(stringsOf(list), ", ") }

func stringsOf[T ~string](list []T) []string {
	parts := make([]string, len(list))
	for i, v := range list {
		parts[i] = string(v)
	}
	return parts
}

func lifecycleQuery(values url.Values) (q LifecycleQuery, err error) {
	q = LifecycleQuery{
		Key: values.Get("key"), Workflow: values.Get("workflow"), Location: values.Get("location"),
		Register: values.Get("register"), Region: values.Get("region"), BusinessDate: values.Get("business_date"),
		Item: values.Get("item"), Owner: values.Get("owner"),
	}
	states, err := several(values, "state", []inventory.State{inventory.StateOpen, inventory.StateClosed, "any"})
	if err != nil {
		return q, err
	}
	if len(states) == 1 && states[0] != "any" {
		q.State = states[0]
	}
	if q.Verdicts, err = several(values, "verdict", inventory.Verdicts); err != nil {
		return q, err
	}
	// Kinds of the contract that this build does not raise are found nowhere, and
	// are no mistake.
	if q.Findings, err = several[inventory.Kind](values, "finding", nil); err != nil {
		return q, err
	}
	if q.From, err = instantOf(values, "from"); err != nil {
		return q, err
	}
	if q.To, err = instantOf(values, "to"); err != nil {
		return q, err
	}
	switch t := values.Get("time"); t {
	case "", "occurred":
	case "received":
		q.ByReceived = true
	default:
		return q, &badQuery{"time", "occurred or received."}
	}
	q.Page, err = pageOf(values)
	return q, err
}

func findingQuery(values url.Values) (q FindingQuery, err error) {
	q = FindingQuery{
		Cause: values.Get("cause"), Severity: values.Get("severity"), Owner: values.Get("owner"),
		System: values.Get("system"), Step: values.Get("step"), Location: values.Get("location"),
		Region: values.Get("region"), MappingVersion: values.Get("mapping_version"), Group: values.Get("group"),
		LifecycleID: values.Get("correlation_id"), Assignee: values.Get("assignee"),
	}
	if q.Kinds, err = several[inventory.Kind](values, "kind", nil); err != nil {
		return q, err
	}
	switch state := values.Get("state"); state {
	case "", "all":
		q.State = ListedFindings
	case "open", "closed", "any":
		q.State = FindingStates(state)
	default:
		return q, &badQuery{"state", "open, closed or any; without it, open and closed ones that were not disproved."}
	}
	q.Page, err = pageOf(values)
	return q, err
}

// findingsAsked is findingQuery where groups may stand among their members.
func findingsAsked(values url.Values) (FindingQuery, error) {
	q, err := findingQuery(values)
	q.Groups = q.Group == ""
	switch values.Get("groups") {
	case "", "with":
	case "without":
		q.Groups = false
	default:
		return q, cmp.Or(err, error(&badQuery{"groups", "with or without; without it, groups are listed among their members."}))
	}
	return q, err
}

// Answers.

func (s *Server) apiLifecycles(r *http.Request) (any, error) {
	q, err := lifecycleQuery(r.URL.Query())
	if err != nil {
		return nil, err
	}
	limit := q.Page.Limit
	q.Page.Limit++
	rows, err := s.Reader.Lifecycles(r.Context(), q)
	if err != nil {
		return nil, err
	}
	return s.lifecycleList(rows, limit), nil
}

func (s *Server) lifecycleList(rows []inventory.Lifecycle, limit int) *list {
	rows, next := windowOf(rows, limit, func(l inventory.Lifecycle) string { return encodeCursor(Cursor{l.StartedAt, l.ID}) })
	items := make([]lifecycleJSON, len(rows))
	for i := range rows {
		items[i] = s.lifecycleAt(&rows[i])
	}
	return &list{
		Items: items, Next: next, name: "lifecycles", columns: lifecycleColumns,
		rows: func(yield func([]string)) {
			for i := range items {
				yield(items[i].row())
			}
		},
	}
}

// apiLifecycle answers with the lifecycle of that id. Any key and any former id
// redirects to it; a number several lifecycles carry is answered with all of
// them and status 300.
func (s *Server) apiLifecycle(r *http.Request) (any, error) {
	id := r.PathValue("id")
	l, err := s.lifecycle(r, id)
	var several *severalError
	switch {
	case errors.As(err, &several):
		rows := make([]inventory.Lifecycle, len(several.matches))
		for i, m := range several.matches {
			rows[i] = m.Lifecycle
		}
		many := s.lifecycleList(rows, len(rows))
		many.status = http.StatusMultipleChoices
		return many, nil
	case err != nil:
		return nil, err
	case l.ID != id:
		return nil, redirect("/api/v1/lifecycles/" + url.PathEscape(l.ID))
	}
	return s.lifecycleAt(&l), nil
}

// apiRaw gives back what a sender sent. Where one record id came with several
// contents, content= picks one by its hash; the first received comes otherwise.
func (s *Server) apiRaw(w http.ResponseWriter, r *http.Request) {
	records, err := s.Reader.Raw(r.Context(), r.PathValue("id"))
	if err != nil {
		s.failAPI(w, r, err)
		return
	}
	rec := &records[0]
	if want := r.URL.Query().Get("content"); want != "" {
		i := slices.IndexFunc(records, func(r inventory.Record) bool { return r.Content.String() == want })
		if i < 0 {
			s.failAPI(w, r, ErrNotFound)
			return
		}
		rec = &records[i]
	}
	h := w.Header()
	h.Set("Content-Type", orElse(rec.RawType, "application/octet-stream"))
	h.Set("Content-Length", strconv.Itoa(len(rec.Raw)))
	h.Set("Stocktrace-Received-At", rec.ReceivedAt.UTC().Format(time.RFC3339Nano))
	h.Set("Stocktrace-Content", rec.Content.String())
	h.Set("Stocktrace-Contents", strconv.Itoa(len(records)))
	// Nothing a sender sent is shown as a page of ours.
	h.Set("Content-Disposition", "attachment")
	_, _ = w.Write(rec.Raw)
}

func (s *Server) apiFindings(r *http.Request) (any, error) {
	q, err := findingsAsked(r.URL.Query())
	if err != nil {
		return nil, err
	}
	limit := q.Page.Limit
	q.Page.Limit++
	rows, err := s.Reader.Findings(r.Context(), q)
	if err != nil {
		return nil, err
	}
	rows, next := windowOf(rows, limit, func(f Finding) string { return encodeCursor(Cursor{f.OpenedAt, f.ID}) })
	items := make([]findingJSON, len(rows))
	for i := range rows {
		items[i] = findingOf(&rows[i].Finding, rows[i].Count)
	}
	return &list{
		Items: items, Next: next, name: "findings", columns: findingColumns,
		rows: func(yield func([]string)) {
			for i := range items {
				yield(items[i].row())
			}
		},
	}, nil
}

func (s *Server) apiGroups(r *http.Request) (any, error) {
	q, err := findingQuery(r.URL.Query())
	if err != nil {
		return nil, err
	}
	rows, err := s.Reader.Groups(r.Context(), q)
	if err != nil {
		return nil, err
	}
	items := make([]groupJSON, len(rows))
	for i := range rows {
		items[i] = groupOf(&rows[i])
	}
	return &list{
		Items: items, name: "groups", columns: groupColumns,
		rows: func(yield func([]string)) {
			for i := range items {
				yield(items[i].row())
			}
		},
	}, nil
}

func (s *Server) apiStoreDays(r *http.Request) (any, error) {
	q, err := storeDayQuery(r.URL.Query())
	if err != nil {
		return nil, err
	}
	limit := q.Page.Limit
	q.Page.Limit++
	rows, err := s.Reader.StoreDays(r.Context(), q)
	if err != nil {
		return nil, err
	}
	rows, next := windowOf(rows, limit, encodeDayCursor)
	items := make([]storeDayJSON, len(rows))
	for i := range rows {
		items[i] = storeDayOf(&rows[i])
	}
	return &list{
		Items: items, Next: next, name: "store-days", columns: storeDayColumns,
		rows: func(yield func([]string)) {
			for i := range items {
				yield(items[i].row())
			}
		},
	}, nil
}

func (s *Server) apiObjectives(r *http.Request) (any, error) {
	rows, err := s.promises(r.Context())
	if err != nil {
		return nil, err
	}
	items := make([]objectiveJSON, len(rows))
	for i := range rows {
		items[i] = objectiveOf(&rows[i])
	}
	return &list{
		Items: items, name: "objectives", columns: objectiveColumns,
		rows: func(yield func([]string)) {
			for i := range items {
				yield(items[i].row())
			}
		},
	}, nil
}

func (s *Server) apiIncidents(r *http.Request) (any, error) {
	values := r.URL.Query()
	limit, err := limitOf(values)
	if err != nil {
		return nil, err
	}
	since, err := instantOf(values, "from")
	if err != nil {
		return nil, err
	}
	if since.IsZero() {
		since = s.Clock.Now().AddDate(0, 0, -7)
	}
	rows, err := s.incidents(r.Context(), since, limit)
	if err != nil {
		return nil, err
	}
	items := make([]incidentJSON, len(rows))
	for i := range rows {
		items[i] = incidentOf(&rows[i])
	}
	return &list{
		Items: items, name: "incidents", columns: incidentColumns,
		rows: func(yield func([]string)) {
			for i := range items {
				yield(items[i].row())
			}
		},
	}, nil
}

// apiMetrics gives numbers with their denominators: by step how many passed,
// wait and are stuck, and how long it takes; by system what was received and
// failed.
func (s *Server) apiMetrics(r *http.Request) (any, error) {
	values := r.URL.Query()
	until := s.Clock.Now()
	from, err := instantOf(values, "from")
	if err != nil {
		return nil, err
	}
	if to, err := instantOf(values, "to"); err != nil {
		return nil, err
	} else if !to.IsZero() {
		until = to
	}
	if from.IsZero() {
		from = until.Add(-24 * time.Hour)
	}
	switch by := values.Get("by"); by {
	case "", "step":
		hops, err := s.Reader.Hops(r.Context(), "", from, until)
		if err != nil {
			return nil, err
		}
		items := make([]stepMetricJSON, len(hops))
		for i := range hops {
			items[i] = stepMetricOf(&hops[i])
		}
		return &list{
			Items: items, name: "metrics-by-step", columns: stepMetricColumns,
			rows: func(yield func([]string)) {
				for i := range items {
					yield(items[i].row())
				}
			},
		}, nil
	case "system":
		sources, err := s.Reader.Sources(r.Context(), from, until)
		if err != nil {
			return nil, err
		}
		items := make([]systemMetricJSON, len(sources))
		for i := range sources {
			items[i] = systemMetricOf(&sources[i])
		}
		return &list{
			Items: items, name: "metrics-by-system", columns: systemMetricColumns,
			rows: func(yield func([]string)) {
				for i := range items {
					yield(items[i].row())
				}
			},
		}, nil
	default:
		return nil, &badQuery{"by", "step or system."}
	}
}

func (s *Server) apiStatus(r *http.Request) (any, error) {
	return statusOf(s.Status(r.Context()), s.Clock.Now(), s.Version), nil
}

// number is a float that may be unknown: NaN is null.
type number float64

// MarshalJSON implements [json.Marshaler].
func (n number) MarshalJSON() ([]byte, error) {
	if f := float64(n); math.IsNaN(f) || math.IsInf(f, 0) {
		return []byte("null"), nil
	}
	return strconv.AppendFloat(nil, float64(n), 'g', 8, 64), nil
}
