// Package storetest is the conformance suite of the databases stocktrace runs
// on: the embedded ClickHouse engine, the same engine over HTTP, and a ClickHouse
// server. Whatever passes it may be used through clickhouse-go without knowing
// which of them it is.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/big"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/shopspring/decimal"
)

// Run runs the suite. Each call of options answers with how to reach an empty
// database of the test's own over clickhouse-go's HTTP protocol.
func Run(t *testing.T, options func(t testing.TB) *clickhouse.Options) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, *db)
	}{
		{"Hello", testHello},
		{"Types", testTypes},
		{"Columns", testColumns},
		{"EmptyResult", testEmptyResult},
		{"Parameters", testParameters},
		{"Settings", testSettings},
		{"NoSession", testNoSession},
		{"Errors", testErrors},
		{"ErrorInMidStream", testErrorInMidStream},
		{"LargeResult", testLargeResult},
		{"Cancel", testCancel},
		{"CancelStream", testCancelStream},
		{"CancelInsertSelect", testCancelInsertSelect},
		{"Kill", testKill},
		{"AbandonedResult", testAbandonedResult},
		{"Concurrency", testConcurrency},
		{"EmptyBatch", testEmptyBatch},
		{"FailedInsert", testFailedInsert},
		{"InsertToken", testInsertToken},
		{"ReplacingByUInt128", testReplacingByUInt128},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, compression := range []struct {
				name   string
				method clickhouse.CompressionMethod
			}{
				{"plain", clickhouse.CompressionNone},
				{"lz4", clickhouse.CompressionLZ4},
				{"zstd", clickhouse.CompressionZSTD},
			} {
				if compression.method == clickhouse.CompressionZSTD && test.name != "Types" {
					continue // it differs from LZ4 in the compression alone
				}
				t.Run(compression.name, func(t *testing.T) {
					o := options(t)
					o.Compression = &clickhouse.Compression{Method: compression.method}
					test.run(t, open(t, o))
				})
			}
		})
	}
}

// db is a connection to the database of one test.
type db struct {
	driver.Conn
	ctx     context.Context
	options *clickhouse.Options
}

func open(t *testing.T, o *clickhouse.Options) *db {
	t.Helper()
	conn, err := clickhouse.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	// No deadline: clickhouse-go would make a max_execution_time of it.
	return &db{Conn: conn, ctx: t.Context(), options: o}
}

func (d *db) exec(t *testing.T, sql string) {
	t.Helper()
	if err := d.Exec(d.ctx, sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// scan runs a statement that answers with one row.
func (d *db) scan(t *testing.T, sql string, dest ...any) {
	t.Helper()
	if err := d.QueryRow(d.ctx, sql).Scan(dest...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func (d *db) count(t *testing.T, table string) (n uint64) {
	t.Helper()
	d.scan(t, "SELECT count() FROM "+table, &n)
	return n
}

func (d *db) batch(t *testing.T, sql string) driver.Batch {
	t.Helper()
	b, err := d.PrepareBatch(d.ctx, sql)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return b
}

func appendRow(t *testing.T, b driver.Batch, values ...any) {
	t.Helper()
	if err := b.Append(values...); err != nil {
		t.Fatal(err)
	}
}

func send(t *testing.T, b driver.Batch) {
	t.Helper()
	if err := b.Send(); err != nil {
		t.Fatal(err)
	}
}

// usable fails the test unless the database answers at once.
func (d *db) usable(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(d.ctx, 10*time.Second)
	defer cancel()
	var n uint8
	if err := d.QueryRow(ctx, "SELECT 42").Scan(&n); err != nil || n != 42 {
		t.Fatalf("the database is not usable afterwards: SELECT 42 answers %d, %v", n, err)
	}
}

// code is the ClickHouse error code of err, 0 where it has none.
func code(err error) int32 {
	var x *clickhouse.Exception
	if errors.As(err, &x) {
		return x.Code
	}
	return 0
}

func testHello(t *testing.T, d *db) {
	if err := d.Ping(d.ctx); err != nil {
		t.Fatal(err)
	}
	v, err := d.ServerVersion()
	if err != nil {
		t.Fatal(err)
	}
	var version string
	d.scan(t, "SELECT version()", &version)
	if got := fmt.Sprintf("%d.%d.%d", v.Version.Major, v.Version.Minor, v.Version.Patch); !strings.HasPrefix(version, got) {
		t.Errorf("the handshake says version %s, version() says %s", got, version)
	}
	var database string
	d.scan(t, "SELECT currentDatabase()", &database)
	if database != d.options.Auth.Database {
		t.Errorf("the current database is %s, want %s", database, d.options.Auth.Database)
	}
	o := *d.options
	o.Auth.Database = "there_is_no_such_database"
	err = open(t, &o).Ping(d.ctx)
	if code(err) != 81 {
		t.Errorf("a database that does not exist: %v; want UNKNOWN_DATABASE", err)
	}
}

// row is one value of each type the schema uses, and some it may come to use.
type row struct {
	S    string
	LC   string
	LCN  *string
	T    time.Time
	D    time.Time
	A    []string
	AA   [][]uint32
	M    map[string]string
	N    *string
	U8   uint8
	U64  uint64
	U128 *big.Int
	I64  int64
	F64  float64
	B    bool
	Dec  decimal.Decimal
	Tup  []any
	FS   string
	U    uuid.UUID
	E    string
}

const rowColumns = `s String, lc LowCardinality(String), lcn LowCardinality(Nullable(String)), t DateTime64(6, 'UTC'), d Date,
	a Array(String), aa Array(Array(UInt32)), m Map(String, String), n Nullable(String), u8 UInt8, u64 UInt64, u128 UInt128,
	i64 Int64, f64 Float64, b Bool, dec Decimal(38, 9), tup Tuple(name String, n UInt64), fs FixedString(4), u UUID,
	e Enum8('open' = 1, 'closed' = 2)`

func testRows() []row {
	text := "void ' \\ \" ` \n \t \x00 é 漢 😀"
	none := row{
		T: time.Unix(0, 0).UTC(), D: time.Unix(0, 0).UTC(), A: []string{}, AA: [][]uint32{}, M: map[string]string{},
		U128: new(big.Int), Dec: decimal.Zero, Tup: []any{"", uint64(0)}, FS: "\x00\x00\x00\x00", E: "open",
	}
	full := row{
		S: text, LC: text, LCN: &text,
		T: time.Date(2026, 11, 23, 9, 2, 54, 120456000, time.UTC),
		D: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC),
		A: []string{"", text, "b"}, AA: [][]uint32{{}, {1, 2}, {math.MaxUint32}},
		M: map[string]string{"": "empty", "receipt": text}, N: &text,
		U8: math.MaxUint8, U64: math.MaxUint64,
		U128: new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 128), big.NewInt(1)),
		I64:  math.MinInt64, F64: -math.MaxFloat64, B: true,
		Dec: decimal.RequireFromString("-12345678901234567890123456789.123456789"),
		Tup: []any{text, uint64(math.MaxUint64)}, FS: "abcd",
		U: uuid.MustParse("61f0c404-5cb3-11e7-907b-a6006ad3dba0"), E: "closed",
	}
	return []row{none, full}
}

func testTypes(t *testing.T, d *db) {
	d.exec(t, "CREATE TABLE types (k UInt8, "+rowColumns+") ENGINE = MergeTree ORDER BY k")
	rows := testRows()
	b := d.batch(t, "INSERT INTO types")
	for i, r := range rows {
		appendRow(t, b, uint8(i), r.S, r.LC, r.LCN, r.T, r.D, r.A, r.AA, r.M, r.N, r.U8, r.U64, r.U128,
			r.I64, r.F64, r.B, r.Dec, r.Tup, r.FS, r.U, r.E)
	}
	send(t, b)
	result, err := d.Query(d.ctx, "SELECT * EXCEPT k FROM types ORDER BY k")
	if err != nil {
		t.Fatal(err)
	}
	defer result.Close()
	var got []row
	for result.Next() {
		var r row
		var tuple map[string]any
		if err := result.Scan(&r.S, &r.LC, &r.LCN, &r.T, &r.D, &r.A, &r.AA, &r.M, &r.N, &r.U8, &r.U64, &r.U128,
			&r.I64, &r.F64, &r.B, &r.Dec, &tuple, &r.FS, &r.U, &r.E); err != nil {
			t.Fatal(err)
		}
		r.Tup = []any{tuple["name"], tuple["n"]}
		got = append(got, r)
	}
	if err := result.Err(); err != nil {
		t.Fatal(err)
	}
	equal := []cmp.Option{
		cmp.Comparer(func(a, b *big.Int) bool { return a.Cmp(b) == 0 }),
		cmp.Comparer(func(a, b decimal.Decimal) bool { return a.Equal(b) }),
	}
	if diff := cmp.Diff(rows, got, equal...); diff != "" {
		t.Errorf("rows come back differently (- put in, + got):\n%s", diff)
	}
}

func testColumns(t *testing.T, d *db) {
	d.exec(t, "CREATE TABLE columns (n UInt64, s LowCardinality(String), a Array(String), later UInt8 DEFAULT 7) ENGINE = MergeTree ORDER BY n")
	const rows = 200_000
	numbers, names, lists := make([]uint64, rows), make([]string, rows), make([][]string, rows)
	for i := range rows {
		numbers[i], names[i], lists[i] = uint64(i), "store "+strconv.Itoa(i%600), []string{"a", strconv.Itoa(i)}
	}
	b := d.batch(t, "INSERT INTO columns (n, s, a)")
	for i, column := range []any{numbers, names, lists} {
		if err := b.Column(i).Append(column); err != nil {
			t.Fatal(err)
		}
	}
	send(t, b)
	var n, distinct, sum, later uint64
	d.scan(t, "SELECT count(), uniqExact(s), sum(n + toUInt64(a[2])), sum(later) FROM columns", &n, &distinct, &sum, &later)
	if n != rows || distinct != 600 || sum != rows*(rows-1) || later != 7*rows {
		t.Errorf("count %d, stores %d, sum %d, defaults %d; want %d, 600, %d, %d", n, distinct, sum, later, rows, rows*(rows-1), 7*rows)
	}
}

func testEmptyResult(t *testing.T, d *db) {
	rows, err := d.Query(d.ctx, "SELECT number FROM numbers(10) WHERE number > 10")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	if rows.Next() || rows.Err() != nil {
		t.Errorf("an empty result has a row, or the error %v", rows.Err())
	}
	var n uint64
	if err := d.QueryRow(d.ctx, "SELECT number FROM numbers(0)").Scan(&n); err == nil {
		t.Error("QueryRow of no row reports no error")
	}
	d.usable(t)
}

func testParameters(t *testing.T, d *db) {
	for _, value := range []string{
		"", " ", "plain", "it's", `"quoted"`, "back`tick", `back\slash`, `\n`, "new\nline", "tab\tbed", "return\r", "nul\x00byte",
		"{v:String}", "'); DROP TABLE t; --", "100%", "a&b=c+d#e?f", "é 漢 😀", strings.Repeat("x", 100_000),
	} {
		var got string
		var length uint64
		err := d.QueryRow(d.ctx, "SELECT {v:String}, length({v:String})", clickhouse.Named("v", value)).Scan(&got, &length)
		if err != nil || got != value || length != uint64(len(value)) {
			t.Errorf("{v:String} with %.40q answers %.40q of %d bytes, %v", value, got, length, err)
		}
	}
	list := []string{"it's", `\`, "a,b", "", "]", "\n"}
	var got []string
	if err := d.QueryRow(d.ctx, "SELECT {v:Array(String)}", clickhouse.Named("v", list)).Scan(&got); err != nil {
		t.Errorf("{v:Array(String)}: %v", err)
	} else if diff := cmp.Diff(list, got); diff != "" {
		t.Errorf("{v:Array(String)} (- sent, + got):\n%s", diff)
	}
	var sum uint64
	if err := d.QueryRow(d.ctx, "SELECT {a:UInt64} + {b:UInt8}", clickhouse.Named("a", uint64(math.MaxUint32)), clickhouse.Named("b", 1)).Scan(&sum); err != nil || sum != 1<<32 {
		t.Errorf("{a:UInt64} + {b:UInt8} = %d, %v", sum, err)
	}
	var null *string
	if err := d.QueryRow(d.ctx, "SELECT {v:Nullable(String)}", clickhouse.Named("v", nil)).Scan(&null); err != nil || null != nil {
		t.Errorf("{v:Nullable(String)} with NULL: %v, %v", null, err)
	}
	name := "odd `name`"
	if err := d.Exec(d.ctx, "CREATE TABLE {t:Identifier} (n UInt8) ENGINE = MergeTree ORDER BY n", clickhouse.Named("t", name)); err != nil {
		t.Errorf("CREATE TABLE {t:Identifier}: %v", err)
	}
	var n uint64
	if err := d.QueryRow(d.ctx, "SELECT count() FROM {t:Identifier}", clickhouse.Named("t", name)).Scan(&n); err != nil {
		t.Errorf("FROM {t:Identifier}: %v", err)
	}
	if err := d.QueryRow(d.ctx, "SELECT {v:UInt8}", clickhouse.Named("v", "many")).Scan(&n); err == nil {
		t.Error("{v:UInt8} takes a word")
	}
	if err := d.QueryRow(d.ctx, "SELECT {given:UInt8}, {missing:UInt8}", clickhouse.Named("given", 1)).Scan(&n, &n); code(err) != 456 {
		t.Errorf("a parameter that is not given: %v; want UNKNOWN_QUERY_PARAMETER", err)
	}
	d.usable(t)
}

func withSettings(ctx context.Context, s clickhouse.Settings) context.Context {
	return clickhouse.Context(ctx, clickhouse.WithSettings(s))
}

func testSettings(t *testing.T, d *db) {
	var before uint64
	d.scan(t, "SELECT toUInt64(getSetting('max_block_size'))", &before)
	var n uint64
	ctx := withSettings(d.ctx, clickhouse.Settings{"max_block_size": 1234, "log_comment": `it's a \ comment`})
	var comment string
	if err := d.QueryRow(ctx, "SELECT toUInt64(getSetting('max_block_size')), getSetting('log_comment')").Scan(&n, &comment); err != nil {
		t.Fatal(err)
	}
	if n != 1234 || !strings.HasSuffix(comment, `it's a \ comment`) {
		t.Errorf("the statement ran with max_block_size %d and log_comment %q", n, comment)
	}
	d.scan(t, "SELECT toUInt64(getSetting('max_block_size'))", &n)
	if n != before {
		t.Errorf("the next statement ran with max_block_size %d, want %d", n, before)
	}
	for _, settings := range []clickhouse.Settings{{"there_is_no_such_setting": 1}, {"there is no such setting = 1, max_threads": 1}} {
		if err := d.Exec(withSettings(d.ctx, settings), "SELECT 1"); code(err) != 115 {
			t.Errorf("%v: %v; want UNKNOWN_SETTING", settings, err)
		}
	}
	if err := d.Exec(withSettings(d.ctx, clickhouse.Settings{"max_threads": "many"}), "SELECT 1"); code(err) == 0 {
		t.Errorf("max_threads = many: %v; want an exception", err)
	}
	d.exec(t, "CREATE TABLE months (day Date) ENGINE = MergeTree PARTITION BY toYYYYMM(day) ORDER BY day")
	b, err := d.PrepareBatch(withSettings(d.ctx, clickhouse.Settings{"max_partitions_per_insert_block": 2}), "INSERT INTO months")
	if err != nil {
		t.Fatal(err)
	}
	for month := range 3 {
		appendRow(t, b, time.Date(2026, time.Month(1+month), 1, 0, 0, 0, 0, time.UTC))
	}
	if err := b.Send(); code(err) != 252 {
		t.Errorf("an insert into more partitions than its setting allows: %v; want TOO_MANY_PARTS", err)
	}
	d.usable(t)
}

// testNoSession checks that one statement leaves nothing to the next.
func testNoSession(t *testing.T, d *db) {
	var before, after string
	d.scan(t, "SELECT concat(currentDatabase(), ' ', toString(getSetting('max_block_size')))", &before)
	for _, sql := range []string{"SET max_block_size = 99", "USE system", "/* first */ -- second\n set max_block_size = 98"} {
		d.exec(t, sql)
		// Whatever connection of the pool that ran on, one of these finds it.
		for range 20 {
			d.scan(t, "SELECT concat(currentDatabase(), ' ', toString(getSetting('max_block_size')))", &after)
			if after != before {
				t.Fatalf("after %s statements run with %s, before with %s", sql, after, before)
			}
		}
	}
	if err := d.Exec(d.ctx, "SELECT 1; SELECT 2"); code(err) != 62 {
		t.Errorf("two statements in one: %v; want SYNTAX_ERROR", err)
	}
}

func testErrors(t *testing.T, d *db) {
	d.exec(t, "CREATE TABLE errors (n UInt64) ENGINE = MergeTree ORDER BY n")
	for _, test := range []struct {
		name     string
		sql      string
		settings clickhouse.Settings
		code     int32
	}{
		{"syntax", "SELEC 1", nil, 62},
		{"empty", "", nil, 62},
		{"table", "SELECT * FROM there_is_no_such_table", nil, 60},
		{"database", "SELECT * FROM nowhere.errors", nil, 81},
		{"column", "SELECT x FROM errors", nil, 47},
		{"function", "SELECT there_is_no_such_function(1)", nil, 46},
		{"exists", "CREATE TABLE errors (n UInt64) ENGINE = MergeTree ORDER BY n", nil, 57},
		{"memory", "SELECT length(groupArray(number)) FROM numbers(100000000)", clickhouse.Settings{"max_memory_usage": 20_000_000}, 241},
		{"time", "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number))", clickhouse.Settings{"max_execution_time": "0.3"}, 159},
		{"rows", "SELECT * FROM numbers(1000000)", clickhouse.Settings{"max_result_rows": 10, "result_overflow_mode": "throw"}, 396},
		{"thrown", "SELECT throwIf(1, 'it''s \\' \\n odd')", nil, 395},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx := d.ctx
			if test.settings != nil {
				ctx = withSettings(ctx, test.settings)
			}
			rows, err := d.Query(ctx, test.sql)
			if err == nil {
				for rows.Next() {
				}
				err = rows.Err()
				rows.Close()
			}
			if code(err) != test.code {
				t.Errorf("%s: %v; want code %d", test.sql, err, test.code)
			}
			if err := d.Exec(ctx, test.sql); code(err) != test.code {
				t.Errorf("as Exec: %s: %v; want code %d", test.sql, err, test.code)
			}
			d.usable(t)
		})
	}
}

func testErrorInMidStream(t *testing.T, d *db) {
	// The text of the exception is the tail of a block to a careless reader,
	// so rows that look like one are part of the result.
	const sql = `SELECT number, concat('\r\n__exception__\r\n', toString(throwIf(number = 1500000, 'stopped on purpose'))) FROM numbers(5000000)`
	rows, err := d.Query(d.ctx, sql)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var n, read uint64
	var s string
	for rows.Next() {
		if err := rows.Scan(&n, &s); err != nil {
			t.Fatal(err)
		}
		read++
	}
	if code(rows.Err()) != 395 || !strings.Contains(fmt.Sprint(rows.Err()), "stopped on purpose") {
		t.Errorf("after %d rows: %v; want FUNCTION_THROW_IF_VALUE_IS_NON_ZERO", read, rows.Err())
	}
	if read == 0 || read > 1_500_000 {
		t.Errorf("%d rows came before the error in row 1,500,000", read)
	}
	d.usable(t)
}

// testLargeResult reads results far larger than what may be held in memory.
func testLargeResult(t *testing.T, d *db) {
	const rows = 5_000_000
	before, measured := residentMemory()
	if !measured {
		t.Log("the memory of the process is not measured on", runtime.GOOS)
	}
	result, err := d.Query(d.ctx, "SELECT number, repeat('x', 50) FROM numbers("+strconv.Itoa(rows)+")")
	if err != nil {
		t.Fatal(err)
	}
	defer result.Close()
	var n, sum, count uint64
	var s string
	var most int64
	for result.Next() {
		if err := result.Scan(&n, &s); err != nil {
			t.Fatal(err)
		}
		sum += n
		if count++; count%1_000_000 == 0 {
			now, _ := residentMemory()
			most = max(most, now-before)
		}
	}
	if err := result.Err(); err != nil {
		t.Fatal(err)
	}
	if count != rows || sum != rows*(rows-1)/2 {
		t.Errorf("read %d rows with the sum %d, want %d and %d", count, sum, rows, uint64(rows*(rows-1)/2))
	}
	if measured && most > 300<<20 {
		t.Errorf("the process grew by %d MiB over a result of %d MiB", most>>20, rows*58>>20)
	}
	t.Logf("the process grew by %d MiB over a result of %d MiB", most>>20, rows*58>>20)
}

// residentMemory is the memory of this process, in bytes.
func residentMemory() (int64, bool) {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, false
	}
	fields := bytes.Fields(text)
	if len(fields) < 2 {
		return 0, false
	}
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	return pages * int64(os.Getpagesize()), err == nil
}

// endless is a statement that would run for days and answers only at its end.
const endless = "SELECT count() FROM numbers(1000000000000000) WHERE NOT ignore(sipHash64(number))"

// gone waits until the statement with this log_comment no longer runs.
func (d *db) gone(t *testing.T, comment string) {
	t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for {
		var n uint64
		err := d.QueryRow(d.ctx, "SELECT count() FROM system.processes WHERE endsWith(Settings['log_comment'], {c:String})",
			clickhouse.Named("c", comment)).Scan(&n)
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the statement still runs 5 s after it was cancelled")
		}
		time.Sleep(10 * time.Millisecond) // between two questions
	}
}

// running waits until the statement with this log_comment runs.
func (d *db) running(t *testing.T, comment string) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		var n uint64
		err := d.QueryRow(d.ctx, "SELECT count() FROM system.processes WHERE endsWith(Settings['log_comment'], {c:String})",
			clickhouse.Named("c", comment)).Scan(&n)
		if err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the statement did not start within 10 s")
		}
		time.Sleep(5 * time.Millisecond) // between two questions
	}
}

func comment(t *testing.T) string { return "<" + t.Name() + ">" }

func testCancel(t *testing.T, d *db) {
	ctx, cancel := context.WithCancel(withSettings(d.ctx, clickhouse.Settings{"log_comment": comment(t)}))
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		var n uint64
		ended <- d.QueryRow(ctx, endless).Scan(&n)
	}()
	d.running(t, comment(t))
	cancelled := time.Now()
	cancel()
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("the cancelled statement answers %v", err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("the statement goes on 5 s after it was cancelled")
	}
	if took := time.Since(cancelled); took > time.Second {
		t.Errorf("it took %s to cancel the statement", took)
	}
	d.gone(t, comment(t))
	d.usable(t)

	// A deadline does the same.
	ctx, cancel = context.WithTimeout(d.ctx, 100*time.Millisecond)
	defer cancel()
	var n uint64
	began := time.Now()
	err := d.QueryRow(ctx, endless).Scan(&n)
	if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took > time.Second {
		t.Errorf("a deadline of 100 ms: %v after %s", err, took)
	}
	d.usable(t)
}

func testCancelStream(t *testing.T, d *db) {
	ctx, cancel := context.WithCancel(withSettings(d.ctx, clickhouse.Settings{"log_comment": comment(t)}))
	defer cancel()
	rows, err := d.Query(ctx, "SELECT number FROM numbers(1000000000000)")
	if err != nil {
		t.Fatal(err)
	}
	for range 1_000_000 {
		if !rows.Next() {
			t.Fatal(rows.Err())
		}
	}
	cancelled := time.Now()
	cancel()
	for rows.Next() {
	}
	if !errors.Is(rows.Err(), context.Canceled) {
		t.Errorf("the cancelled result ends with %v", rows.Err())
	}
	if took := time.Since(cancelled); took > time.Second {
		t.Errorf("it took %s to cancel the result", took)
	}
	rows.Close()
	d.gone(t, comment(t))
	d.usable(t)
}

func testCancelInsertSelect(t *testing.T, d *db) {
	d.exec(t, "CREATE TABLE cancelled (n UInt64) ENGINE = Null")
	ctx, cancel := context.WithCancel(withSettings(d.ctx, clickhouse.Settings{"log_comment": comment(t)}))
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- d.Exec(ctx, "INSERT INTO cancelled SELECT number FROM numbers(1000000000000)") }()
	d.running(t, comment(t))
	cancel()
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("the cancelled statement answers %v", err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("the statement goes on 5 s after it was cancelled")
	}
	d.gone(t, comment(t))
	d.usable(t)
}

// testKill has another connection kill statements. The one who asked must learn
// of it, and not take what there is of the result for the whole.
func testKill(t *testing.T, d *db) {
	d.exec(t, "CREATE TABLE killed (n UInt64) ENGINE = Null")
	for _, test := range []struct{ name, sql string }{
		{"before the first row", endless},
		{"between rows", "SELECT number FROM numbers(1000000000000)"},
		{"between few rows", "SELECT number, sleepEachRow(0.02) FROM numbers(1000000) SETTINGS max_block_size = 1"},
		{"insert", "INSERT INTO killed SELECT number FROM numbers(1000000000000)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			ended := make(chan error, 1)
			go func() {
				ctx := withSettings(d.ctx, clickhouse.Settings{"log_comment": comment(t)})
				if strings.HasPrefix(test.sql, "INSERT") {
					ended <- d.Exec(ctx, test.sql)
					return
				}
				rows, err := d.Query(ctx, test.sql)
				if err != nil {
					ended <- err
					return
				}
				defer rows.Close()
				for rows.Next() {
				}
				ended <- rows.Err()
			}()
			d.running(t, comment(t))
			err := d.Exec(d.ctx, "KILL QUERY WHERE endsWith(Settings['log_comment'], {c:String}) SYNC", clickhouse.Named("c", comment(t)))
			if err != nil {
				t.Fatal(err)
			}
			select {
			case err := <-ended:
				if code(err) != 394 {
					t.Errorf("the killed statement ends with %v; want QUERY_WAS_CANCELLED", err)
				}
			case <-time.After(10 * time.Second):
				t.Fatal("the statement goes on 10 s after it was killed")
			}
			d.usable(t)
		})
	}
}

// testAbandonedResult leaves results unread, more of them than there are
// connections.
func testAbandonedResult(t *testing.T, d *db) {
	for range 40 {
		ctx, cancel := context.WithCancel(d.ctx)
		rows, err := d.Query(ctx, "SELECT number FROM numbers(1000000000000)")
		if err != nil {
			t.Fatal(err)
		}
		if !rows.Next() {
			t.Fatal(rows.Err())
		}
		cancel()
		rows.Close()
	}
	d.usable(t)
}

// testConcurrency runs statements with different settings, databases and
// parameters side by side and checks that none runs with another's.
func testConcurrency(t *testing.T, d *db) {
	d.exec(t, "CREATE TABLE concurrent (worker UInt32, n UInt32) ENGINE = MergeTree ORDER BY (worker, n)")
	const workers, rounds = 8, 6
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range rounds {
				value := uint64(1000 + w*rounds + i)
				ctx := withSettings(d.ctx, clickhouse.Settings{"max_block_size": value})
				var setting, param, sum uint64
				err := d.QueryRow(ctx, "SELECT any(toUInt64(getSetting('max_block_size'))), any({p:UInt64}), sum(number) FROM numbers(100000)",
					clickhouse.Named("p", value)).Scan(&setting, &param, &sum)
				if err != nil || setting != value || param != value || sum != 4999950000 {
					t.Errorf("worker %d: setting %d, parameter %d, sum %d, %v; want %d", w, setting, param, sum, err, value)
					return
				}
				b, err := d.PrepareBatch(d.ctx, "INSERT INTO concurrent")
				if err != nil {
					t.Errorf("worker %d: %v", w, err)
					return
				}
				for n := range 10 {
					if err := b.Append(uint32(w), uint32(10*i+n)); err != nil {
						t.Errorf("worker %d: %v", w, err)
						return
					}
				}
				if err := b.Send(); err != nil {
					t.Errorf("worker %d: %v", w, err)
					return
				}
			}
		})
	}
	wg.Wait()
	var n, distinct uint64
	d.scan(t, "SELECT count(), uniqExact(worker, n) FROM concurrent", &n, &distinct)
	if n != workers*rounds*10 || distinct != n {
		t.Errorf("the table holds %d rows, %d of them different; want %d", n, distinct, workers*rounds*10)
	}
}

func testEmptyBatch(t *testing.T, d *db) {
	d.exec(t, "CREATE TABLE nothing (n UInt64) ENGINE = MergeTree ORDER BY n")
	send(t, d.batch(t, "INSERT INTO nothing"))
	if n := d.count(t, "nothing"); n != 0 {
		t.Errorf("an empty batch inserted %d rows", n)
	}
	d.usable(t)
}

// testFailedInsert checks that a batch is inserted whole or not at all.
func testFailedInsert(t *testing.T, d *db) {
	d.exec(t, "CREATE TABLE whole (n UInt64, CONSTRAINT not_the_last CHECK n < 99999) ENGINE = MergeTree ORDER BY n")
	numbers := make([]uint64, 100_000)
	for i := range numbers {
		numbers[i] = uint64(i)
	}
	b := d.batch(t, "INSERT INTO whole")
	if err := b.Column(0).Append(numbers); err != nil {
		t.Fatal(err)
	}
	if err := b.Send(); code(err) != 469 {
		t.Errorf("an insert against a constraint: %v; want VIOLATED_CONSTRAINT", err)
	}
	if n := d.count(t, "whole"); n != 0 {
		t.Errorf("the failed insert left %d rows", n)
	}
	if _, err := d.PrepareBatch(d.ctx, "INSERT INTO there_is_no_such_table"); code(err) != 60 {
		t.Errorf("an insert into no table: %v; want UNKNOWN_TABLE", err)
	}
	// Where the client knows the columns, only the insert itself notices.
	ctx := clickhouse.Context(d.ctx, clickhouse.WithColumnNamesAndTypes([]clickhouse.ColumnNameAndType{{Name: "n", Type: "UInt64"}}))
	b, err := d.PrepareBatch(ctx, "INSERT INTO there_is_no_such_table")
	if err != nil {
		t.Fatal(err)
	}
	appendRow(t, b, uint64(1))
	if err := b.Send(); code(err) != 60 {
		t.Errorf("an insert into no table: %v; want UNKNOWN_TABLE", err)
	}
	d.usable(t)
	b = d.batch(t, "INSERT INTO whole")
	if err := b.Column(0).Append(numbers[:99_999]); err != nil {
		t.Fatal(err)
	}
	send(t, b)
	if n := d.count(t, "whole"); n != 99_999 {
		t.Errorf("the insert left %d rows, want 99,999", n)
	}
}

func testInsertToken(t *testing.T, d *db) {
	d.exec(t, "CREATE TABLE tokens (n UInt64) ENGINE = MergeTree ORDER BY n SETTINGS non_replicated_deduplication_window = 100")
	for i, token := range []string{"a", "a", "b", "it's", "it's"} {
		b, err := d.PrepareBatch(withSettings(d.ctx, clickhouse.Settings{"insert_deduplication_token": token}), "INSERT INTO tokens")
		if err != nil {
			t.Fatal(err)
		}
		appendRow(t, b, uint64(i))
		send(t, b)
	}
	if n := d.count(t, "tokens"); n != 3 {
		t.Errorf("five inserts with three different tokens left %d rows", n)
	}
}

// testReplacingByUInt128 checks that versions order by their high half first, as
// unsigned numbers: it holds the lease, the low half the position.
func testReplacingByUInt128(t *testing.T, d *db) {
	d.exec(t, "CREATE TABLE versions (k UInt64, v UInt128, what String) ENGINE = ReplacingMergeTree(v) ORDER BY k")
	version := func(high, low uint64) *big.Int {
		v := new(big.Int).Lsh(new(big.Int).SetUint64(high), 64)
		return v.Or(v, new(big.Int).SetUint64(low))
	}
	for _, r := range []struct {
		k         uint64
		high, low uint64
		what      string
	}{
		{1, 2, 0, "successor"},
		{1, 1, math.MaxUint64, "paused owner"},
		{2, math.MaxUint64, math.MaxUint64, "greatest"},
		{2, math.MaxUint64 >> 1, 0, "less"},
		{3, 7, 5, "later"},
		{3, 7, 4, "earlier"},
	} {
		b := d.batch(t, "INSERT INTO versions")
		appendRow(t, b, r.k, version(r.high, r.low), r.what)
		send(t, b)
	}
	const want = "successor, greatest, later"
	for _, when := range []string{"before", "after"} {
		var final, argMax string
		d.scan(t, "SELECT arrayStringConcat(groupArray(what), ', ') FROM (SELECT what FROM versions FINAL ORDER BY k)", &final)
		d.scan(t, "SELECT arrayStringConcat(groupArray(w), ', ') FROM (SELECT k, argMax(what, v) AS w FROM versions GROUP BY k ORDER BY k)", &argMax)
		if final != want || argMax != want {
			t.Errorf("%s a merge FINAL keeps %s and argMax keeps %s; want %s", when, final, argMax, want)
		}
		d.exec(t, "OPTIMIZE TABLE versions FINAL")
	}
	if n := d.count(t, "versions"); n != 3 {
		t.Errorf("the merge kept %d rows, want 3", n)
	}
}

// DSNEnv names the environment variable that holds the DSN of a ClickHouse
// server to run the suite against.
const DSNEnv = "STOCKTRACE_CLICKHOUSE_DSN"
