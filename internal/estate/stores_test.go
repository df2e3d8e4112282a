package estate

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/stocktrace/stocktrace/inventory"
)

func TestStores(t *testing.T) {
	stores, groups, err := buildStores(1, 600, 0.1, 0)
	if err != nil {
		t.Fatal(err)
	}
	if len(stores) != 600 {
		t.Fatalf("%d stores, want 600", len(stores))
	}
	zones, regionsSeen, ids, names, batch, grouped := map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}, 0, 0
	for _, s := range stores {
		zones[s.Zone.String()] = true
		regionsSeen[s.Region] = true
		ids[s.ID] = true
		names[s.Name] = true
		if s.Posting == inventory.PostingBatch {
			batch++
		}
		if s.registers < 2 {
			t.Errorf("store %s has %d registers", s.ID, s.registers)
		}
	}
	for _, g := range groups {
		grouped += len(g.stores)
	}
	if len(zones) < 10 || len(regionsSeen) != len(regions) || len(ids) != 600 || len(names) != 600 || grouped != 600 {
		t.Errorf("%d zones, %d regions, %d ids, %d names, %d in trading groups", len(zones), len(regionsSeen), len(ids), len(names), grouped)
	}
	if batch < 40 || batch > 80 {
		t.Errorf("%d stores post in batches, want about 60", batch)
	}
}

// Whenever somebody starts a simulation, there is something to see.
func TestSomebodyIsAlwaysOpen(t *testing.T) {
	_, groups, err := buildStores(1, 600, 0.1, 0)
	if err != nil {
		t.Fatal(err)
	}
	for day := range 2 { // summer and winter time
		begin := time.Date(2026, time.Month(1+6*day), 5, 0, 0, 0, 0, time.UTC)
		for h := range 7 * 24 * 4 {
			at := begin.Add(time.Duration(h) * 15 * time.Minute)
			sum := 0.0
			for i := range groups {
				sum += groups[i].trade(at)
			}
			if sum == 0 {
				t.Errorf("nobody is open at %s", at)
			}
		}
	}
}

func TestWriteLocations(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	l := inventory.Location{ID: "0123", Name: "Lyon Part-Dieu", Region: "south", Zone: zone, Owner: "ops", Posting: inventory.PostingBatch}
	l.Open[time.Monday] = []inventory.Span{{From: 480, To: 720}, {From: 840, To: 1200}}
	l.Open[time.Saturday] = []inventory.Span{{From: 1080, To: 26 * 60}}
	var b bytes.Buffer
	if err := WriteLocations(&b, []inventory.Location{l}); err != nil {
		t.Fatal(err)
	}
	want := `locations:
  - id: "0123"
    name: Lyon Part-Dieu
    region: south
    zone: Europe/Paris
    owner: ops
    posting: batch
    open: {mon: ["08:00-12:00", "14:00-20:00"], sat: "18:00-02:00"}
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}

	locations, err := Locations(Defaults())
	if err != nil {
		t.Fatal(err)
	}
	b.Reset()
	if err := WriteLocations(&b, locations); err != nil {
		t.Fatal(err)
	}
	var file struct{ Locations []struct{ ID, Zone string } }
	if err := yaml.Unmarshal(b.Bytes(), &file); err != nil || len(file.Locations) != 600+len(regions) {
		t.Errorf("%d locations read back, %v", len(file.Locations), err)
	}
	if strings.Contains(b.String(), "zone: Local") {
		t.Error("a zone is Local")
	}
}

// newEstate makes an estate that goes nowhere, for tests of what it plans.
func newEstate(t *testing.T, change func(*Options)) *Estate {
	t.Helper()
	o := Defaults()
	o.Dealings = 0 // they have tests of their own
	o.Clock = &jumpClock{now: time.Date(2026, 11, 23, 9, 0, 3, 0, time.UTC)}
	change(&o)
	e, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.client.close(); err != nil && !strings.Contains(err.Error(), "closing") {
			t.Error(err)
		}
	})
	return e
}
