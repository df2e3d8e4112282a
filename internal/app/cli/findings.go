package cli

import (
	"cmp"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stocktrace/stocktrace/internal/app"
)

// findingFilters are the API's filters a person wants in a terminal.
var findingFilters = []struct{ name, usage string }{
	{"kind", "missing_step, dead_lettered, quantity_mismatch, …"},
	{"cause", "mapping_defect, store_offline, downstream_delay, …"},
	{"state", "open, closed or any"},
	{"system", "the hop's system: pos, middleware, oms, erp, …"},
	{"location", "a store, padded or not"},
	{"region", "a region"},
	{"owner", "who has to act"},
	{"group", "the members of one group"},
}

func (p *Program) findings() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "findings [flags]",
		GroupID: "ask",
		Short:   "what is wrong now, by cause",
		Long: `Lists open findings. One cause with many members is one line with its count;
--group shows the members.`,
		Example: `
  stocktrace findings                                  everything open
  stocktrace findings --kind missing_step --region south
  stocktrace findings --group g-1f2e                   the members of one line
  stocktrace findings --state any -o json --limit 1000`,
		Args: exactly(0, "findings takes filters as flags, like --kind missing_step; to look one transaction up: stocktrace trace KEY"),
	}
	cmd.Flags().SortFlags = false
	for _, f := range findingFilters {
		def := ""
		if f.name == "state" {
			def = "open"
		}
		cmd.Flags().String(f.name, def, f.usage)
		cmd.Flags().Lookup(f.name).Annotations = map[string][]string{groupOf: {"Filter"}}
	}
	limit := cmd.Flags().Int("limit", 50, "how many lines at most")
	cmd.Flags().Lookup("limit").Annotations = map[string][]string{groupOf: {"Filter"}}
	addSettings(cmd, app.GroupClient)
	addClientSettings(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		query := url.Values{"limit": {strconv.Itoa(*limit)}}
		for _, f := range findingFilters {
			if v := cmd.Flags().Lookup(f.name).Value.String(); v != "" {
				query.Set(f.name, v)
			}
		}
		return p.ask(cmd, func(c *client, s *app.Settings, scr *screen) error {
			var found list[finding]
			text, err := c.get(cmd.Context(), "/api/v1/findings", query, &found)
			if err != nil {
				return err
			}
			if s.Output == "json" {
				scr.printf("%s\n", strings.TrimRight(string(text), "\n"))
				return nil
			}
			scr.findings(found)
			return nil
		})
	}
	return cmd
}

func (s *screen) findings(found list[finding]) {
	if len(found.Items) == 0 {
		s.printf("No finding matches. All promises that are due have been kept, as far as the evidence reaches.\n")
		return
	}
	rows := [][]cell{{
		{text: "COUNT", style: dim, right: true}, {text: "WHAT", style: dim}, {text: "WHERE", style: dim},
		{text: "OPEN FOR", style: dim, right: true}, {text: "AT RISK", style: dim, right: true}, {text: "OWNER", style: dim}, {text: "TRACE, OR GROUP", style: dim},
	}}
	for _, f := range found.Items {
		open := s.age(f.OpenedAt)
		if f.State == "closed" {
			open = cmp.Or(f.Resolution, "closed")
		}
		id := f.CorrelationID
		if id == "" {
			id = cmp.Or(f.Group, f.ID)
		}
		rows = append(rows, []cell{
			{text: strconv.Itoa(max(1, f.Count)), right: true},
			{text: cmp.Or(f.Title, f.Kind), style: severityStyle(f.Severity)},
			{text: strings.Join(nonEmpty(f.System, f.Location), " ")},
			{text: open, right: true},
			{text: atRisk(f.Values, f.Units), right: true},
			{text: f.Owner},
			{text: id, style: dim},
		})
	}
	s.table(rows)
	if found.Next != "" {
		s.printf("\nThere are more; --limit shows up to 1000.\n")
	}
}

// atRisk writes money where it is known, goods where it is not; sums over
// different units and currencies stand beside each other.
func atRisk(values []amount, units []quantity) string {
	var parts []string
	for _, v := range values {
		parts = append(parts, v.Amount+" "+v.Currency)
	}
	if len(parts) == 0 {
		for _, u := range units {
			parts = append(parts, u.Quantity+" "+u.UOM)
		}
	}
	return strings.Join(parts, " + ")
}
