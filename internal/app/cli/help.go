package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/stocktrace/stocktrace/internal/app"
)

// help writes a page that teaches the command: what it is for, examples first,
// flags by subject.
func help(cmd *cobra.Command, _ []string) {
	w := cmd.OutOrStdout()
	fmt.Fprintf(w, "%s: %s\n", cmd.CommandPath(), cmd.Short)
	if cmd.Long != "" {
		fmt.Fprintf(w, "\n%s\n", strings.TrimSpace(cmd.Long))
	}
	if cmd.HasAvailableSubCommands() {
		helpCommands(w, cmd)
		return
	}
	fmt.Fprintf(w, "\nUsage\n  %s\n", cmd.UseLine())
	if cmd.Example != "" {
		fmt.Fprintf(w, "\nExamples\n%s\n", strings.Trim(cmd.Example, "\n"))
	}
	helpFlags(w, cmd)
}

func helpCommands(w io.Writer, cmd *cobra.Command) {
	for _, g := range cmd.Groups() {
		fmt.Fprintf(w, "\n%s\n", g.Title)
		for _, c := range cmd.Commands() {
			if c.GroupID == g.ID {
				fmt.Fprintf(w, "  %-18s%s\n", strings.TrimSuffix(c.Use, " [flags]"), c.Short)
			}
		}
	}
	fmt.Fprintf(w, "\n`stocktrace COMMAND --help` explains each one.\n")
}

func helpFlags(w io.Writer, cmd *cobra.Command) {
	var groups []string
	flags := map[string][]*pflag.Flag{}
	width := 0
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Name == "help" || f.Hidden {
			return
		}
		group := "This command"
		if g := f.Annotations[groupOf]; len(g) > 0 {
			group = g[0]
		}
		if flags[group] == nil {
			groups = append(groups, group)
		}
		flags[group] = append(flags[group], f)
		width = max(width, len(flagName(f)))
	})
	for _, g := range groups {
		fmt.Fprintf(w, "\n%s\n", g)
		for _, f := range flags[g] {
			usage := f.Usage
			if v, ok := f.Value.(*settingFlag); ok && v.setting.Default != "" && v.setting.Kind != app.Switch {
				usage += " (default " + v.setting.Default + ")"
			}
			indent := strings.Repeat(" ", width+4)
			fmt.Fprintf(w, "  %-*s  %s\n", width, flagName(f), wrap(usage, 100-len(indent), indent))
		}
	}
	if len(groups) > 0 && cmd.Flags().Lookup("config") != nil {
		fmt.Fprintf(w, "\nEvery flag is also a key in %s and a variable: --data-dir is\n`data-dir:` and STOCKTRACE_DATA_DIR. A flag beats the variable, the variable the file.\n", app.DefaultFile)
	}
}

func flagName(f *pflag.Flag) string {
	name := "--" + f.Name
	if f.Shorthand != "" {
		name = "-" + f.Shorthand + ", " + name
	}
	switch v := f.Value.(type) {
	case *settingFlag:
		if v.setting.Placeholder != "" {
			name += " " + v.setting.Placeholder
		}
	default:
		switch f.Value.Type() {
		case "bool":
		case "string":
			if f.Name == "config" || f.Name == "write-locations" {
				return name + " FILE"
			}
			name += " " + strings.ToUpper(f.Name)
		default:
			name += " N"
		}
	}
	return name
}

// wrap breaks text at spaces into lines of at most width, the second and later
// ones indented.
func wrap(text string, width int, indent string) string {
	var b strings.Builder
	line := 0
	for i, word := range strings.Fields(text) {
		switch {
		case i == 0:
		case line+1+len(word) > width:
			b.WriteString("\n" + indent)
			line = 0
		default:
			b.WriteByte(' ')
			line++
		}
		b.WriteString(word)
		line += len(word)
	}
	return b.String()
}
