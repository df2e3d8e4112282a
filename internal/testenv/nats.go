package testenv

import (
	"testing"

	"github.com/stocktrace/stocktrace/internal/stream"
)

// NATS starts an embedded NATS server on a temporary directory that listens on
// loopback, for tests that share a log between processes, and returns its URL.
func NATS(t testing.TB) (url string) {
	t.Helper()
	return natsServer(t, "127.0.0.1:0", 32<<30).URL()
}

// Stream opens a log on an embedded NATS server of its own, with the given
// number of partitions (0: the default).
func Stream(t testing.TB, partitions int) *stream.Log {
	t.Helper()
	log, err := stream.Open(t.Context(), stream.Options{Server: natsServer(t, "", 1<<30), Partitions: partitions})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := log.Close(); err != nil {
			t.Error(err)
		}
	})
	return log
}

func natsServer(t testing.TB, listen string, maxBytes int64) *stream.Server {
	t.Helper()
	server, err := stream.StartServer(stream.ServerOptions{Dir: t.TempDir(), Listen: listen, MaxBytes: maxBytes})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return server
}
