package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/stocktrace/stocktrace/internal/app"
)

func (p *Program) preview() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "preview FILE... [flags]",
		GroupID: "keep",
		Short:   "say what other rules would change of what is open, before they are applied",
		Long: `Judges everything that is open twice, by the rules in force and by those of the files
given (workflows, locations, packs: whatever they hold), at the same moment and by the
same evidence, and says how many verdicts and findings would be other ones. Nothing is
changed: to apply the rules, start ` + "`stocktrace run`" + ` with them. What no file declares
stays as the instance has it.

Exits 0 where nothing would change, 1 where something would, 2 where it could not tell.`,
		Example: `
  stocktrace preview my-workflows/
  stocktrace preview stores.yaml packs.yaml -o json | jq .verdicts`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("which rules? Name the files: stocktrace preview my-workflows/")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.ask(cmd, func(c *client, s *app.Settings, scr *screen) error {
				ask, err := app.ReadPreview(args)
				if err != nil {
					return err
				}
				text, err := json.Marshal(ask)
				if err != nil {
					return err
				}
				body, err := c.do(cmd.Context(), "POST", "/api/v1/preview", nil, bytes.NewReader(text))
				if err != nil {
					return err
				}
				defer body.Close()
				var r app.PreviewReport
				if err := json.NewDecoder(body).Decode(&r); err != nil {
					return fmt.Errorf("read the instance's answer: %w", err)
				}
				if s.Output == "json" {
					text, err := json.MarshalIndent(r, "", "  ")
					if err != nil {
						return err
					}
					scr.printf("%s\n", text)
				} else {
					scr.previewReport(&r)
				}
				if r.Changed > 0 {
					return errNo
				}
				return nil
			})
		},
	}
	addSettings(cmd, app.GroupClient)
	addClientSettings(cmd)
	for _, name := range []string{"workflows", "packs"} { // in force, where no instance runs
		addSetting(cmd, name)
	}
	return cmd
}

// previewExamples is how many changed lifecycles a terminal is shown.
const previewExamples = 10

func (s *screen) previewReport(r *app.PreviewReport) {
	if r.Changed == 0 {
		s.printf("%s %s open: nothing would change.\n", s.in(green, "✓"), plural(r.Open, "lifecycle", "lifecycles"))
		return
	}
	s.printf("%s of %s open would be judged otherwise:\n\n", s.in(bold, fmt.Sprint(r.Changed)), plural(r.Open, "lifecycle", "lifecycles"))
	for _, t := range r.Verdicts {
		s.printf("  %6d  %s → %s\n", t.Count, orNone(t.From), orNone(t.To))
	}
	findings := func(kinds map[string]int, what string) {
		for _, kind := range slices.Sorted(maps.Keys(kinds)) {
			s.printf("  %6d  %s %s\n", kinds[kind], kind, what)
		}
	}
	findings(r.Opened, "opened")
	findings(r.Closed, "closed")
	s.printf("\n")
	for _, c := range r.Changes[:min(len(r.Changes), previewExamples)] {
		s.printf("  %s %s\n", s.in(bold, c.CorrelationID), c.Sentence)
	}
	if more := r.Changed - previewExamples; more > 0 {
		s.printf("  and %d more\n", more)
	}
}

// orNone writes the verdict of a lifecycle that is not there.
func orNone(verdict string) string {
	if verdict == "" {
		return "none"
	}
	return verdict
}
