package web

import (
	"context"
	"sync"
	"time"
)

// shared lets everyone who looks at the same page at the same time have the
// same answer: asked once, kept for a moment. An answer that was expensive is
// kept longer, so that open pages never take more than a tenth of the database.
type shared struct {
	least time.Duration
	now   func() time.Time

	mu      sync.Mutex
	answers map[string]*answer
}

type answer struct {
	done    chan struct{}
	value   any
	err     error
	asked   time.Time
	expires time.Time // zero while being asked
}

func newShared(least time.Duration) *shared {
	return &shared{least: least, now: time.Now, answers: map[string]*answer{}}
}

// forget has everything asked anew.
func (s *shared) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, a := range s.answers {
		if !a.expires.IsZero() { // who is asking now is waited for
			delete(s.answers, name)
		}
	}
}

// old reports whether an answer that was asked for before an instant may still be
// given.
func (s *shared) old(before time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	for _, a := range s.answers {
		if !a.asked.After(before) && (a.expires.IsZero() || !now.After(a.expires)) {
			return true
		}
	}
	return false
}

// once returns the answer kept under name, or asks. Errors are not kept.
func once[T any](ctx context.Context, s *shared, name string, ask func(context.Context) (T, error)) (T, error) {
	var zero T
	now := s.now()
	s.mu.Lock()
	a := s.answers[name]
	if a == nil || (!a.expires.IsZero() && now.After(a.expires)) {
		for old, kept := range s.answers {
			if !kept.expires.IsZero() && now.After(kept.expires) {
				delete(s.answers, old)
			}
		}
		a = &answer{done: make(chan struct{}), asked: now}
		s.answers[name] = a
		s.mu.Unlock()
		// The asking outlives the request that caused it: others wait for it too.
		asked, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		go func() {
			defer cancel()
			value, err := ask(asked)
			s.mu.Lock()
			defer s.mu.Unlock()
			a.value, a.err = value, err
			took := s.now().Sub(now)
			a.expires = now.Add(took + max(s.least, 10*took))
			if err != nil {
				delete(s.answers, name)
			}
			close(a.done)
		}()
	} else {
		s.mu.Unlock()
	}
	select {
	case <-ctx.Done():
		return zero, ctx.Err()
	case <-a.done:
	}
	if a.err != nil {
		return zero, a.err
	}
	return a.value.(T), nil
}
