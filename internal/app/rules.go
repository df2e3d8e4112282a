package app

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/lifecycle"
	"github.com/stocktrace/stocktrace/slo"
	"github.com/stocktrace/stocktrace/slo/objectives"
)

// rules is what the retailer declared: what is owed, where, and what is
// promised.
type rules struct {
	workflows  []*inventory.Workflow
	locations  []inventory.Location
	packs      []inventory.Pack
	objectives []slo.Objective
}

// engine returns the rules as the engine asks them.
func (r *rules) engine() *lifecycle.Rules {
	return lifecycle.NewRules(r.workflows, r.locations).WithPacks(r.packs)
}

// loadRules reads every file the settings name. Its error lists all that is
// wrong in them.
func loadRules(s *Settings) (*rules, error) {
	var r rules
	var errs [5]error
	r.workflows, errs[0] = loadWorkflows(s.Workflows)
	if s.Locations != "" {
		r.locations, errs[1] = LoadLocations(s.Locations)
	}
	if s.Packs != "" {
		r.packs, errs[4] = loadPacks(s.Packs)
	}
	if s.Objectives != "" {
		r.objectives, errs[2] = objectives.Load(s.Objectives)
	} else {
		r.objectives, errs[2] = objectives.Shipped()
	}
	if errs[0] == nil && errs[2] == nil {
		for i := range r.objectives {
			errs[3] = errors.Join(errs[3], r.objectives[i].Validate(r.workflows))
		}
	}
	return &r, errors.Join(errs[:]...)
}

// loadWorkflows returns the workflows that come with stocktrace, those of the
// file or folder in place of, or beside, them.
func loadWorkflows(path string) ([]*inventory.Workflow, error) {
	all, err := lifecycle.BuiltinWorkflows()
	if err != nil || path == "" {
		return all, err
	}
	files := []string{path}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read workflows: %w", err)
	}
	if info.IsDir() {
		if files, err = filepath.Glob(filepath.Join(path, "*.yaml")); err != nil {
			return nil, fmt.Errorf("read workflows: %w", err)
		}
	}
	var errs []error
	given := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			errs = append(errs, fmt.Errorf("read workflow: %w", err))
			continue
		}
		w, err := lifecycle.ParseWorkflow(file, text)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if first, twice := given[w.Name]; twice {
			errs = append(errs, fmt.Errorf("%s: workflow %q is declared in %s already", file, w.Name, first))
			continue
		}
		given[w.Name] = file
		if i := slices.IndexFunc(all, func(b *inventory.Workflow) bool { return b.Name == w.Name }); i >= 0 {
			all[i] = w
		} else {
			all = append(all, w)
		}
	}
	return all, errors.Join(errs...)
}

// loadPacks reads how many pieces the packs of items hold:
//
//	packs:
//	  - {item: "4006381333931", uom: CS, holds: "12"}
func loadPacks(path string) ([]inventory.Pack, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read packs: %w", err)
	}
	var f struct {
		Packs []yaml.Node `yaml:"packs"`
	}
	if err := yaml.Unmarshal(text, &f); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var packs []inventory.Pack
	var errs []error
	for i := range f.Packs {
		var p struct{ Item, UOM, Holds, Of string }
		node := &f.Packs[i]
		if err := node.Decode(&p); err != nil {
			errs = append(errs, &lineError{path, node.Line, err.Error()})
			continue
		}
		holds, err := inventory.ParseDecimal(p.Holds)
		if p.Item == "" || p.UOM == "" || err != nil || holds.Sign() <= 0 {
			errs = append(errs, &lineError{path, node.Line, "a pack needs its item, its uom, and how many it holds: {item: \"4006381333931\", uom: CS, holds: \"12\"}"})
			continue
		}
		packs = append(packs, inventory.Pack{Item: p.Item, UOM: p.UOM, Holds: holds, Of: p.Of})
	}
	return packs, errors.Join(errs...)
}

// Workflows returns the workflows the settings name, with the built-in ones.
func Workflows(s *Settings) ([]*inventory.Workflow, error) { return loadWorkflows(s.Workflows) }

// locate returns a lookup of the declared locations, padded or not.
func (r *rules) locate() func(id string) (inventory.Location, bool) {
	byID := make(map[string]inventory.Location, len(r.locations))
	for _, l := range r.locations {
		byID[inventory.Unpad(l.ID)] = l
	}
	return func(id string) (inventory.Location, bool) {
		l, ok := byID[inventory.Unpad(id)]
		return l, ok
	}
}

// Check reads every file the settings name and returns what is well.
func Check(s *Settings) ([]string, error) {
	r, err := loadRules(s)
	if err != nil {
		return nil, err
	}
	from := func(path string) string {
		if path == "" {
			return "(built in)"
		}
		return "with " + path
	}
	lines := []string{
		plural(len(r.workflows), "workflow", "workflows") + " " + from(s.Workflows),
		plural(len(r.objectives), "objective", "objectives") + " " + from(s.Objectives),
	}
	if s.Locations != "" {
		lines = append(lines, plural(len(r.locations), "location", "locations")+" in "+s.Locations)
	}
	if s.Packs != "" {
		lines = append(lines, plural(len(r.packs), "pack", "packs")+" in "+s.Packs)
	}
	set, err := Mappings(s, false)
	if err != nil {
		return nil, err
	}
	if n := len(set.Mappings()); n > 0 {
		lines = append(lines, plural(n, "mapping", "mappings")+" in "+s.Mappings)
	}
	if s.DropFolders != "" {
		folders, err := loadFolders(s.DropFolders)
		if err != nil {
			return nil, err
		}
		lines = append(lines, plural(len(folders), "drop folder", "drop folders")+" in "+s.DropFolders)
	}
	gate, err := openDoor(s, nil)
	if err != nil {
		return nil, err
	}
	if n := len(gate.Sources()); n > 0 {
		lines = append(lines, plural(n, "source that may send", "sources that may send"))
	}
	private, err := loadPrivacy(s)
	if private != nil {
		lines = append(lines, "people are taken out by "+s.Privacy)
	}
	return lines, err
}
