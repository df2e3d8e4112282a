package estate

import (
	"sync"
	"time"
)

// jumpClock jumps over every wait: a simulated day takes as long as its work.
type jumpClock struct {
	mu  sync.Mutex
	now time.Time
	// onWait, where set, is called before each jump.
	onWait func(now time.Time)
}

func (c *jumpClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *jumpClock) After(d time.Duration) <-chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.onWait != nil {
		c.onWait(c.now)
	}
	c.now = c.now.Add(max(d, 0))
	ch := make(chan time.Time, 1)
	ch <- c.now
	return ch
}
