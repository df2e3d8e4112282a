package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMapTry(t *testing.T) {
	code, out, errs := run(t, nil, "map", "try", "testdata/map/STK_1.csv", "--source", "/wms/acme/1", "--mappings", "testdata/map/counts.yaml")
	if code != ExitNo || errs != "" {
		t.Errorf("exit %d: %s", code, errs)
	}
	golden(t, "map/try.txt", out)

	code, out, errs = run(t, nil, "map", "try", "testdata/map/STK_1.csv", "--format", "acme-counts", "--mappings", "testdata/map/counts.yaml", "--limit", "1", "-o", "json")
	if code != ExitNo || errs != "" {
		t.Errorf("exit %d: %s", code, errs)
	}
	for line := range strings.Lines(out) {
		var reading struct {
			Path, Problem string
			Fields        []struct{ Name, Value, From string }
		}
		if err := json.Unmarshal([]byte(line), &reading); err != nil || reading.Path == "" || (reading.Problem == "") == (len(reading.Fields) == 0) {
			t.Errorf("%v: %s", err, line)
		}
	}
	if n := strings.Count(out, "\n"); n != 2 { // the first event, and what failed
		t.Errorf("%d lines:\n%s", n, out)
	}
}

func TestMapTrySaysWhatNobodyReads(t *testing.T) {
	file := filepath.Join(t.TempDir(), "story.txt")
	if err := os.WriteFile(file, []byte("once upon a time\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs := run(t, nil, "map", "try", file)
	if code != ExitNo || errs != "" || !strings.Contains(out, "is of no format known") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	for _, args := range [][]string{{"map", "try", file + ".gone"}, {"map", "try"}, {"map", "try", file, "--mappings", "nowhere"}, {"map", "check"}, {"map", "check", "--mappings", "nowhere"}} {
		if code, out, errs := run(t, nil, args...); code != ExitError || errs == "" || out != "" {
			t.Errorf("%v: exit %d: %s%s", args, code, out, errs)
		}
	}
}

func TestMapCheck(t *testing.T) {
	code, out, _ := run(t, nil, "map", "check", "--mappings", "testdata/map/counts.yaml")
	if code != ExitYes {
		t.Errorf("exit %d", code)
	}
	golden(t, "map/check.txt", out)
	code, out, _ = run(t, nil, "map", "check", "--mappings", "testdata/map/wrong.txt")
	if code != ExitNo {
		t.Errorf("exit %d", code)
	}
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "map/check-wrong.txt", strings.ReplaceAll(out, wd+string(filepath.Separator), ""))
}
