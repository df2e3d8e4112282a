package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/stocktrace/stocktrace/internal/app"
)

// Exit codes.
const (
	ExitYes   = 0 // it is so
	ExitNo    = 1 // it is not so
	ExitError = 2 // it could not be told
)

// errNo is returned by a command that has printed its answer, which is no.
var errNo = errors.New("no")

// Program is one run of the command line.
type Program struct {
	Args    []string // without the program's name
	Environ []string
	Stdout  io.Writer
	Stderr  io.Writer
	// Version is the build's, printed by `stocktrace version`.
	Version string
	// Zone and Now are how times are shown; nil means this machine's.
	Zone *time.Location
	Now  func() time.Time

	command string // that runs, once it is known
}

// Main runs the command line of this process and returns its exit code. The
// first interrupt ends the command in good order, the second one at once.
func Main(version string) int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		cancel()
		<-signals
		fmt.Fprintln(os.Stderr, "stocktrace: stopped at once; what was acknowledged is on disk")
		os.Exit(130)
	}()
	p := Program{Args: os.Args[1:], Environ: os.Environ(), Stdout: os.Stdout, Stderr: os.Stderr, Version: version}
	return p.Run(ctx)
}

// Run runs the command and returns its exit code.
func (p *Program) Run(ctx context.Context) int {
	root := p.root()
	root.SetArgs(append([]string{}, p.Args...)) // nil would mean this process's own
	root.SetOut(p.Stdout)
	root.SetErr(p.Stderr)
	switch err := root.ExecuteContext(ctx); {
	case err == nil:
		return ExitYes
	case errors.Is(err, errNo):
		return ExitNo
	default:
		for line := range strings.SplitSeq(err.Error(), "\n") {
			fmt.Fprintf(p.Stderr, "stocktrace: %s\n", line)
		}
		return ExitError
	}
}

func (p *Program) root() *cobra.Command {
	cobra.EnableCommandSorting = false // help lists them as a person meets them
	root := &cobra.Command{
		Use:   "stocktrace",
		Short: "a control tower for inventory events in retail",
		Long: `stocktrace follows every sale from the register to the ledger. It collects what
POS, middleware, OMS, WMS and ERP say about it (OTLP, CloudEvents), stitches it
into one lifecycle, and says what is missing, since when, and who owns it.

Try it with nothing else installed:

  stocktrace run --simulate        then open http://127.0.0.1:8080
  stocktrace trace 0123-04-000778  any receipt, order or document you see there`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
		Args:              unknownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cmd.Help()
		},
	}
	root.SetHelpFunc(help)
	root.SetFlagErrorFunc(flagError)
	root.AddGroup(
		&cobra.Group{ID: "run", Title: "Run"},
		&cobra.Group{ID: "ask", Title: "Ask"},
		&cobra.Group{ID: "keep", Title: "Keep"},
	)
	root.AddCommand(
		p.run(), p.simulate(),
		p.trace(), p.findings(), p.replays(), p.report(), p.verify(), p.preview(),
		p.workflow(), p.mapping(), p.token(), p.privacy(), p.reingest(), p.check(), p.backup(), p.restore(), p.version(),
	)
	return root
}

// unknownCommand says which command was probably meant.
func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, c := range cmd.Commands() {
		names = append(names, c.Name())
	}
	if near, slip := app.Nearest(args[0], names); slip {
		return fmt.Errorf("unknown command %q; did you mean `stocktrace %s`?", args[0], near)
	}
	return fmt.Errorf("unknown command %q; `stocktrace --help` lists them", args[0])
}

// flagError says which flag was probably meant.
func flagError(cmd *cobra.Command, err error) error {
	var missing *pflag.NotExistError
	if !errors.As(err, &missing) || missing.GetSpecifiedShortnames() != "" {
		return fmt.Errorf("%w; `%s --help` lists the flags", err, cmd.CommandPath())
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	name := missing.GetSpecifiedName()
	if near, slip := app.Nearest(name, names); slip {
		return fmt.Errorf("unknown flag --%s; did you mean --%s?", name, near)
	}
	return fmt.Errorf("unknown flag --%s; `%s --help` lists the flags", name, cmd.CommandPath())
}

// settingFlag is a setting as a flag: its text is parsed with all the others, so
// that every mistake is reported at once and in one form.
type settingFlag struct {
	setting *app.Setting
	text    string
}

func (f *settingFlag) String() string { return f.text }

func (f *settingFlag) Set(text string) error {
	f.text = text
	return nil
}

func (f *settingFlag) Type() string { return f.setting.Placeholder }

// groupOf is the annotation that holds a flag's heading.
const groupOf = "stocktrace_group"

// addSettings gives the command the settings of the groups, --config and help.
func addSettings(cmd *cobra.Command, groups ...string) {
	fs := cmd.Flags()
	fs.SortFlags = false
	for _, group := range groups {
		for _, s := range app.All() {
			if s.Group == group {
				addSetting(cmd, s.Name)
			}
		}
	}
	fs.String("config", "", "the settings file (default: "+app.DefaultFile+", where it exists)")
	fs.Lookup("config").Annotations = map[string][]string{groupOf: {"Settings"}}
}

func addSetting(cmd *cobra.Command, name string) {
	s := app.Lookup(name)
	short := ""
	if name == "output" {
		short = "o"
	}
	f := cmd.Flags().VarPF(&settingFlag{setting: s, text: s.Default}, s.Name, short, s.Usage)
	f.Annotations = map[string][]string{groupOf: {s.Group}}
	if s.Kind == app.Switch {
		f.NoOptDefVal = "true"
	}
}

// load reads the settings of a command from its flags, the environment and the
// file.
func (p *Program) load(cmd *cobra.Command) (*app.Settings, error) {
	src := app.Sources{Environ: p.Environ, Flags: map[string]string{}}
	for _, entry := range p.Environ {
		if file, ok := strings.CutPrefix(entry, "STOCKTRACE_CONFIG="); ok {
			src.File = file
		}
	}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if v, ok := f.Value.(*settingFlag); ok {
			src.Flags[f.Name] = v.text
		}
	})
	if f := cmd.Flags().Lookup("config"); f != nil && f.Changed {
		src.File = f.Value.String()
	}
	s, warnings, err := app.Load(src)
	for _, w := range warnings {
		fmt.Fprintf(p.Stderr, "stocktrace: %s\n", w)
	}
	return s, err
}
