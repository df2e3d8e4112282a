//go:build unix

package stream_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stocktrace/stocktrace/internal/stream"
	"github.com/stocktrace/stocktrace/internal/testenv"
	"github.com/stocktrace/stocktrace/lifecycle"
)

// What was acknowledged survives the death of the process that holds server and
// publisher, however often.
func TestAcknowledgedRecordsSurviveAKill(t *testing.T) {
	dir := t.TempDir()
	acknowledged := 0
	for round := range 3 {
		var mu sync.Mutex
		said := acknowledged
		p, wait := spawn(t, "publish", []string{"STREAM_TEST_DIR=" + dir, fmt.Sprintf("STREAM_TEST_FROM=%d", acknowledged)}, func(line string) {
			n, err := strconv.Atoi(line)
			if err != nil {
				t.Errorf("child says %q", line)
				return
			}
			mu.Lock()
			said = n + 20
			mu.Unlock()
		})
		want := acknowledged + 20*(10+7*round)
		eventually(t, "the child has published", func() bool {
			mu.Lock()
			defer mu.Unlock()
			return said >= want
		})
		if err := p.Kill(); err != nil {
			t.Fatal(err)
		}
		wait() // what it had said before is read
		acknowledged = said
	}

	server, err := stream.StartServer(stream.ServerOptions{Dir: dir, MaxBytes: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	log, err := stream.Open(t.Context(), stream.Options{Server: server})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	found := map[string]int{}
	for partition := range log.Partitions() {
		r, err := log.Read(t.Context(), lease(partition, 1))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range drain(t, r) {
			for _, rec := range m.Parcel.Records {
				found[rec.ID]++
			}
		}
		_ = r.Close()
	}
	for n := range acknowledged {
		if id := record(n).ID; found[id] != 1 {
			t.Errorf("record %s was acknowledged and is there %d times", id, found[id])
		}
	}
	t.Logf("%d records acknowledged, %d found", acknowledged, len(found))
}

// A process that is stopped as a whole loses what it owns to another. When it
// goes on it can acknowledge nothing.
func TestAPausedOwnerIsFenced(t *testing.T) {
	url := testenv.NATS(t)
	log, err := stream.Open(t.Context(), stream.Options{URL: url, Partitions: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	publish(t, log, records(0, 100))

	var mu sync.Mutex
	owned, acks := map[int]uint64{}, map[int]string{}
	p, _ := spawn(t, "own", []string{"STREAM_TEST_URL=" + url}, func(line string) {
		mu.Lock()
		defer mu.Unlock()
		var partition int
		var epoch uint64
		if _, err := fmt.Sscanf(line, "owned %d %d", &partition, &epoch); err == nil {
			owned[partition] = epoch
		} else if said, ok := strings.CutPrefix(line, "acked "); ok {
			number, result, _ := strings.Cut(said, " ")
			partition, _ = strconv.Atoi(number)
			acks[partition] = result
		} else {
			t.Errorf("child says %q", line)
		}
	})
	eventually(t, "the child owns everything", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(owned) == 4
	})
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}

	// Its successor reads everything and acknowledges it.
	ctx, cancel := context.WithCancel(t.Context())
	successor, done := map[int]uint64{}, make(chan error, 1)
	go func() {
		done <- log.Leases(stream.LeaseOptions{Name: "successor", TTL: ttl}).Run(ctx, func(ctx context.Context, l lifecycle.Lease) error {
			r, err := log.Read(ctx, l)
			if err != nil {
				return err
			}
			defer r.Close()
			end, err := r.End(ctx)
			if err != nil {
				return err
			}
			if err := r.Ack(ctx, end); err != nil {
				return err
			}
			mu.Lock()
			successor[l.Partition] = l.Epoch
			mu.Unlock()
			<-ctx.Done()
			return nil
		})
	}()
	eventually(t, "the successor owns everything", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(successor) == 4
	})
	for _, s := range []syscall.Signal{syscall.SIGUSR1, syscall.SIGCONT} {
		if err := p.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the former owner has tried to acknowledge", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(acks) == 4
	})
	// It may join again and get its share back under a new epoch; the
	// acknowledgements it tried were under the old one.
	mu.Lock()
	for partition, result := range acks {
		if !strings.Contains(result, lifecycle.ErrFenced.Error()) {
			t.Errorf("partition %d: the former owner's acknowledgement: %s", partition, result)
		}
		if successor[partition] <= 1 {
			t.Errorf("partition %d: the successor's epoch is %d", partition, successor[partition])
		}
	}
	mu.Unlock()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
