package chdb

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReturnsRows(t *testing.T) {
	for sql, want := range map[string]bool{
		"SELECT 1":   true,
		"  select 1": true,
		"-- why\n/* and\nwhy */ # too\n#! and this\nWITH 1 AS a SELECT a": true,
		"(SELECT 1) UNION ALL (SELECT 2)":                                 true,
		"FROM numbers(3) SELECT number":                                   true,
		"INSERT INTO t SELECT 1":                                          false,
		"/* SELECT */ DROP TABLE t":                                       false,
		"SHOW TABLES":                                                     false,
		"selection":                                                       false,
		"":                                                                false,
		"-- SELECT 1":                                                     false,
		"/* never closed SELECT 1":                                        false,
	} {
		if got := returnsRows(sql); got != want {
			t.Errorf("returnsRows(%q) = %t", sql, got)
		}
	}
}

func TestLeavesTraces(t *testing.T) {
	for sql, want := range map[string]bool{
		"SET max_threads = 1":                           true,
		" /* x */ use system":                           true,
		"CREATE TEMPORARY TABLE t (n UInt8)":            true,
		"CREATE OR REPLACE temporary TABLE t (n UInt8)": true,
		"CREATE TABLE t (n UInt8) ENGINE = Null":        false,
		"SELECT 1 SETTINGS max_threads = 1":             false,
		"INSERT INTO t VALUES (1)":                      false,
	} {
		if got := leavesTraces(sql); got != want {
			t.Errorf("leavesTraces(%q) = %t", sql, got)
		}
	}
}

func TestParseException(t *testing.T) {
	for _, test := range []struct {
		text   string
		code   int
		begins string
		status int
	}{
		{"Code: 60. DB::Exception: Unknown table (UNKNOWN_TABLE)", 60, "Code: 60. ", http.StatusNotFound},
		{"Error: Code: 62. DB::Exception: Syntax error (SYNTAX_ERROR)\n", 62, "Code: 62. ", http.StatusBadRequest},
		{"Code: 241. DB::Exception: Memory (MEMORY_LIMIT_EXCEEDED)", 241, "Code: 241. ", http.StatusInternalServerError},
		{"Code: 159. DB::Exception: Timeout (TIMEOUT_EXCEEDED)", 159, "Code: 159. ", http.StatusRequestTimeout},
		{"No active streaming query", 1002, "Code: 1002. DB::Exception: No active streaming query", http.StatusInternalServerError},
		{"Code: 99999999999999999999. DB::Exception: x", 1002, "Code: 1002. ", http.StatusInternalServerError},
		{"Code: 0. DB::Exception: x", 1002, "Code: 1002. ", http.StatusInternalServerError},
		{"", 1002, "Code: 1002. ", http.StatusInternalServerError},
	} {
		x := parseException(test.text)
		if x.Code != test.code || !strings.HasPrefix(x.Text, test.begins) || x.status() != test.status {
			t.Errorf("parseException(%q) = %d %q with status %d", test.text, x.Code, x.Text, x.status())
		}
	}
}

func TestFrameIsBounded(t *testing.T) {
	frame := newException(1, "X", "%s", strings.Repeat("é", 20<<10)).frame("0123456789abcdef")
	if len(frame) > 16<<10 {
		t.Errorf("a frame of %d bytes; readers stop at 16 KiB", len(frame))
	}
}

func TestQuote(t *testing.T) {
	if got := quoteString(`it's \ 'x'`); got != `'it\'s \\ \'x\''` {
		t.Error(got)
	}
	if got := quoteIdentifier("a`b\\"); got != "`a\\`b\\\\`" {
		t.Error(got)
	}
}

// TestPackagesArePinned keeps what npm installs and what this package is written
// for the same, and addresses out of the lock file.
func TestPackagesArePinned(t *testing.T) {
	root := filepath.Join("..", "..", "..")
	var manifest struct {
		OptionalDependencies map[string]string
	}
	text, err := os.ReadFile(filepath.Join(root, "package.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &manifest); err != nil {
		t.Fatal(err)
	}
	lock, err := os.ReadFile(filepath.Join(root, "package-lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(lock), `"resolved"`) {
		t.Error("package-lock.json holds addresses; omit-lockfile-registry-resolved in .npmrc keeps them out")
	}
	for platform, pkg := range npmPackages {
		if got := manifest.OptionalDependencies[pkg]; got != Version {
			t.Errorf("%s: package.json has %s %q, want %s", platform, pkg, got, Version)
		}
		// npm ci refuses a lock file without those of other platforms.
		if !strings.Contains(string(lock), `"node_modules/`+pkg+`"`) {
			t.Errorf("%s: package-lock.json lacks %s", platform, pkg)
		}
	}
}
