package app

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("TEST_HOLD_LOCK"); dir != "" {
		holdLock(dir)
	}
	// Every instance of the tests has been stopped: nothing of it may run on.
	goleak.VerifyTestMain(m)
}

// holdLock is the other process of TestLock: it takes the lock and keeps it
// until it is killed.
func holdLock(dir string) {
	l, err := LockDir(dir, "run")
	if err == nil {
		err = l.Announce("http://127.0.0.1:9")
	}
	if err != nil {
		os.Stdout.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	os.Stdout.WriteString("held\n")
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

func TestLock(t *testing.T) {
	dir := t.TempDir() + "/data"
	if _, held, err := HolderOf(dir); held || err != nil {
		t.Fatalf("a directory that does not exist: held %v, %v", held, err)
	}
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), "TEST_HOLD_LOCK="+dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := child.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "held\n" {
		t.Fatalf("child says %q, %v", line, err)
	}

	h, held, err := HolderOf(dir)
	if err != nil || !held || h.PID != child.Process.Pid || h.Command != "run" || h.URL != "http://127.0.0.1:9" {
		t.Errorf("holder %+v, held %v, %v", h, held, err)
	}
	_, err = LockDir(dir, "restore")
	var inUse *InUseError
	if !errors.As(err, &inUse) {
		t.Fatalf("second lock: %v", err)
	}
	for _, want := range []string{"data directory " + dir + " is in use by `stocktrace run` (pid ", "since 2", "http://127.0.0.1:9); stop it, or choose another one with --data-dir"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q lacks %q", err, want)
		}
	}

	// kill -9 leaves the file and its text; the lock is free all the same.
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()
	if _, held, err := HolderOf(dir); held || err != nil {
		t.Errorf("after the holder died: held %v, %v", held, err)
	}
	l, err := LockDir(dir, "run")
	if err != nil {
		t.Fatal(err)
	}
	l.Release()
	l.Release()
	if _, held, err := HolderOf(dir); held || err != nil {
		t.Errorf("after release: held %v, %v", held, err)
	}
}
