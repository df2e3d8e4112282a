package lifecycle

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/stocktrace/stocktrace/inventory"
)

//go:embed workflows/*.yaml
var builtin embed.FS

// BuiltinWorkflows returns the workflows that come with stocktrace.
func BuiltinWorkflows() ([]*inventory.Workflow, error) {
	paths, err := fs.Glob(builtin, "workflows/*.yaml")
	if err != nil {
		return nil, fmt.Errorf("list workflows: %w", err)
	}
	var all []*inventory.Workflow
	for _, path := range paths {
		text, err := builtin.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read workflow: %w", err)
		}
		w, err := ParseWorkflow(path, text)
		if err != nil {
			return nil, err
		}
		all = append(all, w)
	}
	return all, nil
}

// WorkflowError says what is wrong in a workflow file, and where.
type WorkflowError struct {
	File   string
	Line   int
	Detail string
}

func (e *WorkflowError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s", e.File, e.Detail)
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Detail)
}

type workflowFile struct {
	Workflow       string          `yaml:"workflow"`
	Title          string          `yaml:"title"`
	Owner          string          `yaml:"owner"`
	Anchor         yaml.Node       `yaml:"anchor"`
	Horizon        yaml.Node       `yaml:"horizon"`
	Settle         yaml.Node       `yaml:"settle"`
	Backlog        yaml.Node       `yaml:"backlog"`
	ReplayDeadline yaml.Node       `yaml:"replay_deadline"`
	Runs           []runFile       `yaml:"runs"`
	Steps          []stepFile      `yaml:"steps"`
	Balances       []balanceFile   `yaml:"balances"`
	Invariants     []invariantFile `yaml:"invariants"`
}

type runFile struct {
	Run     yaml.Node   `yaml:"run"`
	At      []yaml.Node `yaml:"at"`
	Days    []yaml.Node `yaml:"days"`
	Except  []yaml.Node `yaml:"except"`
	Zone    yaml.Node   `yaml:"zone"`
	Cutoff  yaml.Node   `yaml:"cutoff"`
	Grace   yaml.Node   `yaml:"grace"`
	Feed    string      `yaml:"feed"`
	Aliases []string    `yaml:"aliases"`
}

type balanceFile struct {
	Balance    yaml.Node   `yaml:"balance"`
	Owed       []yaml.Node `yaml:"owed"`
	By         []yaml.Node `yaml:"by"`
	Opposite   bool        `yaml:"opposite"`
	Variance   bool        `yaml:"variance"`
	Any        []yaml.Node `yaml:"any"`
	Lines      yaml.Node   `yaml:"lines"`
	Short      yaml.Node   `yaml:"short"`
	Over       yaml.Node   `yaml:"over"`
	Twice      yaml.Node   `yaml:"twice"`
	Unexpected yaml.Node   `yaml:"unexpected"`
	Closed     yaml.Node   `yaml:"closed"`
}

type invariantFile struct {
	On     []yaml.Node `yaml:"on"`
	Holds  yaml.Node   `yaml:"holds"`
	Raises yaml.Node   `yaml:"raises"`
	Cause  yaml.Node   `yaml:"cause"`
	Say    string      `yaml:"say"`
}

type stepFile struct {
	Step           yaml.Node   `yaml:"step"`
	Title          string      `yaml:"title"`
	Missing        string      `yaml:"missing"`
	After          []yaml.Node `yaml:"after"`
	ToldBy         yaml.Node   `yaml:"told_by"`
	Required       bool        `yaml:"required"`
	Withdraws      bool        `yaml:"withdraws"`
	Raises         yaml.Node   `yaml:"raises"`
	Early          yaml.Node   `yaml:"early"`
	When           yaml.Node   `yaml:"when"`
	Since          yaml.Node   `yaml:"since"`
	Run            yaml.Node   `yaml:"run"`
	Effect         *effectFile `yaml:"effect"`
	MaxAttempts    int         `yaml:"max_attempts"`
	Only           yaml.Node   `yaml:"only"`
	Posts          bool        `yaml:"posts"`
	SystemOfRecord bool        `yaml:"system_of_record"`
	Deadline       yaml.Node   `yaml:"deadline"`
	Clock          yaml.Node   `yaml:"clock"`
	DeliveryLag    yaml.Node   `yaml:"delivery_lag"`
	Owner          string      `yaml:"owner"`
	Runbook        string      `yaml:"runbook"`
}

type effectFile struct {
	Bucket string `yaml:"bucket"`
	From   string `yaml:"from"`
	To     string `yaml:"to"`
}

// ParseWorkflow reads one workflow file. Every error is a *WorkflowError that
// names the line.
func ParseWorkflow(file string, text []byte) (*inventory.Workflow, error) {
	p := &workflowParser{file: file}
	var f workflowFile
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(&f); err != nil {
		return nil, p.yamlError(err)
	}
	if f.Workflow == "" {
		p.fail(nil, "a workflow needs a name: `workflow: sale`")
		return nil, p.err
	}
	sum := sha256.Sum256(text)
	w := &inventory.Workflow{
		Name: f.Workflow, Title: f.Title, Owner: f.Owner, Version: hex.EncodeToString(sum[:6]),
		Horizon:        p.duration(&f.Horizon, 30*24*time.Hour),
		Settle:         p.duration(&f.Settle, 30*time.Second),
		Backlog:        p.duration(&f.Backlog, 2*time.Minute),
		ReplayDeadline: p.duration(&f.ReplayDeadline, 5*time.Minute),
	}
	if len(f.Steps) == 0 {
		p.fail(nil, "a workflow needs steps")
		return nil, p.err
	}
	nodes := make([]*stepFile, len(f.Steps))
	for i := range f.Steps {
		nodes[i] = &f.Steps[i]
		p.step(w, &f.Steps[i])
	}
	for i := range f.Runs {
		p.run(w, &f.Runs[i])
	}
	for i := range f.Balances {
		p.balance(w, &f.Balances[i])
	}
	for i := range f.Invariants {
		p.invariant(w, &f.Invariants[i])
	}
	w.Anchor = p.ref(&f.Anchor)
	if p.err == nil && w.StepOf(w.Anchor) == nil {
		p.fail(&f.Anchor, "the anchor %q is none of the workflow's steps", w.Anchor)
	}
	p.check(w, nodes)
	if p.err != nil {
		return nil, p.err
	}
	return w, nil
}

type workflowParser struct {
	file string
	err  error
}

// fail keeps the first error.
func (p *workflowParser) fail(at *yaml.Node, format string, args ...any) {
	if p.err == nil {
		e := &WorkflowError{File: p.file, Detail: fmt.Sprintf(format, args...)}
		if at != nil {
			e.Line = at.Line
		}
		p.err = e
	}
}

// yamlError turns the library's "line 3: field x not found in type …" into our
// form.
func (p *workflowParser) yamlError(err error) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	text = strings.TrimSpace(strings.TrimPrefix(text, "unmarshal errors:\n"))
	text, _, _ = strings.Cut(text, "\n")
	var line int
	if n, _ := fmt.Sscanf(text, "line %d:", &line); n == 1 {
		_, text, _ = strings.Cut(text, ": ")
	}
	if name, _, ok := strings.Cut(strings.TrimPrefix(text, "field "), " not found in type"); ok {
		text = fmt.Sprintf("unknown key %q", name)
	}
	return &WorkflowError{File: p.file, Line: line, Detail: text}
}

func (p *workflowParser) duration(n *yaml.Node, unset time.Duration) time.Duration {
	if n.IsZero() {
		return unset
	}
	d, err := time.ParseDuration(n.Value)
	if err != nil || d < 0 {
		p.fail(n, "%q is not a duration: write 30s, 5m or 26h", n.Value)
	}
	return d
}

func (p *workflowParser) ref(n *yaml.Node) inventory.StepRef {
	system, step, ok := strings.Cut(strings.TrimSpace(n.Value), " ")
	if !ok || strings.Contains(step, " ") {
		p.fail(n, "%q is not a step: write the system and what it does, as in `pos completed`", n.Value)
	}
	return inventory.StepRef{System: system, Step: step}
}

func (p *workflowParser) step(w *inventory.Workflow, f *stepFile) {
	s := inventory.Step{
		StepRef: p.ref(&f.Step), Title: f.Title, Missing: f.Missing, Required: f.Required, Withdraws: f.Withdraws, Posts: f.Posts,
		SystemOfRecord: f.SystemOfRecord, Owner: f.Owner, Runbook: f.Runbook, Clock: inventory.Continuous,
		Evidence: p.duration(&f.DeliveryLag, 0), MaxAttempts: f.MaxAttempts, Run: f.Run.Value,
		Raises: p.kind(&f.Raises, inventory.MissingStep), Early: p.kind(&f.Early, ""),
		When: p.condition(&f.When, "event", "anchor", "lines"),
	}
	if !f.Since.IsZero() {
		s.Since = p.ref(&f.Since)
	}
	if !f.ToldBy.IsZero() {
		s.ToldBy = p.ref(&f.ToldBy)
	}
	if e := f.Effect; e != nil {
		s.Effect = inventory.Effect{Bucket: cmp.Or(e.Bucket, "on_hand"), From: e.From, To: e.To}
	}
	if s.Title == "" {
		s.Title = s.String()
	}
	if s.Missing == "" {
		s.Missing = "No " + s.String()
	}
	if s.Owner == "" {
		s.Owner = w.Owner
	}
	if w.StepOf(s.StepRef) != nil {
		p.fail(&f.Step, "step %q is declared twice", s.StepRef)
	}
	for i := range f.After {
		s.After = append(s.After, p.ref(&f.After[i]))
	}
	if !f.Only.IsZero() {
		switch f.Only.Value {
		case "moves_stock":
			s.OnlyStock = true
		case "variance":
			s.OnlyVariance = true
		default:
			p.fail(&f.Only, "%q is no condition: moves_stock or variance", f.Only.Value)
		}
	}
	switch f.Deadline.Kind {
	case 0:
	case yaml.MappingNode:
		s.Deadline = map[inventory.Posting]time.Duration{}
		for i := 0; i+1 < len(f.Deadline.Content); i += 2 {
			k, v := f.Deadline.Content[i], f.Deadline.Content[i+1]
			posting := inventory.Posting(k.Value)
			if !slices.Contains(inventory.Postings, posting) {
				p.fail(k, "%q is no posting mode: realtime, batch or store_day", k.Value)
			}
			s.Deadline[posting] = p.duration(v, 0)
		}
	default:
		s.Deadline = map[inventory.Posting]time.Duration{inventory.PostingRealtime: p.duration(&f.Deadline, 0)}
	}
	switch clock := inventory.Clock(f.Clock.Value); clock {
	case inventory.Continuous, inventory.StoreHours:
		s.Clock = clock
	case inventory.Schedule:
		s.Clock = clock
		if s.Run == "" {
			p.fail(&f.Clock, "the clock of %q is a schedule: name its run, as in `run: erp_pos_post`", s.StepRef)
		}
	case "":
		if len(s.Deadline) > 0 {
			p.fail(&f.Deadline, "the deadline of %q needs a clock: continuous, store_hours or schedule", s.StepRef)
		}
	default:
		p.fail(&f.Clock, "%q is no clock: continuous, store_hours or schedule", f.Clock.Value)
	}
	w.Steps = append(w.Steps, s)
}

// refs reads a list of steps of the workflow.
func (p *workflowParser) refs(w *inventory.Workflow, nodes []yaml.Node) []inventory.StepRef {
	var all []inventory.StepRef
	for i := range nodes {
		r := p.ref(&nodes[i])
		if p.err == nil && w.StepOf(r) == nil {
			p.fail(&nodes[i], "%q is none of the workflow's steps", r)
		}
		all = append(all, r)
	}
	return all
}

// kind reads a kind of finding.
func (p *workflowParser) kind(n *yaml.Node, unset inventory.Kind) inventory.Kind {
	if n.IsZero() {
		return unset
	}
	k := inventory.Kind(n.Value)
	if !slices.Contains(inventory.Kinds, k) {
		p.fail(n, "%q is no kind of finding; the contract lists them", n.Value)
	}
	return k
}

// condition reads an expression; nil where there is none.
func (p *workflowParser) condition(n *yaml.Node, about ...string) *inventory.Expression {
	if n.IsZero() {
		return nil
	}
	x, err := compile(n.Value, about...)
	if err != nil {
		p.fail(n, "the condition %q cannot be read: %v", n.Value, err)
	}
	return x
}

// weekdays are their names in files, by [time.Weekday].
var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

func (p *workflowParser) run(w *inventory.Workflow, f *runFile) {
	r := inventory.Run{
		Name: f.Run.Value, Cutoff: p.duration(&f.Cutoff, 0), Grace: p.duration(&f.Grace, time.Hour), Feed: f.Feed, Aliases: f.Aliases,
	}
	if r.Name == "" {
		p.fail(&f.Run, "a run needs a name: `run: erp_pos_post`")
	}
	if len(f.At) == 0 {
		p.fail(&f.Run, "run %q needs its starts: `at: [\"02:00\"]`", r.Name)
	}
	for i := range f.At {
		t, err := time.Parse("15:04", f.At[i].Value)
		if err != nil {
			p.fail(&f.At[i], "%q is no time of day: write \"02:00\"", f.At[i].Value)
		}
		r.At = append(r.At, t.Hour()*60+t.Minute())
	}
	for i := range f.Days {
		d := slices.Index(weekdays, f.Days[i].Value)
		if d < 0 {
			p.fail(&f.Days[i], "%q is no weekday: write %s", f.Days[i].Value, strings.Join(weekdays, ", "))
			return
		}
		r.Days[d] = true
	}
	for i := range f.Except {
		if _, err := time.Parse(time.DateOnly, f.Except[i].Value); err != nil {
			p.fail(&f.Except[i], "%q is no day: write \"2026-12-25\"", f.Except[i].Value)
		}
		r.Except = append(r.Except, f.Except[i].Value)
	}
	if zone := f.Zone.Value; zone != "" && zone != "store" {
		z, err := time.LoadLocation(zone)
		if err != nil {
			p.fail(&f.Zone, "%q is no time zone: write Europe/Berlin, or store for each store's own", zone)
		}
		r.Zone = z
	}
	if p.err == nil && w.RunOf(r.Name) != nil {
		p.fail(&f.Run, "run %q is declared twice", r.Name)
	}
	w.Runs = append(w.Runs, r)
}

func (p *workflowParser) balance(w *inventory.Workflow, f *balanceFile) {
	b := inventory.Balance{
		Name: f.Balance.Value, Owed: p.refs(w, f.Owed), By: p.refs(w, f.By), Opposite: f.Opposite, Variance: f.Variance,
		Lines: p.condition(&f.Lines, "line", "event"), Short: p.kind(&f.Short, ""), Over: p.kind(&f.Over, ""),
		Twice: p.kind(&f.Twice, ""), Unexpected: p.kind(&f.Unexpected, ""),
	}
	if b.Name == "" || len(b.Owed) == 0 || len(b.By) == 0 {
		p.fail(&f.Balance, "a balance needs a name, what is `owed` and `by` whom it is booked")
	}
	for i := range f.Any {
		switch f.Any[i].Value {
		case "location":
			b.AnyPlace = true
		case "status":
			b.AnyStatus = true
		default:
			p.fail(&f.Any[i], "%q is nothing that a balance may leave aside: location or status", f.Any[i].Value)
		}
	}
	if !f.Closed.IsZero() {
		b.Closed = p.refs(w, []yaml.Node{f.Closed})[0]
	}
	w.Balances = append(w.Balances, b)
}

func (p *workflowParser) invariant(w *inventory.Workflow, f *invariantFile) {
	i := inventory.Invariant{
		On: p.refs(w, f.On), Holds: p.condition(&f.Holds, "event", "anchor", "lines"), Raises: p.kind(&f.Raises, ""),
		Cause: inventory.Cause(f.Cause.Value), Say: f.Say,
	}
	if i.Holds == nil || i.Raises == "" || i.Say == "" {
		p.fail(&f.Holds, "an invariant needs what `holds`, the kind it `raises`, and what to `say`")
	}
	if i.Cause == "" {
		i.Cause = inventory.CauseUnknown
	} else if !slices.Contains(inventory.Causes, i.Cause) {
		p.fail(&f.Cause, "%q is no cause; the contract lists them", i.Cause)
	}
	w.Invariants = append(w.Invariants, i)
}

// check refuses references to nowhere, cycles, steps that nothing leads to, and
// more than one posting step.
func (p *workflowParser) check(w *inventory.Workflow, nodes []*stepFile) {
	if p.err != nil {
		return
	}
	posts := 0
	for i := range w.Steps {
		if w.Steps[i].Posts {
			if posts++; posts > 1 {
				p.fail(&nodes[i].Step, "only one step of a workflow posts")
			}
		}
		for j, ref := range w.Steps[i].After {
			if w.StepOf(ref) == nil {
				p.fail(&nodes[i].After[j], "step %q comes after %q, which is none of the workflow's steps", w.Steps[i].StepRef, ref)
			}
		}
		if since := w.Steps[i].Since; !since.IsZero() && w.StepOf(since) == nil {
			p.fail(&nodes[i].Since, "the deadline of %q counts from %q, which is none of the workflow's steps", w.Steps[i].StepRef, since)
		}
		if by := w.Steps[i].ToldBy; !by.IsZero() && w.StepOf(by) == nil {
			p.fail(&nodes[i].ToldBy, "step %q is told by %q, which is none of the workflow's steps", w.Steps[i].StepRef, by)
		}
		if run := w.Steps[i].Run; run != "" && w.RunOf(run) == nil {
			p.fail(&nodes[i].Run, "step %q waits for the run %q, which is not declared under `runs`", w.Steps[i].StepRef, run)
		}
	}
	// Depth-first, the classic three colours.
	const visiting, visited = 1, 2
	colour := make([]int, len(w.Steps))
	var visit func(i int) bool
	visit = func(i int) bool {
		switch colour[i] {
		case visiting:
			return false
		case visited:
			return true
		}
		colour[i] = visiting
		for _, ref := range w.Steps[i].After {
			if j := w.IndexOf(ref); j >= 0 && !visit(j) {
				return false
			}
		}
		colour[i] = visited
		return true
	}
	for i := range w.Steps {
		if !visit(i) {
			p.fail(&nodes[i].Step, "step %q comes after itself", w.Steps[i].StepRef)
			return
		}
	}
	// A required step without a way from or to the anchor would be owed by
	// transactions that have nothing to do with it.
	for i := range w.Steps {
		s := &w.Steps[i]
		if s.Required && s.StepRef != w.Anchor && !comesAfter(w, s.StepRef, w.Anchor) && !comesAfter(w, w.Anchor, s.StepRef) {
			p.fail(&nodes[i].Step, "nothing leads from the anchor %q to the required step %q: say what it comes `after`", w.Anchor, s.StepRef)
		}
	}
}

// comesAfter reports whether step a comes after b, directly or by others. The
// workflow has no cycle.
func comesAfter(w *inventory.Workflow, a, b inventory.StepRef) bool {
	s := w.StepOf(a)
	return s != nil && slices.ContainsFunc(s.After, func(r inventory.StepRef) bool { return r == b || comesAfter(w, r, b) })
}
