//go:build unix

package dropfolder_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stocktrace/stocktrace/collector"
	"github.com/stocktrace/stocktrace/collector/dropfolder"
	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/internal/stream"
)

// The test binary started with DROPFOLDER_TEST_DIR is a process that takes files
// until it is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv("DROPFOLDER_TEST_DIR"); dir != "" {
		if err := child(dir); err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func child(dir string) error {
	server, err := stream.StartServer(stream.ServerOptions{Dir: filepath.Join(dir, "log"), MaxBytes: 1 << 30})
	if err != nil {
		return err
	}
	log, err := stream.Open(context.Background(), stream.Options{Server: server, Partitions: 4})
	if err != nil {
		return err
	}
	documents, err := collector.NewDocuments(collector.Options{Publisher: log.Publisher()})
	if err != nil {
		return err
	}
	w, err := dropfolder.New(dropfolder.Options{
		Folders: []dropfolder.Folder{{Dir: filepath.Join(dir, "in"), Source: "/pos/1", Markers: true}}, State: filepath.Join(dir, "state"),
		Taker: telling{documents}, Reader: func() dropfolder.Reader { return lines{"1"} },
	})
	if err != nil {
		return err
	}
	w.Look(context.Background(), 0)
	if h := w.Health()[0]; h.Err != "" || h.Done != 1 {
		return fmt.Errorf("%+v", h)
	}
	if err := log.Close(); err != nil {
		return err
	}
	server.Close()
	fmt.Println("done")
	return nil
}

// telling says that a part is in the log, and waits to be killed or to go on
// before its checkpoint is written.
type telling struct{ dropfolder.Taker }

func (t telling) Take(ctx context.Context, r collector.DocumentReader, d io.Reader, from format.Source, resume collector.Resume, stored func(collector.Taken) error) (collector.Taken, error) {
	in := bufio.NewReader(os.Stdin)
	return t.Taker.Take(ctx, r, d, from, resume, func(taken collector.Taken) error {
		fmt.Println(taken.Items)
		if _, err := in.ReadByte(); err != nil {
			return err
		}
		return stored(taken)
	})
}

// TestAKilledProcessLosesAndDoublesNothing kills a process four times: each time
// when a part is in the log and its checkpoint is not written.
func TestAKilledProcessLosesAndDoublesNothing(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "in"), 0o750); err != nil {
		t.Fatal(err)
	}
	const count = 2300
	for name, text := range map[string]string{"a.txt": sales(0, count), "a.txt.complete": ""} {
		if err := os.WriteFile(filepath.Join(dir, "in", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for round, killedAt := range []string{"500", "1000", "1500", "2300", ""} {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), "DROPFOLDER_TEST_DIR="+dir)
		cmd.Stderr = os.Stderr
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		last := ""
		for s := bufio.NewScanner(out); s.Scan(); {
			if last = s.Text(); last == killedAt {
				_ = cmd.Process.Kill()
				break
			}
			_, _ = in.Write([]byte{'\n'})
		}
		err = cmd.Wait()
		if killedAt != "" && (last != killedAt || err == nil) || killedAt == "" && (last != "done" || err != nil) {
			t.Fatalf("round %d ended at %q: %v", round, last, err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "in/done/a.txt")); err != nil {
		t.Error(err)
	}

	server, err := stream.StartServer(stream.ServerOptions{Dir: filepath.Join(dir, "log"), MaxBytes: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	log, err := stream.Open(ctx, stream.Options{Server: server, Partitions: 4})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	w := &world{t: t, log: log}
	counts := w.stored() // fails where one id has two contents
	if len(counts) != count {
		t.Errorf("%d records, want %d", len(counts), count)
	}
	for id, n := range counts {
		if n > 2 { // each part was killed over at most once
			t.Errorf("%s came %d times", id, n)
		}
	}
}
