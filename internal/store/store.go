package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/stocktrace/stocktrace/internal/store/chdb"
	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/lifecycle"
	"github.com/stocktrace/stocktrace/queries"
	"github.com/stocktrace/stocktrace/web"
)

// ErrClosed is returned by a store that has been closed.
var ErrClosed = errors.New("the store is closed")

// DefaultDatabase is the database everything lies in.
const DefaultDatabase = "stocktrace"

// Options says where the database is and how it is kept.
type Options struct {
	// Dir is the data directory of the embedded engine. Exactly one of Dir, DSN
	// and Engine is set.
	Dir string
	// DSN names a ClickHouse server by its HTTP interface:
	// http://user:password@host:8123/database. Without a database it is
	// DefaultDatabase.
	DSN string
	// Engine is an embedded engine that is open already and stays open when the
	// store is closed.
	Engine *chdb.Engine
	// Database is the name of the database in Dir or Engine. Empty means
	// DefaultDatabase.
	Database string
	// Library is the path of libchdb; empty means to look for it.
	Library string
	// Retention is how long rows are kept from when they were received or
	// written; zero means for ever. Bindings of keys are always kept.
	Retention time.Duration
	// LeaveRetention leaves the retention as it was set last: for who only looks.
	LeaveRetention bool
	// InsertInterval is the least time between the beginnings of two inserts
	// into one table; what comes in between is inserted together. Zero means
	// 200 ms, negative none.
	InsertInterval time.Duration
	// Connections is how many statements run at once. Zero means 16.
	Connections int
	// Logger hears of repeated attempts and of migrations. Nil means none.
	Logger *slog.Logger
}

func (o *Options) setDefaults() error {
	places := 0
	for _, given := range []bool{o.Dir != "", o.DSN != "", o.Engine != nil} {
		if given {
			places++
		}
	}
	if places != 1 {
		return errors.New("open store: give either a data directory or the DSN of a ClickHouse server")
	}
	if o.Retention < 0 {
		return fmt.Errorf("open store: a retention of %s means nothing: give a positive one, or 0 to keep everything", o.Retention)
	}
	if o.InsertInterval == 0 {
		o.InsertInterval = 200 * time.Millisecond
	}
	if o.Connections == 0 {
		o.Connections = 16
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}

// Store is an open database. It is safe for use by several goroutines.
type Store struct {
	conn     driver.Conn
	client   clickhouse.Options
	database string
	engine   *chdb.Engine // nil for a server
	owned    bool         // the engine is closed with the store
	log      *slog.Logger

	events     *appender[eventRow]
	echoes     *appender[echoRow]
	actions    *appender[actionRow]
	facts      *appender[inventory.Fact]
	readings   *appender[inventory.Measured]
	heard      *appender[inventory.Heard]
	bindings   *appender[lifecycle.BindingRow]
	lifecycles *appender[lifecycle.Row]
	keys       *appender[keyRow]
	findings   *appender[lifecycle.FindingRow]
	quarantine *appender[inventory.Quarantined]
	landed     *appender[landedRow]
	reingests  *appender[web.Reread]
	incidents  *appender[incidentRow]

	closeOnce sync.Once
	closeErr  error
	closing   context.Context // ends when no more writes are taken
	close     context.CancelFunc
	base      context.Context // ends when running inserts are given up
	giveUp    context.CancelFunc
	tasks     sync.WaitGroup
}

var _ lifecycle.Store = (*Store)(nil)

// Open opens the database, brings its schema up to date and applies the
// retention. It refuses a database whose schema is newer than this program
// knows, and a server older than the schema needs.
func Open(ctx context.Context, o Options) (_ *Store, err error) {
	if err := o.setDefaults(); err != nil {
		return nil, err
	}
	s := &Store{log: o.Logger}
	s.closing, s.close = context.WithCancel(context.WithoutCancel(ctx))
	s.base, s.giveUp = context.WithCancel(context.WithoutCancel(ctx))
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	client, err := s.clientOptions(o)
	if err != nil {
		return nil, err
	}
	s.client = *client
	if err := CheckVersion(ctx, client); err != nil {
		return nil, err
	}
	if err := s.createDatabase(ctx); err != nil {
		return nil, err
	}
	if s.conn, err = clickhouse.Open(client); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if err := s.migrate(ctx, queries.Migrations()); err != nil {
		return nil, err
	}
	if !o.LeaveRetention {
		if err := s.setRetention(ctx, o.Retention); err != nil {
			return nil, err
		}
	}
	s.makeAppenders(o.InsertInterval)
	return s, nil
}

// clientOptions says how to reach the database, starting the embedded engine if
// that is it.
func (s *Store) clientOptions(o Options) (*clickhouse.Options, error) {
	client := &clickhouse.Options{Addr: []string{"embedded"}, Auth: clickhouse.Auth{Database: o.Database}}
	switch {
	case o.DSN != "":
		var err error
		if client, err = clickhouse.ParseDSN(o.DSN); err != nil {
			if _, quoted := errors.AsType[*url.Error](err); quoted {
				// It quotes the whole DSN, and the password with it.
				err = errors.New("it is no URL: a password's special characters are written as %40 for @, %2F for /, %3A for a colon")
			}
			return nil, fmt.Errorf("read the ClickHouse DSN: %w", err)
		}
		if !strings.HasPrefix(o.DSN, "http://") && !strings.HasPrefix(o.DSN, "https://") {
			return nil, errors.New("the ClickHouse DSN must name the server's HTTP interface, such as http://user:password@host:8123")
		}
	case o.Engine != nil:
		s.engine = o.Engine
	default:
		engine, err := chdb.Open(chdb.Options{Path: o.Dir, Library: o.Library, Connections: o.Connections})
		if err != nil {
			return nil, err
		}
		s.engine, s.owned = engine, true
	}
	if s.engine != nil {
		client.TransportFunc = s.engine.TransportFunc
	}
	client.Protocol = clickhouse.HTTP
	client.Auth.Database = cmp.Or(client.Auth.Database, DefaultDatabase)
	s.database = client.Auth.Database
	client.MaxOpenConns = o.Connections
	client.MaxIdleConns = o.Connections
	client.DialTimeout = 10 * time.Second // also how long to wait for a free connection
	client.ClientInfo.Products = append(client.ClientInfo.Products, struct{ Name, Version string }{"stocktrace", ""})
	return client, nil
}

// createDatabase makes the database, over a connection that is not in it.
func (s *Store) createDatabase(ctx context.Context) error {
	client := s.client
	client.Auth.Database = ""
	client.MaxOpenConns, client.MaxIdleConns = 1, 1
	conn, err := clickhouse.Open(&client)
	if err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	defer conn.Close()
	if err := conn.Exec(ctx, createDatabaseQuery.SQL, clickhouse.Named("database", s.database)); err != nil {
		return fmt.Errorf("create database %s: %w", s.database, err)
	}
	return nil
}

var createDatabaseQuery = queries.Get("create_database")

func (s *Store) makeAppenders(interval time.Duration) {
	into := inserter{send: s.send, interval: interval, closing: s.closing, base: s.base, tasks: &s.tasks}
	s.events = newEventAppender(into)
	s.facts = newFactAppender(into)
	s.readings = newReadingAppender(into)
	s.heard = newHeardAppender(into)
	s.echoes = newEchoAppender(into)
	s.actions = newActionAppender(into)
	s.bindings = newBindingAppender(into)
	s.lifecycles = newLifecycleAppender(into)
	s.keys = newKeyAppender(into)
	s.findings = newFindingAppender(into)
	s.quarantine = newQuarantineAppender(into)
	s.landed = newLandedAppender(into)
	s.reingests = newReingestAppender(into)
	s.incidents = newIncidentAppender(into)
}

// Close waits for the writes that have begun, takes no more, and closes the
// database. A second call answers as the first.
func (s *Store) Close() error {
	s.closeOnce.Do(func() {
		s.close()
		done := make(chan struct{})
		go func() {
			s.tasks.Wait()
			close(done)
		}()
		timer := time.NewTimer(closeGrace)
		select {
		case <-done:
		case <-timer.C:
		}
		timer.Stop()
		s.giveUp()
		<-done
		var errs []error
		if s.conn != nil {
			errs = append(errs, s.conn.Close())
		}
		if s.engine != nil && s.owned {
			errs = append(errs, s.engine.Close())
		}
		s.closeErr = errors.Join(errs...)
	})
	return s.closeErr
}

// closeGrace is how long Close lets writes finish before it gives them up.
const closeGrace = 10 * time.Second

// Conn is the client's connection pool, in the store's database.
func (s *Store) Conn() driver.Conn { return s.conn }

// Handler serves the embedded engine over ClickHouse's HTTP interface, so that
// other tools can look; nil where the database is a server.
func (s *Store) Handler() http.Handler {
	if s.engine == nil {
		return nil
	}
	return s.engine
}

// Where names the database for people: its directory, or "ClickHouse server".
func (s *Store) Where() string {
	if s.engine == nil {
		return "ClickHouse server"
	}
	return filepath.Clean(s.engine.Path())
}

// Params are the parameters of a statement by name. Times keep their
// microseconds; lists are slices.
type Params map[string]any

// Query runs a statement that answers with rows. The rows must be closed.
func (s *Store) Query(ctx context.Context, q queries.Query, params Params) (driver.Rows, error) {
	rows, err := s.conn.Query(named(ctx, q), q.SQL, params.args()...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", q.Name, err)
	}
	return rows, nil
}

// QueryRow runs a statement that answers with one row and scans that.
func (s *Store) QueryRow(ctx context.Context, q queries.Query, params Params, dest ...any) error {
	if err := s.conn.QueryRow(named(ctx, q), q.SQL, params.args()...).Scan(dest...); err != nil {
		return fmt.Errorf("%s: %w", q.Name, err)
	}
	return nil
}

// Each runs a statement and calls row for every row of the answer until that
// returns an error, which Each returns.
func (s *Store) Each(ctx context.Context, q queries.Query, params Params, row func(scan func(dest ...any) error) error) error {
	rows, err := s.Query(ctx, q, params)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return fmt.Errorf("%s: %w", q.Name, err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("%s: %w", q.Name, err)
	}
	return nil
}

// Exec runs a statement that answers with nothing.
func (s *Store) Exec(ctx context.Context, q queries.Query, params Params) error {
	if err := s.conn.Exec(named(ctx, q), q.SQL, params.args()...); err != nil {
		return fmt.Errorf("%s: %w", q.Name, err)
	}
	return nil
}

// named lets the server's query log say which statement it was.
func named(ctx context.Context, q queries.Query) context.Context {
	return clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"log_comment": q.Name}))
}

func (p Params) args() []any {
	args := make([]any, 0, len(p))
	for name, value := range p {
		if t, ok := value.(time.Time); ok {
			// Epoch seconds with a fraction: the zero time is 1970, as in columns.
			value = instantParam(t)
		}
		args = append(args, clickhouse.Named(name, value))
	}
	return args
}

func instantParam(t time.Time) string {
	us := stamp(t)
	sign := ""
	if us < 0 {
		sign, us = "-", -us
	}
	return fmt.Sprintf("%s%d.%06d", sign, us/1_000_000, us%1_000_000)
}
