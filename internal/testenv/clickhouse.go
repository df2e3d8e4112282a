// Package testenv starts the real parts tests run against: the embedded
// ClickHouse engine, within the process or behind a listener that stands in for
// a server.
package testenv

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/stocktrace/stocktrace/internal/store/chdb"
)

// engine is the engine the tests of this process share; a process can run one.
// It is open while a test uses it, on a directory that goes with it.
var engine struct {
	sync.Mutex
	engine *chdb.Engine
	dir    string
	users  int
	made   int // databases ever made, for their names
}

// Embedded answers with the embedded engine and the name of a database of the
// test's own, which exists, is empty and is dropped when the test ends. Tests
// that run at the same time share the engine, not the database. Where the
// library is not installed, the test is skipped with the command that installs
// it.
func Embedded(t testing.TB) (e *chdb.Engine, database string) {
	t.Helper()
	engine.Lock()
	defer engine.Unlock()
	if engine.engine == nil {
		dir, err := os.MkdirTemp("", "stocktrace-clickhouse-")
		if err != nil {
			t.Fatal(err)
		}
		e, err := chdb.Open(chdb.Options{Path: dir})
		if err != nil {
			_ = os.RemoveAll(dir)
			if errors.Is(err, chdb.ErrNotInstalled) {
				t.Skip(err)
			}
			t.Fatal(err)
		}
		engine.engine, engine.dir = e, dir
	}
	engine.users++
	engine.made++
	database = fmt.Sprintf("test_%d", engine.made)
	e = engine.engine
	t.Cleanup(func() {
		engine.Lock()
		defer engine.Unlock()
		engine.users--
		if engine.users > 0 {
			exec(t, e, "DROP DATABASE "+database+" SYNC")
			return
		}
		if err := engine.engine.Close(); err != nil {
			t.Error(err)
		}
		if err := os.RemoveAll(engine.dir); err != nil {
			t.Error(err)
		}
		engine.engine = nil
	})
	exec(t, e, "CREATE DATABASE "+database)
	return e, database
}

// exec runs one statement on the engine.
func exec(t testing.TB, e *chdb.Engine, sql string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://embedded/", strings.NewReader(sql))
	if err != nil {
		t.Fatal(err)
	}
	response, err := e.Transport().RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("%s: status %d", sql, response.StatusCode)
	}
}

// EmbeddedOptions are the options with which clickhouse-go talks to the engine
// within the process.
func EmbeddedOptions(e *chdb.Engine, database string) *clickhouse.Options {
	return &clickhouse.Options{
		Protocol:      clickhouse.HTTP,
		Addr:          []string{"embedded"},
		Auth:          clickhouse.Auth{Database: database},
		TransportFunc: e.TransportFunc,
	}
}

// Conn is a connection of clickhouse-go to the embedded engine and a database of
// the test's own. It is closed when the test ends.
func Conn(t testing.TB) driver.Conn {
	t.Helper()
	e, database := Embedded(t)
	conn, err := clickhouse.Open(EmbeddedOptions(e, database))
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

// ClickHouse serves the embedded engine over HTTP on loopback, standing in for
// an external server that several processes share, and answers with the DSN of
// a database of the test's own. The listener is closed when the test ends.
func ClickHouse(t testing.TB) (dsn string) {
	t.Helper()
	e, database := Embedded(t)
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	return fmt.Sprintf("http://%s/%s", server.Listener.Addr().(*net.TCPAddr), database)
}
