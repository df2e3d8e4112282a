package cli

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/stocktrace/stocktrace/internal/app"
)

// replayLedger is what became of the replays that were requested.
type replayLedger struct {
	Requested int      `json:"requested"`
	Landed    int      `json:"landed"`
	Doubled   int      `json:"doubled"`
	Stalled   int      `json:"stalled"`
	Failed    int      `json:"failed"`
	Waiting   int      `json:"waiting"`
	EndsAt    string   `json:"estimated_end"`
	Whole     bool     `json:"whole"`
	Items     []replay `json:"items"`
}

type replay struct {
	ID            string     `json:"request_id"`
	CorrelationID string     `json:"correlation_id"`
	Batch         string     `json:"batch"`
	System        string     `json:"system"`
	Step          string     `json:"step"`
	RequestedAt   time.Time  `json:"requested_at"`
	State         string     `json:"state"`
	Units         []quantity `json:"units"`
	Error         string     `json:"error"`
}

func (p *Program) replays() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "replays [flags]",
		GroupID: "ask",
		Short:   "the replays requested, and what became of them",
		Long: `Says of the replays requested in the last 24 hours how many landed, were posted
twice, stalled, failed or still wait, and when the rest lands at this pace. What
needs people is listed; --all lists what landed, too.`,
		Example: `
  stocktrace replays
  stocktrace replays --from 2026-11-23T00:00:00Z -o json`,
		Args: exactly(0, "replays takes its window as flags, like --from 2026-11-23T00:00:00Z"),
	}
	from := cmd.Flags().String("from", "", "requested since, like 2026-11-23T00:00:00Z (default: 24 hours ago)")
	all := cmd.Flags().Bool("all", false, "list what landed, too")
	addSettings(cmd, app.GroupClient)
	addClientSettings(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		query := url.Values{}
		if *from != "" {
			query.Set("from", *from)
		}
		return p.ask(cmd, func(c *client, s *app.Settings, scr *screen) error {
			var l replayLedger
			text, err := c.get(cmd.Context(), "/api/v1/replays", query, &l)
			if err != nil {
				return err
			}
			if s.Output == "json" {
				scr.printf("%s\n", strings.TrimRight(string(text), "\n"))
				return nil
			}
			scr.replays(&l, *all)
			return nil
		})
	}
	return cmd
}

func (s *screen) replays(l *replayLedger, all bool) {
	if l.Requested == 0 {
		s.printf("No replay was requested.\n")
		return
	}
	few := ""
	if !l.Whole {
		few = "the newest "
	}
	s.printf("Of %s%d requested: %d landed, %d posted twice, %d stalled, %d failed, %d waiting.\n",
		few, l.Requested, l.Landed, l.Doubled, l.Stalled, l.Failed, l.Waiting)
	if at, err := time.Parse(time.RFC3339, l.EndsAt); err == nil {
		s.printf("At this pace the rest lands by %s.\n", at.Local().Format("2 Jan 15:04"))
	}
	for _, r := range l.Items {
		if r.State == "landed" && !all {
			continue
		}
		what := r.CorrelationID
		if what == "" {
			what = r.ID
		}
		said := r.State
		for _, u := range r.Units {
			said += fmt.Sprintf(", stock off by %s %s", u.Quantity, u.UOM)
		}
		if r.Error != "" {
			said += ": " + r.Error
		}
		s.printf("  %s  %s %s  %s\n", s.in(bold, what), r.System, r.Step, said)
	}
}
