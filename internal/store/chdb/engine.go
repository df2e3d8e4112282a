package chdb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// ErrInUse is returned by [Open] when the data directory belongs to another
// process, or to another engine of this one. The message says to which.
var ErrInUse = errors.New("the ClickHouse data directory is in use")

// ErrClosed is returned by an engine that has been closed.
var ErrClosed = errors.New("the embedded ClickHouse engine is closed")

// Options says how to open an engine.
type Options struct {
	// Path is the data directory. It is created if it does not exist.
	Path string
	// Library is the path of libchdb.so. Empty means to look for it; see
	// [FindLibrary].
	Library string
	// Connections is how many statements may run at once; more wait. A result
	// that is being read counts until it is closed. Zero means 16.
	Connections int
	// MaxMemory bounds what the engine allocates, in bytes. A statement that
	// would exceed it fails with MEMORY_LIMIT_EXCEEDED. Zero means nine tenths
	// of the machine's memory.
	MaxMemory int64
	// CloseGrace is how long [Engine.Close] lets running statements finish
	// before it kills them. Zero means ten seconds.
	CloseGrace time.Duration
}

// Engine is an open ClickHouse data directory. It is safe for use by several
// goroutines. What a statement acknowledged is on disk as its tables' settings
// say; a crash of the process leaves the directory as the crash of a server
// would.
type Engine struct {
	abi     *abi
	options Options
	args    []string

	version, displayName, timezone string

	slots chan struct{} // one token for each statement that may run

	mu       sync.Mutex
	idle     []*conn
	opened   int // connections ever opened, for their names
	running  sync.WaitGroup
	closing  bool
	closed   chan struct{} // closed when Close is done
	closeErr error

	// stop ends all statements when the grace of Close is over.
	stop    context.Context
	stopAll context.CancelFunc

	// control kills statements of the other connections.
	controlMu sync.Mutex
	control   *conn
}

// openEngine is the engine this process has open. The library allows one.
var openEngine struct {
	sync.Mutex
	engine *Engine
}

// Open opens the data directory and starts the engine on it. It fails with
// [ErrNotInstalled] if there is no libchdb and with [ErrInUse] if the directory
// belongs to another process or this process has an engine open.
func Open(o Options) (*Engine, error) {
	if o.Path == "" {
		return nil, errors.New("open the embedded ClickHouse engine: no data directory given")
	}
	if o.Connections == 0 {
		o.Connections = 16
	}
	if o.CloseGrace == 0 {
		o.CloseGrace = 10 * time.Second
	}
	path, err := filepath.Abs(o.Path)
	if err != nil {
		return nil, fmt.Errorf("open the embedded ClickHouse engine: %w", err)
	}
	o.Path = path

	library, err := FindLibrary(o.Library)
	if err != nil {
		return nil, err
	}
	openEngine.Lock()
	defer openEngine.Unlock()
	if other := openEngine.engine; other != nil {
		return nil, fmt.Errorf("%w: this process already runs the engine on %s and can run only one", ErrInUse, other.options.Path)
	}
	if err := os.MkdirAll(path, 0o750); err != nil {
		return nil, fmt.Errorf("create the ClickHouse data directory: %w", err)
	}
	if err := checkUnlocked(path); err != nil {
		return nil, err
	}
	config, err := writeConfig(o)
	if err != nil {
		return nil, err
	}
	a, err := load(library)
	if err != nil {
		return nil, err
	}

	e := &Engine{
		abi:     a,
		options: o,
		args: []string{
			"stocktrace",
			"--path=" + path,
			"--config-file=" + config,
			// These two are on for the command line and off in a server.
			"--implicit_select=0",
			"--allow_introspection_functions=0",
		},
		slots:  make(chan struct{}, o.Connections),
		closed: make(chan struct{}),
	}
	e.stop, e.stopAll = context.WithCancel(context.Background())
	if e.control, err = e.connect(); err != nil {
		if inUse := checkUnlocked(path); inUse != nil {
			return nil, inUse
		}
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	about, err := e.control.query(&statement{
		sql:    "SELECT version(), displayName(), timezone() FORMAT TSVRaw",
		format: "TSVRaw",
	})
	if err != nil {
		e.control.close()
		return nil, fmt.Errorf("ask the embedded ClickHouse engine for its version: %w", err)
	}
	fields := strings.Split(strings.TrimRight(string(about), "\n"), "\t")
	if len(fields) != 3 {
		e.control.close()
		return nil, fmt.Errorf("ask the embedded ClickHouse engine for its version: answered %q", about)
	}
	e.version, e.displayName, e.timezone = fields[0], fields[1], fields[2]
	openEngine.engine = e
	return e, nil
}

// Version is the version of ClickHouse, as SELECT version() states it.
func (e *Engine) Version() string { return e.version }

// Path is the absolute path of the data directory.
func (e *Engine) Path() string { return e.options.Path }

// connect opens one more connection. Callers hold mu or are alone.
func (e *Engine) connect() (*conn, error) {
	e.opened++
	name := fmt.Sprintf("embedded-%d:", e.opened)
	p, err := e.abi.open(append(slices.Clone(e.args), "--"+logComment+"="+name))
	if err != nil {
		return nil, err
	}
	return &conn{abi: e.abi, connection: p, name: name, database: "default"}, nil
}

// acquire waits for a slot and answers with a connection to run st on. The
// caller must give it back with release.
func (e *Engine) acquire(ctx context.Context, st *statement) (*conn, error) {
	e.mu.Lock()
	if e.closing {
		e.mu.Unlock()
		return nil, ErrClosed
	}
	e.running.Add(1)
	e.mu.Unlock()

	select {
	case e.slots <- struct{}{}:
	case <-ctx.Done():
		e.running.Done()
		return nil, context.Cause(ctx)
	case <-e.stop.Done():
		e.running.Done()
		return nil, ErrClosed
	}
	e.mu.Lock()
	var c *conn
	var err error
	if n := len(e.idle); n > 0 {
		// One that has the settings already saves a SET.
		i := slices.IndexFunc(e.idle, func(c *conn) bool { return c.prepared(st) })
		if i < 0 {
			i = n - 1
		}
		c = e.idle[i]
		e.idle = slices.Delete(e.idle, i, i+1)
	} else {
		c, err = e.connect()
	}
	e.mu.Unlock()
	if err != nil {
		<-e.slots
		e.running.Done()
		return nil, err
	}
	if err := c.prepare(st); err != nil {
		e.release(c, false)
		return nil, err
	}
	return c, nil
}

// release gives a connection back. One that is not reusable is closed. After an
// error it never is: the engine keeps what the failed statement held, its memory
// and its place in the process list included, until the connection's next
// statement or its end.
func (e *Engine) release(c *conn, reusable bool) {
	if reusable {
		e.mu.Lock()
		e.idle = append(e.idle, c)
		e.mu.Unlock()
	} else {
		c.close()
	}
	<-e.slots
	e.running.Done()
}

// killGrace is how long a killed statement may take to end. It ends within
// milliseconds unless the machine is overloaded.
const killGrace = 30 * time.Second

// Close takes no more statements, waits for those that run, kills what is left
// after Options.CloseGrace, and closes the data directory. A second call waits
// for the first and answers the same.
//
// If a statement does not stop even when killed, Close gives up and says so; the
// directory then stays locked until the process ends.
func (e *Engine) Close() error {
	e.mu.Lock()
	if e.closing {
		e.mu.Unlock()
		<-e.closed
		return e.closeErr
	}
	e.closing = true
	e.mu.Unlock()
	defer close(e.closed)

	ended := make(chan struct{})
	go func() {
		e.running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(e.options.CloseGrace):
	}
	e.stopAll()
	select {
	case <-ended:
	case <-time.After(killGrace):
		e.closeErr = fmt.Errorf("close the embedded ClickHouse engine: a statement still runs %s after it was killed", killGrace)
		return e.closeErr
	}
	for _, c := range e.idle {
		c.close()
	}
	e.idle = nil
	// The last connection takes the engine down with it.
	e.controlMu.Lock()
	e.control.close()
	e.controlMu.Unlock()
	openEngine.Lock()
	openEngine.engine = nil
	openEngine.Unlock()
	return nil
}

func (e *Engine) isClosing() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.closing
}

// checkUnlocked fails if another process holds the data directory. The engine
// itself would only print that to standard error. It locks the file "status" as
// every ClickHouse does, and writes in it who it is.
func checkUnlocked(path string) error {
	f, err := os.OpenFile(filepath.Join(path, "status"), os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open the ClickHouse data directory: %w", err)
	}
	defer f.Close()
	switch err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); {
	case err == nil:
		return nil // closing f unlocks it
	case !errors.Is(err, syscall.EWOULDBLOCK):
		return fmt.Errorf("lock the ClickHouse data directory: %w", err)
	}
	holder := "another process"
	about, err := io.ReadAll(io.LimitReader(f, 4096))
	if err == nil {
		if pid, since := fieldOf(about, "PID: "), fieldOf(about, "Started at: "); pid != "" {
			holder = "process " + pid
			if since != "" {
				holder += ", which started at " + since
			}
		}
	}
	return fmt.Errorf("%w: %s belongs to %s; stop that first, or use another directory", ErrInUse, path, holder)
}

// fieldOf is what follows label on its line.
func fieldOf(text []byte, label string) string {
	for line := range strings.Lines(string(text)) {
		if v, ok := strings.CutPrefix(line, label); ok {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// TransportFunc fits clickhouse-go's Options.TransportFunc.
func (e *Engine) TransportFunc(*http.Transport) (http.RoundTripper, error) { return e.Transport(), nil }

// Transport answers requests of ClickHouse's HTTP interface from this engine.
func (e *Engine) Transport() http.RoundTripper { return transport{e} }
