package stream_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/stocktrace/stocktrace/internal/stream"
	"github.com/stocktrace/stocktrace/internal/testenv"
	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/lifecycle"
)

// small opens a one-partition log that holds that many bytes.
func small(t *testing.T, dir string, maxBytes int64) (*stream.Server, *stream.Log) {
	t.Helper()
	server, err := stream.StartServer(stream.ServerOptions{Dir: dir, MaxBytes: maxBytes})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	log, err := stream.Open(t.Context(), stream.Options{Server: server, Partitions: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	return server, log
}

// bulky is a record whose raw bytes no compression shrinks.
func bulky(n, size int) inventory.Record {
	r := record(n)
	r.Raw = make([]byte, size)
	random := rand.NewChaCha8([32]byte{byte(n), byte(n >> 8)})
	_, _ = random.Read(r.Raw)
	return r
}

type retryAfter interface{ RetryAfter() time.Duration }

func TestAFullLogSaysSoAndEmpties(t *testing.T) {
	_, log := small(t, t.TempDir(), 4<<20)
	var stored int
	var err error
	for stored = range 1000 {
		if err = log.Publisher().Publish(t.Context(), []inventory.Record{bulky(stored, 100<<10)}); err != nil {
			break
		}
	}
	var later retryAfter
	if !errors.Is(err, stream.ErrFull) || !errors.As(err, &later) || later.RetryAfter() <= 0 {
		t.Fatalf("after %d records: %v", stored, err)
	}
	if stored < 30 || stored > 40 {
		t.Errorf("%d records of 100 KiB fit into nine tenths of 4 MiB", stored)
	}
	// Reading, acknowledging and leasing go on: that is how it empties.
	r := open(t, log, lease(0, 1))
	messages := drain(t, r)
	if len(messages) != stored {
		t.Fatalf("read %d of %d", len(messages), stored)
	}
	end := messages[len(messages)-1].Position
	if err := r.Ack(t.Context(), end); err != nil {
		t.Fatal(err)
	}
	if err := log.Healthy(t.Context()); err != nil {
		t.Errorf("a full log can store its probe: %v", err)
	}
	if err := log.Trim(t.Context(), map[int]uint64{0: end}, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	publish(t, log, records(5000, 1))
	if got := positions(drain(t, r)); got != fmt.Sprint(end+1) {
		t.Errorf("read %s after trimming, want %d", got, end+1)
	}
}

func TestTrimKeepsWhatIsYoungOrNotYetDurable(t *testing.T) {
	log := testenv.Stream(t, 1)
	for i := range 5 {
		publish(t, log, records(i, 1))
	}
	between := time.Now()
	for i := range 5 {
		publish(t, log, records(100+i, 1))
	}
	r := open(t, log, lease(0, 1))
	drain(t, r)
	first := func() uint64 {
		t.Helper()
		stats, err := log.Stats(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return stats[0].First
	}
	later := time.Now().Add(time.Hour)
	for _, c := range []struct {
		why            string
		acked, durable uint64
		olderThan      time.Time
		first          uint64
	}{
		{"nothing is acknowledged", 0, 10, later, 1},
		{"two are durable", 3, 2, later, 3},
		{"three are acknowledged", 3, 10, later, 4},
		{"five are old enough", 9, 9, between, 6},
		{"nothing is that old", 9, 9, between.Add(-time.Hour), 6},
		{"all that is acknowledged", 9, 9, later, 10},
	} {
		if err := r.Ack(t.Context(), c.acked); err != nil {
			t.Fatal(err)
		}
		if err := log.Trim(t.Context(), map[int]uint64{0: c.durable}, c.olderThan); err != nil {
			t.Fatal(err)
		}
		if got := first(); got != c.first {
			t.Errorf("%s: the log begins at %d, want %d", c.why, got, c.first)
		}
	}
}

func TestAnotherLayoutIsRefused(t *testing.T) {
	dir := t.TempDir()
	server, log := small(t, dir, 64<<20)
	_ = log.Close()
	_, err := stream.Open(t.Context(), stream.Options{Server: server, Partitions: 16})
	want := "open log: it was created with 1 partitions and cannot be opened with 16: start with --partitions 1, or with an empty data directory"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	log, err = stream.Open(t.Context(), stream.Options{Server: server})
	if err != nil || log.Partitions() != 1 {
		t.Fatalf("opened with its own layout: %v", err)
	}
	_ = log.Close()
}

func TestAnotherKeyOrderIsRefused(t *testing.T) {
	url := testenv.NATS(t)
	log, err := stream.Open(t.Context(), stream.Options{URL: url, Partitions: 2})
	if err != nil {
		t.Fatal(err)
	}
	_ = log.Close()
	js := client(t, url)
	meta, err := js.KeyValue(t.Context(), "stocktrace-meta")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := meta.Put(t.Context(), "layout", []byte(`{"partitions":2,"keys":"0"}`)); err != nil {
		t.Fatal(err)
	}
	_, err = stream.Open(t.Context(), stream.Options{URL: url})
	want := fmt.Sprintf("open log: it was created with key order %q and this stocktrace uses %q: start the version that created it, or use an empty data directory", "0", inventory.RankVersion)
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// client is somebody else on the same server.
func client(t *testing.T, url string) jetstream.JetStream {
	t.Helper()
	conn, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func TestPoisonIsReturnedWithItsBytes(t *testing.T) {
	url := testenv.NATS(t)
	log, err := stream.Open(t.Context(), stream.Options{URL: url, Partitions: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	publish(t, log, records(0, 1))
	raw := []byte("\x09from a newer stocktrace")
	if _, err := client(t, url).Publish(t.Context(), "st.p.00", raw); err != nil {
		t.Fatal(err)
	}
	publish(t, log, records(1, 1))

	for attempt := 1; attempt <= 2; attempt++ { // the second owner meets it again
		r := open(t, log, lease(0, uint64(attempt)))
		got, err := r.Fetch(t.Context(), 10, 5*time.Second)
		if err != nil || positions(got) != "1" {
			t.Fatalf("before the poison: %s, %v", positions(got), err)
		}
		_, err = r.Fetch(t.Context(), 10, 5*time.Second)
		var poison *lifecycle.PoisonError
		if !errors.As(err, &poison) {
			t.Fatalf("got %v", err)
		}
		if poison.Partition != 0 || poison.Position != 2 || !bytes.Equal(poison.Raw, raw) || !strings.Contains(err.Error(), "unknown message version 9") {
			t.Errorf("poison is %+v", poison)
		}
		if n, err := log.Fail(t.Context(), 0, poison.Position); err != nil || n != attempt {
			t.Errorf("failure counted as %d, %v; want %d", n, err, attempt)
		}
		if got, err = r.Fetch(t.Context(), 10, 5*time.Second); err != nil || positions(got) != "3" {
			t.Fatalf("behind the poison: %s, %v", positions(got), err)
		}
	}
	if got, err := log.Failures(t.Context(), 0, 1); err != nil || len(got) != 1 || got[2] != 2 {
		t.Errorf("failures are %v, %v", got, err)
	}
	if got, err := log.Failures(t.Context(), 0, 2); err != nil || len(got) != 0 {
		t.Errorf("failures behind the poison are %v, %v", got, err)
	}
}

func TestQuarantine(t *testing.T) {
	log := testenv.Stream(t, 1)
	sent := []inventory.Quarantined{
		{ID: "q1", ReceivedAt: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC), Transport: "cloudevents", Reason: "malformed", Pointer: "/data/lines/0", Raw: []byte("{")},
		{ID: "q2", Reason: "unreadable", Raw: bytes.Repeat([]byte{0xff}, 1000)},
	}
	for range 2 { // sent again, stored once
		if err := log.Publisher().Quarantine(t.Context(), sent); err != nil {
			t.Fatal(err)
		}
	}
	if err := log.Publisher().Quarantine(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	q, err := log.QuarantineReader(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	got, err := q.Fetch(t.Context(), 10, 5*time.Second)
	if err != nil || len(got) != 1 || len(got[0].Items) != 2 || got[0].Items[0].Pointer != "/data/lines/0" || !bytes.Equal(got[0].Items[1].Raw, sent[1].Raw) {
		t.Fatalf("got %+v, %v", got, err)
	}
	if err := q.Ack(t.Context(), got[0].Position); err != nil {
		t.Fatal(err)
	}
	again, err := log.QuarantineReader(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if got, err := again.Fetch(t.Context(), 10, 20*time.Millisecond); err != nil || len(got) != 0 {
		t.Errorf("acknowledged and read again: %+v, %v", got, err)
	}
	if err := q.Ack(t.Context(), got[0].Position+1); !errors.Is(err, lifecycle.ErrFenced) {
		t.Errorf("the former reader's acknowledgement: %v", err)
	}
}

func TestLargeRequestsAreSplit(t *testing.T) {
	log := testenv.Stream(t, 1)
	sent := make([]inventory.Record, 30)
	for i := range sent {
		sent[i] = bulky(i, 1<<20)
	}
	publish(t, log, sent)
	publish(t, log, sent) // split the same way, so stored once
	messages := drain(t, open(t, log, lease(0, 1)))
	if len(messages) < 8 {
		t.Errorf("30 MiB went in %d messages", len(messages))
	}
	n := 0
	for _, m := range messages {
		for _, r := range m.Parcel.Records {
			if r.ID != sent[n].ID || !bytes.Equal(r.Raw, sent[n].Raw) {
				t.Fatalf("record %d changed", n)
			}
			n++
		}
	}
	if n != len(sent) {
		t.Errorf("read %d records", n)
	}
	// One record fits up to the server's own bound, and none above it.
	publish(t, log, []inventory.Record{bulky(100, 7<<20)})
	err := log.Publisher().Publish(t.Context(), []inventory.Record{bulky(101, 9<<20)})
	var later retryAfter
	if !errors.Is(err, stream.ErrTooLarge) || errors.As(err, &later) {
		t.Errorf("9 MiB: %v", err)
	}
}

// More than a server lets be under way to one client.
func TestManyLargeMessagesAreRead(t *testing.T) {
	log := testenv.Stream(t, 1)
	const n = 12
	for i := range n {
		publish(t, log, []inventory.Record{bulky(i, 7<<20)})
	}
	if got := len(drain(t, open(t, log, lease(0, 1)))); got != n {
		t.Errorf("read %d messages of %d", got, n)
	}
}

func TestLargeParcelsAreSplit(t *testing.T) {
	log := testenv.Stream(t, 1)
	var p lifecycle.Parcel
	for i := range 10 {
		r := bulky(i, 1<<20)
		p.Moves = append(p.Moves, lifecycle.Move{Record: r, To: r.EntryKey()})
		p.Bindings = append(p.Bindings, lifecycle.Binding{Key: r.EntryKey(), Lesser: r.EntryKey()})
	}
	position, err := log.Publish(t.Context(), 0, "large", p)
	if err != nil {
		t.Fatal(err)
	}
	var moves, bindings int
	messages := drain(t, open(t, log, lease(0, 1)))
	for _, m := range messages {
		for _, move := range m.Parcel.Moves {
			if move.Record.ID != p.Moves[moves].Record.ID {
				t.Fatalf("move %d changed", moves)
			}
			moves++
		}
		bindings += len(m.Parcel.Bindings)
	}
	if moves != 10 || bindings != 10 || len(messages) < 3 {
		t.Errorf("read %d moves and %d bindings in %d messages", moves, bindings, len(messages))
	}
	if last := messages[len(messages)-1].Position; position != last {
		t.Errorf("published up to %d, the last message is %d", position, last)
	}
}

func TestAServerThatIsGoneIsUnavailable(t *testing.T) {
	server, log := small(t, t.TempDir(), 64<<20)
	publish(t, log, records(0, 1))
	if err := log.Healthy(t.Context()); err != nil {
		t.Errorf("healthy: %v", err)
	}
	server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	began := time.Now()
	err := log.Publisher().Publish(ctx, records(1, 1))
	var later retryAfter
	if !errors.Is(err, stream.ErrUnavailable) || !errors.As(err, &later) || later.RetryAfter() <= 0 {
		t.Errorf("publish: %v", err)
	}
	if err := log.Publisher().Quarantine(ctx, []inventory.Quarantined{{ID: "q"}}); !errors.Is(err, stream.ErrUnavailable) {
		t.Errorf("quarantine: %v", err)
	}
	eventually(t, "the log is not healthy", func() bool { return errors.Is(log.Healthy(ctx), stream.ErrUnavailable) })
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("it took %v to find out", took)
	}
}

func TestAServerThatCannotStartSaysWhy(t *testing.T) {
	first, err := stream.StartServer(stream.ServerOptions{Dir: t.TempDir(), Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	address := strings.TrimPrefix(first.URL(), "nats://")
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		options stream.ServerOptions
		says    string
	}{
		{stream.ServerOptions{Dir: t.TempDir(), Listen: address}, address},
		{stream.ServerOptions{Dir: t.TempDir(), Listen: "nowhere"}, `"nowhere"`},
		{stream.ServerOptions{Dir: file}, file},
		{stream.ServerOptions{}, "no directory"},
	} {
		server, err := stream.StartServer(c.options)
		if err == nil {
			server.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v: %v, want it to say %s", c.options, err, c.says)
		}
	}
	if _, err := stream.Open(t.Context(), stream.Options{URL: "nats://127.0.0.1:1"}); err == nil || !strings.Contains(err.Error(), "connect to nats at nats://127.0.0.1:1") {
		t.Errorf("no server: %v", err)
	}
}

// A log started again with a lower cap keeps what it holds, and takes nothing
// more until it is below the cap.
func TestALowerCapLosesNothing(t *testing.T) {
	dir := t.TempDir()
	server, log := small(t, dir, 64<<20)
	for i := range 20 {
		publish(t, log, []inventory.Record{bulky(i, 1<<20)})
	}
	_ = log.Close()
	server.Close()
	_, log = small(t, dir, 4<<20)
	if n := len(drain(t, open(t, log, lease(0, 1)))); n != 20 {
		t.Errorf("%d messages of 20 are left", n)
	}
	if err := log.Publisher().Publish(t.Context(), records(100, 1)); !errors.Is(err, stream.ErrFull) {
		t.Errorf("publish above the cap: %v", err)
	}
}

func TestStats(t *testing.T) {
	log := testenv.Stream(t, 2)
	publish(t, log, append(records(0, 50), watermark(1)))
	publish(t, log, records(50, 50))
	r := open(t, log, lease(1, 1))
	if err := r.Ack(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	stats, err := log.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range stats {
		got = append(got, fmt.Sprintf("%s (%d): %d from %d to %d, acked %d, pending %d", s.Name, s.Partition, s.Messages, s.First, s.Last, s.Acked, s.Pending))
		if s.MaxBytes <= 0 || (s.Messages > 0) != (s.Bytes > 0) || (s.Messages > 0) == s.Oldest.IsZero() {
			t.Errorf("%+v", s)
		}
	}
	want := []string{
		"partition 0 (0): 2 from 1 to 2, acked 0, pending 2",
		"partition 1 (1): 2 from 1 to 2, acked 1, pending 1",
		"facts (2): 1 from 1 to 1, acked 0, pending 1",
		"quarantine (-1): 0 from 1 to 0, acked 0, pending 0",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
}

func TestBoard(t *testing.T) {
	url := testenv.NATS(t)
	var logs [2]*stream.Log
	for i := range logs {
		log, err := stream.Open(t.Context(), stream.Options{URL: url, Partitions: 2})
		if err != nil {
			t.Fatal(err)
		}
		defer log.Close()
		logs[i] = log
	}
	at := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	report := func(log *stream.Log, p lifecycle.Progress) {
		t.Helper()
		if err := log.Board().Report(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	heard := func(log *stream.Log, partition int, want lifecycle.Progress) {
		t.Helper()
		eventually(t, fmt.Sprintf("progress is %+v", want), func() bool { return log.Board().Progress()[partition] == want })
	}
	first := lifecycle.Progress{Partition: 1, Epoch: 1, Position: 10, Through: at}
	report(logs[0], first)
	heard(logs[0], 1, first)
	heard(logs[1], 1, first)
	// Within an epoch Through may go back, not the position.
	back := lifecycle.Progress{Partition: 1, Epoch: 1, Position: 11, Through: at.Add(-time.Second)}
	report(logs[0], back)
	heard(logs[1], 1, back)
	// A new owner begins where it found the log; the former one is not believed.
	next := lifecycle.Progress{Partition: 1, Epoch: 2, Position: 9, Through: at.Add(-time.Minute)}
	report(logs[1], next)
	heard(logs[0], 1, next)
	report(logs[0], lifecycle.Progress{Partition: 1, Epoch: 1, Position: 99, Through: at.Add(time.Hour)})
	last := lifecycle.Progress{Partition: 0, Epoch: 1, Position: 1, Through: at}
	report(logs[0], last) // behind the stale one on the same connection
	heard(logs[1], 0, last)
	for _, log := range logs {
		if got := log.Board().Progress()[1]; got != next {
			t.Errorf("progress is %+v, want %+v", got, next)
		}
	}
	if err := logs[0].Board().Report(t.Context(), lifecycle.Progress{Partition: 7}); err == nil {
		t.Error("progress of a partition that is none was taken")
	}
}

// Readers and facts go on where they were when the server has been away.
func TestReadingRidesOutARestart(t *testing.T) {
	dir := t.TempDir()
	start := func(listen string) *stream.Server {
		t.Helper()
		server, err := stream.StartServer(stream.ServerOptions{Dir: dir, Listen: listen, MaxBytes: 32 << 30})
		if err != nil {
			t.Fatal(err)
		}
		return server
	}
	server := start("127.0.0.1:0")
	log, err := stream.Open(t.Context(), stream.Options{URL: server.URL(), Partitions: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	ctx, cancel := context.WithCancel(t.Context())
	facts, done := make(chan inventory.Fact, 10), make(chan error, 1)
	go func() {
		done <- log.Facts(ctx, 1, func(f inventory.Fact) { facts <- f }, func(time.Time) {})
	}()
	r := open(t, log, lease(0, 1))
	publish(t, log, append(records(0, 1), watermark(1)))
	if f := <-facts; f.Position != 1 {
		t.Errorf("first fact at %d", f.Position)
	}
	if got := positions(drain(t, r)); got != "1" {
		t.Fatalf("read %s", got)
	}
	server.Close()
	server = start(strings.TrimPrefix(server.URL(), "nats://"))
	defer server.Close()
	eventually(t, "records can be published again", func() bool {
		return log.Publisher().Publish(t.Context(), append(records(1, 1), watermark(2))) == nil
	})
	var got []lifecycle.Message
	eventually(t, "the reader reads again", func() bool {
		messages, err := r.Fetch(t.Context(), 10, 100*time.Millisecond)
		if err == nil {
			got = append(got, messages...)
		}
		return len(got) > 0
	})
	if positions(got) != "2" {
		t.Errorf("read %s", positions(got))
	}
	select {
	case f := <-facts:
		if f.Position != 2 {
			t.Errorf("second fact at %d", f.Position)
		}
	case <-time.After(30 * time.Second):
		t.Error("facts do not go on")
	}
	if err := r.Ack(t.Context(), 2); err != nil {
		t.Error(err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("facts ended with %v", err)
	}
}

// The server forgets a reader that is idle for long, and forgets all of them when
// it moves them. Neither is anything a reader's user hears of.
func TestAForgottenReaderGoesOn(t *testing.T) {
	url := testenv.NATS(t)
	log, err := stream.Open(t.Context(), stream.Options{URL: url, Partitions: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	r := open(t, log, lease(0, 1))
	js := client(t, url)
	for i := range 3 {
		publish(t, log, records(i, 1))
		if got := positions(drain(t, r)); got != fmt.Sprint(i+1) {
			t.Errorf("read %q, want %d", got, i+1)
		}
		s, err := js.Stream(t.Context(), "stocktrace-p-00")
		if err != nil {
			t.Fatal(err)
		}
		for name := range s.ConsumerNames(t.Context()).Name() {
			if err := s.DeleteConsumer(t.Context(), name); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Neither an error nor the log tells who may enter the server.
func TestAnErrorTellsNoPassword(t *testing.T) {
	for _, given := range []string{
		"nats://store:hunter2@127.0.0.1:1",
		"nats://hunter2@127.0.0.1:1",
		"store:hunter2@127.0.0.1:1",
		"nats://127.0.0.1:1, tls://store:hunter2@127.0.0.1:1",
		"nats://store:hunter2%zz@127.0.0.1:1", // no URL at all
		"nats://store:hun/hunter2@127.0.0.1:1",
		"nats://store:@hunter2@127.0.0.1:1",
	} {
		log, err := stream.Open(t.Context(), stream.Options{URL: given})
		if err == nil {
			_ = log.Close()
		}
		if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "127.0.0.1:1") {
			t.Errorf("%s: %v", given, err)
		}
	}
}
