package cli

import (
	"cmp"
	"fmt"
	"math/big"
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
		Long: `Lists what is wrong, worst first: one line for each cause, however many sales it
holds up. --members, or --group with the id at the end of a line, lists the sales.`,
		Example: `
  stocktrace findings                                  every cause with something open
  stocktrace findings --kind missing_step --region south
  stocktrace findings --group 5be1c0d2f3a4             the sales behind one line
  stocktrace findings --members --state any -o json --limit 1000
  stocktrace findings ack --group g-5be1c0d2f3a4       say that you look after them`,
		Args: exactly(0, "findings takes filters as flags, like --kind missing_step; to look one transaction up: stocktrace trace KEY"),
	}
	cmd.Flags().SortFlags = false
	for _, f := range findingFilters {
		def := ""
		if f.name == "state" {
			def = "open"
		}
		cmd.Flags().String(f.name, def, f.usage)
	}
	cmd.AddCommand(p.handles()...)
	members := cmd.Flags().Bool("members", false, "list the sales instead of the causes")
	limit := cmd.Flags().Int("limit", 50, "how many lines at most")
	for _, name := range []string{"members", "limit"} {
		cmd.Flags().Lookup(name).Annotations = map[string][]string{groupOf: {"Filter"}}
	}
	for _, f := range findingFilters {
		cmd.Flags().Lookup(f.name).Annotations = map[string][]string{groupOf: {"Filter"}}
	}
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
			if *members || query.Has("group") {
				query.Set("groups", "without")
				return show(cmd, c, s, scr, "/api/v1/findings", query, scr.findings)
			}
			return show(cmd, c, s, scr, "/api/v1/findings/groups", query, scr.groups)
		})
	}
	return cmd
}

// show asks for a list and draws it, or hands it on as it is.
func show[T any](cmd *cobra.Command, c *client, s *app.Settings, scr *screen, path string, query url.Values, draw func(list[T])) error {
	var found list[T]
	text, err := c.get(cmd.Context(), path, query, &found)
	if err != nil {
		return err
	}
	if s.Output == "json" {
		scr.printf("%s\n", strings.TrimRight(string(text), "\n"))
		return nil
	}
	draw(found)
	return nil
}

const nothingWrong = "Nothing is wrong, as far as the evidence reaches. `stocktrace report` says how far that is.\n"

func (s *screen) groups(found list[group]) {
	if len(found.Items) == 0 {
		s.printf(nothingWrong)
		return
	}
	rows := [][]cell{{
		{text: "OPEN", style: dim, right: true},
		{text: "WHAT", style: dim},
		{text: "WHY", style: dim},
		{text: "WHERE", style: dim},
		{text: "SINCE", style: dim, right: true},
		{text: "AT RISK", style: dim, right: true},
		{text: "OWNER", style: dim},
		{text: "GROUP", style: dim},
	}}
	for _, g := range found.Items {
		where := some(g.Regions)
		if g.Locations > 0 {
			where = strings.Join(nonEmpty(plural(g.Locations, "store", "stores"), where), ", ")
		}
		rows = append(rows, []cell{
			{text: strconv.Itoa(g.Open), right: true},
			{text: cmp.Or(g.Title, g.Kind), style: severityStyle(g.Severity)},
			{text: strings.Join(nonEmpty(words(g.Cause), g.Value), " ")},
			{text: where},
			{text: s.age(g.FirstOpened), right: true},
			{text: atRisk(g.Values, g.Units), right: true},
			{text: g.Owner},
			{text: g.ID, style: dim},
		})
	}
	s.table(rows)
	s.more(found.Next)
}

func (s *screen) more(next string) {
	if next != "" {
		s.printf("\nThere are more; --limit shows up to 1000.\n")
	}
}

// words writes an identifier of the contract as a person reads it.
func words(name string) string { return strings.ReplaceAll(name, "_", " ") }

func (s *screen) findings(found list[finding]) {
	if len(found.Items) == 0 {
		s.printf(nothingWrong)
		return
	}
	rows := [][]cell{{
		{text: "WHAT", style: dim},
		{text: "WHY", style: dim},
		{text: "STORE", style: dim},
		{text: "OPEN FOR", style: dim, right: true},
		{text: "AT RISK", style: dim, right: true},
		{text: "OWNER", style: dim},
		{text: "TRACE", style: dim},
	}}
	for _, f := range found.Items {
		open := s.age(f.OpenedAt)
		if f.State == "closed" {
			open = cmp.Or(f.Resolution, "closed")
		}
		rows = append(rows, []cell{
			{text: cmp.Or(f.Title, f.Kind), style: severityStyle(f.Severity)},
			{text: words(f.Cause)},
			{text: f.Location},
			{text: open, right: true},
			{text: atRisk(f.Values, f.Units), right: true},
			{text: f.Owner},
			{text: cmp.Or(f.CorrelationID, f.System+" feed"), style: dim},
		})
	}
	s.table(rows)
	s.more(found.Next)
}

// atRisk writes money where it is known, goods where it is not. Sums over
// different units and currencies stand beside each other: they do not add up.
func atRisk(values []amount, units []quantity) string {
	var parts []string
	for _, v := range values {
		parts = append(parts, money(v.Amount)+" "+v.Currency)
	}
	if len(parts) == 0 {
		for _, u := range units {
			parts = append(parts, u.Quantity+" "+u.UOM)
		}
	}
	return strings.Join(parts, " + ")
}

// money rounds an exact amount to cents for people.
func money(amount string) string {
	if r, ok := new(big.Rat).SetString(amount); ok {
		return r.FloatString(2)
	}
	return amount
}

// some lists names, and says how many it leaves out.
func some(names []string) string {
	const most = 3
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s + %d", strings.Join(names[:most-1], ", "), len(names)-most+1)
}
