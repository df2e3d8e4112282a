package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Clock tells the time to every part of an instance. The real one is used
// unless the data directory has a simulated one.
type Clock interface {
	Now() time.Time
	// After sends once d of this clock has passed, as near as real timers allow.
	After(d time.Duration) <-chan time.Time
}

// RealClock is the machine's clock, in UTC.
type RealClock struct{}

// Now returns the time in UTC.
func (RealClock) Now() time.Time { return time.Now().UTC() }

// After is time.After.
func (RealClock) After(d time.Duration) <-chan time.Time { return time.After(d) }

// clockFile is the simulated clock's place in the data directory.
const clockFile = "clock.json"

// clockSave is how often the simulated clock is written down, in real time.
const clockSave = 500 * time.Millisecond

// SimulatedClock runs at a multiple of real time and never goes back, also not
// over a crash: before it shows an instant, a later one is on disk, and a restart
// begins at what the disk says. So a crash makes it leap by at most two saving
// intervals, and a clean stop by nothing. While the instance is stopped it stands
// still.
type SimulatedClock struct {
	file  string
	speed float64
	begun time.Time // real, with its monotonic reading
	start time.Time // simulated instant at begun

	mu      sync.Mutex
	ceiling time.Time // on disk; Now never passes it
	saveErr error

	stop chan struct{}
	done chan struct{}
}

type clockState struct {
	Now   time.Time `json:"now"`
	Speed float64   `json:"speed"`
}

// OpenClock returns the clock of a data directory: the real one, unless speed
// is not 1 or the directory has lived by a simulated one before. Data of a
// simulated future and the real present do not mix, so such a directory keeps
// its clock for ever, at whatever speed.
func OpenClock(dir string, speed float64) (_ Clock, closeClock func() error, err error) {
	file := filepath.Join(dir, clockFile)
	text, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if speed == 1 {
			return RealClock{}, func() error { return nil }, nil
		}
	case err != nil:
		return nil, nil, fmt.Errorf("read the simulated clock: %w", err)
	}
	state := clockState{Now: time.Now()}
	if text != nil {
		if err := json.Unmarshal(text, &state); err != nil || state.Now.IsZero() {
			return nil, nil, fmt.Errorf("%s does not hold a simulated clock: write {\"now\": \"<an instant after everything received>\"} into it", file)
		}
	}
	c := &SimulatedClock{
		file: file, speed: speed, begun: time.Now(), start: state.Now.UTC().Round(0),
		stop: make(chan struct{}), done: make(chan struct{}),
	}
	if err := c.save(); err != nil {
		return nil, nil, err
	}
	go c.run()
	return c, c.Close, nil
}

// Now returns the simulated time in UTC.
func (c *SimulatedClock) Now() time.Time {
	now := c.elapsed()
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.After(c.ceiling) {
		return c.ceiling // the disk is slow; time waits for it
	}
	return now
}

// Speed is how many simulated seconds pass in a real one.
func (c *SimulatedClock) Speed() float64 { return c.speed }

// After sends once d of simulated time has passed.
func (c *SimulatedClock) After(d time.Duration) <-chan time.Time {
	return time.After(time.Duration(float64(d) / c.speed))
}

// Err returns why the clock could not be written down, nil while all is well.
// The clock stands still meanwhile.
func (c *SimulatedClock) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.saveErr
}

// Close stops the clock where it is; a restart continues there. It may be called
// twice.
func (c *SimulatedClock) Close() error {
	c.mu.Lock()
	select {
	case <-c.stop:
		c.mu.Unlock()
		<-c.done
		return nil
	default:
		close(c.stop)
	}
	c.mu.Unlock()
	<-c.done
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.elapsed(); now.Before(c.ceiling) {
		c.ceiling = now
	}
	return writeFile(c.file, clockState{c.ceiling, c.speed})
}

func (c *SimulatedClock) elapsed() time.Time {
	return c.start.Add(time.Duration(float64(time.Since(c.begun)) * c.speed))
}

func (c *SimulatedClock) run() {
	defer close(c.done)
	tick := time.NewTicker(clockSave)
	defer tick.Stop()
	for {
		select {
		case <-c.stop:
			return
		case <-tick.C:
			_ = c.save() // kept for Err; Now stands still until it works again
		}
	}
}

// save puts an instant two intervals ahead on disk, then lets Now go that far.
func (c *SimulatedClock) save() error {
	ahead := c.elapsed().Add(time.Duration(2 * float64(clockSave) * c.speed))
	err := writeFile(c.file, clockState{ahead, c.speed})
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.saveErr = err; err == nil {
		c.ceiling = ahead
	}
	return err
}

// writeFile replaces a small JSON file so that a crash leaves the old or the new
// one, whole.
func writeFile(name string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".new-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	_, err = f.Write(append(text, '\n'))
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("write %s: %w", name, err)
	}
	return syncDir(filepath.Dir(name))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("sync directory %s: %w", dir, err)
	}
	return nil
}
