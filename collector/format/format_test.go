package format

import (
	"testing"
	"time"
	_ "time/tzdata"
)

func TestWallTime(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, wall, want string
		zone             *time.Location
		codes            []string
	}{
		{"no zone is declared", "2026-07-01T10:00:00", "2026-07-01T10:00:00Z", nil, []string{ZoneUnknown}},
		{"an ordinary time", "2026-07-01T10:00:00", "2026-07-01T08:00:00Z", berlin, []string{ZoneAssumed}},
		{"the hour that spring leaves out", "2026-03-29T02:30:00", "2026-03-29T01:30:00Z", berlin, []string{ZoneAssumed, TimeNonexistent}},
		{"the hour that autumn repeats", "2026-10-25T02:30:00", "2026-10-25T00:30:00Z", berlin, []string{ZoneAssumed, TimeAmbiguous}},
		{"just before it", "2026-10-25T01:59:59", "2026-10-24T23:59:59Z", berlin, []string{ZoneAssumed}},
		{"just after it", "2026-10-25T03:00:00", "2026-10-25T02:00:00Z", berlin, []string{ZoneAssumed}},
	} {
		t.Run(c.name, func(t *testing.T) {
			wall, err := time.Parse("2006-01-02T15:04:05", c.wall)
			if err != nil {
				t.Fatal(err)
			}
			got, notes := WallTime(wall, c.zone, "/t")
			if s := got.UTC().Format(time.RFC3339); s != c.want {
				t.Errorf("read as %s, want %s", s, c.want)
			}
			if len(notes) != len(c.codes) {
				t.Fatalf("notes %v, want %v", notes, c.codes)
			}
			for i, n := range notes {
				if n.Code != c.codes[i] || n.Path != "/t" || n.Detail == "" {
					t.Errorf("note %d is %+v, want %s at /t", i, n, c.codes[i])
				}
			}
		})
	}
}
