package stream

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/stocktrace/stocktrace/inventory"
)

// A backup of the log is what the database does not have: the messages behind
// the cursors. It is taken around the database's own, without stopping anything:
//
//	Marks              where the cursors stand: everything up to there is in the tables
//	database backup    has at least that
//	Export             every message behind the marks, and the epochs
//
// After a restore the messages behind the marks come again. What the tables
// have of them already is recognised, as after a crash. Positions go on where
// they were, because rows name them; epochs are those of the log at the export,
// which is later than any row, because versions begin with them.

// Marks are positions up to which everything is in the database, by stream.
type Marks struct{ positions []uint64 }

// Marks returns where the cursors stand now.
func (l *Log) Marks(ctx context.Context) (Marks, error) {
	var m Marks
	for i := range l.partitions + 2 {
		position, err := l.acked(ctx, i)
		if err != nil {
			return Marks{}, fmt.Errorf("mark the log: %w", err)
		}
		m.positions = append(m.positions, position)
	}
	return m, nil
}

// exportFormat is the version of the form Export writes: a line of JSON, then
// messages (stream, position, length, bytes), an end mark, and the SHA-256 of all
// before it.
const exportFormat = 1

type exported struct {
	Format     int               `json:"format"`
	Partitions int               `json:"partitions"`
	Keys       string            `json:"keys"`
	Streams    []exportedStream  `json:"streams"`
	Epochs     map[string]uint64 `json:"epochs"` // by lease
}

type exportedStream struct {
	// From is the position of the first message, and where the stream goes on
	// when there is none; To that of the last one, From - 1 when there is none.
	From  uint64 `json:"from"`
	To    uint64 `json:"to"`
	Epoch uint64 `json:"epoch"` // of the cursor
}

// ErrNotEmpty is returned by Import for a log that holds something.
var ErrNotEmpty = errors.New("the log is not empty: restore into a new data directory")

// Export writes every message behind the marks that is in the log now, and
// returns how many there are. Publishing and reading go on meanwhile; nothing
// behind the marks may be trimmed, and nothing is, before it is a day old.
func (l *Log) Export(ctx context.Context, marks Marks, w io.Writer) (messages uint64, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("export the log: %w", err)
		}
	}()
	if len(marks.positions) != l.partitions+2 {
		return 0, fmt.Errorf("%d marks for %d streams", len(marks.positions), l.partitions+2)
	}
	head := exported{Format: exportFormat, Partitions: l.partitions, Keys: inventory.RankVersion, Epochs: map[string]uint64{}}
	for i := range l.partitions + 2 {
		m, err := l.mark(ctx, i)
		if err != nil {
			return 0, err
		}
		first, last, err := l.ends(ctx, l.stream(i))
		if err != nil {
			return 0, err
		}
		from := max(marks.positions[i]+1, first)
		head.Streams = append(head.Streams, exportedStream{From: from, To: max(last, from-1), Epoch: m.Epoch})
	}
	if err := l.deeds(ctx, func(key string, d deed) { head.Epochs[key] = d.Epoch }); err != nil {
		return 0, err
	}
	sum := sha256.New()
	out := bufio.NewWriterSize(io.MultiWriter(w, sum), 1<<20)
	line, err := json.Marshal(head)
	if err != nil {
		return 0, err
	}
	if _, err := out.Write(append(line, '\n')); err != nil {
		return 0, err
	}
	for i, s := range head.Streams {
		n, err := l.exportStream(ctx, out, i, s)
		messages += n
		if err != nil {
			return messages, err
		}
	}
	if _, err := out.Write(binary.AppendUvarint(nil, endOfExport)); err != nil {
		return messages, err
	}
	if err := out.Flush(); err != nil {
		return messages, err
	}
	_, err = w.Write(sum.Sum(nil))
	return messages, err
}

// endOfExport stands where the number of a stream would.
const endOfExport = 1 << 20

func (l *Log) exportStream(ctx context.Context, out *bufio.Writer, i int, s exportedStream) (messages uint64, err error) {
	p := puller{log: l, stream: l.stream(i), next: s.From}
	defer p.close(ctx)
	for next := s.From; next <= s.To; {
		batch, err := p.pull(ctx, pullMessages, callTimeout)
		if err != nil {
			return messages, err
		}
		if len(batch) == 0 {
			return messages, fmt.Errorf("message %d of %s does not come", next, p.stream)
		}
		for _, m := range batch {
			if m.position > s.To {
				break
			}
			if m.position != next {
				return messages, fmt.Errorf("message %d of %s is missing", next, p.stream)
			}
			var frame []byte
			frame = binary.AppendUvarint(frame, uint64(i))
			frame = binary.AppendUvarint(frame, m.position)
			frame = binary.AppendUvarint(frame, uint64(len(m.data)))
			if _, err := out.Write(append(frame, m.data...)); err != nil {
				return messages, err
			}
			messages++
			next++
		}
		if batch[len(batch)-1].position >= s.To {
			break
		}
	}
	return messages, nil
}

// Import puts what Export wrote into an empty log of as many partitions. After
// an error the log must not be used: it may hold a part of it.
func (l *Log) Import(ctx context.Context, r io.Reader) (messages uint64, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("import the log: %w", err)
		}
	}()
	sum := sha256.New()
	in := bufio.NewReaderSize(r, 1<<20)
	read := &summed{in, sum}
	head, err := readHead(read)
	if err != nil {
		return 0, err
	}
	if head.Partitions != l.partitions || head.Keys != inventory.RankVersion || len(head.Streams) != l.partitions+2 {
		return 0, fmt.Errorf("it has %d partitions and key order %q; the log has %d and %q",
			head.Partitions, head.Keys, l.partitions, inventory.RankVersion)
	}
	for i, s := range head.Streams {
		if err := l.continueAt(ctx, i, s); err != nil {
			return 0, err
		}
	}
	next := make([]uint64, len(head.Streams))
	for i, s := range head.Streams {
		next[i] = s.From
	}
	for {
		i, err := binary.ReadUvarint(read)
		if err != nil {
			return messages, cut(err)
		}
		if i == endOfExport {
			break
		}
		if i >= uint64(len(next)) {
			return messages, fmt.Errorf("a message of stream %d, which is none", i)
		}
		position, data, err := readMessage(read, l.payload)
		if err != nil {
			return messages, err
		}
		if position != next[i] {
			return messages, fmt.Errorf("message %d of %s stands where %d should", position, l.stream(int(i)), next[i])
		}
		if err := l.restoreMessage(ctx, int(i), position, data); err != nil {
			return messages, err
		}
		next[i]++
		messages++
	}
	want := sum.Sum(nil)
	have := make([]byte, len(want))
	if _, err := io.ReadFull(in, have); err != nil {
		return messages, cut(err)
	}
	if !bytes.Equal(want, have) {
		return messages, errors.New("its checksum is wrong: it was changed or damaged")
	}
	for i, s := range head.Streams {
		if next[i] != s.To+1 {
			return messages, fmt.Errorf("%s ends at %d instead of %d", l.stream(i), next[i]-1, s.To)
		}
		if _, err := l.cursors.Put(ctx, cursorKey(i), (&cursor{epoch: s.Epoch, id: "restored"}).mark(s.From-1)); err != nil {
			return messages, err
		}
	}
	for key, epoch := range head.Epochs {
		value, err := json.Marshal(deed{Epoch: epoch})
		if err != nil {
			return messages, err
		}
		if _, err := l.leases.Put(ctx, key, value); err != nil {
			return messages, err
		}
	}
	return messages, nil
}

// ExportedPartitions reads how many partitions an export has, so that a log of as
// many can be made for it.
func ExportedPartitions(r io.Reader) (int, error) {
	head, err := readHead(&summed{bufio.NewReader(r), sha256.New()})
	return head.Partitions, err
}

func readHead(read *summed) (exported, error) {
	var line []byte
	for len(line) < 1<<20 {
		b, err := read.ReadByte()
		if err != nil {
			return exported{}, cut(err)
		}
		if b == '\n' {
			break
		}
		line = append(line, b)
	}
	var head exported
	if err := json.Unmarshal(line, &head); err != nil || head.Format == 0 {
		return exported{}, errors.New("it is no export of a log")
	}
	if head.Format > exportFormat {
		return exported{}, fmt.Errorf("it has format %d, this stocktrace reads up to %d: use the version that wrote it or a newer one", head.Format, exportFormat)
	}
	return head, nil
}

func readMessage(read *summed, most int) (position uint64, data []byte, err error) {
	if position, err = binary.ReadUvarint(read); err != nil {
		return 0, nil, cut(err)
	}
	length, err := binary.ReadUvarint(read)
	if err != nil {
		return 0, nil, cut(err)
	}
	if length > uint64(most) {
		return 0, nil, fmt.Errorf("message %d has %d bytes, more than the log takes", position, length)
	}
	data = make([]byte, length)
	_, err = io.ReadFull(read, data)
	return position, data, cut(err)
}

// continueAt makes an empty stream give out positions from s.From on.
func (l *Log) continueAt(ctx context.Context, i int, s exportedStream) error {
	stream, err := l.ctl.Stream(ctx, l.stream(i))
	if err != nil {
		return err
	}
	if state := stream.CachedInfo().State; state.LastSeq != 0 {
		return ErrNotEmpty
	}
	if s.From <= 1 {
		return nil
	}
	return stream.Purge(ctx, jetstream.WithPurgeSequence(s.From))
}

// restoreMessage appends a message at the very position it had.
func (l *Log) restoreMessage(ctx context.Context, i int, position uint64, data []byte) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	ack, err := l.js.PublishMsg(ctx, &nats.Msg{Subject: l.subject(i), Data: data}, jetstream.WithExpectLastSequence(position-1))
	if err != nil {
		return fmt.Errorf("message %d of %s: %w", position, l.stream(i), classify(err))
	}
	if ack.Sequence != position {
		return fmt.Errorf("message %d of %s was stored at %d", position, l.stream(i), ack.Sequence)
	}
	return nil
}

// deeds calls yield with every lease, sessions left out.
func (l *Log) deeds(ctx context.Context, yield func(key string, d deed)) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	lister, err := l.leases.ListKeys(ctx)
	if err != nil {
		return err
	}
	var keys []string
	for key := range lister.Keys() {
		if !strings.HasPrefix(key, "session.") {
			keys = append(keys, key)
		}
	}
	for _, key := range keys {
		entry, err := l.leases.Get(ctx, key)
		if err != nil {
			return fmt.Errorf("lease %s: %w", key, err)
		}
		var d deed
		if err := json.Unmarshal(entry.Value(), &d); err != nil {
			return fmt.Errorf("lease %s: %w", key, err)
		}
		yield(key, d)
	}
	return nil
}

// summed reads and adds what it reads to a sum.
type summed struct {
	in  *bufio.Reader
	sum io.Writer
}

func (s *summed) ReadByte() (byte, error) {
	b, err := s.in.ReadByte()
	if err == nil {
		_, _ = s.sum.Write([]byte{b})
	}
	return b, err
}

func (s *summed) Read(p []byte) (int, error) {
	n, err := s.in.Read(p)
	_, _ = s.sum.Write(p[:n])
	return n, err
}

// cut says what an end in the middle means.
func cut(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("it ends in the middle: the backup was not finished")
	}
	return err
}
