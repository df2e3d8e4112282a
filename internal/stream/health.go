package stream

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	probeEvery   = time.Second
	probeTimeout = 3 * time.Second
)

// probe remembers the last answer for a moment, so that asking often costs
// nothing and asking at once costs one message.
type probe struct {
	mu  sync.Mutex
	at  time.Time
	err error
}

// Healthy stores a message of its own and returns nil when that is on disk: a
// full disk leaves JetStream claiming to be well. The answer may be a second
// old.
func (l *Log) Healthy(ctx context.Context) error {
	l.probe.mu.Lock()
	defer l.probe.mu.Unlock()
	if !l.probe.at.IsZero() && time.Since(l.probe.at) < probeEvery {
		return l.probe.err
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	_, err := l.ctl.Publish(ctx, l.subject(l.quarantine()+1), []byte("probe"))
	if errors.Is(err, context.Canceled) {
		return err // says nothing about the log
	}
	if err != nil {
		err = fmt.Errorf("store a probe: %w", classify(err))
	}
	l.probe.at, l.probe.err = time.Now(), err
	return err
}

// Stats says how a partition's log stands.
type Stats struct {
	// Name is "partition 0" …, "facts" or "quarantine".
	Name string
	// Partition is the partition's number; the facts' is Partitions(), the
	// quarantine's -1.
	Partition int
	Messages  uint64
	Bytes     uint64
	// MaxBytes is the cap in bytes; at it the log refuses records.
	MaxBytes int64
	// First and Last are positions; in an empty log First is Last + 1.
	First, Last uint64
	// Acked is how far its owner has acknowledged, Pending how many messages are
	// behind that.
	Acked, Pending uint64
	// Oldest and Newest are when those messages were stored, zero where there
	// are none.
	Oldest, Newest time.Time
}

// Stats returns how every partition stands, then the facts and the quarantine.
func (l *Log) Stats(ctx context.Context) ([]Stats, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	out := make([]Stats, 0, l.partitions+2)
	for i := range l.partitions + 2 {
		s, err := l.ctl.Stream(ctx, l.stream(i))
		if err != nil {
			return nil, fmt.Errorf("state of %s: %w", l.stream(i), err)
		}
		acked, err := l.acked(ctx, i)
		if err != nil {
			return nil, err
		}
		info := s.CachedInfo()
		stats := Stats{
			Name: fmt.Sprintf("partition %d", i), Partition: i,
			Messages: info.State.Msgs, Bytes: info.State.Bytes, MaxBytes: info.Config.MaxBytes,
			First: max(1, info.State.FirstSeq), Last: info.State.LastSeq, Acked: acked,
		}
		switch i {
		case l.partitions:
			stats.Name = "facts"
		case l.quarantine():
			stats.Name, stats.Partition = "quarantine", -1
		}
		if read := max(acked, stats.First-1); stats.Last > read {
			stats.Pending = stats.Last - read
		}
		if stats.Messages > 0 {
			stats.Oldest, stats.Newest = info.State.FirstTime.UTC(), info.State.LastTime.UTC()
		}
		out = append(out, stats)
	}
	return out, nil
}

// Trim removes messages that are older than olderThan and not above the
// position given for their partition, up to which everything is durable in the
// database. What is not acknowledged stays in any case. The quarantine is
// trimmed as far as it is acknowledged.
func (l *Log) Trim(ctx context.Context, durable map[int]uint64, olderThan time.Time) error {
	for i := range l.partitions + 2 {
		upTo, ok := durable[i]
		if !ok && i != l.quarantine() {
			continue
		}
		acked, err := l.acked(ctx, i)
		if err != nil {
			return fmt.Errorf("trim: %w", err)
		}
		if i == l.quarantine() {
			upTo = acked
		}
		if err := l.trim(ctx, l.stream(i), min(upTo, acked), olderThan); err != nil {
			return fmt.Errorf("trim %s: %w", l.stream(i), err)
		}
	}
	return nil
}

func (l *Log) trim(ctx context.Context, name string, upTo uint64, olderThan time.Time) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	s, err := l.ctl.Stream(ctx, name)
	if err != nil {
		return err
	}
	state := s.CachedInfo().State
	if state.Msgs == 0 || upTo < state.FirstSeq || !state.FirstTime.Before(olderThan) {
		return nil
	}
	keep := upTo + 1
	if !state.LastTime.Before(olderThan) {
		// A consumer that starts at a time tells the position of that time.
		consumer, err := s.CreateConsumer(ctx, jetstream.ConsumerConfig{
			AckPolicy: jetstream.AckNonePolicy, DeliverPolicy: jetstream.DeliverByStartTimePolicy,
			OptStartTime: &olderThan, InactiveThreshold: idle, MemoryStorage: true, Replicas: 1, HeadersOnly: true,
		})
		if err != nil {
			return fmt.Errorf("find the time: %w", err)
		}
		info := consumer.CachedInfo()
		if err := s.DeleteConsumer(ctx, info.Name); err != nil {
			return fmt.Errorf("find the time: %w", err)
		}
		keep = min(keep, info.Delivered.Stream+1)
	}
	if keep <= state.FirstSeq {
		return nil
	}
	return s.Purge(ctx, jetstream.WithPurgeSequence(keep))
}
