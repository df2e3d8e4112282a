package store_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/stocktrace/stocktrace/internal/store"
	"github.com/stocktrace/stocktrace/internal/store/chdb"
	"github.com/stocktrace/stocktrace/internal/store/storetest"
	"github.com/stocktrace/stocktrace/internal/testenv"
	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/lifecycle"
	"github.com/stocktrace/stocktrace/queries"
)

// childEnv makes this test binary a process that writes and is killed.
const childEnv = "STOCKTRACE_STORE_TEST_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		if err := child(dir); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child writes records and a binding, says so, and does not come to write the
// lifecycle.
func child(dir string) error {
	ctx := context.Background()
	s, err := store.Open(ctx, store.Options{Dir: dir})
	if err != nil {
		return err
	}
	if err := s.WriteRecords(ctx, append(sales(100), watermark(1, noon))); err != nil {
		return err
	}
	if err := s.WriteBindings(ctx, []lifecycle.BindingRow{{Partition: 3, Key: receipt(1), Root: receipt(1)}}); err != nil {
		return err
	}
	fmt.Println("written")
	select {}
}

func TestKilledBetweenRecordsAndLifecycles(t *testing.T) {
	if _, err := chdb.FindLibrary(""); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+dir)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "written\n" {
		t.Fatalf("the child said %q, %v", line, err)
	}
	must(t, cmd.Process.Kill())
	_ = cmd.Wait()

	s, err := store.Open(t.Context(), store.Options{Dir: dir, InsertInterval: -1})
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	records := append(sales(100), watermark(1, noon))
	held, err := s.Held(t.Context(), records)
	must(t, err)
	if len(held) != len(records) {
		t.Errorf("%d of %d acknowledged records are held", len(held), len(records))
	}
	if rows := live(t, s); len(rows) != 0 {
		t.Errorf("%d lifecycles nobody wrote", len(rows))
	}
	// The messages come again: everything is done again.
	for range 2 {
		must(t, s.WriteRecords(t.Context(), records))
		must(t, s.WriteLifecycles(t.Context(), []lifecycle.Row{row("a", 1, 2, 1)}))
	}
	if n := count(t, s, "SELECT count() FROM events FINAL"); n != 101 {
		t.Errorf("%d records, want 101", n)
	}
	if rows := live(t, s); len(rows) != 1 {
		t.Errorf("%d lifecycles, want 1", len(rows))
	}
	facts := 0
	must(t, s.Facts(t.Context(), time.Time{}, func(inventory.Fact) { facts++ }))
	if facts != 1 {
		t.Errorf("%d facts, want 1", facts)
	}
	roots, err := s.Roots(t.Context(), 3, []inventory.ScopedKey{receipt(1)})
	must(t, err)
	if len(roots) != 1 {
		t.Error("the binding is gone")
	}
}

func TestDirectoryInUse(t *testing.T) {
	engine, _ := testenv.Embedded(t)
	_, err := store.Open(t.Context(), store.Options{Dir: engine.Path()})
	if !errors.Is(err, chdb.ErrInUse) {
		t.Errorf("%v", err)
	}
}

func TestOptions(t *testing.T) {
	for _, c := range []struct {
		options store.Options
		want    string
	}{
		{store.Options{}, "open store: give either a data directory or the DSN of a ClickHouse server"},
		{store.Options{Dir: "x", DSN: "http://localhost:8123"}, "open store: give either a data directory or the DSN of a ClickHouse server"},
		{store.Options{DSN: "http://u:pass/word@localhost:8123/x"}, "read the ClickHouse DSN: it is no URL: a password's special characters are written as %40 for @, %2F for /, %3A for a colon"},
		{store.Options{DSN: "clickhouse://localhost:9000/x"}, "the ClickHouse DSN must name the server's HTTP interface, such as http://user:password@host:8123"},
		{store.Options{Dir: "x", Retention: -time.Hour}, "open store: a retention of -1h0m0s means nothing: give a positive one, or 0 to keep everything"},
	} {
		if _, err := store.Open(t.Context(), c.options); err == nil || err.Error() != c.want {
			t.Errorf("%+v: %v", c.options, err)
		}
	}
}

// An answer lost on the way, and a server that is busy for a moment, are tried
// again; the rows are there once.
func TestInsertIsTriedAgain(t *testing.T) {
	dsn, err := url.Parse(testenv.ClickHouse(t))
	must(t, err)
	var inserts atomic.Int32
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: dsn.Host})
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Query().Get("query"), "INSERT INTO events") {
			proxy.ServeHTTP(w, r)
			return
		}
		switch inserts.Add(1) {
		case 1: // it has been done, and nobody hears of it
			answer := httptest.NewRecorder()
			proxy.ServeHTTP(answer, r)
			if answer.Code != http.StatusOK {
				t.Errorf("%d %s", answer.Code, answer.Body)
			}
			panic(http.ErrAbortHandler)
		case 2:
			w.Header().Set("X-ClickHouse-Exception-Code", "252")
			w.WriteHeader(http.StatusInternalServerError)
			fmt.Fprint(w, "Code: 252. DB::Exception: Too many parts. (TOO_MANY_PARTS)")
		default:
			proxy.ServeHTTP(w, r)
		}
	}))
	defer front.Close()
	dsn.Host = strings.TrimPrefix(front.URL, "http://")
	s, err := store.Open(t.Context(), store.Options{DSN: dsn.String()})
	must(t, err)
	defer s.Close()
	must(t, s.WriteRecords(t.Context(), sales(10)))
	if n := inserts.Load(); n != 3 {
		t.Errorf("%d attempts, want 3", n)
	}
	if n := count(t, s, "SELECT count() FROM events"); n != 10 {
		t.Errorf("%d rows, want 10: the repetition was not recognised", n)
	}
}

// What can never succeed is not tried again.
func TestInsertThatCannotSucceed(t *testing.T) {
	s := storetest.Open(t)
	must(t, s.Conn().Exec(t.Context(), "ALTER TABLE events DROP COLUMN raw"))
	err := s.WriteRecords(t.Context(), sales(1))
	if err == nil || !strings.Contains(err.Error(), "insert_events") {
		t.Errorf("%v", err)
	}
}

func TestReopenKeepsEverything(t *testing.T) {
	engine, database := testenv.Embedded(t)
	for i := range 3 {
		s, err := store.Open(t.Context(), store.Options{Engine: engine, Database: database})
		must(t, err)
		if n := count(t, s, "SELECT count() FROM events FINAL"); n != uint64(i) {
			t.Errorf("%d records, want %d", n, i)
		}
		if n := count(t, s, "SELECT count() FROM schema_migrations"); n != uint64(len(queries.Migrations())) {
			t.Errorf("%d migrations are noted", n)
		}
		must(t, s.WriteRecords(t.Context(), []inventory.Record{sale(i)}))
		must(t, s.Close())
	}
}

// A crash between a migration and the note of it: its statements run again.
func TestMigrationsRunAgain(t *testing.T) {
	s := storetest.Open(t)
	must(t, s.WriteRecords(t.Context(), sales(3)))
	for _, m := range queries.Migrations() {
		for i, statement := range m.Statements {
			if err := s.Conn().Exec(t.Context(), statement); err != nil {
				t.Errorf("%s, statement %d: %v", m.Name, i+1, err)
			}
		}
	}
	if n := count(t, s, "SELECT count() FROM events"); n != 3 {
		t.Errorf("%d records, want 3", n)
	}
}

func TestNewerSchemaIsRefused(t *testing.T) {
	engine, database := testenv.Embedded(t)
	options := store.Options{Engine: engine, Database: database}
	s, err := store.Open(t.Context(), options)
	must(t, err)
	knows := len(queries.Migrations())
	must(t, s.Conn().Exec(t.Context(), fmt.Sprintf("INSERT INTO schema_migrations (number, name) VALUES (%d, 'from the future')", knows+2)))
	must(t, s.Close())
	_, err = store.Open(t.Context(), options)
	want := fmt.Sprintf("the database has schema %d and this stocktrace knows only %d: "+
		"run the newer stocktrace that wrote it, or restore a backup made before the upgrade", knows+2, knows)
	var newer *store.NewerSchemaError
	if !errors.As(err, &newer) || err.Error() != want {
		t.Errorf("\n got %v\nwant %s", err, want)
	}
}

func TestRetention(t *testing.T) {
	engine, database := testenv.Embedded(t)
	open := func(keep time.Duration) *store.Store {
		s, err := store.Open(t.Context(), store.Options{Engine: engine, Database: database, Retention: keep, InsertInterval: -1})
		must(t, err)
		return s
	}
	const withTTL = "SELECT count() FROM system.tables WHERE database = currentDatabase() AND create_table_query LIKE '% TTL %'"
	s := open(0)
	old, fresh := sale(1), sale(2)
	old.ReceivedAt = time.Now().Add(-48 * time.Hour).UTC()
	fresh.ReceivedAt = time.Now().UTC()
	must(t, s.WriteRecords(t.Context(), []inventory.Record{old, fresh}))
	gone := row("a", 1, 1, 2)
	gone.Deleted = true // and says nothing of any time
	gone.Lifecycle.UpdatedAt = time.Time{}
	must(t, s.WriteLifecycles(t.Context(), []lifecycle.Row{row("a", 1, 1, 1)}))
	must(t, s.WriteLifecycles(t.Context(), []lifecycle.Row{gone}))
	must(t, s.WriteBindings(t.Context(), []lifecycle.BindingRow{{Partition: 3, Key: receipt(1), Root: receipt(1)}}))
	if n := count(t, s, withTTL); n != 0 {
		t.Errorf("%d tables forget without being told to", n)
	}
	must(t, s.Close())

	for _, keep := range []time.Duration{90 * 24 * time.Hour, 24 * time.Hour, 24 * time.Hour} {
		s = open(keep)
		if n := count(t, s, fmt.Sprintf(
			"SELECT count() FROM system.tables WHERE database = currentDatabase() AND match(create_table_query, ' TTL [^S]*toIntervalSecond\\(\\D*%d\\D')",
			int(keep.Seconds()))); n != 10 {
			t.Errorf("%d tables keep rows for %s, want 10", n, keep)
		}
		if n := count(t, s, withTTL); n != 11 { // what says that an entry has landed outlives it
			t.Errorf("%d tables forget, want 11", n)
		}
		must(t, s.Close())
	}
	s = open(24 * time.Hour)
	for _, table := range []string{"events", "lifecycles"} {
		must(t, s.Conn().Exec(t.Context(), "ALTER TABLE "+table+" MATERIALIZE TTL SETTINGS mutations_sync = 2"))
	}
	read, err := s.Records(t.Context(), []inventory.ScopedKey{receipt(1), receipt(2)})
	must(t, err)
	if len(read) != 1 || read[0].ID != fresh.ID {
		t.Errorf("kept %d records, want the fresh one", len(read))
	}
	if rows := live(t, s); len(rows) != 0 {
		t.Error("a lifecycle rose from the dead: its tombstone went first")
	}
	if n := count(t, s, "SELECT count() FROM bindings"); n != 1 {
		t.Error("a binding was forgotten")
	}
	must(t, s.Close())

	s = open(0)
	if n := count(t, s, withTTL); n != 0 {
		t.Errorf("%d tables still forget", n)
	}
	must(t, s.Close())
}

func TestBackupAndRestore(t *testing.T) {
	if _, err := chdb.FindLibrary(""); err != nil {
		t.Skip(err)
	}
	open := func() *store.Store {
		s, err := store.Open(t.Context(), store.Options{Dir: t.TempDir(), InsertInterval: -1})
		must(t, err)
		t.Cleanup(func() { must(t, s.Close()) })
		return s
	}
	var keys []inventory.ScopedKey
	for i := range 500 {
		keys = append(keys, receipt(i))
	}
	s := open()
	must(t, s.WriteRecords(t.Context(), append(sales(500), watermark(1, noon))))
	must(t, s.WriteLifecycles(t.Context(), []lifecycle.Row{row("a", 1, 1, 1), row("b", 2, 1, 1)}))
	must(t, s.WriteFindings(t.Context(), []lifecycle.FindingRow{{Finding: inventory.Finding{ID: "f"}, Component: receipt(1)}}))
	records, err := s.Records(t.Context(), keys)
	must(t, err)
	lifecycles := live(t, s)
	backups := []string{filepath.Join(t.TempDir(), "backup.tar.zst"), filepath.Join(t.TempDir(), "directory")}
	for _, path := range backups {
		must(t, s.Backup(t.Context(), path))
		if err := s.Backup(t.Context(), path); !errors.Is(err, os.ErrExist) {
			t.Errorf("over another backup: %v", err)
		}
		if err := s.Restore(t.Context(), path); !errors.Is(err, store.ErrNotEmpty) {
			t.Errorf("over a database in use: %v", err)
		}
	}
	must(t, s.Close())

	for _, path := range backups {
		s := open()
		must(t, s.Restore(t.Context(), path))
		got, err := s.Records(t.Context(), keys)
		must(t, err)
		if len(got) != 500 {
			t.Errorf("%d records restored, want 500", len(got))
		}
		if d := gocmp.Diff(records, got, exact); d != "" {
			t.Error(d)
		}
		if d := gocmp.Diff(lifecycles, live(t, s), exact); d != "" {
			t.Error(d)
		}
		if n := count(t, s, "SELECT count() FROM findings FINAL"); n != 1 {
			t.Errorf("%d findings, want 1", n)
		}
		// Life goes on, also with what the original has been told already.
		must(t, s.WriteRecords(t.Context(), sales(501)))
		if n := count(t, s, "SELECT count() FROM events FINAL"); n != 502 {
			t.Errorf("%d records, want 502", n)
		}
		must(t, s.Close())
	}

	s = open()
	if err := s.Restore(t.Context(), filepath.Join(t.TempDir(), "nothing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("from nothing: %v", err)
	}
	bad := filepath.Join(t.TempDir(), "bad.tar")
	must(t, os.WriteFile(bad, []byte("no archive"), 0o600))
	if err := s.Restore(t.Context(), bad); err == nil {
		t.Error("from rubbish: no error")
	}
	// A failed restore leaves a database to work with.
	must(t, s.WriteRecords(t.Context(), sales(1)))
}

// Every statement is understood by the engine, with parameters of the types it
// names. Inserts and statements that change the database have tests of their
// own.
func TestEveryStatementIsUnderstood(t *testing.T) {
	s := storetest.Open(t)
	for _, q := range queries.All() {
		params := store.Params{}
		for name, typ := range q.Params() {
			params[name] = example(t, q, typ)
		}
		explain := "EXPLAIN "
		if !strings.HasPrefix(q.SQL, "SELECT") && !strings.HasPrefix(q.SQL, "WITH") {
			explain = "EXPLAIN AST "
			if strings.HasPrefix(q.SQL, "INSERT") && !strings.Contains(q.SQL, "SELECT") {
				continue
			}
		}
		if err := s.Exec(t.Context(), queries.Query{Name: q.Name, SQL: explain + q.SQL}, params); err != nil {
			t.Error(err)
		}
	}
}

// example is a value of a parameter's type.
func example(t *testing.T, q queries.Query, typ string) any {
	t.Helper()
	switch base, _, _ := strings.Cut(typ, "("); base {
	case "String", "LowCardinality", "Identifier":
		return "events"
	case "UInt8", "UInt16", "UInt32", "UInt64", "UInt128", "Int32", "Int64", "Float64":
		return 1
	case "DateTime", "Date":
		return noon.Truncate(time.Second)
	case "DateTime64":
		return noon
	case "Bool":
		return true
	case "Nullable":
		return example(t, q, strings.TrimSuffix(strings.TrimPrefix(typ, "Nullable("), ")"))
	case "Array":
		if strings.Contains(typ, "String") {
			return []string{"a", "b"}
		}
		return []uint64{1, 2}
	default:
		t.Errorf("%s.sql: what is an example of %s?", q.Name, typ)
		return nil
	}
}

// The columns a block sends are those the statement names, in its order.
func TestStatementsNameTheColumnsSent(t *testing.T) {
	s := storetest.Open(t)
	for _, q := range queries.All() {
		if !strings.HasPrefix(q.SQL, "INSERT INTO") || strings.Contains(q.SQL, "SELECT") {
			continue
		}
		table := strings.Fields(q.SQL)[2]
		rows, err := s.Conn().Query(t.Context(), "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = ? AND default_kind = ''", table)
		must(t, err)
		for rows.Next() {
			var name string
			must(t, rows.Scan(&name))
			words := strings.FieldsFunc(q.SQL, func(r rune) bool { return strings.ContainsRune(" ,()\n", r) })
			if !slices.Contains(words, name) {
				t.Errorf("%s.sql leaves out %s", q.Name, name)
			}
		}
		must(t, errors.Join(rows.Close(), rows.Err()))
	}
}
