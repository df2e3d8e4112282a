package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/stocktrace/stocktrace/internal/app"
)

func (p *Program) trace() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "trace KEY [flags]",
		GroupID: "ask",
		Short:   "where one transaction stands, hop by hop",
		Long: `Finds the lifecycle that carries KEY and draws it: the sentence first, then every
step with when it was expected and when it happened, then lines, findings and keys.

KEY is any identifier a system knows the transaction by: a receipt as printed, with
or without zeros and store; a correlation id, trace id, order, delivery, IDoc or ERP
document. Where several lifecycles carry it, they are listed.`,
		Example: `
  stocktrace trace 0123-04-000778      the receipt as printed
  stocktrace trace 778                 its number alone: all that end in it
  stocktrace trace 4900012345          every sale one ERP document posted
  stocktrace trace c-7f3a -o json      for a program`,
		Args: exactly(1, "which one? Give a receipt, order, document or any other number: stocktrace trace 0123-04-000778"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.ask(cmd, func(c *client, s *app.Settings, scr *screen) error {
				return p.traceKey(cmd, c, s, scr, args[0])
			})
		},
	}
	addSettings(cmd, app.GroupClient)
	addClientSettings(cmd)
	return cmd
}

// addClientSettings gives a command what it needs to open a data directory that
// no instance uses.
func addClientSettings(cmd *cobra.Command) {
	for _, name := range []string{"auth-token", "data-dir", "clickhouse-dsn", "libchdb", "locations"} {
		addSetting(cmd, name)
	}
}

// exactly demands n arguments, and says in a sentence what is missing.
func exactly(n int, sentence string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != n {
			return errors.New(sentence)
		}
		return nil
	}
}

// ask connects to an instance, or opens the data directory, and runs f.
func (p *Program) ask(cmd *cobra.Command, f func(*client, *app.Settings, *screen) error) error {
	s, err := p.load(cmd)
	if err != nil {
		return err
	}
	p.command = cmd.Name()
	c, err := p.connect(cmd.Context(), s)
	if err != nil {
		return err
	}
	scr := p.screen()
	if p.Now == nil {
		scr.now = c.now(cmd.Context(), scr.now)
	}
	err = f(c, s, scr)
	return errors.Join(err, c.close())
}

func (p *Program) traceKey(cmd *cobra.Command, c *client, s *app.Settings, scr *screen, key string) error {
	const candidates = 20
	var found list[lifecycle]
	if _, err := c.get(cmd.Context(), "/api/v1/lifecycles",
		url.Values{"key": {key}, "limit": {strconv.Itoa(candidates)}}, &found); err != nil {
		return err
	}
	switch {
	case len(found.Items) == 0:
		if s.Output == "json" {
			scr.printf("null\n")
			return errNo
		}
		scr.printf("Nothing is known under %q. It may be mistyped, or no system has said anything about it yet.\n", key)
		return errNo
	case len(found.Items) > 1 && s.Output == "json":
		text, err := json.MarshalIndent(found, "", "  ")
		scr.printf("%s\n", text)
		return err
	case len(found.Items) > 1:
		scr.candidates(key, found, candidates)
		return nil
	}
	var l lifecycle
	text, err := c.get(cmd.Context(), "/api/v1/lifecycles/"+url.PathEscape(found.Items[0].CorrelationID), nil, &l)
	if p, ok := errors.AsType[*problem](err); ok && p.Status == http.StatusNotFound {
		// It merged with another one between the two questions.
		return p
	}
	if err != nil {
		return err
	}
	if s.Output == "json" {
		scr.printf("%s\n", strings.TrimRight(string(text), "\n"))
		return nil
	}
	scr.lifecycle(&l)
	return nil
}

func (s *screen) candidates(key string, found list[lifecycle], limit int) {
	if found.Next != "" {
		s.printf("%q is known by more than %d lifecycles; the newest are:\n\n", key, limit)
	} else {
		s.printf("%q is known by %d lifecycles:\n\n", key, len(found.Items))
	}
	var rows [][]cell
	for _, l := range found.Items {
		rows = append(rows, []cell{
			{text: l.StartedAt.In(s.zoneOf(&l)).Format("2006-01-02 15:04:05"), style: dim},
			{text: strings.ReplaceAll(l.Verdict, "_", " "), style: verdictStyle(l.Verdict)},
			{text: l.CorrelationID, style: bold},
			{text: l.Location},
			{text: l.Sentence},
		})
	}
	s.table(rows)
	s.printf("\nstocktrace trace %s\n", found.Items[0].CorrelationID)
}

// zoneOf is the zone a sale is told in: its store's, as its receipt is.
func (s *screen) zoneOf(l *lifecycle) *time.Location {
	if zone, err := time.LoadLocation(l.Zone); err == nil && l.Zone != "" {
		return zone
	}
	return s.zone
}

// verdictStyle colours a verdict by what it asks of people.
func verdictStyle(verdict string) style {
	switch verdict {
	case "conflicted", "stalled", "failed", "overdue":
		return red
	case "unconfirmed", "complete_late":
		return yellow
	case "complete", "not_expected", "withdrawn":
		return green
	default:
		return blue
	}
}

func (s *screen) lifecycle(l *lifecycle) {
	s.zone = s.zoneOf(l)
	s.printf("%s\n\n", s.in(bold, s.in(verdictStyle(l.Verdict), l.Sentence)))
	about := []string{l.Workflow + " " + l.CorrelationID}
	if l.Location != "" {
		about = append(about, "location "+l.Location)
	}
	if l.Register != "" {
		about = append(about, "register "+l.Register)
	}
	if l.BusinessDate != "" {
		about = append(about, "business date "+l.BusinessDate)
	}
	if l.Owner != "" {
		about = append(about, "owner "+l.Owner)
	}
	s.printf("  %s  %s\n", s.in(verdictStyle(l.Verdict), strings.ReplaceAll(l.Verdict, "_", " ")), s.in(dim, strings.Join(about, " · ")))

	s.steps(l)
	s.lines(l)
	s.lifecycleFindings(l)
	s.keys(l)
}

// steps draws the timeline: expected against happened, the missing step as a
// hollow mark.
func (s *screen) steps(l *lifecycle) {
	if len(l.Steps) == 0 {
		return
	}
	day := l.StartedAt
	s.printf("\n  %s\n", s.in(dim, "STEPS, "+day.In(s.zone).Format("Monday 2006-01-02 MST")))
	rows := [][]cell{{
		{text: "EXPECTED", style: dim}, {text: "HAPPENED", style: dim}, {}, {text: "STEP", style: dim}, {text: "OUTCOME", style: dim},
	}}
	for _, st := range l.Steps {
		expected := cell{text: "—", style: dim}
		if st.ExpectedBy != nil && !st.ExpectedBy.IsZero() {
			expected = cell{text: "by " + s.clock(*st.ExpectedBy, day)}
		}
		happened, mark, outcome := cell{text: "—", style: dim}, cell{text: "○", style: dim}, cell{text: "not yet", style: dim}
		switch {
		case st.OccurredAt != nil && !st.OccurredAt.IsZero():
			happened = cell{text: s.clock(*st.OccurredAt, day)}
			mark, outcome = outcomeCells(st.Outcome)
			outcome.text += s.lateness(&st, l)
		case st.Expected != nil && !*st.Expected:
			mark.text, outcome.text = "·", "not owed"
		case st.ExpectedBy != nil && s.now.After(*st.ExpectedBy) && l.Verdict == "unconfirmed":
			mark.style, outcome = yellow, cell{text: "not heard of yet", style: yellow}
		case st.ExpectedBy != nil && s.now.After(*st.ExpectedBy):
			mark.style, outcome = red, cell{text: "missing for " + s.age(*st.ExpectedBy), style: red}
		}
		name := cmp.Or(st.Title, strings.ReplaceAll(st.System+" "+st.Step, "_", " "))
		if st.Attempt > 1 {
			outcome.text += " (attempt " + strconv.Itoa(st.Attempt) + ")"
		}
		rows = append(rows, []cell{expected, happened, mark, {text: name}, outcome})
		if st.Note != "" {
			rows = append(rows, []cell{{}, {}, {text: "│", style: dim}, {text: st.Note, style: dim, loose: true}})
		}
		if e := st.Error; e != nil {
			what := strings.Join(nonEmpty(e.Code, e.Field, e.Value), " ")
			if e.Message != "" {
				what += ": " + e.Message
			}
			rows = append(rows, []cell{{}, {}, {text: "│", style: dim}, {text: what, style: red, loose: true}})
		}
	}
	s.table(rows)
}

func outcomeCells(outcome string) (mark, text cell) {
	word := strings.ReplaceAll(cmp.Or(outcome, "ok"), "_", " ")
	switch outcome {
	case "", "ok", "suppressed":
		return cell{text: "●", style: green}, cell{text: word, style: green}
	case "failed", "rejected", "dead_lettered", "discarded":
		return cell{text: "✗", style: red}, cell{text: word, style: red}
	default:
		return cell{text: "◐", style: yellow}, cell{text: word, style: yellow}
	}
}

// lateness says how a step's time compares with the start and its deadline.
func (s *screen) lateness(st *step, l *lifecycle) string {
	since := st.OccurredAt.Sub(l.StartedAt)
	text := ""
	if since != 0 {
		text = ", after " + duration(since)
	}
	if st.ExpectedBy != nil && !st.ExpectedBy.IsZero() && st.OccurredAt.After(*st.ExpectedBy) {
		text += ", " + duration(st.OccurredAt.Sub(*st.ExpectedBy)) + " late"
	}
	return text
}

func (s *screen) lines(l *lifecycle) {
	if len(l.Lines) == 0 {
		return
	}
	s.printf("\n  %s\n", s.in(dim, "LINES, sold against posted"))
	rows := [][]cell{{{text: "ITEM", style: dim}, {text: "SOLD", style: dim, right: true}, {text: "POSTED", style: dim, right: true}, {text: "UNIT", style: dim}, {}}}
	for _, ln := range l.Lines {
		row := []cell{{text: ln.Item}, {text: ln.Owed, right: true}, {text: cmp.Or(ln.Posted, "—"), right: true}, {text: ln.UOM}}
		switch {
		case ln.Comparable != nil && !*ln.Comparable:
			row = append(row, cell{text: "not comparable: no item mapping known", style: dim})
		case ln.Posted != "" && ln.Owed != ln.Posted && l.PostedBy != "":
			row = append(row, cell{text: "differs", style: red})
		}
		rows = append(rows, row)
	}
	s.table(rows)
}

func (s *screen) lifecycleFindings(l *lifecycle) {
	if len(l.Findings) == 0 {
		return
	}
	s.printf("\n  %s\n", s.in(dim, "FINDINGS"))
	for _, f := range l.Findings {
		st, mark := severityStyle(f.Severity), "!"
		state := "open since " + s.clock(f.OpenedAt, l.StartedAt)
		if f.State == "closed" {
			st, mark = dim, "✓"
			state = cmp.Or(f.Resolution, "closed")
			if f.ClosedAt != nil && !f.ClosedAt.IsZero() {
				state += " " + s.clock(*f.ClosedAt, l.StartedAt)
			}
		}
		s.printf("  %s %s  %s\n", s.in(st, mark), s.in(st, cmp.Or(f.Title, f.Kind)),
			s.in(dim, strings.Join(nonEmpty(f.Kind, strings.ReplaceAll(f.Cause, "_", " "), state, f.Owner), " · ")))
		if f.Action != "" && f.State != "closed" {
			s.printf("    %s\n", f.Action)
		}
	}
}

func severityStyle(severity string) style {
	switch severity {
	case "critical":
		return red
	case "warning":
		return yellow
	default:
		return blue
	}
}

func (s *screen) keys(l *lifecycle) {
	if len(l.AllKeys) == 0 {
		return
	}
	s.printf("\n  %s\n", s.in(dim, "KEYS"))
	var rows [][]cell
	for _, k := range l.AllKeys {
		name := strings.ReplaceAll(k.Name, "_", " ")
		if n := len(rows); n > 0 && rows[n-1][0].text == name {
			rows[n-1][1].text += ", " + k.Value
			continue
		}
		rows = append(rows, []cell{{text: name}, {text: k.Value}})
	}
	s.table(rows)
}

func nonEmpty(parts ...string) []string {
	return slices.DeleteFunc(parts, func(p string) bool { return p == "" })
}

// age says how long ago t was.
func (s *screen) age(t time.Time) string { return duration(s.now.Sub(t)) }
