package stream

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/stocktrace/stocktrace/lifecycle"
)

const boardSubject = "st.board."

// Board publishes progress to every process over core NATS: nothing is stored,
// a report that is lost is followed by the next one. It implements
// [lifecycle.Board].
type Board struct {
	log *Log
	sub *nats.Subscription

	mu       sync.Mutex
	progress map[int]lifecycle.Progress
}

var _ lifecycle.Board = (*Board)(nil)

func newBoard(l *Log) (*Board, error) {
	b := &Board{log: l, progress: make(map[int]lifecycle.Progress)}
	sub, err := l.control.Subscribe(boardSubject+"*", b.hear)
	if err != nil {
		return nil, fmt.Errorf("subscribe to progress: %w", err)
	}
	b.sub = sub
	// Once this returns the server has the subscription, and a report made by
	// anyone after Open is heard.
	if err := l.control.FlushTimeout(callTimeout); err != nil {
		return nil, fmt.Errorf("subscribe to progress: %w", err)
	}
	return b, nil
}

// Report makes progress known to every process, this one at once.
func (b *Board) Report(_ context.Context, p lifecycle.Progress) error {
	if err := b.log.check(p.Partition); err != nil {
		return fmt.Errorf("report progress: %w", err)
	}
	b.take(p)
	data, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("report progress: %w", err)
	}
	if err := b.log.control.Publish(boardSubject+strconv.Itoa(p.Partition), data); err != nil {
		return fmt.Errorf("report progress: %w: %w", ErrUnavailable, err)
	}
	return nil
}

// Progress returns the newest progress of every partition that has one.
func (b *Board) Progress() map[int]lifecycle.Progress {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.progress)
}

func (b *Board) hear(m *nats.Msg) {
	var p lifecycle.Progress
	if err := json.Unmarshal(m.Data, &p); err != nil || b.log.check(p.Partition) != nil ||
		strings.TrimPrefix(m.Subject, boardSubject) != strconv.Itoa(p.Partition) {
		b.log.log.Warn("progress report cannot be read", "subject", m.Subject, "error", err)
		return
	}
	b.take(p)
}

// take keeps what is newer: a paused former owner, continued, reports an epoch
// that is over. Within an epoch Through may go back, to a record just sent to
// another partition; positions never do, they tell an echo from news.
func (b *Board) take(p lifecycle.Progress) {
	b.mu.Lock()
	defer b.mu.Unlock()
	have, ok := b.progress[p.Partition]
	if ok && (p.Epoch < have.Epoch || p.Epoch == have.Epoch && p.Position < have.Position) {
		return
	}
	b.progress[p.Partition] = p
}

func (b *Board) close() { _ = b.sub.Unsubscribe() }
