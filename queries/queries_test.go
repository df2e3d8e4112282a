package queries

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A statement nobody runs is a lie about what the program does.
func TestEveryStatementIsUsed(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	get := regexp.MustCompile(`queries\.Get\("([^"]+)"\)`)
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if d.Name() == "node_modules" || strings.HasPrefix(d.Name(), ".") && d.Name() != ".." {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		text, err := os.ReadFile(path)
		for _, m := range get.FindAllSubmatch(text, -1) {
			used[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range All() {
		if !used[q.Name] {
			t.Errorf("nothing runs %s.sql", q.Name)
		}
		delete(used, q.Name)
	}
	for name := range used {
		t.Errorf("there is no %s.sql", name)
	}
}

func TestParams(t *testing.T) {
	t.Parallel()
	q := Query{SQL: "SELECT {a:UInt8}, {b: Array(Tuple(x String, y Decimal(38, 9)))} WHERE t > {since:DateTime64(6, 'UTC')}"}
	got := q.Params()
	if len(got) != 3 || got["a"] != "UInt8" || got["b"] != "Array(Tuple(x String, y Decimal(38, 9)))" || got["since"] != "DateTime64(6, 'UTC')" {
		t.Errorf("%q", got)
	}
}

func TestMigrationsAreNumberedAndSplit(t *testing.T) {
	t.Parallel()
	for i, m := range Migrations() {
		if m.Number != i+1 || len(m.Statements) == 0 {
			t.Errorf("migration %d is %q with %d statements", i+1, m.Name, len(m.Statements))
		}
		for _, s := range m.Statements {
			if strings.HasSuffix(s, ";") || !regexp.MustCompile(`^[A-Z]+ `).MatchString(s) {
				t.Errorf("%s: a statement was cut badly: %.60q", m.Name, s)
			}
		}
	}
}
