package stream_test

import (
	"context"
	"log/slog"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/stocktrace/stocktrace/internal/stream"
)

// refusals counts what a log says of being refused.
type refusals struct {
	slog.Handler
	n *atomic.Int32
}

func (r refusals) Handle(ctx context.Context, rec slog.Record) error {
	rec.Attrs(func(a slog.Attr) bool {
		if strings.Contains(strings.ToLower(a.Value.String()), "authorization violation") {
			r.n.Add(1)
		}
		return true
	})
	return r.Handler.Handle(ctx, rec)
}

// A server that refuses the credentials for a while, because they are rotated there
// first, is connected to again once it takes them, without a restart.
func TestRotatedCredentialsRecover(t *testing.T) {
	options := func(password string) *server.Options {
		return &server.Options{
			Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true, JetStream: true, StoreDir: t.TempDir(), Username: "store", Password: password,
		}
	}
	first := options("hunter2")
	nats, err := server.NewServer(first.Clone())
	if err != nil {
		t.Fatal(err)
	}
	nats.Start()
	t.Cleanup(func() { nats.Shutdown(); nats.WaitForShutdown() })
	if !nats.ReadyForConnections(10 * time.Second) {
		t.Fatal("nats does not start")
	}
	u, err := url.Parse(nats.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("store", "hunter2")
	heard := refusals{slog.DiscardHandler, &atomic.Int32{}}
	log, err := stream.Open(t.Context(), stream.Options{URL: u.String(), Partitions: 1, MaxBytes: 64 << 20, Logger: slog.New(loud{heard})})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	publish(t, log, records(0, 1))
	reload := func(password string) {
		t.Helper()
		next := first.Clone()
		next.Password = password
		if err := nats.ReloadOptions(next); err != nil {
			t.Fatal(err)
		}
	}
	wait := func(what string, is func() bool) {
		t.Helper()
		for deadline := time.Now().Add(30 * time.Second); !is(); <-time.After(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("not seen: %s", what)
			}
		}
	}
	reload("hunter3")
	wait("several refusals", func() bool { return heard.n.Load() >= 8 })
	reload("hunter2")
	wait("a publish", func() bool { return log.Publisher().Publish(t.Context(), records(1, 1)) == nil })
}

// loud has everything handled.
type loud struct{ refusals }

func (loud) Enabled(context.Context, slog.Level) bool { return true }
func (l loud) WithAttrs([]slog.Attr) slog.Handler     { return l }
func (l loud) WithGroup(string) slog.Handler          { return l }
