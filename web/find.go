package web

import (
	"net/http"
	"strings"

	"github.com/a-h/templ"

	"github.com/stocktrace/stocktrace/inventory"
)

// findLimit is how many candidates a search shows: who needs more types more.
const findLimit = 25

// findData is a search and what it found.
type findData struct {
	Text    string
	Matches []Match
	Cut     bool // there are more
}

// find is the one box for any number. Coming from the box itself (go=1), a
// single candidate is opened at once.
func (s *Server) find(v *view, r *http.Request) (templ.Component, error) {
	v.Title, v.Section = "Find", "find"
	d := findData{Text: strings.TrimSpace(r.FormValue("q"))}
	v.Query = d.Text
	if len(d.Text) > 500 {
		return nil, &badQuery{"q", "no number is that long."}
	}
	if d.Text != "" {
		matches, err := s.Reader.Search(r.Context(), d.Text, findLimit+1)
		if err != nil {
			return nil, err
		}
		if len(matches) == 1 && r.FormValue("go") != "" {
			return nil, redirect(tracePath(matches[0].Lifecycle.ID))
		}
		d.Matches = matches
		if len(matches) > findLimit {
			d.Matches, d.Cut = matches[:findLimit], true
		}
	}
	return findPage(v, d), nil
}

// matchedBy says by which numbers a lifecycle was found.
func matchedBy(m Match) string {
	labels := make([]string, len(m.Names))
	for i, n := range m.Names {
		labels[i] = keyLabel(n)
	}
	return strings.Join(labels, ", ")
}

// saleName is what a lifecycle is: Sale 0123-04-000778.
func saleName(l *inventory.Lifecycle) string {
	return orElse(words(l.Workflow), "Transaction") + " " + bestKey(l)
}
