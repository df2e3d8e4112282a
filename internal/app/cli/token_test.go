package cli

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestTokens(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tokens")
	now := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	run := func(args ...string) (int, string, string) {
		var out, said strings.Builder
		p := Program{Args: append([]string{"token"}, append(args, "--tokens", file)...), Stdout: &out, Stderr: &said, Now: func() time.Time { return now }}
		code := p.Run(t.Context())
		return code, out.String(), said.String()
	}
	code, secret, said := run("new", "pos-fr", "--expires", "90d")
	if code != 0 || !strings.HasPrefix(secret, "st_") || !strings.Contains(said, "pos-fr") {
		t.Fatalf("new: %d %q %q", code, secret, said)
	}
	if code, _, said := run("new", "pos-fr", "--retire", "1d"); code != 0 {
		t.Fatalf("a second token: %d %s", code, said)
	}
	if code, _, said := run("new", "pos-fr"); code != 2 || !strings.Contains(said, "2 valid tokens") {
		t.Errorf("a third token: %d %q", code, said)
	}
	if code, _, said := run("new", "pos fr"); code != 2 || !strings.Contains(said, "does not name a source") {
		t.Errorf("a bad name: %d %q", code, said)
	}
	id := strings.Split(secret, "_")[1]
	code, listed, _ := run("list")
	if code != 0 || !strings.Contains(listed, id+"  pos-fr") || !strings.Contains(listed, "ends 2026-11-24 10:00:00") ||
		!strings.Contains(listed, "never ends") || strings.Contains(listed, strings.TrimSpace(secret)) {
		t.Errorf("list: %s", listed)
	}
	if code, listed, _ := run("list", "-o", "json"); code != 0 || !strings.Contains(listed, `"expires": "2026-11-24T10:00:00Z"`) {
		t.Errorf("list as JSON: %s", listed)
	}
	if code, said, _ := run("revoke", id); code != 0 || said != "1 token revoked.\n" {
		t.Errorf("revoke: %d %q", code, said)
	}
	if code, _, said := run("revoke", id); code != 2 || !strings.Contains(said, "no token or source") {
		t.Errorf("revoke again: %d %q", code, said)
	}
}
