package app

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/stocktrace/stocktrace/internal/estate"
)

// rulesFolder is where an instance leaves a copy of the rules it ran with, so
// that a command that opens the directory later judges by the same.
const rulesFolder = "rules"

// leaveRules writes the copy.
func leaveRules(s *Settings, r *rules) error {
	dir := filepath.Join(s.DataDir, rulesFolder)
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("leave the rules: %w", err)
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("leave the rules: %w", err)
	}
	if len(r.locations) > 0 {
		var b bytes.Buffer
		if err := estate.WriteLocations(&b, r.locations); err != nil {
			return fmt.Errorf("leave the locations: %w", err)
		}
		if err := os.WriteFile(filepath.Join(dir, "locations.yaml"), b.Bytes(), 0o600); err != nil {
			return fmt.Errorf("leave the locations: %w", err)
		}
	}
	for name, path := range map[string]string{"workflows": s.Workflows, "objectives": s.Objectives} {
		if path == "" {
			continue
		}
		if err := copyRules(path, filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("leave the %s: %w", name, err)
		}
	}
	return nil
}

// copyRules copies a file, or the YAML files of a folder, into a new folder.
func copyRules(from, to string) error {
	files := []string{from}
	info, err := os.Stat(from)
	if err == nil && info.IsDir() {
		files, err = filepath.Glob(filepath.Join(from, "*.y*ml"))
	}
	if err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o750); err != nil {
		return err
	}
	for _, file := range files {
		if err := copyFile(file, filepath.Join(to, filepath.Base(file))); err != nil {
			return err
		}
	}
	return nil
}

// withLeftRules returns the settings with the rules the directory's instance ran
// with, where none are given.
func withLeftRules(s *Settings) *Settings {
	with := *s
	dir := filepath.Join(s.DataDir, rulesFolder)
	for _, left := range []struct {
		setting *string
		name    string
	}{{&with.Locations, "locations.yaml"}, {&with.Workflows, "workflows"}, {&with.Objectives, "objectives"}} {
		if *left.setting != "" {
			continue
		}
		path := filepath.Join(dir, left.name)
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			*left.setting = path
		}
	}
	return &with
}
