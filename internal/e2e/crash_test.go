package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stocktrace/stocktrace/internal/store"
	"github.com/stocktrace/stocktrace/internal/testenv"
	"github.com/stocktrace/stocktrace/queries"
)

// rounds is how many times the process is killed: 25, and 200 in make test-long.
func rounds() int {
	if os.Getenv("STOCKTRACE_TEST_LONG") != "" {
		return 200
	}
	return 25
}

// loader sells through an instance from a process of its own, which keeps the
// list of what was acknowledged.
type loader struct {
	cmd   *exec.Cmd
	out   *tail
	acked string
	done  chan struct{}
	err   error
}

func startLoader(t *testing.T, i *instance, dir string, args ...string) *loader {
	t.Helper()
	l := &loader{acked: filepath.Join(dir, "acked.ndjson"), out: &tail{}, done: make(chan struct{})}
	l.cmd = exec.Command(binary, append([]string{
		"simulate", "--server", i.http, "--otlp-grpc", i.grpc, "--otlp-http", strings.TrimPrefix(i.otlp, "http://"), "--acked", l.acked, "--log-level", "error",
	}, args...)...)
	l.cmd.Stdout, l.cmd.Stderr = l.out, l.out
	if err := l.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		l.err = l.cmd.Wait()
		close(l.done)
	}()
	t.Cleanup(func() {
		_ = l.cmd.Process.Kill() // it has usually ended
		<-l.done
	})
	return l
}

// ids are the records acknowledged so far.
func (l *loader) ids(t *testing.T) map[string]bool {
	t.Helper()
	f, err := os.Open(l.acked)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	ids := map[string]bool{}
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		var line struct {
			RecordID string `json:"record_id"`
		}
		if err := json.Unmarshal(s.Bytes(), &line); err != nil {
			continue // the last line of a loader that was stopped
		}
		ids[line.RecordID] = true
	}
	return ids
}

// storedOnce wants every acknowledged record in the events table, exactly once:
// in rows that are there, not in rows that a merge would leave. Where a former
// owner was paused in the middle of a write it may have written what its
// successor wrote too; readers drop that (repeats).
func storedOnce(t *testing.T, o store.Options, acked map[string]bool, repeats bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	s, err := store.Open(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	rows := map[string]uint64{}
	err = s.Each(ctx, queries.Get("record_rows"), nil, func(scan func(...any) error) error {
		var id string
		var n, contents uint64
		if err := scan(&id, &n, &contents); err != nil {
			return err
		}
		rows[id] = n - contents + 1 // one row for each content an id was sent with
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	missing, twice := 0, 0
	example := ""
	for id := range acked {
		switch n := rows[id]; {
		case n == 0:
			missing++
			example = id
		case n > 1 && !repeats:
			twice++
			example = id
		}
	}
	if missing+twice > 0 {
		t.Fatalf("of %d acknowledged events %d are missing and %d stored more than once, such as %s", len(acked), missing, twice, example)
	}
}

// TestKilled: kill -9 of the whole process at random points under load. Every
// acknowledged event is stored exactly once, and lifecycles and findings equal a
// recomputation.
func TestKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("takes minutes")
	}
	dir := t.TempDir()
	i := newInstance(t, filepath.Join(dir, "data"))
	i.start()
	l := startLoader(t, i, dir, "--rate", "200", "--faults", "heavy", "--seed", "7")
	rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))
	n := rounds()
	for round := range n {
		before := len(l.ids(t))
		eventually(t, time.Minute, func() error {
			if len(l.ids(t)) < before+50 {
				return errors.New("the loader does not come forward:\n" + lastLines(l.out.String(), 5))
			}
			return nil
		})
		pause := time.Duration(rng.IntN(1500)) * time.Millisecond
		<-time.After(pause) // the random point
		i.kill()
		t.Logf("round %d of %d: killed with %d acknowledged", round+1, n, len(l.ids(t)))
		i.start()
	}
	if err := l.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case <-l.done:
	case <-time.After(2 * time.Minute):
		t.Fatalf("the loader does not end:\n%s", l.out)
	}
	acked := l.ids(t)
	t.Logf("%d events acknowledged over %d kills", len(acked), n)
	if len(acked) < 50*n {
		t.Fatalf("only %d events were acknowledged", len(acked))
	}
	i.mustVerify()
	i.stop()
	storedOnce(t, store.Options{Dir: filepath.Join(dir, "data", "clickhouse")}, acked, false)
	// And once more from what is on disk.
	i.start()
	i.mustVerify()
	i.stop()
}

// TestTwoEngines: two engine processes on one log and one database; one is
// stopped past its lease and continued, one is killed. Nothing is lost or
// doubled.
func TestTwoEngines(t *testing.T) {
	if testing.Short() {
		t.Skip("takes minutes")
	}
	dir := t.TempDir()
	// Log and tables are this process's; one more holds the doors, two are engines.
	dsn := testenv.ClickHouse(t)
	common := []string{"--nats-url", testenv.NATS(t), "--clickhouse-dsn", dsn}
	front := newInstance(t, filepath.Join(dir, "front"), append(common, "--role", "collector,web")...)
	front.start()
	var engines []*instance
	for n := range 2 {
		e := newInstance(t, filepath.Join(dir, fmt.Sprintf("engine-%d", n)), append(common, "--role", "engine")...)
		e.start()
		engines = append(engines, e)
	}
	l := startLoader(t, front, dir, "--rate", "100", "--faults", "heavy", "--seed", "9")
	come := func(more int) {
		before := len(l.ids(t))
		eventually(t, time.Minute, func() error {
			if len(l.ids(t)) < before+more {
				return errors.New("the loader does not come forward:\n" + lastLines(l.out.String(), 5))
			}
			return nil
		})
	}
	come(500)
	// One is stopped past its lease and continued.
	if err := engines[0].cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	<-time.After(6 * time.Second) // twice the lease: this is the fault itself
	come(500)
	if err := engines[0].cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	come(500)
	// One is killed.
	engines[1].kill()
	come(500)
	if err := l.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-l.done
	acked := l.ids(t)
	t.Logf("%d events acknowledged", len(acked))
	front.mustVerify()
	storedOnce(t, store.Options{DSN: dsn}, acked, true)
}
