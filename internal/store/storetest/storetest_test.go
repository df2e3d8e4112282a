package storetest_test

import (
	"fmt"
	"os"
	"sync/atomic"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/stocktrace/stocktrace/internal/store/storetest"
	"github.com/stocktrace/stocktrace/internal/testenv"
)

func TestEmbedded(t *testing.T) {
	storetest.Run(t, func(t testing.TB) *clickhouse.Options {
		engine, database := testenv.Embedded(t)
		return testenv.EmbeddedOptions(engine, database)
	})
}

func TestEmbeddedOverHTTP(t *testing.T) {
	storetest.Run(t, func(t testing.TB) *clickhouse.Options {
		o, err := clickhouse.ParseDSN(testenv.ClickHouse(t))
		if err != nil {
			t.Fatal(err)
		}
		return o
	})
}

func TestServer(t *testing.T) {
	dsn := os.Getenv(storetest.DSNEnv)
	if dsn == "" {
		t.Skipf("%s does not name a ClickHouse server", storetest.DSNEnv)
	}
	storetest.Run(t, func(t testing.TB) *clickhouse.Options { return serverDatabase(t, dsn) })
}

var databases atomic.Int64

// serverDatabase makes a database on the server and drops it after the test.
func serverDatabase(t testing.TB, dsn string) *clickhouse.Options {
	t.Helper()
	o, err := clickhouse.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := clickhouse.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("stocktrace_test_%d_%d", os.Getpid(), databases.Add(1))
	if err := conn.Exec(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Exec(t.Context(), "DROP DATABASE "+name+" SYNC"); err != nil {
			t.Error(err)
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	fresh, err := clickhouse.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	fresh.Auth.Database = name
	return fresh
}
