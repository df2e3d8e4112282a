package inventory

import (
	"testing"
	"time"
)

// On a declared holiday no opening time passes; the night before may reach into
// it, and its own evening does not reach out of it.
func TestClosedDays(t *testing.T) {
	t.Parallel()
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Skip("no zones here")
	}
	at := func(s string) time.Time {
		v, err := time.ParseInLocation("2006-01-02 15:04", s, paris)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	var bar Location
	bar.Zone, bar.Closed = paris, []string{"2026-12-24", "12-26"}
	for d := range bar.Open {
		bar.Open[d] = []Span{{18 * 60, 26 * 60}}
	}
	always := Location{Zone: paris, Closed: []string{"12-25"}}
	for _, c := range []struct {
		of   *Location
		at   string
		open bool
	}{
		{&bar, "2026-12-23 19:00", true},
		{&bar, "2026-12-24 01:00", true}, // Wednesday's evening
		{&bar, "2026-12-24 19:00", false},
		{&bar, "2026-12-25 01:00", false},
		{&bar, "2026-12-25 19:00", true},
		{&bar, "2027-12-26 19:00", false},
		{&always, "2026-12-24 23:59", true},
		{&always, "2026-12-25 00:00", false},
		{&always, "2026-12-25 23:59", false},
		{&always, "2026-12-26 00:00", true},
	} {
		if got := c.of.IsOpen(at(c.at)); got != c.open {
			t.Errorf("open at %s: %v", c.at, got)
		}
	}
	for _, c := range []struct {
		of       *Location
		from, to string
		d        time.Duration
	}{
		{&bar, "2026-12-24 00:00", "2026-12-25 19:00", 3 * time.Hour}, // two on the night before
		{&always, "2026-12-24 23:00", "2026-12-26 01:00", 2 * time.Hour},
	} {
		if got := c.of.AfterOpen(at(c.from), c.d); !got.Equal(at(c.to)) {
			t.Errorf("%s and %s of opening time: %s, want %s", c.from, c.d, got.In(paris), c.to)
		}
	}
}
