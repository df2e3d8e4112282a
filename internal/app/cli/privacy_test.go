package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stocktrace/stocktrace/collector/privacy"
)

func TestPrivacyKeys(t *testing.T) {
	dir := t.TempDir()
	file, rules := filepath.Join(dir, "privacy.secret"), filepath.Join(dir, "privacy.yaml")
	if err := os.WriteFile(rules, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	code, first, _ := run(t, nil, "privacy", "init", "--secret", file)
	if code != 0 {
		t.Fatal(code)
	}
	if _, err := privacy.Load(rules, first); err != nil {
		t.Fatal(err)
	}
	if code, _, said := run(t, nil, "privacy", "init", "--secret", file); code != 2 || !strings.Contains(said, "exists") {
		t.Errorf("a second init: %d %q", code, said)
	}
	if code, _, said := run(t, nil, "privacy", "rotate", "--secret", file); code != 2 || !strings.Contains(said, "STOCKTRACE_PRIVACY_KEY") {
		t.Errorf("rotate without a key: %d %q", code, said)
	}
	code, second, said := run(t, []string{"STOCKTRACE_PRIVACY_KEY=" + strings.TrimSpace(first)}, "privacy", "rotate", "--secret", file)
	if code != 0 || second == first {
		t.Fatalf("rotate: %d %q", code, said)
	}
	if _, err := privacy.Load(rules, second); err != nil {
		t.Error(err)
	}
	if _, err := privacy.Load(rules, first); err == nil {
		t.Error("the old key still unwraps the secret")
	}
}
