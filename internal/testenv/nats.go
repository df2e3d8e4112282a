package testenv

import (
	"testing"

	"github.com/stocktrace/stocktrace/internal/stream"
)

// NATS starts an embedded NATS server on a temporary directory that listens on
// loopback, for tests that share a log between processes, and returns its URL.
func NATS(tb testing.TB) (url string) {
	tb.Helper()
	return natsServer(tb, "127.0.0.1:0", 32<<30).URL()
}

// Stream opens a log on an embedded NATS server of its own, with the given
// number of partitions (0: the default).
func Stream(tb testing.TB, partitions int) *stream.Log {
	tb.Helper()
	log, err := stream.Open(tb.Context(), stream.Options{Server: natsServer(tb, "", 1<<30), Partitions: partitions})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := log.Close(); err != nil {
			tb.Error(err)
		}
	})
	return log
}

func natsServer(tb testing.TB, listen string, maxBytes int64) *stream.Server {
	tb.Helper()
	server, err := stream.StartServer(stream.ServerOptions{Dir: tb.TempDir(), Listen: listen, MaxBytes: maxBytes})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(server.Close)
	return server
}
