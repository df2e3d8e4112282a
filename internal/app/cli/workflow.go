package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/stocktrace/stocktrace/internal/app"
	"github.com/stocktrace/stocktrace/inventory"
)

func (p *Program) workflow() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "workflow [NAME]",
		GroupID: "keep",
		Short:   "list the workflows, explain one, or draw it",
		Long: `Without a name, lists every workflow an instance with these settings would know.
With one, explains it step by step: who does what, by when, on which clock, when
it is owed, and what it does to stock; then what has to come out even and what has
to hold. ` + "`draw`" + ` draws it.

To change a built-in workflow, or to add one, write a YAML file and name it, or
its folder, with --workflows; docs/workflows.md shows how.`,
		Example: `
  stocktrace workflow
  stocktrace workflow return
  stocktrace workflow draw transfer
  stocktrace workflow draw transfer --format mermaid > transfer.mmd
  stocktrace workflow transfer --workflows my-workflows/`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			all, err := p.workflows(cmd)
			if err != nil {
				return err
			}
			scr := p.screen()
			if len(args) == 0 {
				for _, w := range all {
					scr.printf("%-18s %-20s %s, begins with %s\n", w.Name, w.Title, plural(len(w.Steps), "step", "steps"), w.Anchor)
				}
				return nil
			}
			w, err := named(all, args[0])
			if err != nil {
				return err
			}
			explain(scr, w)
			return nil
		},
	}
	draw := &cobra.Command{
		Use:   "draw NAME",
		Short: "draw a workflow",
		Long: `Draws which step comes after which, with deadlines: as text, or as a Mermaid
flowchart for a page or a ticket. Steps that are not always owed are dashed.`,
		Args: exactly(1, "which one? `stocktrace workflow` lists them"),
		RunE: func(cmd *cobra.Command, args []string) error {
			format, err := cmd.Flags().GetString("format")
			if err != nil {
				return err
			}
			all, err := p.workflows(cmd)
			if err != nil {
				return err
			}
			w, err := named(all, args[0])
			if err != nil {
				return err
			}
			switch format {
			case "text":
				drawTree(p.screen(), w)
			case "mermaid":
				p.screen().printf("%s", mermaid(w))
			default:
				return fmt.Errorf("--format: %q is neither text nor mermaid", format)
			}
			return nil
		},
	}
	draw.Flags().String("format", "text", "text or mermaid")
	for _, c := range []*cobra.Command{cmd, draw} {
		addSettings(c, app.GroupRetailer)
	}
	cmd.AddCommand(draw)
	return cmd
}

func (p *Program) workflows(cmd *cobra.Command) ([]*inventory.Workflow, error) {
	s, err := p.load(cmd)
	if err != nil {
		return nil, err
	}
	return app.Workflows(s)
}

func named(all []*inventory.Workflow, name string) (*inventory.Workflow, error) {
	var names []string
	for _, w := range all {
		if w.Name == name {
			return w, nil
		}
		names = append(names, w.Name)
	}
	return nil, fmt.Errorf("no workflow is called %q: there are %s", name, strings.Join(names, ", "))
}

// explainRun says when a run starts, and who tells that it did.
func explainRun(scr *screen, r *inventory.Run) {
	at := make([]string, len(r.At))
	for i, m := range r.At {
		at[i] = fmt.Sprintf("%02d:%02d", m/60, m%60)
	}
	zone := "by each store's clock"
	if r.Zone != nil {
		zone = r.Zone.String()
	}
	scr.printf("%s  starts at %s (%s)", scr.in(bold, "run "+r.Name), strings.Join(at, ", "), zone)
	if r.Days != [7]bool{} {
		var days []string
		for d, on := range r.Days {
			if on {
				days = append(days, strings.ToLower(time.Weekday(d).String()[:3]))
			}
		}
		scr.printf(" on %s", strings.Join(days, ", "))
	}
	if n := len(r.Except); n > 0 {
		scr.printf(", save %d days", n)
	}
	if r.Cutoff > 0 {
		scr.printf(", takes in what came %s before", short(r.Cutoff))
	}
	if r.Feed == "" {
		scr.printf("; nobody tells whether it did\n")
		return
	}
	scr.printf("; %s tells by %s after, else: run_missed\n", r.Feed, short(r.Grace))
}

// explain says a workflow in sentences.
func explain(scr *screen, w *inventory.Workflow) {
	scr.printf("%s\n", scr.in(bold, w.Title+" ("+w.Name+")"))
	scr.printf("Begins with %q, owned by %s, version %s. Forgotten after %s without a word.\n\n", w.Anchor, w.Owner, w.Version, short(w.Horizon))
	for i := range w.Steps {
		s := &w.Steps[i]
		scr.printf("%s  %s\n", scr.in(bold, s.String()), s.Title)
		say := func(format string, args ...any) { scr.printf("    "+format+"\n", args...) }
		if len(s.After) > 0 {
			say("after %s", steps(s.After))
		}
		switch {
		case s.StepRef == w.Anchor:
			say("deadlines count from here")
		case !s.Required:
			say("not owed; shown when it comes")
		default:
			say("owed %s; else: %s (%s)", when(w, s), s.Missing, s.Raises)
		}
		if s.When != nil {
			say("only where %s", s.When.Text)
		}
		if s.OnlyStock {
			say("only where the lines move stock")
		}
		if s.Early != "" {
			say("before its time it is %s", s.Early)
		}
		if !s.Effect.IsZero() {
			say("%s: %s", s.Effect.Bucket, effect(s.Effect))
		}
		if s.Posts {
			say("by this step it reaches the ledger")
		}
		if s.Owner != "" {
			say("owner %s%s", s.Owner, runbook(s))
		}
	}
	for _, b := range w.Balances {
		scr.printf("\n%s  what %s says is booked by %s", scr.in(bold, "balance "+b.Name), steps(b.Owed), steps(b.By))
		if !b.Closed.IsZero() {
			scr.printf(", by the time of %q", b.Closed)
		}
		scr.printf("\n")
		for _, k := range []struct {
			what string
			kind inventory.Kind
		}{{"less", b.Short}, {"more", b.Over}, {"more, in several documents", b.Twice}, {"of what nobody said", b.Unexpected}} {
			if k.kind != "" {
				scr.printf("    %s: %s\n", k.what, k.kind)
			}
		}
	}
	for _, i := range w.Invariants {
		scr.printf("\n%s  %s\n    else: %s (%s)\n", scr.in(bold, "must hold"), i.Holds.Text, i.Say, i.Raises)
	}
	for i := range w.Runs {
		explainRun(scr, &w.Runs[i])
	}
}

func runbook(s *inventory.Step) string {
	if s.Runbook == "" {
		return ""
	}
	return ", runbook " + s.Runbook
}

func effect(e inventory.Effect) string {
	from, to := e.From, e.To
	if from == "" {
		from = "nowhere"
	}
	if to == "" {
		to = "nowhere"
	}
	return from + " → " + to
}

// when says a step's deadline: "within 5m (batch: 26h) of pos completed".
func when(w *inventory.Workflow, s *inventory.Step) string {
	d, ok := s.Deadline[inventory.PostingRealtime]
	if !ok {
		return "at some time"
	}
	text := "within " + short(d)
	var other []string
	for _, posting := range inventory.Postings {
		if o, ok := s.Deadline[posting]; ok && o != d {
			other = append(other, string(posting)+": "+short(o))
		}
	}
	if len(other) > 0 {
		text += " (" + strings.Join(other, ", ") + ")"
	}
	since := w.Anchor
	if !s.Since.IsZero() {
		since = s.Since
	}
	switch s.Clock {
	case inventory.StoreHours:
		text += " of opening hours"
	case inventory.Schedule:
		text += " of the next run " + s.Run
	default: // machines work at night
	}
	return text + " of " + since.String()
}

func steps(refs []inventory.StepRef) string {
	names := make([]string, len(refs))
	for i, r := range refs {
		names[i] = r.String()
	}
	return strings.Join(names, ", ")
}

// short writes a duration without zero parts: 5m, 26h, 1h30m.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// drawTree draws which step comes after which. A step after several is drawn
// under the last of them.
func drawTree(scr *screen, w *inventory.Workflow) {
	children := map[inventory.StepRef][]*inventory.Step{}
	var roots []*inventory.Step
	for i := range w.Steps {
		s := &w.Steps[i]
		if len(s.After) == 0 {
			roots = append(roots, s)
			continue
		}
		last := s.After[len(s.After)-1]
		children[last] = append(children[last], s)
	}
	var draw func(s *inventory.Step, indent, branch string)
	draw = func(s *inventory.Step, indent, branch string) {
		note := ""
		switch {
		case s.StepRef == w.Anchor:
			note = "the clock starts"
		case !s.Required:
			note = "if it comes"
		default:
			note = when(w, s)
		}
		scr.printf("%s%s  %s\n", indent+branch, scr.in(bold, s.String()), scr.in(dim, note))
		switch branch {
		case "├─ ":
			indent += "│  "
		case "└─ ":
			indent += "   "
		}
		for i, c := range children[s.StepRef] {
			branch := "├─ "
			if i == len(children[s.StepRef])-1 {
				branch = "└─ "
			}
			draw(c, indent, branch)
		}
	}
	for _, r := range roots {
		draw(r, "", "")
	}
}

// mermaid writes a workflow as a Mermaid flowchart.
func mermaid(w *inventory.Workflow) string {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	for i := range w.Steps {
		s := &w.Steps[i]
		label := s.Title
		if s.Required && s.StepRef != w.Anchor {
			label += "<br/>" + when(w, s)
		}
		fmt.Fprintf(&b, "  s%d[\"%s<br/><b>%s</b>\"]\n", i, s.StepRef, strings.ReplaceAll(label, `"`, "'"))
		arrow := "-->"
		if !s.Required || s.When != nil || s.OnlyStock {
			arrow = "-.->"
		}
		for _, ref := range s.After {
			fmt.Fprintf(&b, "  s%d %s s%d\n", w.IndexOf(ref), arrow, i)
		}
	}
	return b.String()
}
