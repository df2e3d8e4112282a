package alerts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// deliverTo keeps one receiver told until ctx ends: one incident at a time,
// oldest first.
func (m *Manager) deliverTo(ctx context.Context, r Receiver) {
	for ctx.Err() == nil {
		id, wait := m.due(r.Name())
		if id == "" {
			select {
			case <-ctx.Done():
			case <-m.wake[r.Name()]:
			case <-m.o.Wall.After(wait):
			}
			continue
		}
		m.attempt(ctx, r, id)
	}
}

// due returns the oldest incident the receiver is to be told of now, or how long
// until one may be.
func (m *Manager) due(receiver string) (id string, wait time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.o.Wall.Now()
	wait = maxRetry
	var next []Incident
	for _, t := range m.incidents {
		if at, ok := m.dueAt(receiver, t, now); !ok {
			continue
		} else if at.After(now) {
			wait = min(wait, at.Sub(now))
		} else {
			next = append(next, t.Incident)
		}
	}
	if len(next) == 0 {
		return "", wait
	}
	return slices.MinFunc(next, oldestFirst).ID, 0
}

// dueAt says when the receiver is to be told of the incident; ok is false where
// it knows the newest. The caller holds the lock.
func (m *Manager) dueAt(receiver string, t *tracked, now time.Time) (at time.Time, ok bool) {
	d := t.Deliveries[receiver]
	switch d.Phase {
	case Skipped:
		return at, false
	case Posted:
		msg := Compose(&t.Incident, m.o.PublicURL)
		if d.Content == msg.hash() {
			return at, false
		}
		at = d.NextAt
		if d.State == t.State {
			at = later(at, d.DeliveredAt.Add(m.o.UpdateEvery))
		}
		return at, true
	default:
		return d.NextAt, true
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// attempt takes one delivery one step further and remembers how it went.
func (m *Manager) attempt(ctx context.Context, r Receiver, id string) {
	m.mu.Lock()
	t := m.incidents[id]
	if t == nil {
		m.mu.Unlock()
		return
	}
	inc := t.clone()
	m.mu.Unlock()
	before := inc.Deliveries[r.Name()]
	d, err := m.step(ctx, r, &inc, before)
	if ctx.Err() != nil && err != nil {
		return // the successor looks after it; nothing new is known
	}
	now := m.o.Wall.Now()
	if err != nil {
		d.Attempts++
		d.LastError = err.Error()
		wait := min(firstRetry<<min(d.Attempts-1, 20), maxRetry)
		var limited interface{ RetryAfter() time.Duration }
		if errors.As(err, &limited) {
			wait = max(limited.RetryAfter(), firstRetry)
		}
		d.NextAt = now.Add(wait)
		m.o.Log.Warn("alert is not delivered yet", "receiver", r.Name(), "incident", id, "attempt", d.Attempts, "retry_in", wait, "error", err)
	} else {
		d.Attempts, d.LastError, d.NextAt = 0, "", time.Time{}
	}
	// What was done is remembered also when we are asked to stop: the row is fenced
	// by the epoch, and a successor need not look.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rememberTimeout)
	defer cancel()
	if err := m.remember(ctx, r.Name(), id, d); err != nil {
		// Memory holds it; the row follows with the next evaluation. A crash before
		// that is what Find is for.
		m.o.Log.Warn("delivery is not stored yet", "receiver", r.Name(), "incident", id, "error", err)
	}
}

// step is the state machine of one delivery: it does what the phase asks for
// and returns the delivery as it is afterwards, also with an error.
func (m *Manager) step(ctx context.Context, r Receiver, inc *Incident, d Delivery) (Delivery, error) {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	msg := Compose(inc, m.o.PublicURL)
	switch d.Phase {
	case "":
		if !m.o.Rules.receives(r.Name(), inc) {
			d.Phase = Skipped
			return d, nil
		}
		intent := d
		intent.Phase, intent.IntendedAt = Intended, m.o.Wall.Now().UTC()
		if err := m.remember(ctx, r.Name(), inc.ID, intent); err != nil {
			return d, err // nothing is sent that a crash would make us forget
		}
		d = intent
	case Intended:
		ref, found, err := r.Find(ctx, inc.ID, d.IntendedAt)
		if err != nil {
			return d, fmt.Errorf("look for an earlier message: %w", err)
		}
		if found {
			// Adopted: what it says is not known, so it is updated next.
			d.Phase, d.Ref, d.Content, d.State = Posted, ref, "", ""
			return d, nil
		}
	case Posted:
		err := r.Update(ctx, d.Ref, msg)
		switch {
		case errors.Is(err, ErrGone) && inc.State == Firing && inc.CalmSince.IsZero():
			// Somebody deleted it while it still goes on: say it again.
			d = Delivery{Phase: Intended, IntendedAt: m.o.Wall.Now().UTC()}
			return d, nil
		case err != nil && !errors.Is(err, ErrGone):
			return d, fmt.Errorf("update: %w", err)
		}
		return m.delivered(d, inc, &msg), nil
	case Skipped:
		return d, nil
	}
	ref, err := r.Post(ctx, msg)
	if err != nil {
		return d, fmt.Errorf("post: %w", err)
	}
	d.Phase, d.Ref = Posted, ref
	return m.delivered(d, inc, &msg), nil
}

func (m *Manager) delivered(d Delivery, inc *Incident, msg *Message) Delivery {
	d.Content, d.State, d.DeliveredAt = msg.hash(), inc.State, m.o.Wall.Now().UTC()
	return d
}

// remember puts a delivery into the incident and stores it.
func (m *Manager) remember(ctx context.Context, receiver, id string, d Delivery) error {
	m.mu.Lock()
	if t := m.incidents[id]; t != nil {
		t.Deliveries[receiver] = d
		t.dirty = true
	}
	m.mu.Unlock()
	return m.save(ctx, id)
}
