package cli

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/stocktrace/stocktrace/internal/app"
)

func (p *Program) reingest() *cobra.Command {
	var request struct {
		ID        string `json:"id,omitempty"`
		Source    string `json:"source,omitempty"`
		Transport string `json:"transport,omitempty"`
		Reason    string `json:"reason,omitempty"`
		By        string `json:"by"`
	}
	cmd := &cobra.Command{
		Use:     "reingest [flags]",
		GroupID: "keep",
		Short:   "read the quarantine again, once what was wrong is mended",
		Long: `Reads entries of the quarantine again and says how many landed, and why the others
still cannot be read. What landed waits no longer; who asked, and what came of it,
is kept (GET /api/v1/quarantine/reingests). An event read again is the same record:
asking twice stores nothing twice. Without flags, all entries that wait are read.

Exits 0 where all of them landed, 1 where some did not, 2 where it could not tell.`,
		Example: `
  stocktrace reingest --source pos-fr
  stocktrace reingest --reason malformed -o json`,
		Args: exactly(0, "reingest takes flags only; `stocktrace reingest --help` lists them"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.ask(cmd, func(c *client, s *app.Settings, scr *screen) error {
				request.By = cmp.Or(request.By, os.Getenv("USER"), os.Getenv("USERNAME"))
				text, err := json.Marshal(request)
				if err != nil {
					return err
				}
				body, err := c.do(cmd.Context(), "POST", "/api/v1/quarantine/reingest", nil, bytes.NewReader(text))
				if err != nil {
					return err
				}
				defer body.Close()
				var r app.ReingestReport
				if err := json.NewDecoder(body).Decode(&r); err != nil {
					return fmt.Errorf("read the instance's answer: %w", err)
				}
				if s.Output == "json" {
					if err := p.tokenJSON(r); err != nil {
						return err
					}
				} else {
					scr.printf("%d of %s landed: %s on disk.\n", r.Landed, plural(r.Entries, "entry", "entries"), plural(r.Events, "event is", "events are"))
					for _, still := range r.Still {
						scr.printf("  %s %s\n", still.ID, still.Detail)
					}
				}
				if r.Landed < r.Entries {
					return errNo
				}
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&request.ID, "id", "", "this entry")
	cmd.Flags().StringVar(&request.Source, "source", "", "entries of this source")
	cmd.Flags().StringVar(&request.Transport, "transport", "", "entries that came this way: cloudevents, otlp_traces, otlp_logs, otlp_metrics, document")
	cmd.Flags().StringVar(&request.Reason, "reason", "", "entries kept for this reason: malformed, unreadable, contradiction, oversized")
	cmd.Flags().StringVar(&request.By, "by", "", "who does it (default: your name on this machine)")
	addSettings(cmd, app.GroupClient)
	addClientSettings(cmd)
	return cmd
}
