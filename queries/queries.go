// Package queries holds every SQL statement of stocktrace, one per file, and the
// numbered migrations of its schema. Go only embeds them.
//
// Statements take named parameters, {name:Type}, never text: the server parses
// the statement before it sees a value.
package queries

import (
	"cmp"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

//go:embed *.sql
var files embed.FS

//go:embed schema/*.sql
var schema embed.FS

// Query is one statement. Its name, that of its file, is also sent along as the
// log_comment, so that a server's query log says who asked.
type Query struct {
	Name string
	SQL  string
}

// Get returns the statement of queries/<name>.sql. It panics where there is no
// such file: names are constants of the program, and package variables hold
// what Get returns, so that a wrong one cannot start.
func Get(name string) Query {
	text, err := files.ReadFile(name + ".sql")
	if err != nil {
		panic("queries: there is no " + name + ".sql")
	}
	return Query{Name: name, SQL: strip(string(text))}
}

// All returns every statement, by name.
func All() []Query {
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		panic("queries: " + err.Error()) // the pattern is a constant
	}
	all := make([]Query, len(names))
	for i, name := range names {
		all[i] = Get(strings.TrimSuffix(name, ".sql"))
	}
	return all
}

// Migration is one step of the schema. Its statements can be run again: a crash
// between two of them is mended by the next start.
type Migration struct {
	Number     int // from 1, without gaps
	Name       string
	Statements []string
}

// Migrations returns the steps of the schema in order. They lead forward only.
func Migrations() []Migration {
	names, err := fs.Glob(schema, "schema/*.sql")
	if err != nil {
		panic("queries: " + err.Error())
	}
	all := make([]Migration, 0, len(names))
	for _, file := range names {
		name := strings.TrimSuffix(path.Base(file), ".sql")
		number, err := strconv.Atoi(name[:strings.IndexByte(name+"_", '_')])
		if err != nil {
			panic("queries: " + file + " has no number")
		}
		text, err := schema.ReadFile(file)
		if err != nil {
			panic("queries: " + err.Error())
		}
		all = append(all, Migration{Number: number, Name: name, Statements: split(string(text))})
	}
	slices.SortFunc(all, func(a, b Migration) int { return cmp.Compare(a.Number, b.Number) })
	for i, m := range all {
		if m.Number != i+1 {
			panic(fmt.Sprintf("queries: migration %d is followed by %s", i, m.Name))
		}
	}
	return all
}

// Params returns the parameters of a statement, name to type.
func (q Query) Params() map[string]string {
	params := map[string]string{}
	rest := q.SQL
	for {
		_, after, ok := strings.Cut(rest, "{")
		if !ok {
			return params
		}
		inside, next, ok := strings.Cut(after, "}")
		if !ok {
			return params
		}
		if name, typ, ok := strings.Cut(inside, ":"); ok {
			params[strings.TrimSpace(name)] = strings.TrimSpace(typ)
		}
		rest = next
	}
}

// strip removes whole-line comments, the final semicolon and surrounding space:
// some servers and drivers look at how a statement begins.
func strip(text string) string {
	lines := slices.DeleteFunc(strings.Split(text, "\n"), func(line string) bool {
		return strings.HasPrefix(strings.TrimSpace(line), "--")
	})
	return strings.TrimSuffix(strings.TrimSpace(strings.Join(lines, "\n")), ";")
}

// split cuts a migration at the semicolons that end a line.
func split(text string) []string {
	var statements []string
	for s := range strings.SplitSeq(text, ";\n") {
		if s = strip(s); s != "" {
			statements = append(statements, s)
		}
	}
	return statements
}
