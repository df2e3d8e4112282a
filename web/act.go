package web

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// What people do goes into the log as facts, like everything that is known, and
// takes effect when the engine has read them. Who asked waits for that a moment,
// so that the answer shows what was done.

const (
	// maxAtOnce is how many findings one request acts on: more than that is a
	// filter that was not meant.
	maxAtOnce = 5000
	// maxBody bounds what a request to act says, in bytes.
	maxBody = 256 << 10
	// settleTime is how long an answer waits for what was done to take effect.
	settleTime = 3 * time.Second
)

// refusal is why something cannot be done, for who wanted it.
type refusal struct {
	status int
	why    string
}

func (e *refusal) Error() string { return e.why }

func refuse(status int, format string, args ...any) error {
	return &refusal{status, fmt.Sprintf(format, args...)}
}

// deed is what a request to act says.
type deed struct {
	// ID names the request, so that asking again does nothing twice.
	ID         string   `json:"id,omitempty"`
	By         string   `json:"by"`
	Assignee   string   `json:"assignee,omitempty"`
	Ticket     string   `json:"ticket,omitempty"`
	Resolution string   `json:"resolution,omitempty"`
	Note       string   `json:"note,omitempty"`
	With       string   `json:"with,omitempty"`
	Records    []string `json:"records,omitempty"`
	// Expect is how many findings a filter is thought to select; another number is
	// refused.
	Expect *int `json:"expect,omitempty"`

	via string
}

// action returns the deed as an action; n tells those of one batch apart.
func (d *deed) action(verb inventory.Verb, n string) inventory.Action {
	id := d.ID
	if n != "" {
		id += "/" + n
	}
	return inventory.Action{
		ID: id, Verb: verb, By: strings.TrimSpace(d.By), Via: d.via, Ticket: strings.TrimSpace(d.Ticket), Note: strings.TrimSpace(d.Note),
		Assignee: strings.TrimSpace(d.Assignee), Resolution: inventory.Resolution(d.Resolution),
	}
}

// deedOf reads a request to act.
func deedOf(w http.ResponseWriter, r *http.Request) (*deed, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return nil, refuse(http.StatusUnsupportedMediaType, "Send a JSON object, with Content-Type: application/json.")
	}
	body := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	body.DisallowUnknownFields()
	d := &deed{via: "api"}
	if c := r.Header.Get("Stocktrace-Client"); c == "cli" {
		d.via = c
	}
	if err := body.Decode(d); err != nil {
		return nil, refuse(http.StatusBadRequest, "The body cannot be read: %s.", err)
	}
	if _, err := body.Token(); !errors.Is(err, io.EOF) {
		return nil, refuse(http.StatusBadRequest, "The body is one JSON object, and something comes after it.")
	}
	if d.ID == "" {
		d.ID = rand.Text()
	}
	return d, nil
}

// mayAct reports whether who asks may do something, or only look.
func (s *Server) mayAct(r *http.Request) bool { return s.Record != nil && s.sessions.allows(r) }

// enact puts actions on record. Each is checked first: all are taken or none.
func (s *Server) enact(ctx context.Context, actions []inventory.Action) error {
	at := s.Clock.Now()
	records := make([]inventory.Record, len(actions))
	for i := range actions {
		if err := actions[i].Validate(); err != nil {
			return refuse(http.StatusUnprocessableEntity, "%s.", sentenceCase(err.Error()))
		}
		records[i] = inventory.ActionRecord(actions[i], at)
	}
	if err := s.Record(ctx, records); err != nil {
		return fmt.Errorf("%w: record what was done: %w", ErrUnavailable, err)
	}
	return nil
}

func sentenceCase(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// applied waits until done says so, a moment at most.
func applied(ctx context.Context, done func(context.Context) (bool, error)) bool {
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	every := time.NewTicker(100 * time.Millisecond)
	defer every.Stop()
	for {
		if ok, err := done(ctx); ok && err == nil {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-every.C:
		}
	}
}

// fits says why a verb cannot be done to a finding as it stands, in a sentence;
// empty where it can.
func fits(verb inventory.Verb, f *Finding) string {
	_, byHand := inventory.ActionID(f.ClosedBy)
	switch {
	case f.Component.IsZero():
		return "It is about a feed, or about ourselves, and closes by itself when that is heard again."
	case verb == inventory.Reopen && f.State == inventory.FindingOpen:
		return "It is open."
	case verb == inventory.Reopen && !byHand:
		return "The evidence closed it (" + strings.ReplaceAll(string(f.Resolution), "_", " ") + "): only what a person closed can be opened again."
	case verb != inventory.Reopen && f.State == inventory.FindingClosed:
		return "It is closed already (" + strings.ReplaceAll(string(f.Resolution), "_", " ") + ")."
	}
	return ""
}

// shows reports whether a finding shows that the action has taken effect.
func shows(a *inventory.Action, f *Finding) bool {
	switch a.Verb {
	case inventory.Acknowledge:
		return f.AcknowledgedBy != ""
	case inventory.Assign:
		return f.Assignee == a.Assignee
	case inventory.Resolve:
		return f.State == inventory.FindingClosed
	default:
		return f.State == inventory.FindingOpen
	}
}

// done is what came of acting on findings.
type done struct {
	actions  []inventory.Action
	findings []Finding // as they stand now
	applied  bool
	skipped  int
}

// actOn does something about one finding.
func (s *Server) actOn(ctx context.Context, id string, verb inventory.Verb, d *deed) (*done, error) {
	found, err := s.Reader.Findings(ctx, FindingQuery{IDs: []string{id}, State: AnyFindings, Page: Page{Limit: 1}})
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("finding %q: %w", id, ErrNotFound)
	}
	if why := fits(verb, &found[0]); why != "" {
		return nil, refuse(http.StatusConflict, "%s", why)
	}
	return s.actOnAll(ctx, found, verb, d, "")
}

// selected returns the findings of a filter that a verb can be done to, and how
// many it cannot.
func (s *Server) selected(ctx context.Context, q FindingQuery, verb inventory.Verb) (fit []Finding, skipped int, err error) {
	q.Groups, q.Page = false, Page{Limit: maxAtOnce + 1}
	if q.State == ListedFindings {
		q.State = OpenFindings
		if verb == inventory.Reopen {
			q.State = ClosedFindings
		}
	}
	found, err := s.Reader.Findings(ctx, q)
	if err != nil {
		return nil, 0, err
	}
	if len(found) > maxAtOnce {
		return nil, 0, refuse(http.StatusUnprocessableEntity, "The filter selects more than %d findings: narrow it.", maxAtOnce)
	}
	for i := range found {
		if fits(verb, &found[i]) == "" {
			fit = append(fit, found[i])
		}
	}
	return fit, len(found) - len(fit), nil
}

// actOnAll does something about findings; filter is what selected them.
func (s *Server) actOnAll(ctx context.Context, found []Finding, verb inventory.Verb, d *deed, filter string) (*done, error) {
	out := &done{findings: found}
	ids := make([]string, len(found))
	for i := range found {
		f := &found[i]
		n := ""
		if filter != "" {
			n = f.ID
		}
		a := d.action(verb, n)
		a.About, a.Lifecycle, a.Finding = f.Component, f.LifecycleID, f.ID
		if filter != "" {
			a.Batch, a.Filter = d.ID, filter
		}
		out.actions = append(out.actions, a)
		ids[i] = f.ID
	}
	if len(found) == 0 {
		out.applied = true
		return out, nil
	}
	if err := s.enact(ctx, out.actions); err != nil {
		return nil, err
	}
	byID := make(map[string]*inventory.Action, len(ids))
	for i := range out.actions {
		byID[out.actions[i].Finding] = &out.actions[i]
	}
	out.applied = applied(ctx, func(ctx context.Context) (bool, error) {
		now, err := s.Reader.Findings(ctx, FindingQuery{IDs: ids, State: AnyFindings, Page: Page{Limit: len(ids)}})
		if err != nil {
			return false, err
		}
		out.findings = now
		return !slices.ContainsFunc(now, func(f Finding) bool { return !shows(byID[f.ID], &f) }), nil
	})
	return out, nil
}

// merge has two lifecycles be one.
func (s *Server) merge(ctx context.Context, l, other inventory.Lifecycle, d *deed) (inventory.Action, bool, error) {
	a := d.action(inventory.Merge, "")
	a.About, a.With, a.Lifecycle = l.Component, other.Component, l.ID
	a.Records = slices.Concat(l.RecordIDs, other.RecordIDs)
	switch {
	case l.ID == other.ID:
		return a, false, refuse(http.StatusConflict, "They are one lifecycle already.")
	case inventory.Book(l.Component.Name) || inventory.Book(other.Component.Name):
		return a, false, refuse(http.StatusConflict, "A register's day is no transaction, and is merged with none.")
	}
	return s.rearrange(ctx, a)
}

// split makes some of a lifecycle's records a transaction of their own.
func (s *Server) split(ctx context.Context, l inventory.Lifecycle, d *deed) (inventory.Action, bool, error) {
	a := d.action(inventory.Split, "")
	a.About, a.Lifecycle = l.Component, l.ID
	for _, id := range d.Records {
		if !slices.Contains(l.RecordIDs, id) {
			return a, false, refuse(http.StatusUnprocessableEntity, "Record %q is not one of this lifecycle's.", id)
		}
		if !slices.Contains(a.Records, id) {
			a.Records = append(a.Records, id)
		}
	}
	if len(a.Records) == len(l.RecordIDs) && len(a.Records) > 0 {
		return a, false, refuse(http.StatusUnprocessableEntity, "Those are all its records: name the ones that belong elsewhere.")
	}
	return s.rearrange(ctx, a)
}

// undo takes a merge or a split back.
func (s *Server) undo(ctx context.Context, id string, d *deed) (inventory.Action, bool, error) {
	was, err := s.Reader.Actions(ctx, ActionQuery{ID: id, Page: Page{Limit: 1}})
	if err != nil {
		return inventory.Action{}, false, err
	}
	if len(was) == 0 {
		return inventory.Action{}, false, fmt.Errorf("action %q: %w", id, ErrNotFound)
	}
	switch u := &was[0]; {
	case u.Verb != inventory.Merge && u.Verb != inventory.Split:
		return inventory.Action{}, false, refuse(http.StatusConflict, "Only a merge or a split is taken back; a finding that was resolved is reopened.")
	case u.Undone:
		return inventory.Action{}, false, refuse(http.StatusConflict, "It has been taken back already.")
	}
	a := d.action(inventory.Undo, "")
	a.About, a.Lifecycle, a.Undoes = was[0].About, was[0].Lifecycle, id
	return s.rearrange(ctx, a)
}

// rearrange records a merge, split or undo and waits until it is on the trail.
func (s *Server) rearrange(ctx context.Context, a inventory.Action) (inventory.Action, bool, error) {
	if err := s.enact(ctx, []inventory.Action{a}); err != nil {
		return a, false, err
	}
	ok := applied(ctx, func(ctx context.Context) (bool, error) {
		on, err := s.Reader.Actions(ctx, ActionQuery{ID: a.ID, Page: Page{Limit: 1}})
		return len(on) > 0, err
	})
	return a, ok, nil
}

// The API.

// deedFunc answers a request to act.
type deedFunc func(r *http.Request, d *deed) (any, error)

func (s *Server) acts(f deedFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.answer(func(r *http.Request) (any, error) {
			if s.Record == nil {
				return nil, refuse(http.StatusForbidden, "This server only shows: it has no log to write to.")
			}
			if !s.mayAct(r) {
				return nil, refuse(http.StatusForbidden, "Who signs in with the token for viewers may look and not act.")
			}
			d, err := deedOf(w, r)
			if err != nil {
				return nil, err
			}
			return f(r, d)
		})(w, r)
	}
}

func (s *Server) apiAct(verb inventory.Verb) deedFunc {
	return func(r *http.Request, d *deed) (any, error) {
		out, err := s.actOn(r.Context(), r.PathValue("id"), verb, d)
		if err != nil {
			return nil, err
		}
		return doneOf(out), nil
	}
}

func (s *Server) apiActAll(verb inventory.Verb) deedFunc {
	return func(r *http.Request, d *deed) (any, error) {
		values := r.URL.Query()
		preview := values.Get("preview") == "1"
		values.Del("preview")
		q, err := findingQuery(values)
		if err != nil {
			return nil, err
		}
		if !narrows(&q) {
			return nil, refuse(http.StatusUnprocessableEntity, "Without a filter that is every finding there is: give one, such as group or kind.")
		}
		found, skipped, err := s.selected(r.Context(), q, verb)
		if err != nil {
			return nil, err
		}
		if preview {
			return doneJSON{Count: len(found), Skipped: skipped, Preview: true, Actions: []actionJSON{}, Findings: []findingJSON{}}, nil
		}
		if d.Expect != nil && *d.Expect != len(found) {
			return nil, refuse(http.StatusConflict, "The filter selects %d findings now, not %d: look again.", len(found), *d.Expect)
		}
		out, err := s.actOnAll(r.Context(), found, verb, d, values.Encode())
		if err != nil {
			return nil, err
		}
		out.skipped = skipped
		return doneOf(out), nil
	}
}

func (s *Server) apiMerge(r *http.Request, d *deed) (any, error) {
	if d.With == "" {
		return nil, refuse(http.StatusUnprocessableEntity, "Say what it is merged with: with is a lifecycle's id, or any of its keys.")
	}
	l, err := s.lifecycle(r, r.PathValue("id"))
	if err != nil {
		return nil, several300(err)
	}
	other, err := s.lifecycle(r, d.With)
	if err != nil {
		return nil, several300(err)
	}
	return rearranged(s.merge(r.Context(), l, other, d))
}

func (s *Server) apiSplit(r *http.Request, d *deed) (any, error) {
	l, err := s.lifecycle(r, r.PathValue("id"))
	if err != nil {
		return nil, several300(err)
	}
	return rearranged(s.split(r.Context(), l, d))
}

func (s *Server) apiUndo(r *http.Request, d *deed) (any, error) {
	return rearranged(s.undo(r.Context(), r.PathValue("id"), d))
}

// several300 refuses to act on a number that several lifecycles carry.
func several300(err error) error {
	var many *severalError
	if errors.As(err, &many) {
		return refuse(http.StatusConflict, "%d lifecycles carry that number: name one by its id.", len(many.matches))
	}
	return err
}

func rearranged(a inventory.Action, ok bool, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return doneJSON{Count: 1, Applied: ok, Actions: []actionJSON{actionOf(&Action{Action: a})}, Findings: []findingJSON{}}, nil
}

func (s *Server) apiActions(r *http.Request) (any, error) {
	values := r.URL.Query()
	q := ActionQuery{Finding: values.Get("finding"), By: values.Get("by"), Batch: values.Get("batch")}
	var err error
	if q.Verbs, err = several(values, "verb", inventory.Verbs); err != nil {
		return nil, err
	}
	if q.Page, err = pageOf(values); err != nil {
		return nil, err
	}
	if id := values.Get("correlation_id"); id != "" {
		l, err := s.lifecycle(r, id)
		if err != nil {
			return nil, several300(err)
		}
		q.About = keysOf(&l)
	}
	limit := q.Page.Limit
	q.Page.Limit++
	rows, err := s.Reader.Actions(r.Context(), q)
	if err != nil {
		return nil, err
	}
	rows, next := windowOf(rows, limit, func(a Action) string { return encodeCursor(Cursor{a.At, a.ID}) })
	items := make([]actionJSON, len(rows))
	for i := range rows {
		items[i] = actionOf(&rows[i])
	}
	return &list{
		Items: items, Next: next, name: "actions", columns: actionColumns,
		rows: func(yield func([]string)) {
			for i := range items {
				yield(items[i].row())
			}
		},
	}, nil
}

// keysOf are the keys under which people may have done something about it.
func keysOf(l *inventory.Lifecycle) []inventory.ScopedKey {
	keys := append(slices.Clone(l.Identifiers), l.Component)
	slices.SortFunc(keys, inventory.CompareKeys)
	return slices.Compact(keys)
}

type doneJSON struct {
	Count    int           `json:"count"`
	Skipped  int           `json:"skipped"`
	Preview  bool          `json:"preview"`
	Applied  bool          `json:"applied"`
	Actions  []actionJSON  `json:"actions"`
	Findings []findingJSON `json:"findings"`
}

func doneOf(out *done) doneJSON {
	j := doneJSON{
		Count: len(out.actions), Skipped: out.skipped, Applied: out.applied,
		Actions:  each(out.actions, func(a inventory.Action) actionJSON { return actionOf(&Action{Action: a}) }),
		Findings: each(out.findings, func(f Finding) findingJSON { return findingOf(&f.Finding, f.Count) }),
	}
	return j
}

type actionJSON struct {
	ID            string   `json:"id"`
	At            stamp    `json:"at"`
	Verb          string   `json:"verb"`
	By            string   `json:"by"`
	Via           string   `json:"via"`
	CorrelationID string   `json:"correlation_id"`
	Finding       string   `json:"finding"`
	Assignee      string   `json:"assignee"`
	Ticket        string   `json:"ticket"`
	Resolution    string   `json:"resolution"`
	Note          string   `json:"note"`
	Records       []string `json:"records"`
	Undoes        string   `json:"undoes"`
	Undone        bool     `json:"undone"`
	Batch         string   `json:"batch"`
	Filter        string   `json:"filter"`
}

func actionOf(a *Action) actionJSON {
	return actionJSON{
		ID: a.ID, At: stamp(a.At), Verb: string(a.Verb), By: a.By, Via: a.Via, CorrelationID: a.Lifecycle, Finding: a.Finding,
		Assignee: a.Assignee, Ticket: a.Ticket, Resolution: string(a.Resolution), Note: a.Note, Records: orNone(a.Records),
		Undoes: a.Undoes, Undone: a.Undone, Batch: a.Batch, Filter: a.Filter,
	}
}

var actionColumns = []string{
	"id", "at", "verb", "by", "via", "correlation_id", "finding", "assignee", "ticket", "resolution", "note", "records", "undoes", "undone", "batch", "filter",
}

func (a *actionJSON) row() []string {
	return []string{
		a.ID, a.At.String(), a.Verb, a.By, a.Via, a.CorrelationID, a.Finding, a.Assignee, a.Ticket, a.Resolution, a.Note,
		strings.Join(a.Records, " "), a.Undoes, strconv.FormatBool(a.Undone), a.Batch, a.Filter,
	}
}

// narrows reports whether a query selects by anything but state: what a person
// acts on has to be named.
func narrows(q *FindingQuery) bool {
	return len(q.Kinds)+len(q.IDs) > 0 || q.Cause+q.Severity+q.Owner+q.System+q.Step+q.Location+q.Region+q.MappingVersion+q.Group+q.LifecycleID+q.Assignee != ""
}

// filterOf reads a filter written as a query string.
func filterOf(text string) (FindingQuery, error) {
	values, err := url.ParseQuery(text)
	if err != nil {
		return FindingQuery{}, &badQuery{"filter", "a query string, such as group=g-1&state=open."}
	}
	return findingQuery(values)
}
