package web

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
)

var unreadStates = []UnreadState{Waiting, Landed, Any}

func (s *Server) apiQuarantine(r *http.Request) (any, error) {
	values := r.URL.Query()
	q := QuarantineQuery{State: UnreadState(orElse(values.Get("state"), string(Waiting))), Source: values.Get("source"), Reason: values.Get("reason")}
	if !slices.Contains(unreadStates, q.State) {
		return nil, &badQuery{"state", "waiting, landed or any."}
	}
	var err error
	if q.Page, err = pageOf(values); err != nil {
		return nil, err
	}
	limit := q.Page.Limit
	q.Page.Limit++
	rows, err := s.Reader.Quarantine(r.Context(), q)
	if err != nil {
		return nil, err
	}
	rows, next := windowOf(rows, limit, func(q Unread) string { return encodeCursor(Cursor{q.ReceivedAt, q.ID}) })
	items := make([]quarantinedJSON, len(rows))
	for i := range rows {
		items[i] = quarantinedOf(&rows[i])
	}
	return &list{
		Items: items, Next: next, name: "quarantine", columns: quarantinedColumns,
		rows: func(yield func([]string)) {
			for i := range items {
				yield(items[i].row())
			}
		},
	}, nil
}

type quarantinedJSON struct {
	ID          string `json:"id"`
	ReceivedAt  stamp  `json:"received_at"`
	Source      string `json:"source"`
	Transport   string `json:"transport"`
	ContentType string `json:"content_type"`
	Reason      string `json:"reason"`
	Pointer     string `json:"pointer"`
	Detail      string `json:"detail"`
	LandedAt    stamp  `json:"landed_at"`
	Reingest    string `json:"reingest"`
	Raw         []byte `json:"raw"` // base64
}

func quarantinedOf(q *Unread) quarantinedJSON {
	return quarantinedJSON{
		q.ID, stamp(q.ReceivedAt), q.Source, q.Transport, q.ContentType, q.Reason, q.Pointer, q.Detail,
		stamp(q.LandedAt), q.Reingest, append([]byte{}, q.Raw...),
	}
}

var quarantinedColumns = []string{"id", "received_at", "source", "transport", "content_type", "reason", "pointer", "detail", "landed_at", "reingest"}

func (q *quarantinedJSON) row() []string {
	return []string{q.ID, q.ReceivedAt.String(), q.Source, q.Transport, q.ContentType, q.Reason, q.Pointer, q.Detail, q.LandedAt.String(), q.Reingest}
}

func (s *Server) apiReingests(r *http.Request) (any, error) {
	page, err := pageOf(r.URL.Query())
	if err != nil {
		return nil, err
	}
	limit := page.Limit
	page.Limit++
	rows, err := s.Reader.Reingests(r.Context(), page)
	if err != nil {
		return nil, err
	}
	rows, next := windowOf(rows, limit, func(r Reread) string { return encodeCursor(Cursor{r.At, r.ID}) })
	items := each(rows, func(r Reread) rereadJSON {
		return rereadJSON{r.ID, stamp(r.At), r.By, r.Via, r.Filter, r.Entries, r.Landed, r.Events, stamp(r.EndedAt), r.Error}
	})
	return &list{
		Items: items, Next: next, name: "reingests", columns: rereadColumns,
		rows: func(yield func([]string)) {
			for i := range items {
				yield(items[i].row())
			}
		},
	}, nil
}

type rereadJSON struct {
	ID      string `json:"id"`
	At      stamp  `json:"at"`
	By      string `json:"by"`
	Via     string `json:"via"`
	Filter  string `json:"filter"`
	Entries int    `json:"entries"`
	Landed  int    `json:"landed"`
	Events  int    `json:"events"`
	EndedAt stamp  `json:"ended_at"`
	Error   string `json:"error"`
}

var rereadColumns = []string{"id", "at", "by", "via", "filter", "entries", "landed", "events", "ended_at", "error"}

func (j *rereadJSON) row() []string {
	return []string{
		j.ID, j.At.String(), j.By, j.Via, j.Filter, strconv.Itoa(j.Entries), strconv.Itoa(j.Landed), strconv.Itoa(j.Events), j.EndedAt.String(), j.Error,
	}
}

// asked says for people what entries were read again.
func (r *Reread) asked() string {
	values, err := url.ParseQuery(r.Filter)
	if err != nil || len(values) == 0 {
		return "everything"
	}
	text := ""
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if text != "" {
			text += ", "
		}
		text += name + " " + values.Get(name)
	}
	return text
}
