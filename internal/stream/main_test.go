//go:build unix

package stream_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/stocktrace/stocktrace/internal/stream"
	"github.com/stocktrace/stocktrace/lifecycle"
)

// The test binary started with STREAM_TEST_CHILD is another process: one that a
// test stops, continues or kills.
func TestMain(m *testing.M) {
	if role := os.Getenv("STREAM_TEST_CHILD"); role != "" {
		if err := child(role); err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		return
	}
	// Everything opened must be gone at the end: no goroutine survives a Close.
	goleak.VerifyTestMain(m)
}

func child(role string) error {
	ctx := context.Background()
	switch role {
	case "publish": // publishes into an embedded log, one request after another, and says what was acknowledged
		server, err := stream.StartServer(stream.ServerOptions{Dir: os.Getenv("STREAM_TEST_DIR"), MaxBytes: 1 << 30})
		if err != nil {
			return err
		}
		log, err := stream.Open(ctx, stream.Options{Server: server, Partitions: 4})
		if err != nil {
			return err
		}
		from, err := strconv.Atoi(os.Getenv("STREAM_TEST_FROM"))
		if err != nil {
			return err
		}
		for n := from; ; n += 20 {
			if err := log.Publisher().Publish(ctx, records(n, 20)); err != nil {
				return err
			}
			fmt.Println(n)
		}
	case "own": // owns what it gets of an external log, and acknowledges what it reads
		log, err := stream.Open(ctx, stream.Options{URL: os.Getenv("STREAM_TEST_URL")})
		if err != nil {
			return err
		}
		return log.Leases(stream.LeaseOptions{Name: "child", TTL: ttl}).Run(ctx, func(ctx context.Context, l lifecycle.Lease) error {
			reader, err := log.Read(ctx, l)
			if err != nil {
				return err
			}
			fmt.Println("owned", l.Partition, l.Epoch)
			// What a paused owner does when it goes on: it acknowledges, whether or
			// not it has noticed that it was away.
			goOn := make(chan os.Signal, 1)
			signal.Notify(goOn, syscall.SIGUSR1)
			<-goOn
			fmt.Println("acked", l.Partition, reader.Ack(context.Background(), reader.Cursor()+1))
			return nil
		})
	}
	return fmt.Errorf("no role %q", role)
}

// spawn starts the test binary in a role and hands every line it says to say.
// It is killed when the test ends.
func spawn(t *testing.T, role string, env []string, say func(line string)) (p *os.Process, wait func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), "STREAM_TEST_CHILD="+role), env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			say(lines.Text())
		}
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait()
	}()
	wait = func() { <-done }
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		wait()
	})
	return cmd.Process, wait
}
