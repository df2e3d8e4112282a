package stream_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stocktrace/stocktrace/internal/stream"
	"github.com/stocktrace/stocktrace/internal/testenv"
	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/lifecycle"
)

// exported fills a log, acknowledges some of it under epoch 7, and returns what
// an export has to bring back, by partition.
func exported(t *testing.T, log *stream.Log) (file []byte, want map[int][]lifecycle.Message) {
	t.Helper()
	publish(t, log, append(records(0, 100), watermark(1)))
	for p := range log.Partitions() + 1 {
		r := open(t, log, lease(p, 7))
		if got := drain(t, r); len(got) > 0 && p != 2 {
			if err := r.Ack(t.Context(), got[0].Position); err != nil {
				t.Fatal(err)
			}
		}
	}
	marks, err := log.Marks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// What comes between marks and export, while the tables are copied.
	publish(t, log, append(records(100, 100), watermark(2)))
	if err := log.Publisher().Quarantine(t.Context(), []inventory.Quarantined{{ID: "q", Raw: []byte("?")}}); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	n, err := log.Export(t.Context(), marks, &out)
	if err != nil {
		t.Fatal(err)
	}
	want = map[int][]lifecycle.Message{}
	messages := uint64(1) // the quarantined one
	for p := range log.Partitions() + 1 {
		want[p] = drain(t, open(t, log, lease(p, 7)))
		messages += uint64(len(want[p]))
	}
	if n != messages {
		t.Errorf("exported %d messages, %d are behind the marks", n, messages)
	}
	return out.Bytes(), want
}

func TestBackupGoesOnWhereItWasTaken(t *testing.T) {
	file, want := exported(t, testenv.Stream(t, 4))
	if n, err := stream.ExportedPartitions(bytes.NewReader(file)); err != nil || n != 4 {
		t.Errorf("%d partitions, %v", n, err)
	}
	log := testenv.Stream(t, 4)
	if _, err := log.Import(t.Context(), bytes.NewReader(file)); err != nil {
		t.Fatal(err)
	}
	decimals := cmp.Comparer(func(a, b inventory.Decimal) bool { return a == b })
	for p := range log.Partitions() + 1 {
		if _, err := log.Read(t.Context(), lease(p, 6)); !errors.Is(err, lifecycle.ErrFenced) {
			t.Errorf("partition %d: an epoch from before the backup reads: %v", p, err)
		}
		got := drain(t, open(t, log, lease(p, 8)))
		if diff := cmp.Diff(want[p], got, decimals); diff != "" {
			t.Errorf("partition %d (-backed up +restored):\n%s", p, diff)
		}
	}
	// New messages get positions nobody had.
	publish(t, log, records(200, 100))
	for p := range log.Partitions() {
		got := drain(t, open(t, log, lease(p, 8)))
		if before := want[p]; len(got) != len(before)+1 || len(before) > 0 && got[len(before)].Position != before[len(before)-1].Position+1 {
			t.Errorf("partition %d: after %d restored messages there are %d", p, len(before), len(got))
		}
	}
	if _, err := log.Import(t.Context(), bytes.NewReader(file)); !errors.Is(err, stream.ErrNotEmpty) {
		t.Errorf("a second import: %v", err)
	}
}

func TestBackupOfAnAcknowledgedLog(t *testing.T) {
	old := testenv.Stream(t, 1)
	publish(t, old, records(0, 10))
	r := open(t, old, lease(0, 1))
	last := drain(t, r)[0].Position
	if err := r.Ack(t.Context(), last); err != nil {
		t.Fatal(err)
	}
	marks, err := old.Marks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if n, err := old.Export(t.Context(), marks, &file); err != nil || n != 0 {
		t.Fatalf("exported %d messages, %v", n, err)
	}
	log := testenv.Stream(t, 1)
	if _, err := log.Import(t.Context(), &file); err != nil {
		t.Fatal(err)
	}
	r = open(t, log, lease(0, 2))
	publish(t, log, records(10, 10))
	got := drain(t, r)
	if len(got) != 1 || got[0].Position != last+1 {
		t.Errorf("after position %d came %+v", last, got)
	}
}

func TestBackupsThatCannotBeRestored(t *testing.T) {
	file, _ := exported(t, testenv.Stream(t, 2))
	flipped := bytes.Clone(file)
	flipped[len(flipped)-40] ^= 1
	head, _, _ := bytes.Cut(file, []byte("\n"))
	for name, tt := range map[string]struct {
		file       []byte
		partitions int
		want       string
	}{
		"another file":     {[]byte("{}\n"), 2, "it is no export of a log"},
		"empty":            {nil, 2, "it ends in the middle"},
		"cut":              {file[:len(file)/2], 2, "it ends in the middle"},
		"without its end":  {file[:len(file)-1], 2, "it ends in the middle"},
		"damaged":          {flipped, 2, ""},
		"other partitions": {file, 4, "it has 2 partitions"},
		"newer":            {append(bytes.Replace(head, []byte(`"format":1`), []byte(`"format":9`), 1), '\n'), 2, "it has format 9"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := testenv.Stream(t, tt.partitions).Import(t.Context(), io.Reader(bytes.NewReader(tt.file)))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
