package app

import (
	"context"
	"sync"
)

// restable is a part that can be stopped for a while, in good order, and started
// again.
type restable struct {
	run    func(context.Context) error
	failed func(error) // called with an error that is not the end of its context

	mu      sync.Mutex
	stopped bool
	paused  int
	cancel  context.CancelFunc
	done    chan struct{}
}

// start starts it, unless it is stopped or paused.
func (r *restable) start() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.startLocked()
}

func (r *restable) startLocked() {
	if r.stopped || r.paused > 0 || r.done != nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	r.cancel, r.done = cancel, done
	go func() {
		defer close(done)
		if err := r.run(ctx); err != nil && ctx.Err() == nil {
			r.failed(err)
		}
	}()
}

// pause returns when it rests. Each pause is followed by a resume; the last one
// starts it again. After an error it needs no resume.
func (r *restable) pause(ctx context.Context) error {
	r.mu.Lock()
	r.paused++
	err := r.end(ctx)
	r.mu.Unlock()
	if err != nil {
		r.resume()
	}
	return err
}

func (r *restable) resume() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.paused--
	r.startLocked()
}

// stop ends it for good.
func (r *restable) stop(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopped = true
	return r.end(ctx)
}

// end cancels it and waits.
func (r *restable) end(ctx context.Context) error {
	if r.done == nil {
		return nil
	}
	r.cancel()
	select {
	case <-r.done:
		r.done = nil
		return nil
	case <-ctx.Done():
		return errStuck
	}
}
