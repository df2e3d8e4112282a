package lifecycle

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
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
	Workflow       string     `yaml:"workflow"`
	Title          string     `yaml:"title"`
	Owner          string     `yaml:"owner"`
	Anchor         yaml.Node  `yaml:"anchor"`
	Horizon        yaml.Node  `yaml:"horizon"`
	Settle         yaml.Node  `yaml:"settle"`
	ReplayDeadline yaml.Node  `yaml:"replay_deadline"`
	Steps          []stepFile `yaml:"steps"`
}

type stepFile struct {
	Step           yaml.Node   `yaml:"step"`
	Title          string      `yaml:"title"`
	Missing        string      `yaml:"missing"`
	After          []yaml.Node `yaml:"after"`
	Required       bool        `yaml:"required"`
	Only           yaml.Node   `yaml:"only"`
	Posts          bool        `yaml:"posts"`
	SystemOfRecord bool        `yaml:"system_of_record"`
	Deadline       yaml.Node   `yaml:"deadline"`
	Clock          yaml.Node   `yaml:"clock"`
	DeliveryLag    yaml.Node   `yaml:"delivery_lag"`
	Owner          string      `yaml:"owner"`
	Runbook        string      `yaml:"runbook"`
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
		StepRef: p.ref(&f.Step), Title: f.Title, Missing: f.Missing, Required: f.Required, Posts: f.Posts,
		SystemOfRecord: f.SystemOfRecord, Owner: f.Owner, Runbook: f.Runbook, Clock: inventory.Continuous,
		Evidence: p.duration(&f.DeliveryLag, 0),
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
		if f.Only.Value != "moves_stock" {
			p.fail(&f.Only, "%q is no condition: the one there is, is `moves_stock`", f.Only.Value)
		}
		s.OnlyStock = true
	}
	switch f.Deadline.Kind {
	case 0:
	case yaml.MappingNode:
		s.Deadline = map[inventory.Posting]time.Duration{}
		for i := 0; i+1 < len(f.Deadline.Content); i += 2 {
			k, v := f.Deadline.Content[i], f.Deadline.Content[i+1]
			posting := inventory.Posting(k.Value)
			if posting != inventory.PostingRealtime && posting != inventory.PostingBatch {
				p.fail(k, "%q is no posting mode: realtime or batch", k.Value)
			}
			s.Deadline[posting] = p.duration(v, 0)
		}
	default:
		s.Deadline = map[inventory.Posting]time.Duration{inventory.PostingRealtime: p.duration(&f.Deadline, 0)}
	}
	switch clock := inventory.Clock(f.Clock.Value); clock {
	case inventory.Continuous, inventory.StoreHours:
		s.Clock = clock
	case "":
		if len(s.Deadline) > 0 {
			p.fail(&f.Deadline, "the deadline of %q needs a clock: continuous or store_hours", s.StepRef)
		}
	default:
		p.fail(&f.Clock, "%q is no clock: continuous or store_hours", f.Clock.Value)
	}
	w.Steps = append(w.Steps, s)
}

// check refuses references to nowhere, cycles, and more than one posting step.
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
			if j := stepIndex(w, ref); j >= 0 && !visit(j) {
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
}
