package web

import (
	"context"
	"encoding/base64"
	"math"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/a-h/templ"
)

// storesData is the list of store-days.
type storesData struct {
	Query       StoreDayQuery
	Facets      Facets
	Days        []StoreDay
	First, Next string
}

func (s *Server) stores(v *view, r *http.Request) (templ.Component, error) {
	v.Title, v.Section = "Store days", "stores"
	q, err := storeDayQuery(r.URL.Query())
	if err != nil {
		return nil, err
	}
	d := storesData{Query: q}
	if d.Facets, err = once(r.Context(), s.shared, "facets", s.Reader.Facets); err != nil {
		return nil, err
	}
	q.Page.Limit = pageRows + 1
	d.Days, err = once(r.Context(), s.shared, r.URL.RequestURI(), func(ctx context.Context) ([]StoreDay, error) {
		return s.Reader.StoreDays(ctx, q)
	})
	if err != nil {
		return nil, err
	}
	if len(d.Days) > pageRows {
		d.Days = d.Days[:pageRows]
		d.Next = withParameter(r.URL, "cursor", encodeDayCursor(d.Days[pageRows-1]))
	}
	if q.Page.AfterDate != "" || q.Page.AfterLocation != "" {
		d.First = withParameter(r.URL, "cursor", "")
	}
	return storesPage(v, d), nil
}

func (d storesData) filtered() bool {
	q := d.Query
	return q.Location != "" || q.Region != "" || q.From != "" || q.To != "" || q.Wrong
}

// storeDayQuery reads the filters of a store-day list.
func storeDayQuery(values url.Values) (StoreDayQuery, error) {
	q := StoreDayQuery{
		Location: values.Get("location"), Region: values.Get("region"),
		From: values.Get("from"), To: values.Get("to"),
		Wrong: values.Get("wrong") != "" && values.Get("wrong") != "false",
	}
	if date := values.Get("business_date"); date != "" {
		q.From, q.To = date, date
	}
	for name, date := range map[string]string{"from": q.From, "to": q.To} {
		if _, err := time.Parse(time.DateOnly, date); date != "" && err != nil {
			return q, &badQuery{name, "a business date is written 2026-11-23."}
		}
	}
	var err error
	if q.Page.Limit, err = limitOf(values); err != nil {
		return q, err
	}
	if c := values.Get("cursor"); c != "" {
		raw, err := base64.RawURLEncoding.DecodeString(c)
		date, location, ok := strings.Cut(string(raw), "|")
		if err != nil || !ok {
			return q, badCursor
		}
		q.Page.AfterDate, q.Page.AfterLocation = date, location
	}
	return q, nil
}

func encodeDayCursor(d StoreDay) string {
	return base64.RawURLEncoding.EncodeToString([]byte(d.BusinessDate + "|" + d.Location))
}

// salesOfDay leads to the sales behind a number of a store-day.
func salesOfDay(d StoreDay, verdicts string) string {
	return link("/sales", "location", d.Location, "business_date", orElse(d.BusinessDate, NoDate), "verdict", verdicts)
}

// behind leads to what a number of the day counts: its sales, or the day itself
// where the sales stand as their day does.
func (d StoreDay) behind(verdicts string) string {
	if d.Day != "" {
		return tracePath(d.Day)
	}
	return salesOfDay(d, verdicts)
}

// The verdicts behind the columns of a store-day.
const (
	wrongVerdicts  = "conflicted,stalled,failed,overdue"
	postedVerdicts = "complete,complete_late"
)

// posted is the share of what owes a posting that has it; NaN where nothing
// does.
func (d StoreDay) posted() float64 {
	owed := d.Sold - d.NotOwed
	if owed <= 0 {
		return math.NaN()
	}
	return float64(d.Posted) / float64(owed)
}

func postedTone(d StoreDay) tone {
	switch {
	case d.Wrong > 0:
		return toneBad
	case d.Open > 0 || d.Unknown > 0:
		return toneBusy
	default:
		return toneGood
	}
}
