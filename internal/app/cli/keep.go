package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stocktrace/stocktrace/internal/app"
)

func (p *Program) verify() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "verify [flags]",
		GroupID: "ask",
		Short:   "recompute everything from the raw events and compare",
		Long: `Groups all raw events by their keys anew, without partitions and without what the
engine remembers, computes every lifecycle and finding as of the moment its stored row
was computed, and compares. It also checks that no deadline passed unnoticed.

Exits 0 where there is no difference, 1 where there is one, 2 where it could not tell.`,
		Example: `
  stocktrace verify
  stocktrace verify -o json | jq .differences`,
		Args: exactly(0, "verify takes flags only; `stocktrace verify --help` lists them"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.ask(cmd, func(c *client, s *app.Settings, scr *screen) error {
				body, err := c.do(cmd.Context(), "POST", "/api/v1/verify", nil, nil)
				if err != nil {
					return err
				}
				defer body.Close()
				var r app.VerifyReport
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
					scr.verifyReport(&r)
				}
				if len(r.Differences) > 0 {
					return errNo
				}
				return nil
			})
		},
	}
	addSettings(cmd, app.GroupClient)
	addClientSettings(cmd)
	return cmd
}

func (s *screen) verifyReport(r *app.VerifyReport) {
	extent := fmt.Sprintf("%s, %s and %s", plural(r.Records, "event", "events"),
		plural(r.Lifecycles, "lifecycle", "lifecycles"), plural(r.Findings, "finding", "findings"))
	if len(r.Differences) == 0 {
		s.printf("%s %s: recomputed from the raw events, no difference.\n", s.in(green, "✓"), extent)
		return
	}
	s.printf("%s %s in %s:\n\n", s.in(red, "✗"), plural(r.Count, "difference", "differences"), extent)
	for _, d := range r.Differences {
		s.printf("  %s %s %s\n", d.What, s.in(bold, d.ID), d.Detail)
	}
	if more := r.Count - len(r.Differences); more > 0 {
		s.printf("\n  and %d more\n", more)
	}
}

func (p *Program) check() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "check [flags]",
		GroupID: "keep",
		Short:   "check settings, locations, workflows and objectives without starting",
		Long: `Reads everything ` + "`stocktrace run`" + ` would read and says what is wrong, with file and
line. Exits 0 where all is well, 1 where something is not.`,
		Example: `
  stocktrace check --config stocktrace.yaml
  stocktrace check --locations stores.yaml`,
		Args: exactly(0, "check takes flags only; `stocktrace check --help` lists them"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := p.load(cmd)
			if err == nil {
				err = s.Validate()
			}
			scr := p.screen()
			if err == nil {
				var lines []string
				lines, err = app.Check(s)
				for _, line := range lines {
					scr.printf("%s %s\n", scr.in(green, "✓"), line)
				}
			}
			if err == nil {
				return nil
			}
			for line := range strings.SplitSeq(err.Error(), "\n") {
				scr.printf("%s %s\n", scr.in(red, "✗"), line)
			}
			return errNo
		},
	}
	addSettings(cmd, app.GroupInstance, app.GroupListen, app.GroupRetailer, app.GroupDocuments, app.GroupAlerts, app.GroupSimulate, app.GroupOutside)
	return cmd
}

func (p *Program) backup() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "backup DIR [flags]",
		GroupID: "keep",
		Short:   "write everything kept into a new directory, while running",
		Long: `Writes tables and log into DIR, which must not exist yet. It may be taken from a
running instance, which writes it itself, on its own machine; every event acknowledged
before the backup began is in it.`,
		Example: `
  stocktrace backup /backups/stocktrace-$(date +%F)
  stocktrace restore /backups/stocktrace-2026-11-23 --data-dir /var/lib/stocktrace`,
		Args: exactly(1, "where to? Name a directory that does not exist yet: stocktrace backup /backups/stocktrace-2026-11-23"),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := filepath.Abs(args[0])
			if err != nil {
				return fmt.Errorf("find the working directory: %w", err)
			}
			return p.ask(cmd, func(c *client, s *app.Settings, scr *screen) error {
				ask, err := json.Marshal(app.BackupRequest{Dir: dir})
				if err != nil {
					return err
				}
				body, err := c.do(cmd.Context(), "POST", "/api/v1/backup", nil, bytes.NewReader(ask))
				if err != nil {
					return err
				}
				defer body.Close()
				var r app.BackupReport
				if err := json.NewDecoder(body).Decode(&r); err != nil {
					return fmt.Errorf("read the instance's answer: %w", err)
				}
				return p.say(s, scr, r, fmt.Sprintf("Backup written to %s: %d events in the tables, %s in the log.",
					dir, r.Events, plural(int(r.Messages), "message", "messages")))
			})
		},
	}
	addSettings(cmd, app.GroupClient)
	addClientSettings(cmd)
	return cmd
}

func (p *Program) restore() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "restore DIR [flags]",
		GroupID: "keep",
		Short:   "put a backup into an empty data directory",
		Long: `Reads a backup into --data-dir, which must be empty or not exist. Start the instance
afterwards; it goes on where the backup was taken. ` + "`stocktrace verify`" + ` then proves it.`,
		Example: `
  stocktrace restore /backups/stocktrace-2026-11-23 --data-dir restored
  stocktrace verify --data-dir restored`,
		Args: exactly(1, "which one? Name a directory `stocktrace backup` wrote: stocktrace restore /backups/stocktrace-2026-11-23"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := p.load(cmd)
			if err != nil {
				return err
			}
			dir, err := filepath.Abs(args[0])
			if err != nil {
				return fmt.Errorf("find the working directory: %w", err)
			}
			r, err := app.Restore(cmd.Context(), p.options(s), dir)
			if err != nil {
				return err
			}
			return p.say(s, p.screen(), r, fmt.Sprintf("Restored %s into %s: %d events in the tables, %s in the log.",
				dir, s.DataDir, r.Events, plural(int(r.Messages), "message", "messages")))
		},
	}
	for _, name := range []string{"data-dir", "libchdb", "output", "log-level"} {
		addSetting(cmd, name)
	}
	addSettings(cmd)
	return cmd
}

// say prints an answer as a sentence, or as JSON for programs.
func (p *Program) say(s *app.Settings, scr *screen, answer any, sentence string) error {
	if s.Output != "json" {
		scr.printf("%s\n", sentence)
		return nil
	}
	text, err := json.MarshalIndent(answer, "", "  ")
	if err != nil {
		return errors.New("write the answer as JSON")
	}
	scr.printf("%s\n", text)
	return nil
}

func (p *Program) version() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "version",
		GroupID: "keep",
		Short:   "the version of this program",
		Args:    exactly(0, "version takes no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := p.load(cmd)
			if err != nil {
				return err
			}
			return p.say(s, p.screen(),
				map[string]string{"version": p.Version, "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH},
				fmt.Sprintf("stocktrace %s (%s, %s/%s)", p.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH))
		},
	}
	addSetting(cmd, "output")
	return cmd
}
