package app

import (
	"context"
	"sync"
)

// news tells open pages that something was written.
type news struct {
	mu      sync.Mutex
	readers map[chan struct{}]struct{}
}

// ring wakes every reader, and waits for none.
func (n *news) ring() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for c := range n.readers {
		select {
		case c <- struct{}{}:
		default: // it has not looked since the last time
		}
	}
}

// subscribe returns a channel that receives after each ring, until ctx ends.
func (n *news) subscribe(ctx context.Context) <-chan struct{} {
	c := make(chan struct{}, 1)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.readers == nil {
		n.readers = map[chan struct{}]struct{}{}
	}
	n.readers[c] = struct{}{}
	context.AfterFunc(ctx, func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.readers, c)
	})
	return c
}
