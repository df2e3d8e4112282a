package chdb_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.uber.org/goleak"

	"github.com/stocktrace/stocktrace/internal/store/chdb"
)

// childEnv makes the test binary one of the other processes the tests need; its
// value names which, and the data directory follows as an argument.
const childEnv = "STOCKTRACE_TEST_CHILD"

func TestMain(m *testing.M) {
	switch os.Getenv(childEnv) {
	case "hold":
		hold(os.Args[len(os.Args)-1])
	case "insert":
		insert(os.Args[len(os.Args)-1])
	default:
		os.Exit(m.Run())
	}
}

// child starts this test binary as another process.
func child(t *testing.T, role, dir string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(executable, dir)
	cmd.Env = append(os.Environ(), childEnv+"="+role)
	cmd.Stderr = os.Stderr
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return cmd, bufio.NewScanner(output)
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// hold opens the data directory, says so, and waits to be killed.
func hold(dir string) {
	if _, err := chdb.Open(chdb.Options{Path: dir}); err != nil {
		fatal(err)
	}
	fmt.Println("open")
	select {}
}

// open opens an engine that is closed when the test ends, leaving nothing
// behind.
func open(t *testing.T, o chdb.Options) *chdb.Engine {
	t.Helper()
	if _, err := chdb.FindLibrary(o.Library); err != nil {
		t.Skip(err)
	}
	goroutines := goleak.IgnoreCurrent()
	if o.Path == "" {
		o.Path = t.TempDir()
	}
	e, err := chdb.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		goleak.VerifyNone(t, goroutines)
	})
	return e
}

func connect(t *testing.T, e *chdb.Engine) driver.Conn {
	t.Helper()
	conn, err := clickhouse.Open(&clickhouse.Options{
		Protocol: clickhouse.HTTP, Addr: []string{"embedded"}, TransportFunc: e.TransportFunc,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	return conn
}

func must(t *testing.T, conn driver.Conn, sql string) {
	t.Helper()
	if err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func count(t *testing.T, conn driver.Conn, table string) (n uint64) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), "SELECT count() FROM "+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestMissingLibrary(t *testing.T) {
	t.Setenv(chdb.LibraryEnv, "")
	t.Chdir(t.TempDir())
	for _, library := range []string{"", "/nowhere/libchdb.so"} {
		_, err := chdb.Open(chdb.Options{Path: t.TempDir(), Library: library})
		if !errors.Is(err, chdb.ErrNotInstalled) {
			t.Fatalf("without a library: %v", err)
		}
		for _, want := range []string{"npm install --no-save @chdb/lib-", "@" + chdb.Version, chdb.LibraryEnv, library} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q does not say %s", err, want)
			}
		}
		if strings.Contains(err.Error(), "\n") {
			t.Errorf("%q is more than a sentence", err)
		}
	}
}

func TestFindLibrary(t *testing.T) {
	t.Setenv(chdb.LibraryEnv, "")
	root := t.TempDir()
	below := filepath.Join(root, "a", "b")
	if err := os.MkdirAll(below, 0o750); err != nil {
		t.Fatal(err)
	}
	t.Chdir(below)
	_, err := chdb.FindLibrary("")
	_, pkg, found := strings.Cut(fmt.Sprint(err), "--no-save ")
	if !found {
		t.Fatal(err)
	}
	pkg, _, _ = strings.Cut(pkg, "@"+chdb.Version)
	installed := filepath.Join(root, "node_modules", filepath.FromSlash(pkg), "libchdb.so")
	named := filepath.Join(root, "named.so")
	for _, path := range []string{installed, named} {
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := chdb.FindLibrary(""); got != installed {
		t.Errorf("from a directory below: %s, %v; want %s", got, err, installed)
	}
	t.Setenv(chdb.LibraryEnv, named)
	if got, err := chdb.FindLibrary(""); got != named {
		t.Errorf("from the environment: %s, %v; want %s", got, err, named)
	}
	if got, err := chdb.FindLibrary(installed); got != installed {
		t.Errorf("named explicitly: %s, %v; want %s", got, err, installed)
	}
	// A file that is no library is an error of the loader, not a crash.
	if _, err := chdb.FindLibrary(filepath.Join(root, "missing.so")); !errors.Is(err, chdb.ErrNotInstalled) {
		t.Errorf("a named file that does not exist: %v", err)
	}
}

func TestDirectoryOfAnotherProcess(t *testing.T) {
	if _, err := chdb.FindLibrary(""); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	holder, output := child(t, "hold", dir)
	if !output.Scan() {
		t.Fatal("the other process did not open the directory")
	}
	_, err := chdb.Open(chdb.Options{Path: dir})
	if !errors.Is(err, chdb.ErrInUse) {
		t.Fatalf("opening another process's directory: %v", err)
	}
	for _, want := range []string{dir, "process " + strconv.Itoa(holder.Process.Pid), "started at 20"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
	if err := holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = holder.Wait() // says that it was killed
	conn := connect(t, open(t, chdb.Options{Path: dir}))
	if err := conn.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestOneEnginePerProcess(t *testing.T) {
	e := open(t, chdb.Options{})
	for _, path := range []string{e.Path(), t.TempDir()} {
		if _, err := chdb.Open(chdb.Options{Path: path}); !errors.Is(err, chdb.ErrInUse) || !strings.Contains(err.Error(), e.Path()) {
			t.Errorf("a second engine in the process: %v", err)
		}
	}
}

func TestReopenKeepsData(t *testing.T) {
	dir := t.TempDir()
	for round := range 3 {
		e := open(t, chdb.Options{Path: dir})
		conn := connect(t, e)
		must(t, conn, "CREATE DATABASE IF NOT EXISTS d")
		must(t, conn, "CREATE TABLE IF NOT EXISTS d.t (n UInt64) ENGINE = MergeTree ORDER BY n")
		if n := count(t, conn, "d.t"); n != uint64(1000*round) {
			t.Errorf("opened %d times before: %d rows", round, n)
		}
		must(t, conn, "INSERT INTO d.t SELECT number FROM numbers(1000)")
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSignalHandlers checks that the engine leaves the Go runtime's: a nil
// dereference stays a panic, and signals arrive where they were asked for.
func TestSignalHandlers(t *testing.T) {
	got := make(chan os.Signal, 1)
	signal.Notify(got, syscall.SIGTERM, syscall.SIGTSTP)
	defer signal.Stop(got)
	e := open(t, chdb.Options{})
	conn := connect(t, e)
	if err := conn.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		var p *struct{ n int }
		t.Log(p.n)
	}()
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGTSTP} {
		if err := syscall.Kill(os.Getpid(), s); err != nil {
			t.Fatal(err)
		}
		select {
		case g := <-got:
			if g != s {
				t.Errorf("got %s, want %s", g, s)
			}
		case <-time.After(5 * time.Second):
			t.Errorf("%s did not arrive", s)
		}
	}
}

func TestConfiguration(t *testing.T) {
	// The engine would read this if it were let.
	stray := t.TempDir()
	if err := os.WriteFile(filepath.Join(stray, "config.xml"), []byte("<clickhouse><path>/nowhere</path><broken>"), 0o600); err != nil {
		t.Fatal(err)
	}
	library, err := chdb.FindLibrary("")
	if err != nil {
		t.Skip(err)
	}
	t.Chdir(stray)
	conn := connect(t, open(t, chdb.Options{Library: library, MaxMemory: 1 << 30}))
	// What keeps acknowledged rows through a power cut.
	for setting, want := range map[string]string{
		"fsync_after_insert":                        "1",
		"fsync_part_directory":                      "1",
		"min_rows_to_fsync_after_merge":             "1",
		"min_compressed_bytes_to_fsync_after_merge": "1",
		"old_parts_lifetime":                        "3600",
	} {
		var value string
		err := conn.QueryRow(t.Context(), "SELECT value FROM system.merge_tree_settings WHERE name = {name:String}",
			clickhouse.Named("name", setting)).Scan(&value)
		if err != nil || value != want {
			t.Errorf("%s is %q, %v; want %s", setting, value, err, want)
		}
	}
	var x *clickhouse.Exception
	var n uint64
	err = conn.QueryRow(t.Context(), "SELECT length(groupArray(number)) FROM numbers(200000000)").Scan(&n)
	if !errors.As(err, &x) || x.Code != 241 {
		t.Errorf("more than MaxMemory: %v; want MEMORY_LIMIT_EXCEEDED", err)
	}
}

func TestUseAfterClose(t *testing.T) {
	e := open(t, chdb.Options{})
	conn := connect(t, e)
	if err := conn.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	closed := make(chan error, 3)
	for range cap(closed) {
		go func() { closed <- e.Close() }()
	}
	for range cap(closed) {
		if err := <-closed; err != nil {
			t.Error(err)
		}
	}
	if err := conn.Ping(t.Context()); !errors.Is(err, chdb.ErrClosed) {
		t.Errorf("a connection of a closed engine: %v", err)
	}
	if err := connect(t, e).Ping(t.Context()); !errors.Is(err, chdb.ErrClosed) {
		t.Errorf("a new connection to a closed engine: %v", err)
	}
	if err := e.Backup(t.Context(), "default", filepath.Join(t.TempDir(), "b")); !errors.Is(err, chdb.ErrClosed) {
		t.Errorf("a backup of a closed engine: %v", err)
	}
}

// running waits until n statements run besides the one that asks.
func running(t *testing.T, conn driver.Conn, n uint64) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for count(t, conn, "system.processes") != n+1 {
		if time.Now().After(deadline) {
			t.Fatalf("%d statements did not come to run", n)
		}
		<-time.After(5 * time.Millisecond) // between two questions
	}
}

func TestCloseWaits(t *testing.T) {
	e := open(t, chdb.Options{})
	conn := connect(t, e)
	must(t, conn, "CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n")
	answers := make(chan error, 1)
	go func() {
		answers <- conn.Exec(context.Background(), "INSERT INTO t SELECT number + sleepEachRow(0.1) FROM numbers(5) SETTINGS max_block_size = 1")
	}()
	running(t, conn, 1)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-answers; err != nil {
		t.Errorf("the statement that ran during Close: %v", err)
	}
	conn = connect(t, open(t, chdb.Options{Path: e.Path()}))
	if n := count(t, conn, "t"); n != 5 {
		t.Errorf("it left %d rows, want 5", n)
	}
}

func TestCloseKills(t *testing.T) {
	e := open(t, chdb.Options{CloseGrace: 100 * time.Millisecond})
	conn := connect(t, e)
	must(t, conn, "CREATE TABLE t (n UInt64) ENGINE = Null")
	answers := make(chan error, 2)
	go func() {
		var n uint64
		answers <- conn.QueryRow(context.Background(), "SELECT count() FROM numbers(1000000000000000) WHERE NOT ignore(sipHash64(number))").Scan(&n)
	}()
	go func() {
		answers <- conn.Exec(context.Background(), "INSERT INTO t SELECT number FROM numbers(1000000000000000)")
	}()
	// A result nobody reads.
	r, err := http.NewRequest(http.MethodPost, "http://embedded/", strings.NewReader("SELECT number FROM numbers(100000000)"))
	if err != nil {
		t.Fatal(err)
	}
	unread, err := e.Transport().RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer unread.Body.Close()
	// An insert over HTTP whose data does not come.
	server := httptest.NewServer(e)
	defer server.Close()
	client, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	block := nativeBlock(1000)
	fmt.Fprintf(client, "POST /?%s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", insertN, 2*len(block), block)

	running(t, conn, 4)
	began := time.Now()
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("Close took %s", took)
	}
	for range cap(answers) {
		if err := <-answers; err == nil {
			t.Error("a statement that cannot have ended reports success")
		}
	}
	if rest, err := io.ReadAll(unread.Body); err == nil && !bytes.HasSuffix(rest, []byte("\r\n__exception__\r\n")) {
		t.Errorf("the unread result ends after %d bytes as if that were all", len(rest))
	}
	answer, err := http.ReadResponse(bufio.NewReader(client), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusOK {
		t.Error("the insert without its data reports success")
	}
}

// post sends a request past clickhouse-go.
func post(t *testing.T, e *chdb.Engine, query string, header http.Header, body io.Reader) (status int, text string, err error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://embedded/?"+query, body)
	if err != nil {
		t.Fatal(err)
	}
	if header != nil {
		r.Header = header
	}
	response, err := e.Transport().RoundTrip(r)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	return response.StatusCode, string(answer), err
}

func TestRequests(t *testing.T) {
	e := open(t, chdb.Options{})
	for _, test := range []struct {
		name   string
		query  string
		header http.Header
		body   io.Reader
		status int
		text   string
	}{
		{"plain", "", nil, strings.NewReader("SELECT 1, 'a'"), 200, "1\ta\n"},
		{"in the URL", "query=SELECT+2", nil, nil, 200, "2\n"},
		{"in both", "query=SELECT", nil, strings.NewReader("3"), 200, "3\n"},
		{"format", "default_format=JSONEachRow", nil, strings.NewReader("SELECT 4 AS n"), 200, `{"n":4}` + "\n"},
		{"semicolon", "", nil, strings.NewReader("SELECT 5;\n"), 200, "5\n"},
		{"values", "query=INSERT+INTO+FUNCTION+null('n+UInt8')+VALUES", nil, strings.NewReader("(1),(2)"), 200, ""},
		{"empty", "", nil, strings.NewReader(" -- nothing\n"), 400, "Code: 62. "},
		{"gzip", "", http.Header{"Content-Encoding": {"gzip"}}, strings.NewReader("SELECT 1"), 415, "Code: 779. "},
		{"external table", "", http.Header{"Content-Type": {"multipart/form-data; boundary=x"}}, strings.NewReader(""), 501, "Code: 48. "},
		{"bad protocol version", "client_protocol_version=new", nil, strings.NewReader("SELECT 1"), 400, "Code: 36. "},
		{"too large", "", nil, io.LimitReader(zeros{}, 65<<20), 413, "Code: 229. "},
	} {
		t.Run(test.name, func(t *testing.T) {
			status, text, err := post(t, e, test.query, test.header, test.body)
			if err != nil || status != test.status || !strings.HasPrefix(text, test.text) || test.text == "" && text != "" {
				t.Errorf("answers %d %q, %v; want %d %q", status, text, err, test.status, test.text)
			}
		})
	}
}

// zeros is an endless sequence of zero bytes.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// nativeBlock is a block of one column n of type UInt64 in format Native.
func nativeBlock(rows int) []byte {
	b := binary.AppendUvarint(nil, 1)
	b = binary.AppendUvarint(b, uint64(rows))
	b = append(b, "\x01n\x06UInt64"...)
	for i := range rows {
		b = binary.LittleEndian.AppendUint64(b, uint64(i))
	}
	return b
}

const insertN = "query=INSERT+INTO+t+(n)+FORMAT+Native"

// TestInsertIsStreamed inserts a gigabyte without holding it.
func TestInsertIsStreamed(t *testing.T) {
	e := open(t, chdb.Options{})
	conn := connect(t, e)
	must(t, conn, "CREATE TABLE t (n UInt64) ENGINE = Null")
	const blocks, rows = 128, 1 << 20
	before := resident(t)
	var most int64
	block := nativeBlock(rows)
	body := &blockReader{block: block, left: blocks, each: func() { most = max(most, resident(t)-before) }}
	status, text, err := post(t, e, insertN, nil, body)
	if err != nil || status != http.StatusOK {
		t.Fatalf("answers %d %q, %v", status, text, err)
	}
	if most > 250<<20 {
		t.Errorf("the process grew by %d MiB over an insert of %d MiB", most>>20, blocks*len(block)>>20)
	}
	t.Logf("the process grew by %d MiB over an insert of %d MiB", most>>20, blocks*len(block)>>20)
}

type blockReader struct {
	block []byte
	rest  []byte
	left  int
	each  func()
}

func (r *blockReader) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		if r.left == 0 {
			return 0, io.EOF
		}
		r.left--
		r.rest = r.block
		r.each()
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// resident is the memory of this process, in bytes; zero where it cannot be
// known.
func resident(t *testing.T) int64 {
	t.Helper()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text))
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

// TestBrokenInsert checks that data that breaks off is not taken for the whole.
func TestBrokenInsert(t *testing.T) {
	e := open(t, chdb.Options{})
	conn := connect(t, e)
	must(t, conn, "CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n")
	block := nativeBlock(1000)
	reset := errors.New("connection reset")
	for _, test := range []struct {
		name  string
		query string
		body  io.Reader
	}{
		{"no data", insertN, strings.NewReader("")},
		{"within a block", insertN, bytes.NewReader(block[:len(block)/2])},
		{"error within a block", insertN, io.MultiReader(bytes.NewReader(block[:len(block)/2]), errorReader{reset})},
		{"error between blocks", insertN, io.MultiReader(bytes.NewReader(block), errorReader{reset})},
		{"error at once", insertN, errorReader{reset}},
		{"garbage", insertN, strings.NewReader("this is not a block of anything")},
		{"garbage for LZ4", insertN + "&decompress=1", strings.NewReader("this is not a compressed block of anything, long as it is")},
		{"cut header of LZ4", insertN + "&decompress=1", strings.NewReader("short")},
	} {
		t.Run(test.name, func(t *testing.T) {
			status, text, err := post(t, e, test.query, nil, test.body)
			if err == nil && status == http.StatusOK {
				t.Errorf("answers %d %q", status, text)
			}
			if n := count(t, conn, "t"); n != 0 {
				t.Errorf("left %d rows", n)
			}
		})
	}
	if status, text, err := post(t, e, insertN, nil, bytes.NewReader(block)); err != nil || status != http.StatusOK {
		t.Errorf("the whole: %d %q, %v", status, text, err)
	}
	if n := count(t, conn, "t"); n != 1000 {
		t.Errorf("the whole left %d rows", n)
	}
}

type errorReader struct{ err error }

func (r errorReader) Read([]byte) (int, error) { return 0, r.err }

// TestUnevenBatch fills the columns of a batch unequally. clickhouse-go notices
// that only after it has begun the request, drops its error and sends an insert
// without data.
func TestUnevenBatch(t *testing.T) {
	conn := connect(t, open(t, chdb.Options{}))
	must(t, conn, "CREATE TABLE t (a UInt64, b UInt64) ENGINE = MergeTree ORDER BY a")
	batch, err := conn.PrepareBatch(t.Context(), "INSERT INTO t")
	if err != nil {
		t.Fatal(err)
	}
	for column, values := range [][]uint64{{1, 2, 3}, {1, 2}} {
		if err := batch.Column(column).Append(values); err != nil {
			t.Fatal(err)
		}
	}
	var x *clickhouse.Exception
	if err := batch.Send(); !errors.As(err, &x) || x.Code != 108 {
		t.Errorf("a batch of unequal columns: %v; want NO_DATA_TO_INSERT; the table holds %d rows", err, count(t, conn, "t"))
	}
}

// TestClientDiesDuringInsert cuts an HTTP client's connection between two blocks.
func TestClientDiesDuringInsert(t *testing.T) {
	e := open(t, chdb.Options{})
	conn := connect(t, e)
	must(t, conn, "CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n")
	server := httptest.NewServer(e)
	defer server.Close()
	client, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	block := nativeBlock(1000)
	fmt.Fprintf(client, "POST /?%s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", insertN, 2*len(block), block)
	running(t, conn, 1)
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	running(t, conn, 0)
	if n := count(t, conn, "t"); n != 0 {
		t.Errorf("left %d rows", n)
	}
}

// TestCancelStalledInsert cancels an insert that waits for data that does not
// come.
func TestCancelStalledInsert(t *testing.T) {
	e := open(t, chdb.Options{})
	conn := connect(t, e)
	must(t, conn, "CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	body, data := io.Pipe()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://embedded/?"+insertN, body)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		response, err := e.Transport().RoundTrip(r)
		if err == nil {
			err = fmt.Errorf("answered %d", response.StatusCode)
			response.Body.Close()
		}
		ended <- err
	}()
	if _, err := data.Write(nativeBlock(1000)); err != nil {
		t.Fatal(err)
	}
	running(t, conn, 1)
	cancel()
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("the cancelled insert answers %v", err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("the insert goes on 5 s after it was cancelled")
	}
	running(t, conn, 0)
	if n := count(t, conn, "t"); n != 0 {
		t.Errorf("left %d rows", n)
	}
}

func TestBackup(t *testing.T) {
	e := open(t, chdb.Options{})
	conn := connect(t, e)
	const database = "odd `name'"
	must(t, conn, "CREATE DATABASE `odd \\`name'`")
	must(t, conn, "CREATE TABLE `odd \\`name'`.t (n UInt64) ENGINE = MergeTree ORDER BY n")
	must(t, conn, "INSERT INTO `odd \\`name'`.t SELECT number FROM numbers(100000)")
	dir := t.TempDir()
	for _, name := range []string{"directory", "it's a file.tar", "small.tar.zst"} {
		path := filepath.Join(dir, name)
		if err := e.Backup(t.Context(), database, path); err != nil {
			t.Fatal(err)
		}
		if err := e.Backup(t.Context(), database, path); !errors.Is(err, os.ErrExist) {
			t.Errorf("backing up over a backup: %v", err)
		}
		var x *chdb.Exception
		if err := e.Restore(t.Context(), database, path); !errors.As(err, &x) {
			t.Errorf("restoring over rows: %v", err)
		}
		must(t, conn, "DROP DATABASE `odd \\`name'` SYNC")
		if err := e.Restore(t.Context(), database, path); err != nil {
			t.Fatal(err)
		}
		if n := count(t, conn, "`odd \\`name'`.t"); n != 100_000 {
			t.Errorf("%s: %d rows came back", name, n)
		}
	}
	if err := e.Restore(t.Context(), database, filepath.Join(dir, "missing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("restoring what is not there: %v", err)
	}
	if err := e.Backup(t.Context(), "nowhere", filepath.Join(dir, "nowhere")); err == nil {
		t.Error("backing up a database that does not exist reports success")
	}
}

// TestKillKeepsWhatWasAcknowledged kills a process without warning while it
// inserts, several times over, and looks for every batch it said was in.
func TestKillKeepsWhatWasAcknowledged(t *testing.T) {
	if _, err := chdb.FindLibrary(""); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	acknowledged := make(map[string]bool)
	const rounds, batches = 4, 25
	for round := range rounds {
		process, output := child(t, "insert", dir)
		for range batches + 7*round {
			if !output.Scan() {
				t.Fatal("the inserting process ended by itself")
			}
			acknowledged[output.Text()] = true
		}
		if err := process.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for output.Scan() { // what it had still said
			acknowledged[output.Text()] = true
		}
		_ = process.Wait() // says that it was killed
	}
	conn := connect(t, open(t, chdb.Options{Path: dir}))
	rows, err := conn.Query(t.Context(), "SELECT batch, count() FROM t GROUP BY batch")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var batch string
		var n uint64
		if err := rows.Scan(&batch, &n); err != nil {
			t.Fatal(err)
		}
		if n != insertRows {
			t.Errorf("batch %s has %d rows, want %d", batch, n, insertRows)
		}
		delete(acknowledged, batch)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for batch := range acknowledged {
		t.Errorf("batch %s was acknowledged and is gone", batch)
	}
}

const insertRows = 500

// insert inserts batch after batch and prints the name of each when it is in.
func insert(dir string) {
	e, err := chdb.Open(chdb.Options{Path: dir})
	if err != nil {
		fatal(err)
	}
	conn, err := clickhouse.Open(&clickhouse.Options{
		Protocol: clickhouse.HTTP, Addr: []string{"embedded"}, TransportFunc: e.TransportFunc,
	})
	if err != nil {
		fatal(err)
	}
	ctx := context.Background()
	if err := conn.Exec(ctx, "CREATE TABLE IF NOT EXISTS t (batch String, n UInt64) ENGINE = MergeTree ORDER BY batch"); err != nil {
		fatal(err)
	}
	for i := 0; ; i++ {
		name := fmt.Sprintf("%d/%d", os.Getpid(), i)
		b, err := conn.PrepareBatch(ctx, "INSERT INTO t")
		if err != nil {
			fatal(err)
		}
		for n := range insertRows {
			if err := b.Append(name, uint64(n)); err != nil {
				fatal(err)
			}
		}
		if err := b.Send(); err != nil {
			fatal(err)
		}
		fmt.Println(name)
	}
}
