package app

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stocktrace/stocktrace/inventory"
)

func TestLocations(t *testing.T) {
	got, err := LoadLocations("testdata/locations/good.yaml")
	if err != nil {
		t.Fatal(err)
	}
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	want := []inventory.Location{
		{
			ID: "0123", Name: "Lyon Part-Dieu", Region: "south", Zone: paris, Owner: "store-ops-south", Posting: inventory.PostingBatch,
			Open: [7][]inventory.Span{
				time.Monday:   {{From: 480, To: 1200}},
				time.Friday:   {{From: 1080, To: 1560}},
				time.Saturday: {{From: 480, To: 720}, {From: 840, To: 1080}},
			},
			Closed: []string{"2026-12-24", "12-25"},
			Expect: []inventory.Expected{{System: "pos", PerHour: 40}, {System: "pos", Register: "04", PerHour: 12.5}, {System: "store_app"}},
		},
		{
			ID: "0124", Zone: time.UTC, Posting: inventory.PostingRealtime,
			Open: [7][]inventory.Span{time.Sunday: {{From: 0, To: 1440}}},
		},
		{ID: "hub-1", Zone: time.UTC, Posting: inventory.PostingRealtime},
	}
	byName := cmp.Comparer(func(a, b *time.Location) bool { return a.String() == b.String() })
	if diff := cmp.Diff(want, got, byName); diff != "" {
		t.Errorf("locations (-want +got):\n%s", diff)
	}
}

func TestLocationErrors(t *testing.T) {
	for _, name := range []string{"bad", "cut", "other-list"} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join("testdata/locations", name+".yaml")
			_, err := LoadLocations(file)
			if err == nil {
				t.Fatal("no error")
			}
			golden(t, strings.TrimSuffix(file, ".yaml")+".txt", err.Error()+"\n")
		})
	}
}
