package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/stocktrace/stocktrace/lifecycle"
)

// PreviewRequest is rules that are not in force: the text of the files that
// would declare them. What is left out stays as the instance has it.
type PreviewRequest struct {
	// Workflows are the workflow files, by name.
	Workflows map[string]string `json:"workflows,omitempty"`
	Locations string            `json:"locations,omitempty"`
	Packs     string            `json:"packs,omitempty"`
}

// ReadPreview reads files that declare rules, or every YAML file of a folder:
// workflows, locations and packs, told apart by what they hold.
func ReadPreview(paths []string) (PreviewRequest, error) {
	r := PreviewRequest{Workflows: map[string]string{}}
	var errs []error
	for _, path := range paths {
		files := []string{path}
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			if files, err = filepath.Glob(filepath.Join(path, "*.yaml")); err != nil || len(files) == 0 {
				errs = append(errs, fmt.Errorf("%s holds no YAML file", path))
				continue
			}
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err == nil {
				err = r.add(file, text)
			}
			errs = append(errs, err)
		}
	}
	return r, errors.Join(errs...)
}

// add takes in a file of whatever kind it is.
func (r *PreviewRequest) add(file string, text []byte) error {
	var holds struct{ Workflow, Locations, Packs yaml.Node }
	if err := yaml.Unmarshal(text, &holds); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	switch name := filepath.Base(file); {
	case !holds.Workflow.IsZero():
		if _, twice := r.Workflows[name]; twice {
			return fmt.Errorf("%s: two files are called %s", file, name)
		}
		r.Workflows[name] = string(text)
	case !holds.Locations.IsZero() && r.Locations == "":
		r.Locations = string(text)
	case !holds.Packs.IsZero() && r.Packs == "":
		r.Packs = string(text)
	default:
		return fmt.Errorf("%s declares no workflow, and no locations or packs that are not given already", file)
	}
	return nil
}

// PreviewReport is what the rules of a [PreviewRequest] would change.
type PreviewReport struct {
	Lifecycles int            `json:"lifecycles"`
	Open       int            `json:"open"`
	Changed    int            `json:"changed"`
	Verdicts   []TurnCount    `json:"verdicts"`
	Opened     map[string]int `json:"findings_opened"`
	Closed     map[string]int `json:"findings_closed"`
	Changes    []RuleChange   `json:"changes"` // examples, by id
}

// TurnCount counts lifecycles whose verdict would become another.
type TurnCount struct {
	From  string `json:"from"`
	To    string `json:"to"`
	Count int    `json:"count"`
}

// RuleChange is one lifecycle that would be judged otherwise.
type RuleChange struct {
	CorrelationID string   `json:"correlation_id"`
	Workflow      string   `json:"workflow"`
	From          string   `json:"from"`
	To            string   `json:"to"`
	Opened        []string `json:"findings_opened,omitempty"`
	Closed        []string `json:"findings_closed,omitempty"`
	Sentence      string   `json:"sentence"`
}

// badRulesError is rules that cannot be read: the asker's mistake.
type badRulesError struct{ error }

// preview says what other rules would change of what is open.
func (a *App) preview(ctx context.Context, ask PreviewRequest) (report PreviewReport, err error) {
	next, err := a.nextRules(ask)
	if err != nil {
		return report, badRulesError{err}
	}
	p, err := lifecycle.PreviewRules(ctx, a.rules.engine(), next.engine(), a.store)
	if err != nil {
		return report, err
	}
	report = PreviewReport{
		Lifecycles: p.Lifecycles, Open: p.Open, Changed: p.Changed, Verdicts: []TurnCount{}, Opened: map[string]int{}, Closed: map[string]int{},
		Changes: []RuleChange{},
	}
	for turn, n := range p.Verdicts {
		report.Verdicts = append(report.Verdicts, TurnCount{string(turn.From), string(turn.To), n})
	}
	slices.SortFunc(report.Verdicts, func(a, b TurnCount) int {
		if a.Count != b.Count {
			return b.Count - a.Count
		}
		return strings.Compare(a.From+" "+a.To, b.From+" "+b.To)
	})
	for kind, n := range p.Opened {
		report.Opened[string(kind)] = n
	}
	for kind, n := range p.Closed {
		report.Closed[string(kind)] = n
	}
	for _, c := range p.Changes {
		one := RuleChange{CorrelationID: c.ID, Workflow: c.Workflow, From: string(c.From), To: string(c.To), Sentence: c.Sentence}
		for _, k := range c.Opened {
			one.Opened = append(one.Opened, string(k))
		}
		for _, k := range c.Closed {
			one.Closed = append(one.Closed, string(k))
		}
		report.Changes = append(report.Changes, one)
	}
	return report, nil
}

// nextRules reads the rules of a request, with the instance's own where it says
// nothing. Errors name the asker's files.
func (a *App) nextRules(ask PreviewRequest) (*rules, error) {
	dir, err := os.MkdirTemp("", "stocktrace-preview-*")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	s := *a.settings
	write := func(name, text string, into *string) {
		if text == "" || err != nil {
			return
		}
		*into = filepath.Join(dir, name)
		err = os.WriteFile(*into, []byte(text), 0o600)
	}
	write("locations.yaml", ask.Locations, &s.Locations)
	write("packs.yaml", ask.Packs, &s.Packs)
	if len(ask.Workflows) > 0 && err == nil {
		s.Workflows = filepath.Join(dir, "workflows")
		err = os.Mkdir(s.Workflows, 0o700)
		for name, text := range ask.Workflows {
			var path string
			if name = filepath.Base(name); !strings.HasSuffix(name, ".yaml") {
				name += ".yaml"
			}
			write(filepath.Join("workflows", name), text, &path)
		}
	}
	if err != nil {
		return nil, err
	}
	next, err := loadRules(&s)
	if err != nil {
		text := strings.ReplaceAll(err.Error(), filepath.Join(dir, "workflows")+string(filepath.Separator), "")
		return nil, errors.New(strings.ReplaceAll(text, dir+string(filepath.Separator), ""))
	}
	return next, nil
}

// servePreview answers POST /api/v1/preview, whose body is a PreviewRequest,
// with a PreviewReport. It takes as long as it takes, and changes nothing.
func (a *App) servePreview(w http.ResponseWriter, r *http.Request) {
	unhurried(w)
	var ask PreviewRequest
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 16<<20)).Decode(&ask); err != nil {
		refuse(w, http.StatusBadRequest, fmt.Sprintf(`The body is {"workflows": {"sale.yaml": "…"}, "locations": "…", "packs": "…"}: %v.`, err))
		return
	}
	report, err := a.preview(r.Context(), ask)
	if bad := (badRulesError{}); errors.As(err, &bad) {
		refuse(w, http.StatusUnprocessableEntity, bad.Error())
		return
	}
	respond(w, report, err)
}
