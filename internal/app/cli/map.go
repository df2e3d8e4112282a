package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/stocktrace/stocktrace/collector/canonical"
	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/formats"
	"github.com/stocktrace/stocktrace/collector/mapping"
	"github.com/stocktrace/stocktrace/internal/app"
)

func (p *Program) mapping() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "map",
		GroupID: "keep",
		Short:   "try a mapping on a document, or check mappings",
		Long: `A mapping is a YAML file that says how documents of one of your systems become
events: which values mean which field, and how stores, items, units and stock states
are translated. docs/mapping.md shows how to write one in ten minutes.

` + "`map try`" + ` shows what a document becomes, field by field; ` + "`map check`" + ` reads the
mappings and says what is wrong with them, with its line.`,
		Example: `
  stocktrace map try poslog.xml
  stocktrace map check --mappings mappings/`,
		Args: unknownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(p.mapTry(), p.mapCheck())
	return cmd
}

func (p *Program) mapTry() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "try FILE [flags]",
		Short: "show what a document becomes, field by field",
		Long: `Reads a document as an instance with these settings would, and shows each event
with every field and where in the document it came from, what a table translated, what
is doubtful, what could not be read, and what the document says that no field takes.
Nothing is sent anywhere.

It exits with 0 if all of the document was read, with 1 if some of it was not and would
be in the quarantine, and with 2 if that cannot be told.`,
		Example: `
  stocktrace map try poslog.xml
  stocktrace map try STK_0123.csv --source /wms/acme/1 --mappings mappings/
  stocktrace map try order.json --source /shop --mappings shop.yaml --limit 1
  stocktrace map try export.dat --format x12 -o json`,
		Args: exactly(1, "which document? give one file"),
	}
	cmd.Flags().SortFlags = false
	source := cmd.Flags().String("source", "/try", "whose document it is: what mappings match, and the events' source")
	name := cmd.Flags().String("format", "", "what reads it: a format, or a mapping that reads (default: it is found out)")
	limit := cmd.Flags().Int("limit", 20, "how many events to show; all of them are read and counted")
	addSetting(cmd, "mappings")
	for _, setting := range []string{"locations", "packs", "drop-folders", "output"} {
		addSetting(cmd, setting)
	}
	addSettings(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		s, err := p.load(cmd)
		if err != nil {
			return err
		}
		set, err := app.Mappings(s, true)
		if err != nil {
			return err
		}
		from, err := app.DocumentSource(s, *source, filepath.Base(args[0]))
		if err != nil {
			return err
		}
		t := &trial{from: from, limit: *limit, ignored: map[string]int{}, notes: map[string]int{}}
		if s.Output == "json" {
			t.show = func(r mapping.Reading) error { return json.NewEncoder(p.Stdout).Encode(t.asJSON(r)) }
		} else {
			scr := p.screen()
			t.screen = scr
			t.show = func(r mapping.Reading) error { return t.print(scr, r) }
		}
		return t.run(cmd.Context(), set, args[0], *name)
	}
	return cmd
}

func (p *Program) mapCheck() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check [flags]",
		Short: "read the mappings and say what is wrong, with its line",
		Long: `Reads the mappings, their tables and layouts as an instance with these settings would,
and lists them, or everything that is wrong with them.

It exits with 0 if all is well, with 1 if something is wrong, and with 2 if that cannot
be told.`,
		Example: `
  stocktrace map check --mappings mappings/
  stocktrace map check --mappings shop.yaml && stocktrace map try order.json --mappings shop.yaml`,
		Args: exactly(0, "map check takes flags only; name the mappings with --mappings"),
	}
	cmd.Flags().SortFlags = false
	addSetting(cmd, "mappings")
	addSetting(cmd, "packs")
	addSettings(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s, err := p.load(cmd)
		if err != nil {
			return err
		}
		if s.Mappings == "" {
			return errors.New("--mappings: name a mapping file, or a folder of them")
		}
		if _, err := os.Stat(s.Mappings); err != nil {
			return fmt.Errorf("--mappings: %w", err)
		}
		set, err := app.Mappings(s, false)
		scr := p.screen()
		if err != nil {
			scr.printf("%s\n", err)
			return errNo
		}
		for _, m := range set.Mappings() {
			scr.printf("%s\n", m.Summary())
		}
		if len(set.Mappings()) == 0 {
			scr.printf("no mapping in %s\n", s.Mappings)
		}
		return nil
	}
	return cmd
}

// trial is a document being tried.
type trial struct {
	from   format.Source
	limit  int
	screen *screen // nil for JSON
	show   func(mapping.Reading) error

	events, failed, skipped, shown int
	ignored                        map[string]int
	notes                          map[string]int
}

func (t *trial) run(ctx context.Context, set *mapping.Set, file, name string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	in := bufio.NewReaderSize(f, formats.HeadSize)
	head, err := in.Peek(formats.HeadSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: %w", file, err)
	}
	chosen, err := set.Find(head, t.from, name)
	var problem *format.Problem
	if errors.As(err, &problem) {
		return t.end(problem)
	}
	if err != nil {
		return err
	}
	if t.screen != nil {
		t.screen.printf("%s: %s\n", filepath.Base(file), chosen)
	}
	switch err := chosen.Follow(ctx, in, t.from, t.reading); {
	case errors.As(err, &problem):
		return t.end(problem)
	case err != nil:
		return err
	}
	return t.end(nil)
}

func (t *trial) reading(r mapping.Reading) error {
	for path, n := range r.Ignored {
		t.ignored[path] += n
	}
	for _, n := range r.Notes {
		t.notes[n.Code]++
	}
	switch {
	case r.Skipped:
		t.skipped++
		return nil
	case r.Problem == nil:
		// What the contract would refuse fails here too.
		record, err := canonical.FromItem(r.Item, format.Source{Name: t.from.Name}, time.Time{})
		if why := (*canonical.Error)(nil); errors.As(err, &why) {
			r.Problem = &format.Problem{Path: r.Path, Detail: why.Detail}
		} else {
			r.Event = record.Event
			for name := range r.Event.Attributes { // said otherwise here
				if name == canonical.AttributePath || strings.HasPrefix(name, "note.") {
					delete(r.Event.Attributes, name)
				}
			}
		}
	}
	if r.Problem != nil {
		t.failed++
	} else {
		t.events++
	}
	// What fails is shown beyond the limit too: it is what people look for.
	if t.shown >= t.limit && r.Problem == nil || t.shown >= 10*max(t.limit, 1) {
		return nil
	}
	t.shown++
	return t.show(r)
}

func (t *trial) print(scr *screen, r mapping.Reading) error {
	if r.Problem != nil {
		scr.printf("\n%s  %s\n    %s\n", scr.in(bold, r.Path), scr.in(red, "cannot be read"), wrap(r.Problem.Error(), 96, "    "))
		return nil
	}
	scr.printf("\n%s\n", scr.in(bold, r.Path))
	fields := mapping.Fields(&r.Event)
	names, values := 0, 0
	for _, f := range fields {
		names, values = max(names, len(f.Name)), max(values, min(len(f.Value), 40))
	}
	for _, f := range fields {
		line := fmt.Sprintf("    %-*s  %-*s  %s", names, f.Name, values, f.Value, scr.in(dim, r.From[f.Name]))
		scr.printf("%s\n", strings.TrimRight(line, " "))
	}
	for _, m := range r.Event.Mappings {
		scr.printf("    translated  %s: %s → %s (%s %s)\n", m.Field, m.From, m.To, m.Rule, m.Version)
	}
	for _, n := range r.Notes {
		scr.printf("    doubtful  %s  %s\n", n.Code, wrap(n.Path+" "+n.Detail, 84, "        "))
	}
	return nil
}

// asJSON is a reading as a program reads it, one a line.
func (t *trial) asJSON(r mapping.Reading) any {
	type field struct {
		Name  string `json:"name"`
		Value string `json:"value"`
		From  string `json:"from,omitempty"`
	}
	type note struct {
		Code   string `json:"code"`
		Path   string `json:"path"`
		Detail string `json:"detail"`
	}
	out := struct {
		Path    string         `json:"path"`
		Format  string         `json:"format"`
		Mapping string         `json:"mapping,omitempty"`
		Problem string         `json:"problem,omitempty"`
		Fields  []field        `json:"fields,omitempty"`
		Notes   []note         `json:"notes,omitempty"`
		Ignored map[string]int `json:"ignored,omitempty"`
	}{Path: r.Path, Format: r.Format, Mapping: r.Mapping, Ignored: r.Ignored}
	if r.Problem != nil {
		out.Problem = r.Problem.Error()
		return out
	}
	for _, f := range mapping.Fields(&r.Event) {
		out.Fields = append(out.Fields, field{f.Name, f.Value, r.From[f.Name]})
	}
	for _, n := range r.Notes {
		out.Notes = append(out.Notes, note{n.Code, n.Path, n.Detail})
	}
	return out
}

// end sums up, and says by its error whether all of the document was read.
func (t *trial) end(unreadable *format.Problem) error {
	if unreadable != nil {
		t.failed++
		if t.screen == nil {
			if err := t.show(mapping.Reading{Item: format.Item{Path: unreadable.Path, Problem: unreadable}}); err != nil {
				return err
			}
		}
	}
	if t.screen != nil {
		t.sum(unreadable)
	}
	if t.failed > 0 {
		return errNo
	}
	return nil
}

func (t *trial) sum(unreadable *format.Problem) {
	scr := t.screen
	scr.printf("\n")
	if len(t.ignored) > 0 {
		scr.printf("In no field:\n")
		for _, path := range slices.Sorted(maps.Keys(t.ignored)) {
			scr.printf("    %6d  %s\n", t.ignored[path], path)
		}
	}
	if hidden := t.events + t.failed - t.shown; hidden > 0 && unreadable == nil {
		scr.printf("%s more not shown; --limit shows more.\n", plural(hidden, "is", "are"))
	}
	scr.printf("%s", plural(t.events, "event", "events"))
	if t.failed > 0 {
		scr.printf(", %d could not be read", t.failed)
	}
	if t.skipped > 0 {
		scr.printf(", %d mean nothing by the mapping", t.skipped)
	}
	for _, code := range slices.Sorted(maps.Keys(t.notes)) {
		scr.printf(", %d × %s", t.notes[code], code)
	}
	scr.printf(".\n")
	if unreadable != nil {
		scr.printf("%s\n    %s\n", scr.in(red, "Nothing more could be read:"), wrap(unreadable.Error(), 96, "    "))
	}
}
