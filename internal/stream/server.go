package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// MaxPayload is the largest message the embedded server takes, in bytes.
const MaxPayload = 8 << 20

// overhead is what the log's own buckets, its probe and JetStream's bookkeeping
// may take beside the streams, in bytes of store.
const overhead = 256 << 20

// ServerOptions configures the embedded NATS server.
type ServerOptions struct {
	// Dir is where JetStream keeps its files.
	Dir string
	// Listen is the address ("127.0.0.1:4222", port 0 for any) at which other
	// processes may share the log. Empty: none; this process is alone with it.
	// There is no authentication: loopback or a private network only.
	Listen string
	// MaxBytes caps what the log's streams hold together; see Options.MaxBytes.
	// 0 means 16 GiB, or less where the disk has less than that to spare.
	MaxBytes int64
	// Logger gets the server's warnings and errors; nil drops them.
	Logger *slog.Logger
}

// Server is a NATS server inside this process, storing to disk before it
// acknowledges (SyncAlways): what was acknowledged survives a power cut.
type Server struct {
	nats     *server.Server
	listen   bool
	maxBytes int64
	opened   atomic.Bool // a Log has been opened on it
}

// StartServer starts the embedded server and returns when it takes clients.
func StartServer(o ServerOptions) (_ *Server, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("start nats in %q: %w", o.Dir, err)
		}
	}()
	if o.Dir == "" {
		return nil, errors.New("no directory given")
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, err
	}
	maxBytes := o.MaxBytes
	if maxBytes == 0 {
		maxBytes = spare(dir)
	}
	options := &server.Options{
		ServerName: "stocktrace",
		DontListen: o.Listen == "",
		NoSigs:     true,
		NoLog:      o.Logger == nil,
		JetStream:  true,
		StoreDir:   dir,
		// Streams have caps of their own that add up to maxBytes; this one only
		// keeps a mistake from filling the disk, which JetStream would not
		// survive until restarted.
		JetStreamMaxStore:  maxBytes + overhead,
		JetStreamMaxMemory: 256 << 20,
		SyncAlways:         true,
		MaxPayload:         MaxPayload,
		WriteDeadline:      10 * time.Second,
	}
	if o.Listen != "" {
		host, port, err := net.SplitHostPort(o.Listen)
		if err != nil {
			return nil, fmt.Errorf("listen address %q: %w", o.Listen, err)
		}
		if options.Port, err = strconv.Atoi(port); err != nil {
			return nil, fmt.Errorf("listen address %q: %w", o.Listen, err)
		}
		options.Host = host
		if options.Port == 0 {
			options.Port = server.RANDOM_PORT
		}
	}
	s, err := server.NewServer(options)
	if err != nil {
		return nil, err
	}
	var failed lastError
	s.SetLogger(&serverLog{log: o.Logger, fatal: &failed}, false, false)
	s.Start()
	// Recovering a full store takes its time; a server that failed says so.
	for deadline := time.Now().Add(5 * time.Minute); ; {
		if s.ReadyForConnections(100 * time.Millisecond) {
			break
		}
		if err := failed.get(); err != nil || !s.Running() || time.Now().After(deadline) {
			s.Shutdown()
			s.WaitForShutdown()
			if err == nil {
				err = errors.New("it does not take connections")
			}
			return nil, err
		}
	}
	if !s.JetStreamEnabled() {
		s.Shutdown()
		s.WaitForShutdown()
		return nil, errors.Join(errors.New("JetStream is not enabled"), failed.get())
	}
	return &Server{nats: s, listen: o.Listen != "", maxBytes: maxBytes}, nil
}

// URL is where other processes reach the server; empty when it does not listen.
func (s *Server) URL() string {
	if !s.listen {
		return ""
	}
	return s.nats.ClientURL()
}

// Close stops the server once its files are written. Logs opened on it must be
// closed first. It may be called twice.
func (s *Server) Close() {
	s.nats.Shutdown()
	s.nats.WaitForShutdown()
}

func (s *Server) option() nats.Option { return nats.InProcessServer(s.nats) }

// spare is the default cap: 16 GiB, but no more than three quarters of what the
// disk has left beside what the log already holds.
func spare(dir string) int64 {
	const most, least = 16 << 30, 64 << 20
	free, ok := diskFree(dir)
	if !ok {
		return most
	}
	used := dirSize(dir)
	return min(most, max(least, used+int64(min(free, math.MaxInt64/4))/4*3))
}

// serverLog hands the server's log to slog, and remembers what was fatal.
type serverLog struct {
	log   *slog.Logger
	fatal *lastError
}

func (l *serverLog) say(level slog.Level, format string, v []any) {
	if l.log != nil {
		l.log.Log(context.Background(), level, fmt.Sprintf(format, v...), "part", "nats")
	}
}

func (l *serverLog) Noticef(format string, v ...any) { l.say(slog.LevelDebug, format, v) }
func (l *serverLog) Warnf(format string, v ...any)   { l.say(slog.LevelWarn, format, v) }
func (l *serverLog) Errorf(format string, v ...any)  { l.say(slog.LevelError, format, v) }
func (l *serverLog) Debugf(string, ...any)           {}
func (l *serverLog) Tracef(string, ...any)           {}

func (l *serverLog) Fatalf(format string, v ...any) {
	l.fatal.set(fmt.Errorf(format, v...))
	l.say(slog.LevelError, format, v)
}

type lastError struct{ p atomic.Pointer[error] }

func (e *lastError) set(err error) { e.p.Store(&err) }

func (e *lastError) get() error {
	if p := e.p.Load(); p != nil {
		return *p
	}
	return nil
}
