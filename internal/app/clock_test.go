package app

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestClockOfADirectory(t *testing.T) {
	dir := t.TempDir()
	c, closeClock, err := OpenClock(dir, 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, real := c.(RealClock); !real {
		t.Fatalf("a fresh directory at speed 1 has a %T", c)
	}
	if err := closeClock(); err != nil {
		t.Fatal(err)
	}

	c, closeClock, err = OpenClock(dir, 3600)
	if err != nil {
		t.Fatal(err)
	}
	begun, first := time.Now(), c.Now()
	<-c.After(6 * time.Minute)
	passed, real := c.Now().Sub(first), time.Since(begun)
	if passed < 6*time.Minute || passed > time.Duration(float64(real)*3600)+time.Second {
		t.Errorf("%v passed in %v at speed 3600", passed, real)
	}
	if err := closeClock(); err != nil {
		t.Fatal(err)
	}
	stopped := c.Now()
	if err := closeClock(); err != nil {
		t.Fatalf("second close: %v", err)
	}

	// Started again at speed 1 it still lives by its own clock, and goes on where
	// it stopped.
	c, closeClock, err = OpenClock(dir, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = closeClock() }()
	if now := c.Now(); now.Before(stopped) || now.Sub(stopped) > time.Minute {
		t.Errorf("stopped at %v, continued at %v", stopped, now)
	}
}

// TestClockNeverGoesBack copies the clock's file at every instant it shows, as
// a crash would leave it, and demands that a restart begins later.
func TestClockNeverGoesBack(t *testing.T) {
	dir := t.TempDir()
	c, closeClock, err := OpenClock(dir, 3600)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = closeClock() }()
	last := c.Now()
	for range 40 {
		now := c.Now()
		if now.Before(last) {
			t.Fatalf("%v after %v", now, last)
		}
		last = now
		// What is on disk after now was shown is what a crash leaves.
		text, err := os.ReadFile(filepath.Join(dir, clockFile))
		if err != nil {
			t.Fatal(err)
		}
		crashed := t.TempDir()
		if err := os.WriteFile(filepath.Join(crashed, clockFile), text, 0o600); err != nil {
			t.Fatal(err)
		}
		again, closeAgain, err := OpenClock(crashed, 60)
		if err != nil {
			t.Fatal(err)
		}
		if restarted := again.Now(); restarted.Before(now) {
			t.Fatalf("showed %v, would restart at %v", now, restarted)
		}
		if err := closeAgain(); err != nil {
			t.Fatal(err)
		}
		<-c.After(time.Minute)
	}
}

func TestClockFileUnreadable(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, clockFile), []byte("noon"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := OpenClock(dir, 1); err == nil {
		t.Fatal("no error")
	}
}

// TestClockStandsStillWithoutADisk removes the directory under a running clock.
func TestClockStandsStillWithoutADisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gone")
	if err := os.Mkdir(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	c, closeClock, err := OpenClock(dir, 3600)
	if err != nil {
		t.Fatal(err)
	}
	sim := c.(*SimulatedClock)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(10 * time.Second)
	for sim.Err() == nil {
		if time.Now().After(deadline) {
			t.Fatal("the clock does not notice that it cannot be saved")
		}
		<-time.After(10 * time.Millisecond)
	}
	for {
		a := c.Now()
		<-time.After(20 * time.Millisecond)
		if c.Now().Equal(a) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the clock runs on without a disk")
		}
	}
	if err := closeClock(); err == nil {
		t.Error("closing hides that the clock was not saved")
	}
}
