package cli

import (
	"cmp"
	"fmt"
	"math"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stocktrace/stocktrace/internal/app"
)

type objective struct {
	Name       string   `json:"name"`
	Title      string   `json:"title"`
	Sentence   string   `json:"sentence"`
	Owner      string   `json:"owner"`
	Target     float64  `json:"target"`
	Good       int      `json:"good"`
	Bad        int      `json:"bad"`
	Unknown    int      `json:"unknown"`
	Pending    int      `json:"pending"`
	Attainment *float64 `json:"attainment"`
	BudgetLeft *float64 `json:"budget_left"`
	Burns      []burn   `json:"burns"`
	Regions    []slice  `json:"regions"`
	Stores     []slice  `json:"stores"`
	Alert      string   `json:"alert"`
}

type burn struct {
	Window string   `json:"window"`
	Rate   *float64 `json:"rate"`
	Firing bool     `json:"firing"`
}

type slice struct {
	Name       string   `json:"name"`
	Good       int      `json:"good"`
	Bad        int      `json:"bad"`
	Unknown    int      `json:"unknown"`
	Attainment *float64 `json:"attainment"`
	BudgetLeft *float64 `json:"budget_left"`
}

func (p *Program) report() *cobra.Command {
	var month string
	cmd := &cobra.Command{
		Use:     "report [flags]",
		GroupID: "ask",
		Short:   "which promises are kept, and what is left of their budgets",
		Long: `Shows every objective: how many lifecycles kept it, how much of the error budget is
left, how fast it burns, and where it is broken. Lifecycles whose evidence has not come
yet stand apart as unknown: neither kept nor broken.

With --month it reports on one calendar month instead: what was attained, what is left of
the month's budget, the worst three causes, what was at risk, and what has changed since
the month before.`,
		Example: `
  stocktrace report
  stocktrace report --month 2026-11
  stocktrace report -o json | jq '.items[] | {name, budget_left}'`,
		Args: exactly(0, "report takes flags only; `stocktrace report --help` lists them"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.ask(cmd, func(c *client, s *app.Settings, scr *screen) error {
				if cmd.Flags().Changed("month") {
					return showMonth(cmd, c, s, scr, month)
				}
				return show(cmd, c, s, scr, "/api/v1/objectives", nil, scr.report)
			})
		},
	}
	cmd.Flags().StringVar(&month, "month", "", "a calendar month, like 2026-11, instead of how things stand")
	cmd.Flags().Lookup("month").Annotations = map[string][]string{groupOf: {"Filter"}}
	addSettings(cmd, app.GroupClient)
	addClientSettings(cmd)
	return cmd
}

func (s *screen) report(found list[objective]) {
	objectives := found.Items
	met := 0
	for _, o := range objectives {
		if o.BudgetLeft == nil || *o.BudgetLeft >= 0 {
			met++
		}
	}
	s.printf("%s\n", s.in(bold, fmt.Sprintf("%d of %s met", met, plural(len(objectives), "promise", "promises"))))
	for _, o := range objectives {
		s.printf("\n%s\n", s.in(bold, cmp.Or(o.Title, o.Name)))
		if o.Sentence != "" {
			s.printf("  %s\n", o.Sentence)
		}
		st := green
		if o.BudgetLeft != nil && *o.BudgetLeft < 0.25 {
			st = yellow
		}
		if o.BudgetLeft != nil && *o.BudgetLeft < 0 {
			st = red
		}
		s.printf("  %s of %s, budget left %s\n  %s\n", s.in(st, percent(o.Attainment)), percent(&o.Target), s.in(st, percent(o.BudgetLeft)),
			s.in(dim, fmt.Sprintf("%d kept, %d broken, %d unknown, %d not due yet", o.Good, o.Bad, o.Unknown, o.Pending)))
		var burns []string
		for _, b := range o.Burns {
			switch {
			case b.Rate == nil:
			case b.Firing:
				burns = append(burns, s.in(red, fmt.Sprintf("%s %.1f× (alarm)", b.Window, *b.Rate)))
			default:
				burns = append(burns, s.in(dim, fmt.Sprintf("%s %.1f×", b.Window, *b.Rate)))
			}
		}
		if len(burns) > 0 {
			s.printf("  %s%s\n", s.in(dim, "budget burns, by window: "), strings.Join(burns, s.in(dim, ", ")))
		}
		s.slices("REGION", o.Regions)
		s.slices("WORST STORES", worst(o.Stores))
	}
}

// worst returns the stores that broke a promise, at most ten: they come worst
// first.
func worst(stores []slice) []slice {
	for i, st := range stores {
		if st.Bad == 0 || i == 10 {
			return stores[:i]
		}
	}
	return stores
}

func (s *screen) slices(title string, slices []slice) {
	if len(slices) == 0 {
		return
	}
	rows := [][]cell{{
		{text: title, style: dim},
		{text: "KEPT", style: dim, right: true},
		{text: "BROKEN", style: dim, right: true},
		{text: "UNKNOWN", style: dim, right: true},
		{text: "ATTAINED", style: dim, right: true},
		{text: "BUDGET LEFT", style: dim, right: true},
	}}
	for _, sl := range slices {
		rows = append(rows, []cell{
			{text: cmp.Or(sl.Name, "(none)")},
			{text: fmt.Sprint(sl.Good), right: true},
			{text: fmt.Sprint(sl.Bad), right: true},
			{text: fmt.Sprint(sl.Unknown), right: true},
			{text: percent(sl.Attainment), right: true},
			{text: percent(sl.BudgetLeft), right: true},
		})
	}
	s.printf("\n")
	s.table(rows)
}

// percent writes a share; two places where it is close to whole, because 99.50
// and 99.95 are different promises.
func percent(share *float64) string {
	if share == nil || math.IsNaN(*share) {
		return "—"
	}
	p := *share * 100
	if math.Abs(p) >= 90 && math.Abs(p) < 100 {
		return fmt.Sprintf("%.2f %%", p)
	}
	return fmt.Sprintf("%.0f %%", p)
}
