package cli

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/stocktrace/stocktrace/collector/privacy"
	"github.com/stocktrace/stocktrace/internal/app"
)

func (p *Program) privacy() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "privacy",
		GroupID: "keep",
		Short:   "make and rotate the key of hashes that stand for people",
		Long: `With --privacy operators, customers and cards are stored as keyed hashes. Hashes are
made with a secret that never changes, so that one person stays one person. The secret
lies in a file, wrapped under a key that is given in settings and can be rotated.`,
		Example: `
  stocktrace privacy init --secret privacy.secret      prints the key, once
  stocktrace privacy rotate --secret privacy.secret    prints the next key; hashes stay`,
		Args: unknownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	initialize := &cobra.Command{
		Use:   "init [flags]",
		Short: "make a secret and the key that wraps it",
		Args:  exactly(0, "init takes flags only"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			file, err := secretFile(cmd)
			if err != nil {
				return err
			}
			key := privacy.NewKey()
			if err := privacy.Init(file, key); err != nil {
				return err
			}
			p.tellKey(key, file)
			return nil
		},
	}
	rotate := &cobra.Command{
		Use:   "rotate [flags]",
		Short: "wrap the secret under a new key; hashes stay",
		Args:  exactly(0, "rotate takes flags only"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := p.load(cmd)
			if err != nil {
				return err
			}
			file, err := secretFile(cmd)
			if err != nil {
				return err
			}
			if s.PrivacyKey == "" {
				return errors.New("give the present key with --privacy-key, or as STOCKTRACE_PRIVACY_KEY")
			}
			key := privacy.NewKey()
			if err := privacy.Rotate(file, s.PrivacyKey, key); err != nil {
				return err
			}
			p.tellKey(key, file)
			return nil
		},
	}
	addSetting(rotate, "privacy-key")
	rotate.Flags().String("config", "", "the settings file (default: "+app.DefaultFile+", where it exists)")
	for _, c := range []*cobra.Command{initialize, rotate} {
		c.Flags().String("secret", "privacy.secret", "the file that holds the wrapped secret")
		cmd.AddCommand(c)
	}
	return cmd
}

func secretFile(cmd *cobra.Command) (string, error) {
	file, err := cmd.Flags().GetString("secret")
	if err != nil {
		return "", err
	}
	return filepath.Abs(file)
}

func (p *Program) tellKey(key, file string) {
	p.screen().printf("%s\n", key)
	fmt.Fprintf(p.Stderr, "stocktrace: this key unwraps %s; it is shown this once. Set it as STOCKTRACE_PRIVACY_KEY where stocktrace runs.\n", file)
}
