package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/stocktrace/stocktrace/internal/app"
)

// monthReport is an objective over one calendar month.
type monthReport struct {
	Name             string    `json:"name"`
	Title            string    `json:"title"`
	Sentence         string    `json:"sentence"`
	Target           float64   `json:"target"`
	Month            string    `json:"month"`
	To               time.Time `json:"to"`
	AsOf             time.Time `json:"as_of"`
	Good             int       `json:"good"`
	Bad              int       `json:"bad"`
	Unknown          int       `json:"unknown"`
	Pending          int       `json:"pending"`
	Attainment       *float64  `json:"attainment"`
	BudgetLeft       *float64  `json:"budget_left"`
	AttainmentChange *float64  `json:"attainment_change"`
	BudgetChange     *float64  `json:"budget_change"`
	Causes           []struct {
		Kind  string `json:"kind"`
		Title string `json:"title"`
		Owner string `json:"owner"`
		Count int    `json:"count"`
	} `json:"causes"`
	AtRisk    risk    `json:"at_risk"`
	StillOpen risk    `json:"still_open"`
	Regions   []slice `json:"regions"`
}

type risk struct {
	Units  []quantity `json:"units"`
	Values []amount   `json:"values"`
}

// showMonth asks for every objective's month.
func showMonth(cmd *cobra.Command, c *client, s *app.Settings, scr *screen, month string) error {
	var all list[objective]
	if _, err := c.get(cmd.Context(), "/api/v1/objectives", nil, &all); err != nil {
		return err
	}
	reports := make([]monthReport, len(all.Items))
	texts := make([]json.RawMessage, len(all.Items))
	for i, o := range all.Items {
		path := "/api/v1/objectives/" + url.PathEscape(o.Name) + "/report"
		text, err := c.get(cmd.Context(), path, url.Values{"month": {month}}, &reports[i])
		if err != nil {
			return err
		}
		texts[i] = text
	}
	if s.Output == "json" {
		text, err := json.Marshal(list[json.RawMessage]{Items: texts})
		if err != nil {
			return fmt.Errorf("write the reports: %w", err)
		}
		scr.printf("%s\n", text)
		return nil
	}
	for i := range reports {
		if i > 0 {
			scr.printf("\n")
		}
		scr.month(&reports[i])
	}
	return nil
}

func (s *screen) month(r *monthReport) {
	s.printf("%s, %s\n", s.in(bold, cmp.Or(r.Title, r.Name)), s.in(bold, r.Month))
	if r.Sentence != "" {
		s.printf("  %s\n", r.Sentence)
	}
	st := green
	if r.BudgetLeft != nil && *r.BudgetLeft < 0 {
		st = red
	}
	soFar := ""
	if r.AsOf.Before(r.To) {
		soFar = " so far"
	}
	s.printf("  %s of %s%s (%s), budget left %s (%s)\n", s.in(st, percent(r.Attainment)), percent(&r.Target), soFar, change(r.AttainmentChange),
		s.in(st, percent(r.BudgetLeft)), change(r.BudgetChange))
	s.printf("  %s\n", s.in(dim, fmt.Sprintf("%d kept, %d broken, %d unknown, %d not due yet", r.Good, r.Bad, r.Unknown, r.Pending)))
	if atRisk := r.AtRisk.String(); atRisk != "" {
		s.printf("  at risk %s; still open: %s\n", atRisk, cmp.Or(r.StillOpen.String(), "nothing"))
	}
	if len(r.Causes) > 0 {
		rows := [][]cell{{{text: "WORST CAUSES", style: dim}, {text: "BROKEN", style: dim, right: true}, {text: "OWNER", style: dim}}}
		for _, c := range r.Causes {
			rows = append(rows, []cell{{text: cmp.Or(c.Title, c.Kind)}, {text: fmt.Sprint(c.Count), right: true}, {text: c.Owner}})
		}
		s.printf("\n")
		s.table(rows)
	}
	s.slices("REGION", r.Regions)
}

// String writes what was at risk, money and goods: they do not add up.
func (r risk) String() string {
	worth, goods := atRisk(r.Values, nil), atRisk(nil, r.Units)
	if worth != "" && goods != "" {
		return worth + ", " + goods
	}
	return worth + goods
}

// change writes a difference of shares in points of a percent.
func change(points *float64) string {
	if points == nil {
		return "nothing to compare with"
	}
	return fmt.Sprintf("%+.2f points on the month before", *points*100)
}
