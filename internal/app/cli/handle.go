package cli

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stocktrace/stocktrace/internal/app"
)

// handling is what came of doing something about findings.
type handling struct {
	Count    int       `json:"count"`
	Skipped  int       `json:"skipped"`
	Preview  bool      `json:"preview"`
	Applied  bool      `json:"applied"`
	Findings []finding `json:"findings"`
}

// handles are the commands below findings: what a person does about them.
func (p *Program) handles() []*cobra.Command {
	return []*cobra.Command{
		p.handle("ack", "acknowledge", "say that somebody looks after it", "acknowledged", nil),
		p.handle("assign", "assign", "say whose it is; an empty --to takes it back", "assigned", func(cmd *cobra.Command) map[string]*string {
			return map[string]*string{"assignee": cmd.Flags().String("to", "", "whose it is")}
		}),
		p.handle("resolve", "resolve", "close it by your word", "resolved", func(cmd *cobra.Command) map[string]*string {
			return map[string]*string{"resolution": cmd.Flags().String("as", "", "corrected_manually, accepted, discarded, false_alarm, arrived, replayed or reversed")}
		}),
		p.handle("reopen", "reopen", "take a resolution back", "opened again", nil),
	}
}

func (p *Program) handle(name, verb, short, did string, more func(*cobra.Command) map[string]*string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   name + " [FINDING] [flags]",
		Short: short,
		Long: upperFirst(short) + `: of one finding, by its id (stocktrace findings --members -o json), or of what
filters select. With filters it only counts, until --expect says how many are meant.`,
		Example: fmt.Sprintf("\n  stocktrace findings %[1]s f-5be1c0d2f3a4 --by ada\n  stocktrace findings %[1]s --group g-5be1c0d2f3a4 --by ada --expect 39", name),
		Args:    cobra.MaximumNArgs(1),
	}
	cmd.Flags().SortFlags = false
	body := map[string]*string{
		"by":     cmd.Flags().String("by", "", "who does it (default: your name on this machine)"),
		"ticket": cmd.Flags().String("ticket", "", "a ticket it goes by elsewhere"),
		"note":   cmd.Flags().String("note", "", "what others should know"),
	}
	if more != nil {
		for field, value := range more(cmd) {
			body[field] = value
		}
	}
	expect := cmd.Flags().Int("expect", -1, "how many findings the filters select; another number is refused")
	for _, f := range findingFilters {
		cmd.Flags().String(f.name, "", f.usage)
		cmd.Flags().Lookup(f.name).Annotations = map[string][]string{groupOf: {"Filter"}}
	}
	addSettings(cmd, app.GroupClient)
	addClientSettings(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		query := url.Values{}
		for _, f := range findingFilters {
			if v := cmd.Flags().Lookup(f.name).Value.String(); v != "" {
				query.Set(f.name, v)
			}
		}
		path := "/api/v1/findings/" + verb
		switch {
		case len(args) == 1 && len(query) > 0:
			return errors.New("name a finding or filters, not both")
		case len(args) == 1:
			path = "/api/v1/findings/" + url.PathEscape(args[0]) + "/" + verb
		case len(query) == 0:
			return fmt.Errorf("which ones? Name a finding, or filters such as --group: stocktrace findings %s --help", name)
		case *expect < 0:
			query.Set("preview", "1")
		}
		deed := map[string]any{}
		for field, value := range body {
			if *value != "" {
				deed[field] = *value
			}
		}
		deed["by"] = cmp.Or(*body["by"], os.Getenv("USER"), os.Getenv("USERNAME"))
		if len(args) == 0 && *expect >= 0 {
			deed["expect"] = *expect
		}
		return p.ask(cmd, func(c *client, s *app.Settings, scr *screen) error {
			text, err := json.Marshal(deed)
			if err != nil {
				return err
			}
			answer, err := c.do(cmd.Context(), http.MethodPost, path, query, bytes.NewReader(text))
			if err != nil {
				return err
			}
			defer answer.Close()
			if text, err = io.ReadAll(answer); err != nil {
				return fmt.Errorf("read the instance's answer: %w", err)
			}
			if s.Output == "json" {
				scr.printf("%s\n", strings.TrimRight(string(text), "\n"))
				return nil
			}
			var h handling
			if err := json.Unmarshal(text, &h); err != nil {
				return fmt.Errorf("read the instance's answer: %w", err)
			}
			scr.handled(&h, name, did)
			return nil
		})
	}
	return cmd
}

// handled says what came of it.
func (s *screen) handled(h *handling, name, did string) {
	many := plural(h.Count, "finding", "findings")
	skipped := ""
	if h.Skipped > 0 {
		skipped = fmt.Sprintf("; skipped %d it cannot be done to", h.Skipped)
	}
	switch {
	case h.Preview:
		s.printf("These filters select %s%s. Nothing is done yet: add --expect %d.\n", many, skipped, h.Count)
	case !h.Applied:
		s.printf("On record: %s %s%s. The engine has not acted on it yet; stocktrace findings shows when it has.\n", many, did, skipped)
	default:
		s.printf("%s %s%s.\n", upperFirst(many), did, skipped)
		if h.Count == 1 && len(h.Findings) == 1 {
			s.printf("%s\n", h.Findings[0].Sentence)
		}
	}
}

func upperFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
