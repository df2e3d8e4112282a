package cli

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/stocktrace/stocktrace/collector/access"
	"github.com/stocktrace/stocktrace/internal/app"
)

func (p *Program) token() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "token",
		GroupID: "keep",
		Short:   "make, list and revoke the tokens of those who send",
		Long: `A source is a system that sends, such as the tills of one country. Its token lets it
send as itself only: what it may speak as stands in the file of --sources, and is its
own name where nothing stands there. Only the SHA-256 of a token is kept. A running
instance reads the file again every second.

To rotate: make a second token, give it to the sender, revoke the first one.`,
		Example: `
  stocktrace token new pos-fr
  stocktrace token new pos-fr --expires 90d --retire 1d
  stocktrace token list
  stocktrace token revoke 7c1e09aa`,
		Args: unknownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(p.tokenNew(), p.tokenList(), p.tokenRevoke())
	for _, c := range cmd.Commands() {
		addSetting(c, "data-dir")
		addSetting(c, "tokens")
		addSetting(c, "output")
		c.Flags().String("config", "", "the settings file (default: "+app.DefaultFile+", where it exists)")
	}
	return cmd
}

// tokens returns the settings, the file they name, and what is in it.
func (p *Program) tokens(cmd *cobra.Command) (*app.Settings, access.Tokens, error) {
	s, err := p.load(cmd)
	if err != nil {
		return nil, nil, err
	}
	list, err := access.ReadTokens(s.TokensFile())
	return s, list, err
}

// clock is the present time: secrets live in real time.
func (p *Program) present() time.Time {
	if p.Now != nil {
		return p.Now()
	}
	return time.Now()
}

func (p *Program) tokenNew() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "new SOURCE [flags]",
		Short: "make a token; it is shown once",
		Args:  exactly(1, "which source? Name the system that will send with it, such as pos-fr"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, list, err := p.tokens(cmd)
			if err != nil {
				return err
			}
			if err := access.CheckName(args[0]); err != nil {
				return err
			}
			now := p.present()
			expires, err := after(cmd, "expires", now)
			if err != nil {
				return err
			}
			retire, err := after(cmd, "retire", now)
			if err != nil {
				return err
			}
			secret, token := access.NewToken(args[0], now, expires)
			if list, err = list.Add(token, now, retire); err != nil {
				return err
			}
			if err := list.Write(s.TokensFile()); err != nil {
				return err
			}
			if s.Output == "json" {
				return p.tokenJSON(map[string]string{"id": token.ID, "source": token.Source, "token": secret})
			}
			scr := p.screen()
			scr.printf("%s\n", secret)
			fmt.Fprintf(p.Stderr, "stocktrace: this is token %s of %s; it is shown this once. Senders give it as: authorization: Bearer …\n", token.ID, token.Source)
			return nil
		},
	}
	cmd.Flags().String("expires", "", "when it ends, from now: 90d or 12h (default: never)")
	cmd.Flags().String("retire", "", "when the source's other tokens end, from now: 1d or 12h (default: they do not)")
	return cmd
}

// after is the instant a flag names by a time from now; zero where it is not given.
func after(cmd *cobra.Command, name string, now time.Time) (time.Time, error) {
	text, err := cmd.Flags().GetString(name)
	if err != nil || text == "" {
		return time.Time{}, err
	}
	d, err := app.ParseSpan(text)
	if err != nil {
		return time.Time{}, fmt.Errorf("--%s: %w", name, err)
	}
	return now.Add(d), nil
}

func (p *Program) tokenJSON(v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	p.screen().printf("%s\n", text)
	return nil
}

func (p *Program) tokenList() *cobra.Command {
	return &cobra.Command{
		Use:   "list [flags]",
		Short: "list tokens, without their secrets",
		Args:  exactly(0, "list takes flags only"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, list, err := p.tokens(cmd)
			if err != nil {
				return err
			}
			now := p.present()
			if s.Output == "json" {
				type row struct {
					ID      string     `json:"id"`
					Source  string     `json:"source"`
					Created time.Time  `json:"created"`
					Expires *time.Time `json:"expires"`
					Valid   bool       `json:"valid"`
				}
				rows := make([]row, len(list))
				for i := range list {
					t := &list[i]
					rows[i] = row{ID: t.ID, Source: t.Source, Created: t.Created, Valid: t.Valid(now)}
					if !t.Expires.IsZero() {
						rows[i].Expires = &t.Expires
					}
				}
				return p.tokenJSON(rows)
			}
			scr := p.screen()
			if len(list) == 0 {
				scr.printf("No tokens in %s; `stocktrace token new SOURCE` makes one.\n", s.TokensFile())
			}
			for i := range list {
				t := &list[i]
				state := "never ends"
				switch {
				case !t.Valid(now):
					state = "ended " + t.Expires.Format(time.DateTime)
				case !t.Expires.IsZero():
					state = "ends " + t.Expires.Format(time.DateTime)
				}
				scr.printf("%s  %-24s made %s  %s\n", t.ID, t.Source, t.Created.Format(time.DateTime), state)
			}
			return nil
		},
	}
}

func (p *Program) tokenRevoke() *cobra.Command {
	return &cobra.Command{
		Use:   "revoke ID|SOURCE [flags]",
		Short: "end a token, or all of a source, at once",
		Args:  exactly(1, "which one? `stocktrace token list` lists them"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, list, err := p.tokens(cmd)
			if err != nil {
				return err
			}
			kept, n := list.Revoke(args[0])
			if n == 0 {
				return fmt.Errorf("no token or source is called %q; `stocktrace token list` lists them", args[0])
			}
			if err := kept.Write(s.TokensFile()); err != nil {
				return err
			}
			p.screen().printf("%s revoked.\n", plural(n, "token", "tokens"))
			return nil
		},
	}
}
