package web

import (
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// nameCookie remembers what a browser's person is called: a token knows no
// people.
const nameCookie = "stocktrace_name"

// nameOf is who the browser last said it is.
func nameOf(r *http.Request) string {
	c, err := r.Cookie(nameCookie)
	if err != nil {
		return ""
	}
	name, err := url.QueryUnescape(c.Value)
	if err != nil {
		return ""
	}
	return name
}

// formDeed reads what a form of the pages says.
func formDeed(w http.ResponseWriter, r *http.Request) (*deed, error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		return nil, refuse(http.StatusBadRequest, "The form cannot be read: %s.", err)
	}
	d := &deed{
		ID: rand.Text(), By: r.PostFormValue("by"), Ticket: r.PostFormValue("ticket"), Note: r.PostFormValue("note"),
		With: strings.TrimSpace(r.PostFormValue("with")), Records: r.PostForm["records"], via: "page",
	}
	// One form has a field for each of its buttons.
	switch inventory.Verb(r.PostFormValue("verb")) {
	case inventory.Assign:
		d.Assignee = r.PostFormValue("assignee")
	case inventory.Resolve:
		d.Resolution = r.PostFormValue("resolution")
	default: // takes neither
	}
	return d, nil
}

// remember has the browser say next time who it was.
func (s *Server) remember(w http.ResponseWriter, d *deed) {
	c := s.sessions.cookie(nameCookie, url.QueryEscape(strings.TrimSpace(d.By)))
	c.MaxAge = int((365 * 24 * time.Hour).Seconds())
	http.SetCookie(w, c)
}

// press handles a form by which somebody does something, and leads back to where
// it was pressed.
func (s *Server) press(do func(r *http.Request, verb inventory.Verb, d *deed) (back string, err error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !s.mayAct(r) {
			s.fail(w, r, refuse(http.StatusForbidden, "You may look here, and not act."))
			return
		}
		d, err := formDeed(w, r)
		if err == nil {
			s.remember(w, d)
			var back string
			if back, err = do(r, inventory.Verb(r.PostFormValue("verb")), d); err == nil {
				s.shared.forget() // who pressed wants to see what came of it
				http.Redirect(w, r, ownPath(back), http.StatusSeeOther)
				return
			}
		}
		s.fail(w, r, err)
	}
}

// act does something about a finding, or about what a filter selects.
func (s *Server) act(r *http.Request, verb inventory.Verb, d *deed) (string, error) {
	back := r.PostFormValue("back")
	if !verb.OfFinding() {
		return "", refuse(http.StatusBadRequest, "There is no %q to press.", verb)
	}
	if id := r.PostFormValue("finding"); id != "" {
		_, err := s.actOn(r.Context(), id, verb, d)
		return back, err
	}
	filter := r.PostFormValue("filter")
	q, err := filterOf(filter)
	if err != nil {
		return "", err
	}
	if !narrows(&q) {
		return "", refuse(http.StatusUnprocessableEntity, "That would be every finding there is.")
	}
	found, _, err := s.selected(r.Context(), q, verb)
	if err != nil {
		return "", err
	}
	if n := r.PostFormValue("expect"); n != strconv.Itoa(len(found)) {
		return "", refuse(http.StatusConflict, "There were %s when the page was drawn, and now there are %d: go back and look again.", n, len(found))
	}
	_, err = s.actOnAll(r.Context(), found, verb, d, filter)
	return back, err
}

// arrange merges, splits, or takes one of these back.
func (s *Server) arrange(r *http.Request, verb inventory.Verb, d *deed) (back string, err error) {
	back = r.PostFormValue("back")
	if verb == inventory.Undo {
		_, _, err = s.undo(r.Context(), r.PostFormValue("action"), d)
		return back, err
	}
	l, err := s.lifecycle(r, r.PostFormValue("lifecycle"))
	if err != nil {
		return "", several300(err)
	}
	switch verb {
	case inventory.Merge:
		if d.With == "" {
			return "", refuse(http.StatusUnprocessableEntity, "Say what it is one with: a receipt, an order, any number of the other.")
		}
		other, err := s.lifecycle(r, d.With)
		if errors.Is(err, ErrNotFound) {
			return "", refuse(http.StatusNotFound, "Nothing is known under %q.", d.With)
		}
		if err != nil {
			return "", several300(err)
		}
		_, _, err = s.merge(r.Context(), l, other, d)
		return back, err
	case inventory.Split:
		_, _, err = s.split(r.Context(), l, d)
		return back, err
	default:
		return "", refuse(http.StatusBadRequest, "There is no %q to press.", verb)
	}
}

// byHandOnly reports whether a person closed the finding.
func byHandOnly(f inventory.Finding) bool {
	_, ok := inventory.ActionID(f.ClosedBy)
	return ok
}

// openMembers is the filter of a cause's open members.
func openMembers(g *Group) string {
	return url.Values{"group": {g.ID}, "state": {string(OpenFindings)}}.Encode()
}

func plainCount(n int) string { return strconv.Itoa(n) }

// didWhat says what a person did, after their name.
func didWhat(a *Action) string {
	switch a.Verb {
	case inventory.Acknowledge:
		return "acknowledged a finding"
	case inventory.Assign:
		if a.Assignee == "" {
			return "took an assignment back"
		}
		return "assigned a finding to " + a.Assignee
	case inventory.Resolve:
		return "resolved a finding: " + strings.ToLower(words(string(a.Resolution)))
	case inventory.Reopen:
		return "opened a finding again"
	case inventory.Merge:
		return "merged two lifecycles: " + many(len(a.Records), "record", "records")
	case inventory.Split:
		return "split off " + many(len(a.Records), "record", "records")
	default:
		return "took a merge or split back"
	}
}

// trailOf is what people did about a lifecycle, newest first.
func (s *Server) trailOf(r *http.Request, l *inventory.Lifecycle) []Action {
	trail, err := s.Reader.Actions(r.Context(), ActionQuery{About: keysOf(l), Page: Page{Limit: pageRows}})
	if err != nil {
		// The lifecycle is shown also where its trail cannot be.
		s.Log.ErrorContext(r.Context(), "read what people did", "lifecycle", l.ID, "error", err)
		return nil
	}
	// What was done about another lifecycle of the component is not about this one.
	return slices.DeleteFunc(trail, func(a Action) bool {
		return a.Finding != "" && !slices.ContainsFunc(l.Findings, func(f inventory.Finding) bool { return f.ID == a.Finding })
	})
}
