package store_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stocktrace/stocktrace/internal/store/storetest"
	"github.com/stocktrace/stocktrace/inventory"
)

// TestFactsAbout: the watermarks of a system at a location, padded or not, and of
// all locations only where that is asked for.
func TestFactsAbout(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	var records []inventory.Record
	for i, feed := range []inventory.Feed{{System: "pos", Location: "0123"}, {System: "pos", Location: "124"}, {System: "erp"}, {System: "oms", Location: "0123"}} {
		for n := range 2 {
			r := watermark(10*i+n, noon.Add(time.Duration(n)*time.Minute))
			r.ID = fmt.Sprint(feed, n)
			r.Event.Watermark.System, r.Event.Watermark.Location = feed.System, feed.Location
			records = append(records, r)
		}
	}
	must(t, s.WriteRecords(t.Context(), records))
	for _, c := range []struct {
		systems, locations []string
		want               []string
	}{
		{[]string{"pos"}, []string{"123"}, []string{"pos 0123", "pos 0123"}},
		{[]string{"pos", "erp"}, []string{"124", ""}, []string{"erp ", "erp ", "pos 124", "pos 124"}},
		{[]string{"wms"}, []string{"123"}, nil},
	} {
		var got []string
		must(t, s.FactsAbout(t.Context(), c.systems, c.locations, func(f inventory.Fact) {
			got = append(got, f.Watermark.System+" "+f.Watermark.Location)
		}))
		slices.Sort(got)
		if !slices.Equal(got, c.want) {
			t.Errorf("%v at %v: %v, want %v", c.systems, c.locations, got, c.want)
		}
	}
}
